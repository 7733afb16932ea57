//! The images of a bundle: `kots admin-console push-images` brings them to the cluster's registry.

use std::ffi::OsString;

use secrecy::ExposeSecret as _;
use tokio_util::sync::CancellationToken;

use crate::flow::Step;
use crate::kots::Invocation;
use crate::kots::child;
use crate::refusal::chain;
use crate::runner::End;
use crate::site::Site;

/// Pushes the images.
pub(crate) async fn work(site: &Site, cancel: &CancellationToken) -> Result<End, String> {
    let Some(bundle) = &site.settings.airgap_bundle else { return Ok(End::Succeeded) };
    let Some(registry) = &site.registry else {
        if site.settings.embedded.is_some() {
            let line = "no registry: images stay in the bundle".to_owned();
            site.store.log(Step::Airgap, &[line]).await.map_err(|error| chain(&error))?;
            return Ok(End::Succeeded);
        }
        return Err("registry settings are required for airgap installations".to_owned());
    };
    let mut args: Vec<OsString> = vec!["admin-console".into(), "push-images".into()];
    args.push(bundle.into());
    args.push(registry.address().into());
    args.extend(["--registry-username".into(), OsString::from(&registry.username)]);
    let mut invocation = Invocation::new(site, args);
    // Not in argv, as in the original: everybody on the machine may read that.
    invocation.set("KOTS_REGISTRY_PASSWORD", registry.password.expose_secret());
    let ended =
        child::run(site, Step::Airgap, &invocation, cancel, &|line| line.to_owned()).await?;
    match ended.code {
        Some(0) => Ok(End::Succeeded),
        _ => Err(format!("push images: {}", ended.why())),
    }
}
