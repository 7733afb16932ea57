//! The `helm` program (version 4: it renders without a cluster).

use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;

use super::packed;
use crate::release::ReleaseError;
use crate::render::programs::{Program, ProgramError, Programs};

/// What Helm advises people who run it by hand.
const ADVICE: &str = "; Use --debug flag to render out invalid YAML";
/// How much of a template is read to explain an error, in bytes.
const TEMPLATE_BYTES: u64 = 4 << 20;

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
        source: match source {
            ProgramError::Failed { said } => ProgramError::Failed { said: explained(&said, job) },
            other => other,
        },
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

/// What Helm said, with the name of the value that is missing where a template requires one.
fn explained(said: &str, job: &Job<'_>) -> String {
    let said = said.trim_end_matches(ADVICE);
    let required = place(said).and_then(|place| {
        let line = line_of(job.chart, place.file, place.line)?;
        required_value(&line, place.column)
    });
    match required {
        Some(value) => format!(
            "{said}; the chart requires `{value}`, which has no value: give it one in `values` of `{}`",
            job.path
        ),
        None => said.to_owned(),
    }
}

/// A place in a template.
#[derive(Debug, PartialEq, Eq)]
struct Place<'a> {
    /// Path below the chart's folder.
    file: &'a str,
    /// From 1.
    line: usize,
    /// In bytes.
    column: usize,
}

/// The place that Helm names in brackets: `(web/templates/a.yaml:4:17)`. Pure.
fn place(said: &str) -> Option<Place<'_>> {
    let (_, rest) = said.split_once("execution error at (")?;
    let (place, _) = rest.split_once(')')?;
    let mut parts = place.rsplitn(3, ':');
    let column = parts.next()?.parse().ok()?;
    let line = parts.next()?.parse().ok()?;
    let (_, file) = parts.next()?.split_once('/')?;
    Some(Place { file, line, column })
}

/// A line of a file of a chart; `None` where it cannot be read.
fn line_of(chart: &Path, file: &str, line: usize) -> Option<String> {
    let text = if chart.is_dir() {
        fs::read_to_string(chart.join(file)).ok()
    } else {
        let mut text = None;
        let mut archive = fs::File::open(chart).ok()?;
        let read = packed::each_file(&mut archive, &mut |path, data| {
            if path == file {
                let mut found = String::new();
                if data.take(TEMPLATE_BYTES).read_to_string(&mut found).is_ok() {
                    text = Some(found);
                }
            }
            Ok(())
        });
        read.ok().and(text)
    };
    text?.lines().nth(line.checked_sub(1)?).map(str::to_owned)
}

/// The value that `required` asks for in a line of a template: the first one after `column`, else the
/// last one before. Pure.
fn required_value(line: &str, column: usize) -> Option<String> {
    const START: &str = ".Values.";
    if !line.contains("required") {
        return None;
    }
    let found = line.match_indices(START).map(|(at, _)| at);
    let at = found.clone().find(|at| column <= *at).or_else(|| found.last())?;
    let is_inner = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    let rest = &line[at..];
    let end = rest.find(|c| !is_inner(c)).unwrap_or(rest.len());
    Some(rest[..end].trim_end_matches('.').to_owned())
}

fn unreadable(job: &Job<'_>, what: &str) -> ReleaseError {
    ReleaseError::ChartRender {
        path: job.path.to_owned(),
        release: job.release.to_owned(),
        source: ProgramError::Failed { said: format!("`helm` wrote what cannot be read: {what}") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn helms_places_are_read() {
        assert_eq!(
            place("execution error at (web/charts/a/templates/b.yaml:4:17): no host"),
            Some(Place { file: "charts/a/templates/b.yaml", line: 4, column: 17 })
        );
        assert_eq!(place("execution error at (web:x:1): no"), None);
        assert_eq!(place("YAML parse error on web/templates/a.yaml"), None);
    }

    #[test]
    fn a_required_value_is_named() {
        let check = |line, column| required_value(line, column);
        let value = |name: &str| Some(name.to_owned());
        assert_eq!(
            check("a: {{ .Values.x }}{{ required `h` .Values.web.host }}.", 21),
            value(".Values.web.host")
        );
        assert_eq!(check("a: {{ .Values.host | required `h` }}", 21), value(".Values.host"));
        assert_eq!(check("a: {{ required `h` (index .Values.list 0) }}", 6), value(".Values.list"));
        assert_eq!(check("a: {{ required `h` $x }}", 6), None);
        assert_eq!(check("a: {{ fail .Values.host }}", 6), None);
    }
}
