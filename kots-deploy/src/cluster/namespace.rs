//! Which namespace kotsadm is in. Mirrors `cmd/kots/cli/namespace.go`, except that the default is
//! read from the kubeconfig and context that are really used, and that a name must be a valid
//! namespace name, not only a valid label value.

use super::error::{ConfigError, NamespaceError};

/// Used when neither the user nor the kubeconfig names one.
const DEFAULT: &str = "default";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric \
    characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. \
    'MyValue',  or 'my_value',  or '12345', regex used for validation is \
    '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const DNS_LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric \
    characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or \
    '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LIMIT_BYTES: usize = 63;

/// Returns the namespace: what was given, else the context's, else `default`.
pub(super) fn resolve(
    given: Option<&str>,
    from_context: Result<Option<&str>, &ConfigError>,
) -> Result<String, NamespaceError> {
    let namespace = match given.filter(|given| !given.is_empty()) {
        Some(given) => given,
        None => match from_context {
            Ok(namespace) => namespace.filter(|name| !name.is_empty()).unwrap_or(DEFAULT),
            Err(ConfigError::Config(text) | ConfigError::Client(text)) => {
                return Err(NamespaceError::Kubeconfig(text.clone()));
            }
        },
    };
    match problem(namespace) {
        None => Ok(namespace.to_owned()),
        Some(problem) => Err(NamespaceError::Invalid { namespace: namespace.to_owned(), problem }),
    }
}

/// Returns the first rule that `namespace` breaks.
fn problem(namespace: &str) -> Option<String> {
    if namespace.contains('_') {
        return Some("a namespace should not contain the _ character".to_owned());
    }
    if namespace.len() > LIMIT_BYTES {
        return Some(format!("must be no more than {LIMIT_BYTES} bytes"));
    }
    let ends_well = |allowed: fn(u8) -> bool| {
        let bytes = namespace.as_bytes();
        bytes.first().copied().is_some_and(allowed) && bytes.last().copied().is_some_and(allowed)
    };
    let label_value = ends_well(|byte| byte.is_ascii_alphanumeric())
        && namespace.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if !label_value {
        return Some(LABEL_VALUE.to_owned());
    }
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let dns_label = ends_well(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        && namespace.bytes().all(|byte| lower(byte) || byte == b'-');
    (!dns_label).then(|| DNS_LABEL.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: Option<&str>, from_context: Option<&str>) -> String {
        resolve(given, Ok(from_context)).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn precedence() {
        assert_eq!(check(Some("given"), Some("context")), "given");
        assert_eq!(check(Some(""), Some("context")), "context");
        assert_eq!(check(None, Some("")), "default");
        assert_eq!(check(None, None), "default");
    }

    #[test]
    fn messages() {
        insta::assert_snapshot!(check(Some("a_b"), None), @"invalid namespace a_b: a namespace should not contain the _ character");
        insta::assert_snapshot!(check(Some(&"a".repeat(64)), None), @"invalid namespace aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: must be no more than 63 bytes");
        insta::assert_snapshot!(check(Some("a b"), None), @"invalid namespace a b: a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')");
        insta::assert_snapshot!(check(None, Some("App.one")), @"invalid namespace App.one: a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')");
    }

    #[test]
    fn a_broken_kubeconfig_matters_only_when_it_is_asked() {
        let broken = ConfigError::Config("no such file".to_owned());
        assert_eq!(resolve(Some("given"), Err(&broken)).expect("a namespace"), "given");
        let error = resolve(None, Err(&broken)).expect_err("no namespace");
        assert_eq!(error.to_string(), "failed to load kubeconfig: no such file");
    }
}
