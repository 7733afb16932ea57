//! The functions of sprig.

use crate::func::FuncMap;

/// Returns sprig's functions for text templates.
pub fn funcs() -> FuncMap {
    FuncMap::new()
}
