//! How an application is installed into a cluster: the settings of `kubernetes/install`.

use crate::flow::Step;
use crate::http::types::{InstallationConfig, InstallationConfigBody};
use crate::refusal::Refusal;
use crate::runner::{self, End};
use crate::site::{Shared, Site};
use crate::store::StoreError;
use crate::surroundings::Proxy;

/// The name of the settings in the store.
const SETTINGS: &str = "installation";
/// The port of the admin console while none is said.
const ADMIN_CONSOLE_PORT: i64 = 30_000;

/// What was said, what applies otherwise, and what follows.
pub(crate) async fn view(site: &Site) -> Result<InstallationConfigBody, StoreError> {
    let values = site.store.get(SETTINGS).await?.unwrap_or_default();
    let defaults = defaults(Proxy::of_process());
    let resolved = resolved(&values, &defaults);
    Ok(InstallationConfigBody { values, defaults, resolved })
}

/// Takes settings and begins the step. Once the run is past it, the settings that are kept change
/// nothing: a browser that comes to a run at work sends those.
pub(crate) async fn configure(
    site: &Shared,
    given: InstallationConfig,
    retry: bool,
) -> Result<(), Refusal> {
    let state = site.store.state().await?;
    if site.flow.is_past(state, Step::Installation)
        && site.store.get(SETTINGS).await? == Some(given.clone())
    {
        return Ok(());
    }
    let held = runner::acquire(site).await?;
    let running = Step::Installation.running(site.flow);
    if !site.flow.allows(held.state, running, retry) {
        return Err(Refusal::transition(held.state, running));
    }
    let resolved = resolved(&given, &defaults(Proxy::of_process()));
    let problems = problems(&resolved, site.settings.manager_port);
    if !problems.is_empty() {
        return Err(Refusal::fields(problems));
    }
    site.store.put(SETTINGS, &given).await?;
    site.set_proxy(proxy(resolved));
    runner::launch(site, held, Step::Installation).await
}

/// Uses the settings that are kept, when there are any.
pub(crate) async fn resume(site: &Site) -> Result<(), StoreError> {
    if let Some(given) = site.store.get(SETTINGS).await? {
        site.set_proxy(proxy(resolved(&given, &defaults(Proxy::of_process()))));
    }
    Ok(())
}

fn proxy(resolved: InstallationConfig) -> Proxy {
    Proxy { http: resolved.http_proxy, https: resolved.https_proxy, none: resolved.no_proxy }
}

/// The settings are all there is to it: the cluster is there already.
pub(crate) fn work() -> End {
    End::Succeeded
}

fn defaults(proxy: Proxy) -> InstallationConfig {
    InstallationConfig {
        admin_console_port: ADMIN_CONSOLE_PORT,
        http_proxy: proxy.http,
        https_proxy: proxy.https,
        no_proxy: proxy.none,
    }
}

fn resolved(given: &InstallationConfig, defaults: &InstallationConfig) -> InstallationConfig {
    let text = |given: &str, default: &str| {
        if given.is_empty() { default.to_owned() } else { given.to_owned() }
    };
    InstallationConfig {
        admin_console_port: match given.admin_console_port {
            0 => defaults.admin_console_port,
            port => port,
        },
        http_proxy: text(&given.http_proxy, &defaults.http_proxy),
        https_proxy: text(&given.https_proxy, &defaults.https_proxy),
        no_proxy: text(&given.no_proxy, &defaults.no_proxy),
    }
}

fn problems(settings: &InstallationConfig, manager_port: u16) -> Vec<(String, String)> {
    let field = "adminConsolePort";
    let words = match u16::try_from(settings.admin_console_port) {
        Ok(0) => "adminConsolePort is required",
        Ok(port) if port == manager_port => {
            "adminConsolePort cannot be the same as the manager port"
        }
        Ok(_) => return Vec::new(),
        Err(_) => "adminConsolePort must be a port from 1 to 65535",
    };
    vec![(field.to_owned(), words.to_owned())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(port: i64) -> String {
        let given = InstallationConfig { admin_console_port: port, ..Default::default() };
        let proxy = Proxy { https: "http://proxy".to_owned(), ..Proxy::default() };
        let resolved = resolved(&given, &defaults(proxy));
        assert_eq!(resolved.https_proxy, "http://proxy");
        match problems(&resolved, 30_080).first() {
            Some((field, words)) => format!("{field}: {words}"),
            None => resolved.admin_console_port.to_string(),
        }
    }

    #[test]
    fn the_port_is_checked() {
        insta::assert_snapshot!([0, 8800, 30_080, -1, 65_536].map(check).join("\n"), @r"
        30000
        8800
        adminConsolePort: adminConsolePort cannot be the same as the manager port
        adminConsolePort: adminConsolePort must be a port from 1 to 65535
        adminConsolePort: adminConsolePort must be a port from 1 to 65535
        ");
    }
}
