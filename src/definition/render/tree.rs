//! A value to be written: ordered, unlike a `serde_json` map, because a hash is taken over it.

use std::fmt::Display;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::definition::node::Scalar;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tree {
    Null,
    Bool(bool),
    Integer(i64),
    /// Compose keeps such numbers in 32 bits and prints them so.
    Float(f32),
    Text(String),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    pub(super) fn map(entries: impl Iterator<Item = (String, Tree)>) -> Self {
        Self::Map(entries.collect())
    }

    pub(super) fn texts<T: Display>(items: impl IntoIterator<Item = T>) -> Self {
        Self::List(items.into_iter().map(|item| Self::Text(item.to_string())).collect())
    }

    /// Every text with its dollars doubled, so that reading it substitutes nothing.
    pub(super) fn dollars_doubled(self) -> Self {
        match self {
            Self::Text(text) => Self::Text(text.replace('$', "$$")),
            Self::List(items) => Self::List(items.into_iter().map(Self::dollars_doubled).collect()),
            Self::Map(entries) => {
                Self::Map(entries.into_iter().map(|(key, value)| (key, value.dollars_doubled())).collect())
            }
            other => other,
        }
    }

    fn is_filled(&self) -> bool {
        match self {
            Self::Null => false,
            Self::List(items) => !items.is_empty(),
            Self::Map(entries) => !entries.is_empty(),
            _ => true,
        }
    }

    /// Calls `visit` on every text and key.
    fn each_text(&mut self, visit: &mut dyn FnMut(&mut String)) {
        match self {
            Self::Text(text) => visit(text),
            Self::List(items) => items.iter_mut().for_each(|item| item.each_text(visit)),
            Self::Map(entries) => {
                for (key, value) in entries {
                    visit(key);
                    value.each_text(visit);
                }
            }
            _ => {}
        }
    }
}

/// A map in the making.
#[derive(Debug, Default)]
pub(super) struct Map(Vec<(String, Tree)>);

impl Map {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn with(key: &str, value: impl Display) -> Self {
        let mut map = Self::new();
        map.add(key, value);
        map
    }

    pub(super) fn put(&mut self, key: &str, value: Tree) {
        self.0.push((key.to_owned(), value));
    }

    pub(super) fn put_some(&mut self, key: &str, value: Option<Tree>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    /// Unless it is null or empty.
    pub(super) fn put_filled(&mut self, key: &str, value: Tree) {
        if value.is_filled() {
            self.put(key, value);
        }
    }

    pub(super) fn add(&mut self, key: &str, text: impl Display) {
        self.put(key, Tree::Text(text.to_string()));
    }

    pub(super) fn add_some<T: Display>(&mut self, key: &str, text: Option<T>) {
        if let Some(text) = text {
            self.add(key, text);
        }
    }

    /// Only when true.
    pub(super) fn flag(&mut self, key: &str, value: bool) {
        if value {
            self.put(key, Tree::Bool(true));
        }
    }
}

impl From<Map> for Tree {
    fn from(map: Map) -> Self {
        Self::Map(map.0)
    }
}

impl From<&serde_json::Value> for Tree {
    fn from(value: &serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => {
                number.as_i64().map_or_else(|| Self::Text(number.to_string()), Self::Integer)
            }
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(entries) => {
                Self::map(entries.iter().map(|(key, value)| (key.clone(), value.into())))
            }
        }
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Integer(value) => serializer.serialize_i64(*value),
            Self::Float(value) => serializer.serialize_f32(*value),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

/// JSON with the characters escaped that Go escapes.
pub(super) fn json(tree: &Tree, indented: bool) -> String {
    let text = if indented { serde_json::to_string_pretty(tree) } else { serde_json::to_string(tree) };
    // A tree has only text keys and finite numbers, and writing to memory cannot fail. Outside of texts JSON has none of these.
    text.unwrap_or_default()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

/// Whether the writer would leave a text without quotes, or break it into lines, though some reader takes that for another one.
fn needs_quotes(text: &str) -> bool {
    let breaks = ['\r', '\u{85}', '\u{2028}', '\u{2029}', '\u{feff}'];
    !text.is_empty() && (Scalar::is_ambiguous(text) || text.contains(breaks))
}

/// Whether readers of YAML 1.1 take a text for something else, as kubectl's does: a truth value, a number of base 60, a merge.
fn is_other_in_yaml_1_1(text: &str) -> bool {
    const WORDS: &[&str] = &["y", "n", "yes", "no", "on", "off", "<<", "="];
    let base_60 = |c: char| c.is_ascii_digit() || matches!(c, ':' | '_' | '.' | '-' | '+');
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
        || (text.contains(':') && text.chars().all(base_60))
}

/// What [`yaml`] gives, for readers of YAML 1.1 as well.
pub(super) fn yaml_1_1(tree: &Tree) -> String {
    written(tree, |text| needs_quotes(text) || is_other_in_yaml_1_1(text))
}

/// YAML that every reader of the wild reads as the same text. The writer leaves plain what YAML 1.2 calls text, while Compose's
/// reader sees a number in `1_000` and a date in `2024-01-31`; a control character put in front makes it quote those.
pub(super) fn yaml(tree: &Tree) -> String {
    written(tree, needs_quotes)
}

fn written(tree: &Tree, needs_quotes: impl Fn(&str) -> bool) -> String {
    let mut tree = tree.clone();
    let mut all = String::new();
    tree.each_text(&mut |text| all.push_str(text));
    let mut word = "force-quotes".to_owned();
    while all.contains(&word) {
        word.push('-');
    }
    tree.each_text(&mut |text| {
        if needs_quotes(text) {
            text.insert_str(0, &format!("\u{1}{word}"));
        }
    });
    serde_yaml::to_string(&tree)
        .unwrap_or_default()
        .replace(&format!("\\x01{word}"), "")
        .replace(&format!("\\u0001{word}"), "")
}
