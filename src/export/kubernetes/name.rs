//! Names as Kubernetes takes them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// The longest that leaves room for what the cluster appends to the names of pods.
const LONGEST: usize = 50;

/// The nearest name that is a label of DNS (RFC 1035): lower-case letters, digits and `-`, with a letter first.
pub(super) fn dns(text: &str) -> String {
    let name: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let name = name.trim_matches('-');
    let name =
        if name.starts_with(|c: char| c.is_ascii_lowercase()) { name.to_owned() } else { format!("x{name}") };
    name.chars().take(LONGEST).collect::<String>().trim_end_matches('-').to_owned()
}

/// A name for each text, none of them twice: `a_b` and `a.b` become `a-b` and `a-b-2`.
pub(super) fn distinct<K: Ord>(texts: impl IntoIterator<Item = (K, String)>) -> BTreeMap<K, String> {
    let (mut names, mut taken) = (BTreeMap::new(), BTreeSet::new());
    for (key, text) in texts {
        if names.contains_key(&key) {
            continue;
        }
        let wanted = dns(&text);
        let mut name = wanted.clone();
        for number in 2.. {
            if taken.insert(name.clone()) {
                break;
            }
            name = format!("{wanted}-{number}");
        }
        names.insert(key, name);
    }
    names
}

/// A label's value: letters, digits, `-`, `_` and `.`, a letter or digit at both ends, 63 at most.
pub(super) fn label(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let value: String = text.chars().map(plain).take(63).collect();
    value.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned()
}

/// The metadata of an object.
pub(super) fn metadata(name: &str, labels: &Value) -> Value {
    json!({"name": name, "labels": labels})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_becomes_a_name() {
        for (text, expected) in [
            ("ml_builder", "ml-builder"),
            ("Web.Front", "web-front"),
            ("9lives", "x9lives"),
            ("__", "x"),
            ("a-", "a"),
            ("é", "x"),
        ] {
            assert_eq!(dns(text), expected, "{text}");
        }
        assert_eq!(dns(&"a".repeat(80)).len(), LONGEST);
        assert_eq!(label("v1.6.1+meta/x"), "v1.6.1-meta-x");
        assert_eq!(label(&"-x-".repeat(40)).len(), 61);
    }

    #[test]
    fn no_two_have_one_name() {
        let names = distinct(["a_b", "a.b", "a-b-2"].map(|text| (text, text.to_owned())));
        assert_eq!(names.values().collect::<BTreeSet<_>>().len(), 3);
        assert_eq!(names["a_b"], "a-b");
    }
}
