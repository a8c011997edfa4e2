//! Facts for the tests of the rules: a definition that lies in a folder of its own, and an engine that nobody asked.

use super::{Facts, Issue, Look, Observed, Scan, check, rules};
use crate::definition::{Loaded, Request, load};

/// A definition with what was seen of it.
pub(super) struct Stage {
    pub(super) loaded: Loaded,
    pub(super) observed: Observed,
    pub(super) scan: Scan,
    _folder: tempfile::TempDir,
}

impl Stage {
    /// Of the text of a definition, with these variables set.
    pub(super) fn with(text: &str, variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("audit").tempdir().unwrap();
        let file = folder.path().join("stack.yaml");
        std::fs::write(&file, text).unwrap();
        let environment =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let request = Request { files: vec![file], environment, ..Request::default() };
        let loaded = load(&request).unwrap();
        Self { loaded, observed: Observed::default(), scan: Scan::default(), _folder: folder }
    }

    /// One service `a`, with these attributes.
    pub(super) fn service(attributes: &str) -> Self {
        Self::with(
            &format!("name: x\nservices:\n  a:\n    image: \"a:1\"\n{attributes}"),
            &[("PW", "f3wq0Zk2pLx9")],
        )
    }

    pub(super) fn facts(&self) -> Facts<'_> {
        Facts {
            definition: &self.loaded.definition,
            attributes: &self.loaded.attributes,
            observed: &self.observed,
            scan: &self.scan,
            exposed: &[],
        }
    }

    pub(super) fn issues(&self) -> Vec<Issue> {
        check(&self.facts())
    }

    /// What one rule says, `severity line: message` each.
    pub(super) fn said(&self, rule: &str) -> Vec<String> {
        let id = format!("audit/{rule}");
        assert!(rules().any(|rule| rule.id == id), "{id} is a rule");
        let own = self.issues().into_iter().filter(|issue| issue.rule.id == id);
        own.map(|issue| {
            let line = issue.finding.place.as_ref().map_or(0, |place| place.line);
            format!("{} {line}: {}", issue.risk, issue.finding.message)
        })
        .collect()
    }
}

/// Whether a rule looks at containers, too.
pub(super) fn sees_containers(id: &str) -> bool {
    rules().any(|rule| rule.id == id && matches!(rule.look, Look::Service(_)))
}
