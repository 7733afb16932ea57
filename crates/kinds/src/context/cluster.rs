//! What templates read of the cluster they are rendered for, asked only when one asks.
//!
//! Without a cluster, and where the cluster refuses to tell, they get what the original gives then: empty texts, no
//! nodes, an empty map. A cluster that does not answer is an error: nothing was learned, and what would be rendered
//! from a guess would be deployed.

use std::fmt::Debug;
use std::sync::Arc;

use gotemplate::{Func, FuncError, FuncMap, Map, Type, Value};

use super::text::{fail, text};

/// The version templates get when there is no cluster: it can be compared with others.
const NO_VERSION: &str = "0.0.0+unknown";

/// The version of an API server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterVersion {
    /// The whole version, for example `v1.34.1`.
    pub git: String,
    /// The major version.
    pub major: String,
    /// The minor version; some servers write `34+`.
    pub minor: String,
}

/// A cluster that can be asked. Every answer is `None` where the cluster does not let us see it.
pub trait AskCluster: Debug + Send + Sync {
    /// The version of its API server.
    ///
    /// # Errors
    ///
    /// Why there is no answer.
    fn version(&self) -> Result<Option<ClusterVersion>, String>;

    /// Its distribution, for example `openShift`; an empty text when nothing tells it.
    ///
    /// # Errors
    ///
    /// Why there is no answer.
    fn distribution(&self) -> Result<Option<String>, String>;

    /// The number of its nodes.
    ///
    /// # Errors
    ///
    /// Why there is no answer.
    fn n_nodes(&self) -> Result<Option<i64>, String>;

    /// An object, or a list of all of a kind when `name` is empty; `None` also when there is none.
    ///
    /// # Errors
    ///
    /// Why there is no answer.
    fn lookup(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Option<serde_json::Value>, String>;
}

type Asked = Option<Arc<dyn AskCluster>>;

pub(super) fn functions(cluster: &Asked) -> FuncMap {
    let mut functions = FuncMap::new();
    let version = |part: fn(ClusterVersion) -> String, unknown: &'static str| {
        ask(
            cluster,
            move |it| Ok(it.version()?.map_or_else(|| unknown.to_owned(), part).into()),
            unknown.into(),
        )
    };
    functions.insert(
        "KubernetesVersion",
        version(|it| it.git.strip_prefix('v').unwrap_or(&it.git).to_owned(), NO_VERSION),
    );
    functions.insert("KubernetesMajorVersion", version(|it| it.major, ""));
    functions.insert("KubernetesMinorVersion", version(|it| it.minor, ""));
    functions.insert(
        "Distribution",
        ask(cluster, |it| Ok(it.distribution()?.unwrap_or_default().into()), "".into()),
    );
    functions.insert(
        "NodeCount",
        ask(cluster, |it| Ok(Value::Int(it.n_nodes()?.unwrap_or_default())), Value::Int(0)),
    );
    let cluster = cluster.clone();
    let lookup = Func::new(vec![Type::String; 4], move |args| {
        let Some(cluster) = &cluster else { return Ok(Map::new().into()) };
        let [api_version, kind, namespace, name] = [0, 1, 2, 3].map(|at| text(args, at));
        let found = cluster.lookup(&api_version, &kind, &namespace, &name);
        Ok(found.or_else(silent)?.map_or_else(|| Map::new().into(), |it| object(&it)))
    });
    functions.insert("Lookup", lookup.typed());
    functions
}

/// A function without arguments that asks the cluster.
fn ask(
    cluster: &Asked,
    question: impl Fn(&dyn AskCluster) -> Result<Value, String> + Send + Sync + 'static,
    without: Value,
) -> Func {
    let cluster = cluster.clone();
    Func::new([], move |_| match &cluster {
        Some(cluster) => question(cluster.as_ref()).or_else(silent),
        None => Ok(without.clone()),
    })
    .typed()
}

fn silent<T>(why: impl std::fmt::Display) -> Result<T, FuncError> {
    fail(format!("the cluster does not answer: {why}"))
}

/// An object as Kubernetes' own reader gives it: whole numbers stay whole.
fn object(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Number(number) if number.is_i64() => {
            Value::Int64(number.as_i64().unwrap_or_default())
        }
        serde_json::Value::Array(items) => Value::json_list(items.iter().map(object).collect()),
        serde_json::Value::Object(entries) => {
            entries.iter().map(|(key, value)| (key.as_str(), object(value))).collect::<Map>().into()
        }
        other => Value::from_json(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::context::{Contexts, World, render_text};

    #[derive(Debug)]
    struct Fixed;

    impl AskCluster for Fixed {
        fn version(&self) -> Result<Option<ClusterVersion>, String> {
            let [git, major, minor] = ["v1.34.1+k3s1", "1", "34"].map(str::to_owned);
            Ok(Some(ClusterVersion { git, major, minor }))
        }

        fn distribution(&self) -> Result<Option<String>, String> {
            Ok(None)
        }

        fn n_nodes(&self) -> Result<Option<i64>, String> {
            Err("connection refused".to_owned())
        }

        fn lookup(
            &self,
            _: &str,
            kind: &str,
            namespace: &str,
            name: &str,
        ) -> Result<Option<serde_json::Value>, String> {
            let found = json!({"data": {"k": "dg=="}, "n": 3, "f": 0.5, "at": [namespace, name]});
            Ok((kind == "Secret").then_some(found))
        }
    }

    fn check(text: &str, cluster: Asked) -> String {
        let contexts =
            Contexts { world: World { cluster, ..World::default() }, ..Contexts::default() };
        render_text("a.yaml", text, &contexts).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn templates_read_the_cluster() {
        for (text, with, without) in [
            ("{{repl KubernetesVersion }}", "1.34.1+k3s1", "0.0.0+unknown"),
            ("{{repl KubernetesMajorVersion }}.repl{{ KubernetesMinorVersion }}", "1.34", "."),
            ("<{{repl Distribution }}>", "<>", "<>"),
            (r#"{{repl (Lookup "v1" "Secret" "ns" "s").data.k }}"#, "dg==", "<no value>"),
            (
                r#"{{repl $s := Lookup "v1" "Secret" "ns" "s" }}{{repl kindOf $s.n }} {{repl $s.f }} {{repl $s.at }}"#,
                "int64 0.5 [ns s]",
                "invalid <no value> <no value>",
            ),
            (r#"{{repl if Lookup "v1" "Pod" "" "" }}a{{repl else }}b{{repl end }}"#, "b", "b"),
            (
                "{{repl NodeCount }}",
                "a.yaml:1:8: the template function `NodeCount` failed: the cluster does not answer: connection refused",
                "0",
            ),
        ] {
            assert_eq!(check(text, Some(Arc::new(Fixed))), with, "for {text}");
            assert_eq!(check(text, None), without, "for {text}");
        }
    }
}
