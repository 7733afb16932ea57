//! Which registry, which namespace in it, and how it is spoken to.

use std::fmt;
use std::sync::LazyLock;

use regex::Regex;
use thiserror::Error;

use crate::name::Destination;
use airgap::reference::Version;

static HOST: LazyLock<Regex> = LazyLock::new(|| {
    let label = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9_-]*[a-zA-Z0-9])";
    Regex::new(&format!(r"\A(?:{label}(?:\.{label})*|\[[a-fA-F0-9:]+\])(?::[0-9]{{1,5}})?\z"))
        .expect("a fixed expression")
});
static COMPONENT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\A[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*\z").expect("fixed"));

/// Where the API of Docker Hub is.
const DOCKER_HUB_API: &str = "registry-1.docker.io";

/// A registry and a namespace in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    host: String,
    namespace: Vec<String>,
}

/// How a registry is spoken to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scheme {
    /// TLS, the certificate checked.
    #[default]
    Https,
    /// Everything in clear, credentials too: only when a person said so.
    Http,
}

/// A registry that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EndpointError {
    /// Nothing was given.
    #[error("no registry is named")]
    Empty,
    /// Plain HTTP that nobody allowed.
    #[error("registry `{0}` is named with `http://`, and plain HTTP was not allowed")]
    PlainHttp(String),
    /// A scheme that is not spoken.
    #[error("registry `{registry}` is named with the scheme `{scheme}`; allowed: https, http")]
    Scheme {
        /// What was given.
        registry: String,
        /// Its scheme.
        scheme: String,
    },
    /// A user name before the host.
    #[error("registry `{0}` is named with a user name; credentials have flags of their own")]
    Credentials(String),
    /// Not a host.
    #[error("`{0}` is not the address of a registry: expected `host[:port][/namespace]`")]
    Host(String),
    /// Not a namespace.
    #[error(
        "`{0}` is not a namespace of a registry: lower-case letters, digits and single separators, divided by `/`"
    )]
    Namespace(String),
}

impl EndpointError {
    /// Says what a person can do about it, in terms of the flags of `kots`.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Empty => "name the registry with --kotsadm-registry HOST[:PORT][/NAMESPACE]",
            Self::PlainHttp(_) => {
                "pass --registry-plain-http if the registry has no TLS; everything is then sent in clear, credentials too"
            }
            Self::Scheme { .. } | Self::Host(_) | Self::Namespace(_) => {
                "pass `host[:port][/namespace]`, such as `registry.example.com/shop`"
            }
            Self::Credentials(_) => "pass --registry-username and --registry-password",
        }
    }
}

