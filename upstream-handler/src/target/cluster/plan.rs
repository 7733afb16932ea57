//! What a deploy does, in order: a pure function of what should be there and what may be there.
//!
//! ```text
//! removals   deletion phases ascending; in each, kinds in deletion order
//! phases     creation phases ascending; in each, kinds in creation order, then what is waited for
//! ```
//!
//! Deliberately absent: the cluster. Whether an object that is to be removed exists, whose it is, and
//! how a kind is spelled in an address is found out when the plan is carried out.

use std::collections::{BTreeMap, BTreeSet};

use super::object::{Id, Object};
use super::order;
use super::path::Condition;

/// Annotation: the phase an object is made in. An integer; 0 without it.
const CREATION_PHASE: &str = "kots.io/creation-phase";
/// Annotation: the phase an object is removed in. An integer; 0 without it.
const DELETION_PHASE: &str = "kots.io/deletion-phase";
/// Annotation: `"true"` keeps an object that a version no longer has.
pub(super) const KEEP: &str = "kots.io/keep";
/// Annotation: `"true"` waits until the object is ready.
const WAIT_FOR_READY: &str = "kots.io/wait-for-ready";
/// Annotation: `path=value,…` waits until each path has its value.
const WAIT_FOR_PROPERTIES: &str = "kots.io/wait-for-properties";

/// Everything a deploy does to objects.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Plan {
    /// What goes, first of all.
    pub removals: Vec<Phase<Object>>,
    /// What is made or changed.
    pub phases: Vec<Phase<Step>>,
    /// What a version no longer has and is left, and why.
    pub kept: Vec<(Id, &'static str)>,
}

/// Steps that end before the next phase begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Phase<T> {
    /// Its number; phases ascend.
    pub number: i64,
    /// In order.
    pub steps: Vec<T>,
}

/// An object that is applied, and what is waited for when the whole phase is applied.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    /// The object.
    pub object: Object,
    /// Whether it has to become ready.
    pub is_ready_awaited: bool,
    /// What its fields have to become.
    pub conditions: Vec<Condition>,
}

/// Facts of the application that decide about removals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Surroundings {
    /// The application's namespace.
    pub namespace: String,
    /// `additionalNamespaces` of the version.
    pub additional_namespaces: Vec<String>,
}

/// Makes the plan from the objects of this version and those that may be in place.
///
/// # Errors
///
/// Every manifest that cannot be planned, in words.
pub(super) fn plan(
    wanted: Vec<Object>,
    before: Vec<Object>,
    around: &Surroundings,
) -> Result<Plan, Vec<String>> {
    let mut seen: BTreeMap<Id, String> = BTreeMap::new();
    let mut problems = Vec::new();
    let mut steps = Vec::with_capacity(wanted.len());
    for object in wanted {
        if let Some(first) = seen.insert(object.id.clone(), object.origin.clone()) {
            problems.push(format!(
                "{} is defined twice: in {first} and in {}",
                object.id, object.origin
            ));
        }
        match step(object) {
            Ok(step) => steps.push(step),
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut removals: BTreeMap<Id, Object> = BTreeMap::new();
    let mut kept = BTreeSet::new();
    // The newest attempt is last, and its annotations count.
    for object in before {
        if seen.contains_key(&object.id) {
            continue;
        }
        if let Some(why) = reason_to_keep(&object, around) {
            removals.remove(&object.id);
            kept.insert((object.id, why));
        } else {
            kept.retain(|(id, _)| *id != object.id);
            removals.insert(object.id.clone(), object);
        }
    }
    let removals = phases(
        removals.into_values().collect(),
        |object| phase_of(object, DELETION_PHASE),
        |object| (order::deletion(&object.id.kind), object.id.kind.clone()),
    );
    let phases = phases(
        steps,
        |step| phase_of(&step.object, CREATION_PHASE),
        |step| (order::creation(&step.object.id.kind), step.object.id.kind.clone()),
    );
    Ok(Plan { removals, phases, kept: kept.into_iter().collect() })
}

fn step(object: Object) -> Result<Step, String> {
    let conditions = match object.annotation(WAIT_FOR_PROPERTIES) {
        None => Vec::new(),
        Some(text) => Condition::read_all(text).map_err(|problem| {
            format!("the annotation `{WAIT_FOR_PROPERTIES}` of {}: {problem}", object.id)
        })?,
    };
    let is_ready_awaited = object.annotation(WAIT_FOR_READY) == Some("true");
    Ok(Step { object, is_ready_awaited, conditions })
}

/// The number in an annotation; as in the original, what is no integer is 0.
fn phase_of(object: &Object, annotation: &str) -> i64 {
    object.annotation(annotation).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn reason_to_keep(object: &Object, around: &Surroundings) -> Option<&'static str> {
    if object.annotation(KEEP) == Some("true") {
        return Some("it has the annotation kots.io/keep");
    }
    if object.id.kind != "Namespace" || !object.id.group.is_empty() {
        return None;
    }
    if object.id.name == around.namespace {
        return Some("it is the application's own namespace");
    }
    around
        .additional_namespaces
        .contains(&object.id.name)
        .then_some("it is one of the additional namespaces")
}

/// Sorts into phases; what is equal keeps its order.
fn phases<T, K: Ord>(
    steps: Vec<T>,
    number: impl Fn(&T) -> i64,
    rank: impl Fn(&T) -> K,
) -> Vec<Phase<T>> {
    let mut sorted: BTreeMap<i64, Vec<T>> = BTreeMap::new();
    for step in steps {
        sorted.entry(number(&step)).or_default().push(step);
    }
    sorted
        .into_iter()
        .map(|(number, mut steps)| {
            steps.sort_by_key(&rank);
            Phase { number, steps }
        })
        .collect()
}

#[cfg(test)]
mod tests;
