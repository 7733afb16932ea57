//! The pod at the end of the road: found when it is first needed, forgotten when it fails.

use std::sync::{Mutex, PoisonError};

use super::Patience;
use crate::cluster::Cluster;
use crate::transport::{Stage, TransportError};

/// kotsadm in a cluster, as the roads see it.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) cluster: Cluster,
    pub(super) patience: Patience,
    pod: Mutex<Option<String>>,
}

/// Where a pod name came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// It served an earlier exchange and may be gone.
    Known,
    /// It was ready a moment ago.
    Fresh,
}

impl Target {
    pub(super) fn new(cluster: Cluster, patience: Patience) -> Self {
        Self { cluster, patience, pod: Mutex::new(None) }
    }

    /// Returns the pod, looking for one when none is known.
    pub(super) async fn pod(&self) -> Result<(String, Freshness), TransportError> {
        if let Some(pod) = self.known() {
            return Ok((pod, Freshness::Known));
        }
        let pod = self.cluster.find_pod(self.patience.pod).await.map_err(|error| {
            let stage = if error.is_final() { Stage::Denied } else { Stage::Connect };
            let what = format!("no way to kotsadm in namespace `{}`", self.cluster.namespace());
            TransportError::new(stage, what, Some(Box::new(error)))
        })?;
        *self.pod.lock().unwrap_or_else(PoisonError::into_inner) = Some(pod.clone());
        Ok((pod, Freshness::Fresh))
    }

    /// Makes the next exchange look for the pod again, unless another exchange has already found
    /// another one.
    pub(super) fn forget(&self, pod: &str) {
        let mut known = self.pod.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_deref() == Some(pod) {
            *known = None;
        }
    }

    pub(super) fn known(&self) -> Option<String> {
        self.pod.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Names the pod for messages.
    pub(super) fn label(&self) -> String {
        match self.known() {
            Some(pod) => format!("pod {}/{pod}", self.cluster.namespace()),
            None => format!("the kotsadm pod in namespace {}", self.cluster.namespace()),
        }
    }
}
