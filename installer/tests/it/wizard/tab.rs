//! What the wizard does in one tab of a browser: a request is sent where it sends one, and a field of an
//! answer is looked at where it looks at it. What would be an exception there is a panic here.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::blocking::Client;
use serde_json::{Map, Value, json};

use crate::harness::{Answer, LIMIT};

/// A tab: the page's state, and what it remembers.
pub(crate) struct Tab {
    http: Client,
    url: String,
    target: String,
    mode: String,
    is_airgap: bool,
    /// `localStorage`.
    token: RefCell<Option<String>>,
    /// The steps that it began.
    begun: RefCell<Vec<String>>,
}

/// A refusal as the page understands it.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) details: String,
    /// Fields and what is wrong with them.
    pub(crate) fields: Vec<(String, String)>,
}

/// Where the phases ended.
#[derive(Debug, PartialEq)]
pub(crate) enum Ended {
    /// The button to the last page is there; the last status.
    Done(Value),
    /// A phase failed, and there is no way on.
    Failed { phase: &'static str, why: String },
    /// Checks failed: the page lists them, and goes on only past those that are not strict.
    Checks { failed: Vec<String>, is_strict: bool },
    /// They did not, and the page goes on.
    ChecksPassed,
    /// The phase that was asked for is at work.
    Begun,
}

impl Tab {
    /// Opens the page.
    pub(crate) fn open(http: Client, url: &str, state: &Value) -> Self {
        let text = |name: &str| state[name].as_str().unwrap().to_owned();
        let (target, mode) = (text("installTarget"), text("mode"));
        // Anything else is an empty page.
        assert!(["linux", "kubernetes"].contains(&target.as_str()));
        assert!(["install", "upgrade"].contains(&mode.as_str()));
        let is_airgap = state["isAirgap"].as_bool().unwrap();
        assert_eq!(state["requiresInfraUpgrade"], false);
        let (token, begun) = (RefCell::default(), RefCell::default());
        Self { http, url: url.to_owned(), target, mode, is_airgap, token, begun }
    }

    pub(crate) fn with_token(self, token: &str) -> Self {
        *self.token.borrow_mut() = Some(token.to_owned());
        self
    }

    pub(crate) fn token(&self) -> String {
        self.token.borrow().clone().unwrap()
    }

    pub(crate) fn mode(&self) -> &str {
        &self.mode
    }

    pub(crate) fn begun(&self) -> Vec<String> {
        self.begun.borrow().clone()
    }

    fn path(&self, below: &str) -> String {
        format!("/api/{}/{}{below}", self.target, self.mode)
    }

    /// A request with the headers of a browser's `fetch`.
    pub(crate) fn fetch(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .header("accept", "*/*")
            .header("accept-encoding", "gzip, deflate, br, zstd")
            .header("origin", &self.url)
            .header("referer", format!("{}/", self.url))
            .header("sec-fetch-mode", "cors")
            .header("sec-fetch-site", "same-origin");
        if let Some(token) = &*self.token.borrow() {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status, body, headers }
    }

