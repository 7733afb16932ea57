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
mod tests {
    use super::*;

    fn args(registry: &str, namespace: &str, username: &str, password: &str) -> ImageArgs {
        ImageArgs {
            registry: registry.to_owned(),
            namespace: namespace.to_owned(),
            username: username.to_owned(),
            password: password.to_owned().into(),
            ..ImageArgs::default()
        }
    }

    fn login(host: &str, username: &str, from: &str) -> Login {
        Login {
            host: host.to_owned(),
            username: username.to_owned(),
            password: "secret".to_owned().into(),
            from: from.to_owned(),
        }
    }

    fn check(args: &ImageArgs, found: &Found) -> String {
        match choose(args, "shop", found) {
            Ok(it) => it.from,
            Err(error) => {
                let cause = std::error::Error::source(&error);
                let cause = cause.map_or_else(String::new, |it| format!(": {it}"));
                format!("Error: {error}{cause}")
            }
        }
    }

    #[test]
    fn what_the_console_does_not_know_it_is_told() {
        let told = |args: &ImageArgs, found: &Found| {
            let chosen = choose(args, "shop", found).expect("a registry");
            chosen.new_registry(args.disable_push).map_or_else(
                || "nothing".to_owned(),
                |it| {
                    let only = if it.read_only { ", read-only" } else { "" };
                    let place = it.place();
                    format!("{place} {}:{}{only}", it.username, it.password.expose_secret())
                },
            )
        };
        let typed = args("https://reg.example/a", "b", "me", "pw");
        let elsewhere = ImageArgs { disable_push: true, ..args("reg.example", "", "", "") };
        let ecr = args("411111111111.dkr.ecr.us-west-1.amazonaws.com", "", "AKIA", "s");
        let lines = [
            told(&typed, &Found::default()),
            told(&typed, &stored("reg.example", "a/b", false)),
            told(&elsewhere, &Found::default()),
            told(&elsewhere, &stored("reg.example", "", true)),
            told(&ecr, &Found::default()),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        reg.example/a/b me:pw
        nothing
        reg.example :, read-only
        nothing
        411111111111.dkr.ecr.us-west-1.amazonaws.com :
        ");
    }

    fn stored(hostname: &str, namespace: &str, read_only: bool) -> Found {
        let stored =
            Stored { hostname: hostname.to_owned(), namespace: namespace.to_owned(), read_only };
        Found { stored: Some(stored), ..Found::default() }
    }

    #[test]
    fn what_was_typed_wins_then_what_is_stored_then_what_is_found() {
        let embedded = Found {
            embedded: vec![
                login("ghcr.io", "somebody", "secret `registry-creds` in namespace `default`"),
                login("10.0.0.1:5000", "kurl", "secret `registry-creds` in namespace `default`"),
            ],
            logins: vec![login("reg.example", "me", "secret `kotsadm-private-registry`")],
            ..Found::default()
        };
        let lines = [
            check(&args("reg.example/ns", "", "", ""), &Found::default()),
            check(&args("reg.example/ns", "", "me", "pw"), &embedded),
            check(&args("reg.example/ns", "", "", ""), &embedded),
            check(&args("10.0.0.1:5000", "", "me", "pw"), &embedded),
            check(&args("", "", "", ""), &embedded),
            check(&args("", "other", "", ""), &embedded),
            check(&args("", "", "", ""), &stored("reg.example", "shop", false)),
            check(&args("reg.example", "shop", "", ""), &stored("reg.example", "shop", false)),
            check(&args("reg.example/ns", "", "me", ""), &embedded),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        registry reg.example/ns from the command line, without credentials
        registry reg.example/ns from the command line, user me from the flags
        registry reg.example/ns from the command line, user me from secret `kotsadm-private-registry`
        registry 10.0.0.1:5000 from the command line, user me from the flags
        registry 10.0.0.1:5000/shop from secret `registry-creds` in namespace `default`, user kurl from secret `registry-creds` in namespace `default`
        registry 10.0.0.1:5000/other from secret `registry-creds` in namespace `default`, user kurl from secret `registry-creds` in namespace `default`
        registry reg.example/shop from the application's settings, without credentials
        registry reg.example/shop from the command line, without credentials
        Error: --registry-username and --registry-password belong together, and only one was given
        ");
    }

    #[test]
    fn nothing_is_never_docker_hub() {
        let found = Found {
            looked: vec!["secret `registry-creds` in namespace `default`: not there".to_owned()],
            ..Found::default()
        };
        let Err(error) = choose(&args("", "", "", ""), "shop", &found) else { panic!("chosen") };
        assert_eq!(error.to_string(), "no registry is known to push images to");
        assert!(matches!(error, SettingsError::Nowhere { looked } if looked == found.looked));
        // A stranger's entry in the secret is not the registry of the cluster.
        let stranger = Found { embedded: vec![login("ghcr.io", "x", "a secret")], ..found };
        assert!(choose(&args("", "", "", ""), "shop", &stranger).is_err());
    }

    #[test]
    fn the_place_must_be_the_one_the_application_uses() {
        let lines = [
            check(&args("other.example/shop", "", "", ""), &stored("reg.example", "shop", false)),
            check(&args("reg.example", "", "", ""), &stored("reg.example", "shop", false)),
            check(&args("", "other", "", ""), &stored("reg.example", "shop", false)),
            check(&args("", "", "", ""), &stored("reg.example", "shop", true)),
            check(&args("http://reg.example", "", "", ""), &Found::default()),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        Error: images would go to other.example/shop, but the application uses reg.example/shop
        Error: images would go to reg.example, but the application uses reg.example/shop
        Error: images would go to reg.example/other, but the application uses reg.example/shop
        Error: the application's registry reg.example/shop is set to be read-only: images are put there by somebody else
        Error: the registry cannot be used (from the command line): registry `http://reg.example` is named with `http://`, and plain HTTP was not allowed
        ");
    }

    #[test]
    fn ecr_takes_keys() {
        let host = "411111111111.dkr.ecr.us-west-1.amazonaws.com";
        let keys = aws::Keys {
            access_key_id: "A".to_owned(),
            secret_access_key: "s".to_owned().into(),
            session_token: None,
        };
        let with = |aws| Found { aws: Some(aws), ..Found::default() };
        let lines = [
            check(&args(host, "", "", ""), &with(Ok(keys))),
            check(&args(host, "", "", ""), &with(Err("no AWS keys".to_owned()))),
            check(&args(host, "", "AKIA", "s"), &Found::default()),
            check(&args(host, "", "AWS", "s"), &Found::default()),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        registry 411111111111.dkr.ecr.us-west-1.amazonaws.com from the command line, AWS keys of this machine
        Error: 411111111111.dkr.ecr.us-west-1.amazonaws.com is Amazon's registry, and there are no credentials for it: no AWS keys
        registry 411111111111.dkr.ecr.us-west-1.amazonaws.com from the command line, AWS keys from the flags
        registry 411111111111.dkr.ecr.us-west-1.amazonaws.com from the command line, user AWS from the flags
        ");
    }
}
