//! What templates read of the version that is rendered.

use gotemplate::{FuncMap, Value};

use super::Contexts;
use super::text::constant;

pub(super) fn functions(contexts: &Contexts) -> FuncMap {
    let version = &contexts.version;
    let mut functions = FuncMap::new();
    functions.insert("Sequence", constant(Value::Int64(version.sequence)));
    functions.insert("Cursor", constant(version.cursor.as_str()));
    functions.insert("ChannelName", constant(version.channel_name.as_str()));
    functions.insert("VersionLabel", constant(version.version_label.as_str()));
    functions.insert("IsRequired", constant(version.is_required));
    functions.insert("ReleaseNotes", constant(version.release_notes.as_str()));
    functions.insert("IsAirgap", constant(version.is_airgap));
    functions.insert("ReplicatedRegistryDomain", constant(version.registry_domain.as_str()));
    functions.insert("ReplicatedProxyDomain", constant(version.proxy_domain.as_str()));
    functions
}
