//! Logins in Docker's form: secrets of the type `kubernetes.io/dockerconfigjson` and the files of docker and podman.
//! Pure.
//!
//! Credential helpers are not run: they are programs of others.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};

/// One login.
#[derive(Debug, Clone)]
pub struct Login {
    /// `host[:port]`.
    pub host: String,
    /// The user.
    pub username: String,
    /// The password.
    pub password: SecretString,
    /// Where it is from, for people.
    pub from: String,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    auths: Map<String, Value>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    username: String,
    password: String,
    auth: String,
}

/// Reads logins, in their order. Entries without a user are passed over.
///
/// # Errors
///
/// When it is not JSON of that form; the text is not in the error.
pub fn read(bytes: &[u8], from: &str) -> Result<Vec<Login>, String> {
    let file: File =
        serde_json::from_slice(bytes).map_err(|_| "it is not a Docker config".to_owned())?;
    Ok(file.auths.iter().filter_map(|(host, entry)| login(host, entry, from)).collect())
}

fn login(host: &str, entry: &Value, from: &str) -> Option<Login> {
    let entry: Entry = serde_json::from_value(entry.clone()).ok()?;
    let (username, password) = if entry.username.is_empty() {
        let decoded = String::from_utf8(STANDARD.decode(entry.auth.trim()).ok()?).ok()?;
        let (username, password) = decoded.split_once(':')?;
        (username.to_owned(), password.trim_end_matches('\0').to_owned())
    } else {
        (entry.username, entry.password)
    };
    if username.is_empty() {
        return None;
    }
    let host = host.split_once("://").map_or(host, |(_, host)| host);
    let host = host.split('/').next().unwrap_or_default();
    let host = if host == "index.docker.io" { "docker.io" } else { host };
    Some(Login {
        host: host.to_owned(),
        username,
        password: password.into(),
        from: from.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret as _;

    use super::*;

    fn check(text: &str) -> String {
        match read(text.as_bytes(), "a file") {
            Ok(logins) => logins
                .iter()
                .map(|it| format!("{} {} {}", it.host, it.username, it.password.expose_secret()))
                .collect::<Vec<_>>()
                .join(", "),
            Err(error) => format!("Error: {error}"),
        }
    }

    #[test]
    fn every_form_of_an_entry() {
        let lines = [
            r#"{"auths":{"b.example:5000":{"username":"kurl","password":"p"},"a.example":{"auth":"bWU6cGE6c3M="}}}"#,
            r#"{"auths":{"https://index.docker.io/v1/":{"auth":"bWU6cA=="}}}"#,
            r#"{"auths":{"a":{},"b":{"auth":"%%"},"c":{"auth":"bm9ib2R5"},"d":7}}"#,
            r#"{"credsStore":"desktop"}"#,
            r#"{"auths":[]}"#,
            "secret",
        ]
        .map(check);
        insta::assert_snapshot!(lines.join("\n"), @r"
        b.example:5000 kurl p, a.example me pa:ss
        docker.io me p


        Error: it is not a Docker config
        Error: it is not a Docker config
        ");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes, "");
        }
    }
}
