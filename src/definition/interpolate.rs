//! Puts variables into values as the Compose Specification says: `${V}`, `${V:-default}`, `${V-default}`, `${V:?error}`,
//! `${V?error}`, `${V:+instead}`, `${V+instead}`, nested, and `$$` for a dollar. A dollar that starts none of these stays. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::context::MAX_PROBLEMS;
use super::node::{Node, Scalar, Sources, Value, Written};
use crate::finding::Finding;

/// Substitutions inside each other.
const MAX_DEPTH: usize = 32;
/// Bytes that one value may grow to.
const MAX_BYTES: usize = 1 << 20;

/// Bytes that all values of one load may grow to.
const MAX_TOTAL_BYTES: usize = 32 << 20;

/// Where variables come from, first match wins.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables {
    /// The caller's environment.
    pub(super) environment: BTreeMap<String, String>,
    /// What the env files say, a later file over an earlier one.
    pub(super) files: BTreeMap<String, String>,
}

impl Variables {
    /// Every variable with its value.
    pub(super) fn all(&self) -> impl Iterator<Item = (String, String)> {
        let all = self.files.iter().chain(&self.environment);
        all.map(|(name, value)| (name.clone(), value.clone()))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.environment.get(name).or_else(|| self.files.get(name)).map(String::as_str)
    }
}

/// Why a text could not be substituted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// A `${` that begins no substitution; the text shown starts there.
    Invalid(String),
    /// `:?` or `?` and the variable is not there.
    Required {
        name: String,
        message: String,
    },
    TooDeep,
    TooLong,
}

/// What was met while substituting one text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    /// Names and values of variables put in.
    pub(super) variables: Vec<(String, String)>,
    /// Names without a value, a default or a complaint: they became empty.
    pub(super) missing: BTreeSet<String>,
}

/// Substitutes one text.
pub(super) fn substitute<'a>(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<&'a str>,
) -> Result<(String, Used), Failure> {
    let mut substitution = Substitution { lookup, used: Used::default() };
    let result = substitution.text(text, 0)?;
    Ok((result, substitution.used))
}

struct Substitution<'a, 'l> {
    lookup: &'l dyn Fn(&str) -> Option<&'a str>,
    used: Used,
}

impl Substitution<'_, '_> {
    fn text(&mut self, text: &str, depth: usize) -> Result<String, Failure> {
        if depth > MAX_DEPTH {
            return Err(Failure::TooDeep);
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            let named = name_length(after);
            if let Some(next) = after.strip_prefix('$') {
                out.push('$');
                rest = next;
            } else if let Some(inside) = after.strip_prefix('{') {
                let end = closing_brace(inside).ok_or_else(|| invalid(&rest[at..]))?;
                let value = self.braced(&inside[..end], &rest[at..], depth)?;
                out.push_str(&value);
                rest = &inside[end + 1..];
            } else if named > 0 {
                out.push_str(&self.plain(&after[..named]));
                rest = &after[named..];
            } else {
                out.push('$');
                rest = after;
            }
            if out.len() > MAX_BYTES {
                return Err(Failure::TooLong);
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    fn plain(&mut self, name: &str) -> String {
        if let Some(value) = (self.lookup)(name) {
            self.used.variables.push((name.into(), value.into()));
            value.into()
        } else {
            self.used.missing.insert(name.into());
            String::new()
        }
    }

    /// `inside` stands between the braces; `whole` starts at the dollar, for the message.
    fn braced(&mut self, inside: &str, whole: &str, depth: usize) -> Result<String, Failure> {
        let length = name_length(inside);
        let (name, operation) = inside.split_at(length);
        if name.is_empty() {
            return Err(invalid(whole));
        }
        if operation.is_empty() {
            return Ok(self.plain(name));
        }
        let value = (self.lookup)(name);
        // With the colon an empty variable counts as absent.
        let (present, operation) = match operation.strip_prefix(':') {
            Some(rest) => (value.filter(|v| !v.is_empty()), rest),
            None => (value, operation),
        };
        let mut characters = operation.chars();
        let (operator, argument) = (characters.next(), characters.as_str());
        match (operator, present) {
            (Some('-' | '?'), Some(value)) => {
                self.used.variables.push((name.into(), value.into()));
                Ok(value.into())
            }
            (Some('-'), None) | (Some('+'), Some(_)) => self.text(argument, depth + 1),
            (Some('+'), None) => Ok(String::new()),
            (Some('?'), None) => {
                let message = self.text(argument, depth + 1)?;
                Err(Failure::Required { name: name.into(), message })
            }
            _ => Err(invalid(whole)),
        }
    }
}

/// Bytes at the start of `text` that can be a variable's name.
fn name_length(text: &str) -> usize {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return 0;
    }
    text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len())
}

/// Where the brace is that closes what was just opened.
fn closing_brace(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut open = 1;
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"${") {
            open += 1;
            at += 1;
        } else if bytes[at] == b'}' {
            open -= 1;
            if open == 0 {
                return Some(at);
            }
        }
        at += 1;
    }
    None
}

