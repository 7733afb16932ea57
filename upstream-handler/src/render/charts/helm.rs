//! The `helm` program (version 4: it renders without a cluster).

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::release::ReleaseError;
use crate::render::programs::{Program, ProgramError, Programs};

/// A chart that is to be rendered.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    /// The kind's file in the release, for errors.
    pub(crate) path: &'a str,
    /// Name of the Helm release.
    pub(crate) release: &'a str,
    /// Namespace of the Helm release; empty for Helm's own default.
    pub(crate) namespace: &'a str,
    /// The packed chart, or its folder.
    pub(crate) chart: &'a Path,
    /// The values, as YAML.
    pub(crate) values: &'a str,
}

/// Renders a chart with its custom resource definitions and hooks, as one text.
pub(crate) fn template(job: &Job<'_>, programs: &Programs) -> Result<String, ReleaseError> {
    let output = run(job, programs, &["template"], &["--include-crds"])?;
    String::from_utf8(output).map_err(|_| unreadable(job, "its output is not UTF-8 text"))
}

/// Renders a chart and returns what Helm would remember of it: manifest, hooks, chart and values.
pub(crate) fn release(job: &Job<'_>, programs: &Programs) -> Result<Value, ReleaseError> {
    let output = run(job, programs, &["install"], &["--dry-run=client", "--output=json"])?;
    serde_json::from_slice(&output).map_err(|error| unreadable(job, &error.to_string()))
}

fn run(
    job: &Job<'_>,
    programs: &Programs,
    verb: &[&str],
    flags: &[&str],
) -> Result<Vec<u8>, ReleaseError> {
    let failed = |source: ProgramError| ReleaseError::ChartRender {
        path: job.path.to_owned(),
        release: job.release.to_owned(),
        source,
    };
    let home =
        tempfile::tempdir().map_err(ReleaseError::disk("make a folder in", Path::new("")))?;
    let values = home.path().join("values.yaml");
    fs::write(&values, job.values).map_err(ReleaseError::disk("write", &values))?;
    let chart = fs::canonicalize(job.chart).map_err(ReleaseError::disk("find", job.chart))?;
    let mut arguments: Vec<&OsStr> = verb.iter().map(OsStr::new).collect();
    arguments.extend([OsStr::new(job.release), chart.as_os_str()]);
    arguments.extend(flags.iter().map(OsStr::new));
    arguments.extend([OsStr::new("--values"), values.as_os_str()]);
    if !job.namespace.is_empty() {
        arguments.extend([OsStr::new("--namespace"), OsStr::new(job.namespace)]);
    }
    programs.run(Program::Helm, &arguments, home.path()).map_err(failed)
}

fn unreadable(job: &Job<'_>, what: &str) -> ReleaseError {
    ReleaseError::ChartRender {
        path: job.path.to_owned(),
        release: job.release.to_owned(),
        source: ProgramError::Failed { said: format!("`helm` wrote what cannot be read: {what}") },
    }
}
