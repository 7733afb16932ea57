//! Where the fake listens, with or without TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

// Made for these tests only, good for 100 years.
const AUTHORITY: &str = include_str!("ca.crt");
const CERTIFICATE: &str = include_str!("server.crt");
const KEY: &str = include_str!("server.key");

#[derive(Debug, Clone, Copy)]
pub(super) enum Tls {
    Off,
    On,
}

pub(super) struct Listener {
    tcp: TcpListener,
    acceptor: Option<TlsAcceptor>,
}

pub(super) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

pub(super) fn authority_base64() -> String {
    base64::engine::general_purpose::STANDARD.encode(AUTHORITY)
}

impl Listener {
    pub(super) async fn bind(tls: Tls) -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let acceptor = match tls {
            Tls::Off => None,
            Tls::On => Some(TlsAcceptor::from(Arc::new(config()))),
        };
        Self { tcp, acceptor }
    }

    pub(super) fn url(&self) -> String {
        let scheme = if self.acceptor.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.tcp.local_addr().expect("an address"))
    }
}

fn config() -> ServerConfig {
    let certificate =
        CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a server configuration")
}

impl axum::serve::Listener for Listener {
    type Io = Box<dyn Connection>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (tcp, peer) = self.tcp.accept().await.expect("a connection");
            tcp.set_nodelay(true).expect("no delay");
            match &self.acceptor {
                None => return (Box::new(tcp), peer),
                Some(acceptor) => {
                    if let Ok(tls) = acceptor.accept(tcp).await {
                        return (Box::new(tls), peer);
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}