    /// An answer that is read as JSON, or a refusal as `ApiError.fromResponse` reads it.
    fn read(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Refused> {
        let answer = self.fetch(method, path, body);
        if answer.status == 200 {
            assert!(answer.body.is_object(), "{path}: {}", answer.body);
            return Ok(answer.body);
        }
        let errors = match &answer.body["errors"] {
            Value::Null => Vec::new(),
            Value::Array(errors) => errors.clone(),
            other => panic!("{path}: errors are {other}"),
        };
        let text = |it: &Value| it.as_str().unwrap_or_else(|| panic!("{path}: {it}")).to_owned();
        let fields = errors
            .iter()
            .filter(|it| it.get("field").is_some())
            .map(|it| (text(&it["field"]), text(&it["message"])))
            .collect();
        Err(Refused { status: answer.status, details: text(&answer.body["message"]), fields })
    }

    /// The dialog "Cannot connect" is over the page when this fails.
    pub(crate) fn is_reachable(&self) {
        assert_eq!(self.fetch(Method::GET, "/api/health", None).status, 200);
    }

    /// What the page asks before it shows anything: whether its token counts. Only 401 says no.
    pub(crate) fn token_counts(&self) -> bool {
        let path = format!("/api/{}/install/installation/config", self.target);
        self.fetch(Method::GET, &path, None).status != 401
    }

    pub(crate) fn log_in(&self, password: &str) -> Result<(), u16> {
        let body = json!({ "password": password });
        let answer = self.read(Method::POST, "/api/auth/login", Some(&body));
        let answer = answer.map_err(|refused| refused.status)?;
        let token = answer["token"].as_str().filter(|it| !it.is_empty()).unwrap();
        *self.token.borrow_mut() = Some(token.to_owned());
        // The page asks again whether it counts.
        assert!(self.token_counts());
        Ok(())
    }

    /// The step with the questions: one field after the other is changed, and all that were are sent.
    pub(crate) fn configure(&self, answers: &Value) -> Result<(), Refused> {
        let template = |values: &Value| {
            let path = self.path("/app/config/template");
            let config = self.read(Method::POST, &path, Some(&json!({ "values": values })))?;
            look_at_questions(&config);
            Ok(())
        };
        template(&json!({}))?;
        let mut changed = Map::new();
        for (name, value) in answers.as_object().unwrap() {
            changed.insert(name.clone(), value.clone());
            template(&Value::Object(changed.clone()))?;
        }
        let path = self.path("/app/config/values");
        self.read(Method::PATCH, &path, Some(&json!({ "values": changed }))).map(|_| ())
    }

    /// The step with the settings of an installation into a cluster. `null` empties a field.
    pub(crate) fn set_up(&self, changes: &Value) -> Result<(), Refused> {
        let path = |below: &str| format!("/api/kubernetes/install{below}");
        let config = self.read(Method::GET, &path("/installation/config"), None)?;
        for part in ["values", "defaults"] {
            assert!(config[part]["adminConsolePort"].is_number(), "{config}");
            for name in ["httpProxy", "httpsProxy", "noProxy"] {
                assert!(config[part][name].is_string(), "{config}");
            }
        }
        let mut settings = config["values"].as_object().unwrap().clone();
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => settings.remove(name),
                value => settings.insert(name.clone(), value.clone()),
            };
        }
        let path_of_settings = path("/installation/configure");
        let settings = Value::Object(settings);
        let start = Instant::now();
        loop {
            match self.read(Method::POST, &path_of_settings, Some(&settings)) {
                Ok(_) => break,
                // The page tries twice; the step before may hold the lock for a moment longer.
                Err(refused) if refused.details == "lock already acquired" => {}
                Err(refused) => return Err(refused),
            }
            assert!(start.elapsed() < LIMIT);
            pause();
        }
        loop {
            match self.read(Method::POST, &path("/infra/setup"), None) {
                Err(refused) if refused.details == "lock already acquired" => {}
                other => return other.map(|_| ()),
            }
            assert!(start.elapsed() < LIMIT);
            pause();
        }
    }

    /// The phases in their order, to the end of the last one or as far as they come. `ignore`: the person
    /// goes on past failed checks.
    pub(crate) fn phases(&self, ignore: bool) -> Ended {
        self.run(ignore, None)
    }

    /// The same, until `phase` is at work.
    pub(crate) fn phases_until(&self, phase: &str) -> Ended {
        self.run(false, Some(phase))
    }

    fn run(&self, ignore: bool, until: Option<&str>) -> Ended {
        let prefix = self.path("");
        let linux = format!("/api/linux/{}", self.mode);
        if self.mode == "install" {
            // Begun under the name of linux, when it was not yet.
            let infra = self.phase("/infra", &prefix, &format!("{linux}/infra/setup"), None);
            look_at_infra(&infra);
            if let Some(why) = failure(&infra) {
                return Ended::Failed { phase: "/infra", why };
            }
        } else if self.is_airgap {
            let airgap = self.phase("/airgap", &linux, &format!("{linux}/airgap/process"), None);
            if let Some(why) = failure(&airgap) {
                return Ended::Failed { phase: "/airgap", why };
            }
        }
        let start = format!("{prefix}/app-preflights/run");
        let checks = self.phase("/app-preflights", &prefix, &start, None);
        match look_at_checks(&checks) {
            Ended::Checks { is_strict: false, .. } if ignore => {}
            Ended::ChecksPassed => {}
            other => return other,
        }
        let start = format!("{prefix}/app/{}", self.mode);
        let body = json!({ "ignoreAppPreflights": ignore });
        if until == Some("/app") {
            self.start(&start, Some(&body));
            return Ended::Begun;
        }
        let last = self.phase("/app", &prefix, &start, Some(&body));
        match failure(&last) {
            Some(why) => Ended::Failed { phase: "/app", why },
            None => Ended::Done(last),
        }
    }

    /// The button "Run Validation Again".
    pub(crate) fn check_again(&self) -> Ended {
        let prefix = self.path("");
        self.start(&format!("{prefix}/app-preflights/run"), None);
        look_at_checks(&self.phase("/app-preflights", &prefix, "", None))
    }

