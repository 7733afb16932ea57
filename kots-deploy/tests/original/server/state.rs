//! The state: applications, their versions, and what the vendor has.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::fault::{Action, Rule};

/// A place in a channel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cursor {
    /// The channel.
    pub(crate) channel: String,
    /// The sequence in it.
    pub(crate) cursor: String,
}

impl Cursor {
    pub(crate) fn new(channel: &str, cursor: &str) -> Self {
        Self { channel: channel.to_owned(), cursor: cursor.to_owned() }
    }
}

/// Everything the server knows, and what it was told to do wrong.
pub(crate) struct State {
    /// The auth string, `Kots …`.
    pub(crate) auth: String,
    /// Applications by slug.
    pub(crate) apps: BTreeMap<String, App>,
    /// Labels of the releases the vendor has.
    pub(crate) releases: BTreeMap<Cursor, String>,
    /// Why the vendor cannot be reached, when it cannot.
    pub(crate) upstream_fault: Option<String>,
    /// Sequence of the licence at the vendor.
    pub(crate) upstream_license: i64,
    /// The one global download task: message and status.
    pub(crate) task: (String, String),
    /// Every request, in order.
    pub(crate) requests: Vec<Recorded>,
    /// What is to go wrong.
    pub(crate) rules: Vec<Rule>,
    /// How many requests are being held.
    pub(crate) held: usize,
    /// How many requests were worked on to their end.
    pub(crate) finished: usize,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub(crate) method: String,
    /// Path and query as they were sent.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The status it was answered with, none when it was not.
    pub(crate) status: Option<u16>,
}

impl Recorded {
    /// `METHOD path?query`.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    /// The value of a header, none when it was not sent.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, it)| it.as_str())
    }
}

/// One application.
pub(crate) struct App {
    pub(crate) slug: String,
    pub(crate) is_airgap: bool,
    /// Whether `IS_EMBEDDED_CLUSTER_V3` is set: no short cut for the same version.
    pub(crate) is_v3: bool,
    pub(crate) license_id: String,
    pub(crate) license_sequence: i64,
    /// Ids of the licence's channels.
    pub(crate) channels: Vec<String>,
    /// Items of its Config; none when it has no Config.
    pub(crate) config: Option<Vec<Item>>,
    /// Oldest first.
    pub(crate) versions: Vec<Version>,
    /// The version that was last told to be deployed.
    pub(crate) current: Option<i64>,
    /// Sequences in the order they were told to be deployed.
    pub(crate) deploys: Vec<i64>,
    /// How deploying goes.
    pub(crate) deploying: Deploying,
    /// How it becomes ready.
    pub(crate) readiness: Readiness,
    /// What the informers last said: sequence and state.
    pub(crate) status: (i64, String),
    /// How often the status was looked at since the deploy ended.
    pub(crate) status_looks: u32,
    /// Whether deploying is refused, after the version was made.
    pub(crate) refuse_deploy: bool,
}

/// How deploying goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deploying {
    /// It ends well after this many looks.
    Well(u32),
    /// It fails, with this on the standard error of the apply.
    Fails(String),
    /// It never ends.
    Never,
}

/// How the application becomes ready after a deploy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// After this many looks; until then the earlier version's status stands.
    After(u32),
    /// Never: these resources, as `kind name state`.
    Never(Vec<&'static str>),
}

/// Whether a value keeps an item's rule.
pub(crate) type ItemRule = fn(&str) -> bool;

/// One item of the Config.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    /// As it stands in JSON: the original's `BoolOrString` is a text or a truth value.
    pub(crate) default: Value,
    pub(crate) required: bool,
    /// Its rule and what is said about a value that breaks it.
    pub(crate) rule: Option<(ItemRule, &'static str)>,
}

