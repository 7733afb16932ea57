//! Names of images and credentials of registries.

use serde_json::{Map, json};

use super::{Contexts, RegistrySettings};
use crate::context::text::base64_encode;

/// The vendor's hosts of images.
pub(super) struct Domains {
    /// The registry.
    pub(super) registry: String,
    /// The proxy to other registries.
    pub(super) proxy: String,
}

/// The hosts of the version, else of the Application, else the default ones.
pub(super) fn domains(contexts: &Contexts) -> Domains {
    let application = contexts.application.as_ref();
    let first = |texts: [&str; 3]| {
        texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default().to_owned()
    };
    Domains {
        registry: first([
            &contexts.version.registry_domain,
            application.map_or("", |a| &a.replicated_registry_domain),
            "registry.replicated.com",
        ]),
        proxy: first([
            &contexts.version.proxy_domain,
            application.map_or("", |a| &a.proxy_registry_domain),
            "proxy.replicated.com",
        ]),
    }
}

/// The JSON text of a docker config with one login for several hosts.
pub(super) fn docker_config(hosts: &[&str], username: &str, password: &str) -> String {
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
    let full = with_domain(image);
    let is_vendors = full.starts_with(&format!("{}/", domains.registry))
        || full.starts_with(&format!("{}/", domains.proxy));
    if !is_proxied || is_vendors {
        return image.to_owned();
    }
    let slug = contexts.license.as_ref().map_or("", |license| &license.app_slug);
    format!("{}/proxy/{slug}/{full}", domains.proxy)
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

/// Adds the host, and Docker Hub's `library`, that a short name stands for.
fn with_domain(image: &str) -> String {
    let host = image.split_once('/').map(|(host, _)| host);
    let has_host = host.is_some_and(|h| h.contains(['.', ':']) || h == "localhost");
    match (has_host, host) {
        (true, _) => image.to_owned(),
        (false, Some(_)) => format!("docker.io/{image}"),
        (false, None) => format!("docker.io/library/{image}"),
    }
}
