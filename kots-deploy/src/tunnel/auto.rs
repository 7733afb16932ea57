//! `--transport auto`: the port-forward first, because its permission is the one the original
//! needs; the proxy when the tunnel cannot be made or was lost twice. Every change is told. Routes
//! that the proxy cannot carry go through port-forwards always.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::Notice;
use super::port_forward::{DialError, PortForward};
use super::proxy::{Proxy, needs_header};
use crate::cluster::error_chain;
use crate::transport::{Body, Stage, Transport, TransportError};

/// So many tunnels may be lost before the proxy is tried.
const LOSSES: u32 = 2;

/// Chooses between the two roads.
pub(super) struct Auto {
    port_forward: PortForward,
    proxy: Proxy,
    notice: Notice,
    choice: Mutex<Choice>,
}

/// What has been learnt about the roads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Choice {
    road: Taken,
    lost: u32,
    proxy_closed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    PortForward,
    Proxy,
}

impl Choice {
    const START: Self = Self { road: Taken::PortForward, lost: 0, proxy_closed: false };

    /// No tunnel could be made although pod and API server are there.
    fn no_tunnel(&mut self) -> bool {
        self.change_to_proxy()
    }

    /// A tunnel broke during an exchange.
    fn lost(&mut self) -> bool {
        self.lost = self.lost.saturating_add(1);
        self.lost >= LOSSES && self.change_to_proxy()
    }

    /// The API server does not let us use its proxy.
    fn proxy_denied(&mut self) -> bool {
        let change = self.road == Taken::Proxy;
        self.proxy_closed = true;
        self.road = Taken::PortForward;
        change
    }

    fn change_to_proxy(&mut self) -> bool {
        let change = self.road == Taken::PortForward && !self.proxy_closed;
        if change {
            self.road = Taken::Proxy;
        }
        change
    }
}

impl Auto {
    pub(super) fn new(port_forward: PortForward, proxy: Proxy, notice: Notice) -> Self {
        Self { port_forward, proxy, notice, choice: Mutex::new(Choice::START) }
    }

    fn road(&self) -> Taken {
        self.choice.lock().unwrap_or_else(PoisonError::into_inner).road
    }

    /// Applies a rule and tells the user when the road changed.
    fn learn(&self, rule: fn(&mut Choice) -> bool, notice: impl FnOnce() -> String) -> bool {
        let changed = rule(&mut self.choice.lock().unwrap_or_else(PoisonError::into_inner));
        if changed {
            (self.notice)(&notice());
        }
        changed
    }

    /// Takes the proxy in place of a tunnel that could not be made. When neither is allowed, waiting
    /// helps nobody.
    async fn proxy_after(
        &self,
        no_tunnel: TransportError,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, TransportError> {
        match self.through_proxy(request).await {
            // Being back on port-forwards means that the proxy is closed to us.
            Err(error) if no_tunnel.stage == Stage::Denied && self.road() == Taken::PortForward => {
                let both = format!("{}; {}", error_chain(&no_tunnel), error_chain(&error));
                let what = "no way to the kotsadm pod is allowed";
                Err(TransportError::new(Stage::Denied, what, Some(both.into())))
            }
            result => result,
        }
    }

    async fn through_proxy(
        &self,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, TransportError> {
        let error = match self.proxy.send(request).await {
            Err(error) if error.stage == Stage::Denied => error,
            result => return result,
        };
        // Before a byte of the request reached kotsadm; the caller may send it again at once.
        let changed = self.learn(Choice::proxy_denied, || {
            format!("{}; going back to port-forwards", error_chain(&error))
        });
        Err(if changed { TransportError { stage: Stage::Connect, ..error } } else { error })
    }
}

#[async_trait]
impl Transport for Auto {
    async fn send(
        &self,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, TransportError> {
        let proxy_possible = !needs_header(request.uri().path());
        if self.road() == Taken::Proxy && proxy_possible {
            return self.through_proxy(request).await;
        }
        let dialled = match self.port_forward.dial().await {
            Ok(dialled) => dialled,
            Err(DialError::NoTunnel(error)) if proxy_possible => {
                let changed = self.learn(Choice::no_tunnel, || {
                    format!("{}; using the API server's proxy instead", error_chain(&error))
                });
                if !changed && self.road() == Taken::PortForward {
                    return Err(error);
                }
                return self.proxy_after(error, request).await;
            }
            Err(DialError::Nobody(error) | DialError::NoTunnel(error)) => return Err(error),
        };
        self.port_forward.exchange(dialled, request).await.map_err(|failed| {
            if failed.lost {
                self.learn(Choice::lost, || {
                    format!(
                        "the port-forward was lost {LOSSES} times, last: {}; using the API \
                         server's proxy instead",
                        error_chain(&failed.error)
                    )
                });
            }
            failed.error
        })
    }

    fn describe(&self) -> String {
        match self.road() {
            Taken::PortForward => self.port_forward.describe(),
            Taken::Proxy => self.proxy.describe(),
        }
    }
}

impl fmt::Debug for Auto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auto")
            .field("port_forward", &self.port_forward)
            .field("choice", &self.choice)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays events: `t` no tunnel, `l` lost, `d` proxy denied. A capital letter in the result is
    /// the road after a change.
    fn check(events: &str) -> String {
        let mut choice = Choice::START;
        let mut story = String::new();
        for event in events.chars() {
            let changed = match event {
                't' => choice.no_tunnel(),
                'l' => choice.lost(),
                _ => choice.proxy_denied(),
            };
            let letter = match choice.road {
                Taken::PortForward => 'f',
                Taken::Proxy => 'p',
            };
            story.push(if changed { letter.to_ascii_uppercase() } else { letter });
        }
        story
    }

    #[test]
    fn roads() {
        assert_eq!(check("t"), "P");
        assert_eq!(check("ll"), "fP");
        assert_eq!(check("lt"), "fP");
        assert_eq!(check("td"), "PF");
        assert_eq!(check("tdtll"), "PFfff", "a closed proxy is not tried again");
        assert_eq!(check("d"), "f");
    }
}
