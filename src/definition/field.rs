//! Reads typed values out of nodes. Whatever is wrong is noted with its place and its path, and reading goes on: a file's
//! problems are all told at once.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::context::Context;
use super::node::{Key, Kind, Mark, Node, Scalar, Value, Written};
use super::values;
use crate::finding::Finding;

/// One value and the way to it from the top: `services.api.ports[0]`.
#[derive(Clone)]
pub(super) struct Field<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) path: String,
    pub(super) node: &'a Node,
}

impl<'a> Field<'a> {
    pub(super) fn mark(&self) -> Mark {
        self.node.mark
    }

    /// An absolute path, from where relative ones of this value's file start if it is relative.
    pub(super) fn resolve(&self, text: &str) -> PathBuf {
        self.context.path_from(self.context.base(self.node.mark), text)
    }

    /// Notes a problem at this value.
    pub(super) fn problem(&self, finding: Finding) {
        self.problem_at(self.node.mark, finding);
    }

    fn problem_at(&self, mark: Mark, finding: Finding) {
        if !self.context.is_full() {
            let finding = finding.at(self.context.sources.place(mark));
            self.context.problems.borrow_mut().push(finding);
        }
    }

    /// Notes that the value cannot be understood; says which variables made it, if any did, and keeps secret ones to itself.
    pub(super) fn wrong(&self, what: impl std::fmt::Display) {
        let mut message = format!("{}: {what}", self.shown_path());
        let mut hint = None;
        if let Value::Scalar(Scalar { written: Some(written), .. }) = &self.node.value {
            for (_, value) in
                written.variables.iter().filter(|(name, value)| is_secret(name) && !value.is_empty())
            {
                message = message.replace(value, "***");
            }
            hint = Some(origin(written));
        }
        self.problem(Finding { hint, ..Finding::error("definition/bad-value", message) });
    }

    /// Remembers where an attribute, named at `key`, and what is in it stand, so many levels deep, for whoever tells a person.
    pub(super) fn locate(&self, key: Mark, depth: usize) {
        let mut attributes = self.context.attributes.borrow_mut();
        attributes.insert(self.path.clone(), (key, self.node.as_written().map(str::to_owned)));
        drop(attributes);
        if depth == 0 {
            return;
        }
        match &self.node.value {
            Value::Map(entries) => {
                for (key, node) in entries {
                    self.below(join(&self.path, &key.text), node).locate(key.mark, depth - 1);
                }
            }
            Value::List(items) => {
                for (at, node) in items.iter().enumerate() {
                    self.below(format!("{}[{at}]", self.path), node).locate(node.mark, depth - 1);
                    // `NAME=value` in the place of an entry.
                    if let Some((name, value)) = node.as_written().and_then(|text| text.split_once('=')) {
                        let mut attributes = self.context.attributes.borrow_mut();
                        attributes.insert(join(&self.path, name), (node.mark, Some(value.to_owned())));
                    }
                }
            }
            Value::Scalar(_) => {}
        }
    }

    fn shown_path(&self) -> &str {
        if self.path.is_empty() { "the top level" } else { &self.path }
    }

    /// Remembers where this value stands, for checks that run once everything is resolved.
    pub(super) fn remember(&self) {
        self.context.places.borrow_mut().insert(self.path.clone(), self.node.mark);
    }

    /// Notes that something else stands here.
    pub(super) fn expected(&self, what: &str) {
        let found = match &self.node.value {
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a map".to_owned(),
            Value::Scalar(scalar) => match scalar.kind() {
                Kind::Null => "nothing".to_owned(),
                Kind::Bool(value) => format!("the truth value {value}"),
                Kind::Integer(_) | Kind::Float(_) => format!("the number {}", scalar.text),
                Kind::Date => format!("the date {}", scalar.text),
                Kind::Text => format!("`{}`", shortened(&scalar.text)),
            },
        };
        self.wrong(format_args!("expected {what}, found {found}"));
    }

