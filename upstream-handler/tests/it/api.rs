//! The frame: health, who may ask, and paths that do not exist.

use kinds::airgap::RequiredRelease;
use reqwest::Method;
use sample::bundle::BundleSpec;
use sample::license::Builder;
use serde_json::json;

use super::harness::{Answer, Site};

async fn check(site: &Site, headers: &[(&str, &str)], path: &str) -> String {
    let mut request = site.http.request(Method::GET, site.url(path));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request).await.error()
}

#[tokio::test]
async fn who_may_ask() {
    let site = Site::new();
    let auth = site.auth();
    let apps = "/api/v1/apps";
    let escaped = format!("signed-token={}", auth.replace(' ', "%20"));
    let quoted = format!("other=1; signed-token=\"{auth}\"");
    let plain = format!("signed-token={auth}");
    for headers in [
        [("authorization", auth.as_str())],
        [("cookie", &plain)],
        [("cookie", &quoted)],
        [("cookie", &escaped)],
    ] {
        assert_eq!(check(&site, &headers, apps).await, "200 -");
    }
    assert_eq!(check(&site, &[], apps).await, "401 missing authorization token");
    let wrong = "401 failed to parse authorization header";
    for value in ["Kots wrong", "Kots", "Basic abc", "Bearer a.b.c", "", "Kots a b"] {
        assert_eq!(check(&site, &[("authorization", value)], apps).await, wrong, "{value}");
    }
    // the header wins over the cookie
    let both = [("authorization", "Kots wrong"), ("cookie", plain.as_str())];
    assert_eq!(check(&site, &both, apps).await, wrong);
}

#[tokio::test]
async fn a_wrong_token_is_not_answered_with_success() {
    let site = Site::new();
    let ask = |value: Option<&str>| {
        let mut request = site.http.request(Method::POST, site.url("/api/v1/airgap/install"));
        if let Some(value) = value {
            request = request.header("Authorization", value);
        }
        Answer::of(request.body(vec![0; 1 << 20]))
    };
    assert_eq!(ask(None).await.error(), "401 missing authorization token");
    assert_eq!(ask(Some("Kots wrong")).await.error(), "401 invalid authorization token");
}

#[tokio::test]
async fn health_is_tried() {
    let site = Site::new();
    let health = site.get("/healthz").await;
    assert_eq!(health.headers["x-content-type-options"], "nosniff");
    assert_eq!(health.headers["x-frame-options"], "DENY");
    assert!(!health.headers.contains_key("access-control-allow-origin"));
    let body = health.ok();
    assert_eq!(
        body["status"],
        json!({ "database": { "connected": true }, "storage": { "available": true } })
    );
    std::fs::remove_dir_all(site.state().join("tmp")).unwrap();
    let health = site.get("/healthz").await;
    assert_eq!(health.status, 419);
    assert_eq!(health.body["status"]["storage"]["available"], false);
}

#[tokio::test]
async fn what_does_not_exist_is_said_in_json() {
    let site = Site::new();
    let unknown = site.get("/api/v1/nothing").await;
    assert_eq!(unknown.error(), "404 there is no /api/v1/nothing");
    assert_eq!(unknown.body["success"], false);
    let method = Answer::of(site.request(Method::DELETE, "/api/v1/apps")).await;
    assert_eq!(method.error(), "405 /api/v1/apps does not answer DELETE");
    let app = site.get("/api/v1/app/other").await;
    assert_eq!(app.error(), "500 app with slug other not found");
    let options = Answer::of(site.http.request(Method::OPTIONS, site.url("/api/v1/apps"))).await;
    assert_eq!(options.status, 200);
}

