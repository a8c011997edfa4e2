//! YAML text to [`Node`]s: anchors, aliases and merge keys are resolved here, under limits that hostile text cannot pass.
//! Reads the events of the parser: its own tree loader copies what an alias names before anyone can count the copies.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::node::{Key, Mark, Node, Scalar, Sources, Tag, Value};
use crate::finding::Finding;

/// Bytes of one file.
pub(super) const MAX_BYTES: usize = 8 << 20;
/// Nodes of one file once its aliases are expanded.
const MAX_NODES: usize = 400_000;
/// Maps and lists inside each other.
const MAX_DEPTH: usize = 64;

/// Bytes of a key.
const MAX_KEY: usize = 512;
/// Documents of one file.
const MAX_DOCUMENTS: usize = 64;

/// The documents of one file, in order. Empty ones are left out.
pub(super) fn parse(bytes: &[u8], file: usize, sources: &Sources) -> Result<Vec<Node>, Finding> {
    let fail = |code, message: String, line, column| {
        Finding::error(code, message).at(sources.place(Mark { file, line, column }))
    };
    if bytes.len() > MAX_BYTES {
        let message =
            format!("the file has {} bytes, more than the {MAX_BYTES} a definition may have", bytes.len());
        return Err(fail("definition/too-large", message, 0, 0));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let (line, column) = position(&bytes[..error.valid_up_to()]);
        fail("definition/not-utf8", "the file is not UTF-8 text".into(), line, column)
            .hint("save it as UTF-8; only text files are definitions")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let builder = Builder { file, ..Builder::default() };
    builder.run(Parser::new_from_str(text)).map_err(|Stop { code, message, mark, hint }| {
        let mark = mark.unwrap_or(Mark { file, line: 0, column: 0 });
        let finding = Finding::error(code, message).at(sources.place(mark));
        Finding { hint: hint.map(str::to_owned), ..finding }
    })
}

/// Line and column just after `before`.
fn position(before: &[u8]) -> (usize, usize) {
    let line = before.split(|b| *b == b'\n').count();
    let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    (line, String::from_utf8_lossy(&before[start..]).chars().count() + 1)
}

struct Stop {
    code: &'static str,
    message: String,
    mark: Option<Mark>,
    hint: Option<&'static str>,
}

impl Stop {
    fn new(code: &'static str, message: impl Into<String>, mark: Mark) -> Self {
        Self { code, message: message.into(), mark: Some(mark), hint: None }
    }
}

/// A finished node that an alias may name: how many nodes it has, and how deep it goes.
struct Anchored {
    node: Node,
    count: usize,
    height: usize,
}

/// A map or list that is still open.
struct Open {
    mark: Mark,
    tag: Tag,
    anchor: usize,
    content: Content,
    /// Nodes of the file when this one began.
    nodes_before: usize,
    /// Deepest level below this one so far.
    height: usize,
}

enum Content {
    List(Vec<Node>),
    Map { entries: Vec<(Key, Node)>, names: HashSet<String>, merged: Vec<Node>, key: Option<PendingKey> },
}

enum PendingKey {
    Name(Key),
    /// `<<`
    Merge,
}

#[derive(Default)]
struct Builder {
    file: usize,
    stack: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    documents: Vec<Node>,
    nodes: usize,
}

impl Builder {
    fn run(mut self, mut parser: Parser<'_, StrInput<'_>>) -> Result<Vec<Node>, Stop> {
        while let Some(next) = parser.next_event() {
            let (event, span) = next.map_err(|error| self.syntax(&error))?;
            let mark = self.mark(span);
            match event {
                Event::Scalar(text, style, anchor, tag) => {
                    let tag = tag.map(|tag| (tag.handle.clone(), tag.suffix.clone()));
                    let (tag, is_text) = known_tag(tag, mark)?;
                    let plain = style == ScalarStyle::Plain && !is_text;
                    let scalar = Scalar { text: text.into_owned(), plain, written: None };
                    self.count(1, mark)?;
                    self.place(Node { mark, tag, value: Value::Scalar(scalar) }, anchor, 1, 0)?;
                }
                Event::SequenceStart(anchor, tag) => {
                    let tag = tag.map(|tag| (tag.handle.clone(), tag.suffix.clone()));
                    self.open(mark, known_tag(tag, mark)?.0, anchor, Content::List(Vec::new()))?;
                }
                Event::MappingStart(anchor, tag) => {
                    let tag = tag.map(|tag| (tag.handle.clone(), tag.suffix.clone()));
                    let content = Content::Map {
                        entries: Vec::new(),
                        names: HashSet::new(),
                        merged: Vec::new(),
                        key: None,
                    };
                    self.open(mark, known_tag(tag, mark)?.0, anchor, content)?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.close()?,
                Event::Alias(anchor) => self.alias(anchor, mark)?,
                Event::DocumentEnd => self.anchors.clear(),
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {}
            }
        }
        Ok(self.documents)
    }

    fn mark(&self, span: Span) -> Mark {
        Mark { file: self.file, line: span.start.line(), column: span.start.col() + 1 }
    }

    fn syntax(&self, error: &ScanError) -> Stop {
        let marker = error.marker();
        let mark = Mark { file: self.file, line: marker.line(), column: marker.col() + 1 };
        let stop = Stop::new("definition/bad-yaml", format!("not valid YAML: {}", error.info()), mark);
        Stop { hint: Some("a value, a bracket, a quote or an indent is wrong here or just before"), ..stop }
    }

    fn count(&mut self, more: usize, mark: Mark) -> Result<(), Stop> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes > MAX_NODES {
            let message = format!("more than {MAX_NODES} values once aliases are expanded");
            return Err(Stop::new("definition/too-large", message, mark));
        }
        Ok(())
    }

    fn depth_check(depth: usize, mark: Mark) -> Result<(), Stop> {
        if depth > MAX_DEPTH {
            let message = format!("maps and lists are nested more than {MAX_DEPTH} deep");
            return Err(Stop::new("definition/too-deep", message, mark));
        }
        Ok(())
    }

    fn open(&mut self, mark: Mark, tag: Tag, anchor: usize, content: Content) -> Result<(), Stop> {
        Self::depth_check(self.stack.len() + 1, mark)?;
        let nodes_before = self.nodes;
        self.count(1, mark)?;
        self.stack.push(Open { mark, tag, anchor, content, nodes_before, height: 0 });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Stop> {
        let Some(open) = self.stack.pop() else { return Ok(()) };
        let value = match open.content {
            Content::List(items) => Value::List(items),
            Content::Map { entries, names, merged, .. } => Value::Map(merge_keys(entries, names, merged)?),
        };
        let node = Node { mark: open.mark, tag: open.tag, value };
        self.place(node, open.anchor, self.nodes - open.nodes_before, open.height + 1)
    }

    fn alias(&mut self, anchor: usize, mark: Mark) -> Result<(), Stop> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(Stop::new("definition/bad-yaml", "an alias stands inside the value it names", mark));
        };
        let (count, height) = (anchored.count, anchored.height);
        Self::depth_check(self.stack.len() + height, mark)?;
        self.count(count, mark)?;
        let Some(anchored) = self.anchors.get(&anchor) else { return Ok(()) };
        let node = anchored.node.clone();
        self.place(node, 0, count, height)
    }

    /// Puts a finished node where it belongs: into the open map or list, or among the documents.
    fn place(&mut self, node: Node, anchor: usize, count: usize, height: usize) -> Result<(), Stop> {
        if anchor > 0 {
            self.anchors.insert(anchor, Anchored { node: node.clone(), count, height });
            self.count(count, node.mark)?;
        }
        let Some(open) = self.stack.last_mut() else {
            if self.documents.len() == MAX_DOCUMENTS {
                let message = format!("the file has more than {MAX_DOCUMENTS} documents");
                return Err(Stop::new("definition/too-large", message, node.mark));
            }
            if !node.is_null() {
                self.documents.push(node);
            }
            return Ok(());
        };
        open.height = open.height.max(height);
        match &mut open.content {
            Content::List(items) => items.push(node),
            Content::Map { entries, names, merged, key } => match key.take() {
                None => *key = Some(pending_key(node, names)?),
                Some(PendingKey::Merge) => merged.push(node),
                Some(PendingKey::Name(name)) => entries.push((name, node)),
            },
        }
        Ok(())
    }
}

