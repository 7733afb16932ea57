//! The table as a diagram.

use std::fmt::Write as _;

use super::{Flow, State};

/// A Mermaid state diagram of a flow; retries are marked as such.
pub(crate) fn mermaid(flow: Flow) -> String {
    let mut text = format!(
        "---\ntitle: {} {}{}\n---\nstateDiagram-v2\n    [*] --> New\n",
        flow.target.as_str(),
        flow.mode.as_str(),
        if flow.has_airgap_step() { ", air-gapped" } else { "" }
    );
    for edge in flow.edges() {
        let label = if edge.is_retry { " : retry" } else { "" };
        let _ = writeln!(text, "    {} --> {}{label}", edge.from, edge.to);
    }
    let _ = writeln!(text, "    {} --> [*]", State::Succeeded);
    text
}

#[cfg(test)]
mod tests {
    use super::super::{Mode, Target};
    use super::*;

    #[test]
    fn a_flow_is_a_diagram() {
        let flow = Flow { target: Target::Linux, mode: Mode::Upgrade, airgap: true };
        insta::assert_snapshot!(mermaid(flow));
    }
}
