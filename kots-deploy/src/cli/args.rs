//! What was set, as what each command works with.

use std::path::PathBuf;

use secrecy::SecretString;

use super::flags::{Typed, UsageError, quoted};
use super::settings::Settings;
use super::{AUTH_STRING_VARIABLE, CliError, Command};
use crate::cluster::ConnectionFlags;
use crate::deploy::args::{
    ArgsError, AuthSource, ClusterArgs, DeployArgs, ImageArgs, Output, ProgressStyle, Reach,
    RunArgs, Wait,
};
use crate::get::GetArgs;
use crate::install::args::InstallArgs;
use crate::tunnel::Road;

pub(super) fn deploy(settings: &Settings<'_>, typed: &Typed) -> Result<DeployArgs, CliError> {
    if !typed.given("config-values") {
        return Err(UsageError::RequiredFlags("\"config-values\"".to_owned()).into());
    }
    let run = run_args(settings)?;
    let args = DeployArgs {
        slug: typed.arguments[0].clone(),
        license: settings.some_text("license").map(PathBuf::from),
        channel_id: settings.text("channel-id"),
        channel_sequence: settings.int("channel-sequence"),
        airgap_bundle: settings.some_text("airgap-bundle").map(PathBuf::from),
        config_values: settings.text("config-values").into(),
        skip_preflights: settings.switch("skip-preflights"),
        images: images(settings)?,
        reach: Reach::Embedded(PathBuf::new()),
        run,
        license_root_keys: root_keys(settings),
    };
    args.check()?;
    Ok(DeployArgs { reach: reach(settings)?, ..args })
}

pub(super) fn install(settings: &Settings<'_>, typed: &Typed) -> Result<InstallArgs, CliError> {
    let license = settings
        .some_text("license-file")
        .ok_or_else(|| UsageError::RequiredFlags("\"license-file\"".to_owned()))?;
    let args = InstallArgs {
        slug: typed.arguments[0].clone(),
        license: license.into(),
        channel: settings.text("channel"),
        version_label: settings.text("app-version-label"),
        airgap_bundle: settings.some_text("airgap-bundle").map(PathBuf::from),
        airgap: settings.switch("airgap"),
        config_values: settings.some_text("config-values").map(PathBuf::from),
        skip_preflights: settings.switch("skip-preflights"),
        images: images(settings)?,
        reach: reach(settings)?,
        run: run_args(settings)?,
        license_root_keys: root_keys(settings),
    };
    args.check()?;
    Ok(args)
}

pub(super) fn get(settings: &Settings<'_>, typed: &Typed) -> Result<GetArgs, CliError> {
    if typed.arguments[0] != "versions" {
        let command = quoted(&typed.arguments[0]);
        return Err(UsageError::UnknownCommand { command, program: "kots get".to_owned() }.into());
    }
    let slug = typed.arguments[1].clone();
    let json = settings.word("output", &[("", false), ("text", false), ("json", true)])?;
    Ok(GetArgs { slug, json, reach: reach(settings)? })
}

pub(super) fn version(settings: &Settings<'_>) -> Result<Command, CliError> {
    let version = env!("CARGO_PKG_VERSION");
    let text = if settings.word("output", &[("", false), ("text", false), ("json", true)])? {
        format!("{{\"version\":\"{version}\"}}\n")
    } else {
        format!("kots {version}\n")
    };
    Ok(Command::Print { text, status: 0 })
}

pub(super) fn root_keys(settings: &Settings<'_>) -> Vec<PathBuf> {
    settings.list("license-root-key").into_iter().map(PathBuf::from).collect()
}

pub(super) fn images(settings: &Settings<'_>) -> Result<ImageArgs, CliError> {
    let disable_push = settings.switch("disable-image-push");
    Ok(ImageArgs { disable_push, ..images_to(settings)? })
}

pub(super) fn images_to(settings: &Settings<'_>) -> Result<ImageArgs, CliError> {
    let (registry, namespace) =
        (settings.text("kotsadm-registry"), settings.text("kotsadm-namespace"));
    Ok(ImageArgs { registry, namespace, ..registry_push(settings)? })
}

/// How a registry is logged in to and spoken to.
pub(super) fn registry_access(settings: &Settings<'_>) -> ImageArgs {
    ImageArgs {
        username: settings.text("registry-username"),
        password: settings.text("registry-password").into(),
        ca: settings.some_text("registry-ca").map(PathBuf::from),
        insecure_skip_tls_verify: settings.switch("registry-insecure-skip-tls-verify"),
        plain_http: settings.switch("registry-plain-http"),
        ..ImageArgs::default()
    }
}

