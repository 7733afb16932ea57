//! SIGINT and SIGTERM end a run cleanly; a second one ends the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// The exit status of a process that was told twice.
const TOLD_TWICE: i32 = 4;

/// Tells when the run is to end.
#[derive(Debug, Clone)]
pub struct Signals {
    name: watch::Receiver<Option<&'static str>>,
    raised: Arc<AtomicBool>,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    ///
    /// When the system gives no handler.
    pub fn listen() -> std::io::Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let (tell, name) = watch::channel(None);
        let raised = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&raised);
        tokio::spawn(async move {
            loop {
                let name = tokio::select! {
                    _ = interrupt.recv() => "SIGINT",
                    _ = terminate.recv() => "SIGTERM",
                };
                if flag.swap(true, Ordering::SeqCst) {
                    std::process::exit(TOLD_TWICE);
                }
                let _ = tell.send(Some(name));
            }
        });
        Ok(Self { name, raised })
    }

    /// Whether one has come, for code that cannot wait.
    pub fn raised(&self) -> bool {
        self.raised.load(Ordering::SeqCst)
    }

    /// Waits for the first and returns its name.
    pub async fn wait(mut self) -> String {
        loop {
            if let Some(name) = *self.name.borrow_and_update() {
                return name.to_owned();
            }
            if self.name.changed().await.is_err() {
                // The listener lives as long as the process.
                std::future::pending::<()>().await;
            }
        }
    }
}
