//! The real `preflight` (troubleshoot.sh) against a Kubernetes API in memory. Where it is missing the tests say so.

use fake_kube::FakeKube;
use serde_json::{Value, json};

use crate::harness::{Manager, Site};
use crate::walks::values;

/// How many nodes there are is no matter of life and death, how much memory they have is.
const SPEC: &str = r#"apiVersion: troubleshoot.sh/v1beta2
kind: Preflight
metadata: {name: p}
spec:
  analyzers:
  - clusterVersion:
      checkName: 'Version of repl{{ ConfigOption "hostname" }}'
      outcomes:
      - fail: {when: "< 1.30.0", message: too old}
      - pass: {message: new enough}
  - nodeResources:
      checkName: Nodes
      outcomes:
      - fail: {when: "count() > 3", message: more nodes than the licence is for}
      - warn: {when: "count() < 2", message: one node cannot fail}
      - pass: {message: enough nodes}
  - nodeResources:
      checkName: Memory
      strict: true
      outcomes:
      - fail: {when: "min(memoryCapacity) < 4Gi", message: a node has less than 4 GiB}
      - pass: {message: enough memory}
"#;

const BLOCKED: &str = "400 upgrade blocked: strict app preflight checks failed";

/// A cluster, and an installer whose release has the checks of `spec`, run by the real program.
struct Run {
    kube: FakeKube,
    site: Site,
    manager: Manager,
    _runtime: tokio::runtime::Runtime,
}

impl Run {
    fn start(spec: &str) -> Option<Self> {
        let program = sample::program("KOTS_PREFLIGHT", "preflight")?;
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let kube = runtime.block_on(FakeKube::start());
        let site = Site::installed().with_preflights("", 9);
        std::fs::write(site.path("release/preflight.yaml"), spec).unwrap();
        let work = site.path("work");
        std::fs::create_dir(&work).unwrap();
        std::fs::copy(kube.kubeconfig(), work.join("kubeconfig")).unwrap();
        let mut command = site.command("upgrade", "kubernetes");
        command
            .arg("--preflight-binary")
            .arg(program)
            .current_dir(&work)
            // Relative, as people write it: the program is started elsewhere.
            .env("KUBECONFIG", "kubeconfig");
        let manager = Manager::start(command, "/api/kubernetes/upgrade").login();
        manager.patch_values(&values()).ok();
        Some(Self { kube, site, manager, _runtime: runtime })
    }

    /// Runs the checks: the state after them, and what there is to see.
    fn check(&self) -> (String, Value) {
        self.manager.post("/app-preflights/run", &json!({})).ok();
        let view = self.manager.ended("/app-preflights/status");
        (self.manager.state(), view)
    }

    fn go_on(&self, ignore: bool) -> String {
        self.manager.post("/app/upgrade", &json!({ "ignoreAppPreflights": ignore })).told()
    }

    /// What is left in the folder the installer was started in, and in that of its runs.
    fn left(&self) -> Vec<String> {
        let names = |folder: &str| {
            let entries = std::fs::read_dir(self.site.path(folder)).unwrap();
            entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
        };
        [names("work"), names("data/runs/preflights")].concat()
    }
}

fn record(title: &str, message: &str, strict: bool) -> Value {
    json!({ "title": title, "message": message, "strict": strict })
}

#[test]
fn the_real_program_passes_warns_fails_and_fails_strictly() {
    let Some(run) = Run::start(SPEC) else { return };
    let version = record("Version of app.example.com", "new enough", false);
    let nodes = record("Nodes", "enough nodes", false);
    let memory = record("Memory", "enough memory", true);

    run.kube.put_node("one", "8Gi");
    let (state, view) = run.check();
    assert_eq!(state, "AppPreflightsSucceeded", "{view}");
    assert_eq!(view["titles"], json!(["Version of app.example.com", "Nodes", "Memory"]));
    let warned = record("Nodes", "one node cannot fail", false);
    assert_eq!(
        view["output"],
        json!({ "pass": [version, memory], "warn": [warned], "fail": null })
    );

    run.kube.put_node("two", "8Gi");
    let (state, view) = run.check();
    assert_eq!(state, "AppPreflightsSucceeded", "{view}");
    assert_eq!(
        view["output"],
        json!({ "pass": [version, nodes, memory], "warn": null, "fail": null })
    );
    assert_eq!(view["hasStrictAppPreflightFailures"], false);

    // Strict ones are not gone round.
    run.kube.put_node("two", "2Gi");
    let (state, view) = run.check();
    assert_eq!(state, "AppPreflightsFailed", "{view}");
    assert_eq!(view["status"]["description"], "App preflights failed");
    assert_eq!(
        view["output"]["fail"],
        json!([record("Memory", "a node has less than 4 GiB", true)])
    );
    assert_eq!(view["hasStrictAppPreflightFailures"], true);
    assert_eq!((run.go_on(false).as_str(), run.go_on(true).as_str()), (BLOCKED, BLOCKED));
    assert_eq!(run.site.deployed(), "1.0.0");

    // Others are, when somebody says so.
    for name in ["two", "three", "four"] {
        run.kube.put_node(name, "8Gi");
    }
    let (state, view) = run.check();
    assert_eq!(state, "AppPreflightsFailed", "{view}");
    let failed = record("Nodes", "more nodes than the licence is for", false);
    assert_eq!(
        view["output"],
        json!({ "pass": [version, memory], "warn": null, "fail": [failed] })
    );
    assert_eq!(view["hasStrictAppPreflightFailures"], false);
    assert_eq!(run.go_on(false), "400 app preflight checks failed");
    assert_eq!(run.go_on(true), "200 -");
    assert_eq!(run.manager.ended("/app/status")["status"]["state"], "Succeeded");
    assert_eq!(run.site.deployed(), "1.1.0");
    // What the program collected about the cluster is not left about.
    assert_eq!(run.left(), ["kubeconfig"]);
}

