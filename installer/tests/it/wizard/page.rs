//! The page itself: what it is told, what else is given out, and what is not.

use std::process::Stdio;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::{PAGE, with_page};
use crate::harness::{Manager, Site};

/// A path asked for as a browser does, without a token.
fn get(manager: &Manager, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, String) {
    let mut request = manager.http.get(format!("{}{path}", manager.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    (status, headers, response.text().unwrap())
}

/// What the page's script assigns.
pub(crate) fn initial_state(manager: &Manager) -> Value {
    let (status, _, page) = get(manager, "/", &[]);
    assert_eq!(status, 200, "{page}");
    let (_, rest) = page.split_once("window.__INITIAL_STATE__ = ").unwrap();
    serde_json::from_str(rest.split_once(";\n").unwrap().0).unwrap()
}

#[test]
fn the_page_and_its_files_are_given_out_safely() {
    let site = with_page(Site::installed());
    std::fs::write(site.path("web/.secret"), "hidden").unwrap();
    std::fs::write(site.path("web/logo.svg"), "<svg xmlns='http://www.w3.org/2000/svg'/>").unwrap();
    let manager = site.start("upgrade", "linux");

    let (status, headers, page) = get(&manager, "/", &[]);
    assert_eq!(status, 200);
    assert_eq!(headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(headers["cache-control"], "no-store");
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'self' 'sha256-"), "{policy}");
    assert!(!policy.contains("script-src 'self' 'unsafe-inline'"), "{policy}");
    assert!(!page.contains("{{"), "{page}");
    // Its own router knows what to show.
    for path in ["/index.html", "/anything/else", "/.secret", "/..%2fconsole", "/apis"] {
        let (status, _, other) = get(&manager, path, &[]);
        assert_eq!((status, &other), (200, &page), "{path}");
    }

    let path = "/assets/index-B1a2C3d4.js";
    let (status, headers, text) = get(&manager, path, &[]);
    assert_eq!((status, text.as_str()), (200, "export {};\n"));
    assert_eq!(headers["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["cache-control"], "no-cache");
    let tag = headers["etag"].to_str().unwrap();
    let (status, _, text) = get(&manager, path, &[("if-none-match", tag)]);
    assert_eq!((status, text.as_str()), (304, ""));
    assert_eq!(get(&manager, "/logo.svg", &[]).1["content-type"], "image/svg+xml");

    let (status, _, text) = get(&manager, "/assets/gone.js", &[]);
    assert_eq!(status, 404, "{text}");
    assert_eq!(manager.ask(Method::POST, "/api/nothing", None).status, 404);
    assert_eq!(get(&manager, "/api/linux/upgrade/nothing", &[]).0, 404);
    let posted = manager.http.post(format!("{}/", manager.url)).send().unwrap();
    assert_eq!(posted.status().as_u16(), 405);
    let head = manager.http.head(format!("{}/", manager.url)).send().unwrap();
    assert_eq!(head.status().as_u16(), 200);
    // Nothing is read later: what is put there now is not given out.
    std::fs::write(site.path("web/assets/late.js"), "late").unwrap();
    assert_eq!(get(&manager, "/assets/late.js", &[]).0, 404);
}

#[test]
fn without_its_files_the_page_says_what_is_missing() {
    let site = Site::installed();
    let manager = site.start("upgrade", "linux");
    let (status, _, text) = get(&manager, "/", &[]);
    assert_eq!(status, 404);
    assert!(text.contains("there is no web page here"), "{text}");
}

/// What the command says of a folder.
fn refusal(prepare: impl FnOnce(&std::path::Path)) -> String {
    let site = with_page(Site::installed());
    prepare(&site.path("web"));
    let output = site.command("upgrade", "linux").stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    text.replace(&site.folder.path().canonicalize().unwrap().display().to_string(), "SITE")
        .replace(&site.folder.path().display().to_string(), "SITE")
}

#[test]
fn a_folder_that_is_no_wizard_is_refused_before_anything_begins() {
    let missing = refusal(|web| std::fs::remove_file(web.join("index.html")).unwrap());
    let other = refusal(|web| {
        let page = PAGE.replace("{{ .InitialState }}", "{}");
        std::fs::write(web.join("index.html"), page).unwrap();
    });
    let link = refusal(|web| {
        std::os::unix::fs::symlink("/etc/passwd", web.join("assets/passwd.txt")).unwrap();
    });
    let gone = refusal(|web| std::fs::remove_dir_all(web).unwrap());
    insta::assert_snapshot!([missing, other, link, gone].concat(), @r"
    Error: SITE/web cannot be used as --web-dir: SITE/web/index.html cannot be the wizard's page: it is not there
    Error: SITE/web cannot be used as --web-dir: SITE/web/index.html cannot be the wizard's page: it has no `{{ .InitialState }}` to be told what it is for
    Error: SITE/web cannot be used as --web-dir: SITE/web/assets/passwd.txt is no plain file or folder: links are not followed
    Error: SITE/web cannot be used as --web-dir: could not read SITE/web: No such file or directory (os error 2)
    ");
}
