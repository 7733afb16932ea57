//! `kots.io/wait-for-properties`: paths into an object, and the values they should have.
//!
//! Paths are kubectl's `JSONPath` as far as it makes sense here: `.a.b`, `['a.b']`, `[0]`, `[*]` and
//! `[?(@.type=="Ready")]`. A list is split at commas, and a condition at its last `=`, outside of
//! brackets. What a path finds is printed as kubectl prints it, several values with a blank between.

use std::fmt;

use serde_json::Value;

/// What a field of an object should become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    text: String,
    path: Vec<Part>,
    wanted: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Key(String),
    Index(usize),
    Every,
    Where { path: Vec<Part>, is: String },
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.text, self.wanted)
    }
}

impl Condition {
    /// Reads `path=value,path=value`.
    ///
    /// # Errors
    ///
    /// Which one cannot be read, in words.
    pub(super) fn read_all(text: &str) -> Result<Vec<Self>, String> {
        outside(text, ',')
            .into_iter()
            .map(str::trim)
            .filter(|one| !one.is_empty())
            .map(Self::read)
            .collect()
    }

    fn read(text: &str) -> Result<Self, String> {
        let parts = outside(text, '=');
        let (wanted, path) = match parts.split_last() {
            Some((wanted, path)) if !path.is_empty() => {
                (*wanted, &text[..text.len() - wanted.len() - 1])
            }
            _ => return Err(format!("`{text}` is not `path=value`")),
        };
        let path = path.trim();
        Ok(Self { text: path.to_owned(), path: parse(path)?, wanted: wanted.trim().to_owned() })
    }

    /// What the path finds in `object`.
    pub(super) fn found(&self, object: &Value) -> String {
        let mut values = vec![object];
        for part in &self.path {
            values = values.into_iter().flat_map(|value| step(value, part)).collect();
        }
        values.into_iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    /// Whether `object` has come so far.
    pub(super) fn holds(&self, object: &Value) -> bool {
        self.found(object) == self.wanted
    }
}

fn step<'a>(value: &'a Value, part: &Part) -> Vec<&'a Value> {
    let items = || value.as_array().into_iter().flatten();
    match part {
        Part::Key(key) => value.get(key).into_iter().collect(),
        Part::Index(index) => value.get(index).into_iter().collect(),
        Part::Every => match value {
            Value::Object(map) => map.values().collect(),
            _ => items().collect(),
        },
        Part::Where { path, is } => items()
            .filter(|item| {
                let mut found = vec![*item];
                for part in path {
                    found = found.into_iter().flat_map(|value| step(value, part)).collect();
                }
                found.into_iter().any(|value| shown(value) == *is)
            })
            .collect(),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Cuts at `mark`, but not inside of brackets.
fn outside(text: &str, mark: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            c if c == mark && depth == 0 => {
                parts.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn parse(path: &str) -> Result<Vec<Part>, String> {
    let wrong = |what: &str| format!("the path `{path}` {what}");
    let mut parts = Vec::new();
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('[') {
            let (inner, after) =
                after.split_once(']').ok_or_else(|| wrong("has a bracket that does not end"))?;
            parts
                .push(bracket(inner).ok_or_else(|| wrong(&format!("has an unknown `[{inner}]`")))?);
            rest = after;
            continue;
        }
        // The first dot may be left out, as by the original's users.
        let key = rest.strip_prefix('.').unwrap_or(rest);
        let end = key.find(['.', '[']).unwrap_or(key.len());
        match &key[..end] {
            "" => return Err(wrong("has an empty part")),
            "*" => parts.push(Part::Every),
            name => parts.push(Part::Key(name.to_owned())),
        }
        rest = &key[end..];
    }
    if parts.is_empty() { Err(wrong("is empty")) } else { Ok(parts) }
}

fn bracket(inner: &str) -> Option<Part> {
    let inner = inner.trim();
    let quoted = |text: &str| {
        let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        Some(text.strip_prefix(quote)?.strip_suffix(quote)?.to_owned())
    };
    if inner == "*" {
        return Some(Part::Every);
    }
    if let Some(filter) = inner.strip_prefix("?(").and_then(|it| it.strip_suffix(')')) {
        let (path, is) = filter.split_once("==")?;
        let path = parse(path.trim().strip_prefix('@')?).ok()?;
        return Some(Part::Where { path, is: quoted(is.trim())? });
    }
    quoted(inner).map(Part::Key).or_else(|| inner.parse().ok().map(Part::Index))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(text: &str) -> String {
        let object = json!({
            "spec": { "n": 2, "on": true, "a.b": "dotted", "list": ["x", "y"] },
            "status": {
                "phase": "Ready",
                "conditions": [
                    { "type": "Synced", "status": "False" },
                    { "type": "Ready", "status": "True" },
                ],
            },
        });
        match Condition::read_all(text) {
            Err(problem) => problem,
            Ok(conditions) => conditions
                .iter()
                .map(|it| format!("{} {}", it.found(&object), it.holds(&object)))
                .collect::<Vec<_>>()
                .join(", "),
        }
    }

    #[test]
    fn paths_find_values() {
        assert_eq!(check(".status.phase=Ready, .spec.n=3"), "Ready true, 2 false");
        assert_eq!(check("status.phase=Ready"), "Ready true");
        assert_eq!(check(".spec.on=true"), "true true");
        assert_eq!(check(".spec['a.b']=dotted"), "dotted true");
        assert_eq!(check(".spec.list[1]=y"), "y true");
        assert_eq!(check(".spec.list[*]=x y"), "x y true");
        assert_eq!(check(".status.conditions[?(@.type==\"Ready\")].status=True"), "True true");
        assert_eq!(check(".status.none="), " true");
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        assert_eq!(check(".status.phase"), "`.status.phase` is not `path=value`");
        assert_eq!(check("=x"), "the path `` is empty");
        assert_eq!(check(".a..b=x"), "the path `.a..b` has an empty part");
        assert_eq!(check(".a[?(x)]=1"), "the path `.a[?(x)]` has an unknown `[?(x)]`");
        assert_eq!(check(".a[0=1"), "`.a[0=1` is not `path=value`");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_refused_or_reads_the_same_again(text in "[-.a-z0-9=,@?*()'\"\\[\\] é]{0,40}") {
            let Ok(conditions) = Condition::read_all(&text) else { return Ok(()) };
            for condition in conditions {
                let printed = condition.to_string();
                let found = condition.found(&json!({"a": [{"b": 1}]}));
                proptest::prop_assert_eq!(condition.holds(&json!({"a": [{"b": 1}]})), found == condition.wanted);
                proptest::prop_assert_eq!(Condition::read_all(&printed), Ok(vec![condition]));
            }
        }

        #[test]
        fn a_field_is_found_however_its_path_is_written(
            keys in proptest::collection::vec("[a-z]{1,4}(\\.[a-z]{1,3})?", 1..5),
            at in 0_usize..3,
            value in "[A-Za-z0-9]{0,8}",
        ) {
            let mut object = json!([0, 0, 0]);
            object[at] = json!(value);
            for key in keys.iter().rev() {
                object = json!({ key: object });
            }
            let path: String = keys
                .iter()
                .map(|key| if key.contains('.') { format!("['{key}']") } else { format!(".{key}") })
                .collect();
            let conditions = Condition::read_all(&format!("{path}[{at}]={value}, {path}[9]=x"));
            let conditions = conditions.expect("good paths");
            proptest::prop_assert!(conditions[0].holds(&object), "{}", path);
            proptest::prop_assert_eq!(conditions[1].found(&object), "");
        }
    }
}
