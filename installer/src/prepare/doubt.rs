//! What a person is asked before a run begins (`cmd/installer/cli/upgrade.go`). Pure: who asks is the
//! command line's business.

use crate::flow::Mode;
use crate::release::Release;

/// A question whose answer decides whether the run begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Doubt {
    /// What is said before it.
    pub(crate) words: Vec<String>,
    pub(crate) question: String,
    /// Whether the run begins when nobody can be asked.
    pub(crate) may_pass: bool,
}

/// The release was downloaded with a bundle, and none is given.
pub(super) fn without_bundle(release: &Release, has_bundle: bool, mode: Mode) -> Option<Doubt> {
    let verb = match mode {
        Mode::Install => "installation",
        Mode::Upgrade => "upgrade",
    };
    (release.is_airgap_download && !has_bundle).then(|| Doubt {
        words: vec![
            "You downloaded an air gap bundle but didn't provide it with --airgap-bundle.".to_owned(),
            format!(
                "If you continue, the {verb} will not use an air gap bundle and will connect to the internet."
            ),
        ],
        question: format!("Do you want to proceed with an online {verb}?"),
        may_pass: false,
    })
}

/// There is a newer release. One that is named on purpose is not asked about.
pub(super) fn newer(newer: &str, release: &Release, is_named: bool) -> Doubt {
    let question = if is_named {
        String::new()
    } else {
        format!("Do you want to continue installing {} anyway?", release.version_label)
    };
    let words = vec![format!("A newer version {newer} is available.")];
    Doubt { words, question, may_pass: true }
}

/// The release is made for another version of the embedded cluster, which is not upgraded here.
pub(super) fn infrastructure(installed: &str, wanted: &str) -> Option<Doubt> {
    let is_told = !installed.is_empty() && !wanted.is_empty() && installed != wanted;
    is_told.then(|| Doubt {
        words: vec![format!(
            "The release is made for Embedded Cluster {wanted}. Only the application is upgraded: the cluster stays at {installed}."
        )],
        question: String::new(),
        may_pass: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::Identity;

    #[test]
    fn only_a_bundle_that_is_left_out_is_asked_about() {
        let release = |is_airgap_download| {
            let identity = Identity { is_airgap_download, ..Identity::default() };
            Release::new(identity, &[]).expect("a release")
        };
        let doubt = without_bundle(&release(true), false, Mode::Upgrade).expect("a doubt");
        assert_eq!(doubt.question, "Do you want to proceed with an online upgrade?");
        assert!(!doubt.may_pass);
        assert_eq!(without_bundle(&release(true), true, Mode::Upgrade), None);
        assert_eq!(without_bundle(&release(false), false, Mode::Install), None);
        assert!(newer("2", &release(false), true).question.is_empty());
    }
}
