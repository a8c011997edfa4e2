//! Whether to use colours: the flag, then `NO_COLOR`, then `CLICOLOR_FORCE`, then the terminal.

use std::collections::BTreeMap;

use super::args::Color;

/// The answer for a stream that is a terminal or is not.
pub(crate) fn wanted(color: Color, environment: &BTreeMap<String, String>, is_terminal: bool) -> bool {
    let set = |name: &str| environment.get(name).is_some_and(|value| !value.is_empty());
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if set("NO_COLOR") => false,
        Color::Auto if environment.get("CLICOLOR_FORCE").is_some_and(|v| !v.is_empty() && v != "0") => true,
        Color::Auto => is_terminal && environment.get("TERM").is_none_or(|term| term != "dumb"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_stands_over_the_variables_and_these_over_the_terminal() {
        let check = |color, variables: &[(&str, &str)], is_terminal, expected| {
            let environment =
                variables.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            assert_eq!(
                wanted(color, &environment, is_terminal),
                expected,
                "{color:?} {variables:?} {is_terminal}"
            );
        };
        check(Color::Auto, &[], true, true);
        check(Color::Auto, &[], false, false);
        check(Color::Auto, &[("NO_COLOR", "1")], true, false);
        check(Color::Auto, &[("NO_COLOR", "")], true, true);
        check(Color::Auto, &[("CLICOLOR_FORCE", "1")], false, true);
        check(Color::Auto, &[("CLICOLOR_FORCE", "0")], false, false);
        check(Color::Auto, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], true, false);
        check(Color::Auto, &[("TERM", "dumb")], true, false);
        check(Color::Always, &[("NO_COLOR", "1")], false, true);
        check(Color::Never, &[("CLICOLOR_FORCE", "1")], true, false);
    }
}
