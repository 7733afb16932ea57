//! The cluster: secrets that are read, and the one that is written. Only this module sees kube.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ::cluster::Asked;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret};
use kinds::config::ConfigValues;
use kinds::context::AskCluster;
use kube::api::{ApiResource, DynamicObject, ListParams, ObjectMeta, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client};
use secrecy::SecretString;
use serde_json::Value;
use thiserror::Error;

use crate::refusal::chain;
use crate::release::Release;
use crate::site::Registry;
use crate::surroundings::Proxy;

/// The key of the answers in their secret.
const CONFIG_VALUES_KEY: &str = "config-values.yaml";
/// The user of the registry inside an embedded cluster.
const REGISTRY_USER: &str = "embedded-cluster";

/// Why the cluster did not give what was asked.
#[derive(Debug, Error)]
pub(crate) enum ClusterError {
    /// There is no kubeconfig that can be used.
    #[error("no cluster can be reached: {0}; name its kubeconfig by --kubeconfig or KUBECONFIG")]
    Config(String),
    /// The API server refused or was not reached.
    #[error("could not {what}")]
    Api {
        /// What was asked for.
        what: String,
        /// The cause.
        #[source]
        source: Box<kube::Error>,
    },
    /// Something is not there.
    #[error("{0}")]
    Missing(String),
    /// Something is not what it should be.
    #[error("{what}: {why}")]
    Malformed {
        /// What it is.
        what: String,
        /// What is wrong with it.
        why: String,
    },
}

fn api(what: impl Into<String>) -> impl FnOnce(kube::Error) -> ClusterError {
    let what = what.into();
    move |source| ClusterError::Api { what, source: Box::new(source) }
}

/// A cluster.
#[derive(Clone)]
pub(crate) struct Cluster(Client);

/// What an embedded cluster says of itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Installation {
    /// Its id, for the vendor.
    pub(crate) cluster_id: String,
    /// Its version, such as `2.1.0+k8s-1.33`; empty when it does not say.
    pub(crate) version: String,
    /// The port of its manager.
    pub(crate) manager_port: Option<u16>,
    /// The proxies it was installed with.
    pub(crate) proxy: Proxy,
}

/// A certificate and its key, in PEM form.
#[derive(Debug)]
pub(crate) struct TlsPair {
    pub(crate) cert: Vec<u8>,
    pub(crate) key: SecretString,
}

