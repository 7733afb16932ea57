//! `kots.io/v1beta1` Config and ConfigValues: the questions of an application and their answers.
//!
//! The types here are the documents. What they mean is in four steps, each a pure function:
//! [`apply_values`] puts given answers over stored ones, [`resolve`] renders every template and
//! tells what each item's value is, [`validate`] and [`missing_required`] tell what is wrong.
//!
//! Two rules differ from the original on purpose. A vendor's default satisfies a required item.
//! An answer given by an operator is text and nothing else: it is never evaluated as a template.

mod apply;
mod certain;
mod dependencies;
mod generated;
mod prepared;
mod repeat;
mod resolve;
mod types;
mod upgrade;
mod validate;
mod values;

pub use apply::{Applied, ApplyError, Given, apply_values};
pub use certain::{CertainErrors, certain_errors};
pub use dependencies::{CycleError, resolution_order};
pub use generated::Generated;
pub use prepared::Prepared;
pub use repeat::{RepeatError, Repeated, RepeatedCopy, expand_repeats};
pub use resolve::{Item, Resolution, ResolveError, resolve};
pub use types::{
    ChildItem, Config, ConfigGroup, ConfigItem, ItemType, RegexRule, RepeatTemplate, Validation,
};
pub use upgrade::{ItemVerdict, Verdict, upgrade_verdicts};
pub use validate::{
    GroupErrors, ItemErrors, MissingItem, PatternError, RuleError, missing_required,
    required_message, validate,
};
pub use values::{ConfigValue, ConfigValues};

#[cfg(test)]
mod tests;
