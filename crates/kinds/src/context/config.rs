//! What templates read of the config and of the operator's registry.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gotemplate::{FuncMap, Value};
use secrecy::ExposeSecret as _;

use super::text::{base64_decode, base64_encode, constant, of_text, of_texts};
use super::{Contexts, ItemText, images};

/// The items that functions read, shared with whoever resolves them.
#[derive(Debug, Clone, Default)]
pub(super) struct Items(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) by_name: BTreeMap<String, Arc<ItemText>>,
    /// Items that are still to be resolved.
    pub(super) pending: BTreeSet<String>,
    /// Those of them that were asked for too early.
    pub(super) missed: BTreeSet<String>,
}

impl Items {
    pub(super) fn new(by_name: &BTreeMap<String, ItemText>) -> Self {
        let by_name =
            by_name.iter().map(|(name, item)| (name.clone(), Arc::new(item.clone()))).collect();
        Self(Arc::new(Mutex::new(Known { by_name, ..Known::default() })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, name: &str) -> Option<Arc<ItemText>> {
        let mut known = self.lock();
        if known.pending.contains(name) {
            known.missed.insert(name.to_owned());
            return None;
        }
        known.by_name.get(name).cloned()
    }
}

pub(super) fn functions(contexts: &Contexts, items: &Items) -> FuncMap {
    let mut functions = FuncMap::new();
    options(&mut functions, items);
    registry(&mut functions, contexts);
    functions
}

fn options(functions: &mut FuncMap, items: &Items) {
    let items = items.clone();
    let read = move |name: &str| items.read(name);
    // An unknown item is an empty text, and neither equal nor unequal to anything.
    let item = read.clone();
    functions.insert(
        "ConfigOption",
        of_text(move |name| item(name).as_ref().map_or("", |it| it.effective()).into()),
    );
    functions.insert("ConfigOptionName", of_text(|name| name.into()));
    functions.insert("ConfigOptionIndex", of_text(|_| "".into()));
    let item = read.clone();
    functions.insert(
        "ConfigOptionData",
        of_text(move |name| {
            let data = item(name).and_then(|item| base64_decode(item.effective()));
            Value::string(data.unwrap_or_default())
        }),
    );
    let item = read.clone();
    functions.insert(
        "ConfigOptionFilename",
        of_text(move |name| item(name).as_ref().map_or("", |it| it.filename.as_str()).into()),
    );
    let item = read.clone();
    functions.insert(
        "ConfigOptionEquals",
        of_texts(move |name, other| item(name).is_some_and(|it| it.effective() == other).into()),
    );
    functions.insert(
        "ConfigOptionNotEquals",
        of_texts(move |name, other| read(name).is_some_and(|it| it.effective() != other).into()),
    );
}

fn registry(functions: &mut FuncMap, contexts: &Contexts) {
    let registry = &contexts.registry;
    functions.insert("HasLocalRegistry", constant(!registry.host.is_empty()));
    functions.insert("LocalRegistryHost", constant(registry.host.as_str()));
    functions.insert("LocalRegistryNamespace", constant(registry.namespace.as_str()));
    functions.insert("LocalRegistryAddress", constant(images::registry_address(registry)));
    let pull_secret = if registry.host.is_empty() {
        let domains = images::domains(contexts);
        let id = contexts.license.as_ref().map_or("", |license| &license.license_id);
        images::docker_config(&[&domains.proxy, &domains.registry], "LICENSE_ID", id)
    } else {
        let password = registry.password.expose_secret();
        images::docker_config(&[&registry.host], &registry.username, password)
    };
    functions
        .insert("LocalRegistryImagePullSecret", constant(base64_encode(pull_secret.as_bytes())));
    let name = match contexts.app_slug.as_str() {
        "" => "kotsadm-replicated-registry".to_owned(),
        slug => format!("{slug}-registry"),
    };
    functions.insert("ImagePullSecretName", constant(name));
    let contexts = contexts.clone();
    functions.insert(
        "LocalImageName",
        of_text(move |image| images::local_image_name(&contexts, image).into()),
    );
}