impl Endpoint {
    /// Understands `host[:port][/namespace…]` and a namespace of its own (`install.go: getRegistryConfig`): without
    /// the latter what follows the host is the namespace, with it the two are put behind one another. A scheme is
    /// understood: `https://` says what is done anyway, `http://` needs `scheme` to be [`Scheme::Http`].
    ///
    /// # Errors
    ///
    /// When it is none of these.
    pub fn parse(registry: &str, namespace: &str, scheme: Scheme) -> Result<Self, EndpointError> {
        let shown: String = registry.chars().filter(|it| !it.is_control()).take(255).collect();
        let bare = match registry.split_once("://") {
            None => registry,
            Some((it, rest)) if it.eq_ignore_ascii_case("https") => rest,
            Some((it, rest)) if it.eq_ignore_ascii_case("http") => {
                if scheme == Scheme::Https {
                    return Err(EndpointError::PlainHttp(without_credentials(&shown)));
                }
                rest
            }
            Some((it, _)) => {
                let scheme = it.to_owned();
                let registry = without_credentials(&shown);
                return Err(EndpointError::Scheme { registry, scheme });
            }
        };
        let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
        if host.is_empty() {
            return Err(EndpointError::Empty);
        }
        if host.contains('@') {
            return Err(EndpointError::Credentials(without_credentials(&shown)));
        }
        let port_fits = host
            .rsplit_once(':')
            .filter(|_| !host.ends_with(']'))
            .is_none_or(|(_, port)| port.parse::<u16>().is_ok());
        if !HOST.is_match(host) || !port_fits {
            return Err(EndpointError::Host(shown));
        }
        let namespace = [path, namespace]
            .iter()
            .flat_map(|it| it.split('/'))
            .filter(|it| !it.is_empty())
            .map(|it| {
                let fits = COMPONENT.is_match(it);
                fits.then(|| it.to_owned()).ok_or_else(|| {
                    EndpointError::Namespace(it.chars().filter(|it| !it.is_control()).collect())
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { host: host.to_owned(), namespace })
    }

    /// The registry, as people write it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The namespace; empty without one.
    pub fn namespace(&self) -> String {
        self.namespace.join("/")
    }

    /// The host whose API is the registry's.
    pub fn api_host(&self) -> &str {
        match self.host.as_str() {
            "docker.io" | "index.docker.io" => DOCKER_HUB_API,
            host => host,
        }
    }

    /// The place of `path` below the namespace.
    pub(crate) fn at(&self, path: &[&str], version: Version) -> Destination {
        let parts: Vec<&str> =
            self.namespace.iter().map(String::as_str).chain(path.iter().copied()).collect();
        Destination { host: self.host.clone(), repository: parts.join("/"), version }
    }
}

fn without_credentials(registry: &str) -> String {
    match (registry.rfind('@'), registry.find("://")) {
        (Some(at), Some(scheme)) if scheme < at => {
            format!("{}{}", &registry[..scheme + 3], &registry[at + 1..])
        }
        (Some(at), _) => registry[at + 1..].to_owned(),
        _ => registry.to_owned(),
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.namespace.iter().try_for_each(|it| write!(f, "/{it}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(registry: &str, namespace: &str, scheme: Scheme) -> String {
        Endpoint::parse(registry, namespace, scheme)
            .map_or_else(|error| format!("Error: {error}"), |it| it.to_string())
    }

    #[test]
    fn what_names_a_registry() {
        let lines = [
            ("registry.example.com", ""),
            ("localhost:5000/shop", ""),
            ("localhost:5000/shop/prod/", ""),
            ("localhost:5000/shop", "prod"),
            ("localhost:5000", "shop/prod"),
            ("https://localhost:5000/shop", ""),
            ("[::1]:5000", "a"),
            ("http://localhost:5000/shop", ""),
            ("oci://localhost:5000/shop", ""),
            ("https://me:secret@localhost:5000/shop", ""),
            ("me:secret@localhost", ""),
            ("localhost:99999", ""),
            ("a b", ""),
            ("", "shop"),
            ("https://", ""),
            ("localhost", "../shop"),
            ("localhost", "Shop"),
        ]
        .map(|(registry, namespace)| check(registry, namespace, Scheme::Https));
        insta::assert_snapshot!(lines.join("\n"), @r"
        registry.example.com
        localhost:5000/shop
        localhost:5000/shop/prod
        localhost:5000/shop/prod
        localhost:5000/shop/prod
        localhost:5000/shop
        [::1]:5000/a
        Error: registry `http://localhost:5000/shop` is named with `http://`, and plain HTTP was not allowed
        Error: registry `oci://localhost:5000/shop` is named with the scheme `oci`; allowed: https, http
        Error: registry `https://localhost:5000/shop` is named with a user name; credentials have flags of their own
        Error: registry `localhost` is named with a user name; credentials have flags of their own
        Error: `localhost:99999` is not the address of a registry: expected `host[:port][/namespace]`
        Error: `a b` is not the address of a registry: expected `host[:port][/namespace]`
        Error: no registry is named
        Error: no registry is named
        Error: `..` is not a namespace of a registry: lower-case letters, digits and single separators, divided by `/`
        Error: `Shop` is not a namespace of a registry: lower-case letters, digits and single separators, divided by `/`
        ");
        assert_eq!(check("http://localhost:5000/shop", "", Scheme::Http), "localhost:5000/shop");
    }
}
