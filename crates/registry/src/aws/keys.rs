//! Where AWS keys are found: the environment, then the shared credentials file.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use thiserror::Error;

/// The most bytes of a credentials file.
const FILE_LIMIT_BYTES: u64 = 1 << 20;

/// A key pair, perhaps of a session.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Which pair it is.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: SecretString,
    /// Of a session, its token.
    pub session_token: Option<SecretString>,
}

/// Why there are no keys.
#[derive(Debug, Error)]
pub enum KeysError {
    /// Nothing anywhere.
    #[error("no AWS keys: neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY nor profile `{profile}` in {}", path.display())]
    None {
        /// The profile.
        profile: String,
        /// The file that was looked at.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("failed to read AWS credentials file {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The profile has a process, a role or an SSO session instead of keys.
    #[error("profile `{profile}` in {} has no aws_access_key_id and aws_secret_access_key", path.display())]
    Incomplete {
        /// The profile.
        profile: String,
        /// The file.
        path: PathBuf,
    },
}

/// Finds keys as AWS's own programs do, as far as that needs no request: the variables `AWS_ACCESS_KEY_ID`,
/// `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, then profile `AWS_PROFILE` (or `default`) of
/// `AWS_SHARED_CREDENTIALS_FILE` (or `~/.aws/credentials`).
///
/// # Errors
///
/// Says where was looked.
pub fn find(environment: &dyn Fn(&str) -> Option<String>) -> Result<Keys, KeysError> {
    let variable = |name: &str| environment(name).filter(|it| !it.is_empty());
    if let (Some(id), Some(secret)) =
        (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"))
    {
        return Ok(Keys {
            access_key_id: id,
            secret_access_key: secret.into(),
            session_token: variable("AWS_SESSION_TOKEN").map(SecretString::from),
        });
    }
    let profile = variable("AWS_PROFILE").unwrap_or_else(|| "default".to_owned());
    let path = variable("AWS_SHARED_CREDENTIALS_FILE").map_or_else(
        || Path::new(&variable("HOME").unwrap_or_default()).join(".aws/credentials"),
        PathBuf::from,
    );
    let text = match read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(KeysError::None { profile, path });
        }
        Err(source) => return Err(KeysError::File { path, source }),
    };
    match of_profile(&text, &profile) {
        Profile::Keys(keys) => Ok(keys),
        Profile::NoKeys => Err(KeysError::Incomplete { profile, path }),
        Profile::Absent => Err(KeysError::None { profile, path }),
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)?.take(FILE_LIMIT_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// What a credentials file has for a profile.
enum Profile {
    Keys(Keys),
    NoKeys,
    Absent,
}

fn of_profile(text: &str, profile: &str) -> Profile {
    let mut section = "";
    let mut found = false;
    let (mut id, mut secret, mut token) = (None, None, None);
    for line in text.lines().map(str::trim) {
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            section = name.trim();
            found |= section == profile;
        } else if let (true, Some((name, value))) = (section == profile, line.split_once('=')) {
            let value = value.trim().to_owned();
            match name.trim() {
                "aws_access_key_id" => id = Some(value),
                "aws_secret_access_key" => secret = Some(value),
                "aws_session_token" => token = Some(value),
                _ => {}
            }
        }
    }
    match id.zip(secret) {
        Some((access_key_id, secret)) => Profile::Keys(Keys {
            access_key_id,
            secret_access_key: secret.into(),
            session_token: token.map(SecretString::from),
        }),
        None if found => Profile::NoKeys,
        None => Profile::Absent,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn check(variables: &[(&str, &str)]) -> String {
        let variables: HashMap<&str, &str> = variables.iter().copied().collect();
        match find(&|name| variables.get(name).map(|it| (*it).to_owned())) {
            Ok(keys) => format!(
                "{}{}",
                keys.access_key_id,
                if keys.session_token.is_some() { " session" } else { "" }
            ),
            Err(error) => format!("Error: {error}"),
        }
    }

    #[test]
    fn keys_are_found_in_the_usual_places() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("credentials");
        std::fs::write(
            &file,
            "# mine\n[default]\naws_access_key_id = A\naws_secret_access_key=s\n\n[ci]\naws_access_key_id=B\naws_secret_access_key=s\naws_session_token=t\n[role]\nrole_arn=x\n",
        )
        .expect("written");
        let file = file.to_str().expect("a path");
        let shared = ("AWS_SHARED_CREDENTIALS_FILE", file);
        let lines = [
            check(&[("AWS_ACCESS_KEY_ID", "E"), ("AWS_SECRET_ACCESS_KEY", "s"), shared]),
            check(&[shared]),
            check(&[shared, ("AWS_PROFILE", "ci")]),
            check(&[shared, ("AWS_PROFILE", "role")]),
            check(&[shared, ("AWS_PROFILE", "other")]),
            check(&[("HOME", "/nowhere")]),
        ]
        .map(|it| it.replace(file, "FILE"));
        insta::assert_snapshot!(lines.join("\n"), @r"
        E
        A
        B session
        Error: profile `role` in FILE has no aws_access_key_id and aws_secret_access_key
        Error: no AWS keys: neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY nor profile `other` in FILE
        Error: no AWS keys: neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY nor profile `default` in /nowhere/.aws/credentials
        ");
    }
}
