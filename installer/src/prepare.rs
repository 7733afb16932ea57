//! Everything that is checked and read before a run begins, in the original's order
//! (`cmd/installer/cli/upgrade.go`): nothing is changed until all of it is good.

mod doubt;
mod given;
mod place;
mod vendor;
mod version;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use jiff::Timestamp;
use kinds::license::VerifiedLicense;
use tokio_util::task::TaskTracker;
use upstream::Proxies;

use crate::flow::{Flow, Mode, State, Target};
use crate::release::Release;
use crate::secrets::Secrets;
use crate::site::{Parts, Settings, Shared, Site, make_private};
use crate::store::{Store, TakeUp};
use crate::telemetry::{Recipient, Telemetry};
use crate::tls::Tls;
use crate::web::Web;
use crate::{answers, installation, license};

pub(crate) use doubt::Doubt;
pub(crate) use given::values as read_values;
use given::{license as given_license, root_keys};
use place::Place;

/// What a run is asked to be, as typed.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) target: Target,
    pub(crate) mode: Mode,
    pub(crate) license: PathBuf,
    pub(crate) license_root_key: Option<PathBuf>,
    pub(crate) airgap_bundle: Option<PathBuf>,
    pub(crate) release: Option<PathBuf>,
    pub(crate) channel_sequence: Option<i64>,
    pub(crate) config_values: Option<PathBuf>,
    pub(crate) embedded: Option<PathBuf>,
    pub(crate) kubeconfig: Option<PathBuf>,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) namespace: Option<String>,
    pub(crate) kots: Option<PathBuf>,
    pub(crate) preflight: Option<PathBuf>,
    pub(crate) password_file: Option<PathBuf>,
    /// The port of the manager, when one is said.
    pub(crate) manager_port: Option<u16>,
    pub(crate) timeout: Duration,
    pub(crate) restart: bool,
    /// The folder of the wizard; `None` when no page is given out.
    pub(crate) web_dir: Option<PathBuf>,
    /// Nobody looks at how an earlier run ended.
    pub(crate) headless: bool,
    /// The flags as typed, for telemetry.
    pub(crate) flags: String,
    #[cfg(feature = "fixture")]
    pub(crate) fixture: Option<PathBuf>,
}

/// A run that may begin.
pub(crate) struct Prepared {
    pub(crate) site: Shared,
    pub(crate) tls: Tls,
    /// A password that was made up, to be shown once.
    pub(crate) password: Option<String>,
    _lock: std::fs::File,
}

/// The manager's port while none is said.
const MANAGER_PORT: u16 = 30_080;