    /// A field below this one.
    fn below(&self, path: String, node: &'a Node) -> Field<'a> {
        Field { context: self.context, path, node }
    }

    /// The entries of a map; nothing for null.
    pub(super) fn entries(&self) -> Vec<(&'a Key, Field<'a>)> {
        self.entries_of("a map")
    }

    /// The same where other forms are allowed besides: `what` names them all.
    pub(super) fn entries_of(&self, what: &str) -> Vec<(&'a Key, Field<'a>)> {
        if let Value::Map(entries) = &self.node.value {
            let below = |(key, node): &'a (Key, Node)| (key, self.below(join(&self.path, &key.text), node));
            return entries.iter().map(below).collect();
        }
        if !self.node.is_null() {
            self.expected(what);
        }
        Vec::new()
    }

    /// The items of a list; nothing for null.
    pub(super) fn items(&self) -> Vec<Field<'a>> {
        self.items_of("a list")
    }

    fn items_of(&self, what: &str) -> Vec<Field<'a>> {
        if let Value::List(items) = &self.node.value {
            let items = items.iter().enumerate();
            return items.map(|(at, node)| self.below(format!("{}[{at}]", self.path), node)).collect();
        }
        if !self.node.is_null() {
            self.expected(what);
        }
        Vec::new()
    }

    pub(super) fn is_scalar(&self) -> bool {
        matches!(self.node.value, Value::Scalar(_))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.node.value, Value::List(_))
    }

    /// Whether it is a scalar that is neither null, number nor truth value.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.scalar(), Some((_, Kind::Text)))
    }

    /// Gives the text of a file that this value names to `read`, and notes what it finds and what keeps the file from being read.
    pub(super) fn with_text(&self, path: &Path, required: bool, read: &mut dyn FnMut(&str) -> Vec<Finding>) {
        match self.context.files.text(path) {
            Ok(Some(text)) => {
                for finding in read(&text) {
                    if !self.context.is_full() {
                        self.context.problems.borrow_mut().push(finding);
                    }
                }
            }
            Ok(None) if !required => {}
            Ok(None) => self.unreadable(path, "there is no such file"),
            Err(why) => self.unreadable(path, &why),
        }
    }

    fn unreadable(&self, path: &Path, why: &str) {
        let message = format!("{}: {} cannot be read: {why}", self.path, path.display());
        self.problem(Finding::error("definition/unreadable", message));
    }

    fn scalar(&self) -> Option<(&'a Scalar, Kind)> {
        match &self.node.value {
            Value::Scalar(scalar) => Some((scalar, scalar.kind())),
            _ => None,
        }
    }

    /// Text, and nothing that only looks like it.
    pub(super) fn text(&self) -> Option<String> {
        match self.scalar() {
            Some((scalar, Kind::Text)) => Some(scalar.text.clone()),
            Some((_, Kind::Null)) | None => {
                self.expected("text");
                None
            }
            Some(_) => {
                self.expected("text (put it in quotes)");
                None
            }
        }
    }

    /// Text that must not be empty.
    pub(super) fn name(&self) -> Option<String> {
        let text = self.text()?;
        if text.is_empty() {
            self.wrong("must not be empty");
            return None;
        }
        Some(text)
    }

    /// Text, or a number or truth value as Compose turns it into text, under `name`; null is a name without a value.
    fn pair(&self, name: &str) -> Option<(String, Option<String>)> {
        let value = match self.scalar() {
            Some((_, Kind::Null)) => None,
            Some((_, Kind::Date)) | None => {
                self.expected("text (put it in quotes)");
                return None;
            }
            Some((scalar, kind)) => Some(values::go_text(&kind, &scalar.text)),
        };
        Some((name.to_owned(), value))
    }

    /// Text or number, as written.
    pub(super) fn literal(&self, what: &str) -> Option<&'a str> {
        if let Some((scalar, Kind::Text | Kind::Integer(_) | Kind::Float(_))) = self.scalar() {
            return Some(&scalar.text);
        }
        self.expected(what);
        None
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        let value = match self.scalar() {
            Some((_, Kind::Bool(value))) => Some(value),
            Some((scalar, Kind::Text)) => match scalar.text.to_ascii_lowercase().as_str() {
                "true" | "t" | "1" | "yes" | "y" | "on" => Some(true),
                "false" | "f" | "0" | "no" | "n" | "off" => Some(false),
                _ => None,
            },
            _ => None,
        };
        if value.is_none() {
            self.expected("true or false");
        }
        value
    }

    /// A whole number in the range of `N`.
    pub(super) fn integer<N: TryFrom<i128>>(&self, what: &str) -> Option<N> {
        let value = match self.scalar() {
            Some((_, Kind::Integer(value))) => Some(value),
            Some((scalar, Kind::Text)) => scalar.text.trim().parse().ok(),
            _ => None,
        };
        let value = value.and_then(|value| N::try_from(value).ok());
        if value.is_none() {
            self.expected(what);
        }
        value
    }

    pub(super) fn duration(&self) -> Option<Duration> {
        let value = match self.scalar() {
            Some((scalar, Kind::Text)) => values::duration(&scalar.text),
            _ => None,
        };
        if value.is_none() {
            self.expected("a duration such as 5s or 1m30s");
        }
        value
    }

    /// Reads a text or number with `parse`.
    pub(super) fn parsed<T>(&self, what: &str, parse: fn(&str) -> Option<T>) -> Option<T> {
        let value = self.scalar().filter(|(_, kind)| !matches!(kind, Kind::Null | Kind::Bool(_)));
        let value = value.and_then(|(scalar, _)| parse(&scalar.text));
        if value.is_none() {
            self.expected(what);
        }
        value
    }

    /// A list of texts.
    pub(super) fn texts(&self) -> Vec<String> {
        self.items().iter().filter_map(Field::text).collect()
    }

    /// A list of texts and numbers.
    pub(super) fn literals(&self) -> Vec<String> {
        self.items().iter().filter_map(|item| item.literal("text or a number")).map(str::to_owned).collect()
    }

    /// A list of texts, or one, in which a later one takes the place of an earlier one of the same name; a name ends
    /// at `=`.
    pub(super) fn keyed(&self) -> Vec<String> {
        let single = self.is_scalar() && !self.node.is_null();
        let items = if single { self.text().into_iter().collect() } else { self.texts() };
        let key = |text: &String| text.split_once('=').map_or(text.as_str(), |(key, _)| key).to_owned();
        last_of_each(items, key)
    }

    /// Names with their values; a name alone has an empty one.
    pub(super) fn dictionary(&self) -> BTreeMap<String, String> {
        self.pairs().into_iter().map(|(name, value)| (name, value.unwrap_or_default())).collect()
    }

    /// Text that may be empty, which says nothing.
    pub(super) fn optional(&self) -> Option<String> {
        self.text().filter(|text| !text.is_empty())
    }

    /// A switch; off where it cannot be read.
    pub(super) fn flag(&self) -> bool {
        self.boolean().unwrap_or_default()
    }

    /// A whole number, of which 0 says nothing.
    pub(super) fn amount(&self) -> Option<i64> {
        self.integer("a whole number").filter(|number| *number != 0)
    }

    /// A size in bytes, of which 0 says nothing.
    pub(super) fn size(&self) -> Option<i64> {
        self.parsed("a size such as 512M", values::bytes).filter(|size| *size != 0)
    }

    /// A list of texts in which a repeated one counts once.
    pub(super) fn distinct(&self) -> Vec<String> {
        last_of_each(self.texts(), Clone::clone)
    }

    /// One text or a list of them.
    pub(super) fn one_or_more(&self) -> Vec<String> {
        if self.is_scalar() && !self.node.is_null() {
            self.text().into_iter().collect()
        } else {
            self.distinct()
        }
    }

    /// A command: a list of words, or a line to be split like a shell does. `None` for null.
    pub(super) fn command(&self) -> Option<Vec<String>> {
        if self.node.is_null() {
            return None;
        }
        if !self.is_scalar() {
            return Some(self.items_of("a line or a list").iter().filter_map(Field::text).collect());
        }
        let line = self.text()?;
        let words = values::words(&line);
        if words.is_none() {
            self.wrong(values::OPEN_QUOTE);
        }
        words
    }

    /// A map of scalars, or a list of `NAME=value`. A name alone has no value.
    pub(super) fn pairs(&self) -> Vec<(String, Option<String>)> {
        if !self.is_list() {
            let entries = self.entries_of("a map or a list");
            return entries.iter().filter_map(|(key, field)| field.pair(&key.text)).collect();
        }
        let mut pairs = Vec::new();
        for item in self.items() {
            let Some(text) = item.text() else { continue };
            match text.split_once('=') {
                Some(("", _)) => item.wrong("a name is missing before `=`"),
                Some((name, value)) => pairs.push((name.to_owned(), Some(value.to_owned()))),
                None => pairs.push((text, None)),
            }
        }
        pairs
    }

    /// Whether it is null, or an empty list or map.
    pub(super) fn says_nothing(&self) -> bool {
        match &self.node.value {
            Value::Scalar(_) => self.node.is_null(),
            Value::List(items) => items.is_empty(),
            Value::Map(entries) => entries.is_empty(),
        }
    }

    /// Notes an attribute that is not read here: a typing error, or one that is known and not supported. An
    /// unsupported one that is empty says nothing, and Compose prints such; it passes.
    pub(super) fn unexpected(&self, key: &Key, known: &[&str], unsupported: &[&str]) {
        let is_unsupported = unsupported.contains(&key.text.as_str());
        if key.text.starts_with("x-") || is_unsupported && self.says_nothing() || self.context.is_full() {
            return;
        }
        let owner = self.path.strip_suffix(&key.text).unwrap_or(&self.path).trim_end_matches('.');
        let owner = if owner.is_empty() { "the top level".to_owned() } else { format!("`{owner}`") };
        let finding = if is_unsupported {
            let message = format!("attribute `{}` of {owner} is not supported by pdex", key.text);
            Finding::error("definition/unsupported-attribute", message).hint("remove it")
        } else {
            let message = format!("unknown attribute `{}` of {owner}", key.text);
            let finding = Finding::error("definition/unknown-attribute", message);
            match closest(&key.text, known.iter().chain(unsupported).copied()) {
                Some(name) => finding.hint(format!("did you mean `{name}`?")),
                None => finding.hint("remove it, or start its name with x- to have it ignored"),
            }
        };
        self.problem_at(key.mark, finding);
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// How a value came to be, in words.
fn origin(written: &Written) -> String {
    let show = |(name, value): &(String, String)| {
        if is_secret(name) { format!("{name}=***") } else { format!("{name}={value}") }
    };
    let values: Vec<String> = written.variables.iter().map(show).collect();
    let values = if values.is_empty() { "no variable of it is set".into() } else { values.join(", ") };
    format!("it is written `{}`, and {values}", written.text)
}

/// The beginning of a text that may be long or have several lines.
fn shortened(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let short: String = line.chars().take(60).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

/// Whether a variable of this name had better not be shown.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "KEY", "CREDENTIAL"].iter().any(|word| name.contains(word))
}

/// The name that was probably meant.
pub(super) fn closest<'n>(wrong: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    if wrong.len() > 100 {
        return None;
    }
    names
        .take(1000)
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name.len().abs_diff(wrong.len()), name))
        .filter(|(distance, _, name)| *distance <= (name.chars().count() / 3).max(1))
        .min()
        .map(|(_, _, name)| name)
}

/// Items in which a later one has taken the place of an earlier one of the same key.
pub(super) fn last_of_each<T, K: Hash + Eq>(items: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut kept: Vec<T> = Vec::with_capacity(items.len());
    let mut places: HashMap<K, usize> = HashMap::with_capacity(items.len());
    for item in items {
        match places.entry(key(&item)) {
            Entry::Occupied(place) => {
                if let Some(earlier) = kept.get_mut(*place.get()) {
                    *earlier = item;
                }
            }
            Entry::Vacant(place) => {
                place.insert(kept.len());
                kept.push(item);
            }
        }
    }
    kept
}
