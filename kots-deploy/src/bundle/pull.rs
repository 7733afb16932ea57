//! The images of a new bundle, from registries.
//!
//! Which images they are is what `airgap.yaml` lists. Each is read from the registry in its name or, when a registry is
//! given, from there, by the name under which a push puts it there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use airgap::Reference;
use airgap::make::saved_images;
use registry::pull::{RegistryImages, Wanted, Watch};
use registry::{Client, Destination, Endpoint, Tls};
use tokio::runtime::Handle;

use super::CommandError;
use crate::deploy::args::ImageArgs;
use crate::deploy::inputs;
use crate::registry::look;
use crate::registry::settings::{Found, SettingsError, credentials};

/// Reads the manifests of all images that `airgap_yaml` lists. `warn` is told of files with logins that cannot be used.
///
/// # Errors
///
/// The first image that cannot be had, or why a registry cannot be asked.
pub(super) fn open<'a>(
    airgap_yaml: &Path,
    args: &ImageArgs,
    handle: Handle,
    watch: &'a dyn Watch,
    warn: &dyn Fn(String),
) -> Result<RegistryImages<&'a dyn Watch>, CommandError> {
    let names = saved_images(airgap_yaml).map_err(CommandError::Make)?;
    if names.is_empty() {
        return Err(CommandError::NoImages(airgap_yaml.to_owned()));
    }
    let mirror = match args.registry.as_str() {
        "" => None,
        registry => Some(endpoint(registry, &args.namespace, args)?),
    };
    let mut found = Found::default();
    look::machine(&mut found, warn);
    let mut clients = BTreeMap::new();
    let mut wanted = Vec::new();
    for name in names {
        let reference = Reference::parse(&name).map_err(|it| CommandError::Make(it.into()))?;
        let (endpoint, place) = if let Some(mirror) = &mirror {
            (mirror.clone(), Destination::of(&reference, mirror))
        } else {
            let endpoint = endpoint(&reference.host, "", args)?;
            let Reference { host, path: repository, version } = reference;
            (endpoint, Destination { host, repository, version })
        };
        let host = place.host.clone();
        let client = match clients.get(&host) {
            Some(client) => Arc::clone(client),
            None => Arc::new(client(&endpoint, args, &found)?),
        };
        clients.insert(host.clone(), Arc::clone(&client));
        let (version, repository) = (place.version_text(), place.repository);
        wanted.push(Wanted { name, client, host, repository, version });
    }
    RegistryImages::open(handle, wanted, watch).map_err(CommandError::Pull)
}

fn endpoint(registry: &str, namespace: &str, args: &ImageArgs) -> Result<Endpoint, CommandError> {
    Endpoint::parse(registry, namespace, args.scheme()).map_err(|source| {
        let from = if args.registry.is_empty() { "airgap.yaml" } else { "the command line" };
        CommandError::Registry(SettingsError::Endpoint { from: from.to_owned(), source })
    })
}

fn client(endpoint: &Endpoint, args: &ImageArgs, found: &Found) -> Result<Client, CommandError> {
    let (credentials, _) = credentials(args, endpoint, found).map_err(CommandError::Registry)?;
    let authorities = args.ca.as_deref().map(inputs::registry_ca).transpose();
    let authorities = authorities.map_err(CommandError::Input)?.into_iter().collect();
    let tls = Tls { authorities, accept_any: args.insecure_skip_tls_verify };
    Client::new(endpoint, args.scheme(), &tls, credentials).map_err(CommandError::Client)
}
