//! Waits until a server that may still be working on a lost request has settled.
//!
//! The original finishes a request after its client died, and a version may appear later. `task/updatedownload`
//! says `running` during an update; a licence or config change gives no sign. So before anything is done again: wait
//! while the task runs, and then until nothing has changed for [`super::state::quiet_time`].

use steps::{Failure, Scope};
use tokio::time::{Instant, sleep};
use wire::app::App;

use super::state::{Context, failure, quiet_time};
use super::target::versions;

/// How often the server is looked at.
const EVERY: std::time::Duration = std::time::Duration::from_millis(500);

/// Waits until `settled` says that what was waited for is there, or the server has been quiet. Returns what was
/// read last.
///
/// # Errors
///
/// When the server cannot be read until the deadline.
pub(super) async fn wait(
    context: &Context,
    scope: &Scope<'_>,
    settled: impl Fn(&App) -> bool,
) -> Result<App, Failure> {
    let quiet = quiet_time();
    let mut app = context.app(scope).await?;
    if settled(&app) {
        return Ok(app);
    }
    scope.reporter().note(format!(
        "Waiting until kotsadm is quiet ({}), as an earlier request may still be running...",
        crate::cli::duration::show(quiet)
    ));
    let (mut seen, mut since) = (mark(&app), Instant::now());
    loop {
        if Instant::now() >= context.deadline {
            return Ok(app);
        }
        sleep(EVERY.min(quiet)).await;
        let task = context
            .client()
            .task(&context.plan.slug, scope.reporter())
            .await
            .map_err(|it| failure("failed to read the state of the update", &it))?;
        app = context.app(scope).await?;
        if settled(&app) {
            return Ok(app);
        }
        let now = mark(&app);
        if task.status == "running" || now != seen {
            (seen, since) = (now, Instant::now());
            scope.reporter().progress(&steps::Progress::Text(task.current_message));
        } else if since.elapsed() >= quiet {
            return Ok(app);
        }
    }
}

/// What changes when a version is made or its state moves.
fn mark(app: &App) -> Vec<(i64, String)> {
    versions(app).into_iter().map(|it| (it.sequence, it.status.clone())).collect()
}
