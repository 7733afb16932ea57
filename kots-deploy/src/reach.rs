//! Finds the way to the admin console and opens it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use steps::{Failure, Reporter};
use tokio::time::Instant;

use crate::cli::duration::show;
use crate::cluster::{AuthError, Cluster, ClusterError, Surroundings, unreadable_secret_notice};
use crate::deploy::args::{AuthSource, ClusterArgs, ImageArgs, Reach};
use crate::deploy::inputs::{self, InputError};
use crate::transport::Transport;
use crate::transport::direct::{Direct, DirectError};
use crate::tunnel::{self, Patience, Road};

/// How long a kotsadm pod that is being replaced is waited for.
const POD_LIMIT: Duration = Duration::from_mins(1);

/// A way to the admin console, with what it needs read.
#[derive(Debug, Clone)]
pub enum Way {
    /// Straight to a URL.
    Url {
        /// As typed.
        url: String,
        /// The whole `Authorization` value.
        auth: SecretString,
    },
    /// In this process.
    Embedded {
        /// Its state folder.
        dir: PathBuf,
        /// Root keys it trusts besides the built-in one.
        license_root_keys: Vec<PathBuf>,
        /// How it speaks to image registries: as this program was told.
        images: Box<ImageArgs>,
    },
    /// Through a cluster.
    Cluster {
        /// The cluster and namespace.
        cluster: Cluster,
        /// How to get to the pod.
        road: Road,
    },
}

/// Why no way can be taken.
#[derive(Debug, thiserror::Error)]
pub enum WayError {
    /// There is no auth string for a URL.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The URL or its auth string cannot be used.
    #[error(transparent)]
    Url(#[from] DirectError),
    /// The cluster or the namespace cannot be used.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

impl WayError {
    /// Says what the person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Input(error) => error.hint(),
            Self::Url(error) => Some(error.hint()),
            Self::Cluster(ClusterError::Namespace(_)) => {
                Some("pass the namespace kotsadm runs in with --namespace")
            }
            Self::Cluster(_) => Some(
                "check with `kubectl cluster-info`, or pass --kubeconfig, --context or --kotsadm-url",
            ),
        }
    }
}

impl Way {
    /// Reads what the way needs. Sends nothing.
    ///
    /// # Errors
    ///
    /// When there is no auth string for a URL, the URL cannot be one, or no cluster or namespace is there to go to.
    pub async fn prepare(
        reach: &Reach,
        license_root_keys: &[PathBuf],
        images: &ImageArgs,
    ) -> Result<Self, WayError> {
        Ok(match reach {
            Reach::Url { url, auth } => {
                let auth = match auth {
                    AuthSource::File(path) => inputs::auth_file(path)?,
                    AuthSource::Given(value) => value.clone(),
                    AuthSource::Missing => return Err(InputError::AuthMissing.into()),
                };
                Direct::new(url, &auth)?;
                Self::Url { url: url.clone(), auth }
            }
            Reach::Embedded(dir) => Self::Embedded {
                dir: dir.clone(),
                license_root_keys: license_root_keys.to_vec(),
                images: Box::new(images.clone()),
            },
            Reach::Cluster(args) => {
                let ClusterArgs { flags, namespace, road } = args.as_ref();
                let namespace = Some(namespace.as_str()).filter(|it| !it.is_empty());
                let surroundings = Surroundings::from_process();
                let cluster = Cluster::open(flags, namespace, &surroundings).await?;
                Self::Cluster { cluster, road: *road }
            }
        })
    }

    /// What tells this console from others, for journals.
    pub fn identity(&self) -> String {
        match self {
            Self::Url { url, .. } => url.trim_end_matches('/').to_owned(),
            Self::Embedded { dir, .. } => {
                let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.clone());
                format!("embedded {}", absolute.display())
            }
            Self::Cluster { cluster, .. } => {
                format!("cluster {} namespace {}", cluster.address(), cluster.namespace())
            }
        }
    }
}

/// An open way, and what must live as long as it.
#[derive(Debug)]
pub struct Opened {
    /// Carries requests.
    pub transport: Arc<dyn Transport>,
    /// The server in this process, if there is one.
    pub embedded: Option<crate::embedded::Embedded>,
}

/// Opens the way.
///
/// # Errors
///
/// A failure that says why it is closed.
pub async fn open(way: &Way, deadline: Instant, reporter: &Reporter) -> Result<Opened, Failure> {
    match way {
        Way::Url { url, auth } => {
            let direct = Direct::new(url, auth).map_err(|it| {
                let hint = it.hint();
                Failure::from_error("rejected", &it).next(hint).nothing_changed()
            })?;
            Ok(Opened { transport: Arc::new(direct), embedded: None })
        }
        Way::Embedded { dir, license_root_keys, images } => {
            let embedded = crate::embedded::start(dir, license_root_keys, images).await?;
            let (url, auth) = embedded.address();
            let direct =
                Direct::new(&url, &auth).map_err(|it| Failure::from_error("failed", &it))?;
            Ok(Opened { transport: Arc::new(direct), embedded: Some(embedded) })
        }
        Way::Cluster { cluster, road } => {
            let auth = enter(cluster, deadline, reporter).await?;
            let teller = reporter.clone();
            let notice: tunnel::Notice = Arc::new(move |text| teller.warn(text));
            let transport =
                tunnel::open(*road, cluster.clone(), &auth, Patience::default(), notice)
                    .map_err(|it| Failure::from_error("rejected", &it))?;
            Ok(Opened { transport, embedded: None })
        }
    }
}

/// Finds the pod and reads the auth string. A pod that is being replaced is waited for.
async fn enter(
    cluster: &Cluster,
    deadline: Instant,
    reporter: &Reporter,
) -> Result<SecretString, Failure> {
    let until = deadline.min(Instant::now() + POD_LIMIT);
    let mut told = false;
    loop {
        let patience = Patience::default().pod.min(until.saturating_duration_since(Instant::now()));
        let found = async {
            cluster.find_pod(patience).await?;
            cluster.auth_string(&Surroundings::from_process()).await
        };
        let error = match found.await {
            Ok(auth) => return Ok(auth),
            Err(error) => error,
        };
        if error.is_final() || Instant::now() >= until {
            if let ClusterError::Auth(AuthError::Check(_)) = &error {
                reporter.warn(unreadable_secret_notice(cluster.namespace()));
            }
            let mut failure = Failure::new("rejected", error.to_string()).nothing_changed();
            failure.why.extend(std::error::Error::source(&error).map(chain));
            failure.next = error.hint(cluster.namespace());
            return Err(failure);
        }
        if !told {
            let left = until.saturating_duration_since(Instant::now());
            reporter.warn(format!("{}; waiting up to {}", chain(&error), show(left)));
            told = true;
        }
        // A refused list answers at once.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes: Vec<String> =
        std::iter::successors(Some(error), |it| it.source()).map(ToString::to_string).collect();
    causes.join(": ")
}
