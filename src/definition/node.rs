//! The tree a file is read into: maps, lists and scalars, each with the place it stands at. No meaning yet.

use std::path::{Path, PathBuf};

use crate::finding::Place;

/// The files of one load, by index.
#[derive(Debug, Default)]
pub(super) struct Sources {
    all: Vec<Source>,
    /// The project directory, once it is known.
    directory: Option<PathBuf>,
}

#[derive(Debug)]
struct Source {
    file: PathBuf,
    /// Where its relative paths start, where that is not the project directory.
    base: Option<PathBuf>,
}

impl Sources {
    pub(super) fn add(&mut self, file: PathBuf) -> usize {
        self.all.push(Source { file, base: None });
        self.all.len() - 1
    }

    /// Adds a file whose relative paths start in a folder of their own.
    pub(super) fn add_based(&mut self, file: PathBuf, base: PathBuf) -> usize {
        self.all.push(Source { file, base: Some(base) });
        self.all.len() - 1
    }

    /// Where relative paths of all other files start.
    pub(super) fn set_directory(&mut self, directory: &Path) {
        self.directory = Some(directory.to_owned());
    }

    /// Where the relative paths of the file of a place start.
    pub(super) fn base(&self, mark: Mark) -> Option<&Path> {
        let own = self.all.get(mark.file).and_then(|source| source.base.as_deref());
        own.or(self.directory.as_deref())
    }

    pub(super) fn place(&self, mark: Mark) -> Place {
        let file = self.all.get(mark.file).map(|source| source.file.clone()).unwrap_or_default();
        Place { file, line: mark.line, column: mark.column }
    }
}

/// A place, small enough to stand in every node. Line and column count from 1; 0 means the whole file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Mark {
    pub(super) file: usize,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// A value with its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) mark: Mark,
    pub(super) tag: Tag,
    pub(super) value: Value,
}

/// The tags Compose gives a meaning to when files are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Tag {
    #[default]
    None,
    /// `!reset`: take the attribute away.
    Reset,
    /// `!override`: replace instead of merging.
    Override,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) mark: Mark,
}

/// A scalar as text. What type a plain one has is decided by whoever reads it.
#[derive(Debug, Clone)]
pub(super) struct Scalar {
    pub(super) text: String,
    /// Neither quoted nor made by interpolation: may be a number, a truth value, a date or null.
    pub(super) plain: bool,
    /// How it was written, if variables were put in.
    pub(super) written: Option<Box<Written>>,
}

/// The origin of an interpolated scalar.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) text: String,
    /// Names and values of the variables used.
    pub(super) variables: Vec<(String, String)>,
}

/// What a scalar is when nobody says what it should be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Date,
    Text,
}

impl Scalar {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), plain: false, written: None }
    }

    pub(super) fn null() -> Self {
        Self { text: String::new(), plain: true, written: None }
    }

    /// The type as Compose's own YAML reader sees it.
    pub(super) fn kind(&self) -> Kind {
        if !self.plain {
            return Kind::Text;
        }
        match self.text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
            "true" | "True" | "TRUE" => Kind::Bool(true),
            "false" | "False" | "FALSE" => Kind::Bool(false),
            text => number(text).unwrap_or(if is_date(text) { Kind::Date } else { Kind::Text }),
        }
    }

    /// Whether a plain spelling of `text` would be read back as something other than text.
    pub(super) fn is_ambiguous(text: &str) -> bool {
        text == "<<" || Self { text: text.into(), plain: true, written: None }.kind() != Kind::Text
    }
}