/// And how images are pushed to it.
pub(super) fn registry_push(settings: &Settings<'_>) -> Result<ImageArgs, CliError> {
    let parallelism = settings.int("registry-parallelism");
    Ok(ImageArgs {
        parallelism: usize::try_from(parallelism)
            .ok()
            .filter(|it| (1..=64).contains(it))
            .ok_or(ArgsError::Parallelism(parallelism))?,
        ..registry_access(settings)
    })
}

/// The tag that the admin console's own images get.
pub(super) fn kotsadm_tag(settings: &Settings<'_>) -> Result<Option<String>, CliError> {
    let Some(tag) = settings.some_text("kotsadm-tag") else { return Ok(None) };
    if airgap::Reference::parse(&format!("kotsadm:{tag}")).is_err() || tag.contains('@') {
        return Err(ArgsError::KotsadmTag(tag.escape_debug().to_string()).into());
    }
    Ok(Some(tag))
}

pub(super) fn run_args(settings: &Settings<'_>) -> Result<RunArgs, CliError> {
    use Wait as W;
    let words = [("accepted", W::Accepted), ("deployed", W::Deployed), ("ready", W::Ready)];
    Ok(RunArgs { wait: settings.word("wait", &words)?, ..report_args(settings)? })
}

/// For commands that wait for nothing.
pub(super) fn report_args(settings: &Settings<'_>) -> Result<RunArgs, CliError> {
    use Output as O;
    use ProgressStyle as P;
    Ok(RunArgs {
        wait: Wait::default(),
        timeout: settings.duration("timeout"),
        output: settings
            .word("output", &[("text", O::Text), ("json", O::Json), ("jsonl", O::Jsonl)])?,
        progress: settings
            .word("progress", &[("auto", P::Auto), ("plain", P::Plain), ("none", P::None)])?,
        state_dir: settings.some_text("state-dir").map(PathBuf::from),
    })
}

pub(super) fn reach(settings: &Settings<'_>) -> Result<Reach, CliError> {
    let road = settings.word(
        "transport",
        &[("auto", Road::Auto), ("port-forward", Road::PortForward), ("proxy", Road::Proxy)],
    )?;
    let file = settings.some_text("auth-string-file");
    let (url, embedded) = (settings.some_text("kotsadm-url"), settings.some_text("embedded"));
    match (url, embedded) {
        (Some(_), Some(_)) => Err(ArgsError::TwoConsoles.into()),
        (Some(url), None) => {
            let auth = match (file, settings.environment(AUTH_STRING_VARIABLE)) {
                (Some(file), _) => AuthSource::File(file.into()),
                (None, Some(value)) => AuthSource::Given(value.trim_end().into()),
                (None, None) => AuthSource::Missing,
            };
            Ok(Reach::Url { url, auth })
        }
        _ if file.is_some() => Err(ArgsError::AuthWithoutUrl.into()),
        (None, Some(dir)) => Ok(Reach::Embedded(dir.into())),
        (None, None) => Ok(Reach::Cluster(Box::new(cluster(settings, road)))),
    }
}

pub(super) fn cluster(settings: &Settings<'_>, road: Road) -> ClusterArgs {
    let flags = ConnectionFlags {
        kubeconfig: settings.some_text("kubeconfig"),
        context: settings.some_text("context"),
        cluster: settings.some_text("cluster"),
        user: settings.some_text("user"),
        server: settings.some_text("server"),
        tls_server_name: settings.some_text("tls-server-name"),
        insecure_skip_tls_verify: settings.switch("insecure-skip-tls-verify"),
        certificate_authority: settings.some_text("certificate-authority"),
        client_certificate: settings.some_text("client-certificate"),
        client_key: settings.some_text("client-key"),
        token: settings.some_text("token").map(SecretString::from),
        impersonate: settings.some_text("as"),
        impersonate_uid: settings.some_text("as-uid"),
        impersonate_groups: settings.list("as-group"),
        impersonate_user_extra: settings.list("as-user-extra"),
        request_timeout: settings.some_text("request-timeout"),
        cache_dir: None,
        disable_compression: settings.switch("disable-compression"),
    };
    ClusterArgs { flags, namespace: settings.text("namespace"), road }
}
