//! Ctrl-C and its like.

use super::say_error;

/// Ends the line in which a terminal shows `^C`, mostly behind a question.
pub(super) fn after_ctrl_c() {
    if std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        say_error("\n");
    }
}

/// Signals that ask the program to end.
pub(super) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    pub(super) fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    pub(super) async fn raised(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