/// Reads and checks everything. `settle` decides about what a person is asked.
pub(crate) async fn prepare(
    request: Request,
    settle: impl AsyncFn(Doubt) -> Result<()>,
) -> Result<Prepared> {
    if request.target == Target::Linux
        && request.embedded.is_none()
        && !rustix::process::geteuid().is_root()
    {
        bail!("{} command must be run as root", request.mode.as_str());
    }
    // Files that other programs of the cluster read must not be made private by the shell's mask.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let place = Place::find(&request).await?;
    let keys = root_keys(&request).await?;
    let mut license = given_license(&request, &keys).await?;
    let data_dir = data_dir(&request, &license);
    let lock = lock(&data_dir)?;

    let store = Store::open(&data_dir).await?;
    let begun = store.run().await?;
    let state = begun.as_ref().map(|(_, state, _)| *state);
    let is_begun = !request.restart && !matches!(state, None | Some(State::New | State::Succeeded));
    let how = how(&request, state);
    let endpoint = vendor::endpoint(&license);
    let is_airgap = request.airgap_bundle.is_some();
    let client =
        if is_airgap { None } else { Some(vendor::client(&endpoint, &license, place.proxies())?) };
    if let Some(client) = &client {
        license = vendor::synced(client, license, &keys).await?;
    }
    let (release, bundle) =
        vendor::release(&request, &data_dir, is_begun, client.as_ref(), &license).await?;
    let namespace = place.namespace(&request, &release.app_slug).await?;
    let secrets = Secrets::open(&data_dir)?;
    let (tls, password_hash, password) = place.admission(&request, &namespace, &secrets).await?;
    let registry = match (&place.cluster, is_airgap) {
        (Some(cluster), true) => cluster.registry(&namespace, &release.app_slug).await?,
        _ => None,
    };
    let app_endpoint = vendor::app_endpoint(&endpoint, &release);
    let settings = settings(&request, data_dir, &place, namespace, app_endpoint)?;

    let run = run_name(&request, &release);
    let goes_on = is_begun && begun.is_some_and(|(begun, ..)| begun == run);
    // A run that goes on was checked when it began, and its child may hold the console.
    let current = if request.mode == Mode::Upgrade && !goes_on {
        Some(version::current(&settings, &release.app_slug).await?)
    } else {
        None
    };
    if !goes_on && let Some(doubt) = doubt::without_bundle(&release, is_airgap, request.mode) {
        settle(doubt).await?;
    }
    let now = Timestamp::now();
    license::check(&license.license, &license.differences, &release, request.target, now)?;
    if let Some(bundle) = &bundle {
        vendor::fits(&release, bundle)?;
    }
    if let Some(current) = &current {
        let clusters = (place.installation.version.clone(), release.cluster_version.clone());
        let other = doubt::infrastructure(&clusters.0, &clusters.1);
        let newer =
            version::check(current, &release, &license, client.as_ref(), Some(clusters)).await?;
        if let Some(other) = other {
            settle(other).await?;
        }
        if let Some(newer) = newer {
            settle(doubt::newer(&newer, &release, request.channel_sequence.is_some())).await?;
        }
    }

    let flow = Flow { target: request.target, mode: request.mode, airgap: is_airgap };
    let web = page(&request, flow, &release)?;
    take_up(&store, &run, how, flow).await?;
    let clusters = (place.installation.version.as_str(), release.cluster_version.as_str());
    let telemetry = telemetry(&request, &settings, &endpoint, place.proxies(), clusters);
    let site = Site::new(Parts {
        flow,
        settings,
        release,
        license,
        registry,
        proxy: place.proxy(),
        cluster: place.cluster,
        store,
        cipher: secrets.cipher,
        password_hash,
        session_key: secrets.session_key,
        telemetry,
        web,
    });
    installation::resume(&site).await?;
    first_answers(&request, &site).await?;
    #[cfg(feature = "fixture")]
    if let Some(folder) = &request.fixture {
        crate::fixture::seed(&site, folder).await?;
    }
    if !goes_on {
        crate::telemetry::started(&site, &current.unwrap_or_default().version_label);
    }
    Ok(Prepared { site, tls, password, _lock: lock })
}

/// The wizard, when its files are there.
fn page(request: &Request, flow: Flow, release: &Release) -> Result<Option<Web>> {
    let Some(folder) = &request.web_dir else { return Ok(None) };
    let web = Web::load(folder, flow, release)
        .with_context(|| format!("{} cannot be used as --web-dir", folder.display()))?;
    Ok(Some(web))
}

/// How a run whose state is in the store is taken up.
fn how(request: &Request, state: Option<State>) -> TakeUp {
    if request.restart {
        TakeUp::Anew
    } else if request.headless && state == Some(State::Succeeded) {
        // What was true then is proved again, with what is given now.
        TakeUp::Again
    } else {
        TakeUp::GoOn
    }
}

/// Takes up the run, or begins it.
async fn take_up(store: &Store, run: &str, how: TakeUp, flow: Flow) -> Result<()> {
    let state = store.take_up(run, how).await?;
    if flow.is_final(state) && state != State::Succeeded {
        // Pages still show how it failed, and have no way on from there. They begin anew with a login.
        store.end_sessions().await?;
    }
    Ok(())
}

fn settings(
    request: &Request,
    data_dir: PathBuf,
    place: &Place,
    namespace: String,
    app_endpoint: String,
) -> Result<Settings> {
    Ok(Settings {
        data_dir,
        kots: kots_program(request.kots.as_deref())?,
        preflight: request.preflight.clone(),
        embedded: request.embedded.clone(),
        kubeconfig: place.kubeconfig.clone(),
        license_root_key: request.license_root_key.clone(),
        airgap_bundle: request.airgap_bundle.clone(),
        namespace,
        cluster_id: place.installation.cluster_id.clone(),
        app_endpoint: Some(app_endpoint),
        timeout: request.timeout,
        #[cfg(feature = "fixture")]
        session_ms: crate::fixture::session_ms(request)?,
        #[cfg(not(feature = "fixture"))]
        session_ms: crate::store::SESSION_MS,
        manager_port: request
            .manager_port
            .or(place.installation.manager_port)
            .unwrap_or(MANAGER_PORT),
    })
}

