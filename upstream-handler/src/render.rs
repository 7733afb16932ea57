//! Turns a release's files into what is deployed: one stage a file.
//!
//! ```text
//! sources     which files hold YAML, which documents they hold before rendering
//! documents   one rendered file, cut into documents that are told apart
//! layer       documents that are deployed → base/
//! charts      HelmChart kinds and packed charts → base/charts/ and helm/
//! images      which images there are, by which names they are pulled
//! overlays    what is put over base/ → overlays/
//! rendered    base and overlays → rendered/<downstream>/
//! ```
//!
//! What the stages share: `object` (identity, order), `image` (references), `stamp` (labels, annotations),
//! `strategic` (merge patches), `pull_secrets`, `programs` (`helm`, `kustomize`).
//!
//! A document that cannot be rendered is an error that names file and kind; a rendered document that
//! is not YAML is kept aside and recorded, as in the original. Nothing is dropped without a word.
//!
//! Deliberately absent: writing the database, deciding a version's status.

pub(crate) mod charts;
pub(crate) mod documents;
pub(crate) mod image;
pub(crate) mod images;
pub(crate) mod layer;
pub(crate) mod object;
pub(crate) mod overlays;
pub(crate) mod programs;
pub(crate) mod pull_secrets;
pub(crate) mod rendered;
pub(crate) mod sources;
pub(crate) mod stamp;
pub(crate) mod strategic;
