//! Turns a release's files into what is deployed: one stage a file.
//!
//! ```text
//! sources    which files hold YAML, which documents they hold before rendering
//! documents  one rendered file, cut into documents that are told apart
//! manifests  documents that are deployed → base/ and rendered/
//! charts     HelmChart kinds and packed charts → helm/
//! ```
//!
//! A document that cannot be rendered is an error that names file and kind; a rendered document that
//! is not YAML is kept aside and recorded, as in the original. Nothing is dropped without a word.
//!
//! Deliberately absent: writing the database, deciding a version's status, images, labels and
//! overlays (the stages `images` and `overlays` come between `manifests` and `rendered/`).

pub(crate) mod charts;
pub(crate) mod documents;
pub(crate) mod manifests;
pub(crate) mod sources;
