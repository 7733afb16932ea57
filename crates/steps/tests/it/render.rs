//! One run, through each renderer.

use std::io::{self, Write};

use insta::assert_snapshot;
use serde_json::json;
use steps::Shared;
use steps::render::{self, JsonLines, RunDocument, Text};

use crate::harness::{run, run_into};

const SCRIPT: &str = "connect read-only\nlicense check=true\nupdate run=notes verify=warned\n\
                      config run=rejected\nwatch read-only";

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn as_plain_lines() {
    let sink = Shared::new(Vec::new());
    run_into(SCRIPT, Text::new(Into(sink.clone()), render::plain_lines)).await;
    assert_snapshot!(sink.with(|it| text(it)), @r"
    connect: succeeded
    license: skipped: already up to date
    update: Syncing license...
    update: warning: kotsadm is restarting
    update: warned: the clock of the server is late
    config: failed: the server said no
      caused by: the licence has expired

    hint: ask for a new licence
    watch: skipped: not run because `config` failed
    ");
}

#[tokio::test]
async fn as_the_bullets_of_kots() {
    let sink = Shared::new(Vec::new());
    run_into(SCRIPT, Text::new(Into(sink.clone()), render::bullets)).await;
    // Not a snapshot, which would not show the spaces before the bullet.
    let lines = sink.with(|it| text(it));
    assert_eq!(lines, "  • Syncing license...\n  • kotsadm is restarting\n");
}

#[tokio::test]
async fn as_one_document() {
    let report = run(SCRIPT).await;
    let mut out = Vec::new();
    render::json(&mut out, &RunDocument::new(&report)).unwrap();
    assert_snapshot!(text(&out), @r#"
    {
      "run": "deploy",
      "outcome": "failed",
      "steps": [
        {
          "name": "connect",
          "outcome": "succeeded",
          "startedAt": "2026-01-02T03:04:06Z",
          "endedAt": "2026-01-02T03:04:08Z"
        },
        {
          "name": "license",
          "outcome": "skipped",
          "reason": "already up to date",
          "startedAt": "2026-01-02T03:04:09Z",
          "endedAt": "2026-01-02T03:04:10Z"
        },
        {
          "name": "update",
          "outcome": "warned",
          "reason": "the clock of the server is late",
          "startedAt": "2026-01-02T03:04:11Z",
          "endedAt": "2026-01-02T03:04:17Z"
        },
        {
          "name": "config",
          "outcome": "failed",
          "reason": "the server said no",
          "startedAt": "2026-01-02T03:04:18Z",
          "endedAt": "2026-01-02T03:04:22Z"
        },
        {
          "name": "watch",
          "outcome": "skipped",
          "reason": "not run because `config` failed",
          "startedAt": null,
          "endedAt": null
        }
      ],
      "error": {
        "kind": "rejected",
        "what": "the server said no",
        "why": [
          "the licence has expired"
        ],
        "next": "ask for a new licence",
        "effect": "none"
      }
    }
    "#);
}

#[tokio::test]
async fn as_lines_of_json_that_end_with_the_document_of_the_caller() {
    let written = Shared::new(Vec::new());
    let lines = Shared::new(JsonLines::new(Into(written.clone())));
    run_into(SCRIPT, lines.clone()).await;
    lines.with(|it| it.finish(&json!({"outcome": "rejected"}))).unwrap();
    let written = written.with(|it| text(it));
    // Progress is not recorded, so its time is no clock's of the run.
    let line = written.lines().find(|it| it.contains(r#""kind":"progress""#)).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let written = written.replace(line["at"].as_str().unwrap(), "[now]");
    assert_snapshot!(written, @r#"
    {"index":0,"at":"2026-01-02T03:04:05Z","kind":"run_declared","run":"deploy","steps":[{"name":"connect","title":"A scripted step","type":"read_only"},{"name":"license","title":"A scripted step","type":"changes"},{"name":"update","title":"A scripted step","type":"changes"},{"name":"config","title":"A scripted step","type":"changes"},{"name":"watch","title":"A scripted step","type":"read_only"}]}
    {"index":1,"at":"2026-01-02T03:04:06Z","kind":"step_started","step":"connect"}
    {"index":2,"at":"2026-01-02T03:04:07Z","kind":"step_acting","step":"connect","attempt":1}
    {"index":3,"at":"2026-01-02T03:04:08Z","kind":"step_ended","step":"connect","outcome":"succeeded"}
    {"index":4,"at":"2026-01-02T03:04:09Z","kind":"step_started","step":"license"}
    {"index":5,"at":"2026-01-02T03:04:10Z","kind":"step_ended","step":"license","outcome":"skipped","reason":"already up to date"}
    {"index":6,"at":"2026-01-02T03:04:11Z","kind":"step_started","step":"update"}
    {"index":7,"at":"2026-01-02T03:04:13Z","kind":"step_acting","step":"update","attempt":1}
    {"index":8,"at":"2026-01-02T03:04:14Z","kind":"message","step":"update","level":"info","text":"Syncing license..."}
    {"index":9,"at":"[now]","kind":"progress","step":"update","done":1,"total":2}
    {"index":10,"at":"2026-01-02T03:04:15Z","kind":"message","step":"update","level":"warning","text":"kotsadm is restarting"}
    {"index":11,"at":"2026-01-02T03:04:17Z","kind":"step_ended","step":"update","outcome":"warned","reason":"the clock of the server is late"}
    {"index":12,"at":"2026-01-02T03:04:18Z","kind":"step_started","step":"config"}
    {"index":13,"at":"2026-01-02T03:04:20Z","kind":"step_acting","step":"config","attempt":1}
    {"index":14,"at":"2026-01-02T03:04:22Z","kind":"step_ended","step":"config","outcome":"failed","failure":{"kind":"rejected","what":"the server said no","why":["the licence has expired"],"next":"ask for a new licence","effect":"none"}}
    {"index":15,"at":"2026-01-02T03:04:23Z","kind":"step_ended","step":"watch","outcome":"skipped","reason":"not run because `config` failed"}
    {"index":16,"at":"2026-01-02T03:04:25Z","kind":"run_ended","result":"failed"}
    {"outcome":"rejected"}
    "#);
}

#[tokio::test]
async fn a_closed_pipe_ends_the_output_and_not_the_run() {
    let lines = Shared::new(JsonLines::new(Closed));
    let report = run_into("license\nupdate", lines.clone()).await;
    assert_eq!(report.outcome(), Some(steps::RunOutcome::Succeeded));
    let error = lines.with(|it| it.finish(&json!({}))).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

/// Writes into a shared buffer.
struct Into(Shared<Vec<u8>>);

impl Write for Into {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.with(|it| it.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A pipe whose reader is gone.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
