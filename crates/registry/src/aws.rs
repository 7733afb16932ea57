//! Passwords of Amazon's registry (ECR) out of AWS keys.
//!
//! One small request, `GetAuthorizationToken`, signed by hand with Signature Version 4: the SDK for it is a few hundred
//! packages, and the signature is forty lines that Amazon publishes test vectors for.
//!
//! Deliberately absent: credentials that need requests of their own (instance metadata, container metadata, web
//! identity, SSO). `aws ecr get-login-password` has them all; its output is a password for the user `AWS`.

mod keys;
mod sign;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

pub use keys::{Keys, KeysError, find};

use crate::client::{Credentials, Fault, read_answer};

/// The user that a password of ECR is of.
pub const ECR_USER: &str = "AWS";
/// How long a password is used; it holds for twelve hours.
pub(crate) const PASSWORD_LIFE: Duration = Duration::from_hours(11);
/// How long AWS may take.
const LIMIT: Duration = Duration::from_secs(30);
const TARGET: &str = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken";

/// An ECR registry and the keys for it.
#[derive(Debug, Clone)]
pub struct Ecr {
    /// The account whose registry it is.
    account: String,
    region: String,
    api: Url,
    keys: Keys,
}

/// Whether a host is ECR's: its account and region.
///
/// `ACCOUNT.dkr.ecr[-fips].REGION.amazonaws.com[.cn]`.
pub fn ecr_of_host(host: &str) -> Option<(String, String)> {
    let parts: Vec<&str> = host.split('.').collect();
    let ([account, "dkr", "ecr" | "ecr-fips", region, "amazonaws", "com"]
    | [account, "dkr", "ecr" | "ecr-fips", region, "amazonaws", "com", "cn"]) = parts.as_slice()
    else {
        return None;
    };
    let fits = account.len() == 12 && account.bytes().all(|it| it.is_ascii_digit());
    fits.then(|| ((*account).to_owned(), (*region).to_owned()))
}

/// What a user name and a password log in with: for ECR they are a key pair, unless the user is [`ECR_USER`].
pub fn credentials_of(host: &str, username: &str, password: &SecretString) -> Credentials {
    let keys = || Keys {
        access_key_id: username.to_owned(),
        secret_access_key: password.clone(),
        session_token: None,
    };
    let ecr = Some(username).filter(|it| *it != ECR_USER);
    match ecr.and_then(|_| Ecr::new(host, keys(), None)) {
        Some(ecr) => Credentials::Ecr(ecr),
        None => Credentials::Basic { username: username.to_owned(), password: password.clone() },
    }
}

impl Ecr {
    /// The registry at `host` with `keys`; none when the host is not ECR's. `api` is where AWS is asked when that is
    /// not the usual place (`AWS_ENDPOINT_URL_ECR`).
    pub fn new(host: &str, keys: Keys, api: Option<Url>) -> Option<Self> {
        let (account, region) = ecr_of_host(host)?;
        let suffix = if host.split('.').next_back() == Some("cn") { ".cn" } else { "" };
        let api = match api {
            Some(api) => api,
            None => format!("https://api.ecr.{region}.amazonaws.com{suffix}/").parse().ok()?,
        };
        Some(Self { account, region, api, keys })
    }

    /// Asks for a password.
    ///
    /// # Errors
    ///
    /// When AWS refuses or cannot be asked.
    pub(crate) async fn password(&self, http: &reqwest::Client) -> Result<SecretString, Fault> {
        let body = format!("{{\"registryIds\":[\"{}\"]}}", self.account);
        let signed = sign::headers(
            &sign::Request {
                url: &self.api,
                target: TARGET,
                body: body.as_bytes(),
                region: &self.region,
                service: "ecr",
            },
            &self.keys,
            Timestamp::now(),
        );
        let mut request = http.post(self.api.clone()).timeout(LIMIT).body(body);
        for (name, value) in signed {
            request = request.header(name, value);
        }
        let response = request.send().await.map_err(|it| match Fault::of_transport(&it) {
            Fault::Transport { what } => Fault::Transport { what: format!("AWS: {what}") },
            other => other,
        })?;
        let answer = read_answer(response).await?;
        if !answer.status.is_success() {
            return Err(refusal(&answer.body, answer.fault()));
        }
        password_of(&answer.body)
            .ok_or_else(|| Fault::Strange { what: "AWS gave no password for ECR".to_owned() })
    }
}

fn refusal(body: &[u8], fault: Fault) -> Fault {
    if fault.passes() {
        return fault;
    }
    let parsed: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name| parsed.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, message) = (text("__type"), text("message"));
    Fault::Unauthorized { reason: format!("AWS gives no password for ECR: {kind} {message}") }
}

/// The password in the answer: base64 of `AWS:PASSWORD`.
fn password_of(body: &[u8]) -> Option<SecretString> {
    let parsed: Value = serde_json::from_slice(body).ok()?;
    let token = parsed.get("authorizationData")?.get(0)?.get("authorizationToken")?.as_str()?;
    let decoded = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    Some(decoded.strip_prefix("AWS:")?.to_owned().into())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_key_pair_is_exchanged_and_a_password_is_not() {
        let check = |host: &str, user: &str| match credentials_of(host, user, &"s".into()) {
            Credentials::Ecr(_) => "exchanged",
            Credentials::Basic { .. } => "as it is",
            Credentials::Anonymous => "none",
        };
        let ecr = "411111111111.dkr.ecr.us-west-1.amazonaws.com";
        assert_eq!(check(ecr, "AKIDEXAMPLE"), "exchanged");
        assert_eq!(check(ecr, ECR_USER), "as it is");
        assert_eq!(check("registry.example.com", "AKIDEXAMPLE"), "as it is");
    }

    #[test]
    fn hosts_of_ecr() {
        let check = |host: &str| {
            ecr_of_host(host).map_or_else(|| "no".to_owned(), |(a, r)| format!("{a} {r}"))
        };
        let lines = [
            "411111111111.dkr.ecr.us-west-1.amazonaws.com",
            "411111111111.dkr.ecr-fips.us-east-1.amazonaws.com",
            "411111111111.dkr.ecr.cn-north-1.amazonaws.com.cn",
            "dkr.ecr.us-west-1.amazonaws.com",
            "4.dkr.ecr.us-west-1.amazonaws.com",
            "registry.example.com",
            "411111111111.dkr.ecr.us-west-1.amazonaws.com.evil.example",
        ]
        .map(check);
        insta::assert_snapshot!(lines.join("\n"), @r"
        411111111111 us-west-1
        411111111111 us-east-1
        411111111111 cn-north-1
        no
        no
        no
        no
        ");
    }

    #[test]
    fn the_password_is_in_the_token() {
        let body = format!(
            r#"{{"authorizationData":[{{"authorizationToken":"{}","expiresAt":1}}]}}"#,
            STANDARD.encode("AWS:secret")
        );
        let password = password_of(body.as_bytes()).expect("a password");
        assert_eq!(password.expose_secret(), "secret");
        assert!(password_of(b"{}").is_none());
    }
}
