//! `secrets` and `configs`: the top-level ones, and their use by services and builds.

use std::collections::BTreeMap;

use super::{attributes, extension, full_name};
use crate::definition::field::{Field, last_of_each};
use crate::definition::model::{FileObject, FileReference, FileSource, Hidden};
use crate::finding::Finding;

/// The top-level section.
pub(super) fn objects(section: &Field<'_>, project: &str) -> BTreeMap<String, FileObject> {
    let content = section.path == "configs";
    let mut objects = BTreeMap::new();
    for (key, field) in section.entries() {
        if !key.text.starts_with("x-")
            && let Some(object) = object(&field, &key.text, project, content)
        {
            field.remember();
            objects.insert(key.text.clone(), object);
        }
    }
    objects
}

fn object(field: &Field<'_>, name: &str, project: &str, content: bool) -> Option<FileObject> {
    let mut sources = Vec::new();
    let (mut given, mut keeping, mut unreadable) = (None, None, false);
    for (key, value) in field.entries() {
        let source = match key.text.as_str() {
            "name" => {
                given = value.name();
                continue;
            }
            "file" => value.name().map(|text| FileSource::File(value.resolve(&text))),
            "environment" => value.name().map(|variable| {
                let value = value.context.variable(&variable).map(Hidden::new);
                FileSource::Environment { variable, value }
            }),
            "x-pdex" if !content => {
                keeping = extension::keeping(&value);
                continue;
            }
            "content" if content => value.text().map(FileSource::Content),
            "external" if !value.flag() => continue,
            "external" => {
                let message = format!(
                    "{}: an external one lives in a Swarm that somebody else keeps it in",
                    value.path
                );
                let hint = "give it a `file` or an `environment` variable";
                value.problem(Finding::error("definition/unsupported-attribute", message).hint(hint));
                unreadable = true;
                continue;
            }
            _ => {
                let known = if content { attributes::CONFIG } else { attributes::SECRET };
                value.unexpected(key, known, attributes::FILE_OBJECT_UNSUPPORTED);
                continue;
            }
        };
        unreadable |= source.is_none();
        sources.extend(source);
    }
    if unreadable {
        return None;
    }
    let words = if content { "`file`, `environment` or `content`" } else { "`file` or `environment`" };
    let mut sources = sources.into_iter();
    match (sources.next(), sources.next()) {
        (Some(source), None) => {
            if keeping.is_some() && !matches!(source, FileSource::File(_)) {
                field.wrong("`x-pdex` keeps secrets that are files");
            }
            Some(FileObject { name: full_name(given, name, project, false), source, keeping })
        }
        (None, _) => {
            let message = format!("{}: {words} is missing", field.path);
            field.problem(Finding::error("definition/missing-attribute", message));
            None
        }
        _ => {
            field.wrong(format_args!("only one of {words} can be given"));
            None
        }
    }
}

/// The use of secrets or configs. `folder` is where a target goes that is not written: a later one at the same place
/// replaces an earlier one.
pub(super) fn references(field: &Field<'_>, folder: Option<&str>) -> Vec<FileReference> {
    let mut all: Vec<FileReference> = Vec::new();
    for item in field.items() {
        let Some(mut reference) = reference(&item) else { continue };
        item.context
            .places
            .borrow_mut()
            .entry(format!("{} {}", field.path, reference.source))
            .or_insert(item.mark());
        if let Some(folder) = folder
            && reference.target.is_none()
        {
            reference.target = Some(format!("{folder}/{}", reference.source));
        }
        all.push(reference);
    }
    last_of_each(all, |reference| reference.path("/"))
}

fn reference(field: &Field<'_>) -> Option<FileReference> {
    if field.is_scalar() {
        return Some(FileReference { source: field.name()?, ..FileReference::default() });
    }
    let mut reference = FileReference::default();
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "source" => reference.source = value.name()?,
            "target" => reference.target = value.optional(),
            "uid" => reference.uid = value.literal("a user's number").map(str::to_owned),
            "gid" => reference.gid = value.literal("a group's number").map(str::to_owned),
            "mode" => reference.mode = mode(&value),
            _ => value.unexpected(key, attributes::FILE_REFERENCE, &[]),
        }
    }
    if reference.source.is_empty() {
        let message = format!("{}: `source` is missing", field.path);
        field.problem(Finding::error("definition/missing-attribute", message));
        return None;
    }
    Some(reference)
}

/// A number as YAML reads it, or octal digits in quotes.
fn mode(field: &Field<'_>) -> Option<u32> {
    let mode = if field.is_text() {
        field.parsed("permission bits such as 0440", |text| u32::from_str_radix(text, 8).ok())
    } else {
        field.integer("permission bits such as 0440")
    };
    if mode.is_some_and(|bits| bits > 0o7777) {
        field.wrong("permission bits go up to 07777");
        return None;
    }
    mode
}
