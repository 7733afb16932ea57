//! The roads into a cluster: a port-forward to the kotsadm pod, and the API server's proxy.
//!
//! Every exchange has a tunnel of its own: no local port is opened, one wedged exchange does not
//! hold up another, and a lost one is replaced by the next exchange, to whichever pod is kotsadm
//! then.
//!
//! Deliberately absent: sending a request again. Only what happens before the first byte of a
//! request is repeated here (looking for the pod, making the tunnel), and that at most once.

mod auto;
mod frame;
mod life;
mod port_forward;
mod proxy;
mod stream;
mod target;

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use thiserror::Error;

use crate::cluster::Cluster;
use crate::transport::Transport;

pub use frame::FrameError;
pub use stream::TunnelError;

/// Which road to take (`--transport`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Road {
    /// Begin with the port-forward and change to the proxy when it does not work.
    #[default]
    Auto,
    /// `pods/portforward`, over a WebSocket.
    PortForward,
    /// `pods/proxy`, over HTTP/1.1.
    Proxy,
}

/// Called with a sentence for the user when the road changes.
pub type Notice = Arc<dyn Fn(&str) + Send + Sync>;

/// How long things on the way may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// One look for a ready pod, before one exchange.
    pub pod: Duration,
    /// Making one tunnel.
    pub tunnel: Duration,
    /// Between two pings.
    pub ping: Duration,
    /// A tunnel without a sign of life for this long, in either direction, is given up.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            // The original waits this long for a ready pod before it gives up.
            pod: Duration::from_secs(5),
            tunnel: Duration::from_secs(15),
            ping: Duration::from_secs(20),
            silence: Duration::from_secs(90),
        }
    }
}

/// Why no road can be built.
#[derive(Debug, Error)]
pub enum RoadError {
    /// The auth string cannot be a header value.
    #[error("the auth string holds characters that no header may carry")]
    AuthString,
    /// The auth string cannot be a cookie value, which the proxy needs.
    #[error(
        "the auth string holds characters that no cookie may carry, so only `--transport \
         port-forward` can be used"
    )]
    AuthCookie,
}

/// Builds the road to kotsadm in `cluster`. Nothing is sent yet.
///
/// # Errors
///
/// Returns [`RoadError`] when the auth string does not fit the road.
pub fn open(
    road: Road,
    cluster: Cluster,
    auth: &SecretString,
    patience: Patience,
    notice: Notice,
) -> Result<Arc<dyn Transport>, RoadError> {
    let target = Arc::new(target::Target::new(cluster, patience));
    Ok(match road {
        Road::PortForward => Arc::new(port_forward::PortForward::new(target, auth)?),
        Road::Proxy => Arc::new(proxy::Proxy::new(target, auth)?),
        Road::Auto => Arc::new(auto::Auto::new(
            port_forward::PortForward::new(Arc::clone(&target), auth)?,
            proxy::Proxy::new(target, auth)?,
            notice,
        )),
    })
}
