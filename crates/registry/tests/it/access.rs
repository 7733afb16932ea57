//! Logging in, and whose certificates are trusted.

use std::collections::BTreeSet;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use airgap::Digest;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use registry::push::{PushError, Source, SourceError};
use registry::{Client, ClientError, Credentials, Endpoint, Fault, Scheme, Tls, push};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::images::mixed;
use crate::push::{assert_there, options};
use crate::server::{Server, Setup, endpoint};
use crate::watch::Watch;

/// An authority and a certificate of it for 127.0.0.1.
struct Certificates {
    folder: TempDir,
    authority: String,
    key: KeyPair,
    certificate: rcgen::Certificate,
}

impl Certificates {
    fn make() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let authority_key = KeyPair::generate().expect("a key");
        let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(rcgen::DnType::CommonName, "test authority");
        let authority_pem = authority.self_signed(&authority_key).expect("signed").pem();
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]);
        let certificate = params.expect("parameters").signed_by(&key, &issuer).expect("signed");
        std::fs::write(folder.path().join("server.crt"), certificate.pem()).expect("written");
        std::fs::write(folder.path().join("server.key"), key.serialize_pem()).expect("written");
        std::fs::write(folder.path().join("ca.crt"), &authority_pem).expect("written");
        Self { folder, authority: authority_pem, key, certificate }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn basic(username: &str, password: &str) -> Credentials {
    Credentials::Basic { username: username.to_owned(), password: password.to_owned().into() }
}

