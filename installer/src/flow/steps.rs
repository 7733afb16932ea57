//! The long steps: the states they go through and the words of their statuses.

use super::{Flow, Mode, State};

/// A step with a status of its own. The words are the original's (`api/controllers`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// How the application is installed (install only).
    Installation,
    /// What the application needs around it (install only).
    Infra,
    /// The images of a bundle.
    Airgap,
    /// The application's preflights.
    AppPreflights,
    /// The application itself.
    App,
}

impl Step {
    /// Every step, in the order of a run.
    pub(crate) const ALL: [Self; 5] =
        [Self::Installation, Self::Infra, Self::Airgap, Self::AppPreflights, Self::App];

    /// The name in the store and in events.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Installation => "installation",
            Self::Infra => "infra",
            Self::Airgap => "airgap",
            Self::AppPreflights => "app-preflights",
            Self::App => "app",
        }
    }

    /// The step of a name.
    #[cfg(any(test, feature = "fixture"))]
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }

    /// The state while it runs.
    pub(crate) fn running(self, flow: Flow) -> State {
        match self {
            Self::Installation => State::InstallationConfiguring,
            Self::Infra => State::InfrastructureInstalling,
            Self::Airgap => State::AirgapProcessing,
            Self::AppPreflights => State::AppPreflightsRunning,
            Self::App => flow.app_states().0,
        }
    }

    /// The state after it went well.
    pub(crate) fn succeeded(self) -> State {
        match self {
            Self::Installation => State::InstallationConfigured,
            Self::Infra => State::InfrastructureInstalled,
            Self::Airgap => State::AirgapProcessed,
            Self::AppPreflights => State::AppPreflightsSucceeded,
            Self::App => State::Succeeded,
        }
    }

    /// The state after it could not be done.
    pub(crate) fn failed(self, flow: Flow) -> State {
        match self {
            Self::Installation => State::InstallationConfigurationFailed,
            Self::Infra => State::InfrastructureInstallFailed,
            Self::Airgap => State::AirgapProcessingFailed,
            Self::AppPreflights => State::AppPreflightsExecutionFailed,
            Self::App => flow.app_states().1,
        }
    }

    /// The step that a running state belongs to.
    pub(crate) fn at_work(state: State, flow: Flow) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.running(flow) == state)
    }

    /// What its status says while it runs.
    pub(crate) fn running_text(self, mode: Mode) -> &'static str {
        match (self, mode) {
            (Self::Installation, _) => "Configuring installation",
            (Self::Infra, _) => "Installing infrastructure",
            (Self::Airgap, _) => "Processing airgap bundle",
            (Self::AppPreflights, _) => "Running app preflights",
            (Self::App, Mode::Install) => "Installing application",
            (Self::App, Mode::Upgrade) => "Upgrading application",
        }
    }

    /// What its status says after it went well.
    pub(crate) fn success_text(self, mode: Mode) -> &'static str {
        match (self, mode) {
            (Self::Installation, _) => "Installation configured",
            (Self::Airgap, _) => "Airgap bundle processed",
            (Self::AppPreflights, _) => "App preflights succeeded",
            (Self::Infra, _) | (Self::App, Mode::Install) => "Installation complete",
            (Self::App, Mode::Upgrade) => "Upgrade complete",
        }
    }

    /// What stands in front of the reason when it failed.
    pub(crate) fn failed_prefix(self, mode: Mode) -> &'static str {
        match (self, mode) {
            (Self::Installation, _) => "configure installation",
            (Self::Infra, _) => "install infrastructure",
            (Self::Airgap, _) => "process airgap",
            (Self::AppPreflights, _) => "run app preflights",
            (Self::App, Mode::Install) => "install app",
            (Self::App, Mode::Upgrade) => "upgrade app",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::FLOWS;
    use super::*;

    #[test]
    fn the_table_knows_the_ways_of_every_step() {
        for flow in FLOWS {
            for step in Step::ALL {
                let running = step.running(flow);
                if !flow.edges().iter().any(|it| it.to == running) {
                    continue;
                }
                assert!(flow.allows(running, step.succeeded(), false), "{step:?} in {flow:?}");
                assert!(flow.allows(running, step.failed(flow), false), "{step:?} in {flow:?}");
                assert_eq!(Step::at_work(running, flow), Some(step));
                assert_eq!(Step::from_name(step.as_str()), Some(step));
            }
        }
    }
}
