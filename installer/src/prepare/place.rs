//! Where a run takes place: a cluster and what it says of itself, or with `--embedded` none.

use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow};
use secrecy::SecretString;
use upstream::Proxies;

use super::Request;
use super::given::text;
use crate::cluster::{Cluster, Installation};
use crate::flow::Target;
use crate::secrets::Secrets;
use crate::surroundings::{self, Proxy};
use crate::tls::{self, Tls};

/// Where a run takes place.
pub(super) struct Place {
    /// The kubeconfig that is used instead of the usual ones.
    pub(super) kubeconfig: Option<PathBuf>,
    /// `None` with `--embedded`.
    pub(super) cluster: Option<Cluster>,
    /// Empty where the cluster is not an embedded one.
    pub(super) installation: Installation,
}

impl Place {
    /// Finds the cluster, and with it the installation of the embedded one.
    pub(super) async fn find(request: &Request) -> Result<Self> {
        if request.embedded.is_some() {
            let installation = Installation::default();
            return Ok(Self { kubeconfig: None, cluster: None, installation });
        }
        let is_linux = request.target == Target::Linux;
        let kubeconfig = surroundings::kubeconfig(request.kubeconfig.as_deref(), is_linux)
            .context("could not tell where the kubeconfig is")?;
        let cluster = Cluster::open(kubeconfig.as_deref())
            .await
            .map_err(|error| anyhow!("{error}, or pass --embedded DIR to do without a cluster"))?;
        let installation =
            if is_linux { cluster.installation().await? } else { Installation::default() };
        Ok(Self { kubeconfig, cluster: Some(cluster), installation })
    }

    /// The namespace of the admin console.
    pub(super) async fn namespace(&self, request: &Request, app_slug: &str) -> Result<String> {
        match (&request.namespace, &self.cluster) {
            (Some(namespace), _) => Ok(namespace.clone()),
            (None, Some(cluster)) => Ok(cluster.namespace(app_slug).await?),
            (None, None) => Ok("default".to_owned()),
        }
    }

    /// The proxies of the embedded cluster on the way to the vendor; `None` leaves it to the environment.
    pub(super) fn proxies(&self) -> Option<Proxies> {
        let Proxy { http, https, none } = self.installation.proxy.clone();
        (!http.is_empty() || !https.is_empty()).then_some(Proxies { http, https, none })
    }

    /// The proxies of the embedded cluster, else those of this process.
    pub(super) fn proxy(&self) -> Proxy {
        let installed = &self.installation.proxy;
        if *installed == Proxy::default() { Proxy::of_process() } else { installed.clone() }
    }

    /// The certificate and the password: the admin console's, else ones of our own.
    pub(super) async fn admission(
        &self,
        request: &Request,
        namespace: &str,
        secrets: &Secrets,
    ) -> Result<(Tls, SecretString, Option<String>)> {
        let Some(cluster) = &self.cluster else {
            let given = match &request.password_file {
                Some(path) => Some(
                    text(path)
                        .await
                        .with_context(|| format!("could not read {}", path.display()))?
                        .trim_end_matches(['\r', '\n'])
                        .to_owned(),
                ),
                None => None,
            };
            let (hash, made) = secrets.password(given.as_deref())?;
            return Ok((tls::self_signed(secrets.folder())?, hash, made));
        };
        let pair = cluster.tls_pair(namespace).await?;
        let tls = tls::read(&pair.cert, &pair.key)
            .context("the certificate in the secret kotsadm-tls cannot be used")?;
        Ok((tls, cluster.password_hash(namespace).await?, None))
    }
}