/// One version.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) sequence: i64,
    pub(crate) label: String,
    pub(crate) place: Cursor,
    pub(crate) source: String,
    pub(crate) status: String,
    /// Stored config values; passwords are cipher text.
    pub(crate) values: BTreeMap<String, String>,
    pub(crate) preflight_skipped: bool,
    /// Which deploy of this application it was last told in, 0 when in none.
    pub(crate) applied: usize,
    /// Looks until its deploy ends.
    pub(crate) looks_left: u32,
    /// Standard error of its last apply.
    pub(crate) apply_stderr: String,
    /// Parts of the multipart it came from, by name.
    pub(crate) parts: BTreeMap<String, Vec<u8>>,
    /// Why its download failed.
    pub(crate) download_message: String,
}

impl Version {
    /// `sequence source cursor status`.
    pub(crate) fn line(&self) -> String {
        format!("{} {} {} {}", self.sequence, self.source, self.place.cursor, self.status)
    }
}

/// A version that is deployed.
pub(crate) fn deployed(sequence: i64, label: &str, place: Cursor, source: &str) -> Version {
    Version {
        sequence,
        label: label.to_owned(),
        place,
        source: source.to_owned(),
        status: "deployed".to_owned(),
        values: BTreeMap::new(),
        preflight_skipped: false,
        applied: 0,
        looks_left: 0,
        apply_stderr: String::new(),
        parts: BTreeMap::new(),
        download_message: String::new(),
    }
}

/// A Config with a required item, one with a rule, a truth value and a password.
pub(crate) fn schema() -> Vec<Item> {
    let item = |name, kind| Item { name, kind, default: json!(""), required: false, rule: None };
    let is_number = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
    vec![
        Item { required: true, ..item("hostname", "text") },
        Item {
            default: json!("8080"),
            rule: Some((is_number, "must be a port number")),
            ..item("port", "text")
        },
        Item { default: json!("0"), ..item("tls", "bool") },
        item("db_password", "password"),
        item("notice", "label"),
    ]
}

impl State {
    /// The state with one application.
    pub(crate) fn of(auth: &str, app: App) -> Self {
        Self {
            auth: auth.to_owned(),
            upstream_license: app.license_sequence,
            apps: BTreeMap::from([(app.slug.clone(), app)]),
            releases: BTreeMap::new(),
            upstream_fault: None,
            task: (String::new(), String::new()),
            requests: Vec::new(),
            rules: Vec::new(),
            held: 0,
            finished: 0,
        }
    }

    /// The one application.
    pub(crate) fn app(&mut self) -> &mut App {
        self.apps.values_mut().next().expect("the state has an application")
    }

    /// What a process forgets when it dies.
    pub(super) fn forget(&mut self) {
        self.held = 0;
        // The row of a running task stays readable for 60 s after its last heartbeat; these tests take it as gone.
        self.task = (String::new(), String::new());
    }

    /// Takes the action that a rule has for this request.
    pub(super) fn rule_for(&mut self, method: &str, target: &str) -> Option<Action> {
        let mut action = None;
        for rule in &mut self.rules {
            let fits = (rule.method == "*" || rule.method == method)
                && target.contains(rule.path)
                && rule.times > 0;
            if fits && rule.skip > 0 {
                rule.skip -= 1;
            } else if fits && action.is_none() {
                rule.times -= 1;
                action = Some(rule.action.clone());
            }
        }
        action
    }

    /// The last requests, for a failed test's message.
    pub(crate) fn transcript(&self) -> String {
        let lines: VecDeque<String> = self
            .requests
            .iter()
            .rev()
            .take(60)
            .map(|it| format!("{} -> {:?}", it.line(), it.status))
            .collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl App {
    pub(super) fn version(&mut self, sequence: i64) -> Option<&mut Version> {
        self.versions.iter_mut().find(|it| it.sequence == sequence)
    }

    /// The newest version whose release is there: what everything is based on.
    pub(super) fn newest_downloaded(&self) -> Option<&Version> {
        self.versions.iter().rev().find(|it| it.status != "pending_download")
    }

    /// Adds a version and returns its sequence.
    pub(crate) fn add(&mut self, version: Version) -> i64 {
        let sequence = self.versions.last().map_or(0, |it| it.sequence + 1);
        self.versions.push(Version { sequence, ..version });
        sequence
    }
}
