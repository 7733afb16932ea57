//! What a release says about itself, as far as the server shows it or acts on it.

use kinds::application::Application;
use kinds::gvk::{Gvk, KindError};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What the kinds of a built release say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each shown on its own")]
pub struct Facts {
    /// Title of the Application kind; empty without one.
    pub title: String,
    /// Icon of the Application kind; empty without one.
    pub icon: String,
    /// The vendor's notes in the Application kind; empty without any.
    pub release_notes: String,
    /// Whether the vendor allows going back to an older version.
    pub allow_rollback: bool,
    /// Oldest KOTS that may deploy it; empty for any.
    pub min_kots_version: String,
    /// The KOTS it was made for; empty for any.
    pub target_kots_version: String,
    /// Rendered status informers, `[ns/]kind/name`, empty ones left out.
    pub status_informers: Vec<String>,
    /// Whether public images go through the vendor's proxy too.
    pub proxy_public_images: bool,
    /// The vendor's own image registry; empty for the default one.
    pub replicated_registry_domain: String,
    /// The vendor's own image proxy; empty for the default one.
    pub proxy_registry_domain: String,
    /// Whether there is a Config.
    pub has_config: bool,
    /// Whether there is a Preflight.
    pub has_preflight: bool,
    /// Whether an analyzer of a Preflight is strict.
    pub has_strict_preflight: bool,
    /// Whether there is a Backup.
    pub has_backup: bool,
    /// Whether there is an Identity.
    pub has_identity: bool,
    /// The SHA-256 of the embedded cluster's Config, in hex; empty without one.
    pub cluster_config_sha256: String,
}

/// A chart Helm will install, in the order it will do so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// Name of the Helm release; also the folder's name below `helm/`.
    pub release_name: String,
    /// Name of the chart.
    pub chart_name: String,
    /// Namespace; empty for the application's.
    pub namespace: String,
    /// The lower goes first; equal ones by chart name.
    pub weight: i64,
    /// Flags for `helm upgrade`.
    pub upgrade_flags: Vec<String>,
    /// Path of the packed chart, relative to the tree; of a chart that was rendered here and that Helm
    /// installs (v1beta1 with `useHelmInstall`) the path of its folder.
    pub archive: String,
    /// Path of the values, relative to the tree.
    pub values: String,
}

impl Facts {
    /// Takes note of a rendered KOTS kind.
    ///
    /// # Errors
    ///
    /// An Application that cannot be read.
    pub(crate) fn note(&mut self, gvk: &Gvk, value: &Value, text: &str) -> Result<(), KindError> {
        match (gvk.api_version.as_str(), gvk.kind.as_str()) {
            ("kots.io/v1beta1", "Application") => self.note_application(Application::parse(text)?),
            ("kots.io/v1beta1", "Config") => self.has_config = true,
            ("kots.io/v1beta1", "Identity") => self.has_identity = true,
            ("troubleshoot.sh/v1beta2" | "troubleshoot.replicated.com/v1beta1", "Preflight") => {
                self.has_preflight = true;
                self.has_strict_preflight |= kinds::preflight::has_strict(value);
            }
            ("velero.io/v1", "Backup") => self.has_backup = true,
            ("embeddedcluster.replicated.com/v1beta1", "Config") => {
                self.cluster_config_sha256 = hex::encode(Sha256::digest(text));
            }
            _ => {}
        }
        Ok(())
    }

    fn note_application(&mut self, application: Application) {
        self.title = application.title;
        self.icon = application.icon;
        self.release_notes = application.release_notes;
        self.allow_rollback = application.allow_rollback;
        self.min_kots_version = application.min_kots_version;
        self.target_kots_version = application.target_kots_version;
        self.proxy_public_images = application.proxy_public_images;
        self.replicated_registry_domain = application.replicated_registry_domain;
        self.proxy_registry_domain = application.proxy_registry_domain;
        self.status_informers = application
            .status_informers
            .into_iter()
            .map(|it| it.trim().to_owned())
            .filter(|it| !it.is_empty())
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Facts {
        let value = kinds::yaml::to_value(text).expect("YAML");
        let gvk = Gvk::of(&value).expect("a kind");
        let mut facts = Facts::default();
        facts.note(&gvk, &value, text).expect("a kind that can be read");
        facts
    }

    #[test]
    fn informers_that_rendered_to_nothing_are_left_out() {
        let facts = check(
            "apiVersion: kots.io/v1beta1\nkind: Application\nspec: {title: Shop, statusInformers: ['', deployment/web, ' ']}\n",
        );
        assert_eq!(facts.status_informers, ["deployment/web"]);
        assert_eq!(facts.title, "Shop");
    }

    #[test]
    fn one_strict_analyzer_makes_preflights_strict() {
        let preflight = |strict: &str| {
            let facts = check(&format!(
                "apiVersion: troubleshoot.sh/v1beta2\nkind: Preflight\nspec: {{analyzers: [{{a: {{}}}}, {{b: {{strict: {strict}}}}}]}}\n"
            ));
            (facts.has_preflight, facts.has_strict_preflight)
        };
        assert_eq!(preflight("true"), (true, true));
        assert_eq!(preflight("'true'"), (true, true));
        assert_eq!(preflight("'false'"), (true, false));
        assert_eq!(preflight("''"), (true, false));
    }
}
