//! Config screens: what is stored, and what would be with other values (`h/config.go:81-137`,
//! `:234-405`, `:407-548`).
//!
//! What is stored is shown as it was resolved when the version was built. The original renders it
//! again for every request, with the number of a version that does not exist.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kinds::config::ConfigValues;
use wire::config::{ConfigReply, LiveConfigReply, LiveConfigRequest};

use super::reply::{self, Failure};
use super::{apps, body};
use crate::config::given::of_screen;
use crate::config::kept::{self, ReadError};
use crate::config::shown::{ShowError, VersionConfig, show};
use crate::context::Shared;
use crate::store::apps::AppRow;

/// `GET /api/v1/app/{slug}/config/{sequence}`.
pub(crate) async fn get(
    State(shared): State<Shared>,
    Path((slug, sequence)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let sequence = apps::sequence(&sequence)?;
    let Version { app, config } = Version::find(&shared, &slug, sequence).await?;
    computed(move || {
        let config_groups = match &config.screen {
            Some(text) => serde_json::from_str(text)
                .map_err(|error| Failure::because("failed to read the config", &error))?,
            None => Vec::new(),
        };
        let validation_errors = match show(&shared, &app, &config, &config.values, sequence) {
            Ok(shown) => shown.validation_errors,
            Err(error) => {
                let causes = reply::chain(&error).join(": ");
                tracing::warn!(app = app.slug, sequence, "values were not checked: {causes}");
                Vec::new()
            }
        };
        Ok(reply::json(&ConfigReply {
            success: true,
            config_groups,
            validation_errors,
            ..ConfigReply::default()
        }))
    })
    .await
}

/// `POST /api/v1/app/{slug}/liveconfig`: nothing is stored.
pub(crate) async fn live(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let bytes = body::read(request.into_body()).await?;
    let asked: LiveConfigRequest =
        body::json(&bytes, StatusCode::BAD_REQUEST, "failed to decode request body")?;
    let Version { app, config } = Version::find(&shared, &slug, asked.sequence).await?;
    let newest = shared.store.newest_version(&app.id).await?;
    let next = newest.map_or(0, |row| row.sequence + 1);
    computed(move || {
        let values = match &config.config {
            Some(it) => of_screen(&asked.config_groups, it.config(), &config.values),
            None => ConfigValues::default(),
        };
        let shown = show(&shared, &app, &config, &values, next).map_err(|it| not_shown(&it))?;
        Ok(reply::json(&LiveConfigReply {
            success: true,
            error: None,
            config_groups: shown.groups,
            validation_errors: shown.validation_errors,
        }))
    })
    .await
}

/// `GET /api/v1/app/{slug}/config/{sequence}/{filename}/download`: the file that was given under
/// this name.
pub(crate) async fn download(
    State(shared): State<Shared>,
    Path((slug, sequence, filename)): Path<(String, String, String)>,
) -> Result<Response, Failure> {
    let version = Version::find(&shared, &slug, apps::sequence(&sequence)?).await?;
    let mut stored = version.config.values.values.values();
    let value = stored.find(|it| it.filename == filename).ok_or_else(|| {
        Failure::refused("failed to get app config")
            .cause(format!("no item of version {sequence} has a file of the name `{filename}`"))
    })?;
    let bytes = STANDARD
        .decode(&value.value)
        .map_err(|error| Failure::because("failed to decode config value", &error))?;
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    if let Ok(value) = HeaderValue::from_str(&disposition(&filename)) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// A `Content-Disposition` that names a file whatever is in its name (RFC 6266): what is not plain
/// becomes `_` in the first form and stands encoded in the second.
fn disposition(filename: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._ ()+".contains(c);
    let plain: String = filename.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    if plain == filename {
        return format!("attachment; filename=\"{plain}\"");
    }
    let encoded: String = filename
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// A version with its config.
struct Version {
    app: AppRow,
    config: Arc<VersionConfig>,
}

impl Version {
    async fn find(shared: &Shared, slug: &str, sequence: i64) -> Result<Self, Failure> {
        let app = apps::find(shared, slug)
            .await?
            .ok_or_else(|| Failure::unknown_app("failed to get app from app slug", slug))?;
        let gone = || {
            Failure::new(
                StatusCode::NOT_FOUND,
                format!("version for sequence {sequence} not found"),
            )
        };
        let row = shared.store.version(&app.id, sequence).await?.ok_or_else(gone)?;
        let config = kept::version_config(shared, &row).await.map_err(|error| match error {
            ReadError::Show(error) => not_shown(&error),
            ReadError::Store(error) => error.into(),
        })?;
        Ok(Self { app, config: config.ok_or_else(gone)? })
    }
}

fn not_shown(error: &ShowError) -> Failure {
    Failure::because("failed to render templates", error)
}

/// What `work` answers, on a thread that may compute.
async fn computed(
    work: impl FnOnce() -> Result<Response, Failure> + Send + 'static,
) -> Result<Response, Failure> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(Failure::refused("failed to render templates").cause("a bug of this server"))
    })
}

#[cfg(test)]
mod tests {
    use super::disposition;

    #[test]
    fn a_file_is_named_whatever_its_name_is() {
        assert_eq!(disposition("a b.pem"), "attachment; filename=\"a b.pem\"");
        assert_eq!(
            disposition("ü\"\r\nX: y"),
            "attachment; filename=\"____X_ y\"; filename*=UTF-8''%C3%BC%22%0D%0AX%3A%20y"
        );
    }
}
