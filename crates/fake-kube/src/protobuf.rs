//! Bodies as Kubernetes' own clients send them: in protobuf, which the real server always takes.
//!
//! Only what the programs of the tests need is read: of secrets (Helm's records) names, labels, annotations, data and
//! type; of reviews (`preflight`) what is asked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// What such a body begins with.
const MAGIC: &[u8] = b"k8s\0";

/// Reads a body; `None` for what is not protobuf, or of another kind.
pub(crate) fn read(body: &[u8]) -> Option<Value> {
    let unknown = fields(body.strip_prefix(MAGIC)?)?;
    let kind = fields(bytes(&unknown, 1)?)?;
    let object = fields(bytes(&unknown, 2)?)?;
    match text(&kind, 2)? {
        "Secret" => secret(&object),
        "SelfSubjectAccessReview" => {
            let attributes = fields(bytes(&fields(bytes(&object, 2)?)?, 1)?)?;
            let names =
                ["namespace", "verb", "group", "version", "resource", "subresource", "name"];
            let asked = (1..).zip(names).filter_map(|(number, name)| {
                Some((name.to_owned(), Value::from(text(&attributes, number)?)))
            });
            let asked: Map<String, Value> = asked.collect();
            Some(json!({ "spec": { "resourceAttributes": asked } }))
        }
        "SelfSubjectRulesReview" => {
            let spec = fields(bytes(&object, 2)?)?;
            Some(json!({ "spec": { "namespace": text(&spec, 1).unwrap_or_default() } }))
        }
        _ => None,
    }
}

fn secret(secret: &Fields<'_>) -> Option<Value> {
    let meta = fields(bytes(secret, 1)?)?;
    let mut metadata = Map::new();
    for (number, name) in [(1, "name"), (3, "namespace"), (6, "resourceVersion")] {
        if let Some(text) = text(&meta, number).filter(|it| !it.is_empty()) {
            metadata.insert(name.to_owned(), text.into());
        }
    }
    for (number, name) in [(11, "labels"), (12, "annotations")] {
        let entries = entries(&meta, number)?;
        let texts = entries
            .into_iter()
            .map(|(key, value)| (key, Value::from(String::from_utf8_lossy(value).into_owned())));
        metadata.insert(name.to_owned(), Value::Object(texts.collect()));
    }
    let data = entries(secret, 2)?.into_iter().map(|(key, it)| (key, STANDARD.encode(it).into()));
    Some(json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": metadata,
        "data": data.collect::<Map<String, Value>>(), "type": text(secret, 3).unwrap_or_default(),
    }))
}

type Fields<'a> = Vec<(u64, &'a [u8])>;

/// The fields of a message that have a length; others are passed over.
fn fields(mut rest: &[u8]) -> Option<Fields<'_>> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        match key & 7 {
            0 => drop(varint(&mut rest)?),
            1 => rest = rest.get(8..)?,
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                found.push((key >> 3, rest.get(..length)?));
                rest = &rest[length..];
            }
            5 => rest = rest.get(4..)?,
            _ => return None,
        }
    }
    Some(found)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, left) = rest.split_first()?;
        *rest = left;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn bytes<'a>(fields: &Fields<'a>, number: u64) -> Option<&'a [u8]> {
    fields.iter().find(|(it, _)| *it == number).map(|(_, bytes)| *bytes)
}

fn text<'a>(fields: &Fields<'a>, number: u64) -> Option<&'a str> {
    std::str::from_utf8(bytes(fields, number)?).ok()
}

/// The entries of a map, which are messages of key and value.
fn entries<'a>(fields: &Fields<'a>, number: u64) -> Option<Vec<(String, &'a [u8])>> {
    let entries = fields.iter().filter(|(it, _)| *it == number);
    entries
        .map(|(_, entry)| {
            let pair = self::fields(entry)?;
            Some((text(&pair, 1)?.to_owned(), bytes(&pair, 2).unwrap_or_default()))
        })
        .collect()
}
