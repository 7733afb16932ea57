//! Secrets that the data directory holds: the key of tokens, the key of answers, the password's hash.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use kinds::cipher::{Cipher, generate_key_text};
use rand::Rng as _;
use secrecy::SecretString;

use crate::site::{make_private, write_private};

/// Letters of a password that is made up; none that look like another.
const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// The secrets of a data directory.
pub(crate) struct Secrets {
    folder: PathBuf,
    pub(crate) session_key: SecretString,
    pub(crate) cipher: Cipher,
}

impl Secrets {
    /// Reads the secrets, making those that are missing.
    pub(crate) fn open(data_dir: &Path) -> Result<Self> {
        let folder = data_dir.join("secrets");
        make_private(&folder).with_context(|| format!("could not make {}", folder.display()))?;
        let session_key = kept(&folder.join("session-key"), generate_key_text)?;
        let cipher = Cipher::from_key_text(&kept(&folder.join("answers-key"), generate_key_text)?)
            .with_context(|| format!("the key in {} cannot be used", folder.display()))?;
        Ok(Self { folder, session_key: session_key.into(), cipher })
    }

    /// The folder they are in.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The hash of the password: of the one given, else of the one that was made up before, else of
    /// a new one, which is returned to be shown this once.
    pub(crate) fn password(&self, given: Option<&str>) -> Result<(SecretString, Option<String>)> {
        let path = self.folder.join("password.bcrypt");
        let made = match given {
            Some(given) => given.to_owned(),
            None if path.exists() => {
                let hash = std::fs::read_to_string(&path)
                    .with_context(|| format!("could not read {}", path.display()))?;
                return Ok((hash.into(), None));
            }
            None => {
                let mut random = rand::rng();
                (0..16)
                    .map(|_| char::from(LETTERS[random.random_range(0..LETTERS.len())]))
                    .collect()
            }
        };
        let hash = bcrypt::hash(&made, 10).context("the password cannot be hashed")?;
        write_private(&path, hash.as_bytes())
            .with_context(|| format!("could not write {}", path.display()))?;
        Ok((hash.into(), given.is_none().then_some(made)))
    }
}

fn kept(path: &Path, make: impl FnOnce() -> String) -> Result<String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = make();
            write_private(path, text.as_bytes())
                .with_context(|| format!("could not write {}", path.display()))?;
            Ok(text)
        }
        Err(error) => Err(error).with_context(|| format!("could not read {}", path.display())),
    }
}
