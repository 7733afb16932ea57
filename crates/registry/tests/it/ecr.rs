//! A registry of Amazon's: passwords from its API, which end while a push runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt as _;
use registry::push::{PushError, push};
use registry::{Client, Credentials, Fault, Scheme, Tls, aws};
use serde_json::json;

use crate::images::mixed;
use crate::proxy::forward;
use crate::push::{assert_there, options};
use crate::server::{Server, endpoint};
use crate::watch::Watch;

const HOST: &str = "411111111111.dkr.ecr.eu-west-1.amazonaws.com";
/// Requests that a password is good for.
const USES: usize = 25;

/// Amazon's API and the door of its registry.
#[derive(Default)]
struct Amazon {
    passwords: Mutex<Passwords>,
    /// Refuses to give passwords.
    closed: bool,
    registry: u16,
    http: reqwest::Client,
}

#[derive(Default)]
struct Passwords {
    given: usize,
    /// How often each was used.
    uses: BTreeMap<String, usize>,
    refused: usize,
}

impl Amazon {
    fn with<T>(&self, with: impl FnOnce(&mut Passwords) -> T) -> T {
        with(&mut self.passwords.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn serve(router: Router) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

/// `GetAuthorizationToken`.
async fn api(State(amazon): State<Arc<Amazon>>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name: &str| headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default();
    assert_eq!(text("x-amz-target"), "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken");
    assert_eq!(text("content-type"), "application/x-amz-json-1.1");
    assert_eq!(text("x-amz-security-token"), "session");
    let date = &text("x-amz-date")[..8];
    let start = format!("AWS4-HMAC-SHA256 Credential=AKID/{date}/eu-west-1/ecr/aws4_request, ");
    assert!(text("authorization").starts_with(&start), "{headers:?}");
    assert_eq!(&body[..], br#"{"registryIds":["411111111111"]}"#);
    if amazon.closed {
        let refusal = json!({ "__type": "UnrecognizedClientException", "message": "The security token included in the request is invalid." });
        return (StatusCode::BAD_REQUEST, refusal.to_string()).into_response();
    }
    let number = amazon.with(|it| {
        it.given += 1;
        it.given
    });
    let token = STANDARD.encode(format!("AWS:password-{number}"));
    amazon.with(|it| it.uses.insert(format!("Basic {token}"), 0));
    let answer = json!({ "authorizationToken": token, "expiresAt": 1.7e9, "proxyEndpoint": format!("https://{HOST}") });
    json!({ "authorizationData": [answer] }).to_string().into_response()
}

/// Lets in who has a password, a number of times; as ECR does, it answers 403 to one that has ended.
async fn door(State(amazon): State<Arc<Amazon>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let Some(shown) = parts.headers.remove(header::AUTHORIZATION) else {
        let challenge = [(header::WWW_AUTHENTICATE, r#"Basic realm="ecr",service="ecr""#)];
        return (StatusCode::UNAUTHORIZED, challenge, "Not Authorized").into_response();
    };
    let good = amazon.with(|it| {
        let uses = it.uses.get_mut(shown.to_str().unwrap_or_default());
        let good = uses.is_some_and(|it| {
            *it += 1;
            *it <= USES
        });
        it.refused += usize::from(!good);
        good
    });
    // The connection is used again only when all was read.
    let body = body.collect().await.expect("a body").to_bytes();
    if !good {
        let refusal = r#"{"errors":[{"code":"DENIED","message":"Your authorization token has expired. Reauthenticate and try again."}]}"#;
        return (StatusCode::FORBIDDEN, refusal).into_response();
    }
    let answer = forward(&amazon.http, amazon.registry, &parts, body).await;
    answer.map_or(StatusCode::BAD_GATEWAY.into_response(), |it| it.map(axum::body::Body::new))
}

fn credentials(api: u16) -> Credentials {
    let keys = aws::Keys {
        access_key_id: "AKID".to_owned(),
        secret_access_key: "secret".to_owned().into(),
        session_token: Some("session".to_owned().into()),
    };
    let api = format!("http://127.0.0.1:{api}/").parse().expect("an address");
    Credentials::Ecr(aws::Ecr::new(HOST, keys, Some(api)).expect("a host of ECR"))
}

/// A registry behind Amazon's door.
async fn amazon(registry: u16, closed: bool) -> (Arc<Amazon>, u16, u16) {
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let amazon = Arc::new(Amazon { closed, registry, http, ..Amazon::default() });
    let api = serve(Router::new().fallback(api).with_state(Arc::clone(&amazon))).await;
    let door = serve(Router::new().fallback(door).with_state(Arc::clone(&amazon))).await;
    (amazon, api, door)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_ends_during_the_push_is_asked_for_again() {
    let Some(server) = Server::plain() else { return };
    let (amazon, api, door) = amazon(server.port(), false).await;
    let endpoint = endpoint(door, "ns");
    let images = mixed(40);
    let client = Client::new(&endpoint, Scheme::Http, &Tls::default(), credentials(api));
    let (client, plan) = (client.expect("a client"), images.plan(&endpoint));
    let options = registry::push::Options { parallelism: 1, ..options() };
    let pushed = push(client, plan, Arc::new(images.source()), options, Watch::new()).await;
    assert_eq!(pushed.expect("pushed").pushed, 9);
    assert_there(&server, "ns", &images);
    let (given, refused) = amazon.with(|it| (it.given, it.refused));
    assert!(given > 2 && refused >= 2, "{given} passwords, {refused} refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn amazons_reason_for_giving_no_password_is_told() {
    let Some(server) = Server::plain() else { return };
    let (_, api, door) = amazon(server.port(), true).await;
    let endpoint = endpoint(door, "ns");
    let images = mixed(41);
    let client = Client::new(&endpoint, Scheme::Http, &Tls::default(), credentials(api));
    let (client, plan) = (client.expect("a client"), images.plan(&endpoint));
    let error = push(client, plan, Arc::new(images.source()), options(), Watch::new())
        .await
        .expect_err("closed");
    let PushError::Access(Fault::Unauthorized { reason }) = &error else { panic!("{error:?}") };
    assert_eq!(
        reason,
        "AWS gives no password for ECR: UnrecognizedClientException The security token included in the request is invalid."
    );
}
