//! Secrets of an installation: given from outside, or made once in the state folder with mode 0600.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rand::Rng as _;
use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;

use crate::env;

/// Why a secret could not be had.
#[derive(Debug, Error)]
pub enum SecretError {
    /// A file could not be read or written.
    #[error("could not {what} {path}")]
    File {
        /// What was attempted.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The auth string has another form than `Kots <token>`.
    #[error("{path} does not hold an auth string: expected `Kots ` and a token without spaces")]
    AuthString {
        /// The file.
        path: PathBuf,
    },
}

/// Everything secret the server works with.
#[derive(Debug, Clone)]
pub(crate) struct Secrets {
    /// The whole value of the `Authorization` header of command lines.
    pub auth_string: SecretString,
    /// Signs session tokens.
    pub session_key: SecretString,
    /// Key text of passwords at rest.
    pub encryption_key: SecretString,
    /// Bcrypt hash of the console's password.
    pub password_bcrypt: Option<SecretString>,
}

impl Secrets {
    /// Reads what is given and makes what is not.
    pub(crate) fn load(state: &Path, auth_string_file: Option<&Path>) -> Result<Self, SecretError> {
        let folder = state.join("secrets");
        fs::create_dir_all(&folder)
            .and_then(|()| fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)))
            .map_err(|source| SecretError::File { what: "make", path: folder.clone(), source })?;
        let own = folder.join("authstring");
        let (path, auth_string) = match auth_string_file {
            Some(path) => (path.to_owned(), read(path)?),
            None => (own.clone(), kept(&own, || format!("Kots {}", token(32)))?),
        };
        let auth_string = auth_string.trim_end_matches(['\r', '\n']).to_owned();
        if auth_string
            .strip_prefix("Kots ")
            .is_none_or(|token| token.is_empty() || token.contains(char::is_whitespace))
        {
            return Err(SecretError::AuthString { path });
        }
        let session_key = match env::read(env::SESSION_KEY) {
            Some(key) => key,
            None => kept(&folder.join("session-key"), || token(48))?,
        };
        let encryption_key = match env::read(env::API_ENCRYPTION_KEY) {
            Some(key) => key,
            None => kept(&folder.join("encryption-key"), kinds::cipher::generate_key_text)?,
        };
        Ok(Self {
            auth_string: auth_string.into(),
            session_key: session_key.into(),
            encryption_key: encryption_key.trim().into(),
            password_bcrypt: env::read(env::SHARED_PASSWORD_BCRYPT).map(Into::into),
        })
    }

    /// Whether `header` is the auth string. Takes the same time for every wrong one.
    pub(crate) fn is_auth_string(&self, header: &str) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(
            header.as_bytes(),
            self.auth_string.expose_secret().as_bytes(),
        )
        .is_ok()
    }
}

fn token(length: usize) -> String {
    rand::rng().sample_iter(rand::distr::Alphanumeric).take(length).map(char::from).collect()
}

fn read(path: &Path) -> Result<String, SecretError> {
    fs::read_to_string(path).map_err(|source| SecretError::File {
        what: "read",
        path: path.to_owned(),
        source,
    })
}

/// Reads `path`, or makes it with mode 0600. A crash in between leaves no half-written secret.
fn kept(path: &Path, make: impl FnOnce() -> String) -> Result<String, SecretError> {
    if path.exists() {
        return read(path);
    }
    let value = make();
    let temp = path.with_extension("new");
    let write = || -> io::Result<()> {
        let _ = fs::remove_file(&temp);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temp)?;
        file.write_all(value.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temp, path)
    };
    write().map_err(|source| SecretError::File { what: "write", path: path.to_owned(), source })?;
    Ok(value)
}
