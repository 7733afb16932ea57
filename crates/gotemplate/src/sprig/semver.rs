//! Versions and constraints, by the rules of Masterminds' semver.

mod constraint;
mod version;

use std::sync::Arc;

use super::Registry;
use super::args::{boolean, text};
use crate::error::FuncError;
use crate::types::Type::String as Text;
use crate::value::{Value, lossy};

pub(crate) use version::Version;

pub(super) fn register(to: &mut Registry) {
    to.typed("semver", &[Text], |a| {
        let version = Version::parse(&lossy(text(a, 0))).map_err(FuncError)?;
        Ok(Value::Object(Arc::new(version)))
    });
    to.typed("semverCompare", &[Text, Text], |a| {
        let constraints = constraint::parse(&lossy(text(a, 0))).map_err(FuncError)?;
        let version = Version::parse(&lossy(text(a, 1))).map_err(FuncError)?;
        boolean(constraints.check(&version))
    });
}
