//! What templates read, and the config screen with the values that are stored.

use kinds::cipher::decrypt_any;
use kinds::config::{
    Config, ConfigItem, ConfigValue, ConfigValues, Generated, GroupErrors, ItemErrors, ItemType,
    MissingItem, PatternError, Prepared, Resolution, ResolveError, RuleError, missing_required,
    resolve, validate,
};
use kinds::context::{Contexts, Renderer, VersionInfo, World};

use super::build::config_document;
use super::vendor::{Vendor, VendorConfig};
use super::{Input, ReleaseError};

/// The config screen of a version, resolved; without a Config everything in it is empty.
#[derive(Debug)]
pub(crate) struct Screen {
    pub(crate) resolution: Option<Resolution>,
    /// What is stored: passwords are cipher text, defaults are remembered.
    pub(crate) values: ConfigValues,
    /// What templates made up, to be handed in again.
    pub(crate) generated: Generated,
    pub(crate) required_items: Vec<MissingItem>,
    pub(crate) validation_errors: Vec<GroupErrors>,
}

impl Screen {
    /// Resolves the Config of a release for `input.values`.
    pub(crate) fn resolve(
        vendor: &Vendor,
        input: &Input<'_>,
        seed: [u8; 32],
    ) -> Result<Self, ReleaseError> {
        let mut generated = input.generated.clone();
        let Some(VendorConfig { path, config, .. }) = &vendor.config else {
            return Ok(Self {
                resolution: None,
                values: input.values.clone(),
                generated,
                required_items: Vec::new(),
                validation_errors: Vec::new(),
            });
        };
        let ciphers = std::slice::from_ref(input.cipher);
        let contexts = contexts(vendor, input, seed);
        let resolution = resolve(config, input.values, &contexts, ciphers, &mut generated)
            .map_err(|source| ReleaseError::Config { path: path.clone(), source })?;
        // A rule that is no expression must not keep an update away; whoever sets values is told.
        let validation_errors =
            validate(&resolution.config).unwrap_or_else(|error| broken_rule(config, &error));
        Ok(Self {
            values: stored(config, &resolution.config, input),
            required_items: missing_required(&resolution.config),
            validation_errors,
            resolution: Some(resolution),
            generated,
        })
    }

    /// Resolves a Config that was read before, for `input.values`, and tells which values break their rules: what a
    /// screen shows, and nothing that is stored.
    pub(crate) fn preview(
        config: &Prepared,
        vendor: &Vendor,
        input: &Input<'_>,
        seed: [u8; 32],
    ) -> Result<(Config, Vec<GroupErrors>), ResolveError> {
        let ciphers = std::slice::from_ref(input.cipher);
        let contexts = contexts(vendor, input, seed);
        let mut generated = input.generated.clone();
        let resolved = config.resolve(input.values, &contexts, ciphers, &mut generated)?.config;
        let errors =
            validate(&resolved).unwrap_or_else(|error| broken_rule(config.config(), &error));
        Ok((resolved, errors))
    }

    /// Returns the resolved Config as a document, passwords as they are stored.
    pub(crate) fn document(&self, vendor: &Vendor) -> Option<String> {
        let mut config = self.resolution.as_ref()?.config.clone();
        let items = config.groups.iter_mut().flat_map(|group| &mut group.items);
        for item in items.filter(|it| it.item_type() == ItemType::Password) {
            let stored = self.values.values.get(&item.name);
            item.value = stored.map(|it| it.value.clone()).unwrap_or_default().into();
        }
        let spec = serde_json::to_value(&config).expect("maps, text and numbers have a JSON form");
        Some(config_document(vendor.config.as_ref()?, &spec))
    }
}

/// A rule of the vendor's that cannot be applied, as a broken rule of its item: the value was not
/// checked, and that must not pass for a good value.
pub(crate) fn broken_rule(config: &Config, error: &PatternError) -> Vec<GroupErrors> {
    item_error(config, &error.item, error.to_string())
}

