//! The formats of package databases. Pure; what is not as it should be is left out.

use super::{Manager, Package};

/// `Key: value` lines of one paragraph, continuation lines left out.
fn field<'t>(paragraph: &'t str, key: &str) -> Option<&'t str> {
    let line = paragraph.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.map(str::trim).filter(|value| !value.is_empty())
}

/// A word that can be shown and sent on: nothing that moves a cursor, and not endless.
fn word(text: &str) -> Option<String> {
    let sound = text.len() <= 200 && text.chars().all(|c| !c.is_control() && !c.is_whitespace());
    sound.then(|| text.to_owned())
}

/// Debian's status file, or one of its paragraphs.
pub(super) fn dpkg(text: &str) -> Vec<Package> {
    let read = |paragraph: &str| {
        // Removed packages whose settings stay are in the list, too.
        let there = field(paragraph, "Status").is_none_or(|status| status.ends_with(" installed"));
        let package = Package {
            manager: Manager::Dpkg,
            name: word(field(paragraph, "Package")?)?,
            version: word(field(paragraph, "Version")?)?,
            architecture: field(paragraph, "Architecture").and_then(word),
            license: None,
        };
        there.then_some(package)
    };
    text.split("\n\n").filter_map(read).collect()
}

/// Alpine's list: `P:name`, `V:version`, `A:architecture`, `L:licence`.
pub(super) fn apk(text: &str) -> Vec<Package> {
    let read = |paragraph: &str| {
        Some(Package {
            manager: Manager::Apk,
            name: word(field(paragraph, "P")?)?,
            version: word(field(paragraph, "V")?)?,
            architecture: field(paragraph, "A").and_then(word),
            license: field(paragraph, "L").and_then(license),
        })
    };
    text.split("\n\n").filter_map(read).collect()
}

/// A Python package's METADATA: headers up to the first empty line.
pub(super) fn python(text: &str) -> Option<Package> {
    let text = text.replace("\r\n", "\n");
    let headers = text.split("\n\n").next().unwrap_or_default();
    let expression = field(headers, "License-Expression").or_else(|| field(headers, "License"));
    Some(Package {
        manager: Manager::Python,
        name: word(field(headers, "Name")?)?,
        version: word(field(headers, "Version")?)?,
        architecture: None,
        license: expression.and_then(license),
    })
}

/// One short line.
fn license(text: &str) -> Option<String> {
    let sound = text.chars().count() <= 100 && !text.chars().any(char::is_control) && text != "UNKNOWN";
    sound.then(|| text.to_owned())
}

/// `ID` and `VERSION_ID` of an os-release file.
pub(super) fn release(text: &str) -> Option<(String, String)> {
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
        word(line.trim().trim_matches(['"', '\'']))
    };
    Some((value("ID")?, value("VERSION_ID").unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_removed_is_not_installed() {
        let text = "Package: a\nStatus: install ok installed\nVersion: 1:2-3\nDescription: x\n Package: not me\n\n\
                    Package: b\nStatus: deinstall ok config-files\nVersion: 1\n";
        let found = dpkg(text);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_str(), found[0].version.as_str()), ("a", "1:2-3"));
    }

    #[test]
    fn headers_of_python_end_before_the_description() {
        let text = "Metadata-Version: 2.1\r\nName: A_b\r\nVersion: 1\r\nLicense: MIT\r\n\r\nName: other\r\n";
        let package = python(text).unwrap();
        assert_eq!((package.name.as_str(), package.license.as_deref()), ("A_b", Some("MIT")));
        assert_eq!(python("Name: a b\nVersion: 1"), None, "no name has a space");
        assert_eq!(python("Name: a\n\nVersion: 1"), None);
    }

    #[test]
    fn names_that_move_a_cursor_are_no_names() {
        assert!(dpkg("Package: a\u{1b}[2J\nVersion: 1\n").is_empty());
        assert!(dpkg(&format!("Package: {}\nVersion: 1\n", "a".repeat(300))).is_empty());
        assert_eq!(release("ID=alpine\nVERSION_ID=3.19.1\n"), Some(("alpine".into(), "3.19.1".into())));
        assert_eq!(release("NAME=x\n"), None);
    }
}
