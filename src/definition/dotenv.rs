//! The grammar of `.env` files as Compose reads them, which is not that of any dotenv crate: `export`, comments, single and
//! double quotes, escapes, values over several lines, variables inside, a name alone. Pure.

use std::collections::BTreeMap;

use super::context::MAX_PROBLEMS;
use super::interpolate::{self, Used};
use super::node::{Mark, Sources};
use crate::finding::Finding;

/// Bytes of all values of one file, once variables are put in.
const MAX_BYTES: usize = 8 << 20;

/// Adds the variables of one file to `into`. `environment` is what `$NAME` inside a value finds first, and what a name
/// alone takes its value from.
pub(super) fn parse(
    text: &str,
    file: usize,
    sources: &Sources,
    environment: &BTreeMap<String, String>,
    into: &mut BTreeMap<String, String>,
) -> Vec<Finding> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let mut reader = Reader { rest: &text, line: 1, environment, into, left: MAX_BYTES };
    let mut problems = Vec::new();
    while problems.len() < MAX_PROBLEMS && reader.skip_to_entry() {
        let line = reader.line;
        if let Err((message, hint)) = reader.entry() {
            let finding = Finding::error("definition/bad-env-file", message);
            let finding = finding.at(sources.place(Mark { file, line, column: 0 }));
            problems.push(match hint {
                Some(hint) => finding.hint(hint),
                None => finding,
            });
            reader.skip_line();
        }
    }
    problems
}

type Problem = (String, Option<String>);

struct Reader<'t, 'e> {
    rest: &'t str,
    line: usize,
    environment: &'e BTreeMap<String, String>,
    into: &'e mut BTreeMap<String, String>,
    /// Bytes that the values may still have.
    left: usize,
}

impl<'t> Reader<'t, '_> {
    /// Goes past blank lines and comments; false at the end.
    fn skip_to_entry(&mut self) -> bool {
        loop {
            let trimmed = self.rest.trim_start();
            self.advance(self.rest.len() - trimmed.len());
            if self.rest.starts_with('#') {
                self.skip_line();
            } else {
                return !self.rest.is_empty();
            }
        }
    }

    fn skip_line(&mut self) {
        let end = self.rest.find('\n').unwrap_or(self.rest.len());
        self.advance(end);
    }

    fn advance(&mut self, bytes: usize) {
        let (passed, rest) = self.rest.split_at(bytes);
        self.line += passed.bytes().filter(|b| *b == b'\n').count();
        self.rest = rest;
    }

    fn entry(&mut self) -> Result<(), Problem> {
        if let Some(rest) = self.rest.strip_prefix("export")
            && rest.starts_with([' ', '\t'])
        {
            let spaces = rest.len() - rest.trim_start_matches([' ', '\t']).len();
            self.advance("export".len() + spaces);
        }
        let end = self.rest.find(['=', ':', '\n']).unwrap_or(self.rest.len());
        let name = self.rest[..end].trim();
        let alone = !self.rest[end..].starts_with(['=', ':']);
        let name = if alone { name.split(" #").next().unwrap_or_default().trim() } else { name };
        check_name(name)?;
        self.advance(end);
        if alone {
            if let Some(value) = self.environment.get(name) {
                self.into.insert(name.into(), value.clone());
            }
            return Ok(());
        }
        self.advance(1);
        let spaces = self.rest.len() - self.rest.trim_start_matches([' ', '\t']).len();
        self.advance(spaces);
        let value = self.value()?;
        let Some(left) = self.left.checked_sub(value.len()) else {
            self.advance(self.rest.len());
            return Err((format!("the values of this file have more than {MAX_BYTES} bytes in all"), None));
        };
        self.left = left;
        self.into.insert(name.into(), value);
        Ok(())
    }

    fn value(&mut self) -> Result<String, Problem> {
        match self.rest.chars().next() {
            Some('\'') => {
                let raw = self.quoted('\'')?;
                Ok(raw.replace("\\'", "'"))
            }
            Some('"') => {
                let raw = self.quoted('"')?;
                self.substitute(&unescape(raw))
            }
            _ => {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                let line = &self.rest[..end];
                let cut = comment_start(line).unwrap_or(line.len());
                let raw = line[..cut].trim_end();
                self.advance(end);
                self.substitute(raw)
            }
        }
    }

    /// What stands between quotes, escapes untouched; goes past the rest of the line, where only a comment may stand.
    fn quoted(&mut self, quote: char) -> Result<&'t str, Problem> {
        let body = &self.rest[1..];
        let mut escaped = false;
        let end = body.char_indices().find_map(|(at, c)| {
            let found = c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            found.then_some(at)
        });
        let Some(end) = end else {
            let hint = format!("close the {quote} or remove it");
            return Err(("the quoted value does not end".into(), Some(hint)));
        };
        let value = &body[..end];
        let after = &body[end + 1..];
        let tail = after[..after.find('\n').unwrap_or(after.len())].trim();
        if !tail.is_empty() && !tail.starts_with('#') {
            return Err((format!("unexpected text after the closing {quote}"), None));
        }
        self.advance(end + 2);
        self.skip_line();
        Ok(value)
    }

    fn substitute(&self, raw: &str) -> Result<String, Problem> {
        let lookup =
            |name: &str| self.environment.get(name).or_else(|| self.into.get(name)).map(String::as_str);
        match interpolate::substitute(raw, &lookup) {
            Ok((text, Used { .. })) => Ok(text),
            Err(failure) => {
                let finding = interpolate::failed(failure);
                let hint = finding.hint.or(Some("in single quotes a dollar sign stays as it is".into()));
                Err((finding.message, hint))
            }
        }
    }
}

