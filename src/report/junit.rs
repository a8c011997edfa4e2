//! Results of checks for build servers, in the form that `JUnit`'s have.

use std::fmt::Write as _;

use crate::checks::{CheckResult, Outcome};

/// A suite with a case per check.
pub fn checks(project: &str, results: &[CheckResult]) -> String {
    let failures = results.iter().filter(|result| result.has_failed()).count();
    let skipped = results.iter().filter(|result| matches!(result.outcome, Outcome::Skipped(_))).count();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\">\n",
        escaped(project),
        results.len()
    );
    for result in results {
        let inside = match &result.outcome {
            Outcome::Passed(evidence) => format!("<system-out>{}</system-out>", escaped(evidence)),
            Outcome::Skipped(why) => format!("<skipped message=\"{}\"/>", escaped(why)),
            Outcome::Failed { evidence, hint } => {
                format!("<failure message=\"{}\">hint: {}</failure>", escaped(evidence), escaped(hint))
            }
        };
        let (class, name) = (escaped(&result.service), escaped(result.name));
        let _ = writeln!(xml, "<testcase classname=\"{class}\" name=\"{name}\">{inside}</testcase>");
    }
    xml + "</testsuite>\n</testsuites>\n"
}

/// Without the characters that XML has other uses for, and those it cannot have at all.
fn escaped(text: &str) -> String {
    let allowed = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    let clean: String = text.chars().filter(allowed).collect();
    clean.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_is_a_case() {
        let result = |outcome| CheckResult {
            service: "db".to_owned(),
            name: "row counts",
            proves: "the Pokédex is whole",
            outcome,
            took: std::time::Duration::ZERO,
        };
        let xml = checks(
            "p",
            &[
                result(Outcome::Passed("188".to_owned())),
                result(Outcome::Skipped("why".to_owned())),
                result(Outcome::Failed {
                    evidence: "a < \"b\"\u{1b}".to_owned(),
                    hint: "pdex up".to_owned(),
                }),
            ],
        );
        assert!(xml.contains("tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\""), "{xml}");
        assert!(xml.contains("<failure message=\"a &lt; &quot;b&quot;\">hint: pdex up</failure>"), "{xml}");
    }
}
