//! A run that a browser leads: the manager listens until the end was seen.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use super::{INTERRUPTED, SUCCEEDED};
use crate::cli::signals::{Signals, after_ctrl_c};
use crate::cli::{say, say_error};
use crate::flow::{Mode, State};
use crate::http;
use crate::prepare::Prepared;
use crate::site::Site;

/// How long the server goes on after the end was seen, so that a client gets its last answers.
const LINGER: Duration = Duration::from_secs(5);
/// How long nobody asks once the wizard is closed. An open page asks every 10 s, and one that is out of
/// sight once a minute; without an answer it says that the installer cannot be reached, over the success.
const PAGE_CLOSED: Duration = Duration::from_mins(3);

/// Listens, says where, and ends once the end was seen or somebody stops it.
pub(super) async fn serve(prepared: &Prepared, signals: &mut Signals) -> anyhow::Result<u8> {
    let site = &prepared.site;
    let port = site.settings.manager_port;
    let router = http::router(site);
    let listening = http::listen(port, Arc::clone(&prepared.tls.config), router, site.stop.clone())
        .await
        .with_context(|| {
            format!("could not listen on port {port} (another one: --manager-port)")
        })?;
    if let Some(password) = &prepared.password {
        say(&format!("Password of the manager (shown only now): {password}\n"));
    }
    let host = prepared.tls.hostname.clone().unwrap_or_else(public_host);
    let what = match site.flow.mode {
        Mode::Install => "continue",
        Mode::Upgrade => "continue the upgrade",
    };
    if host == UNKNOWN_HOST {
        say_error(&format!(
            "this machine's public address is not known: put it where {UNKNOWN_HOST} stands, or set EC_PUBLIC_ADDRESS\n"
        ));
    }
    let (title, port) = (&site.release.title, listening.addr.port());
    say(&format!("\nVisit the {title} manager to {what}: https://{host}:{port}\n"));
    let is_done = tokio::select! {
        () = site.shown.cancelled() => {
            tokio::select! {
                () = linger(site) => {}
                () = signals.raised() => {}
            }
            true
        }
        () = signals.raised() => false,
    };
    let state = site.store.state().await?;
    site.stop.cancel();
    listening.ended().await;
    site.store.close().await;
    let label = &site.release.version_label;
    if is_done || state == State::Succeeded {
        say(&format!("{} {label} is done\n", site.release.app_slug));
        return Ok(SUCCEEDED);
    }
    after_ctrl_c();
    say_error(&format!("Error: stopped in {state}; run the same command again to go on\n"));
    Ok(INTERRUPTED)
}

/// Goes on after the end was seen, for as long as that is of use.
async fn linger(site: &Site) {
    if site.web.is_none() {
        return tokio::time::sleep(LINGER).await;
    }
    let (app, label) = (&site.release.app_slug, &site.release.version_label);
    say(&format!(
        "{app} {label} is done. This ends when the page is closed; Ctrl-C ends it now.\n"
    ));
    while let Some(left) = PAGE_CLOSED.checked_sub(site.asked.quiet()).filter(|it| !it.is_zero()) {
        tokio::time::sleep(left).await;
    }
}

/// What stands where nobody knows the machine's address.
const UNKNOWN_HOST: &str = "<node-ip>";

/// Where a browser finds this machine: what the operator says, else a name to be filled in.
fn public_host() -> String {
    std::env::var("EC_PUBLIC_ADDRESS")
        .ok()
        .filter(|it| !it.is_empty())
        .unwrap_or_else(|| UNKNOWN_HOST.to_owned())
}
