//! `--embedded DIR`: our kotsadm in this process, with its state in a folder and a directory as target.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use steps::Failure;

use crate::deploy::args::ImageArgs;

#[cfg(feature = "embedded")]
pub use linked::{Embedded, start};
#[cfg(not(feature = "embedded"))]
pub use missing::{Embedded, start};

#[cfg(feature = "embedded")]
mod linked {
    use upstream_handler::serve::{RegistryAccess, Running, ServeOptions, TargetSpec, serve};
    use upstream_handler::target::ClusterOptions;

    use super::{Failure, ImageArgs, Path, PathBuf, SecretString};

    /// The namespace that an embedded console deploys to.
    const NAMESPACE: &str = "default";

    /// A server in this process.
    #[derive(Debug)]
    pub struct Embedded(Running);

    /// Starts the server on a free loopback port; it speaks to image registries as `images` says.
    ///
    /// # Errors
    ///
    /// A failure that says why it cannot run in `dir`.
    pub async fn start(
        dir: &Path,
        license_root_keys: &[PathBuf],
        images: &ImageArgs,
    ) -> Result<Embedded, Failure> {
        let options = ServeOptions {
            listen: ([127, 0, 0, 1], 0).into(),
            state: dir.to_owned(),
            target: TargetSpec::Directory(dir.join("deployed")),
            cluster: ClusterOptions::default(),
            auth_string_file: None,
            release_endpoint: None,
            license_root_keys: license_root_keys.to_vec(),
            namespace: NAMESPACE.to_owned(),
            registry_access: RegistryAccess {
                authority: images.ca.clone(),
                plain_http: images.plain_http,
                accept_any: images.insecure_skip_tls_verify,
            },
        };
        serve(options).await.map(Embedded).map_err(|error| {
            let inner = Failure::from_error("failed", &error);
            let mut failure = Failure::new("failed", "the embedded admin console does not start")
                .because(inner.what)
                .next(format!(
                    "check `{}`: it must be a folder of this user that no other kotsadm uses",
                    dir.display()
                ));
            failure.why.extend(inner.why);
            failure
        })
    }

    impl Embedded {
        /// Its URL and auth string.
        pub fn address(&self) -> (String, SecretString) {
            (format!("http://{}", self.0.addr), self.0.auth_string.clone())
        }

        /// Stops it; what it was doing is taken up at its next start.
        pub async fn stop(self) {
            self.0.shutdown().await;
        }
    }
}

#[cfg(not(feature = "embedded"))]
mod missing {
    use super::{Failure, ImageArgs, Path, PathBuf, SecretString};

    /// Never made: this program was built without it.
    #[derive(Debug)]
    pub enum Embedded {}

    /// Says that there is none.
    ///
    /// # Errors
    ///
    /// Always.
    pub async fn start(_: &Path, _: &[PathBuf], _: &ImageArgs) -> Result<Embedded, Failure> {
        Err(Failure::new("rejected", "this kots was built without the feature `embedded`")
            .next("pass --kotsadm-url, or reach a cluster"))
    }

    impl Embedded {
        /// Its URL and auth string.
        pub fn address(&self) -> (String, SecretString) {
            match *self {}
        }

        /// Stops it.
        #[expect(clippy::unused_async, reason = "the other build waits")]
        pub async fn stop(self) {
            match self {}
        }
    }
}
