//! Names of images and credentials of registries.

use serde_json::{Map, json};

use super::{Contexts, RegistrySettings};
use crate::context::text::base64_encode;

/// The registry of vendors that have no host of their own for it.
const DEFAULT_REGISTRY: &str = "registry.replicated.com";

/// The vendor's hosts of images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domains {
    /// The registry.
    pub registry: String,
    /// The proxy to other registries.
    pub proxy: String,
}

/// The hosts of the version, else of the Application, else the default ones.
pub fn domains(contexts: &Contexts) -> Domains {
    let application = contexts.application.as_ref();
    let first = |texts: [&str; 3]| {
        texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default().to_owned()
    };
    Domains {
        registry: first([
            &contexts.version.registry_domain,
            application.map_or("", |a| &a.replicated_registry_domain),
            DEFAULT_REGISTRY,
        ]),
        proxy: first([
            &contexts.version.proxy_domain,
            application.map_or("", |a| &a.proxy_registry_domain),
            "proxy.replicated.com",
        ]),
    }
}

/// The JSON text of a docker config with one login for several hosts.
pub fn docker_config(hosts: &[&str], username: &str, password: &str) -> String {
    let auth = base64_encode(format!("{username}:{password}").as_bytes());
    // Go writes maps in the order of their keys.
    let mut hosts = hosts.to_vec();
    hosts.sort_unstable();
    let auths: Map<_, _> =
        hosts.into_iter().map(|host| (host.to_owned(), json!({ "auth": auth }))).collect();
    json!({ "auths": auths }).to_string()
}

/// The registry's host, with its namespace where there is one.
pub(super) fn registry_address(registry: &RegistrySettings) -> String {
    if registry.namespace.is_empty() {
        registry.host.clone()
    } else {
        format!("{}/{}", registry.host, registry.namespace)
    }
}

/// The name of an image as this installation pulls it.
///
/// With an own registry only the last part of the path is kept, under the registry's address.
/// Without one, images of other registries go through the vendor's proxy when the Application says
/// so for public ones; whether an image is private cannot be asked here, so it stays as it is.
pub(super) fn local_image_name(contexts: &Contexts, image: &str) -> String {
    if image.is_empty() {
        return String::new();
    }
    if !contexts.registry.host.is_empty() {
        let last = image.rsplit('/').next().unwrap_or(image);
        return format!("{}/{}", registry_address(&contexts.registry), tag_or_digest(last));
    }
    let is_proxied = contexts.application.as_ref().is_some_and(|a| a.proxy_public_images);
    let domains = domains(contexts);
    let host = host_of(image);
    if !is_proxied || host == domains.registry || host == domains.proxy {
        return image.to_owned();
    }
    if host == DEFAULT_REGISTRY {
        // The vendor's registry under its common name, where it has one of its own.
        return image.replacen(DEFAULT_REGISTRY, &domains.registry, 1);
    }
    let slug = contexts.license.as_ref().map_or("", |license| &license.app_slug);
    let (folder, last) =
        image.rsplit_once('/').map_or(("", image), |(folder, last)| (folder, last));
    let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    format!("{}/proxy/{slug}/{folder}{}", domains.proxy, tag_or_digest(last))
}

/// Drops the tag of a name that has a digest too, and adds `latest` to one that has neither.
fn tag_or_digest(name: &str) -> String {
    match (name.split_once('@'), name.contains(':')) {
        (Some((base, digest)), _) => {
            format!("{}@{digest}", base.split(':').next().unwrap_or(base))
        }
        (None, true) => name.to_owned(),
        (None, false) => format!("{name}:latest"),
    }
}

/// The host of an image's name, Docker Hub's when it names none.
fn host_of(image: &str) -> &str {
    let host = image.split_once('/').map(|(host, _)| host);
    host.filter(|h| h.contains(['.', ':']) || *h == "localhost").unwrap_or("docker.io")
}
