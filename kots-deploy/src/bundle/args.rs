//! What `kots airgap` was asked for.

use std::path::PathBuf;

use airgap::make::Layout;

use crate::deploy::args::{ImageArgs, Output, ProgressStyle};

/// One command with how to speak.
#[derive(Debug)]
pub struct BundleArgs {
    /// What to do.
    pub command: BundleCommand,
    /// Text or JSON.
    pub output: Output,
    /// Progress on stderr.
    pub progress: ProgressStyle,
}

/// What to do with bundles.
#[derive(Debug)]
pub enum BundleCommand {
    /// Say what is in one.
    Inspect {
        /// The bundle.
        bundle: PathBuf,
        /// Where what was found is kept; none is the XDG state folder.
        state_dir: Option<PathBuf>,
    },
    /// Read all of one and fail when anything is wrong or missing.
    Verify {
        /// The bundle.
        bundle: PathBuf,
    },
    /// Make one.
    Create {
        /// Its metadata.
        airgap_yaml: PathBuf,
        /// The folder of the release.
        release: PathBuf,
        /// Where the images are.
        images: ImagesFrom,
        /// How images are kept in it.
        layout: Layout,
        /// Where it goes.
        out: PathBuf,
    },
    /// Make the patch from one to the next.
    Diff {
        /// The older bundle.
        old: PathBuf,
        /// The newer one.
        new: PathBuf,
        /// Where the patch goes.
        out: PathBuf,
    },
}

/// Where the images of a new bundle are.
#[derive(Debug)]
pub enum ImagesFrom {
    /// It has none.
    Nowhere,
    /// An OCI layout.
    Folder(PathBuf),
    /// Registries: the one that is named, else those in the images' names.
    Registry(Box<ImageArgs>),
}
