//! Container registries: where images go, and getting them there.
//!
//! * [`Destination`] and [`Endpoint`] are names: where in a registry an image of a bundle goes.
//! * [`client`] speaks the distribution API (OCI distribution specification 1.1) to one registry, and knows which faults
//!   pass.
//! * [`plan`] turns the index of a bundle into what is to be pushed, and [`BundleSource`] gives the bytes.
//! * [`push`](mod@push) brings images into a registry: it asks what is there, sends what is missing in the order in
//!   which a source can give it, and puts the manifests last. Running it again is always the right recovery.
//! * [`pull`] reads images out of registries, for making a bundle or for pushing them to another.
//! * [`aws`] turns AWS keys into a password of ECR.
//!
//! Deliberately absent: flags, clusters, terminals; anything that changes an image.

pub mod aws;
mod bundle;
pub mod client;
mod endpoint;
mod name;
pub mod pull;
pub mod push;

pub use bundle::{BundleSource, holds_images, plan, plan_with_tag};
pub use client::{Client, ClientError, Credentials, Fault, Tls};
pub use endpoint::{Endpoint, EndpointError, Scheme};
pub use name::{Destination, artifact_destination, sanitize_repository, sanitize_tag};
pub use push::{Pushed, Pusher, push};
