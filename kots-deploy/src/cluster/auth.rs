//! The secret that lets us in. Mirrors `pkg/auth/auth.go`: read, or created when missing. Unlike
//! there, a secret without its value is an error (W19) and nothing is cached.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use rand::Rng as _;
use rand::distr::Alphanumeric;
use secrecy::SecretString;

use super::Cluster;
use super::error::{ApiKind, AuthError};

const NAME: &str = "kotsadm-authstring";
const KEY: &str = "kotsadm-authstring";
const RANDOM_CHARACTERS: usize = 32;

/// What the original prints on stdout (with a blank line before and after) when the secret cannot
/// be read.
pub fn unreadable_secret_notice(namespace: &str) -> String {
    format!(
        "Unable to authenticate to the Admin Console running in the {namespace} namespace. \
         Ensure you have read access to secrets in this namespace and try again."
    )
}

pub(super) async fn get_or_create(
    cluster: &Cluster,
    embedded_cluster: bool,
) -> Result<SecretString, AuthError> {
    let secrets: Api<Secret> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    match cluster.timed(secrets.get(NAME)).await {
        Ok(secret) => return value(&secret, &cluster.namespace),
        Err(failure) if failure.kind == ApiKind::NotFound => {}
        Err(failure) => return Err(AuthError::Check(failure)),
    }
    let secret = new_secret(&cluster.namespace, embedded_cluster);
    match cluster.timed(secrets.create(&PostParams::default(), &secret)).await {
        Ok(_) => value(&secret, &cluster.namespace),
        // Somebody was quicker: theirs counts.
        Err(failure) if failure.kind == ApiKind::AlreadyExists => {
            let secret = cluster.timed(secrets.get(NAME)).await.map_err(AuthError::Check)?;
            value(&secret, &cluster.namespace)
        }
        Err(failure) => Err(AuthError::Create(failure)),
    }
}

fn value(secret: &Secret, namespace: &str) -> Result<SecretString, AuthError> {
    let data = secret.data.as_ref();
    let value = data
        .and_then(|data| data.get(KEY))
        .and_then(|value| std::str::from_utf8(&value.0).ok())
        .map(|value| value.trim_end_matches(['\r', '\n']))
        .filter(|value| !value.is_empty());
    if let Some(value) = value {
        return Ok(SecretString::from(value.to_owned()));
    }
    let mut keys = String::new();
    for key in data.iter().flat_map(|data| data.keys()).take(10) {
        let separator = if keys.is_empty() { "" } else { ", " };
        write!(keys, "{separator}`{key}`").expect("a String takes any text");
    }
    if keys.is_empty() {
        keys.push_str("nothing");
    }
    Err(AuthError::MissingKey { namespace: namespace.to_owned(), keys })
}

fn new_secret(namespace: &str, embedded_cluster: bool) -> Secret {
    let mut random = rand::rng();
    let mut text = "Kots ".to_owned();
    text.extend((0..RANDOM_CHARACTERS).map(|_| char::from(random.sample(Alphanumeric))));
    let mut labels = BTreeMap::from([
        ("kots.io/kotsadm".to_owned(), "true".to_owned()),
        ("kots.io/backup".to_owned(), "velero".to_owned()),
    ]);
    if embedded_cluster {
        labels.insert("replicated.com/disaster-recovery".to_owned(), "infra".to_owned());
        labels.insert(
            "replicated.com/disaster-recovery-chart".to_owned(),
            "admin-console".to_owned(),
        );
    }
    Secret {
        metadata: ObjectMeta {
            name: Some(NAME.to_owned()),
            namespace: Some(namespace.to_owned()),
            labels: Some(labels),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([(KEY.to_owned(), ByteString(text.into_bytes()))])),
        ..Secret::default()
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_new_secret_is_what_the_original_makes() {
        let secret = new_secret("app", true);
        let text = value(&secret, "app").expect("a value");
        let token = text.expose_secret().strip_prefix("Kots ").expect("the scheme");
        assert_eq!(token.len(), 32);
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        insta::assert_debug_snapshot!(secret.metadata.labels, @r#"
        Some(
            {
                "kots.io/backup": "velero",
                "kots.io/kotsadm": "true",
                "replicated.com/disaster-recovery": "infra",
                "replicated.com/disaster-recovery-chart": "admin-console",
            },
        )
        "#);
        assert_eq!(new_secret("app", false).metadata.labels.map_or(0, |labels| labels.len()), 2);
    }

    #[test]
    fn a_secret_without_its_key_is_named() {
        let other = Secret {
            data: Some(BTreeMap::from([("authstring".to_owned(), ByteString(b"x".to_vec()))])),
            ..Secret::default()
        };
        let text = value(&other, "app").expect_err("no value").to_string();
        insta::assert_snapshot!(text, @"secret `kotsadm-authstring` in namespace `app` has no value under the key `kotsadm-authstring`; it holds: `authstring`");
        assert!(value(&Secret::default(), "app").is_err());
    }
}
