//! Merges the trees of several files, later over earlier, as the merge chapter of the Compose Specification says: maps merge,
//! lists append, commands replace, lists that stand for maps merge by name. Uniqueness of ports and mount targets is kept where
//! their short forms are understood, in `resolve`. Pure.

use std::collections::HashMap;

use super::node::{Key, Node, Scalar, Sources, Tag, Value};
use crate::finding::Finding;

/// Merges `over` into `base`.
pub(super) fn merge(base: Node, over: Node, sources: &Sources, problems: &mut Vec<Finding>) -> Node {
    let mut merger = Merger { sources, problems, path: Vec::new() };
    merger.node(base, over)
}

/// Merges the service `over` into the one it extends.
pub(super) fn extend(
    base: Node,
    over: Node,
    name: &str,
    sources: &Sources,
    problems: &mut Vec<Finding>,
) -> Node {
    let mut merger = Merger { sources, problems, path: vec!["services".into(), name.into()] };
    merger.node(base, over)
}

/// Takes away what `!reset` marks; nothing else of the tags matters once merging is over.
pub(super) fn strip(node: Node) -> Option<Node> {
    if node.tag == Tag::Reset {
        return None;
    }
    let value = match node.value {
        Value::Scalar(scalar) => Value::Scalar(scalar),
        Value::List(items) => Value::List(items.into_iter().filter_map(strip).collect()),
        Value::Map(entries) => {
            Value::Map(entries.into_iter().filter_map(|(key, node)| Some((key, strip(node)?))).collect())
        }
    };
    Some(Node { mark: node.mark, tag: Tag::None, value })
}

/// How an attribute merges.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// By its own type: maps merge, lists append, scalars replace.
    Plain,
    Replace,
    /// A map, or a list of `NAME=value`.
    Pairs,
    /// A map, or a list of names.
    Names,
    /// A list, or a single text.
    Texts,
    /// `build`: a map, or the context alone.
    Build,
    /// A list of `name=address`, or a map.
    Hosts,
    /// Options merge only where the driver stays the same.
    Logging,
    /// A number, or a map.
    Ulimit,
    /// Ranges of addresses, merged by their subnet.
    Pools,
}

fn rule(path: &[String]) -> Rule {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path[..] {
        ["services", _, "command" | "entrypoint"] | ["services", _, "healthcheck", "test"] => Rule::Replace,
        ["services", _, "environment" | "labels" | "annotations" | "sysctls"]
        | ["services", _, "build" | "deploy", "args" | "labels"]
        | ["networks" | "volumes", _, "labels"] => Rule::Pairs,
        ["services", _, "depends_on" | "networks"] => Rule::Names,
        ["services", _, "tmpfs" | "dns" | "dns_search" | "env_file" | "label_file"]
        | ["services", _, "build", "cache_from"] => Rule::Texts,
        ["services", _, "build"] => Rule::Build,
        ["services", _, "extra_hosts"] | ["services", _, "build", "extra_hosts"] => Rule::Hosts,
        ["services", _, "logging"] => Rule::Logging,
        ["services", _, "ulimits", _] | ["services", _, "build", "ulimits", _] => Rule::Ulimit,
        ["networks", _, "ipam", "config"] => Rule::Pools,
        _ => Rule::Plain,
    }
}

struct Merger<'a> {
    sources: &'a Sources,
    problems: &'a mut Vec<Finding>,
    path: Vec<String>,
}

