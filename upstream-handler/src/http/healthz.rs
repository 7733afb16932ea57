//! `GET /healthz`: whether the server can work, tried and not assumed.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use wire::health::{
    CONFIG_VALUES_BEFORE_UPDATE, DatabaseStatus, HealthStatus, Healthz, IDEMPOTENCY_KEY,
    REGISTRY_SETTINGS, StorageStatus,
};

use crate::context::Shared;
use crate::store::StoreError;

/// Additions a client may use.
const FEATURES: &[&str] = &[IDEMPOTENCY_KEY, CONFIG_VALUES_BEFORE_UPDATE, REGISTRY_SETTINGS];

pub(crate) async fn get(State(shared): State<Shared>) -> Response {
    let archives = shared.archives.clone();
    let (database, storage) =
        tokio::join!(shared.store.probe(), tokio::task::spawn_blocking(move || archives.probe()),);
    if let Err(error) = &database {
        let error: &StoreError = error;
        tracing::error!("the database does not work: {:?}", super::reply::chain(error));
    }
    let available = match &storage {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::error!("the storage does not work: {:?}", super::reply::chain(error));
            false
        }
        Err(_) => false,
    };
    let body = Healthz {
        version: format!("v{}", env!("CARGO_PKG_VERSION")),
        git_sha: option_env!("KOTSADM_GIT_SHA").unwrap_or("unknown").to_owned(),
        status: HealthStatus {
            database: DatabaseStatus { connected: database.is_ok() },
            storage: StorageStatus { available },
        },
        boot_id: Some(shared.boot_id.clone()),
        features: FEATURES.iter().map(|&feature| feature.to_owned()).collect(),
    };
    // 419 is what the original would answer if it ever looked.
    let status = if database.is_ok() && available {
        StatusCode::OK
    } else {
        StatusCode::from_u16(419).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
    };
    (status, Json(body)).into_response()
}
