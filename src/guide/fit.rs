//! Whether the machine takes the stack: what the checks before a start found, held against what is wanted.

use super::Stack;
use crate::finding::{Finding, Severity};

/// What is left possible, with what is to be told about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fit {
    /// Nothing is in the way of the full stack.
    pub full: bool,
    pub findings: Vec<Finding>,
}

/// `full` and `light` are what was found for each, `light` where there is such a stack. `Err` with what is in the way when
/// nothing that is wanted can start.
pub fn fit(
    wanted: Option<Stack>,
    full: Vec<Finding>,
    light: Option<Vec<Finding>>,
) -> Result<Fit, Vec<Finding>> {
    let starts = |findings: &[Finding]| findings.iter().all(|finding| finding.severity != Severity::Error);
    match (wanted, light) {
        (Some(Stack::Light), Some(light)) if starts(&light) => {
            Ok(Fit { full: starts(&full), findings: light })
        }
        (Some(Stack::Light), Some(light)) => Err(light),
        _ if starts(&full) => Ok(Fit { full: true, findings: full }),
        (None, Some(light)) if starts(&light) => Ok(Fit { full: false, findings: full }),
        _ => Err(full),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_light_stack_is_left_where_the_full_one_cannot_start() {
        let (none, warning, error) =
            (Vec::new(), vec![Finding::warning("a/b", "narrow")], vec![Finding::error("a/c", "taken")]);
        let check = |wanted,
                     full: &[Finding],
                     light: Option<&[Finding]>,
                     expected: Result<(bool, &[Finding]), &[Finding]>| {
            let found = fit(wanted, full.to_vec(), light.map(<[_]>::to_vec));
            let expected = expected
                .map(|(full, findings)| Fit { full, findings: findings.to_vec() })
                .map_err(<[_]>::to_vec);
            assert_eq!(found, expected, "{wanted:?} {full:?} {light:?}");
        };
        check(None, &warning, Some(&none), Ok((true, &warning)));
        check(None, &error, Some(&warning), Ok((false, &error)));
        check(None, &error, Some(&error), Err(&error));
        check(None, &error, None, Err(&error));
        check(Some(Stack::Full), &error, Some(&none), Err(&error));
        check(Some(Stack::Full), &none, Some(&error), Ok((true, &none)));
        check(Some(Stack::Light), &error, Some(&warning), Ok((false, &warning)));
        check(Some(Stack::Light), &none, Some(&error), Err(&error));
        check(Some(Stack::Light), &none, None, Ok((true, &none)));
    }
}