impl Merger<'_> {
    fn node(&mut self, base: Node, over: Node) -> Node {
        if over.tag == Tag::Override || base.is_null() {
            return over;
        }
        let rule = rule(&self.path);
        if over.is_null() && !matches!(base.value, Value::Scalar(_)) && rule != Rule::Replace {
            return base;
        }
        let (base, over) = (same_form(base, rule), same_form(over, rule));
        let (mark, place) = (over.mark, self.sources.place(over.mark));
        let value = match (base.value, over.value) {
            (_, over) if rule == Rule::Replace => over,
            (Value::Map(base), Value::Map(over)) if rule == Rule::Logging && drivers_differ(&base, &over) => {
                Value::Map(over)
            }
            (Value::List(base), Value::List(over)) if rule == Rule::Pools => {
                Value::List(self.pools(base, over))
            }
            (Value::Scalar(_) | Value::Map(_), over @ Value::Scalar(_)) if rule == Rule::Ulimit => over,
            (Value::Scalar(_), over @ Value::Map(_)) if rule == Rule::Ulimit => over,
            (Value::Map(base), Value::Map(over)) => Value::Map(self.maps(base, over)),
            (Value::List(mut base), Value::List(over)) => {
                base.extend(over);
                Value::List(base)
            }
            (Value::Scalar(_), Value::Scalar(over)) => Value::Scalar(over),
            (base, over) => {
                let message = format!(
                    "{}: {} cannot be merged over {} of an earlier file",
                    self.path.join("."),
                    name_of(&over),
                    name_of(&base)
                );
                let finding = Finding::error("definition/cannot-merge", message).at(place);
                self.problems
                    .push(finding.hint("write it in the same form, or tag it !override to replace it"));
                base
            }
        };
        Node { mark, tag: Tag::None, value }
    }

    fn pools(&mut self, mut base: Vec<Node>, over: Vec<Node>) -> Vec<Node> {
        let subnet = |pool: &Node| pool.get("subnet").and_then(scalar_text).map(str::to_owned);
        let index: HashMap<String, usize> =
            base.iter().enumerate().filter_map(|(at, pool)| Some((subnet(pool)?, at))).collect();
        for pool in over {
            match subnet(&pool).and_then(|subnet| base.get_mut(*index.get(&subnet)?)) {
                Some(earlier) => {
                    let taken = std::mem::replace(earlier, Node::null(pool.mark));
                    *earlier = self.node(taken, pool);
                }
                None => base.push(pool),
            }
        }
        base
    }

    fn maps(&mut self, base: Vec<(Key, Node)>, over: Vec<(Key, Node)>) -> Vec<(Key, Node)> {
        let index: HashMap<String, usize> =
            base.iter().enumerate().map(|(at, (key, _))| (key.text.clone(), at)).collect();
        let mut slots: Vec<Option<(Key, Node)>> = base.into_iter().map(Some).collect();
        for (key, node) in over {
            let Some(slot) = index.get(&key.text).and_then(|at| slots.get_mut(*at)) else {
                slots.push(Some((key, node)));
                continue;
            };
            *slot = match slot.take() {
                _ if node.tag == Tag::Reset => None,
                None => Some((key, node)),
                Some((_, earlier)) => {
                    self.path.push(key.text.clone());
                    let merged = self.node(earlier, node);
                    self.path.pop();
                    Some((key, merged))
                }
            };
        }
        slots.into_iter().flatten().collect()
    }
}

fn drivers_differ(base: &[(Key, Node)], over: &[(Key, Node)]) -> bool {
    let driver = |entries: &[(Key, Node)]| {
        let found = entries.iter().find(|(key, _)| key.text == "driver");
        found.and_then(|(_, node)| scalar_text(node).map(str::to_owned))
    };
    matches!((driver(base), driver(over)), (Some(base), Some(over)) if base != over)
}

fn scalar_text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar(scalar) => Some(&scalar.text),
        _ => None,
    }
}

fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Scalar(_) => "a single value",
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
    }
}

/// Rewrites the shorter of two allowed forms as the longer one, so that both sides can be merged.
fn same_form(node: Node, rule: Rule) -> Node {
    let Node { mark, tag, value } = node;
    let value = match (rule, value) {
        (Rule::Pairs, Value::List(items)) => Value::Map(items.into_iter().filter_map(pair).collect()),
        (Rule::Names, Value::List(items)) => Value::Map(items.into_iter().filter_map(name).collect()),
        (Rule::Texts, value @ Value::Scalar(_)) => Value::List(vec![Node { mark, tag: Tag::None, value }]),
        (Rule::Hosts, Value::Map(entries)) => Value::List(entries.into_iter().flat_map(hosts).collect()),
        (Rule::Build, value @ Value::Scalar(_)) => {
            Value::Map(vec![(Key { text: "context".into(), mark }, Node { mark, tag: Tag::None, value })])
        }
        (_, value) => value,
    };
    Node { mark, tag, value }
}