#[test]
fn what_the_real_program_may_not_look_at_is_told() {
    let Some(run) = Run::start(SPEC) else { return };
    run.kube.put_node("one", "8Gi");
    run.kube.refuse(|_, path, _| {
        path.starts_with("/api/v1/nodes").then(|| (403, "Forbidden", "not for you".to_owned()))
    });
    // The program passes the checks of nodes over, and ends well.
    let (state, view) = run.check();
    assert_eq!(state, "AppPreflightsFailed", "{view}");
    let told = |list: &str| view["output"][list][0]["message"].as_str().unwrap().to_owned();
    assert_eq!(view["output"]["fail"][0]["title"], "Memory", "{view}");
    assert_eq!(view["output"]["warn"][0]["title"], "Nodes", "{view}");
    for told in [told("fail"), told("warn")] {
        assert!(told.starts_with("it came to no outcome"), "{told}");
    }
    assert_eq!(run.go_on(true), BLOCKED);
    let logs = run.manager.get("/app-preflights/logs?after=0").ok().to_string();
    let why = r#"action \"list\" is not allowed on resource \"nodes\" at the cluster scope"#;
    assert!(logs.contains(why) && !logs.contains("Saving"), "{logs}");
    run.kube.obey();
    run.kube.put_node("two", "8Gi");
    assert_eq!(run.check().0, "AppPreflightsSucceeded");
}

#[test]
fn checks_of_the_real_program_without_an_outcome_hold_nothing_up_unless_they_are_strict() {
    let spec = |strict: bool| {
        format!(
            "apiVersion: troubleshoot.sh/v1beta2\nkind: Preflight\nmetadata: {{name: p}}\nspec:\n  analyzers:\n  - clusterVersion:\n      strict: {strict}\n      outcomes:\n      - fail: {{when: '< 1.30.0', message: too old}}\n"
        )
    };
    let Some(run) = Run::start(&spec(false)) else { return };
    let (state, view) = run.check();
    assert_eq!(state, "AppPreflightsSucceeded", "{view}");
    assert_eq!(view["output"]["warn"][0]["title"], "clusterVersion", "{view}");
    drop(run);
    let run = Run::start(&spec(true)).unwrap();
    let (state, view) = run.check();
    assert_eq!(state, "AppPreflightsFailed", "{view}");
    assert_eq!(view["hasStrictAppPreflightFailures"], true, "{view}");
}

#[test]
fn the_real_program_that_cannot_check_is_no_success_and_says_why() {
    let Some(program) = sample::program("KOTS_PREFLIGHT", "preflight") else { return };
    let site = Site::installed().with_preflights("", 9);
    let mut command = site.command("upgrade", "linux");
    command.arg("--preflight-binary").arg(&program).env("KUBECONFIG", "/nowhere/kubeconfig");
    let manager = Manager::start(command, "/api/linux/upgrade").login();
    manager.patch_values(&values()).ok();
    manager.post("/app-preflights/run", &json!({})).ok();
    let view = manager.ended("/app-preflights/status");
    assert_eq!(manager.state(), "AppPreflightsExecutionFailed", "{view}");
    assert_eq!(view["titles"], json!(["Version of app.example.com"]));
    let told = view["status"]["description"].as_str().unwrap();
    let start = "run app preflights: app preflights failed to run: error running preflight: exit status 1 (stderr: ";
    assert!(told.starts_with(start) && told.len() > start.len() + 10, "{told}");
    // It is not gone round: neither by ignoring it, nor by going on.
    let go_on = manager.post("/app/upgrade", &json!({ "ignoreAppPreflights": true }));
    assert_eq!(
        go_on.told(),
        "409 invalid transition from AppPreflightsExecutionFailed to AppUpgrading"
    );
}
