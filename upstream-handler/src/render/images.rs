//! Which images an application has, which of them need credentials, and by which names this
//! installation pulls them. Pure.

mod official;

use std::collections::{BTreeMap, BTreeSet};

use airgap::Reference;
use kinds::context::{Domains, RegistrySettings};
use kinds::gvk::Gvk;
use kinds::installation::KnownImage;
use serde_json::Value;

use super::image::{self, Rewrite, full_name, is_docker_hub};
use official::OFFICIAL;

/// The vendor's own registry, where no other is configured.
const VENDORS: &str = "registry.replicated.com";

/// Rules of an installation for images.
#[derive(Debug)]
pub(crate) struct Rules<'a> {
    /// The operator's registry that all images come from; `None` when they come from where they are.
    pub(crate) registry: Option<&'a RegistrySettings>,
    /// Hosts of the vendor's images.
    pub(crate) domains: Domains,
    /// The application's slug at the vendor.
    pub(crate) vendor_slug: &'a str,
    /// Whether every image needs credentials: an air-gapped installation, or the vendor says so.
    pub(crate) is_all_private: bool,
    /// What is known of images from before.
    pub(crate) known: BTreeMap<&'a str, bool>,
}

/// Where an image is to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The image as objects write it.
    pub(crate) image: String,
    /// The places to look at, in this order.
    pub(crate) places: Vec<Place>,
}

/// A name by which an image can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The whole name, with tag or digest.
    pub(crate) name: String,
    /// Whether it is a host of the vendor, which asks for the licence.
    pub(crate) needs_login: bool,
}

impl Rules<'_> {
    /// Whether an image needs credentials.
    ///
    /// No registry is asked: what is not known from before counts as private, as in the original when
    /// a registry does not answer. Docker's own images are public.
    pub(crate) fn is_private(&self, image: &str) -> bool {
        if self.is_all_private {
            return true;
        }
        if let Some(known) = self.known.get(image) {
            return *known;
        }
        !Reference::parse(image).is_ok_and(|it| {
            let official = it.path.strip_prefix("library/").filter(|_| is_docker_hub(&it));
            official.is_some_and(|name| OFFICIAL.binary_search(&name).is_ok())
        })
    }

    /// The names to write instead of those of `images`, which are sorted.
    pub(crate) fn rewrites<'a>(&self, images: impl IntoIterator<Item = &'a str>) -> Vec<Rewrite> {
        let mut seen = BTreeSet::new();
        let mut rewrites = Vec::new();
        for image in images {
            let Ok(reference) = Reference::parse(image) else { continue };
            let Some((name, new_name)) = self.rewrite(image, &reference) else { continue };
            for name in image::spellings(&name) {
                if seen.insert(name.clone()) {
                    rewrites.push(Rewrite { name, new_name: new_name.clone() });
                }
            }
        }
        rewrites
    }

    fn rewrite(&self, image: &str, reference: &Reference) -> Option<(String, String)> {
        let written = image::stripped(image);
        if let Some(registry) = self.registry {
            let steps = [&*registry.host, &*registry.namespace, image::short_name(image)];
            let steps: Vec<_> = steps.into_iter().filter(|it| !it.is_empty()).collect();
            let new_name = steps.join("/");
            return (new_name != written).then(|| (written.to_owned(), new_name));
        }
        if self.is_vendors_host(&reference.host) || !self.is_private(image) {
            return None;
        }
        Some((full_name(reference), self.at_vendors(written, reference)))
    }

    fn is_vendors_host(&self, host: &str) -> bool {
        host == self.domains.registry || host == self.domains.proxy
    }

    /// The name by which a private image is had from the vendor.
    fn at_vendors(&self, written: &str, reference: &Reference) -> String {
        let Domains { registry, proxy } = &self.domains;
        if reference.host == VENDORS {
            format!("{registry}/{}", reference.path)
        } else {
            format!("{proxy}/proxy/{}/{written}", self.vendor_slug)
        }
    }

    /// Where an image is to be had when it is not in the operator's registry; `None` of a text that is no reference.
    ///
    /// Unlike objects, which name one place, a copy may look at several: an image that counts as private without being
    /// known to be so is looked for where it says first, as the original does to find that out.
    pub(crate) fn origin(&self, image: &str) -> Option<Origin> {
        let reference = Reference::parse(image).ok()?;
        let written = image::stripped(image);
        let own = Place { name: image.to_owned(), needs_login: false };
        let vendors = Place {
            name: format!("{}{}", self.at_vendors(written, &reference), &image[written.len()..]),
            needs_login: true,
        };
        // The vendor's proxy has no name for the images of a host with a port.
        let has_vendors_name = Reference::parse(&vendors.name).is_ok();
        let places = if self.is_vendors_host(&reference.host) {
            vec![Place { needs_login: true, ..own }]
        } else if !has_vendors_name {
            vec![own]
        } else if reference.host == VENDORS || self.is_all_private {
            vec![vendors]
        } else if self.is_private(image) {
            vec![own, vendors]
        } else {
            vec![own]
        };
        Some(Origin { image: image.to_owned(), places })
    }

    /// What to remember of images, sorted, each once; a text that is no reference is left out.
    pub(crate) fn remembered(&self, images: &BTreeSet<String>) -> Vec<KnownImage> {
        let mut all: BTreeMap<&str, bool> = BTreeMap::new();
        for image in images.iter().filter(|it| Reference::parse(it).is_ok()) {
            all.insert(image, self.is_private(image));
        }
        let known =
            |(image, is_private): (&str, bool)| KnownImage { image: image.to_owned(), is_private };
        all.into_iter().map(known).collect()
    }
}

