//! The state machine: which state follows which, as one table for every target and mode.
//!
//! Names are the original's (`api/internal/states/states.go`); they are seen on the wire inside 409
//! messages. Pure: where the state is kept is the store's business.

mod mermaid;
mod steps;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub(crate) use mermaid::mermaid;
pub(crate) use steps::Step;

/// Where the application runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Target {
    /// A machine that carries its own cluster.
    Linux,
    /// A cluster that is there.
    Kubernetes,
}

/// What is done to the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// It is put there.
    Install,
    /// Another release takes its place.
    Upgrade,
}

impl Target {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::Kubernetes => "kubernetes",
        }
    }
}

impl Mode {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Upgrade => "upgrade",
        }
    }
}

/// What decides the table: one process has one flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Flow {
    pub(crate) target: Target,
    pub(crate) mode: Mode,
    /// Whether the release comes in a bundle. Of no effect on Kubernetes, as in the original.
    pub(crate) airgap: bool,
}

macro_rules! states {
    ($($name:ident),* $(,)?) => {
        /// A state of the machine.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum State { $($name),* }

        impl State {
            /// Every state there is.
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$name),*];

            /// The name on the wire and in the store.
            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }
        }

        impl FromStr for State {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $(stringify!($name) => Ok(Self::$name),)*
                    other => Err(format!("`{other}` is not a state")),
                }
            }
        }
    };
}

states! {
    New,
    ApplicationConfiguring, ApplicationConfigurationFailed, ApplicationConfigured,
    InstallationConfiguring, InstallationConfigurationFailed, InstallationConfigured,
    InfrastructureInstalling, InfrastructureInstallFailed, InfrastructureInstalled,
    AirgapProcessing, AirgapProcessed, AirgapProcessingFailed,
    AppPreflightsRunning, AppPreflightsExecutionFailed, AppPreflightsSucceeded,
    AppPreflightsFailed, AppPreflightsFailedBypassed,
    AppInstalling, AppInstallFailed, AppUpgrading, AppUpgradeFailed,
    Succeeded,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One allowed change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) from: State,
    pub(crate) to: State,
    /// Taken only when a request asks for it by `retry=true`: the original has no such way.
    pub(crate) is_retry: bool,
}

impl Flow {
    /// Every allowed change of state, in the order a run takes them.
    pub(crate) fn edges(self) -> Vec<Edge> {
        use State::{
            AirgapProcessed, AirgapProcessing, AirgapProcessingFailed,
            AppPreflightsExecutionFailed, AppPreflightsFailed, AppPreflightsFailedBypassed,
            AppPreflightsRunning, AppPreflightsSucceeded, ApplicationConfigurationFailed,
            ApplicationConfigured, ApplicationConfiguring, InfrastructureInstallFailed,
            InfrastructureInstalled, InfrastructureInstalling, InstallationConfigurationFailed,
            InstallationConfigured, InstallationConfiguring, New, Succeeded,
        };

        let mut edges = Vec::new();
        let mut add = |from: State, to: &[State]| {
            edges.extend(to.iter().map(|to| Edge { from, to: *to, is_retry: false }));
        };
        let before_preflights = self.before_preflights();
        let (acting, act_failed) = self.app_states();

        add(New, &[ApplicationConfiguring]);
        add(ApplicationConfiguring, &[ApplicationConfigured, ApplicationConfigurationFailed]);
        add(ApplicationConfigurationFailed, &[ApplicationConfiguring]);
        if self.mode == Mode::Install {
            let again = [ApplicationConfiguring, InstallationConfiguring];
            add(ApplicationConfigured, &again);
            add(
                InstallationConfiguring,
                &[InstallationConfigured, InstallationConfigurationFailed],
            );
            add(InstallationConfigurationFailed, &again);
            add(InstallationConfigured, &again);
            add(InstallationConfigured, &[InfrastructureInstalling]);
            add(InfrastructureInstalling, &[InfrastructureInstalled, InfrastructureInstallFailed]);
            add(InfrastructureInstalled, &[AppPreflightsRunning]);
        } else {
            add(ApplicationConfigured, &[ApplicationConfiguring]);
            if self.has_airgap_step() {
                add(ApplicationConfigured, &[AirgapProcessing]);
                add(AirgapProcessing, &[AirgapProcessed, AirgapProcessingFailed]);
            }
            add(before_preflights, &[AppPreflightsRunning]);
        }
        add(
            AppPreflightsRunning,
            &[AppPreflightsSucceeded, AppPreflightsFailed, AppPreflightsExecutionFailed],
        );
        add(AppPreflightsExecutionFailed, &[AppPreflightsRunning]);
        add(AppPreflightsSucceeded, &[AppPreflightsRunning, acting]);
        add(AppPreflightsFailed, &[AppPreflightsRunning, AppPreflightsFailedBypassed]);
        add(AppPreflightsFailedBypassed, &[AppPreflightsRunning, acting]);
        add(acting, &[Succeeded, act_failed]);

        let mut retry = |from: State, to: State| edges.push(Edge { from, to, is_retry: true });
        if self.mode == Mode::Install {
            retry(InfrastructureInstallFailed, InfrastructureInstalling);
            retry(InfrastructureInstallFailed, ApplicationConfiguring);
        }
        if self.has_airgap_step() {
            retry(AirgapProcessingFailed, AirgapProcessing);
            retry(AirgapProcessingFailed, ApplicationConfiguring);
        }
        retry(AppPreflightsExecutionFailed, ApplicationConfiguring);
        retry(AppPreflightsFailed, ApplicationConfiguring);
        retry(act_failed, acting);
        retry(act_failed, ApplicationConfiguring);
        edges
    }