/// One thing that is wrong with one item.
pub(crate) fn item_error(config: &Config, name: &str, message: String) -> Vec<GroupErrors> {
    let group = config.groups.iter().find(|it| it.items.iter().any(|it| it.name == name));
    let kind = config.item(name).map(|it| it.kind.clone()).unwrap_or_default();
    vec![GroupErrors {
        name: group.map(|it| it.name.clone()).unwrap_or_default(),
        title: group.map(|it| it.title.clone()).unwrap_or_default(),
        item_errors: vec![ItemErrors {
            name: name.to_owned(),
            kind,
            validation_errors: vec![RuleError { message }],
        }],
    }]
}

/// What is stored for the next version (`pkg/upstream/replicated.go:599-741`): the operator's
/// values, the defaults of the time, and values that templates of the vendor gave without asking
/// for another item (those may be random). Values of items that are gone stay.
fn stored(config: &Config, resolved: &Config, input: &Input<'_>) -> ConfigValues {
    let mut values = input.values.clone();
    for value in values.values.values_mut() {
        let plain = std::mem::take(&mut value.value_plaintext);
        if value.value.is_empty() {
            value.value = plain;
        }
    }
    for (written, item) in config.items().zip(resolved.items()) {
        let old = values.values.get(&item.name);
        // Everything empty is an answer too: the operator emptied the item.
        if old.is_some_and(|it| *it == ConfigValue::default()) {
            continue;
        }
        let mut new = old.cloned().unwrap_or_default();
        item.default.text().clone_into(&mut new.default);
        if new.value.is_empty() && is_kept(written) {
            item.value.text().clone_into(&mut new.value);
        }
        let is_open = item.item_type() == ItemType::Password
            && !new.value.is_empty()
            && decrypt_any(std::slice::from_ref(input.cipher), &new.value).is_none();
        if is_open {
            new.value = input.cipher.encrypt(&new.value);
        }
        if new != ConfigValue::default() {
            values.values.insert(item.name.clone(), new);
        }
    }
    values
}

/// Whether what the vendor's template gave once stays: another render might give something else.
fn is_kept(item: &ConfigItem) -> bool {
    let template = item.value.text();
    let is_template = template.contains("{{repl") || template.contains("repl{{");
    item.is_editable() && is_template && !template.contains("ConfigOption")
}

/// The functions of a version's templates.
pub(crate) struct Templates {
    renderer: Renderer,
}

impl Templates {
    pub(crate) fn new(vendor: &Vendor, input: &Input<'_>, screen: &Screen, seed: [u8; 32]) -> Self {
        let mut contexts = contexts(vendor, input, seed);
        if let Some(resolution) = &screen.resolution {
            contexts.items.clone_from(&resolution.items);
        }
        Self { renderer: Renderer::new(&contexts) }
    }

    /// Renders the text of a file.
    pub(crate) fn render(&self, path: &str, text: &str) -> Result<String, ReleaseError> {
        self.renderer
            .render(path, text)
            .map_err(|source| ReleaseError::Template { path: path.to_owned(), source })
    }
}

/// What templates of a release read, config items aside.
pub(super) fn contexts(vendor: &Vendor, input: &Input<'_>, seed: [u8; 32]) -> Contexts {
    let installation = input.installation;
    Contexts {
        world: World {
            now: input.now,
            seed,
            namespace: input.console_namespace.to_owned(),
            ..input.surroundings.world()
        },
        app_slug: input.app_slug.to_owned(),
        license: Some(input.license.license.clone()),
        version: VersionInfo {
            sequence: input.sequence,
            cursor: installation.update_cursor.clone(),
            channel_name: installation.channel_name.clone(),
            version_label: installation.version_label.clone(),
            is_required: installation.is_required,
            release_notes: installation.release_notes.clone(),
            is_airgap: input.is_airgap,
            registry_domain: installation.replicated_registry_domain.clone(),
            proxy_domain: installation.replicated_proxy_domain.clone(),
        },
        application: vendor.application.clone(),
        registry: input.registry.clone(),
        ..Contexts::default()
    }
}
