//! Secrets with which a cluster pulls the application's images, and the patches that name them. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

use super::object::ObjectId;

/// The secret of the console's own images, also used by the application in the original.
const CONSOLE: &str = "kotsadm-replicated-registry";

/// Logins for registries: the same one for each host.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) hosts: Vec<String>,
    pub(crate) username: String,
    pub(crate) password: SecretString,
}

/// The name of the application's secret: of the whole application, or of one chart's folder.
pub(crate) fn secret_name(app_slug: &str, folder: &str) -> String {
    match folder.rsplit('/').next().unwrap_or_default() {
        "" => format!("{app_slug}-registry"),
        last => format!("{app_slug}-{last}-registry"),
    }
}

/// The application's secret and the console's, in `namespace` (empty: none is named).
pub(crate) fn secrets(login: &Login, name: &str, namespace: &str) -> [Value; 2] {
    let hosts: Vec<_> = login.hosts.iter().map(String::as_str).collect();
    let config =
        kinds::context::docker_config(&hosts, &login.username, login.password.expose_secret());
    let data = STANDARD.encode(config);
    [name, CONSOLE].map(|name| {
        let mut metadata = json!({
            "annotations": {
                "helm.sh/hook": "pre-install,pre-upgrade",
                "helm.sh/hook-weight": "-9999",
                "kots.io/creation-phase": "-9999",
            },
            "name": name,
        });
        if !namespace.is_empty() {
            metadata["namespace"] = namespace.into();
        }
        json!({
            "apiVersion": "v1",
            "data": {".dockerconfigjson": data},
            "kind": "Secret",
            "metadata": metadata,
            "type": "kubernetes.io/dockerconfigjson",
        })
    })
}

/// The patch that makes an object's pods pull with the secret `name`.
pub(crate) fn patch(id: &ObjectId, labels: &Map<String, Value>, name: &str) -> Value {
    let mut metadata = json!({"name": id.name});
    if !id.namespace.is_empty() {
        metadata["namespace"] = id.namespace.clone().into();
    }
    if !labels.is_empty() {
        metadata["labels"] = Value::Object(labels.clone());
    }
    let pod = json!({"imagePullSecrets": [{"name": name}]});
    let spec = match &*id.kind {
        "Pod" => pod,
        "CronJob" => json!({"jobTemplate": {"spec": {"template": {"spec": pod}}}}),
        _ => json!({"template": {"spec": pod}}),
    };
    json!({"apiVersion": id.api_version, "kind": id.kind, "metadata": metadata, "spec": spec})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charts_folder_has_a_secret_of_its_own() {
        assert_eq!(secret_name("app", ""), "app-registry");
        assert_eq!(secret_name("app", "charts/a/charts/b"), "app-b-registry");
        assert_eq!(secret_name("app", "charts/a/crds"), "app-crds-registry");
    }

    #[test]
    fn a_secret_holds_the_login_for_every_host() {
        let login = Login {
            hosts: vec!["b".into(), "a".into()],
            username: "u".into(),
            password: "p".to_owned().into(),
        };
        let [app, console] = secrets(&login, "app-registry", "ns");
        let data = app["data"][".dockerconfigjson"].as_str().expect("text");
        let config = STANDARD.decode(data).expect("base64");
        assert_eq!(config, br#"{"auths":{"a":{"auth":"dTpw"},"b":{"auth":"dTpw"}}}"#);
        assert_eq!(console["metadata"]["name"], CONSOLE);
        assert_eq!(secrets(&login, "x", "")[0]["metadata"].get("namespace"), None);
    }
}