async fn push_with(
    endpoint: &Endpoint,
    scheme: Scheme,
    tls: &Tls,
    credentials: Credentials,
    seed: u64,
) -> Result<registry::Pushed, PushError> {
    let images = mixed(seed);
    let client = Client::new(endpoint, scheme, tls, credentials).expect("a client");
    let source = Arc::new(images.source());
    push(client, images.plan(endpoint), source, options(), Watch::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_checked() {
    let certificates = Certificates::make();
    let tls = Some((certificates.path("server.crt"), certificates.path("server.key")));
    let Some(server) = Server::start(Setup { tls, ..Setup::default() }) else { return };
    let endpoint =
        Endpoint::parse(&format!("https://127.0.0.1:{}/ns", server.port()), "", Scheme::Https)
            .expect("a registry");
    let none = Credentials::Anonymous;
    let unknown = push_with(&endpoint, Scheme::Https, &Tls::default(), none.clone(), 20).await;
    let unknown = unknown.expect_err("an unknown authority");
    assert!(matches!(&unknown, PushError::Access(Fault::Certificate { .. })), "{unknown:?}");
    assert!(unknown.hint().contains("--registry-ca"));

    let other = Certificates::make();
    let wrong = Tls { authorities: vec![other.authority.clone().into_bytes()], accept_any: false };
    let wrong = push_with(&endpoint, Scheme::Https, &wrong, none.clone(), 20).await;
    assert!(matches!(wrong, Err(PushError::Access(Fault::Certificate { .. }))), "{wrong:?}");

    let right =
        Tls { authorities: vec![certificates.authority.clone().into_bytes()], accept_any: false };
    push_with(&endpoint, Scheme::Https, &right, none.clone(), 20).await.expect("trusted");
    assert_there(&server, "ns", &mixed(20));

    let any = Tls { authorities: Vec::new(), accept_any: true };
    push_with(&endpoint, Scheme::Https, &any, none, 20).await.expect("anything goes");

    let broken =
        Tls { authorities: vec![b"-----BEGIN CERTIFICATE-----\nx\n".to_vec()], accept_any: false };
    let broken = Client::new(&endpoint, Scheme::Https, &broken, Credentials::Anonymous);
    assert!(matches!(broken, Err(ClientError::Authority(_) | ClientError::Setup(_))), "{broken:?}");
    let key = Tls { authorities: vec![other.key.serialize_pem().into_bytes()], accept_any: false };
    let key = Client::new(&endpoint, Scheme::Https, &key, Credentials::Anonymous);
    assert!(matches!(key, Err(ClientError::NoAuthority)), "{key:?}");
}

/// Neither way of the mistake is one that passes, and each names the flag.
#[tokio::test(flavor = "multi_thread")]
async fn tls_and_plain_http_are_told_apart() {
    let none = Credentials::Anonymous;
    let Some(plain) = Server::start(Setup::default()) else { return };
    let at = Endpoint::parse(&format!("127.0.0.1:{}/ns", plain.port()), "", Scheme::Https);
    let at = at.expect("a registry");
    let refused = push_with(&at, Scheme::Https, &Tls::default(), none.clone(), 22).await;
    let refused = refused.expect_err("it has no TLS");
    assert!(matches!(&refused, PushError::Access(Fault::NoTls { .. })), "{refused:?}");
    assert!(refused.hint().contains("--registry-plain-http if"), "{}", refused.hint());

    let certificates = Certificates::make();
    let tls = Some((certificates.path("server.crt"), certificates.path("server.key")));
    let Some(server) = Server::start(Setup { tls, ..Setup::default() }) else { return };
    let at = endpoint(server.port(), "ns");
    let refused = push_with(&at, Scheme::Http, &TLS, none, 22).await.expect_err("it has TLS");
    assert!(matches!(&refused, PushError::Access(Fault::WantsTls { .. })), "{refused:?}");
    assert_eq!(refused.hint(), "leave out --registry-plain-http");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_passwords() {
    let folder = tempfile::tempdir().expect("a folder");
    let hash = bcrypt::hash("correct horse", 4).expect("a hash").replace("$2b$", "$2y$");
    let file = folder.path().join("htpasswd");
    std::fs::write(&file, format!("pusher:{hash}\n")).expect("written");
    let auth = format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", file.display());
    let Some(server) = Server::start(Setup { auth, ..Setup::default() }) else { return };
    let endpoint = endpoint(server.port(), "ns");
    let with = |credentials| push_with(&endpoint, Scheme::Http, &TLS, credentials, 21);
    let nobody = with(Credentials::Anonymous).await.expect_err("it asks");
    assert!(
        matches!(&nobody, PushError::Access(Fault::Unauthorized { reason }) if reason.contains("none were given")),
        "{nobody:?}"
    );
    let wrong = with(basic("pusher", "wrong")).await.expect_err("wrong");
    assert!(matches!(&wrong, PushError::Access(Fault::Unauthorized { .. })), "{wrong:?}");
    assert!(!format!("{wrong:?}").contains("wrong"), "no password in an error");
    with(basic("pusher", "correct horse")).await.expect("right");
    assert_there(&server, "ns", &mixed(21));
}

static TLS: Tls = Tls { authorities: Vec::new(), accept_any: false };

/// A token server whose tokens hold for a moment.
struct Tokens {
    key: jsonwebtoken::EncodingKey,
    chain: String,
    given: AtomicUsize,
    scopes: Mutex<Vec<String>>,
    /// Seconds until their end, at which the registry takes them for a minute more.
    life: i64,
    grants: &'static [&'static str],
    first: Mutex<Option<String>>,
}

async fn token(
    State(tokens): State<Arc<Tokens>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> (StatusCode, Json<Value>) {
    let expected = format!("Basic {}", STANDARD.encode("pusher:correct horse"));
    if headers.get("authorization").and_then(|it| it.to_str().ok()) != Some(&expected) {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "details": "incorrect password" })));
    }
    let query = query.unwrap_or_default();
    let mut access = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let parts: Vec<&str> = value.split(':').collect();
        if let ("scope", [kind, repository, actions]) = (&*name, parts.as_slice()) {
            let actions: Vec<&str> =
                actions.split(',').filter(|it| tokens.grants.contains(it)).collect();
            access.push(json!({ "type": kind, "name": repository, "actions": actions }));
            tokens.scopes.lock().unwrap_or_else(PoisonError::into_inner).push(value.to_string());
        }
    }
    tokens.given.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let now = i64::try_from(now).expect("a time");
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES256);
    header.x5c = Some(vec![tokens.chain.clone()]);
    let claims = json!({
        "iss": "test", "sub": "pusher", "aud": "registry", "jti": now.to_string(),
        "nbf": now - 600, "iat": now, "exp": now + tokens.life, "access": access,
    });
    let token = jsonwebtoken::encode(&header, &claims, &tokens.key).expect("a token");
    tokens.first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(token.clone());
    // It says that it holds for longer than it does: the registry's word counts.
    (StatusCode::OK, Json(json!({ "token": token, "expires_in": 300 })))
}

