//! `healthcheck` of a service.

use super::attributes;
use crate::definition::field::Field;
use crate::definition::model::{HealthTest, Healthcheck};
use crate::finding::Finding;

/// Reads it; `None` where it cannot be made sense of.
pub(super) fn read(field: &Field<'_>) -> Option<Healthcheck> {
    let (mut test, mut disabled) = (None, false);
    let mut check = Healthcheck {
        test: HealthTest::Disabled,
        interval: None,
        timeout: None,
        retries: None,
        start_period: None,
        start_interval: None,
    };
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "test" => test = health_test(&value),
            "interval" => check.interval = value.duration(),
            "timeout" => check.timeout = value.duration(),
            "start_period" => check.start_period = value.duration(),
            "start_interval" => check.start_interval = value.duration(),
            "retries" => check.retries = value.integer("a number of retries"),
            "disable" => disabled = value.boolean().unwrap_or_default(),
            _ => value.unexpected(key, attributes::HEALTHCHECK, &[]),
        }
    }
    if check.start_interval.is_some() && check.start_period.is_none() {
        field.wrong("`start_interval` has no effect without `start_period`");
    }
    match (disabled, test) {
        (true, _) => {}
        (false, Some(test)) => check.test = test,
        (false, None) if field.node.get("test").is_some() => return None,
        (false, None) => {
            let message = format!("{}: a health check without `test` is not supported by pdex", field.path);
            let finding = Finding::error("definition/unsupported-attribute", message);
            field.problem(finding.hint("repeat the image's own test, or write disable: true"));
            return None;
        }
    }
    Some(check)
}

fn health_test(field: &Field<'_>) -> Option<HealthTest> {
    if field.is_scalar() {
        return field.name().map(HealthTest::Shell);
    }
    let words = field.texts();
    let (first, rest) = words.split_first().unzip();
    match (first.map(String::as_str), rest) {
        (Some("NONE"), _) => Some(HealthTest::Disabled),
        (Some("CMD"), Some(rest)) if !rest.is_empty() => Some(HealthTest::Command(rest.to_vec())),
        (Some("CMD-SHELL"), Some([line])) => Some(HealthTest::Shell(line.clone())),
        _ => {
            field.wrong("expected NONE, CMD and a command, or CMD-SHELL and one line");
            None
        }
    }
}