impl Node {
    pub(super) fn null(mark: Mark) -> Self {
        Self { mark, tag: Tag::None, value: Value::Scalar(Scalar::null()) }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.kind() == Kind::Null)
    }

    /// The text of a scalar as it stands in the file, before variables were put in.
    pub(super) fn as_written(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(Scalar { written: Some(written), .. }) => Some(&written.text),
            Value::Scalar(scalar) => Some(&scalar.text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// How many values it holds, itself included.
    pub(super) fn count(&self) -> usize {
        1 + match &self.value {
            Value::Scalar(_) => 0,
            Value::List(items) => items.iter().map(Node::count).sum(),
            Value::Map(entries) => entries.iter().map(|(_, node)| node.count()).sum(),
        }
    }

    /// Takes the entry of `key` out of a map.
    pub(super) fn take(&mut self, key: &str) -> Option<(Key, Node)> {
        let Value::Map(entries) = &mut self.value else { return None };
        let at = entries.iter().position(|(k, _)| k.text == key)?;
        Some(entries.remove(at))
    }

    /// The value under `key`, if this is a map that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(k, _)| k.text == key).map(|(_, node)| node),
            _ => None,
        }
    }
}

fn number(text: &str) -> Option<Kind> {
    match text {
        ".nan" | ".NaN" | ".NAN" => return Some(Kind::Float(f64::NAN)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Some(Kind::Float(f64::INFINITY)),
        "-.inf" | "-.Inf" | "-.INF" => return Some(Kind::Float(f64::NEG_INFINITY)),
        _ => {}
    }
    let first = text.chars().next()?;
    if !(first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return None;
    }
    let digits = text.replace('_', "");
    if let Some(integer) = integer(&digits) {
        return Some(Kind::Integer(integer));
    }
    let float = digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E'));
    let float = float && digits.chars().any(|c| c.is_ascii_digit());
    if float { digits.parse().ok().map(Kind::Float) } else { None }
}

fn integer(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let lower = digits.to_ascii_lowercase();
    let parsed = if let Some(hex) = lower.strip_prefix("0x") {
        i128::from_str_radix(hex, 16)
    } else if let Some(octal) = lower.strip_prefix("0o") {
        i128::from_str_radix(octal, 8)
    } else if let Some(binary) = lower.strip_prefix("0b") {
        i128::from_str_radix(binary, 2)
    } else if lower.len() > 1 && lower.starts_with('0') {
        i128::from_str_radix(&lower, 8)
    } else {
        lower.parse()
    };
    parsed.ok().map(|value| sign * value)
}

/// `2024-01-31`, alone or with a time after it.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some(year) = bytes.get(..5) else { return false };
    if !year[..4].iter().all(u8::is_ascii_digit) || year[4] != b'-' {
        return false;
    }
    let mut rest = text[5..].splitn(2, ['T', 't', ' ']);
    let day = rest.next().unwrap_or_default();
    let mut parts = day.split('-');
    let part = |p: Option<&str>| {
        p.is_some_and(|p| matches!(p.len(), 1 | 2) && p.bytes().all(|b| b.is_ascii_digit()))
    };
    part(parts.next()) && part(parts.next()) && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &Kind) {
        assert_eq!(&Scalar { plain: true, ..Scalar::text(text) }.kind(), expected, "{text}");
    }

    #[test]
    fn plain_scalars_have_the_types_compose_reads() {
        for text in ["", "~", "null"] {
            check(text, &Kind::Null);
        }
        check("True", &Kind::Bool(true));
        for text in
            ["yes", "no", "on", "y", "1.2.3", "-", "1a", "0x", "5s", "1-2", "8000:80", "é-01-01", "+", "."]
        {
            check(text, &Kind::Text);
        }
        for (text, value) in
            [("15", 15), ("-3", -3), ("0755", 493), ("0o17", 15), ("0x10", 16), ("1_000", 1000)]
        {
            check(text, &Kind::Integer(value));
        }
        for (text, value) in [("1.10", 1.1), ("1e3", 1000.0), (".5", 0.5), ("09", 9.0)] {
            check(text, &Kind::Float(value));
        }
        for text in ["2024-01-31", "2024-1-1 10:00:00"] {
            check(text, &Kind::Date);
        }
    }
}