fn check_name(name: &str) -> Result<(), Problem> {
    if name.is_empty() {
        return Err(("a variable's name is missing before `=`".into(), None));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '[' | ']');
    match name.chars().find(|c| !allowed(*c)) {
        None => Ok(()),
        Some(wrong) => {
            let shown: String = name.chars().take(20).collect();
            let hint = "one NAME=value per line; start a comment with #";
            Err((format!("{wrong:?} cannot stand in a variable's name (`{shown}`)"), Some(hint.into())))
        }
    }
}

/// A `#` begins a comment at the start of the value or after a space.
fn comment_start(line: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    (0..bytes.len()).find(|at| bytes[*at] == b'#' && (*at == 0 || matches!(bytes[at - 1], b' ' | b'\t')))
}

/// An escaped dollar is doubled, so that substitution leaves it alone.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match characters.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('$') => out.push_str("$$"),
            Some(c @ ('"' | '\\' | '\'')) => out.push(c),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> (BTreeMap<String, String>, Vec<Finding>) {
        let environment = BTreeMap::from([("HOST".to_owned(), "box".to_owned())]);
        let mut sources = Sources::default();
        let file = sources.add(".env".into());
        let mut into = BTreeMap::new();
        let problems = parse(text, file, &sources, &environment, &mut into);
        (into, problems)
    }

    fn check(text: &str, expected: &[(&str, &str)]) {
        let (variables, problems) = read(text);
        assert!(problems.is_empty(), "{text:?}: {problems:?}");
        let got: Vec<_> = variables.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(got, expected, "{text:?}");
    }

    #[test]
    fn the_grammar_compose_reads() {
        check("", &[]);
        check("# only\n\n", &[]);
        check("A=1\nB = 2 \n", &[("A", "1"), ("B", "2")]);
        check("\u{feff}A=1\r\nB=2\r\n", &[("A", "1"), ("B", "2")]);
        check("export A=1", &[("A", "1")]);
        check("exporter=1", &[("exporter", "1")]);
        check("A: yaml", &[("A", "yaml")]);
        check("A=x # c\nB=x#y\nC=#c\nD=", &[("A", "x"), ("B", "x#y"), ("C", ""), ("D", "")]);
        check("A='$HOST #' # c", &[("A", "$HOST #")]);
        check(r#"A="$HOST\n\"x\" # \\""#, &[("A", "box\n\"x\" # \\")]);
        check("A=\"one\ntwo\"\nB=3", &[("A", "one\ntwo"), ("B", "3")]);
        check("A=1\nB=${A}${C:-3}$HOST", &[("A", "1"), ("B", "13box")]);
        check("HOST\nNOWHERE", &[("HOST", "box")]);
        check("A=p$$w", &[("A", "p$w")]);
        check("A=it's", &[("A", "it's")]);
    }

    #[test]
    fn an_escaped_dollar_is_a_dollar() {
        check(r#"A="\$HOST""#, &[("A", "$HOST")]);
    }

    #[test]
    fn errors_name_their_line() {
        for (text, line) in [
            ("A=1\nB C=2", 2),
            ("\n\nA=\"open\n", 3),
            ("=x", 1),
            ("A='x' y", 1),
            ("A=\"1\n2\"\nB=${", 3),
            ("ok=1\né=2", 2),
        ] {
            let (_, problems) = read(text);
            assert_eq!(problems.len(), 1, "{text:?}: {problems:?}");
            assert_eq!(problems[0].place.as_ref().map(|p| p.line), Some(line), "{text:?}");
        }
    }

    #[test]
    fn all_errors_at_once() {
        assert_eq!(read("a b=1\nC=2\nd e=3").1.len(), 2);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[A-C='\"#\\n $\\\\{}é:]{0,60}|.*") {
            let _ = read(&text);
        }
    }
}
