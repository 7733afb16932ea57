//! Copies the images of an online application's version to the operator's registry, from where they are
//! (`pkg/image/online.go`, called while a release is rewritten).
//!
//! Two differences from the original: what the registry has is not sent again, and a version is only made once all its
//! images are there.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use airgap::{Digest, Reference};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use registry::pull::{RegistryImages, Wanted, Watch};
use registry::push::Options;
use registry::{Client, Credentials, Destination, Endpoint, Fault, Scheme};
use secrecy::SecretString;
use tokio::runtime::Handle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::ImagesError;
use crate::context::{Context, Shared};
use crate::http::reply::chain;
use crate::registry_settings::StoredRegistry;
use crate::release::VENDORS_USER;
use crate::render::images::{Origin, Place};

/// How many images are asked for at once.
const AT_ONCE: usize = 8;
/// How often a registry is asked that does not answer.
const ATTEMPTS: u32 = 3;
/// Pause between two of these.
const PAUSE: Duration = Duration::from_secs(1);
/// How often the progress is stored.
const STORE_EVERY: Duration = Duration::from_secs(1);

/// What is to be in the registry.
#[derive(Debug)]
pub(crate) struct Copies<'a> {
    /// The registry.
    pub(crate) registry: &'a StoredRegistry,
    /// The images, and where they are to be had.
    pub(crate) origins: &'a [Origin],
    /// The vendor's registries ask for it.
    pub(crate) license_id: &'a str,
    /// Whether images that are there by name are compared with where they come from: a new release may have moved a tag.
    pub(crate) are_compared: bool,
    /// The task that is told how far it is.
    pub(crate) task: Option<&'a str>,
}

/// An image that is to be in the registry.
struct Image {
    name: String,
    destination: Destination,
    places: Vec<Place>,
}

/// An image that is to be copied, and the client that reads it.
struct Found {
    wanted: Wanted,
    destination: Destination,
}

/// Brings everything there, or says of every image why not.
pub(crate) async fn bring(shared: &Shared, copies: &Copies<'_>) -> Result<(), ImagesError> {
    let (client, endpoint) = super::client(shared, copies.registry)?;
    let named = |origin: &Origin| {
        let reference = Reference::parse(&origin.image).ok()?;
        let destination = Destination::of(&reference, &endpoint);
        Some(Image { name: reference.to_string(), destination, places: origin.places.clone() })
    };
    let images: Vec<Image> = copies.origins.iter().filter_map(named).collect();
    let message = Arc::new(Mutex::new(format!("Looking for {} images...", images.len())));
    let work = async {
        let found = find(shared, copies, &client, &endpoint, images).await?;
        if found.is_empty() {
            return Ok(());
        }
        copy(shared, found, client, &endpoint, Arc::clone(&message)).await
    };
    let mut work = std::pin::pin!(work);
    let mut tick = tokio::time::interval(STORE_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = shared.stop.cancelled() => return Err(ImagesError::Stopped),
            _ = tick.tick() => if let Some(task) = copies.task {
                let text = message.lock().unwrap_or_else(PoisonError::into_inner).clone();
                shared.store.task_running(task, &shared.boot_id, &text).await?;
            }
        }
    }
}

/// Of which of `images` the registry `client` speaks to has none of that name.
pub(crate) async fn absent(
    client: &Client,
    images: Vec<Destination>,
) -> Result<Vec<Destination>, Fault> {
    let ask = |image: Destination| async move {
        let found = client.manifest(&image.repository, &image.version_text()).await?;
        Ok(found.is_none().then_some(image))
    };
    let asked = stream::iter(images).map(ask).buffer_unordered(AT_ONCE);
    let asked: Vec<Option<Destination>> = asked.try_collect().await?;
    let mut absent: Vec<_> = asked.into_iter().flatten().collect();
    absent.sort();
    Ok(absent)
}

/// Decides what is to be copied, and finds where it is.
async fn find(
    shared: &Context,
    copies: &Copies<'_>,
    client: &Client,
    endpoint: &Endpoint,
    images: Vec<Image>,
) -> Result<Vec<Found>, ImagesError> {
    let host = endpoint.host().to_owned();
    let destinations = images.iter().map(|it| it.destination.clone()).collect();
    let absent = absent(client, destinations).await;
    let absent = absent.map_err(|fault| ImagesError::Registry { host: host.clone(), fault })?;
    let total = images.len();
    let sources = Sources { shared, license_id: copies.license_id, clients: Mutex::default() };
    let look = |image: Image| {
        let (sources, is_absent) = (&sources, absent.contains(&image.destination));
        async move {
            match sources.find(&image).await {
                Ok(wanted) => Some(Ok(Found { wanted, destination: image.destination })),
                Err(why) if is_absent => Some(Err(format!("{}: {why}", image.name))),
                Err(why) => {
                    tracing::warn!("image {} is taken as it is in the registry: {why}", image.name);
                    None
                }
            }
        }
    };
    let is_asked = |it: &Image| copies.are_compared || absent.contains(&it.destination);
    let asked: Vec<Image> = images.into_iter().filter(is_asked).collect();
    let asked: Vec<_> = stream::iter(asked).map(look).buffered(AT_ONCE).collect().await;
    let (mut found, mut failed) = (Vec::new(), Vec::new());
    for image in asked.into_iter().flatten() {
        match image {
            Ok(image) => found.push(image),
            Err(why) => failed.push(why),
        }
    }
    if failed.is_empty() { Ok(found) } else { Err(ImagesError::Sources { host, failed, total }) }
}