fn invalid(from: &str) -> Failure {
    let mut shown: String = from.chars().take(40).collect();
    if shown.len() < from.len() {
        shown.push('…');
    }
    Failure::Invalid(shown)
}

/// What the substitutions of one load have come to.
#[derive(Debug)]
pub(super) struct Progress {
    /// Variables of which all is said that there is to say.
    told: BTreeSet<String>,
    /// Bytes that values may still grow to, all together.
    left: usize,
}

impl Default for Progress {
    fn default() -> Self {
        Self { told: BTreeSet::new(), left: MAX_TOTAL_BYTES }
    }
}

/// Substitutes every value of a tree in place; keys stay as they are. What there is to say of a variable is said once.
pub(super) fn tree(
    node: &mut Node,
    variables: &Variables,
    sources: &Sources,
    progress: &mut Progress,
    problems: &mut Vec<Finding>,
) {
    let mark = node.mark;
    match &mut node.value {
        _ if problems.len() > MAX_PROBLEMS => {}
        Value::Map(entries) => {
            for (_, child) in entries {
                tree(child, variables, sources, progress, problems);
            }
        }
        Value::List(items) => {
            for child in items {
                tree(child, variables, sources, progress, problems);
            }
        }
        Value::Scalar(scalar) if scalar.text.contains('$') => {
            if let Err(failure) = replace(scalar, variables, progress, &mut |finding| {
                problems.push(finding.at(sources.place(mark)));
            }) {
                problems.push(failed(failure).at(sources.place(mark)));
            }
        }
        Value::Scalar(_) => {}
    }
}

fn replace(
    scalar: &mut Scalar,
    variables: &Variables,
    progress: &mut Progress,
    warn: &mut dyn FnMut(Finding),
) -> Result<(), Failure> {
    if progress.left == 0 {
        // It was told when it was used up.
        return Ok(());
    }
    let (text, used) = match substitute(&scalar.text, &|name| variables.get(name)) {
        Err(Failure::Required { name, .. }) if !progress.told.insert(name.clone()) => return Ok(()),
        result => result?,
    };
    let grown = text.len() + used.variables.iter().map(|(_, value)| value.len()).sum::<usize>();
    let Some(left) = progress.left.checked_sub(grown) else {
        progress.left = 0;
        return Err(Failure::TooLong);
    };
    progress.left = left;
    for name in used.missing {
        if progress.told.insert(name.clone()) {
            warn(unset(&name));
        }
    }
    let written = Written { text: std::mem::take(&mut scalar.text), variables: used.variables };
    *scalar = Scalar { text, plain: false, written: Some(Box::new(written)) };
    Ok(())
}

fn unset(name: &str) -> Finding {
    Finding::warning(
        "definition/unset-variable",
        format!("variable `{name}` is not set; it is read as empty"),
    )
    .hint(format!("set it in .env, or write ${{{name}:-}} to mean empty"))
}

