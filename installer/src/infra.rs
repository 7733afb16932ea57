//! What an application needs around it on Kubernetes: an admin console, which must be there.
//!
//! The original installs one. Here the installation is into a cluster that has one, or with
//! `--embedded` the one inside `kots`; the step proves that, and changes nothing.

use crate::flow::Step;
use crate::http::types::{Infra, InfraComponent, Status, StatusState};
use crate::refusal::chain;
use crate::runner::End;
use crate::site::Site;
use crate::store::{StoreError, now_text};

/// The name of the components in the store.
const COMPONENTS: &str = "infra";
const ADMIN_CONSOLE: &str = "Admin Console";

/// The components, the log and the status. The status is read first: once it is an end, so is the rest.
pub(crate) async fn view(site: &Site) -> Result<Infra, StoreError> {
    let status = site.store.status(Step::Infra).await?;
    let logs = site.store.log_text(Step::Infra).await?;
    Ok(Infra { components: site.store.get(COMPONENTS).await?, logs, status })
}

/// Forgets the components.
pub(crate) async fn forget(site: &Site) -> Result<(), StoreError> {
    site.store.drop_document(COMPONENTS).await
}

/// Looks for the admin console.
pub(crate) async fn work(site: &Site) -> Result<End, String> {
    component(site, StatusState::Running, "Installing Admin Console").await?;
    let found = match (&site.settings.embedded, &site.cluster) {
        (Some(folder), _) => {
            Ok(format!("the admin console runs inside kots, its state is in {}", folder.display()))
        }
        (None, Some(cluster)) => match cluster.has_admin_console(&site.settings.namespace).await {
            Ok(true) => Ok(format!("found in the namespace {}", site.settings.namespace)),
            Ok(false) => Err(format!(
                "there is no admin console in the namespace {}: install it, or pass --embedded",
                site.settings.namespace
            )),
            Err(error) => Err(chain(&error)),
        },
        (None, None) => Err("neither a cluster nor --embedded is given".to_owned()),
    };
    let line = match &found {
        Ok(text) | Err(text) => format!("[addons] {text}"),
    };
    site.store.log(Step::Infra, &[line]).await.map_err(|error| chain(&error))?;
    match found {
        Ok(_) => {
            component(site, StatusState::Succeeded, "Installed Admin Console").await?;
            Ok(End::Succeeded)
        }
        Err(why) => {
            component(site, StatusState::Failed, &why).await?;
            Err(why)
        }
    }
}

async fn component(site: &Site, state: StatusState, description: &str) -> Result<(), String> {
    let status = Status { state, description: description.to_owned(), last_updated: now_text() };
    let components = [InfraComponent { name: ADMIN_CONSOLE.to_owned(), status }];
    site.store.put(COMPONENTS, &components).await.map_err(|error| chain(&error))
}
