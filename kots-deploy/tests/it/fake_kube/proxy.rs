//! The proxy subresource: takes `Authorization` away and passes everything else on.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt as _;
use kots_deploy::transport::exchange::exchange;
use tokio::net::TcpStream;

use super::{Fake, Verb, status};

pub(super) async fn handle(
    State(fake): State<Arc<Fake>>,
    Path(parts): Path<Vec<(String, String)>>,
    request: Request,
) -> Response {
    let pod_and_port = &parts.iter().find(|(key, _)| key == "pod").expect("a pod").1;
    let (name, port) = pod_and_port.split_once(':').expect("a port");
    assert_eq!(port, "3000");
    if let Err(refusal) = fake.check(Verb::Proxy, &format!("pods \"{pod_and_port}\"")) {
        return *refusal;
    }
    let pod = match fake.pod(name) {
        Ok(pod) => pod,
        Err(missing) => return *missing,
    };
    fake.seen().proxied.push(pod.name.clone());
    let connected = match pod.address {
        Some(address) => TcpStream::connect(address).await,
        None => Err(std::io::ErrorKind::ConnectionRefused.into()),
    };
    let unreachable = |reason: &str| {
        let message = format!("error trying to reach service: {reason}");
        status(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", &message)
    };
    let Ok(tcp) = connected else {
        return unreachable("dial tcp 10.0.0.1:3000: connect: connection refused");
    };
    match exchange(tcp, inward(request), "the pod").await {
        Ok(response) => response.map(Body::new),
        Err(_) => unreachable("EOF"),
    }
}

/// The request as the pod sees it: the path after `/proxy` with its escapes, no credentials of ours.
fn inward(request: Request) -> http::Request<kots_deploy::transport::Body> {
    let (mut parts, body) = request.into_parts();
    let whole =
        parts.extensions.get::<axum::extract::OriginalUri>().map_or(&parts.uri, |uri| &uri.0);
    let path = whole.path_and_query().expect("a path").as_str();
    let (_, inner) = path.split_once("/proxy").expect("a proxy path");
    parts.uri = inner.parse().expect("a path");
    parts.headers.remove(header::AUTHORIZATION);
    http::Request::from_parts(parts, body.map_err(Into::into).boxed_unsync())
}
