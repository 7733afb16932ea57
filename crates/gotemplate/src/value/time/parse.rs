//! Times from text.
