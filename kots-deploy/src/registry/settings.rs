//! Decides which registry images go to and with whose credentials. Pure.
//!
//! The original takes what was typed, else the registry of an embedded cluster, and when there is neither it pushes to
//! Docker Hub; it overwrites typed credentials with found ones and never looks at the registry that the application's
//! manifests are rewritten to (`install.go: getRegistryConfig`). Here what was typed wins, what the application has
//! stored must be the same place, and nothing is nothing.

use registry::aws::{self, KeysError};
use registry::{Credentials, Endpoint, EndpointError};
use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;
use url::Url;

use super::logins::Login;
use crate::deploy::args::ImageArgs;

/// The users whose entry in the secret `registry-creds` is the registry of a cluster
/// (`pkg/kotsutil/embedded.go: GetEmbeddedRegistryCreds`).
const EMBEDDED_USERS: [&str; 2] = ["kurl", "embedded-cluster"];

/// What the admin console has stored for the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// `host[:port]`.
    pub hostname: String,
    /// Namespace in it.
    pub namespace: String,
    /// Nothing is to be pushed to it.
    pub read_only: bool,
}

/// What was found beside what was typed.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Of the admin console.
    pub stored: Option<Stored>,
    /// Of secrets `registry-creds`, in the order in which they count.
    pub embedded: Vec<Login>,
    /// Of the secret `kotsadm-private-registry` and of files of this machine.
    pub logins: Vec<Login>,
    /// AWS keys, or why there are none.
    pub aws: Option<Result<aws::Keys, String>>,
    /// Another place than the usual to ask AWS for passwords.
    pub aws_api: Option<Url>,
    /// Where was looked and what came of it, for the refusal.
    pub looked: Vec<String>,
}

/// What was decided.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The registry and namespace.
    pub endpoint: Endpoint,
    /// How to log in.
    pub credentials: Credentials,
    /// Where both are from, for people.
    pub from: String,
    /// Whether it is the one that the application uses already.
    pub is_stored: bool,
}

/// A registry that the application is to use from now on: the admin console names it in the manifests.
#[derive(Debug, Clone)]
pub struct NewRegistry {
    /// `host[:port]`.
    pub hostname: String,
    /// Namespace in it.
    pub namespace: String,
    /// Empty without credentials, and when they end by themselves: Amazon's hold for twelve hours.
    pub username: String,
    /// The password.
    pub password: SecretString,
    /// Nothing is to be pushed to it.
    pub read_only: bool,
}

impl Chosen {
    /// What the admin console is to be told; `None` when the application uses this registry already.
    pub fn new_registry(&self, read_only: bool) -> Option<NewRegistry> {
        let (username, password) = match &self.credentials {
            Credentials::Basic { username, password } => (username.clone(), password.clone()),
            Credentials::Anonymous | Credentials::Ecr(_) => Default::default(),
        };
        (!self.is_stored).then(|| NewRegistry {
            hostname: self.endpoint.host().to_owned(),
            namespace: self.endpoint.namespace(),
            username,
            password,
            read_only,
        })
    }
}

impl NewRegistry {
    /// The place, as the console's settings show it.
    pub fn place(&self) -> String {
        match self.namespace.as_str() {
            "" => self.hostname.clone(),
            namespace => format!("{}/{namespace}", self.hostname),
        }
    }
}

/// Why nothing can be decided.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// Nothing names a registry.
    #[error("no registry is known to push images to")]
    Nowhere {
        /// Where was looked.
        looked: Vec<String>,
    },
    /// What was typed or found names none.
    #[error("the registry cannot be used (from {from})")]
    Endpoint {
        /// Where it is from.
        from: String,
        /// What is wrong with it.
        #[source]
        source: EndpointError,
    },
    /// The application's manifests will name other images than those that are pushed.
    #[error("images would go to {given}, but the application uses {stored}")]
    Differs {
        /// What was typed.
        given: String,
        /// What the admin console has stored.
        stored: String,
    },
    /// The stored registry is not to be pushed to.
    #[error(
        "the application's registry {0} is set to be read-only: images are put there by somebody else"
    )]
    ReadOnly(String),
    /// Half of a login.
    #[error("--registry-username and --registry-password belong together, and only one was given")]
    HalfLogin,
    /// ECR without keys.
    #[error("{host} is Amazon's registry, and there are no credentials for it: {why}")]
    Ecr {
        /// The registry.
        host: String,
        /// Where was looked for keys.
        why: String,
    },
}

impl SettingsError {
    /// Says what the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Nowhere { .. } => {
                "pass --kotsadm-registry HOST[:PORT][/NAMESPACE], or --disable-image-push when the images are in place"
            }
            Self::Endpoint { source, .. } => source.hint(),
            Self::Differs { .. } => {
                "push to the registry the application uses, or change its registry in the admin console first"
            }
            Self::ReadOnly(_) => "pass --disable-image-push",
            Self::HalfLogin => "pass both, or none",
            Self::Ecr { .. } => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or pass `--registry-username AWS --registry-password \"$(aws ecr get-login-password)\"`"
            }
        }
    }
}

