//! Clients of the real `docker-registry`.

use registry::{Client, Credentials, Endpoint, Scheme, Tls};
pub(crate) use sample::docker_registry::{Server, Setup};

pub(crate) fn endpoint(port: u16, namespace: &str) -> Endpoint {
    Endpoint::parse(&format!("127.0.0.1:{port}"), namespace, Scheme::Http).expect("a registry")
}

/// A client without TLS and login.
pub(crate) fn client(endpoint: &Endpoint) -> Client {
    Client::new(endpoint, Scheme::Http, &Tls::default(), Credentials::Anonymous).expect("a client")
}
