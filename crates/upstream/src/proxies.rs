//! Proxies that are named, instead of those of the environment.

use std::fmt;

use reqwest::{ClientBuilder, NoProxy, Proxy};

/// Proxies on the way to the vendor. Their addresses may hold passwords, so that they are not shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// The one for HTTP; empty for none.
    pub http: String,
    /// The one for HTTPS; empty for none.
    pub https: String,
    /// The hosts that need none, as `NO_PROXY` lists them.
    pub none: String,
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxies").finish_non_exhaustive()
    }
}

impl Proxies {
    /// Makes a client go through them. The environment's then count no more.
    ///
    /// # Errors
    ///
    /// An address is none.
    pub fn apply(&self, builder: ClientBuilder) -> Result<ClientBuilder, reqwest::Error> {
        let none = NoProxy::from_string(&self.none);
        let mut builder = builder.no_proxy();
        if !self.http.is_empty() {
            builder = builder.proxy(Proxy::http(&self.http)?.no_proxy(none.clone()));
        }
        if !self.https.is_empty() {
            builder = builder.proxy(Proxy::https(&self.https)?.no_proxy(none));
        }
        Ok(builder)
    }
}
