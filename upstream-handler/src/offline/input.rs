//! Licence, values, and which release it is: from the files named, else from the release's `userdata/`.

use std::fs;
use std::path::{Path, PathBuf};

use kinds::cipher::{Cipher, generate_key_text};
use kinds::config::ConfigValues;
use kinds::installation::Installation;
use kinds::license::{License, RootKeys, VerifiedLicense, verify};
use kinds::yaml;

use super::{Job, OfflineError, file};
use crate::release::USERDATA;

/// What a release is rendered with.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) license: VerifiedLicense,
    /// Whether there is none; every field of it is empty.
    pub(super) is_unlicensed: bool,
    pub(super) values: ConfigValues,
    /// The document the values came from.
    pub(super) values_text: Option<String>,
    pub(super) installation: Installation,
    pub(super) identity_config: Option<String>,
    pub(super) cipher: Cipher,
    pub(super) notes: Vec<String>,
}

impl Given {
    /// Reads it; `root` is the folder of the release's files.
    pub(super) fn read(job: &Job, root: &Path) -> Result<Self, OfflineError> {
        let (mut notes, mut is_unlicensed) = (Vec::new(), false);
        let mut trusted = RootKeys::production();
        for path in &job.license_root_keys {
            trusted.add_pem(&text(path)?).map_err(|error| content(path, &error))?;
        }
        let own = |name: &str| Some(root.join(USERDATA).join(name)).filter(|it| it.is_file());
        let license = if let Some(path) = job.license.clone().or_else(|| own("license.yaml")) {
            license(&path, &trusted, &mut notes)?
        } else {
            is_unlicensed = true;
            VerifiedLicense {
                license: License::default(),
                raw: String::new(),
                differences: Vec::new(),
            }
        };
        let mut values_text = None;
        let values = match job.config_values.clone().or_else(|| own("config.yaml")) {
            Some(path) => {
                let text = values_text.insert(text(&path)?);
                ConfigValues::parse(text).map_err(|error| content(&path, &error))?
            }
            None => ConfigValues::default(),
        };
        let stored = match own("installation.yaml") {
            Some(path) => {
                Installation::parse(&text(&path)?).map_err(|error| content(&path, &error))?
            }
            None => Installation::default(),
        };
        let identity_config = own("identityconfig.yaml").map(|it| text(&it)).transpose()?;
        let known = [&stored.encryption_key, &job.options.encryption_key];
        let known = known.into_iter().find(|it| !it.is_empty()).cloned();
        let key = known
            .or_else(|| crate::env::read(crate::env::API_ENCRYPTION_KEY))
            .unwrap_or_else(generate_key_text);
        let cipher = Cipher::from_key_text(&key).map_err(|error| OfflineError::Content {
            path: PathBuf::from("the encryption key"),
            what: error.to_string(),
        })?;
        let installation = installation(job, &license.license, stored);
        Ok(Self {
            license,
            is_unlicensed,
            values,
            values_text,
            installation,
            identity_config,
            cipher,
            notes,
        })
    }
}

/// Which release it is: as the options say, else as the installation has it, else of the licence's
/// channel.
fn installation(job: &Job, license: &License, stored: Installation) -> Installation {
    let first = |texts: [&str; 3]| {
        texts.into_iter().find(|it| !it.is_empty()).unwrap_or_default().to_owned()
    };
    let options = &job.options;
    let channel =
        license.channel(&options.channel_id).unwrap_or_else(|_| license.default_channel());
    let release = &options.release;
    let [registry, proxy] = &release.domains;
    Installation {
        update_cursor: first([&release.update_cursor, &stored.update_cursor, ""]),
        channel_id: first([&options.channel_id, &stored.channel_id, &channel.channel_id]),
        channel_name: first([&release.channel_name, &stored.channel_name, &channel.channel_name]),
        version_label: first([&release.version_label, &stored.version_label, ""]),
        is_required: release.is_required || stored.is_required,
        release_notes: first([&release.release_notes, &stored.release_notes, ""]),
        replicated_registry_domain: first([registry, &stored.replicated_registry_domain, ""]),
        replicated_proxy_domain: first([proxy, &stored.replicated_proxy_domain, ""]),
        replicated_chart_names: if release.chart_names.is_empty() {
            stored.replicated_chart_names.clone()
        } else {
            release.chart_names.clone()
        },
        // What was found in an earlier rendering is found anew.
        yaml_errors: Vec::new(),
        ..stored
    }
}

/// Reads a licence. One that does not verify is used as it is written: nothing is deployed from here.
fn license(
    path: &Path,
    trusted: &RootKeys,
    notes: &mut Vec<String>,
) -> Result<VerifiedLicense, OfflineError> {
    let raw = text(path)?;
    match verify(&raw, trusted) {
        Ok(license) => Ok(license),
        Err(error) => {
            let mut document = yaml::to_value(&raw).map_err(|error| content(path, &error))?;
            let kind = document.get("kind").and_then(serde_json::Value::as_str).unwrap_or_default();
            if kind != "License" {
                let what = match kind {
                    "" => "it is no licence: it has no kind".to_owned(),
                    kind => format!("it is no licence, but a {kind}"),
                };
                return Err(OfflineError::Content { path: path.to_owned(), what });
            }
            let spec = document.get_mut("spec").map(serde_json::Value::take).unwrap_or_default();
            let license: License = yaml::from_value(spec).map_err(|error| content(path, &error))?;
            notes.push(format!(
                "the licence {} is used as it is written, a server would refuse it: {}",
                path.display(),
                chain(&error)
            ));
            Ok(VerifiedLicense { license, raw, differences: Vec::new() })
        }
    }
}

fn text(path: &Path) -> Result<String, OfflineError> {
    fs::read_to_string(path).map_err(file("read", path))
}

fn content(path: &Path, error: &dyn std::error::Error) -> OfflineError {
    OfflineError::Content { path: path.to_owned(), what: chain(error) }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
