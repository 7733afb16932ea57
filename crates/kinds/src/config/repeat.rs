//! The answers of a repeatable item.

use sha2::{Digest as _, Sha256};

use super::{ConfigItem, ConfigValues};

/// Puts the stored answers of a repeatable item into it, and names for those that are missing to
/// its minimum (1 when it names none), as the original does for a group.
pub(super) fn fill(item: &mut ConfigItem, group: &str, values: &ConfigValues, seed: [u8; 32]) {
    if !item.repeatable {
        return;
    }
    let answers = item.values_by_group.entry(group.to_owned()).or_default();
    for (name, value) in &values.values {
        if value.repeatable_item == item.name {
            answers.insert(name.clone(), value.value.clone());
        }
    }
    let minimum = usize::try_from(item.minimum_count.unwrap_or(1).clamp(0, MAX_COUNT)).unwrap_or(1);
    let mut number: u64 = 0;
    while answers.len() < minimum {
        answers.entry(made_up_name(&item.name, number, seed)).or_default();
        number += 1;
    }
    let count = i64::try_from(answers.len()).unwrap_or(i64::MAX);
    item.count_by_group.insert(group.to_owned(), count);
}

/// The most answers an item may ask for.
const MAX_COUNT: i64 = 1000;

/// `ITEM-` and eight hexadecimal digits, as the original's names.
fn made_up_name(item: &str, number: u64, seed: [u8; 32]) -> String {
    let digest = Sha256::new()
        .chain_update(seed)
        .chain_update(number.to_be_bytes())
        .chain_update(item)
        .finalize();
    format!("{item}-{}", hex::encode(&digest[..4]))
}
