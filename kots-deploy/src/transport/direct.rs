//! Straight to a URL: `--kotsadm-url`, and the embedded kotsadm.
//!
//! Deliberately absent: proxies. `HTTP_PROXY` and its kin are not read: an upload of gigabytes
//! through a proxy that nobody named is a surprise. Name an address that can be reached.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderValue, Uri, header};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::exchange::exchange;
use super::{Body, Stage, Transport, TransportError};

/// How long a connection may take to be made, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Reaches kotsadm at a URL, over plain or TLS connections.
#[derive(Debug)]
pub struct Direct {
    address: Address,
    auth: HeaderValue,
    tls: Option<Arc<ClientConfig>>,
    connect_timeout: Duration,
}

/// Why a kotsadm URL cannot be used.
#[derive(Debug, Error)]
pub enum DirectError {
    /// The text is no URL.
    #[error("kotsadm URL `{url}` cannot be read")]
    Unreadable {
        /// The text as given.
        url: String,
        /// What is wrong with it.
        #[source]
        source: http::uri::InvalidUri,
    },
    /// The URL has another form than the one needed.
    #[error("kotsadm URL `{url}` {problem}; allowed: http://HOST[:PORT][/PREFIX] or https://…")]
    Form {
        /// The text as given.
        url: String,
        /// What was found.
        problem: &'static str,
    },
    /// The auth string cannot be a header value.
    #[error("the auth string holds characters that no header may carry")]
    AuthString,
    /// The TLS set-up of this machine cannot be used.
    #[error("cannot set up TLS with this machine's trusted certificates")]
    Tls(#[source] rustls::Error),
}

impl DirectError {
    /// Says what the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } | Self::Form { .. } => {
                "pass a URL such as https://kotsadm.example:8800 to --kotsadm-url"
            }
            Self::AuthString => {
                "pass the whole `Kots …` value, on one line, by --auth-string-file or KOTSADM_AUTHSTRING"
            }
            Self::Tls(_) => "install the certificates of the authorities this machine should trust",
        }
    }
}

/// Where a URL points, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Address {
    scheme: Scheme,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
    /// As it stands in the `Host` header.
    authority: String,
    /// Put before every path; without a trailing slash, may be empty.
    prefix: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Direct {
    /// Makes a transport to `url` that sends `auth` as the `Authorization` header. A path in `url`
    /// is kept and put before the path of every request.
    ///
    /// # Errors
    ///
    /// Returns [`DirectError`] when the URL or the auth string cannot be used, or when an https URL
    /// is given on a machine without trusted certificates.
    pub fn new(url: &str, auth: &SecretString) -> Result<Self, DirectError> {
        let address = Address::parse(url)?;
        let tls = match address.scheme {
            Scheme::Http => None,
            Scheme::Https => Some(Arc::new(platform_tls().map_err(DirectError::Tls)?)),
        };
        Self::with_tls(url, auth, tls)
    }

    /// As [`Direct::new`], with a TLS set-up of the caller's choice for https URLs.
    ///
    /// # Errors
    ///
    /// Returns [`DirectError`] when the URL or the auth string cannot be used.
    pub fn with_tls(
        url: &str,
        auth: &SecretString,
        tls: Option<Arc<ClientConfig>>,
    ) -> Result<Self, DirectError> {
        Ok(Self {
            address: Address::parse(url)?,
            auth: auth_header(auth).ok_or(DirectError::AuthString)?,
            tls,
            connect_timeout: CONNECT_TIMEOUT,
        })
    }

    async fn connect(&self) -> Result<Box<dyn Connection>, TransportError> {
        let failed = |source: std::io::Error| {
            TransportError::new(
                Stage::Connect,
                format!("cannot connect to {}", self.describe()),
                Some(source.into()),
            )
        };
        let connecting = async {
            let tcp = TcpStream::connect((self.address.host.as_str(), self.address.port)).await?;
            prepare(&tcp)?;
            match &self.tls {
                None => Ok(Box::new(tcp) as Box<dyn Connection>),
                Some(config) => {
                    let name = ServerName::try_from(self.address.host.clone())
                        .map_err(std::io::Error::other)?;
                    let tls = TlsConnector::from(Arc::clone(config)).connect(name, tcp).await?;
                    Ok(Box::new(tls) as Box<dyn Connection>)
                }
            }
        };
        match tokio::time::timeout(self.connect_timeout, connecting).await {
            Ok(result) => result.map_err(failed),
            Err(_) => Err(failed(std::io::Error::new(
                std::io::ErrorKind::TimedOut,
                format!("no connection within {} s", self.connect_timeout.as_secs()),
            ))),
        }
    }
}

