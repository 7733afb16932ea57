//! From what is in `base/` to what is deployed: images, overlays, rendered objects.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kinds::context::Domains;
use kinds::installation::KnownImage;
use secrecy::ExposeSecret as _;

use super::vendor::Vendor;
use super::{Input, ReleaseError};
use crate::render::images::{Origin, Rules};
use crate::render::layer::Layer;
use crate::render::overlays::{self, Overlay};
use crate::render::pull_secrets::{Login, secret_name, secrets};
use crate::render::rendered;

/// What is known of a release when its base is complete.
pub(super) struct Delivery<'a> {
    pub(super) vendor: &'a Vendor,
    pub(super) domains: Domains,
    /// Images that are not in the base.
    pub(super) images: BTreeSet<String>,
}

/// What came of it.
pub(super) struct Delivered {
    pub(super) known_images: Vec<KnownImage>,
    /// Where its images are to be had, sorted, each once; empty unless all come from the operator's registry.
    pub(super) origins: Vec<Origin>,
    /// Paths of the application's objects of the first downstream, sorted.
    pub(super) manifests: Vec<String>,
}

/// Writes `overlays/` and `rendered/` for the layers of `base/`, the application's own first.
///
/// # Errors
///
/// Objects that collide, an operator's patch that does not fit, or the disk.
pub(super) fn deliver(
    dir: &Path,
    input: &Input<'_>,
    layers: Vec<Layer>,
    delivery: Delivery<'_>,
) -> Result<Delivered, ReleaseError> {
    let Delivery { vendor, domains, mut images } = delivery;
    let login = login(input, &domains);
    let application = vendor.application.as_ref();
    let known = input.installation.known_images.iter();
    let rules = Rules {
        registry: Some(input.registry).filter(|it| input.rewrite_images && !it.host.is_empty()),
        domains,
        vendor_slug: &input.license.license.app_slug,
        is_all_private: input.is_airgap || application.is_some_and(|it| it.proxy_public_images),
        known: known.map(|it| (&*it.image, it.is_private)).collect::<BTreeMap<_, _>>(),
    };
    let mut manifests = Vec::new();
    for layer in layers {
        let own = layer.images();
        // An object of a chart's folder is in the chart's namespace, the application's in its own.
        let namespace = if layer.path.is_empty() { input.namespace } else { &*layer.namespace };
        let name = secret_name(input.app_slug, &layer.path);
        let overlay = Overlay {
            secrets: login.iter().flat_map(|it| secrets(it, &name, namespace)).collect(),
            secret_name: name,
            rewrites: rules.rewrites(own.iter().copied()),
        };
        overlays::write_midstream(dir, input.app_slug, &layer, &overlay)?;
        for (index, downstream) in input.downstreams.iter().enumerate() {
            overlays::write_downstream(dir, downstream, &layer)?;
            let paths = rendered::render(
                dir,
                input.app_slug,
                downstream,
                &layer,
                &overlay,
                input.programs,
            )?;
            if index == 0 && layer.path.is_empty() {
                manifests = paths;
            }
        }
        images.extend(own.into_iter().map(str::to_owned));
    }
    manifests.sort();
    let copied = images.iter().filter(|_| rules.registry.is_some());
    let origins = copied.filter_map(|it| rules.origin(it)).collect();
    Ok(Delivered { known_images: rules.remembered(&images), origins, manifests })
}

/// The user whose password at the vendor's registries is the id of the licence.
pub(crate) const VENDORS_USER: &str = "LICENSE_ID";

/// The login with which images are pulled: the operator's registry, else the vendor's with the licence.
fn login(input: &Input<'_>, domains: &Domains) -> Option<Login> {
    let registry = input.registry;
    if input.rewrite_images && !registry.host.is_empty() {
        let is_open = registry.username.is_empty() && registry.password.expose_secret().is_empty();
        return (!is_open).then(|| Login {
            hosts: vec![registry.host.clone()],
            username: registry.username.clone(),
            password: registry.password.clone(),
        });
    }
    let id = &input.license.license.license_id;
    (!id.is_empty()).then(|| Login {
        hosts: vec![domains.proxy.clone(), domains.registry.clone()],
        username: VENDORS_USER.to_owned(),
        password: id.clone().into(),
    })
}
