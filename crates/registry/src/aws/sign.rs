//! Signature Version 4 of one kind of request: a JSON body posted to `/`.

use aws_lc_rs::hmac;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::Keys;

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// What is signed.
pub(super) struct Request<'a> {
    pub(super) url: &'a Url,
    pub(super) target: &'a str,
    pub(super) body: &'a [u8],
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

/// The headers that make the request one of the keys' owner.
pub(super) fn headers(
    request: &Request<'_>,
    keys: &Keys,
    now: Timestamp,
) -> Vec<(&'static str, String)> {
    let time = now.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut host = request.url.host_str().unwrap_or_default().to_owned();
    if let Some(port) = request.url.port() {
        host = format!("{host}:{port}");
    }
    let mut signed = vec![
        ("content-type", CONTENT_TYPE.to_owned()),
        ("host", host),
        ("x-amz-date", time.clone()),
    ];
    if let Some(token) = &keys.session_token {
        signed.push(("x-amz-security-token", token.expose_secret().to_owned()));
    }
    signed.push(("x-amz-target", request.target.to_owned()));
    let authorization =
        authorization("POST", request.url.path(), "", &signed, request, keys, &time);
    let mut headers: Vec<_> = signed.into_iter().filter(|(name, _)| *name != "host").collect();
    headers.push(("authorization", authorization));
    headers
}

/// The value of `Authorization`. `signed` is sorted by name.
fn authorization(
    method: &str,
    path: &str,
    query: &str,
    signed: &[(&str, String)],
    request: &Request<'_>,
    keys: &Keys,
    time: &str,
) -> String {
    let date = &time[..8];
    let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let lines: Vec<String> = signed.iter().map(|(name, value)| format!("{name}:{value}")).collect();
    let lines = lines.join("\n");
    let canonical = format!(
        "{method}\n{path}\n{query}\n{lines}\n\n{names}\n{}",
        hex::encode(Sha256::digest(request.body))
    );
    let scope = format!("{date}/{}/{}/aws4_request", request.region, request.service);
    let text = format!(
        "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
        hex::encode(Sha256::digest(canonical.as_bytes()))
    );
    let secret = format!("AWS4{}", keys.secret_access_key.expose_secret());
    let key = [date, request.region, request.service, "aws4_request"]
        .iter()
        .fold(secret.into_bytes(), |key, part| mac(&key, part.as_bytes()));
    let signature = hex::encode(mac(&key, text.as_bytes()));
    format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
        keys.access_key_id
    )
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `get-vanilla` and `post-vanilla` of Amazon's published test suite.
    #[test]
    fn amazons_vectors() {
        let keys = Keys {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned().into(),
            session_token: None,
        };
        let url = Url::parse("https://example.amazonaws.com/").expect("a URL");
        let request =
            Request { url: &url, target: "", body: b"", region: "us-east-1", service: "service" };
        let signed = [
            ("host", "example.amazonaws.com".to_owned()),
            ("x-amz-date", "20150830T123600Z".to_owned()),
        ];
        let check =
            |method| authorization(method, "/", "", &signed, &request, &keys, "20150830T123600Z");
        assert_eq!(
            check("GET"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
        assert_eq!(
            check("POST"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
    }

    /// `post-sts-header-before` and `post-x-www-form-urlencoded` of the same suite: a session's token, and a body.
    #[test]
    fn amazons_vectors_with_a_token_and_a_body() {
        let keys = Keys {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned().into(),
            session_token: None,
        };
        let url = Url::parse("https://example.amazonaws.com/").expect("a URL");
        let check = |signed: &[(&str, &str)], body: &[u8]| {
            let request =
                Request { url: &url, target: "", body, region: "us-east-1", service: "service" };
            let signed: Vec<_> =
                signed.iter().map(|(name, it)| (*name, (*it).to_owned())).collect();
            let value =
                authorization("POST", "/", "", &signed, &request, &keys, "20150830T123600Z");
            value.split_once("SignedHeaders=").expect("it names them").1.to_owned()
        };
        let host = ("host", "example.amazonaws.com");
        let date = ("x-amz-date", "20150830T123600Z");
        let token = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
        assert_eq!(
            check(&[host, date, ("x-amz-security-token", token)], b""),
            "host;x-amz-date;x-amz-security-token, Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"
        );
        let form = ("content-type", "application/x-www-form-urlencoded");
        assert_eq!(
            check(&[form, host, date], b"Param1=value1"),
            "content-type;host;x-amz-date, Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
        );
    }

    #[test]
    fn a_session_is_signed_too() {
        let keys = Keys {
            access_key_id: "A".to_owned(),
            secret_access_key: "s".to_owned().into(),
            session_token: Some("t".to_owned().into()),
        };
        let url = Url::parse("https://127.0.0.1:4566/").expect("a URL");
        let request =
            Request { url: &url, target: "T", body: b"{}", region: "eu-west-1", service: "ecr" };
        let now = "2026-01-02T03:04:05Z".parse().expect("a time");
        let headers = headers(&request, &keys, now);
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            names,
            ["content-type", "x-amz-date", "x-amz-security-token", "x-amz-target", "authorization"]
        );
        assert!(headers[4].1.contains(
            "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
        ));
        assert_eq!(headers[1].1, "20260102T030405Z");
    }
}
