//! The server's reader of `kots.io/wait-for-properties`.

use server::Condition;

/// See `build.rs`.
mod server {
    include!(concat!(env!("OUT_DIR"), "/server_conditions.rs"));
}

/// What is read is printed and read again as the same, and looked for in an object without end or panic. The first line
/// is the annotation, the rest the object.
pub fn conditions(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (annotation, object) = text.split_once('\n').unwrap_or((&text, "null"));
    let Ok(conditions) = Condition::read_all(annotation) else { return };
    let object = serde_json::from_str(object).unwrap_or_default();
    for condition in conditions {
        let printed = condition.to_string();
        assert_eq!(Condition::read_all(&printed), Ok(vec![condition.clone()]), "{printed}");
        let found = condition.found(&object);
        assert!(!condition.holds(&object) || printed.ends_with(&format!("={found}")), "{printed}");
    }
}
