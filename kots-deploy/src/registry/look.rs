//! Looks for registries and logins: in the admin console, in secrets of the cluster, in files of this machine.

use std::collections::BTreeSet;
use std::path::PathBuf;

use steps::{Failure, Reporter};
use url::Url;

use super::logins::{self, Login};
use super::settings::{Chosen, Found, Stored, aws_keys, choose};
use crate::client::Client;
use crate::client::call::CallError;
use crate::cluster::{ApiKind, Cluster};
use crate::deploy::args::ImageArgs;
use crate::deploy::state::failure;
use crate::reach::Way;

/// Where an embedded cluster leaves the login of its registry.
const EMBEDDED_SECRET: &str = "registry-creds";
/// Where the admin console keeps the login of the operator's registry.
const PRIVATE_SECRET: &str = "kotsadm-private-registry";
const SECRET_KEY: &str = ".dockerconfigjson";
/// The most bytes of a file with logins.
const FILE_LIMIT_BYTES: u64 = 1 << 20;

/// Finds out where images go.
///
/// # Errors
///
/// A failure that names everything that was looked at, or what does not fit together.
pub async fn decide(
    args: &ImageArgs,
    slug: &str,
    client: Option<&Client>,
    cluster: Option<&Cluster>,
    reporter: &Reporter,
) -> Result<Chosen, Failure> {
    let mut found = Found::default();
    if args.registry.is_empty() {
        found.looked.push("--kotsadm-registry: not given".to_owned());
    }
    if let Some(client) = client {
        stored(client, slug, &mut found, reporter).await?;
    }
    if let Some(cluster) = cluster {
        secrets(cluster, &mut found, reporter).await;
    } else {
        found.looked.push("secrets of a cluster: none is reached through one".to_owned());
    }
    machine(&mut found, &|it| reporter.warn(it));
    choose(args, slug, &found).map_err(|error| {
        let mut failure = Failure::from_error("rejected", &error);
        if let super::settings::SettingsError::Nowhere { looked } = &error {
            failure.why.extend(looked.iter().cloned());
        }
        failure.next(error.hint()).nothing_changed()
    })
}

/// The cluster of a way, if it goes through one.
pub fn cluster_of(way: &Way) -> Option<&Cluster> {
    match way {
        Way::Cluster { cluster, .. } => Some(cluster),
        Way::Url { .. } | Way::Embedded { .. } => None,
    }
}

/// What the admin console has stored for the application. One that does not know the question has nothing.
async fn stored(
    client: &Client,
    slug: &str,
    found: &mut Found,
    reporter: &Reporter,
) -> Result<(), Failure> {
    let place = "registry of the application in the admin console";
    match client.registry(slug, reporter).await {
        Ok(reply) if reply.hostname.is_empty() => {
            found.looked.push(format!("{place}: none is set"));
        }
        Ok(reply) => {
            found.stored = Some(Stored {
                hostname: reply.hostname,
                namespace: reply.namespace,
                read_only: reply.is_read_only,
            });
        }
        Err(CallError::Refused(refusal)) if refusal.status == 404 => {
            found.looked.push(format!("{place}: it keeps none"));
        }
        Err(error) => {
            return Err(failure("failed to read the registry of the application", &error));
        }
    }
    Ok(())
}

async fn secrets(cluster: &Cluster, found: &mut Found, reporter: &Reporter) {
    let own = cluster.namespace().to_owned();
    // As the original, with the admin console's own namespace, which it leaves out.
    let pod = environment("POD_NAMESPACE");
    let namespaces =
        pod.into_iter().chain([own.clone(), "default".to_owned(), "kotsadm".to_owned()]);
    let mut seen = BTreeSet::new();
    for namespace in namespaces.filter(|it| seen.insert(it.clone())) {
        let logins = secret(cluster, &namespace, EMBEDDED_SECRET, found, reporter).await;
        found.embedded.extend(logins);
    }
    let logins = secret(cluster, &own, PRIVATE_SECRET, found, reporter).await;
    found.logins.extend(logins);
}

/// The logins in one secret. That it is not there is normal; any other reason is told.
async fn secret(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    found: &mut Found,
    reporter: &Reporter,
) -> Vec<Login> {
    let place = format!("secret `{name}` in namespace `{namespace}`");
    let read = match cluster.secret_value(namespace, name, SECRET_KEY).await {
        Ok(None) => Err(format!("it has no key `{SECRET_KEY}`")),
        Ok(Some(bytes)) => logins::read(&bytes, &place),
        Err(failure) if failure.kind == ApiKind::NotFound => {
            found.looked.push(format!("{place}: not there"));
            return Vec::new();
        }
        Err(failure) => Err(failure.to_string()),
    };
    match read {
        Ok(logins) => {
            found.looked.push(format!("{place}: no entry of `kurl` or `embedded-cluster`"));
            logins
        }
        Err(why) => {
            reporter.warn(format!("{place} was not used: {why}"));
            found.looked.push(format!("{place}: {why}"));
            Vec::new()
        }
    }
}

/// What this machine knows of logins: the files of podman and docker, in the order in which podman reads them, and
/// AWS keys. `warn` is told of a file that cannot be used.
pub fn machine(found: &mut Found, warn: &dyn Fn(String)) {
    let home = |path: &str| environment("HOME").map(|it| PathBuf::from(it).join(path));
    let docker = environment("DOCKER_CONFIG").map(|it| PathBuf::from(it).join("config.json"));
    let places = [
        environment("REGISTRY_AUTH_FILE").map(PathBuf::from),
        environment("XDG_RUNTIME_DIR").map(|it| PathBuf::from(it).join("containers/auth.json")),
        docker.or_else(|| home(".docker/config.json")),
    ];
    for path in places.into_iter().flatten() {
        let place = path.display().to_string();
        match read_file(&path) {
            Ok(bytes) => match logins::read(&bytes, &place) {
                Ok(logins) => found.logins.extend(logins),
                Err(why) => warn(format!("{place} was not used: {why}")),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => warn(format!("{place} was not used: {error}")),
        }
    }
    found.aws = Some(aws_keys(&environment));
    found.aws_api = ["AWS_ENDPOINT_URL_ECR", "AWS_ENDPOINT_URL"]
        .into_iter()
        .find_map(environment)
        .and_then(|it| Url::parse(&it).ok());
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|it| !it.is_empty())
}

fn read_file(path: &std::path::Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(FILE_LIMIT_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