fn known_tag(tag: Option<(String, String)>, mark: Mark) -> Result<(Tag, bool), Stop> {
    let Some((handle, suffix)) = tag else { return Ok((Tag::None, false)) };
    match (handle.as_str(), suffix.as_str()) {
        ("!", "reset") => Ok((Tag::Reset, false)),
        ("!", "override") => Ok((Tag::Override, false)),
        ("tag:yaml.org,2002:", "str") | ("!" | "", "") => Ok((Tag::None, true)),
        ("tag:yaml.org,2002:", "int" | "float" | "bool" | "null" | "map" | "seq") => Ok((Tag::None, false)),
        _ => Err(Stop::new("definition/bad-yaml", format!("unknown tag `{handle}{suffix}`"), mark)),
    }
}

fn pending_key(node: Node, names: &mut HashSet<String>) -> Result<PendingKey, Stop> {
    let Value::Scalar(scalar) = node.value else {
        return Err(Stop::new("definition/bad-yaml", "a map or list cannot be a key", node.mark));
    };
    if scalar.text.len() > MAX_KEY {
        let message = format!("a key has more than {MAX_KEY} bytes");
        return Err(Stop::new("definition/too-large", message, node.mark));
    }
    if scalar.plain && scalar.text == "<<" {
        return Ok(PendingKey::Merge);
    }
    if !names.insert(scalar.text.clone()) {
        let message = format!("`{}` stands twice in this map", scalar.text);
        return Err(Stop::new("definition/duplicate-key", message, node.mark));
    }
    Ok(PendingKey::Name(Key { text: scalar.text, mark: node.mark }))
}

/// Adds what `<<` brings. The map's own entries win; of several merged maps the first one does.
fn merge_keys(
    mut entries: Vec<(Key, Node)>,
    mut names: HashSet<String>,
    merged: Vec<Node>,
) -> Result<Vec<(Key, Node)>, Stop> {
    for node in merged {
        let maps = match node.value {
            Value::List(items) => items,
            _ => vec![node],
        };
        for map in maps {
            let Value::Map(more) = map.value else {
                return Err(Stop::new("definition/bad-yaml", "`<<` takes a map or a list of maps", map.mark));
            };
            for (key, value) in more {
                if names.insert(key.text.clone()) {
                    entries.push((key, value));
                }
            }
        }
    }
    Ok(entries)
}
