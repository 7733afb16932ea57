//! What a build needs beside the release's files.

use kinds::cipher::Cipher;
use kinds::config::{ConfigValues, Generated};
use kinds::installation::Installation;
use kinds::license::VerifiedLicense;

/// Everything beside the vendor's files that a version is made from.
#[derive(Debug)]
pub struct Input<'a> {
    /// The application's name in URLs.
    pub app_slug: &'a str,
    /// Namespace the application is deployed to.
    pub namespace: &'a str,
    /// Whether the installation has no way to the vendor.
    pub is_airgap: bool,
    /// The number the version gets in this installation.
    pub sequence: i64,
    /// The licence as it was verified; its raw text is stored in the tree.
    pub license: &'a VerifiedLicense,
    /// Which release this is: cursor, channel, label, required, notes, dates, domains.
    pub installation: &'a Installation,
    /// Stored values of the version before, or the operator's: passwords are cipher text or
    /// `valuePlaintext`.
    pub values: &'a ConfigValues,
    /// What templates of the Config made up for the version before; empty for the first one.
    pub generated: &'a Generated,
    /// Reads and writes passwords.
    pub cipher: &'a Cipher,
    /// Whether the operator wants preflights.
    pub preflights: Preflights,
    /// What `Now` answers.
    pub now: jiff::Timestamp,
}

/// Whether the operator wants preflights. Strict ones run all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preflights {
    /// They run before the version may be deployed.
    Run,
    /// They are passed over unless an analyzer is strict.
    Skip,
}