/// What a run is about, in words that are the same each time it is begun.
fn run_name(request: &Request, release: &Release) -> String {
    format!(
        "{} {} {} {} {} {}{}",
        request.target.as_str(),
        request.mode.as_str(),
        release.app_slug,
        release.channel_id,
        release.channel_sequence,
        release.version_label,
        if request.airgap_bundle.is_some() { " from a bundle" } else { "" }
    )
}

/// Answers that the cluster or a file has, when the run has none yet. A file counts first.
async fn first_answers(request: &Request, site: &Site) -> Result<()> {
    let values = match (&request.config_values, &site.cluster) {
        (Some(path), _) => Some(read_values(path).await?),
        (None, Some(cluster)) => {
            cluster.config_values(&site.settings.namespace, &site.release.app_slug).await?
        }
        (None, None) => answers::deployed(site).await?,
    };
    if let Some(values) = values {
        let begun = answers::begin_with(site, values).await;
        begun.map_err(|refusal| anyhow!("the config values cannot be used: {}", refusal.line()))?;
    }
    Ok(())
}

fn data_dir(request: &Request, license: &VerifiedLicense) -> PathBuf {
    match (&request.data_dir, &request.embedded) {
        (Some(folder), _) => folder.clone(),
        (None, Some(folder)) => folder.join("installer"),
        (None, None) => PathBuf::from("/var/lib").join(&license.license.app_slug).join("installer"),
    }
}

/// Makes the folder, and takes it for this process alone.
fn lock(data_dir: &Path) -> Result<std::fs::File> {
    let shown = data_dir.display();
    let told = || format!("could not open the data directory {shown}");
    if data_dir.exists() && !data_dir.is_dir() {
        bail!("{}: it is not a folder", told());
    }
    make_private(data_dir).with_context(told)?;
    let file = std::fs::File::create(data_dir.join("lock")).with_context(told)?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| anyhow!("the data directory {shown} is in use by another installer"))?;
    Ok(file)
}

/// The `kots` program: the one named, else the one beside this program.
pub(crate) fn kots_program(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(named) = named {
        if !named.is_file() {
            bail!("the kots program {} is not there", named.display());
        }
        return Ok(named.to_owned());
    }
    let me = std::env::current_exe().context("this program cannot tell where it is")?;
    let beside = me.with_file_name("kots");
    if !beside.is_file() {
        bail!("there is no program `kots` beside {}: name one with --kots-binary", me.display());
    }
    Ok(beside)
}

fn telemetry(
    request: &Request,
    settings: &Settings,
    endpoint: &str,
    proxies: Option<Proxies>,
    (installed, wanted): (&str, &str),
) -> Telemetry {
    let is_off = settings.airgap_bundle.is_some()
        || std::env::var("DISABLE_TELEMETRY").is_ok_and(|it| !it.is_empty());
    let client = match proxies {
        Some(proxies) => proxies.apply(reqwest::Client::builder()),
        None => Ok(reqwest::Client::builder()),
    };
    // A run does not depend on it.
    let Some(client) = client.and_then(reqwest::ClientBuilder::build).ok().filter(|_| !is_off)
    else {
        return Telemetry::default();
    };
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|it| it.trim().to_owned())
        .unwrap_or_default();
    let common = serde_json::json!({
        "executionID": uuid::Uuid::new_v4().to_string(),
        "clusterID": settings.cluster_id,
        "version": env!("CARGO_PKG_VERSION"),
        "hostname": hostname,
        "entryCommand": request.mode.as_str(),
        "flags": request.flags,
    });
    let common = common.as_object().cloned().unwrap_or_default();
    let endpoint = endpoint.trim_end_matches('/').to_owned();
    let known = |text: &str, other: &str| {
        if text.is_empty() { other.to_owned() } else { text.to_owned() }
    };
    let cluster_from = installed.to_owned();
    let cluster_to = known(wanted, &known(installed, env!("CARGO_PKG_VERSION")));
    let tasks = TaskTracker::new();
    Telemetry { to: Some(Recipient { client, endpoint, common, cluster_from, cluster_to, tasks }) }
}