/// The images that a KOTS kind names: the Application's further ones, and those of collectors.
pub(crate) fn of_kind(gvk: &Gvk, value: &Value) -> Vec<String> {
    let texts = |value: &Value| value.as_str().filter(|it| !it.is_empty()).map(str::to_owned);
    if gvk.api_version == "kots.io/v1beta1" && gvk.kind == "Application" {
        let list = value.pointer("/spec/additionalImages").and_then(Value::as_array);
        return list.into_iter().flatten().filter_map(texts).collect();
    }
    if !gvk.api_version.starts_with("troubleshoot.") {
        return Vec::new();
    }
    let mut images = Vec::new();
    let collectors = value.pointer("/spec/collectors").and_then(Value::as_array);
    for collector in collectors.into_iter().flatten() {
        images.extend(collector.pointer("/run/image").and_then(texts));
        for pod in ["/runPod/podSpec", "/runDaemonSet/podSpec"] {
            images.extend(collector.pointer(pod).map(image::of_pod).into_iter().flatten());
        }
    }
    images
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(registry: Option<&RegistrySettings>) -> Rules<'_> {
        Rules {
            registry,
            domains: Domains {
                registry: "r.example.org".into(),
                proxy: "proxy.replicated.com".into(),
            },
            vendor_slug: "app",
            is_all_private: false,
            known: BTreeMap::from([("quay.io/a/public:1", false)]),
        }
    }

    fn shown(rules: &Rules<'_>, images: &[&str]) -> Vec<String> {
        let line = |it: Rewrite| format!("{} → {}", it.name, it.new_name);
        rules.rewrites(images.iter().copied()).into_iter().map(line).collect()
    }

    #[test]
    fn private_images_go_through_the_vendors_hosts() {
        assert!(OFFICIAL.is_sorted());
        assert_eq!(
            shown(
                &rules(None),
                &[
                    "nginx:1",
                    "quay.io/a/b:1",
                    "quay.io/a/public:1",
                    "registry.replicated.com/x/y:1",
                    "r.example.org/z:1",
                    "not an image"
                ]
            ),
            [
                "quay.io/a/b → proxy.replicated.com/proxy/app/quay.io/a/b",
                "registry.replicated.com/x/y → r.example.org/x/y"
            ]
        );
        assert_eq!(
            shown(&rules(None), &["mine:1"]).first().map(String::as_str),
            Some("docker.io/library/mine → proxy.replicated.com/proxy/app/mine")
        );
    }

    #[test]
    fn every_image_comes_from_an_own_registry() {
        let registry = RegistrySettings {
            host: "h".into(),
            namespace: "n".into(),
            ..RegistrySettings::default()
        };
        assert_eq!(
            shown(
                &rules(Some(&registry)),
                &[
                    "a/b:1",
                    "a/b:2@sha256:f26fbadb0acab4a21ecb4e337a326907e61fbec36c9a9b52e725669d99ed1261",
                    "h/n/c:1"
                ]
            ),
            ["a/b → h/n/b", "docker.io/a/b → h/n/b"]
        );
    }

    #[test]
    fn an_image_is_looked_for_where_it_says_and_at_the_vendors() {
        let shown = |is_all_private: bool, image: &str| {
            let rules = Rules { is_all_private, ..rules(None) };
            let line = |it: Place| {
                format!("{}{}", it.name, if it.needs_login { " (licence)" } else { "" })
            };
            let origin = rules.origin(image)?;
            Some(origin.places.into_iter().map(line).collect::<Vec<_>>().join(", "))
        };
        let shown = |is_all_private, image| shown(is_all_private, image).unwrap_or_default();
        assert_eq!(shown(false, "nginx:1"), "nginx:1");
        assert_eq!(shown(true, "nginx:1"), "proxy.replicated.com/proxy/app/nginx:1 (licence)");
        assert_eq!(
            shown(false, "quay.io/a/b:1"),
            "quay.io/a/b:1, proxy.replicated.com/proxy/app/quay.io/a/b:1 (licence)"
        );
        assert_eq!(shown(false, "quay.io/a/public:1"), "quay.io/a/public:1");
        assert_eq!(shown(true, "quay.example:5000/a:1"), "quay.example:5000/a:1");
        assert_eq!(shown(false, "registry.replicated.com/x/y:1"), "r.example.org/x/y:1 (licence)");
        assert_eq!(shown(false, "r.example.org/z:1"), "r.example.org/z:1 (licence)");
        assert_eq!(shown(false, "{{ no image }}"), "");
    }

    #[test]
    fn images_are_remembered_once() {
        let images =
            BTreeSet::from(["nginx:1".to_owned(), "quay.io/x/y".to_owned(), "{{ x }}".to_owned()]);
        let known = rules(None).remembered(&images);
        let shown: Vec<_> = known.iter().map(|it| (&*it.image, it.is_private)).collect();
        assert_eq!(shown, [("nginx:1", false), ("quay.io/x/y", true)]);
    }

    #[test]
    fn kinds_name_images_too() {
        let of = |text: &str| {
            let value = kinds::yaml::to_value(text).expect("YAML");
            of_kind(&Gvk::of(&value).expect("a kind"), &value)
        };
        assert_eq!(
            of(
                "apiVersion: kots.io/v1beta1\nkind: Application\nspec: {additionalImages: [a:1, '']}"
            ),
            ["a:1"]
        );
        assert_eq!(
            of(
                "apiVersion: troubleshoot.sh/v1beta2\nkind: Preflight\nspec: {collectors: [{run: {image: b}}, {runPod: {podSpec: {containers: [{image: c}]}}}, {logs: {}}]}"
            ),
            ["b", "c"]
        );
    }
}
