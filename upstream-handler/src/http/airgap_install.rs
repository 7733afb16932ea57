//! `POST /api/v1/airgap/install` (`h/airgap.go:530`).
//!
//! The original takes `appSlug` and `appArchive` and finds the rest in the cluster. Here licence and
//! metadata come by HTTP: the licence before, by `POST /api/v1/license` with `isAirgap`; `airgap.yaml`,
//! `configValues`, `skipPreflights` and the registry of the bundle's images as parts before the archive.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::once::{Once, Slot, digest};
use super::reply::{Failure, Reply};
use super::upload::{self, Received, Receiver, Take};
use super::upstream_update::{
    AIRGAP_YAML, APP_ARCHIVE, CONFIG_VALUES, airgap_of, bundle, lenient_bool,
};
use super::{config_values, new_license, registry_settings};
use crate::context::Shared;
use crate::install::{self, InstallError, Wish};
use crate::registry_settings::{Asked, StoredRegistry, decide};
use crate::release::Preflights;
use crate::store::apps::{AIRGAP_PENDING, AppRow, INSTALLED};
use crate::store::versions::StoredFacts;
use crate::update::{Outcome, admit};

const APP_SLUG: &str = "appSlug";
const ARCHIVE: &str = "appArchive";
const SKIP_PREFLIGHTS: &str = "skipPreflights";

/// The registry of the bundle's images, all optional and as in `processbundle`.
const REGISTRY_HOST: &str = "registryHost";
const REGISTRY_NAMESPACE: &str = "namespace";
const REGISTRY_USERNAME: &str = "username";
const REGISTRY_PASSWORD: &str = "password";
const REGISTRY_IS_READ_ONLY: &str = "isReadOnly";

const PARTS: &[(&str, Take)] = &[
    (APP_SLUG, Take::Text),
    (AIRGAP_YAML, Take::Text),
    (CONFIG_VALUES, Take::Text),
    (SKIP_PREFLIGHTS, Take::Text),
    (REGISTRY_HOST, Take::Text),
    (REGISTRY_NAMESPACE, Take::Text),
    (REGISTRY_USERNAME, Take::Text),
    (REGISTRY_PASSWORD, Take::Text),
    (REGISTRY_IS_READ_ONLY, Take::Text),
    (ARCHIVE, Take::File),
];

pub(crate) async fn post(State(shared): State<Shared>, request: Request) -> Response {
    let slot = match Slot::take(&shared, request.headers()).await {
        Ok(slot) => slot,
        Err(failure) => return upload::refuse(request.into_body(), failure),
    };
    let digest = digest(request.method(), request.uri());
    let (head, body) = request.into_parts();
    let mut receiver = match Receiver::new(&shared, &head.headers, body, PARTS) {
        Ok(receiver) => receiver,
        Err((failure, body)) => return upload::refuse(body, failure),
    };
    let whole = match receive(&shared, &mut receiver).await {
        Ok(parts) => ready(&shared, parts).await,
        Err(failure) => Err(failure),
    };
    let (app, wish, mut parts) = match whole {
        Ok(whole) => whole,
        Err(failure) => return receiver.refuse(failure),
    };
    if let Some(stored) = parts.files.remove(ARCHIVE) {
        parts.files.insert(APP_ARCHIVE, stored);
    }
    let (bundle, digest) = match bundle(parts, digest) {
        Ok(bundle) => bundle,
        Err(failure) => return receiver.refuse(failure),
    };
    let act = |once: Arc<Once>| {
        let shared = Arc::clone(&shared);
        async move {
            if app.install_state == INSTALLED {
                let slug = app.slug;
                return Err(new_license::refuse(&shared, &InstallError::Exists { slug }));
            }
            install::airgap(&shared, &app, bundle, &wish, &once, answer)
                .await
                .map_err(|error| new_license::refuse_upload(&shared, error))
        }
    };
    slot.run(&shared, digest, act).await
}

fn answer(outcome: Outcome, _: &StoredFacts) -> Reply {
    let (Outcome::Made(sequence) | Outcome::Present(sequence)) = outcome;
    Reply { status: StatusCode::OK, body: json!({ "success": true, "sequence": sequence }) }
}

/// Receives the parts, the release only when licence and `airgap.yaml` let it in.
async fn receive(shared: &Shared, receiver: &mut Receiver<'_>) -> Result<Received, Failure> {
    let so_far = receiver.before_file().await?;
    let app = pending(shared, so_far).await?;
    // A repeated request is let in: its answer is looked up once all of it is here.
    if app.install_state != INSTALLED {
        let airgap = airgap_of(so_far)?;
        admit(shared, &app.id, &airgap)
            .await
            .map_err(|error| new_license::refuse_upload(shared, InstallError::Update(error)))?;
    }
    receiver.rest().await
}

/// The application the upload is for.
async fn pending(shared: &Shared, received: &Received) -> Result<AppRow, Failure> {
    let slug = received
        .text(APP_SLUG)?
        .ok_or_else(|| Failure::bad_request(format!("the part `{APP_SLUG}` must come first")))?;
    let app = shared.store.app(slug).await?;
    match app {
        Some(app) if app.install_state == AIRGAP_PENDING || app.install_state == INSTALLED => {
            Ok(app)
        }
        _ => {
            let slug = slug.to_owned();
            Err(new_license::refuse(shared, &InstallError::NoLicense { slug }))
        }
    }
}

async fn ready(shared: &Shared, received: Received) -> Result<(AppRow, Wish, Received), Failure> {
    let app = pending(shared, &received).await?;
    let values = match received.text(CONFIG_VALUES)? {
        Some(text) if !text.is_empty() => Some(config_values::read(text)?),
        _ => None,
    };
    let skip = received.text(SKIP_PREFLIGHTS)?.is_some_and(lenient_bool);
    let part = |name: &str| Ok::<_, Failure>(received.text(name)?.unwrap_or_default().to_owned());
    let given = Asked {
        hostname: part(REGISTRY_HOST)?,
        namespace: part(REGISTRY_NAMESPACE)?,
        username: part(REGISTRY_USERNAME)?,
        password: part(REGISTRY_PASSWORD)?,
        is_read_only: received.text(REGISTRY_IS_READ_ONLY)?.is_some_and(lenient_bool),
    };
    let registry = decide(&given, &app.registry, shared.registry_access.scheme(), &shared.cipher)
        .map_err(|error| registry_settings::refuse(error.into()))?;
    let wish = Wish {
        registry: Some(registry).filter(StoredRegistry::is_set),
        channel: String::new(),
        version_label: String::new(),
        values,
        preflights: if skip { Preflights::Skip } else { Preflights::Run },
    };
    Ok((app, wish, received))
}