    /// Whether a change of state is allowed; a retry only to those who ask for one.
    pub(crate) fn allows(self, from: State, to: State, retry: bool) -> bool {
        self.edges().iter().any(|it| it.from == from && it.to == to && (retry || !it.is_retry))
    }

    /// Whether answers are taken. Sending them is a way out of every failed state from which a retry goes
    /// back to them: the original's wizard has no other.
    pub(crate) fn takes_answers(self, state: State) -> bool {
        self.allows(state, State::ApplicationConfiguring, true)
    }

    /// Whether a step was done and is not done again: states are in the order of a run.
    pub(crate) fn is_past(self, state: State, step: Step) -> bool {
        step.succeeded() <= state && !self.allows(state, step.running(self), false)
    }

    /// Whether a state is left by a retry only, or not at all.
    pub(crate) fn is_final(self, state: State) -> bool {
        !self.edges().iter().any(|it| it.from == state && !it.is_retry)
    }

    /// Whether images of a bundle are a step of their own.
    pub(crate) fn has_airgap_step(self) -> bool {
        self.airgap && self.target == Target::Linux
    }

    /// The last step's states: at work, and failed.
    pub(crate) fn app_states(self) -> (State, State) {
        match self.mode {
            Mode::Install => (State::AppInstalling, State::AppInstallFailed),
            Mode::Upgrade => (State::AppUpgrading, State::AppUpgradeFailed),
        }
    }

    fn before_preflights(self) -> State {
        if self.has_airgap_step() { State::AirgapProcessed } else { State::ApplicationConfigured }
    }

    /// `/api/<target>/<mode>`.
    pub(crate) fn prefix(self) -> String {
        format!("/api/{}/{}", self.target.as_str(), self.mode.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const FLOWS: [Flow; 4] = [
        Flow { target: Target::Linux, mode: Mode::Upgrade, airgap: false },
        Flow { target: Target::Linux, mode: Mode::Upgrade, airgap: true },
        Flow { target: Target::Kubernetes, mode: Mode::Upgrade, airgap: true },
        Flow { target: Target::Kubernetes, mode: Mode::Install, airgap: false },
    ];

    /// The whole table of a flow, a line for each state that is left.
    fn check(flow: Flow) -> String {
        let edges = flow.edges();
        let line = |from: &State| {
            let to = |retry: bool| -> Vec<_> {
                edges
                    .iter()
                    .filter(|it| it.from == *from && it.is_retry == retry)
                    .map(|it| it.to.as_str())
                    .collect()
            };
            let (normal, retry) = (to(false).join(" "), to(true).join(" "));
            match (normal.is_empty(), retry.is_empty()) {
                (true, true) => None,
                (_, true) => Some(format!("{from} > {normal}")),
                (_, false) => Some(format!("{from} > {normal} ~ {retry}")),
            }
        };
        State::ALL.iter().filter_map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn linux_upgrade() {
        insta::assert_snapshot!(check(FLOWS[0]));
    }

    #[test]
    fn linux_upgrade_from_a_bundle() {
        insta::assert_snapshot!(check(FLOWS[1]));
    }

    #[test]
    fn kubernetes_upgrade_has_no_step_for_a_bundle() {
        assert_eq!(check(FLOWS[2]), check(FLOWS[0]));
    }

    #[test]
    fn kubernetes_install() {
        insta::assert_snapshot!(check(FLOWS[3]));
    }

    #[test]
    fn every_reachable_state_has_an_exit_or_is_the_end() {
        for flow in FLOWS {
            let mut reached = vec![State::New];
            let mut next = 0;
            while next < reached.len() {
                for edge in flow.edges() {
                    if edge.from == reached[next] && !reached.contains(&edge.to) {
                        reached.push(edge.to);
                    }
                }
                next += 1;
            }
            let stuck: Vec<_> = reached
                .iter()
                .filter(|state| !flow.edges().iter().any(|edge| edge.from == **state))
                .collect();
            assert_eq!(stuck, [&State::Succeeded], "{flow:?}");
            let named = flow.edges().iter().all(|edge| reached.contains(&edge.from));
            assert!(named, "{flow:?} leaves states that nothing reaches");
        }
    }

    #[test]
    fn a_name_is_read_back() {
        for state in State::ALL {
            assert_eq!(state.as_str().parse::<State>().as_ref(), Ok(state));
        }
        assert!("Elsewhere".parse::<State>().is_err());
    }
}