#[async_trait]
impl Transport for Direct {
    async fn send(
        &self,
        mut request: http::Request<Body>,
    ) -> Result<http::Response<Body>, TransportError> {
        *request.uri_mut() = prefixed(&self.address.prefix, request.uri())?;
        let host = HeaderValue::from_str(&self.address.authority).map_err(|error| {
            TransportError::new(
                Stage::Connect,
                "the host name is no header value",
                Some(error.into()),
            )
        })?;
        request.headers_mut().insert(header::HOST, host);
        request.headers_mut().insert(header::AUTHORIZATION, self.auth.clone());
        let io = self.connect().await?;
        exchange(io, request, &self.describe()).await
    }

    fn describe(&self) -> String {
        let scheme = match self.address.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        format!("{scheme}://{}{}", self.address.authority, self.address.prefix)
    }
}

impl Address {
    fn parse(url: &str) -> Result<Self, DirectError> {
        let form = |problem| DirectError::Form { url: url.to_owned(), problem };
        let uri: Uri = url
            .trim()
            .parse()
            .map_err(|source| DirectError::Unreadable { url: url.to_owned(), source })?;
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            Some(_) => return Err(form("has another scheme than http or https")),
            None => return Err(form("has no scheme")),
        };
        let authority = uri.authority().ok_or_else(|| form("has no host"))?;
        if authority.as_str().contains('@') {
            return Err(form("holds a user name"));
        }
        if uri.query().is_some() {
            return Err(form("holds a query"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(form("has no host"));
        }
        Ok(Self {
            scheme,
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(match scheme {
                Scheme::Http => 80,
                Scheme::Https => 443,
            }),
            authority: authority.as_str().to_owned(),
            prefix: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

/// Returns the path and query of `uri` with `prefix` before it.
pub(crate) fn prefixed(prefix: &str, uri: &Uri) -> Result<Uri, TransportError> {
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    format!("{prefix}{path}").parse().map_err(|error: http::uri::InvalidUri| {
        TransportError::new(
            Stage::Connect,
            format!("the path `{prefix}{path}` cannot be requested"),
            Some(error.into()),
        )
    })
}

/// Returns the auth string as a header value that no log shows.
pub(crate) fn auth_header(auth: &SecretString) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(auth.expose_secret()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// A connection of any kind.
trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Small requests go out at once; a peer that vanished is noticed although nothing is sent.
fn prepare(tcp: &TcpStream) -> std::io::Result<()> {
    tcp.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(Duration::from_secs(30))
        .with_interval(Duration::from_secs(10))
        .with_retries(3);
    socket2::SockRef::from(tcp).set_tcp_keepalive(&keepalive)
}

fn platform_tls() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str) -> String {
        match Address::parse(url) {
            Ok(Address { host, port, authority, prefix, .. }) => {
                format!("{host} {port} host={authority} prefix={prefix}")
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn urls() {
        insta::assert_snapshot!(check("http://127.0.0.1:8800"), @"127.0.0.1 8800 host=127.0.0.1:8800 prefix=");
        insta::assert_snapshot!(check("https://k.example.com/admin/"), @"k.example.com 443 host=k.example.com prefix=/admin");
        insta::assert_snapshot!(check("http://[::1]:3000"), @"::1 3000 host=[::1]:3000 prefix=");
        insta::assert_snapshot!(check("k.example.com:3000"), @"kotsadm URL `k.example.com:3000` has no scheme; allowed: http://HOST[:PORT][/PREFIX] or https://…");
        insta::assert_snapshot!(check("ftp://k.example.com"), @"kotsadm URL `ftp://k.example.com` has another scheme than http or https; allowed: http://HOST[:PORT][/PREFIX] or https://…");
        insta::assert_snapshot!(check("http://a:b@k"), @"kotsadm URL `http://a:b@k` holds a user name; allowed: http://HOST[:PORT][/PREFIX] or https://…");
        insta::assert_snapshot!(check("http://k/?a=b"), @"kotsadm URL `http://k/?a=b` holds a query; allowed: http://HOST[:PORT][/PREFIX] or https://…");
        insta::assert_snapshot!(check("http://k y"), @"kotsadm URL `http://k y` cannot be read");
    }

    #[test]
    fn the_prefix_is_kept_and_escapes_are_untouched() {
        let uri: Uri = "/api/v1/app/a%2Fb/license?x=1%202".parse().expect("a URI");
        let uri = prefixed("/admin", &uri).expect("a URI");
        assert_eq!(uri.to_string(), "/admin/api/v1/app/a%2Fb/license?x=1%202");
    }

    #[test]
    fn the_auth_string_is_not_shown() {
        let direct = Direct::new("http://k", &"Kots hidden".into()).expect("a transport");
        assert!(!format!("{direct:?}").contains("hidden"));
        assert!(Direct::new("http://k", &"Kots\nhidden".into()).is_err());
    }
}