#[tokio::test]
async fn a_session_by_password() {
    let mut site = Site::new();
    let login = |password: &str| {
        Answer::of(
            site.http
                .request(Method::POST, site.url("/api/v1/login"))
                .json(&json!({ "password": password })),
        )
    };
    assert_eq!(login("x").await.error(), "403 password authentication disabled");
    // bcrypt of `correct horse`, cost 4
    let hash = bcrypt::hash("correct horse", 4).unwrap();
    site.env("SHARED_PASSWORD_BCRYPT", &hash);
    site.kill();
    site.start();
    let login = |password: &str| {
        Answer::of(
            site.http
                .request(Method::POST, site.url("/api/v1/login"))
                .json(&json!({ "password": password })),
        )
    };
    assert_eq!(login("x").await.error(), "401 Invalid password. Please try again.");
    let answer = login("correct horse").await;
    assert_eq!(answer.status, 200);
    let cookie = answer.headers["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    assert_eq!(check(&site, &[("cookie", pair)], "/api/v1/apps").await, "200 -");
    let bearer = pair.strip_prefix("signed-token=").unwrap();
    assert_eq!(check(&site, &[("authorization", bearer)], "/api/v1/apps").await, "200 -");
    // a session does not open token routes
    let upload = site.http.request(Method::POST, site.url("/api/v1/airgap/install"));
    let upload = Answer::of(upload.header("Authorization", bearer)).await;
    assert_eq!(upload.error(), "401 invalid authorization token");

    let out = site.http.request(Method::POST, site.url("/api/v1/logout")).header("cookie", pair);
    assert_eq!(Answer::of(out).await.status, 204);
    let after = check(&site, &[("cookie", pair)], "/api/v1/apps").await;
    assert_eq!(after, "401 no session in auth header");
}

#[tokio::test]
async fn the_state_folder_has_one_server() {
    let site = Site::new();
    let second = site.command().output().unwrap();
    assert!(!second.status.success());
    let error = String::from_utf8(second.stderr).unwrap();
    assert!(error.contains("is in use by another kotsadm"), "{error}");
}

/// The web framework would answer these in plain text.
#[tokio::test]
async fn what_cannot_be_decoded_is_refused_in_json() {
    let site = Site::new();
    let auth = site.auth();
    let ask = async |method: Method, path: &str| {
        let request = site.http.request(method, site.url(path)).header("Authorization", &auth);
        let answer = Answer::of(request).await;
        assert_eq!(answer.headers["content-type"], "application/json", "{path}");
        assert_eq!(answer.body["success"], false, "{path}");
        answer.error()
    };
    let slug = ask(Method::GET, "/api/v1/app/%FF").await;
    assert!(slug.starts_with("400 ") && slug.contains("UTF-8"), "{slug}");
    let twice = "/api/v1/app/x/upstream/update?channelId=a&channelId=b";
    let twice = ask(Method::POST, twice).await;
    assert!(twice.starts_with("400 ") && twice.contains("channelId"), "{twice}");
}

#[tokio::test]
async fn what_is_in_the_way_of_a_release() {
    let site = Site::new();
    site.install_airgap(&Builder::new().airgap(true).yaml()).await;
    let ask = async |slug: &str, body: serde_json::Value| {
        site.post(&format!("/api/v1/app/{slug}/can-install"), &body).await
    };
    let app = |version: &str| {
        format!(
            "apiVersion: kots.io/v1beta1\nkind: Application\nspec: {{title: Shop, minKotsVersion: {version}}}\n"
        )
    };
    let fine = json!({ "canInstall": true });
    assert_eq!(ask("any", json!({})).await.ok(), fine);
    assert_eq!(ask("any", json!({ "appSpec": app("1.0.0"), "isInstall": true })).await.ok(), fine);
    let old = ask("any", json!({ "appSpec": app("99.0.0") })).await.ok();
    assert_eq!(old["canInstall"], false);
    assert!(old["error"].as_str().unwrap().contains("Upgrade KOTS to version 99.0.0"), "{old}");

    let mut airgap = BundleSpec::sample("1.1.0").unwrap().airgap;
    assert_eq!(ask("sample-app", json!({ "airgapSpec": airgap.to_yaml() })).await.ok(), fine);
    airgap.update_cursor = "3".into();
    airgap.required_releases = vec![RequiredRelease {
        version_label: "1.0.5".into(),
        update_cursor: "2".into(),
        ..RequiredRelease::default()
    }];
    let body = json!({ "airgapSpec": airgap.to_yaml() });
    let first = ask("sample-app", body.clone()).await.ok();
    assert_eq!(
        first["error"],
        "This version cannot be deployed because version 1.0.5 is required and must be deployed first."
    );
    assert_eq!(ask("nobody", body).await.error(), "500 failed to get kots app");
    let noise = ask("any", json!({ "appSpec": "kind: Nothing" })).await.error();
    assert!(noise.starts_with("500 failed to load kots app from contents: "), "{noise}");
    let noise = site.post("/api/v1/app/any/can-install", &json!([])).await.error();
    assert!(noise.starts_with("400 failed to parse request body: "), "{noise}");
}