async fn copy(
    shared: &Context,
    found: Vec<Found>,
    client: Client,
    endpoint: &Endpoint,
    message: Arc<Mutex<String>>,
) -> Result<(), ImagesError> {
    let (wanted, destinations): (Vec<_>, Vec<_>) =
        found.into_iter().map(|it| (it.wanted, it.destination)).unzip();
    let names: Vec<String> = destinations.iter().map(ToString::to_string).collect();
    let set = Digest::of(names.join("\n").as_bytes());
    let watch = Reading { message: Arc::clone(&message), stop: shared.stop.child_token() };
    // What reads ends with what waits for it.
    let _stopped = watch.stop.clone().drop_guard();
    let handle = Handle::current();
    let open = move || RegistryImages::open(handle, wanted, watch);
    let source = tokio::task::spawn_blocking(open).await.map_err(|_| ImagesError::Stopped)??;
    let plan = source
        .plan(destinations)
        .map_err(|errors| ImagesError::Plan(errors.iter().map(ToString::to_string).collect()))?;
    let options = Options::default().remembering(&shared.pushes, set, endpoint);
    super::send(client, plan, Arc::new(source), options, message).await
}

/// The registries that images come from.
struct Sources<'a> {
    shared: &'a Context,
    license_id: &'a str,
    clients: Mutex<BTreeMap<(String, bool), Arc<Client>>>,
}

impl Sources<'_> {
    /// The first place that has an image; or why none has.
    async fn find(&self, image: &Image) -> Result<Wanted, String> {
        let mut reasons = Vec::new();
        for place in &image.places {
            match self.look(&image.name, place).await {
                Ok(wanted) => return Ok(wanted),
                Err(why) => reasons.push(format!("{}: {why}", place.name)),
            }
        }
        Err(reasons.join(", "))
    }

    async fn look(&self, name: &str, place: &Place) -> Result<Wanted, String> {
        let reference = Reference::parse(&place.name).map_err(|error| error.to_string())?;
        let client = self.client(&reference.host, place.needs_login);
        let client = client.map_err(|error| chain(&error).join(": "))?;
        let Reference { host, path: repository, version } = reference;
        let place = Destination { host, repository, version };
        let version = place.version_text();
        let Destination { host, repository, .. } = place;
        let mut attempt = 1;
        loop {
            match client.manifest(&repository, &version).await {
                Ok(Some(_)) => {
                    let name = name.to_owned();
                    return Ok(Wanted { name, client, host, repository, version });
                }
                Ok(None) => return Err("it is not there".to_owned()),
                Err(fault) if fault.passes() && attempt < ATTEMPTS => {
                    attempt += 1;
                    tokio::time::sleep(fault.retry_after().unwrap_or(PAUSE)).await;
                }
                Err(fault) => return Err(fault.to_string()),
            }
        }
    }

    fn client(&self, host: &str, needs_login: bool) -> Result<Arc<Client>, ImagesError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (host.to_owned(), needs_login);
        if let Some(client) = clients.get(&key) {
            return Ok(Arc::clone(client));
        }
        let access = &self.shared.registry_access;
        let scheme = source_scheme(host, access.scheme());
        let credentials = if needs_login {
            let password = SecretString::from(self.license_id);
            Credentials::Basic { username: VENDORS_USER.to_owned(), password }
        } else {
            Credentials::Anonymous
        };
        let endpoint = Endpoint::parse(host, "", scheme)?;
        let client = Arc::new(Client::new(&endpoint, scheme, &access.tls()?, credentials)?);
        clients.insert(key, Arc::clone(&client));
        Ok(client)
    }
}

/// That the operator's registry has no TLS says nothing of others, but for those of this machine.
fn source_scheme(host: &str, of_registry: Scheme) -> Scheme {
    let name = host.rsplit_once(':').map_or(host, |it| it.0).trim_matches(['[', ']']);
    let is_here =
        name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if is_here { of_registry } else { Scheme::Https }
}

/// Reads until it is told to stop; what is sent tells how far it is.
struct Reading {
    message: Arc<Mutex<String>>,
    stop: CancellationToken,
}

impl Watch for Reading {
    fn read(&self, _: u64, _: u64) {}

    fn waiting(&self, what: &str, fault: &Fault, pause: Duration) {
        let text = format!("failed to {what}: {fault}; trying again in {} s", pause.as_secs());
        *self.message.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_of_the_registry_is_not_that_of_others() {
        let scheme = |host| source_scheme(host, Scheme::Http);
        for host in ["localhost:5000", "127.0.0.1:5000", "[::1]:5000", "127.0.0.1"] {
            assert_eq!(scheme(host), Scheme::Http, "{host}");
        }
        for host in ["docker.io", "registry.example:5000", "10.0.0.1:5000", "localhost.example"] {
            assert_eq!(scheme(host), Scheme::Https, "{host}");
        }
        assert_eq!(source_scheme("localhost", Scheme::Https), Scheme::Https);
    }
}
