//! The calls that a run makes, each with its path, body and what its repetition does.

use http::Method;
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use steps::Reporter;
use wire::app::{
    App, AppStatusReply, AppsReply, DownstreamLogs, DownstreamOutputReply, TaskStatusReply,
};
use wire::config::{ConfigGroup, ConfigReply, ConfigValuesReply, ConfigValuesRequest};
use wire::deploy::DeployRequest;
use wire::health::Healthz;
use wire::license::{LicenseReply, LicenseRequest, NewLicenseReply};
use wire::update::UpstreamUpdateRequest;

use super::call::{Call, CallError, Payload};
use super::path::{query, segment};
use super::upload::Upload;
use super::{Answer, Client};
use crate::fault::{Again, Due, Refusal};
use crate::registry::settings::NewRegistry;

/// What an update brings along.
#[derive(Debug, Clone, Copy)]
pub enum UpdateBody<'a> {
    /// The server fetches the release from the vendor.
    Online(&'a UpstreamUpdateRequest),
    /// The release of a bundle.
    Bundle(&'a Upload),
}

impl Client {
    fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, CallError> {
        // A list would do as an object without fields, and every field here has a default.
        let parsed = match answer.body.trim_ascii_start().first() {
            Some(b'{') => serde_json::from_slice(&answer.body),
            _ => Err(serde::de::Error::custom("expected a JSON object")),
        };
        parsed.map_err(|source| CallError::Malformed { address: self.address(), source })
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: String,
        reporter: &Reporter,
    ) -> Result<T, CallError> {
        let answer = self.call(&Call::get(path), reporter).await?;
        self.read(&answer)
    }

    /// Whether a request that carries a key may be sent again.
    fn keyed(&self) -> Again {
        if self.keeps_keys() { Again::Harmless } else { Again::Harmful }
    }

    /// `GET /healthz`; remembers the boot id and the features.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn health(&self, reporter: &Reporter) -> Result<Healthz, CallError> {
        let answer = self.call(&Call::get("/healthz".to_owned()), reporter).await?;
        self.remember(&answer.body);
        self.read(&answer)
    }

    /// `GET /api/v1/apps`.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn apps(&self, reporter: &Reporter) -> Result<Vec<App>, CallError> {
        self.get::<AppsReply>("/api/v1/apps".to_owned(), reporter).await.map(|it| it.apps)
    }

    /// `GET /api/v1/app/{slug}`: the application with all its versions, in one piece.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn app(&self, slug: &str, reporter: &Reporter) -> Result<App, CallError> {
        let app: App = self.get(format!("/api/v1/app/{}", segment(slug)), reporter).await?;
        if app.slug == slug {
            return Ok(app);
        }
        let source =
            serde::de::Error::custom(format!("asked for `{slug}`, it is of `{}`", app.slug));
        Err(CallError::Malformed { address: self.address(), source })
    }

    /// `GET …/status`.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn status(
        &self,
        slug: &str,
        reporter: &Reporter,
    ) -> Result<AppStatusReply, CallError> {
        self.get(format!("/api/v1/app/{}/status", segment(slug)), reporter).await
    }

    /// `GET …/task/updatedownload`.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn task(
        &self,
        slug: &str,
        reporter: &Reporter,
    ) -> Result<TaskStatusReply, CallError> {
        self.get(format!("/api/v1/app/{}/task/updatedownload", segment(slug)), reporter).await
    }

    /// As [`Client::task`], once and without waiting: only to tell what the server is doing.
    pub async fn glance_task(&self, slug: &str) -> Option<TaskStatusReply> {
        let call = Call::get(format!("/api/v1/app/{}/task/updatedownload", segment(slug)));
        serde_json::from_slice(&self.once(&call).await?.body).ok()
    }

    /// `GET …/config/{sequence}`: the resolved groups.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn config(
        &self,
        slug: &str,
        sequence: i64,
        reporter: &Reporter,
    ) -> Result<Vec<ConfigGroup>, CallError> {
        let path = format!("/api/v1/app/{}/config/{sequence}", segment(slug));
        self.get::<ConfigReply>(path, reporter).await.map(|it| it.config_groups)
    }

    /// `GET …/registry`: the registry whose images the application's manifests name.
    ///
    /// # Errors
    ///
    /// See [`CallError`]; status 404 from a server that keeps none.
    pub async fn registry(
        &self,
        slug: &str,
        reporter: &Reporter,
    ) -> Result<wire::push::RegistryReply, CallError> {
        self.get(format!("/api/v1/app/{}/registry", segment(slug)), reporter).await
    }

    /// `PUT …/registry`: the registry whose images the manifests are to name. Only for a server that
    /// [`takes_registry`](Client::takes_registry).
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn set_registry(
        &self,
        slug: &str,
        registry: &NewRegistry,
        key: &str,
        reporter: &Reporter,
    ) -> Result<(), CallError> {
        let path = format!("/api/v1/app/{}/registry", segment(slug));
        let body = serde_json::json!({
            "hostname": registry.hostname,
            "namespace": registry.namespace,
            "username": registry.username,
            "password": registry.password.expose_secret(),
            "isReadOnly": registry.read_only,
        });
        let mut call = Call::change(Method::PUT, path, self.keyed()).json(&body);
        call.key = Some(key.to_owned());
        self.call(&call, reporter).await.map(drop)
    }

    /// `GET …/license`.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn license(
        &self,
        slug: &str,
        reporter: &Reporter,
    ) -> Result<LicenseReply, CallError> {
        self.get(format!("/api/v1/app/{}/license", segment(slug)), reporter).await
    }

    /// `GET …/downstreamoutput`: what the deploy of a version printed.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn deploy_output(
        &self,
        slug: &str,
        cluster: &str,
        sequence: i64,
        reporter: &Reporter,
    ) -> Result<DownstreamLogs, CallError> {
        let path = format!(
            "/api/v1/app/{}/cluster/{}/sequence/{sequence}/downstreamoutput",
            segment(slug),
            segment(cluster)
        );
        self.get::<DownstreamOutputReply>(path, reporter).await.map(|it| it.logs)
    }

    /// `PUT …/license`. Sent again it finds the licence it has put there and makes no second version.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn sync_license(
        &self,
        slug: &str,
        license: &str,
        key: &str,
        reporter: &Reporter,
    ) -> Result<LicenseReply, CallError> {
        let path = format!("/api/v1/app/{}/license", segment(slug));
        let body = LicenseRequest { license_data: license.to_owned() };
        let mut call = Call::change(Method::PUT, path, self.keyed()).json(&body);
        call.key = Some(key.to_owned());
        let answer = self.call(&call, reporter).await?;
        self.read(&answer)
    }

    /// `POST …/upstream/update`: fetches or takes a release as a new version. A bundle's answer has no reason to be
    /// JSON with anything in it, but it is never empty.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn update(
        &self,
        slug: &str,
        pairs: &[(&str, &str)],
        body: UpdateBody<'_>,
        key: &str,
        reporter: &Reporter,
    ) -> Result<(), CallError> {
        // A bare `?` stays when there is nothing to say, as in the original.
        let path = format!("/api/v1/app/{}/upstream/update?{}", segment(slug), query(pairs));
        let mut call = Call::change(Method::POST, path, self.keyed());
        call.key = Some(key.to_owned());
        let call = match body {
            UpdateBody::Online(request) => call.json(request),
            UpdateBody::Bundle(upload) => Call { payload: Payload::Upload(upload), ..call },
        };
        self.call(&call, reporter).await.map(drop)
    }

    /// `POST …/config/values`.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn set_values(
        &self,
        slug: &str,
        body: &ConfigValuesRequest,
        key: &str,
        reporter: &Reporter,
    ) -> Result<ConfigValuesReply, CallError> {
        let path = format!("/api/v1/app/{}/config/values", segment(slug));
        let mut call = Call::change(Method::POST, path, self.keyed()).json(body);
        call.key = Some(key.to_owned());
        let answer = self.call(&call, reporter).await?;
        let reply: ConfigValuesReply = self.read(&answer)?;
        if reply.success || reply.error.is_none() {
            return Ok(reply);
        }
        Err(CallError::Refused(Box::new(Refusal::read(
            answer.status,
            "application/json",
            &answer.body,
        ))))
    }

    /// `POST …/sequence/{n}/deploy`: deploys a version that is there. Already deployed is no error and no effect.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn deploy(
        &self,
        slug: &str,
        sequence: i64,
        skip_preflights: bool,
        key: &str,
        reporter: &Reporter,
    ) -> Result<(), CallError> {
        let path = format!("/api/v1/app/{}/sequence/{sequence}/deploy", segment(slug));
        let body = DeployRequest {
            is_skip_preflights: skip_preflights,
            continue_with_failed_preflights: false,
            is_cli: true,
        };
        let mut call = Call::change(Method::POST, path, self.keyed()).json(&body);
        call.key = Some(key.to_owned());
        self.call(&call, reporter).await.map(drop)
    }

    /// `POST …/sequence/{n}/redeploy`: deploys a version once more that was deployed before.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn redeploy(
        &self,
        slug: &str,
        sequence: i64,
        key: &str,
        reporter: &Reporter,
    ) -> Result<(), CallError> {
        let path = format!("/api/v1/app/{}/sequence/{sequence}/redeploy", segment(slug));
        let mut call = Call::change(Method::POST, path, self.keyed());
        call.due = Due::Anything;
        call.key = Some(key.to_owned());
        self.call(&call, reporter).await.map(drop)
    }

    /// `POST …/sequence/{n}/preflight/run`: has a version's checks run once more. Twice is no harm.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn run_preflights(
        &self,
        slug: &str,
        sequence: i64,
        reporter: &Reporter,
    ) -> Result<(), CallError> {
        let path = format!("/api/v1/app/{}/sequence/{sequence}/preflight/run", segment(slug));
        let call = Call::change(Method::POST, path, Again::Harmless).json(&serde_json::json!({}));
        self.call(&call, reporter).await.map(drop)
    }

    /// `POST /api/v1/license`: a new installation. Fields beside `licenseData` are our kotsadm's.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn new_license(
        &self,
        body: &serde_json::Value,
        key: &str,
        reporter: &Reporter,
    ) -> Result<NewLicenseReply, CallError> {
        let path = "/api/v1/license".to_owned();
        let mut call = Call::change(Method::POST, path, self.keyed()).json(body);
        call.key = Some(key.to_owned());
        let answer = self.call(&call, reporter).await?;
        self.read(&answer)
    }

    /// `PUT …/airgap/update`: what an embedded cluster needs of a bundle, to be offered as an update.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn airgap_update(
        &self,
        slug: &str,
        upload: &Upload,
        key: &str,
        reporter: &Reporter,
    ) -> Result<(), CallError> {
        let path = format!("/api/v1/app/{}/airgap/update", segment(slug));
        let mut call = Call::change(Method::PUT, path, self.keyed());
        call.due = Due::Anything;
        call.payload = Payload::Upload(upload);
        call.key = Some(key.to_owned());
        self.call(&call, reporter).await.map(drop)
    }

    /// `POST /api/v1/airgap/install`: the release of a new air-gapped installation. A token route: the original
    /// answers 200 without a body to a wrong auth string, and so does it to a right one.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn install_release(
        &self,
        upload: &Upload,
        key: &str,
        reporter: &Reporter,
    ) -> Result<(), CallError> {
        let path = "/api/v1/airgap/install".to_owned();
        let mut call = Call::change(Method::POST, path, self.keyed());
        call.payload = Payload::Upload(upload);
        call.key = Some(key.to_owned());
        self.call(&call, reporter).await.map(drop)
    }
}
