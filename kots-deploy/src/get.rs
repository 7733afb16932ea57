//! `kots get versions`: the versions of an application, newest first, as the original lists them.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use steps::{Done, Failure, Run, Scope, Step, StepKind, Stop, async_trait};
use tokio::time::Instant;
use wire::app::{App, DownstreamVersion};

use crate::client::Client;
use crate::deploy::args::{ImageArgs, Reach};
use crate::embedded::Embedded;
use crate::reach::{self, Way};
use crate::signals::Signals;

/// How long the answer may take.
const LIMIT: Duration = Duration::from_mins(1);

/// `kots get versions`, as typed.
#[derive(Debug, Clone)]
pub struct GetArgs {
    /// The application.
    pub slug: String,
    /// Whether JSON is wanted.
    pub json: bool,
    /// How to reach the admin console.
    pub reach: Reach,
}

/// What is asked, and the answer.
struct Asked {
    way: Way,
    slug: String,
    deadline: Instant,
    embedded: Option<Embedded>,
    app: Option<App>,
}

struct Ask;

#[async_trait]
impl Step<Asked> for Ask {
    fn name(&self) -> &'static str {
        "versions"
    }

    fn title(&self) -> &'static str {
        "List the versions"
    }

    fn kind(&self) -> StepKind {
        StepKind::ReadOnly
    }

    async fn run(&mut self, asked: &mut Asked, scope: &mut Scope<'_>) -> Result<Done, Failure> {
        let opened = reach::open(&asked.way, asked.deadline, scope.reporter()).await?;
        asked.embedded = opened.embedded;
        let client = Client::new(opened.transport, asked.deadline, LIMIT);
        let app = client.app(&asked.slug, scope.reporter()).await;
        asked.app = Some(app.map_err(|error| Failure::from_error("failed", &error))?);
        Ok(Done::Well)
    }
}

/// Asks for the versions and returns them as a text to print.
///
/// # Errors
///
/// Why they could not be had, in one line.
pub async fn run(args: GetArgs, signals: Signals) -> Result<String, String> {
    let way = Way::prepare(&args.reach, &[], &ImageArgs::default())
        .await
        .map_err(|error| chain(&error))?;
    let deadline = Instant::now() + LIMIT;
    let mut asked = Asked { way, slug: args.slug, deadline, embedded: None, app: None };
    let run = Run::declare("get versions", vec![Box::new(Ask)]).expect("one step has one name");
    let report = run.run(&mut asked, Stop::never().after(LIMIT).on(signals.wait())).await;
    if let Some(embedded) = asked.embedded.take() {
        let _ = tokio::time::timeout(Duration::from_secs(10), embedded.stop()).await;
    }
    let Some(app) = asked.app else {
        return Err(report.failure().map_or_else(
            || "the versions were not listed".to_owned(),
            |(_, failure)| {
                let why: Vec<_> = std::iter::once(&failure.what).chain(&failure.why).collect();
                why.into_iter().cloned().collect::<Vec<_>>().join(": ")
            },
        ));
    };
    Ok(if args.json { document(&app) } else { table(&app) })
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes: Vec<String> =
        std::iter::successors(Some(error), |it| it.source()).map(ToString::to_string).collect();
    causes.join(": ")
}

/// All versions, newest first.
fn versions(app: &App) -> Vec<&DownstreamVersion> {
    let downstream = &app.downstream;
    let mut versions: Vec<_> = downstream
        .current_version
        .iter()
        .chain(&downstream.pending_versions)
        .chain(&downstream.past_versions)
        .collect();
    versions.sort_by_key(|it| std::cmp::Reverse(it.sequence));
    versions.dedup_by_key(|it| it.sequence);
    versions
}

fn document(app: &App) -> String {
    let entry = |it: &DownstreamVersion| -> Value {
        json!({
            "versionLabel": it.version_label,
            "sequence": it.sequence,
            "createdOn": it.created_on,
            "status": it.status,
            "deployedAt": it.deployed_at,
            "source": it.source,
            "channelId": it.channel_id.clone().unwrap_or_default(),
            "channelSequence": it.update_cursor.parse::<i64>().unwrap_or_default(),
        })
    };
    let list: Vec<_> = versions(app).into_iter().map(entry).collect();
    let text = serde_json::to_string_pretty(&list).unwrap_or_default();
    format!("{text}\n")
}

fn table(app: &App) -> String {
    let mut text =
        "VERSION    SEQUENCE    STATUS    SOURCE    CHANNEL ID    CHANNEL SEQUENCE\n".to_owned();
    for it in versions(app) {
        let channel = it.channel_id.as_deref().unwrap_or_default();
        let _ = writeln!(
            text,
            "{}    {}    {}    {}    {channel}    {}",
            it.version_label, it.sequence, it.status, it.source, it.update_cursor
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_listed_newest_first() {
        let version = |sequence, label: &str, status: &str| DownstreamVersion {
            sequence,
            version_label: label.to_owned(),
            status: status.to_owned(),
            update_cursor: (sequence + 1).to_string(),
            channel_id: Some("stable".to_owned()),
            ..DownstreamVersion::default()
        };
        let mut app = App::default();
        app.downstream.current_version = Some(version(1, "1.1.0", "deployed"));
        app.downstream.past_versions = vec![version(0, "1.0.0", "deployed")];
        app.downstream.pending_versions = vec![version(2, "1.2.0", "pending")];
        insta::assert_snapshot!(table(&app), @r"
        VERSION    SEQUENCE    STATUS    SOURCE    CHANNEL ID    CHANNEL SEQUENCE
        1.2.0    2    pending        stable    3
        1.1.0    1    deployed        stable    2
        1.0.0    0    deployed        stable    1
        ");
        let list: Value = serde_json::from_str(&document(&app)).expect("JSON");
        assert_eq!(list[1]["versionLabel"], "1.1.0");
        assert_eq!(list[1]["channelSequence"], 2);
    }
}