impl Cluster {
    /// Reads the kubeconfig that is named, else the usual ones, else the configuration inside a pod. Nothing is
    /// sent.
    pub(crate) async fn open(kubeconfig: Option<&Path>) -> Result<Self, ClusterError> {
        let told = |error: &(dyn std::error::Error + 'static)| ClusterError::Config(chain(error));
        let config = if let Some(path) = kubeconfig {
            let read = Kubeconfig::read_from(path).map_err(|error| told(&error))?;
            let options = KubeConfigOptions::default();
            let config = kube::Config::from_custom_kubeconfig(read, &options).await;
            config.map_err(|error| told(&error))?
        } else {
            // Its own words repeat the reason that lies beneath, after one about pods.
            let why = |error: kube::config::InferConfigError| {
                let beneath = std::error::Error::source(&error).map(chain);
                ClusterError::Config(beneath.unwrap_or_else(|| error.to_string()))
            };
            kube::Config::infer().await.map_err(why)?
        };
        Client::try_from(config).map(Self).map_err(|error| told(&error))
    }

    /// What templates ask.
    pub(crate) fn for_templates(&self) -> Arc<dyn AskCluster> {
        Arc::new(Asked::new(self.0.clone()))
    }

    /// The namespace of the admin console: `kotsadm` where there is one, else the application's slug.
    pub(crate) async fn namespace(&self, app_slug: &str) -> Result<String, ClusterError> {
        let namespaces: Api<Namespace> = Api::all(self.0.clone());
        let found =
            namespaces.get_opt("kotsadm").await.map_err(api("look for the namespace kotsadm"))?;
        Ok(found.map_or_else(|| app_slug.to_owned(), |_| "kotsadm".to_owned()))
    }

    /// The bcrypt hash of the admin console's password.
    pub(crate) async fn password_hash(
        &self,
        namespace: &str,
    ) -> Result<SecretString, ClusterError> {
        let data = self.secret(namespace, "kotsadm-password").await?;
        let hash = text(&data, "kotsadm-password", "passwordBcrypt")?;
        if hash.is_empty() {
            return Err(ClusterError::Missing(
                "the secret kotsadm-password has an empty passwordBcrypt".to_owned(),
            ));
        }
        Ok(hash.into())
    }

    /// The certificate of the admin console.
    pub(crate) async fn tls_pair(&self, namespace: &str) -> Result<TlsPair, ClusterError> {
        let data = self.secret(namespace, "kotsadm-tls").await?;
        let cert = bytes(&data, "kotsadm-tls", "tls.crt")?.to_vec();
        let key = text(&data, "kotsadm-tls", "tls.key")?.into();
        Ok(TlsPair { cert, key })
    }

    /// The registry inside an embedded cluster; `None` when it has none.
    pub(crate) async fn registry(
        &self,
        namespace: &str,
        app_slug: &str,
    ) -> Result<Option<Registry>, ClusterError> {
        let what = "registry-creds";
        let Some(data) = self.secret_opt(namespace, what).await? else { return Ok(None) };
        let config: Value = serde_json::from_slice(bytes(&data, what, ".dockerconfigjson")?)
            .map_err(|error| ClusterError::Malformed {
                what: format!("the secret {what}"),
                why: error.to_string(),
            })?;
        let auths = config["auths"].as_object().into_iter().flatten();
        let found = auths.into_iter().find(|(_, it)| it["username"] == REGISTRY_USER);
        Ok(found.map(|(host, it)| Registry {
            host: host.clone(),
            namespace: app_slug.to_owned(),
            username: REGISTRY_USER.to_owned(),
            password: it["password"].as_str().unwrap_or_default().into(),
        }))
    }

    /// The answers that the last run kept; `None` when there are none.
    pub(crate) async fn config_values(
        &self,
        namespace: &str,
        app_slug: &str,
    ) -> Result<Option<ConfigValues>, ClusterError> {
        let name = format!("{app_slug}-config-values");
        let Some(data) = self.secret_opt(namespace, &name).await? else { return Ok(None) };
        let document = text(&data, &name, CONFIG_VALUES_KEY)?;
        ConfigValues::parse(&document).map(Some).map_err(|error| ClusterError::Malformed {
            what: format!("the secret {name}"),
            why: crate::refusal::chain(&error),
        })
    }

    /// Keeps the answers, in the original's form.
    pub(crate) async fn put_config_values(
        &self,
        namespace: &str,
        release: &Release,
        document: &str,
    ) -> Result<(), ClusterError> {
        let name = format!("{}-config-values", release.app_slug);
        let labels = [
            ("app.kubernetes.io/name", release.app_slug.as_str()),
            ("app.kubernetes.io/version", release.version_label.as_str()),
            ("app.kubernetes.io/component", "config"),
            ("app.kubernetes.io/part-of", "embedded-cluster"),
            ("app.kubernetes.io/managed-by", "embedded-cluster-installer"),
        ];
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                namespace: Some(namespace.to_owned()),
                labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
                ..ObjectMeta::default()
            },
            type_: Some("Opaque".to_owned()),
            data: Some(BTreeMap::from([(
                CONFIG_VALUES_KEY.to_owned(),
                ByteString(document.as_bytes().to_vec()),
            )])),
            ..Secret::default()
        };
        let params = PatchParams::apply("embedded-cluster-installer").force();
        self.secrets(namespace)
            .patch(&name, &params, &Patch::Apply(&secret))
            .await
            .map(drop)
            .map_err(api(format!("write the secret {name}")))
    }

    /// The newest Installation of an embedded cluster.
    pub(crate) async fn installation(&self) -> Result<Installation, ClusterError> {
        let resource = ApiResource {
            group: "embeddedcluster.replicated.com".to_owned(),
            version: "v1beta1".to_owned(),
            api_version: "embeddedcluster.replicated.com/v1beta1".to_owned(),
            kind: "Installation".to_owned(),
            plural: "installations".to_owned(),
        };
        let installations: Api<DynamicObject> = Api::all_with(self.0.clone(), &resource);
        let list = installations
            .list(&ListParams::default())
            .await
            .map_err(api("list the installations of the embedded cluster"))?;
        // Their names are times, so the last one is the newest.
        let newest = list.items.into_iter().max_by_key(|it| it.metadata.name.clone());
        let spec = newest.map(|it| it.data["spec"].clone()).unwrap_or_default();
        let text = |path: &str| spec.pointer(path).and_then(Value::as_str).unwrap_or_default();
        if text("/clusterID").is_empty() {
            let what = "no installation of an embedded cluster has a cluster id";
            return Err(ClusterError::Missing(what.to_owned()));
        }
        let port = spec.pointer("/runtimeConfig/manager/port").and_then(Value::as_u64);
        let proxy = |key: &str| {
            let (now, before) = (format!("/runtimeConfig/proxy/{key}"), format!("/proxy/{key}"));
            let found = [now, before].map(|path| text(&path).to_owned());
            found.into_iter().find(|it| !it.is_empty()).unwrap_or_default()
        };
        Ok(Installation {
            cluster_id: text("/clusterID").to_owned(),
            version: text("/config/version").to_owned(),
            manager_port: port.and_then(|it| u16::try_from(it).ok()).filter(|it| *it != 0),
            proxy: Proxy {
                http: proxy("httpProxy"),
                https: proxy("httpsProxy"),
                none: proxy("noProxy"),
            },
        })
    }

    /// Whether a pod of an admin console is there.
    pub(crate) async fn has_admin_console(&self, namespace: &str) -> Result<bool, ClusterError> {
        let pods: Api<Pod> = Api::namespaced(self.0.clone(), namespace);
        let list = pods
            .list(&ListParams::default().labels("app=kotsadm").limit(1))
            .await
            .map_err(api(format!("look for the admin console in the namespace {namespace}")))?;
        Ok(!list.items.is_empty())
    }

    fn secrets(&self, namespace: &str) -> Api<Secret> {
        Api::namespaced(self.0.clone(), namespace)
    }

    async fn secret(&self, namespace: &str, name: &str) -> Result<Data, ClusterError> {
        self.secret_opt(namespace, name).await?.ok_or_else(|| {
            ClusterError::Missing(format!(
                "there is no secret {name} in the namespace {namespace}; the admin console makes it: name its namespace by --namespace"
            ))
        })
    }

    async fn secret_opt(&self, namespace: &str, name: &str) -> Result<Option<Data>, ClusterError> {
        let secret = self
            .secrets(namespace)
            .get_opt(name)
            .await
            .map_err(api(format!("read the secret {name} in the namespace {namespace}")))?;
        Ok(secret.map(|it| it.data.unwrap_or_default()))
    }
}

type Data = BTreeMap<String, ByteString>;

fn bytes<'a>(data: &'a Data, secret: &str, key: &str) -> Result<&'a [u8], ClusterError> {
    data.get(key)
        .map(|it| it.0.as_slice())
        .ok_or_else(|| ClusterError::Missing(format!("the secret {secret} has no key {key}")))
}

fn text(data: &Data, secret: &str, key: &str) -> Result<String, ClusterError> {
    String::from_utf8(bytes(data, secret, key)?.to_vec()).map_err(|_| ClusterError::Malformed {
        what: format!("the secret {secret}"),
        why: format!("the key {key} is not text"),
    })
}
