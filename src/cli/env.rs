//! The one place that reads the process environment.

use std::collections::BTreeMap;

/// The process environment; variables that are not Unicode cannot be named in a definition and are left out.
#[expect(clippy::disallowed_methods, reason = "this is its one home")]
pub(crate) fn process() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
