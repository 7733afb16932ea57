//! A kube client whose every request has a connection of its own, carried by
//! [`crate::transport::exchange`].
//!
//! kube's default stack pools connections and loses an answer that arrives while the request is
//! still being written. One connection per request costs a handshake and gives exact stages of
//! failure, early answers and independence of streams, for the API, the tunnel's upgrades and the
//! proxy alike. HTTP/1.1 only: the proxy is several times slower over HTTP/2.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::rt::TokioIo;
use kube::Config;
use kube::client::{Client, ConfigExt as _};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt as _};

use super::error::{ConfigError, chain};
use crate::transport::exchange::exchange;
use crate::transport::{Body, Stage, TransportError};

/// A connection of any kind.
trait Connection: hyper::rt::Read + hyper::rt::Write + Send + Unpin {}

impl<T: hyper::rt::Read + hyper::rt::Write + Send + Unpin> Connection for T {}

type Connector = BoxCloneSyncService<Uri, Box<dyn Connection>, BoxError>;

/// Makes a client for `config`.
pub(super) fn make(config: &Config) -> Result<Client, ConfigError> {
    let failed = |error: kube::Error| ConfigError::Client(chain(&error));
    let service = OneEach {
        connector: connector(config)?,
        timeout: config.connect_timeout.unwrap_or(Duration::from_secs(10)),
        address: Arc::from(config.cluster_url.to_string()),
    };
    let stack = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer().map_err(failed)?)
        .layer(config.extra_headers_layer().map_err(failed)?)
        .map_err(BoxError::from)
        .service(service);
    Ok(Client::new(stack, config.default_namespace.clone()))
}

fn connector(config: &Config) -> Result<Connector, ConfigError> {
    // Names come first: the provider is needed by every TLS set-up below. An error only means that
    // somebody has installed one already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();

    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(Duration::from_secs(30)));
    tcp.set_keepalive_interval(Some(Duration::from_secs(10)));
    tcp.set_keepalive_retries(Some(3));

    let failed = |error: kube::Error| ConfigError::Client(chain(&error));
    let Some(proxy) = config.proxy_url.clone() else {
        return Ok(boxed(config.rustls_https_connector_with_connector(tcp).map_err(failed)?));
    };
    let credentials = proxy_credentials(&proxy);
    match proxy.scheme_str() {
        Some("http") => {
            let mut tunnel = Tunnel::new(proxy, tcp);
            if let Some(value) = credentials {
                tunnel = tunnel.with_auth(value);
            }
            Ok(boxed(config.rustls_https_connector_with_connector(tunnel).map_err(failed)?))
        }
        Some("https") => {
            let tls = config.rustls_https_connector_with_connector(tcp).map_err(failed)?;
            let mut tunnel = Tunnel::new(proxy, tls);
            if let Some(value) = credentials {
                tunnel = tunnel.with_auth(value);
            }
            Ok(boxed(config.rustls_https_connector_with_connector(tunnel).map_err(failed)?))
        }
        scheme => Err(ConfigError::Client(format!(
            "the proxy of the API server has the scheme `{}`; allowed: http, https",
            scheme.unwrap_or_default()
        ))),
    }
}

fn boxed<S>(connector: S) -> Connector
where
    S: Service<Uri> + Clone + Send + Sync + 'static,
    S::Response: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    BoxCloneSyncService::new(
        connector
            .map_response(|connection| Box::new(connection) as Box<dyn Connection>)
            .map_err(Into::into),
    )
}

/// Returns the `Basic` header for a proxy URL with a user name in it.
fn proxy_credentials(proxy: &Uri) -> Option<HeaderValue> {
    use base64::Engine as _;
    let (user, _) = proxy.authority()?.as_str().rsplit_once('@')?;
    let decoded = percent_decoded(user);
    let text = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(decoded));
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        if let (b'%', [high, low, after @ ..]) = (first, tail)
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            decoded.extend(u8::try_from(high * 16 + low));
            rest = after;
        } else {
            decoded.push(*first);
            rest = tail;
        }
    }
    decoded
}

/// A request body beside the request. kube's own body type cannot be made from a stream, so a
/// streamed one travels as an extension of a request with an empty body.
#[derive(Clone)]
struct Streamed(Arc<Mutex<Option<Body>>>);

/// Sends a request with a streamed body, with the cluster's address and credentials.
pub(super) async fn send(
    client: &Client,
    request: Request<Body>,
) -> kube::Result<Response<kube::client::Body>> {
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(Streamed(Arc::new(Mutex::new(Some(body)))));
    client.send(Request::from_parts(parts, kube::client::Body::empty())).await
}

/// Connects, exchanges once, and closes.
#[derive(Clone)]
struct OneEach {
    connector: Connector,
    timeout: Duration,
    address: Arc<str>,
}

impl Service<Request<kube::client::Body>> for OneEach {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<kube::client::Body>) -> Self::Future {
        let connector = self.connector.clone();
        let timeout = self.timeout;
        let address = Arc::clone(&self.address);
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let target = parts.uri.clone();
            let connection = connect(connector, target.clone(), timeout, &address).await?;
            // The request line holds the path only; the host goes into its header.
            if let Some(authority) = target.authority() {
                parts.headers.insert(header::HOST, HeaderValue::from_str(authority.as_str())?);
            }
            let path = target.path_and_query().map_or("/", |path| path.as_str());
            parts.uri = path.parse()?;
            let streamed = parts
                .extensions
                .remove::<Streamed>()
                .and_then(|body| body.0.lock().unwrap_or_else(PoisonError::into_inner).take());
            let body = match streamed {
                Some(body) => body,
                None => body.map_err(BoxError::from).boxed_unsync(),
            };
            let peer = format!("the API server at {address}");
            let request = Request::from_parts(parts, body);
            Ok(exchange(TokioIo::new(connection), request, &peer).await?)
        })
    }
}

async fn connect(
    connector: Connector,
    target: Uri,
    timeout: Duration,
    address: &str,
) -> Result<Box<dyn Connection>, TransportError> {
    let source: BoxError = match tokio::time::timeout(timeout, connector.oneshot(target)).await {
        Ok(Ok(connection)) => return Ok(connection),
        Ok(Err(error)) => error,
        Err(_) => format!("no connection within {} s", timeout.as_secs()).into(),
    };
    Err(TransportError::new(
        Stage::Connect,
        format!("cannot connect to the API server at {address}"),
        Some(source),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxy_user_names_are_decoded() {
        let check = |text: &str| {
            let value = proxy_credentials(&text.parse().expect("a URI"));
            value.map(|value| value.to_str().expect("text").to_owned())
        };
        // "user:pa@ss"
        assert_eq!(
            check("http://user:pa%40ss@proxy:3128").as_deref(),
            Some("Basic dXNlcjpwYUBzcw==")
        );
        assert_eq!(check("http://proxy:3128"), None);
        assert_eq!(percent_decoded("a%zz%4"), b"a%zz%4");
    }
}
