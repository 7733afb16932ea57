//! The operator's image registry of an application: what every version is rendered with
//! (`h/registry.go:122-361`).
//!
//! Settings and the version that is made of them are stored in one transaction; the original stores them last, after
//! its answer. Images of a bundle are brought there with it (`kots`, or `processbundle`), those of an online
//! application with the version; of a read-only registry it is looked up whether it has those of the newest version.

mod change;
mod present;

use kinds::cipher::Cipher;
use kinds::context::RegistrySettings;
use registry::{Endpoint, EndpointError, Scheme};
use secrecy::ExposeSecret as _;
use thiserror::Error;

pub(crate) use crate::store::apps::StoredRegistry;
pub(crate) use change::{ChangeError, adopt, change, check_access};

/// What a client sends for the password that is stored (`pkg/kotsadm/types: PasswordMask`).
pub(crate) const PASSWORD_MASK: &str = "***HIDDEN***";

/// Settings as a client sends them.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub hostname: String,
    pub namespace: String,
    pub username: String,
    /// In clear, or [`PASSWORD_MASK`].
    pub password: String,
    pub is_read_only: bool,
}

/// Why settings cannot be meant.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum SettingsError {
    /// The registry's name.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The masked password with something it was not given for.
    #[error(
        "the stored password is for another registry or user: give the password of user \
         `{username}` at `{host}`"
    )]
    MaskedElsewhere {
        /// The registry that was named.
        host: String,
        /// The user that was named.
        username: String,
    },
}

/// The password that is kept cannot be read with this server's key.
#[derive(Debug, Error)]
#[error("the password of the registry cannot be decrypted: give it again")]
pub(crate) struct LockedPassword;

impl StoredRegistry {
    /// Whether there is one.
    pub(crate) fn is_set(&self) -> bool {
        !self.host.is_empty()
    }

    /// Whether it is this server that brings images there. Where the nodes of a cluster pull by rights of their own,
    /// as from Amazon's registry without credentials, it has none to ask with.
    pub(crate) fn is_pushed_to(&self) -> bool {
        self.is_set() && !self.is_read_only && !self.is_pulled_by_nodes()
    }

    /// Whether the nodes of a cluster pull by rights of their own.
    fn is_pulled_by_nodes(&self) -> bool {
        self.username.is_empty() && registry::aws::ecr_of_host(&self.host).is_some()
    }

    /// What templates and images are rendered with.
    pub(crate) fn settings(&self, cipher: &Cipher) -> Result<RegistrySettings, LockedPassword> {
        let password = match &*self.password {
            "" => String::new(),
            sealed => cipher.decrypt(sealed).ok_or(LockedPassword)?,
        };
        Ok(RegistrySettings {
            host: self.host.clone(),
            namespace: self.namespace.clone(),
            username: self.username.clone(),
            password: password.into(),
            is_read_only: self.is_read_only,
        })
    }

    /// Whether versions are rendered alike with both. A password that cannot be read is like no other.
    pub(crate) fn renders_like(&self, other: &Self, cipher: &Cipher) -> bool {
        let names = |it: &Self| (it.host.clone(), it.namespace.clone(), it.username.clone());
        let password = |it: &Self| it.settings(cipher).ok().map(|it| it.password);
        names(self) == names(other)
            && match (password(self), password(other)) {
                (Some(one), Some(two)) => one.expose_secret() == two.expose_secret(),
                _ => false,
            }
    }
}

/// What is to be stored of what a client sends. Without a hostname nothing is.
///
/// The mask stands for the stored password only with the host and user it was given for: it must not be sent to
/// another one. The original sends it to any.
///
/// # Errors
///
/// The name is none of a registry, or the mask comes with another host or user.
pub(crate) fn decide(
    asked: &Asked,
    stored: &StoredRegistry,
    scheme: Scheme,
    cipher: &Cipher,
) -> Result<StoredRegistry, SettingsError> {
    if asked.hostname.trim().is_empty() {
        return Ok(StoredRegistry::default());
    }
    let endpoint = Endpoint::parse(asked.hostname.trim(), asked.namespace.trim(), scheme)?;
    let (host, username) = (endpoint.host().to_owned(), asked.username.clone());
    let password = match &*asked.password {
        "" => String::new(),
        PASSWORD_MASK if stored.host == host && stored.username == username => {
            stored.password.clone()
        }
        PASSWORD_MASK => return Err(SettingsError::MaskedElsewhere { host, username }),
        plain => cipher.encrypt(plain),
    };
    let namespace = endpoint.namespace();
    Ok(StoredRegistry { host, namespace, username, password, is_read_only: asked.is_read_only })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hostname: &str, username: &str, password: &str) -> String {
        let cipher = Cipher::from_key_text(&kinds::cipher::generate_key_text()).expect("a key");
        let stored = StoredRegistry {
            host: "one.example:5000".to_owned(),
            namespace: "shop".to_owned(),
            username: "me".to_owned(),
            password: cipher.encrypt("old"),
            is_read_only: false,
        };
        let asked = Asked {
            hostname: hostname.to_owned(),
            namespace: "shop".to_owned(),
            username: username.to_owned(),
            password: password.to_owned(),
            is_read_only: false,
        };
        match decide(&asked, &stored, Scheme::Https, &cipher) {
            Ok(new) => {
                let settings = new.settings(&cipher).expect("a readable password");
                let same = if new.renders_like(&stored, &cipher) { "same" } else { "other" };
                let password = settings.password.expose_secret().to_owned();
                format!("{}/{} {} {password} {same}", new.host, new.namespace, new.username)
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_masked_password_stays_with_its_host_and_user() {
        assert_eq!(
            check("one.example:5000", "me", PASSWORD_MASK),
            "one.example:5000/shop me old same"
        );
        assert_eq!(check("one.example:5000", "me", "old"), "one.example:5000/shop me old same");
        assert_eq!(check("one.example:5000", "me", "new"), "one.example:5000/shop me new other");
        assert_eq!(
            check("https://one.example:5000/a", "me", ""),
            "one.example:5000/a/shop me  other"
        );
        assert_eq!(
            check("two.example", "me", PASSWORD_MASK),
            "the stored password is for another registry or user: give the password of user `me` at `two.example`"
        );
        assert!(check("one.example:5000", "you", PASSWORD_MASK).contains("user `you`"));
        assert!(check("http://one.example:5000", "me", "x").contains("plain HTTP was not allowed"));
        assert_eq!(check("", "me", PASSWORD_MASK), "/   other");
    }
}
