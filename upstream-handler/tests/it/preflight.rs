//! Releases with preflights. The program that runs them is a stand-in that speaks the real one's command
//! line and output; the real one is in `preflight_real`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Method;
use sample::bundle::BundleSpec;
use sample::license::Builder;
use serde_json::{Value, json};

use super::cluster_helm::charts;
use super::harness::{APP, Answer, Site, UPDATE, bundle_parts, multipart, values_body};

const VALUES: &str = "/api/v1/app/sample-app/config/values";
pub(crate) const CANNOT: &str = "Unable to deploy as preflight check's strict analyzer has failed";

/// What stands in for the program.
struct StandIn {
    folder: PathBuf,
}

impl StandIn {
    /// Puts it where the next start of the server finds it.
    fn of(site: &mut Site, script: &str) -> Self {
        let folder = site.folder.path().join("stand-in");
        std::fs::create_dir(&folder).unwrap();
        let this = Self { folder };
        this.becomes(script);
        site.env("KOTS_PREFLIGHT", this.folder.join("preflight").to_str().unwrap());
        site.kill();
        site.start();
        this
    }

    /// Does something else from now on. `$here` is its folder.
    fn becomes(&self, script: &str) {
        let path = self.folder.join("preflight");
        let text = format!(
            "#!/bin/sh\nhere='{}'\necho \"$*\" >> \"$here/calls\"\nfor spec; do :; done\ncp \"$spec\" \"$here/spec.yaml\"\n{script}\n",
            self.folder.display()
        );
        let new = self.folder.join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::rename(new, path).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }

    fn n_calls(&self) -> usize {
        self.read("calls").lines().count()
    }

    /// Lets a run that waits for it go on.
    fn go(&self) {
        std::fs::write(self.folder.join("go"), "").unwrap();
    }
}

/// A script that prints results and ends with a status.
fn prints(results: &Value, status: i32) -> String {
    format!("cat <<'END'\n{results}\nEND\nexit {status}")
}

fn passes() -> String {
    prints(&json!({"pass": [{"title": "Version", "message": "fine", "strict": true}]}), 0)
}

fn fails() -> String {
    let failed = json!({"title": "Version", "message": "too old", "strict": true});
    prints(&json!({"fail": [failed], "pass": [{"title": "Nodes", "message": "3"}]}), 3)
}

const WAITS: &str = "echo $$ > \"$here/pid\"\nwhile [ ! -e \"$here/go\" ]; do sleep 0.05; done";

fn preflight(name: &str, analyzer: &str) -> airgap::ReleaseFile {
    let text = format!(
        "apiVersion: troubleshoot.sh/v1beta2\nkind: Preflight\nmetadata:\n  name: {name}\nspec:\n  collectors:\n    - clusterInfo: {{}}\n  analyzers:\n    - {analyzer}\n"
    );
    airgap::ReleaseFile { path: format!("{name}.yaml"), bytes: text.into() }
}

pub(crate) fn with_preflight(strict: bool) -> BundleSpec {
    let mut spec = BundleSpec::sample("1.1.0").unwrap();
    let outcomes = "outcomes: [{pass: {message: 'in {{repl Namespace }}'}}]";
    spec.files
        .push(preflight("checks", &format!("clusterVersion: {{strict: {strict}, {outcomes}}}")));
    spec
}

pub(crate) async fn site() -> Site {
    let site = Site::new();
    site.install_airgap(&Builder::new().airgap(true).yaml()).await;
    site
}

