//! Addresses of the protocol. Pure.

use url::Url;

use crate::error::UpstreamError;

/// Where to ask: an endpoint that was checked, and the application.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    endpoint: Url,
    app_slug: String,
}

impl Target {
    /// # Errors
    ///
    /// The endpoint is not http(s) with a host, or carries a user; the name is empty.
    pub(crate) fn new(endpoint: Url, app_slug: &str) -> Result<Self, UpstreamError> {
        let refuse = |reason| {
            // The password of a refused address must not be shown.
            let mut shown = endpoint.clone();
            let _ = shown.set_password(None);
            Err(UpstreamError::Endpoint { endpoint: shown.to_string(), reason })
        };
        if !matches!(endpoint.scheme(), "http" | "https") {
            return refuse("only http and https are allowed");
        }
        if endpoint.host_str().is_none_or(str::is_empty) {
            return refuse("it has no host");
        }
        if !endpoint.username().is_empty() || endpoint.password().is_some() {
            return refuse("it carries a user, the licence identifies the caller");
        }
        if app_slug.is_empty() || app_slug == "." || app_slug == ".." {
            return refuse("the application's slug is empty");
        }
        Ok(Self { endpoint, app_slug: app_slug.to_owned() })
    }

    /// Host and port, for messages.
    pub(crate) fn host(&self) -> String {
        let host = self.endpoint.host_str().unwrap_or_default();
        match self.endpoint.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// Returns `<endpoint>/<segments>?<query>`.
    pub(crate) fn at(&self, segments: &[&str], query: &[(&str, String)]) -> Url {
        let mut url = self.endpoint.clone();
        url.set_fragment(None);
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url.query_pairs_mut().clear().extend_pairs(query);
        url
    }

    /// Returns `<endpoint>/<first>/<slug>[/<last>]?<query>`; empty values of `query` are sent.
    pub(crate) fn url(&self, first: &str, last: Option<&str>, query: &[(&str, String)]) -> Url {
        let mut url = self.endpoint.clone();
        url.set_fragment(None);
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend([first, &self.app_slug]).extend(last);
        }
        url.query_pairs_mut().clear().extend_pairs(query);
        if query.is_empty() {
            url.set_query(None);
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(endpoint: &str, slug: &str, last: Option<&str>, query: &[(&str, String)]) -> String {
        match Target::new(endpoint.parse().expect("a URL"), slug) {
            Ok(target) => target.url("release", last, query).to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn keeps_the_path_of_the_endpoint() {
        assert_eq!(check("https://a.b", "shop", None, &[]), "https://a.b/release/shop");
        assert_eq!(
            check(
                "https://a.b/mirror/",
                "shop",
                Some("pending"),
                &[("channelSequence", String::new())]
            ),
            "https://a.b/mirror/release/shop/pending?channelSequence="
        );
    }

    #[test]
    fn names_cannot_leave_their_segment() {
        assert_eq!(
            check("https://a.b", "shop/../x?y", Some("a/b"), &[("q", "1&2".to_owned())]),
            "https://a.b/release/shop%2F..%2Fx%3Fy/a%2Fb?q=1%262"
        );
    }

    #[test]
    fn refuses_what_cannot_be_asked() {
        assert_eq!(
            check("ftp://a.b", "shop", None, &[]),
            "the upstream endpoint `ftp://a.b/` cannot be used: only http and https are allowed"
        );
        assert_eq!(
            check("https://u:secret@a.b", "shop", None, &[]),
            "the upstream endpoint `https://u@a.b/` cannot be used: it carries a user, the licence identifies the caller"
        );
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]

        /// Whatever a name holds, it stays one segment of the path, or is refused.
        #[test]
        fn any_name_is_one_segment(slug in "\\PC{0,20}") {
            let endpoint = "https://a.b/mirror".parse().expect("a URL");
            if let Ok(target) = Target::new(endpoint, &slug) {
                let url = target.url("release", Some("pending"), &[("q", slug.clone())]);
                let segments: Vec<_> = url.path_segments().expect("a path").collect();
                proptest::prop_assert_eq!(segments.len(), 4, "{}", url);
                proptest::prop_assert_eq!((segments[1], segments[3]), ("release", "pending"));
            }
        }
    }
}
