//! The store: objects with versions, and the events that watches show.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::kinds::{Kind, served};

/// What makes an object: group, plural, namespace, name.
pub(crate) type Key = (String, String, String, String);

/// A change that watches show.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub version: u64,
    pub key: Key,
    pub what: &'static str,
    pub object: Value,
}

/// Everything that is stored.
#[derive(Debug)]
pub(crate) struct Objects {
    stored: BTreeMap<Key, Value>,
    pub events: Vec<Event>,
    pub version: u64,
    /// Changes up to this version are forgotten.
    pub oldest: u64,
    pub is_established_at_once: bool,
    pub logs: BTreeMap<(String, String), String>,
}

impl Objects {
    pub(crate) fn new() -> Self {
        let mut this = Self {
            stored: BTreeMap::new(),
            events: Vec::new(),
            version: 1,
            oldest: 0,
            is_established_at_once: true,
            logs: BTreeMap::new(),
        };
        for name in ["default", "kube-system"] {
            let key = (String::new(), "namespaces".to_owned(), String::new(), name.to_owned());
            let object =
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            this.put(key, object);
        }
        this
    }

    pub(crate) fn kinds(&self) -> Vec<Kind> {
        let definitions =
            self.stored.iter().filter(|(key, _)| key.1 == "customresourcedefinitions");
        served(definitions.map(|(_, object)| object))
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Value> {
        self.stored.get(key).cloned()
    }

    pub(crate) fn find(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        let found = self
            .stored
            .iter()
            .find(|(key, _)| key.1 == plural && key.2 == namespace && key.3 == name);
        found.map(|(_, object)| object.clone())
    }

    pub(crate) fn has_namespace(&self, name: &str) -> bool {
        self.find("namespaces", "", name).is_some()
    }

    pub(crate) fn list(&self, kind: &Kind, namespace: &str) -> Vec<Value> {
        self.stored
            .iter()
            .filter(|(key, _)| key.0 == kind.group && key.1 == kind.plural)
            .filter(|(key, _)| namespace.is_empty() || key.2 == namespace)
            .map(|(_, object)| object.clone())
            .collect()
    }

    /// Stores an object as a new version of what is there, and returns it.
    pub(crate) fn put(&mut self, key: Key, mut object: Value) -> Value {
        self.version += 1;
        let before = self.stored.get(&key);
        let metadata = &mut object["metadata"];
        metadata["resourceVersion"] = json!(self.version.to_string());
        if let Some(before) = before {
            metadata["uid"] = before["metadata"]["uid"].clone();
            metadata["creationTimestamp"] = before["metadata"]["creationTimestamp"].clone();
        } else {
            metadata["uid"] = json!(uuid::Uuid::new_v4().to_string());
            metadata["creationTimestamp"] = json!(format!("{:.0}", jiff::Timestamp::now()));
        }
        let generation = before.and_then(|it| it["metadata"]["generation"].as_i64()).unwrap_or(0);
        let is_same = before.is_some_and(|it| it["spec"] == object["spec"]);
        object["metadata"]["generation"] = json!(if is_same { generation } else { generation + 1 });
        if key.1 == "customresourcedefinitions" && self.is_established_at_once {
            object["status"]["conditions"] = json!([
                { "type": "NamesAccepted", "status": "True" },
                { "type": "Established", "status": "True" },
            ]);
        }
        let what = if before.is_some() { "MODIFIED" } else { "ADDED" };
        self.stored.insert(key.clone(), object.clone());
        self.events.push(Event { version: self.version, key, what, object: object.clone() });
        object
    }

    /// Removes an object, or marks it when finalizers hold it.
    pub(crate) fn remove(&mut self, key: &Key) {
        let Some(mut object) = self.stored.get(key).cloned() else { return };
        let is_held = object["metadata"]["finalizers"].as_array().is_some_and(|it| !it.is_empty());
        if is_held {
            object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            self.put(key.clone(), object);
            return;
        }
        self.version += 1;
        self.stored.remove(key);
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.events.push(Event {
            version: self.version,
            key: key.clone(),
            what: "DELETED",
            object,
        });
        if key.1 == "namespaces" {
            let inside: Vec<Key> = self.stored.keys().filter(|it| it.2 == key.3).cloned().collect();
            for key in inside {
                self.remove(&key);
            }
        }
    }
}
