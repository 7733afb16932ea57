//! The identity service, and the kURL family as it answers outside kURL.

use gotemplate::{FuncMap, Map, Str, Value};
use secrecy::ExposeSecret as _;

use super::Identity;
use super::text::{constant, of_text};

pub(super) fn functions(identity: &Identity) -> FuncMap {
    let mut functions = FuncMap::new();
    functions.insert("IdentityServiceEnabled", constant(identity.is_enabled));
    functions.insert("IdentityServiceClientID", constant(identity.client_id.as_str()));
    let secret = identity.client_secret.expose_secret();
    functions.insert("IdentityServiceClientSecret", constant(secret));
    let roles: Map = identity
        .roles
        .iter()
        .map(|(role, groups)| {
            let groups: Vec<Str> = groups.iter().map(Into::into).collect();
            (role.as_str(), Value::from(groups))
        })
        .collect();
    functions.insert("IdentityServiceRoles", constant(roles));
    functions.insert("IdentityServiceName", constant(identity.name.as_str()));
    functions.insert("IdentityServicePort", constant(identity.port.as_str()));
    functions
}

pub(super) fn kurl_functions() -> FuncMap {
    let mut functions = FuncMap::new();
    functions.insert("KurlString", of_text(|_| "".into()));
    functions.insert("KurlInt", of_text(|_| Value::Int(0)));
    functions.insert("KurlBool", of_text(|_| false.into()));
    functions.insert("KurlOption", of_text(|_| "".into()));
    functions.insert("KurlAll", constant(""));
    functions
}
