//! What templates read of the licence.

use gotemplate::{FuncMap, Value};

use super::text::{base64_encode, constant, of_text};
use super::{Contexts, images};

pub(super) fn functions(contexts: &Contexts) -> FuncMap {
    let mut functions = FuncMap::new();
    let license = contexts.license.clone();
    functions.insert(
        "LicenseFieldValue",
        of_text(move |name| {
            Value::from(license.as_ref().map(|l| l.field_value(name)).unwrap_or_default())
        }),
    );
    let docker_config = match &contexts.license {
        Some(license) => {
            let domains = images::domains(contexts);
            let hosts = [domains.proxy.as_str(), domains.registry.as_str()];
            let config = images::docker_config(&hosts, "LICENSE_ID", &license.license_id);
            base64_encode(config.as_bytes())
        }
        None => String::new(),
    };
    functions.insert("LicenseDockerCfg", constant(docker_config));
    functions
}