/// Decides.
///
/// # Errors
///
/// [`SettingsError`]
pub fn choose(args: &ImageArgs, slug: &str, found: &Found) -> Result<Chosen, SettingsError> {
    let stored = found.stored.as_ref().filter(|it| !it.hostname.is_empty());
    let embedded = found.embedded.iter().find(|it| EMBEDDED_USERS.contains(&it.username.as_str()));
    let (registry, namespace, from) = if !args.registry.is_empty() {
        (args.registry.as_str(), args.namespace.as_str(), "the command line".to_owned())
    } else if let Some(stored) = stored {
        let namespace = if args.namespace.is_empty() { &stored.namespace } else { &args.namespace };
        (stored.hostname.as_str(), namespace.as_str(), "the application's settings".to_owned())
    } else if let Some(login) = embedded {
        let namespace = if args.namespace.is_empty() { slug } else { &args.namespace };
        (login.host.as_str(), namespace, login.from.clone())
    } else {
        return Err(SettingsError::Nowhere { looked: found.looked.clone() });
    };
    let endpoint = Endpoint::parse(registry, namespace, args.scheme())
        .map_err(|source| SettingsError::Endpoint { from: from.clone(), source })?;
    if let Some(stored) = stored {
        same_place(args, &endpoint, stored)?;
    }
    let (credentials, login) = credentials(args, &endpoint, found)?;
    let from = format!("registry {endpoint} from {from}, {login}");
    Ok(Chosen { endpoint, credentials, from, is_stored: stored.is_some() })
}

fn same_place(args: &ImageArgs, endpoint: &Endpoint, stored: &Stored) -> Result<(), SettingsError> {
    let from = || "the application's settings".to_owned();
    let theirs = Endpoint::parse(&stored.hostname, &stored.namespace, args.scheme())
        .map_err(|source| SettingsError::Endpoint { from: from(), source })?;
    if theirs != *endpoint {
        return Err(SettingsError::Differs {
            given: endpoint.to_string(),
            stored: theirs.to_string(),
        });
    }
    if stored.read_only && !args.disable_push {
        return Err(SettingsError::ReadOnly(theirs.to_string()));
    }
    Ok(())
}

/// How to log in, and in words from where: typed, else for ECR from AWS keys, else found for this host.
///
/// # Errors
///
/// For half a login, and for ECR without keys.
pub fn credentials(
    args: &ImageArgs,
    endpoint: &Endpoint,
    found: &Found,
) -> Result<(Credentials, String), SettingsError> {
    let password = args.password.expose_secret();
    let is_ecr = aws::ecr_of_host(endpoint.api_host()).is_some();
    match (args.username.is_empty(), password.is_empty()) {
        (false, false) if is_ecr && args.username != aws::ECR_USER => {
            let keys = aws::Keys {
                access_key_id: args.username.clone(),
                secret_access_key: args.password.clone(),
                session_token: None,
            };
            return ecr(endpoint, Ok(keys), found, "AWS keys from the flags");
        }
        (false, false) => {
            let given = basic(&args.username, &args.password);
            return Ok((given, format!("user {} from the flags", args.username)));
        }
        (true, true) => {}
        _ => return Err(SettingsError::HalfLogin),
    }
    let known = found
        .embedded
        .iter()
        .chain(&found.logins)
        .find(|it| it.host == endpoint.host() || it.host == endpoint.api_host());
    if let Some(login) = known {
        let words = format!("user {} from {}", login.username, login.from);
        return Ok((basic(&login.username, &login.password), words));
    }
    if is_ecr {
        let none = Err("nowhere was looked for AWS keys".to_owned());
        return ecr(endpoint, found.aws.clone().unwrap_or(none), found, "AWS keys of this machine");
    }
    Ok((Credentials::Anonymous, "without credentials".to_owned()))
}

fn ecr(
    endpoint: &Endpoint,
    keys: Result<aws::Keys, String>,
    found: &Found,
    words: &str,
) -> Result<(Credentials, String), SettingsError> {
    let failed = |why| SettingsError::Ecr { host: endpoint.host().to_owned(), why };
    let keys = keys.map_err(failed)?;
    let ecr = aws::Ecr::new(endpoint.api_host(), keys, found.aws_api.clone())
        .ok_or_else(|| failed("its name has no account and region".to_owned()))?;
    Ok((Credentials::Ecr(ecr), words.to_owned()))
}

fn basic(username: &str, password: &SecretString) -> Credentials {
    Credentials::Basic { username: username.to_owned(), password: password.clone() }
}

/// AWS keys as they go into [`Found`].
///
/// # Errors
///
/// Where was looked for them.
pub fn aws_keys(environment: &dyn Fn(&str) -> Option<String>) -> Result<aws::Keys, String> {
    aws::find(environment).map_err(|error: KeysError| error.to_string())
}

#[cfg(test)]
mod tests;
