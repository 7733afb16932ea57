//! Container registries: where images go, and getting them there.
//!
//! * [`Destination`] and [`Endpoint`] are names: where in a registry an image of a bundle goes.
//! * [`client`] speaks the distribution API (OCI distribution specification 1.1) to one registry, and knows which faults
//!   pass.
//! * [`push`](mod@push) brings images into a registry: it asks what is there, sends what is missing in the order in
//!   which a source can give it, and puts the manifests last. Running it again is always the right recovery.
//! * [`aws`] turns AWS keys into a password of ECR.
//!
//! Deliberately absent: flags, clusters, terminals; pulling images; anything that changes an image.

pub mod aws;
pub mod client;
mod digest;
mod endpoint;
mod name;
pub mod push;
mod reference;

pub use client::{Client, ClientError, Credentials, Fault, Tls};
pub use digest::Digest;
pub use endpoint::{Endpoint, EndpointError, Scheme};
pub use name::{
    ArchivePathError, Destination, artifact_destination, of_archive_path, sanitize_repository,
    sanitize_tag,
};
pub use push::{Pushed, push};
pub use reference::{Reference, ReferenceError, Version};
