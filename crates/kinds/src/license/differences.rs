//! Which outer fields of a licence differ from the signed ones.

use serde_json::Value;

use super::License;

/// Returns the dotted names of the fields that differ, in alphabetical order.
///
/// All fields that mean something are compared, entitlements included; left out are the signatures
/// themselves and fields nobody reads. An absent field equals an empty one, except the value of an
/// entitlement, where nothing and `false` are two things.
pub(super) fn differences(outer: &License, signed: &License) -> Vec<String> {
    let comparable = |license: &License| {
        let mut license = License { signature: String::new(), ..license.clone() };
        for entitlement in license.entitlements.values_mut() {
            entitlement.signature = super::EntitlementSignature::default();
        }
        serde_json::to_value(license).expect("a license is made of maps, text and numbers")
    };
    let mut names = Vec::new();
    compare("", &comparable(outer), &comparable(signed), &mut names);
    names
}

fn compare(path: &str, outer: &Value, signed: &Value, names: &mut Vec<String>) {
    match (outer, signed) {
        (Value::Object(outer), Value::Object(signed)) => {
            let mut keys: Vec<_> = outer.keys().chain(signed.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                match (outer.get(key), signed.get(key)) {
                    (Some(outer), Some(signed)) => {
                        compare(&join(path, key), outer, signed, names);
                    }
                    _ => names.push(join(path, key)),
                }
            }
        }
        (Value::Array(outer), Value::Array(signed)) if outer.len() == signed.len() => {
            for (index, (outer, signed)) in outer.iter().zip(signed).enumerate() {
                compare(&join(path, &index.to_string()), outer, signed, names);
            }
        }
        _ if outer == signed => {}
        _ => names.push(path.to_owned()),
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(outer: Value, signed: Value) -> String {
        let read = |value| serde_json::from_value(value).expect("the test gives a license");
        differences(&read(outer), &read(signed)).join(" ")
    }

    #[test]
    fn every_field_is_compared() {
        let signed = json!({"licenseID": "a", "isAirgapSupported": false, "channels": [{"channelID": "1"}],
            "entitlements": {"n": {"value": 1}, "b": {"value": false}}});
        let same = json!({"licenseID": "a", "signature": "s", "unknown": 1, "channels": [{"channelID": "1"}],
            "entitlements": {"n": {"value": 1, "signature": {"v1": "x"}}, "b": {"value": false}}});
        assert_eq!(check(same, signed.clone()), "");
        let other = json!({"licenseID": "b", "isAirgapSupported": true, "channels": [{"channelID": "2"}],
            "entitlements": {"n": {"value": "1"}, "b": {}}});
        assert_eq!(
            check(other, signed.clone()),
            "channels.0.channelID entitlements.b.value entitlements.n.value isAirgapSupported licenseID"
        );
        assert_eq!(check(json!({"licenseID": "a"}), signed), "channels entitlements");
    }
}
