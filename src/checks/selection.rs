//! Which checks a person asked for. Pure.

/// By the names of services (`api`), of checks (`row-counts`), or of both (`db/row-counts`). Nothing named means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    pub only: Vec<String>,
    pub skip: Vec<String>,
}

impl Selection {
    pub(super) fn has(&self, service: &str, check: &str) -> bool {
        let names = |list: &[String]| list.iter().any(|name| is_called(service, check, name));
        (self.only.is_empty() || names(&self.only)) && !names(&self.skip)
    }

    /// The first name that none of these checks has.
    pub fn unknown<'a>(&'a self, checks: &[(String, String)]) -> Option<&'a str> {
        let known = |name: &str| checks.iter().any(|(service, check)| is_called(service, check, name));
        self.only.iter().chain(&self.skip).map(String::as_str).find(|name| !known(name))
    }
}

/// As it is typed: without spaces.
pub fn typed(check: &str) -> String {
    check.replace(' ', "-")
}

fn is_called(service: &str, check: &str, name: &str) -> bool {
    let check = typed(check);
    name == service
        || name == check
        || name.strip_prefix(service).is_some_and(|rest| rest == format!("/{check}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_checks_and_both_are_names() {
        let of = |only: &[&str], skip: &[&str]| {
            let owned = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
            Selection { only: owned(only), skip: owned(skip) }
        };
        for (only, skip, has) in [
            (vec![], vec![], true),
            (vec!["db"], vec![], true),
            (vec!["row-counts"], vec![], true),
            (vec!["db/row-counts"], vec![], true),
            (vec!["api/row-counts"], vec![], false),
            (vec!["api"], vec![], false),
            (vec!["db"], vec!["row-counts"], false),
            (vec![], vec!["db"], false),
        ] {
            assert_eq!(of(&only, &skip).has("db", "row counts"), has, "{only:?} {skip:?}");
        }
        let checks = [("db".to_owned(), "row counts".to_owned())];
        assert_eq!(of(&["db"], &["row-count"]).unknown(&checks), Some("row-count"));
        assert_eq!(of(&["db"], &["db/row-counts"]).unknown(&checks), None);
    }
}