pub(super) fn failed(failure: Failure) -> Finding {
    match failure {
        Failure::Invalid(text) => {
            Finding::error("definition/bad-interpolation", format!("`{text}` is not a variable substitution"))
                .hint("write ${NAME}, ${NAME:-default} or ${NAME:?message}; write $$ for a dollar sign")
        }
        Failure::Required { name, message } => {
            let reason = if message.is_empty() { String::new() } else { format!(": {message}") };
            let message = format!("required variable `{name}` is not set{reason}");
            Finding::error("definition/missing-variable", message)
                .hint(format!("put {name}=… into .env, or set it in the environment"))
        }
        Failure::TooDeep => Finding::error(
            "definition/bad-interpolation",
            format!("substitutions are nested more than {MAX_DEPTH} deep"),
        ),
        Failure::TooLong => Finding::error(
            "definition/bad-interpolation",
            "the value, or all of them together, grow too long once variables are put in",
        ),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lookup(name: &str) -> Option<&'static str> {
        match name {
            "A" => Some("a"),
            "B_2" => Some("$b"),
            "EMPTY" => Some(""),
            _ => None,
        }
    }

    fn check(input: &str, expected: &str) {
        let result = substitute(input, &lookup).map(|(text, _)| text);
        assert_eq!(result.as_deref(), Ok(expected), "{input}");
    }

    #[test]
    fn every_form_of_the_specification() {
        for (input, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("$A", "a"),
            ("${A}", "a"),
            ("x${A}y$A-z", "xaya-z"),
            ("$B_2", "$b"),
            ("$$A", "$A"),
            ("$$$A", "$a"),
            ("$${A}", "${A}"),
            ("$", "$"),
            ("a$ b", "a$ b"),
            ("$5.00", "$5.00"),
            ("$-$é", "$-$é"),
            ("$NONE", ""),
            ("${A:-x}${EMPTY:-x}${NONE:-x}", "axx"),
            ("${A-x}${EMPTY-x}${NONE-x}", "ax"),
            ("${A:+x}${EMPTY:+x}${NONE:+x}", "x"),
            ("${A+x}${EMPTY+x}${NONE+x}", "xx"),
            ("${A:?m}${EMPTY?m}", "a"),
            ("${NONE:-${ALSO:-${A}}}", "a"),
            ("${NONE:-a:b?c+d-e}", "a:b?c+d-e"),
            ("${NONE:-$$}", "$"),
            ("${NONE:-{\"a\":1}}", "{\"a\":1}"),
            ("${A:-${B:?not asked}}", "a"),
            ("${NONE:-}", ""),
        ] {
            check(input, expected);
        }
    }

    #[test]
    fn what_begins_no_substitution_is_an_error() {
        for input in
            ["${", "${}", "${ A}", "${A", "${A!x}", "${1}", "a ${:-x}", "${NONE:-${}", "${A:}", "${A x}"]
        {
            let result = substitute(input, &lookup);
            assert!(matches!(result, Err(Failure::Invalid(_))), "{input}: {result:?}");
        }
    }

    #[test]
    fn required_variables_say_their_message() {
        let required = |message: &str| Failure::Required { name: "NONE".into(), message: message.into() };
        assert_eq!(substitute("${NONE:?set $A}", &lookup), Err(required("set a")));
        assert_eq!(substitute("${NONE?}", &lookup), Err(required("")));
        assert!(matches!(substitute("${EMPTY:?x}", &lookup), Err(Failure::Required { .. })));
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = "${X:-".repeat(10_000) + &"}".repeat(10_000);
        assert_eq!(substitute(&deep, &lookup), Err(Failure::TooDeep));
    }

    proptest! {
        #[test]
        fn any_text_is_substituted_or_refused(text in "[$${}:?+A-C \\-é]{0,40}|.*") {
            let _ = substitute(&text, &lookup);
        }

        #[test]
        fn doubled_dollars_give_the_text_back(text in ".*") {
            prop_assert_eq!(substitute(&text.replace('$', "$$"), &lookup).map(|(t, _)| t), Ok(text));
        }
    }
}
