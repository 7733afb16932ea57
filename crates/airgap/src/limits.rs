//! How much of a hostile archive is read before it is refused.

/// Caps on one gzip-compressed tar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// Files, and separately folders (also those only implied by a file's name). Bounds the memory of the check for
    /// duplicates: about 20 bytes each.
    pub entries: u64,
    /// Bytes of one file.
    pub entry_size: u64,
    /// Bytes of the whole tar after decompression.
    pub total_size: u64,
    /// Decompressed bytes per compressed byte. Not looked at below [`ArchiveLimits::RATIO_FROM`] decompressed bytes:
    /// small archives of YAML compress very well, and do no harm.
    pub ratio: u64,
}

impl ArchiveLimits {
    /// Decompressed bytes from which [`ArchiveLimits::ratio`] counts.
    pub const RATIO_FROM: u64 = 64 << 20;
}

/// Caps on a bundle and on the release inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The bundle itself; only what is decompressed counts.
    pub bundle: ArchiveLimits,
    /// `app.tar.gz`, or a release downloaded from the vendor.
    pub app: ArchiveLimits,
    /// Bytes of `airgap.yaml`.
    pub airgap_yaml: u64,
    /// Bytes of all manifests of images together.
    pub manifests: u64,
    /// Bytes that [`crate::release::read`] holds in memory.
    pub in_memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bundle: ArchiveLimits {
                entries: 200_000,
                entry_size: 256 << 30,
                total_size: 1 << 40,
                ratio: 200,
            },
            app: ArchiveLimits {
                entries: 50_000,
                entry_size: 16 << 30,
                total_size: 64 << 30,
                ratio: 200,
            },
            airgap_yaml: 4 << 20,
            manifests: 16 << 20,
            in_memory: 256 << 20,
        }
    }
}