    fn start(&self, path: &str, body: Option<&Value>) {
        let start = Instant::now();
        loop {
            match self.read(Method::POST, path, body) {
                Ok(status) => {
                    state(&status);
                    return;
                }
                // The page asks half a second after it saw the end of the step before.
                Err(refused) if refused.details == "lock already acquired" => {}
                Err(refused) => panic!("{path}: {refused:?}"),
            }
            assert!(start.elapsed() < LIMIT);
            pause();
        }
    }

    /// A phase: its status is polled; it is begun when it is `Pending`, and over when it is one of two words.
    fn phase(&self, below: &str, prefix: &str, start: &str, body: Option<&Value>) -> Value {
        let began = Instant::now();
        let mut is_begun = false;
        loop {
            let status = self.read(Method::GET, &format!("{prefix}{below}/status"), None).unwrap();
            match state(&status) {
                "Pending" if !is_begun => {
                    is_begun = true;
                    let name = start.rsplitn(3, '/').take(2).collect::<Vec<_>>();
                    self.begun.borrow_mut().push(format!("/{}/{}", name[1], name[0]));
                    self.start(start, body);
                }
                "Succeeded" | "Failed" => return status,
                "Pending" | "Running" => {}
                other => panic!("{below}: the page waits for ever for `{other}`"),
            }
            assert!(began.elapsed() < LIMIT, "{below} goes on: {status}");
            pause();
        }
    }
}

/// The page waits one or two seconds between two looks.
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

fn state(body: &Value) -> &str {
    let status = &body["status"];
    assert!(status["description"].is_string(), "{body}");
    status["state"].as_str().unwrap_or_else(|| panic!("no state: {body}"))
}

/// The words of a failure; they are all that the page says of it.
fn failure(body: &Value) -> Option<String> {
    let why = (state(body) == "Failed").then(|| body["status"]["description"].as_str().unwrap())?;
    assert!(!why.is_empty(), "{body}");
    Some(why.to_owned())
}

fn look_at_questions(config: &Value) {
    let groups = config["groups"].as_array().unwrap();
    assert!(!groups.is_empty(), "a page without groups has no button");
    for group in groups {
        assert!(group["name"].is_string() && group["title"].is_string(), "{group}");
        absent_or(group, "description", Value::is_string);
        for item in group["items"].as_array().unwrap() {
            assert!(item["name"].is_string(), "{item}");
            for name in ["title", "help_text", "value", "default", "error", "filename"] {
                absent_or(item, name, Value::is_string);
            }
            for name in ["required", "readonly"] {
                absent_or(item, name, Value::is_boolean);
            }
            if let "radio" | "select_one" | "dropdown" = item["type"].as_str().unwrap() {
                for option in item["items"].as_array().unwrap() {
                    assert!(option["name"].is_string() && option["title"].is_string(), "{item}");
                }
            }
        }
    }
}

fn look_at_infra(body: &Value) {
    assert!(body["logs"].is_string(), "{body}");
    let components = match &body["components"] {
        Value::Null => &Vec::new(),
        Value::Array(components) => components,
        other => panic!("components are {other}"),
    };
    for component in components {
        assert!(component["name"].is_string(), "{component}");
        state(component);
    }
}

/// What the page makes of the results: without a failed check they count as good, whatever the status is.
fn look_at_checks(body: &Value) -> Ended {
    let records = |name: &str| match &body["output"][name] {
        Value::Null => Vec::new(),
        Value::Array(records) => records.clone(),
        other => panic!("{name} are {other}"),
    };
    for record in records("warn").iter().chain(&records("fail")) {
        assert!(record["title"].is_string() && record["message"].is_string(), "{record}");
        absent_or(record, "strict", Value::is_boolean);
    }
    let is_strict = body["hasStrictAppPreflightFailures"].as_bool().unwrap();
    assert_eq!(body["allowIgnoreAppPreflights"], true);
    let text = |it: &Value, name: &str| it[name].as_str().unwrap().to_owned();
    let failed: Vec<String> = records("fail")
        .iter()
        .map(|it| format!("{}: {}", text(it, "title"), text(it, "message")))
        .collect();
    if failed.is_empty() {
        assert_eq!(state(body), "Succeeded", "the page would go on: {body}");
        return Ended::ChecksPassed;
    }
    assert_eq!(state(body), "Failed", "{body}");
    Ended::Checks { failed, is_strict }
}

#[track_caller]
fn absent_or(of: &Value, name: &str, is_right: fn(&Value) -> bool) {
    assert!(of.get(name).is_none_or(is_right), "`{name}` of {of}");
}