/// The token server and a registry that believes it.
async fn with_tokens(
    life: i64,
    grants: &'static [&'static str],
) -> Option<(Server, Arc<Tokens>, Certificates)> {
    let certificates = Certificates::make();
    let key = jsonwebtoken::EncodingKey::from_ec_der(&certificates.key.serialize_der());
    let tokens = Arc::new(Tokens {
        key,
        chain: STANDARD.encode(certificates.certificate.der()),
        given: AtomicUsize::new(0),
        scopes: Mutex::default(),
        life,
        grants,
        first: Mutex::default(),
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let router = Router::new().route("/token", get(token)).with_state(Arc::clone(&tokens));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let auth = format!(
        "auth:\n  token:\n    realm: http://127.0.0.1:{port}/token\n    service: registry\n    issuer: test\n    rootcertbundle: {}\n",
        certificates.path("ca.crt").display()
    );
    let server = Server::start(Setup { auth, ..Setup::default() })?;
    Some((server, tokens, certificates))
}

/// A source that gives its second blob only when the registry refuses the first token that was given.
struct Late {
    images: crate::images::Memory,
    port: u16,
    tokens: Arc<Tokens>,
}

impl Late {
    fn refused(&self) -> bool {
        use std::io::{Read as _, Write as _};
        let token = self.tokens.first.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let token = token.expect("one was given");
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).expect("connects");
        write!(
            stream,
            "GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
        .expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer.starts_with("HTTP/1.1 401")
    }
}

impl Source for Late {
    fn has(&self, digest: Digest) -> bool {
        self.images.has(digest)
    }

    fn pass(
        &self,
        wanted: &BTreeSet<Digest>,
        is_compared: bool,
        give: &mut dyn FnMut(Digest, &mut dyn Read) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        let mut given = 0;
        self.images.pass(wanted, is_compared, &mut |digest, data| {
            given += 1;
            while given == 2 && !self.refused() {
                std::thread::yield_now();
            }
            give(digest, data)
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_end_during_the_push_are_asked_for_again() {
    let Some((server, tokens, _certificates)) = with_tokens(-57, &["pull", "push"]).await else {
        return;
    };
    let endpoint = endpoint(server.port(), "ns");
    let images = mixed(22);
    let client =
        Client::new(&endpoint, Scheme::Http, &TLS, basic("pusher", "correct horse")).expect("one");
    let source = Late { images: images.source(), port: server.port(), tokens: Arc::clone(&tokens) };
    let pushed =
        push(client, images.plan(&endpoint), Arc::new(source), options(), Watch::new()).await;
    assert_eq!(pushed.expect("pushed").pushed, 9);
    assert_there(&server, "ns", &images);
    let scopes = tokens.scopes.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let first = scopes.iter().filter(|it| *it == "repository:ns/app-0:pull,push").count();
    assert!(first >= 2, "{scopes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_at_the_token_server() {
    let Some((server, _tokens, _certificates)) = with_tokens(300, &["pull", "push"]).await else {
        return;
    };
    let wrong =
        push_with(&endpoint(server.port(), "ns"), Scheme::Http, &TLS, basic("pusher", "no"), 23)
            .await;
    let wrong = wrong.expect_err("wrong");
    assert!(matches!(&wrong, PushError::Access(Fault::Unauthorized { .. })), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_only_pull_is_told_before_the_first_byte() {
    let Some((server, _tokens, _certificates)) = with_tokens(300, &["pull"]).await else {
        return;
    };
    let credentials = basic("pusher", "correct horse");
    let error =
        push_with(&endpoint(server.port(), "ns"), Scheme::Http, &TLS, credentials, 24).await;
    let error = error.expect_err("no permission");
    let text = format!("{error:?}");
    assert!(
        text.contains("no permission to push to") || matches!(error, PushError::Access(_)),
        "{text}"
    );
}
