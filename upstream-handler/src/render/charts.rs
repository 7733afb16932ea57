//! HelmChart kinds and packed charts.
//!
//! ```text
//! packed    which archives are charts
//! choose    which kinds are installed, and which archive each stands for
//! sdk       values that the vendor's SDK needs, put into its archives
//! lacking   charts that were packed without what they depend on
//! install   v1beta2: archive and values → helm/
//! helm      the `helm` program
//! template  v1beta1: rendered by helm; layout: its documents → folders of base/
//! namespace objects of a chart are put into the chart's namespace
//! record    what Helm would remember of a chart that is rendered here
//! ```

pub(crate) mod choose;
pub(crate) mod helm;
pub(crate) mod install;
pub(crate) mod lacking;
mod layout;
mod namespace;
pub(crate) mod packed;
mod record;
pub(crate) mod sdk;
pub(crate) mod template;