/// Waits until a version's checks have ended, and returns what is known of them.
pub(crate) async fn ended(site: &Site, sequence: i64) -> Value {
    let start = Instant::now();
    loop {
        let reply = site.get(&format!("{APP}/sequence/{sequence}/preflight/result")).await.ok();
        let result = &reply["preflightResult"];
        if result["result"] != "" {
            assert!(reply["preflightProgress"].is_null(), "{reply}");
            return result.clone();
        }
        assert!(start.elapsed() < Duration::from_mins(1), "the checks go on: {reply}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until a file of the stand-in is there.
async fn appears(path: &Path) {
    let start = Instant::now();
    while !path.exists() {
        assert!(start.elapsed() < Duration::from_mins(1), "{} did not come", path.display());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until a process is dead; it may not be collected yet.
async fn gone(pid: &str) {
    let command = Path::new("/proc").join(pid.trim()).join("cmdline");
    let start = Instant::now();
    while std::fs::read_to_string(&command).is_ok_and(|it| !it.is_empty()) {
        assert!(start.elapsed() < Duration::from_secs(30), "process {pid} goes on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn causes(answer: &Answer) -> String {
    answer.body["causes"].to_string()
}

#[tokio::test]
async fn strict_ones_that_pass_let_a_deploy_go_on() {
    let mut site = site().await;
    let program = StandIn::of(&mut site, &format!("{WAITS}\n{}", passes()));
    site.upload(&with_preflight(true)).await.ok();
    let deploy = tokio::spawn({
        let request =
            site.request(Method::POST, VALUES).json(&values_body(sample::config_values(), true));
        Answer::of(request)
    });
    // The first version's run is under way, the second one's waits for it.
    appears(&program.folder.join("pid")).await;
    let reply = site.get(&format!("{APP}/sequence/1/preflight/result")).await.ok();
    let progress: Value =
        serde_json::from_str(reply["preflightProgress"].as_str().unwrap_or("null")).unwrap();
    assert_eq!(progress["totalCount"], 1, "{reply}");
    assert_eq!(reply["preflightResult"]["hasFailingStrictPreflights"], true);
    program.go();
    assert_eq!(deploy.await.unwrap().ok()["sequence"], 2);
    site.wait_for(2, "deployed").await;
    let result = ended(&site, 2).await;
    assert_eq!(result["hasFailingStrictPreflights"], false);
    assert_eq!(
        result["result"],
        r#"{"results":[{"strict":true,"isPass":true,"title":"Version","message":"fine"}]}"#
    );
    assert!(result["createdAt"].is_string());
    // What was run is what the vendor asked for, rendered, by the real program's flags.
    let spec = program.read("spec.yaml");
    assert!(spec.contains("message: in shop") && spec.contains("clusterInfo"), "{spec}");
    let calls = program.read("calls");
    let call = calls.lines().last().unwrap();
    assert!(
        call.starts_with(
            "--interactive=false --format=json --no-uri --collect-without-permissions=false /"
        ),
        "{call}"
    );
    // Results outlive the server.
    site.kill();
    site.start();
    assert_eq!(ended(&site, 2).await, result);
    assert_eq!(site.versions().await[0]["preflightResult"], result["result"]);
    assert_eq!(program.n_calls(), 2);
}

#[tokio::test]
async fn strict_ones_that_fail_keep_a_version_back_until_they_pass() {
    let mut site = site().await;
    let program = StandIn::of(&mut site, &fails());
    site.upload(&with_preflight(true)).await.ok();
    let refused = site.set_values(sample::config_values(), true).await;
    assert_eq!(refused.error(), format!("500 failed to deploy: {CANNOT}"));
    assert_eq!(refused.body["sequence"], 2);
    assert!(causes(&refused).contains("strict check `Version` failed: too old"), "{refused:?}");
    assert_eq!(
        site.history().await,
        [
            "0 Airgap Install 1.0.0 deployed",
            "1 Airgap Update 1.1.0 pending",
            "2 Config Change 1.1.0 pending",
        ]
    );
    let newest = &site.versions().await[0];
    assert_eq!(newest["isDeployable"], false);
    assert_eq!(newest["hasFailingStrictPreflights"], true);
    let deploy = site.post(&format!("{APP}/sequence/2/deploy"), &json!({})).await;
    assert_eq!(deploy.error(), format!("500 {CANNOT}"));
    let redeploy = site.post(&format!("{APP}/sequence/2/redeploy"), &json!({})).await;
    assert_eq!(redeploy.error(), format!("500 {CANNOT}"));
    // Skipping does not pass strict ones over.
    let mut body = values_body(&format!("{}\n", sample::config_values()), true);
    body["skipPreflights"] = true.into();
    assert_eq!(site.post(VALUES, &body).await.status, 500);

    // Mended, the same request again deploys the version that is there.
    program.becomes(&passes());
    assert_eq!(site.post(VALUES, &body).await.ok()["sequence"], 3);
    site.wait_for(3, "deployed").await;
    assert_eq!(site.history().await.len(), 4);
}

#[tokio::test]
async fn a_run_is_asked_for_anew() {
    let mut site = site().await;
    let program = StandIn::of(&mut site, &fails());
    site.upload(&with_preflight(true)).await.ok();
    ended(&site, 1).await;
    program.becomes(WAITS);
    let run = format!("{APP}/sequence/1/preflight/run");
    assert_eq!(site.post(&run, &json!({})).await.ok(), json!({}));
    appears(&program.folder.join("pid")).await;
    assert_eq!(site.history().await[1], "1 Airgap Update 1.1.0 pending_preflight");
    // A run that is no longer asked for is stopped, and what it found does not count.
    program.becomes(&passes());
    let ignore = format!("{APP}/sequence/1/preflight/ignore-rbac");
    site.post(&ignore, &json!({})).await.ok();
    let result = ended(&site, 1).await;
    assert_eq!(result["hasFailingStrictPreflights"], false, "{result}");
    assert!(program.read("calls").lines().last().unwrap().contains("-permissions=true"));
    gone(&program.read("pid")).await;
    site.post(&format!("{APP}/sequence/1/deploy"), &json!({})).await.ok();
    site.wait_for(1, "deployed").await;
    // A version that is deployed keeps its state when it is checked again.
    program.becomes(&fails());
    site.post(&run, &json!({})).await.ok();
    assert_eq!(ended(&site, 1).await["hasFailingStrictPreflights"], true);
    assert_eq!(site.history().await[1], "1 Airgap Update 1.1.0 deployed");
}

#[tokio::test]
async fn what_could_not_be_run_is_never_a_success() {
    let mut site = site().await;
    let program = StandIn::of(&mut site, "echo 'no cluster' >&2; exit 1");
    site.upload(&with_preflight(true)).await.ok();
    let run = format!("{APP}/sequence/1/preflight/run");
    for (script, expected) in [
        ("", "the program ended with exit status: 1: no cluster"),
        ("echo '{\"pass\": ['", "its output is not read: EOF while parsing a list"),
        ("echo '{}'", "it says nothing of the 1 checks"),
        ("kill -9 $$", "the program ended with signal: 9 (SIGKILL)"),
        ("echo 'spec issue'; exit 2", "its output is not read: expected value"),
        ("head -c 9000000 /dev/zero", "the program printed more than 8388608 bytes"),
    ] {
        if !script.is_empty() {
            program.becomes(script);
            site.post(&run, &json!({})).await.ok();
        }
        let result = ended(&site, 1).await;
        let text = result["result"].as_str().unwrap();
        assert!(text.starts_with("{\"errors\":[{\"error\":") && text.contains(expected), "{text}");
        assert_eq!(result["hasFailingStrictPreflights"], true);
    }
    let refused = site.post(&format!("{APP}/sequence/1/deploy"), &json!({})).await;
    assert_eq!(refused.error(), format!("500 {CANNOT}"));
    assert!(causes(&refused).contains("the preflight checks could not be run: "), "{refused:?}");

    site.env("KOTS_PREFLIGHT", "/nowhere/preflight");
    site.kill();
    site.start();
    site.post(&run, &json!({})).await.ok();
    let text = ended(&site, 1).await["result"].to_string();
    assert!(text.contains("the program `/nowhere/preflight` was not found"), "{text}");
}

#[tokio::test]
async fn a_run_that_does_not_end_is_stopped_with_all_it_started() {
    let mut site = site().await;
    site.env("KOTS_PREFLIGHT_TIMEOUT_S", "1");
    let script = "sleep 600 &\necho $! > \"$here/child\"\nwait";
    let program = StandIn::of(&mut site, script);
    site.upload(&with_preflight(true)).await.ok();
    let text = ended(&site, 1).await["result"].to_string();
    assert!(text.contains("the program was stopped after 1 seconds"), "{text}");
    gone(&program.read("child")).await;
}

#[tokio::test]
async fn a_run_that_a_crash_cut_off_is_run_again() {
    let mut site = site().await;
    let program = StandIn::of(&mut site, WAITS);
    site.upload(&with_preflight(true)).await.ok();
    appears(&program.folder.join("pid")).await;
    site.kill();
    program.go();
    program.becomes(&passes());
    site.start();
    let result = ended(&site, 1).await;
    assert_eq!(result["hasFailingStrictPreflights"], false, "{result}");
    assert_eq!(program.n_calls(), 2);
    // So does one that was told to stop.
    std::fs::remove_file(program.folder.join("go")).unwrap();
    std::fs::remove_file(program.folder.join("pid")).unwrap();
    program.becomes(WAITS);
    site.post(&format!("{APP}/sequence/1/preflight/run"), &json!({})).await.ok();
    appears(&program.folder.join("pid")).await;
    let server = site.server.as_mut().unwrap();
    server.terminate();
    assert!(server.wait_end().success());
    program.becomes(&fails());
    site.start();
    assert_eq!(ended(&site, 1).await["hasFailingStrictPreflights"], true);
}

#[tokio::test]
async fn others_do_not_block() {
    let mut site = site().await;
    StandIn::of(&mut site, &prints(&json!({"fail": [{"title": "Disk", "message": "slow"}]}), 3));
    let (yaml, app) = bundle_parts(&with_preflight(false));
    let parts = [("airgap.yaml", yaml.as_slice()), ("app.tar.gz", app.as_slice())];
    let path = format!("{UPDATE}?skipPreflights=true");
    Answer::of(multipart(site.request(Method::POST, &path), &parts)).await.ok();
    assert_eq!(site.history().await[1], "1 Airgap Update 1.1.0 pending");
    assert_eq!(site.versions().await[0]["preflightSkipped"], true);
    site.set_values(sample::config_values(), true).await.ok();
    site.wait_for(2, "deployed").await;
    let result = ended(&site, 2).await;
    assert!(result["result"].as_str().unwrap().contains("\"isFail\":true"), "{result}");
    assert_eq!(result["hasFailingStrictPreflights"], false);
    assert_eq!(site.history().await[2], "2 Config Change 1.1.0 deployed");
}

#[tokio::test]
async fn a_first_version_is_deployed_once_its_checks_let_it_pass() {
    for (script, deploys) in [
        (prints(&json!({"pass": [{"title": "a", "message": "b"}]}), 0), true),
        (prints(&json!({"warn": [{"title": "a", "message": "b"}]}), 4), false),
        (prints(&json!({"fail": [{"title": "a", "message": "b"}]}), 3), false),
        // They are not strict: what could not be checked holds no version back, and is no success.
        ("exit 1".to_owned(), true),
    ] {
        let mut site = Site::new();
        StandIn::of(&mut site, &script);
        let license = Builder::new().airgap(true).yaml();
        let body = json!({ "licenseData": license, "isAirgap": true });
        site.post("/api/v1/license", &body).await.ok();
        let (yaml, app) = bundle_parts(&with_preflight(false));
        let parts = [
            ("appSlug", sample::APP_SLUG.as_bytes()),
            ("airgap.yaml", yaml.as_slice()),
            ("configValues", sample::config_values().as_bytes()),
            ("appArchive", app.as_slice()),
        ];
        let install = site.request(Method::POST, "/api/v1/airgap/install");
        Answer::of(multipart(install, &parts)).await.ok();
        ended(&site, 0).await;
        if !deploys {
            assert_eq!(site.history().await, ["0 Airgap Install 1.1.0 pending"]);
            site.post(&format!("{APP}/sequence/0/deploy"), &json!({})).await.ok();
        }
        site.wait_for(0, "deployed").await;
    }
}

#[tokio::test]
async fn documents_are_run_as_one_and_releases_without_any_have_none() {
    let mut site = site().await;
    let program = StandIn::of(&mut site, &passes());
    let mut spec = with_preflight(false);
    spec.files.push(preflight("more", "nodeResources: {outcomes: []}"));
    site.upload(&spec).await.ok();
    ended(&site, 1).await;
    let text = program.read("spec.yaml");
    assert!(text.contains("clusterVersion") && text.contains("nodeResources"), "{text}");
    assert_eq!(text.matches("clusterInfo").count(), 1, "{text}");

    let result = site.get(&format!("{APP}/sequence/0/preflight/result")).await.ok();
    assert_eq!(result["preflightResult"]["result"], "");
    assert_eq!(result["preflightResult"]["skipped"], true);
    let run = site.post(&format!("{APP}/sequence/0/preflight/run"), &json!({})).await;
    assert_eq!(run.ok(), json!({}));
    assert_eq!(program.n_calls(), 1);
    let none = site.post(&format!("{APP}/sequence/9/preflight/run"), &json!({})).await;
    assert_eq!(none.error(), "404 version for sequence 9 not found");
}

#[tokio::test]
async fn a_command_runs_the_checks_by_hand_and_brings_back_what_it_found() {
    let mut site = site().await;
    let _program = StandIn::of(&mut site, &fails());
    site.upload(&with_preflight(true)).await.ok();
    ended(&site, 1).await;
    let path = format!("{APP}/sequence/1/preflightcommand");
    let body = json!({ "origin": site.url("") });
    let command = site.post(&path, &body).await.ok()["command"].take();
    let text = command[1].as_str().unwrap();
    assert!(text.starts_with("kubectl preflight - <<'PREFLIGHT_"), "{text}");
    assert!(text.contains("clusterVersion"), "{text}");
    let results = text.split_once("uploadResultsTo: ").unwrap().1.lines().next().unwrap();
    let results = results.trim_matches(['\'', '"']);
    // What the program does at its end: a POST without a session.
    let passed =
        json!({"results": [{"strict": true, "isPass": true, "title": "a", "message": "b"}]});
    let other = results.replace("sequence/1", "sequence/0");
    assert_eq!(Answer::of(site.http.post(other).json(&passed)).await.status, 401);
    assert_eq!(ended(&site, 1).await["hasFailingStrictPreflights"], true);
    assert_eq!(Answer::of(site.http.post(results).json(&passed)).await.status, 204);
    assert_eq!(ended(&site, 1).await["hasFailingStrictPreflights"], false);

    let inside = site.post(&format!("{path}?inCluster=true"), &json!({})).await.ok();
    let inside = inside["command"][1].as_str().unwrap();
    let address = "http://kotsadm.shop.svc.cluster.local:3000/api/v1/preflight/app/sample-app/";
    assert!(inside.contains(address), "{inside}");
    let wrong = site.post(&path, &json!({ "origin": "somewhere" })).await;
    assert_eq!(wrong.error(), "400 origin `somewhere` is not an http or https URL");
    let none = site.post(&format!("{APP}/sequence/0/preflightcommand"), &body).await;
    assert_eq!(none.error(), "400 version 0 has no preflight checks");
}

#[tokio::test]
async fn that_checks_were_passed_over_is_told_to_the_vendor() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let taken = Arc::clone(&seen);
    let told = move |request: axum::extract::Request| {
        let id = request.headers()["authorization"].to_str().unwrap().to_owned();
        taken.lock().unwrap().push(format!("{} {id}", request.uri()));
        async { axum::http::StatusCode::CREATED }
    };
    let router = axum::Router::new().fallback(axum::routing::post(told));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let vendor = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });

    let mut site = Site::new();
    site.install(&Builder::new().yaml()).await;
    let report = format!("{APP}/preflight/report");
    let refused = site.post(&report, &json!({})).await;
    let error = refused.error();
    assert!(error.starts_with("500 failed to send preflights data"), "{error}");
    site.kill();
    site.mirror.url = vendor;
    site.start();
    assert_eq!(site.post(&report, &json!({})).await.ok(), json!({}));
    let seen = seen.lock().unwrap().join("\n");
    assert!(seen.starts_with("/kots_metrics/preflights/"), "{seen}");
    assert!(seen.contains("/this-cluster?sequence=0&skipPreflights=true&"), "{seen}");
}

#[tokio::test]
async fn checks_inside_of_charts_count_too() {
    if sample::program("KOTS_HELM", "helm").is_none() {
        return;
    }
    let mut site = site().await;
    let program = StandIn::of(&mut site, &fails());
    let template = "apiVersion: troubleshoot.sh/v1beta2\nkind: Preflight\nmetadata: {name: in-chart}\nspec:\n  analyzers:\n  - clusterVersion:\n      strict: true\n      outcomes:\n      - pass: {message: {{ .Release.Name | quote }}}\n";
    let mut spec = BundleSpec::sample("1.1.0").unwrap();
    let files = charts(&[("extra", 0, "")], template);
    spec.files.extend(files.into_iter().filter(|it| it.path != "app.yaml"));
    site.upload(&spec).await.ok();
    assert_eq!(ended(&site, 1).await["hasFailingStrictPreflights"], true);
    let text = program.read("spec.yaml");
    assert!(text.contains("message: extra"), "{text}");
    let refused = site.set_values(sample::config_values(), true).await;
    assert_eq!(refused.error(), format!("500 failed to deploy: {CANNOT}"));
}

#[tokio::test]
async fn results_are_taken_from_those_who_may_give_them() {
    let mut site = site().await;
    let _program = StandIn::of(&mut site, &fails());
    site.upload(&with_preflight(true)).await.ok();
    ended(&site, 1).await;
    let path = "/api/v1/preflight/app/sample-app/sequence/1";
    let passed =
        json!({"results": [{"strict": true, "isPass": true, "title": "a", "message": "b"}]});
    let open = site.http.post(site.url(path)).json(&passed);
    assert_eq!(Answer::of(open).await.status, 401);
    assert_eq!(ended(&site, 1).await["hasFailingStrictPreflights"], true);
    assert!(site.post(path, &json!({})).await.error().starts_with("400 the results say nothing"));
    assert_eq!(site.post(path, &passed).await.status, 204);
    assert_eq!(ended(&site, 1).await["hasFailingStrictPreflights"], false);
}

#[cfg(feature = "faults")]
#[tokio::test]
async fn a_crash_around_the_end_of_a_run_loses_nothing() {
    for point in upstream_handler::faults::PREFLIGHT_POINTS {
        let mut site = site().await;
        site.env("KOTSADM_FAULT", point);
        let program = StandIn::of(&mut site, &passes());
        let _ = Answer::try_of(multipart(
            site.request(Method::POST, UPDATE),
            &{
                let (yaml, app) = bundle_parts(&with_preflight(true));
                [("airgap.yaml", yaml), ("app.tar.gz", app)]
            }
            .iter()
            .map(|(name, bytes)| (*name, bytes.as_slice()))
            .collect::<Vec<_>>(),
        ))
        .await;
        site.server.as_mut().unwrap().wait_end();
        site.env("KOTSADM_FAULT", "");
        site.start();
        let result = ended(&site, 1).await;
        assert_eq!(result["hasFailingStrictPreflights"], false, "{point}: {result}");
        let n_calls = if *point == "preflight-before-commit" { 2 } else { 1 };
        assert_eq!(program.n_calls(), n_calls, "{point}");
    }
}
