//! Deploying and becoming ready (`pkg/version`, `pkg/operator`): one step each time somebody looks.

use super::state::{App, Deploying, Readiness};

impl App {
    /// Marks a version as the current one and begins to work. The mark comes before any work, and the status of an
    /// earlier try stays until the operator gets to it (`MarkAsCurrentDownstreamVersion` writes only the time).
    pub(super) fn deploy(&mut self, sequence: i64) {
        self.current = Some(sequence);
        self.deploys.push(sequence);
        let applied = self.deploys.len();
        if let Some(version) = self.version(sequence) {
            version.applied = applied;
        }
        self.begin(sequence);
    }

    fn begin(&mut self, sequence: i64) {
        let looks = match &self.deploying {
            Deploying::Well(looks) => *looks,
            Deploying::Fails(_) => 3,
            Deploying::Never => u32::MAX,
        };
        self.status_looks = 0;
        if let Some(version) = self.version(sequence) {
            version.looks_left = looks;
        }
    }

    /// A current version that is neither deployed nor failed is deployed again when the process starts.
    pub(super) fn recover(&mut self) {
        let Some(current) = self.current else { return };
        let unfinished = self
            .version(current)
            .is_some_and(|it| !["deployed", "failed"].contains(&it.status.as_str()));
        if unfinished {
            self.begin(current);
        }
    }

    /// Somebody looked at the versions: what comes after what was seen.
    pub(super) fn looked(&mut self) {
        let Some(current) = self.current else { return };
        let deploying = self.deploying.clone();
        let Some(version) = self.version(current).filter(|it| it.looks_left > 0) else { return };
        version.looks_left -= 1;
        if version.looks_left > 0 {
            "deploying".clone_into(&mut version.status);
            version.apply_stderr = String::new();
            return;
        }
        if let Deploying::Fails(stderr) = deploying {
            "failed".clone_into(&mut version.status);
            version.apply_stderr = stderr;
        } else {
            "deployed".clone_into(&mut version.status);
        }
    }

    /// Somebody looked at the status. Until the informers of the new version report, the row of the earlier version
    /// stands, with its sequence.
    pub(super) fn looked_at_status(&mut self) {
        let Some(current) = self.current else { return };
        let done =
            self.version(current).is_some_and(|it| it.status == "deployed" && it.looks_left == 0);
        if !done {
            return;
        }
        self.status_looks += 1;
        match &self.readiness {
            Readiness::Never(_) => self.status = (current, "unavailable".to_owned()),
            Readiness::After(looks) if self.status_looks >= *looks => {
                self.status = (current, "ready".to_owned());
            }
            Readiness::After(_) if self.status_looks > 1 && self.status.0 != current => {
                self.status = (current, "updating".to_owned());
            }
            Readiness::After(_) => {}
        }
    }
}