/// `name: address`, or `name: [address, …]`, as list items.
fn hosts((key, node): (Key, Node)) -> Vec<Node> {
    let (mark, tag) = (node.mark, node.tag);
    let addresses = match node.value {
        Value::List(items) => items,
        value => vec![Node { mark, tag, value }],
    };
    let item = |address: Node| {
        let text = format!("{}={}", key.text, scalar_text(&address).unwrap_or_default());
        Node { mark: address.mark, tag, value: Value::Scalar(Scalar::text(text)) }
    };
    addresses.into_iter().map(item).collect()
}

fn pair(item: Node) -> Option<(Key, Node)> {
    let mark = item.mark;
    let Value::Scalar(scalar) = item.value else { return None };
    let (name, value) = match scalar.text.split_once('=') {
        Some((name, value)) => (name.to_owned(), Scalar { written: scalar.written, ..Scalar::text(value) }),
        None => (scalar.text, Scalar::null()),
    };
    Some((Key { text: name, mark }, Node { mark, tag: item.tag, value: Value::Scalar(value) }))
}

fn name(item: Node) -> Option<(Key, Node)> {
    match item.value {
        Value::Scalar(scalar) => Some((Key { text: scalar.text, mark: item.mark }, Node::null(item.mark))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::yaml;

    fn show(node: &Node) -> String {
        match &node.value {
            Value::Scalar(_) if node.is_null() => "~".into(),
            Value::Scalar(scalar) => scalar.text.clone(),
            Value::List(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", ")),
            Value::Map(entries) => {
                let entries = entries.iter().map(|(key, node)| format!("{}: {}", key.text, show(node)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// Merges two bodies of one service.
    fn check(base: &str, over: &str, expected: &str) {
        let sources = Sources::default();
        let read = |body: &str| {
            let text = format!("services: {{a: {{{body}}}}}");
            yaml::parse(text.as_bytes(), 0, &sources).expect("valid").remove(0)
        };
        let mut problems = Vec::new();
        let merged = strip(merge(read(base), read(over), &sources, &mut problems)).expect("not reset");
        assert!(problems.is_empty(), "{problems:?}");
        let service = merged.get("services").and_then(|services| services.get("a")).expect("service");
        assert_eq!(show(service), format!("{{{expected}}}"), "{base} + {over}");
    }

    #[test]
    fn the_rules_of_the_merge_chapter() {
        check("image: a", "image: b", "image: b");
        check("cap_add: [A]", "cap_add: [B]", "cap_add: [A, B]");
        check("command: [a, b]", "command: c", "command: c");
        check("entrypoint: a", "entrypoint: [b]", "entrypoint: [b]");
        check(
            "healthcheck: {test: [A], retries: 1}",
            "healthcheck: {test: b}",
            "healthcheck: {test: b, retries: 1}",
        );
        check("environment: {A: 1, B: 2}", "environment: [B=3, C]", "environment: {A: 1, B: 3, C: ~}");
        check("labels: [a=b=c]", "labels: {d: e}", "labels: {a: b=c, d: e}");
        check("depends_on: [b]", "depends_on: {c: {condition: x}}", "depends_on: {b: ~, c: {condition: x}}");
        check("networks: [n]", "networks: {n: {aliases: [x]}}", "networks: {n: {aliases: [x]}}");
        check("tmpfs: /a", "tmpfs: [/b]", "tmpfs: [/a, /b]");
        check("build: .", "build: {target: t}", "build: {context: ., target: t}");
        check("ports: ['1:1']", "ports: ['2:2']", "ports: [1:1, 2:2]");
        check("cap_add: [A]", "cap_add: ", "cap_add: [A]");
    }

    #[test]
    fn reset_takes_away_and_override_replaces() {
        check("ports: ['1:1'], image: a", "ports: !reset []", "image: a");
        check("ports: ['1:1']", "ports: !override ['2:2']", "ports: [2:2]");
        check("environment: {A: 1, B: 2}", "environment: {A: !reset null}", "environment: {B: 2}");
        check("environment: {A: 1}", "environment: !override {B: 2}", "environment: {B: 2}");
    }

    #[test]
    fn a_map_over_a_list_is_an_error() {
        let sources = Sources::default();
        let read = |text: &str| yaml::parse(text.as_bytes(), 0, &sources).expect("valid").remove(0);
        let mut problems = Vec::new();
        merge(read("volumes: {a: {}}"), read("volumes: [a]"), &sources, &mut problems);
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].code, "definition/cannot-merge");
    }
}
