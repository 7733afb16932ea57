//! Who asks, and what they may see.

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::folder::{App, Channel};
use super::reply::Refusal;

/// A caller that showed the ID of a licence.
pub(super) struct Caller {
    /// The licence's text, as in the folder.
    pub(super) text: String,
    channel_ids: Vec<String>,
}

impl Caller {
    /// Finds the licence whose ID the request carries as user and password.
    ///
    /// Every licence is compared, each in constant time, so that the time of an answer tells
    /// nothing about an ID.
    pub(super) fn identify(app: &App, headers: &HeaderMap) -> Result<Self, Refusal> {
        let shown = credentials(headers)?;
        let (licenses, bad) = app.licenses()?;
        let mut found = None;
        for license in licenses {
            if is_same(&license.id, &shown) {
                found = Some(license);
            }
        }
        match (found, bad.into_iter().next()) {
            (Some(license), _) => Ok(Self { text: license.text, channel_ids: license.channel_ids }),
            (None, Some(error)) => Err(error.into()),
            (None, None) => Err(Refusal::Unauthorized(format!(
                "no licence of `{}` has the ID that was sent",
                app.slug
            ))),
        }
    }

    /// Finds the channel that is asked for by id, else by slug, else the licence's default one.
    pub(super) fn channel(
        &self,
        app: &App,
        id: &str,
        slug: Option<&str>,
    ) -> Result<Channel, Refusal> {
        let channels = app.channels()?;
        let found = if !id.is_empty() {
            channels.into_iter().find(|it| it.id == id)
        } else if let Some(slug) = slug {
            channels.into_iter().find(|it| it.slug == slug)
        } else {
            let default = self.channel_ids.first();
            channels.into_iter().find(|it| Some(&it.id) == default)
        };
        let asked = if id.is_empty() { slug.unwrap_or("of the licence") } else { id };
        // A channel that exists and one that does not get the same answer: names of channels a
        // licence does not list are not the caller's business.
        match found {
            Some(channel) if self.channel_ids.contains(&channel.id) => Ok(channel),
            _ => Err(Refusal::Forbidden(format!(
                "the licence does not list the channel `{asked}` of `{}`",
                app.slug
            ))),
        }
    }
}

/// Returns the user of a Basic authorization whose password is the same.
fn credentials(headers: &HeaderMap) -> Result<String, Refusal> {
    let refuse = |what: &str| Refusal::Unauthorized(what.to_owned());
    let value = headers.get(header::AUTHORIZATION).ok_or_else(|| {
        refuse("the request carries no authorization; send the licence ID as user and password")
    })?;
    let pair = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, encoded)| STANDARD.decode(encoded.trim()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| refuse("the authorization is not Basic with a user and a password"))?;
    match pair.split_once(':') {
        Some((user, password)) if is_same(user, password) => Ok(user.to_owned()),
        _ => Err(refuse("user and password must both be the licence ID")),
    }
}

/// Compares in a time that depends on the lengths only.
fn is_same(a: &str, b: &str) -> bool {
    let (a, b) = (Sha256::digest(a), Sha256::digest(b));
    a.iter().zip(b.iter()).fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
}
