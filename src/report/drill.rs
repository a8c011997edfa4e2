//! `drill` in words: what would be done, what is happening, the closing table, the document for programs.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::tables::{table, trimmed};
use super::{document, spell};
use crate::drill::phase::{Course, Milestone, Verdict};
use crate::drill::recipe::{Recipe, Traffic};
use crate::world::time::Timestamp;

/// What is done for each, and undone.
pub fn intent(recipes: &[&Recipe]) -> String {
    let mut text = String::new();
    for recipe in recipes {
        let _ = writeln!(text, "{}", recipe.alert);
        let _ = writeln!(text, "  touches        {}", recipe.touch.words());
        let sent = |traffic: Option<Traffic>| traffic.map_or("nothing", Traffic::words);
        let _ = writeln!(text, "  until it fires {}", sent(recipe.trouble));
        let _ = writeln!(text, "  until it ends  {}", sent(recipe.health));
    }
    text
}

/// A line as it happens, with the time since the disturbance.
pub fn line(recipe: &Recipe, after: Duration, milestone: &Milestone) -> String {
    let what = match milestone {
        Milestone::Disturbed => recipe.how.to_owned(),
        Milestone::Pending => "pending".to_owned(),
        Milestone::Firing { said: None } => "firing; putting everything back".to_owned(),
        Milestone::Firing { said: Some(said) } => format!("firing ({said}); putting everything back"),
        Milestone::Restored => "everything is as it was; waiting for the alert to end".to_owned(),
        Milestone::Resolved => "resolved".to_owned(),
        Milestone::GivenUp(verdict) => format!("{}; putting everything back", verdict_words(verdict)),
    };
    format!("{} +{}: {what}", recipe.alert, spell(after))
}

/// The same for programs.
pub fn line_json(recipe: &Recipe, after: Duration, milestone: &Milestone, now: Timestamp) -> Value {
    let (word, said) = match milestone {
        Milestone::Disturbed => ("disturbed", None),
        Milestone::Pending => ("pending", None),
        Milestone::Firing { said } => ("firing", said.clone()),
        Milestone::Restored => ("restored", None),
        Milestone::Resolved => ("resolved", None),
        Milestone::GivenUp(verdict) => ("given_up", Some(verdict_words(verdict))),
    };
    document(
        now,
        json!({"alert": recipe.alert, "event": word, "after_s": seconds(Some(after)), "said": said}),
    )
}

fn verdict_words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed => "fired and ended".to_owned(),
        Verdict::NotFired => "did not fire in time".to_owned(),
        Verdict::NotResolved => "did not end in time".to_owned(),
        Verdict::Failed(what) => what.clone(),
        Verdict::Interrupted => "interrupted".to_owned(),
    }
}

/// The closing table, and below it what went wrong.
pub fn text(courses: &[(&Recipe, Course)]) -> String {
    let mut rows = table(&["", "alert", "pending", "firing", "resolved", "made to fire by"]);
    let after =
        |time: Option<Duration>| time.map_or("–".to_owned(), |time| format!("after {}", spell(time)));
    for (recipe, course) in courses {
        let mark = if course.verdict == Some(Verdict::Passed) { "✓" } else { "✗" };
        rows.add_row([
            mark,
            recipe.alert,
            &after(course.pending),
            &after(course.firing),
            &after(course.resolved),
            recipe.how,
        ]);
    }
    let mut text = trimmed(&rows);
    text.push('\n');
    text
}

/// What went wrong, a line each, for the error output.
pub fn problems(courses: &[(&Recipe, Course)]) -> String {
    let mut text = String::new();
    for (recipe, course) in courses {
        let wrong = course.verdict.as_ref().filter(|verdict| **verdict != Verdict::Passed);
        if let Some(verdict) = wrong {
            let _ = writeln!(text, "error: {}: {}", recipe.alert, verdict_words(verdict));
            if *verdict == Verdict::NotFired {
                text.push_str(
                    "  hint: look at its condition in Prometheus, or give it more time with --timeout\n",
                );
            }
        }
        if let Some(left) = &course.left {
            let _ = writeln!(text, "error: {}: not everything was put back: {left}", recipe.alert);
            text.push_str("  hint: `pdex up` or `pdex doctor --fix` puts it back\n");
        }
    }
    text
}

/// `drill --json`.
pub fn json(courses: &[(&Recipe, Course)], now: Timestamp) -> Value {
    let rows: Vec<Value> = courses
        .iter()
        .map(|(recipe, course)| {
            json!({
                "alert": recipe.alert,
                "passed": course.verdict == Some(Verdict::Passed),
                "verdict": course.verdict.as_ref().map(verdict_words),
                "pending_after_s": seconds(course.pending),
                "firing_after_s": seconds(course.firing),
                "restored_after_s": seconds(course.restored),
                "resolved_after_s": seconds(course.resolved),
                "said": course.said,
                "how": recipe.how,
                "not_put_back": course.left,
            })
        })
        .collect();
    let passed = courses.iter().all(|(_, course)| course.verdict == Some(Verdict::Passed));
    document(now, json!({"passed": passed, "drills": rows}))
}

/// To the tenth: no finer than Prometheus is asked.
fn seconds(time: Option<Duration>) -> Option<f64> {
    time.map(|time| (time.as_secs_f64() * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::recipe::RECIPES;

    fn course(verdict: Verdict) -> Course {
        Course {
            pending: Some(Duration::from_secs(31)),
            firing: Some(Duration::from_secs(92)),
            verdict: Some(verdict),
            ..Course::default()
        }
    }

    #[test]
    fn what_went_wrong_is_told_with_what_to_do() {
        let passed = Course { resolved: Some(Duration::from_secs(160)), ..course(Verdict::Passed) };
        let not_fired = Course { left: Some("the engine is gone".to_owned()), ..course(Verdict::NotFired) };
        let courses = [(&RECIPES[0], passed), (&RECIPES[3], not_fired)];
        let table = text(&courses);
        assert!(table.contains("✓  LowModelConfidence") && table.contains("after 2 min 40 s"), "{table}");
        assert!(table.contains("✗  ApiDown"), "{table}");
        let problems = problems(&courses);
        assert!(problems.starts_with("error: ApiDown: did not fire in time\n  hint: "), "{problems}");
        assert!(problems.contains("not everything was put back: the engine is gone"), "{problems}");
        let document = json(&courses, Timestamp::default());
        assert_eq!(document["passed"], false);
        assert_eq!(document["drills"][0]["resolved_after_s"], 160.0);
        assert_eq!(document["drills"][1]["resolved_after_s"], Value::Null);
    }

    #[test]
    fn what_happens_is_a_line() {
        let said = Some("7 % are errors".to_owned());
        let firing = Milestone::Firing { said };
        let line = line(&RECIPES[1], Duration::from_secs(95), &firing);
        assert_eq!(line, "HighErrorRate +1 min 35 s: firing (7 % are errors); putting everything back");
    }
}
