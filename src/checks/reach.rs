//! Whom the web page's container can really reach, tried from inside: what the definition puts on its networks, and nothing that it
//! keeps on others. One command, so one start of a process in the container.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Facts, Outcome};
use crate::definition::model::Service;
use crate::runtime::{ExecOrder, Runtime};

/// From whose container it is tried: the definition has curl in it, for its health check.
pub(super) const FROM: &str = "streamlit";
/// Service and a port that it listens on.
const TARGETS: [(&str, u16); 2] = [("api", 8000), ("node-exporter", 9100)];
/// For each try. A name that no network knows may be asked for outside, where nobody answers.
const EACH_S: u32 = 1;
const PATIENCE: Duration = Duration::from_secs(4);

pub(super) async fn reach<R: Runtime>(facts: &Facts<'_, R>) -> Result<Outcome, String> {
    let container = facts.container(FROM).ok_or("it has no container")?;
    let from = facts.service(FROM).ok_or("it is not defined")?;
    let targets: Vec<Target> = TARGETS
        .iter()
        .filter(|(name, _)| facts.runs(name))
        .filter_map(|&(name, port)| {
            let service = facts.service(name)?;
            Some(Target { name, port, designed: shares(from, service) })
        })
        .collect();
    if targets.is_empty() {
        return Ok(Outcome::Skipped("nothing runs that it could reach".to_owned()));
    }
    let argv = ["/bin/sh".to_owned(), "-c".to_owned(), script(&targets)];
    let outcome = facts.runtime.exec(&container.id, &ExecOrder::of(&argv), PATIENCE).await;
    let outcome = outcome.map_err(|e| e.to_string())?;
    Ok(judge(&targets, &outcome.output))
}

#[derive(Debug, Clone, Copy)]
struct Target {
    name: &'static str,
    port: u16,
    /// Whether the definition lets the two reach each other.
    designed: bool,
}

fn shares(from: &Service, to: &Service) -> bool {
    from.networks.keys().any(|key| to.networks.contains_key(key))
}

/// Tries all at once, and prints `name code` for each.
fn script(targets: &[Target]) -> String {
    let mut script = String::new();
    for Target { name, port, .. } in targets {
        let _ = write!(
            script,
            "{{ curl -s -o /dev/null --noproxy '*' --max-time {EACH_S} http://{name}:{port}/; echo {name} $?; }} & "
        );
    }
    script + "wait"
}

fn judge(targets: &[Target], output: &str) -> Outcome {
    let code = |name: &str| {
        output.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse::<u32>().ok())
    };
    let codes: Vec<(&Target, Option<u32>)> =
        targets.iter().map(|target| (target, code(target.name))).collect();
    if codes.iter().any(|(_, code)| matches!(code, None | Some(127))) {
        return Outcome::Skipped("there is no curl in its container".to_owned());
    }
    let wrong: Vec<String> = codes
        .iter()
        .filter(|(target, code)| target.designed != (*code == Some(0)))
        .map(|(target, code)| said(target, code.unwrap_or_default()))
        .collect();
    if !wrong.is_empty() {
        return Outcome::failed(
            wrong.join("; "),
            format!("pdex network inspect; pdex up --force-recreate {FROM}"),
        );
    }
    let names = |designed: bool| {
        let names: Vec<&str> = targets.iter().filter(|t| t.designed == designed).map(|t| t.name).collect();
        names.join(", ")
    };
    Outcome::Passed(match (names(true), names(false)) {
        (reached, apart) if apart.is_empty() => format!("from inside it reaches {reached}"),
        (reached, apart) if reached.is_empty() => format!("from inside it cannot reach {apart}, as designed"),
        (reached, apart) => {
            format!("from inside it reaches {reached}, and cannot reach {apart}, as designed")
        }
    })
}

/// The codes of curl, in words.
fn said(target: &Target, code: u32) -> String {
    let Target { name, port, designed } = target;
    if !designed {
        return format!("from inside it reaches {name}:{port}, which the definition keeps from it");
    }
    let why = match code {
        6 => "its name is not known there".to_owned(),
        7 => "connection refused".to_owned(),
        28 => format!("no answer within {EACH_S} s"),
        code => format!("curl ended with {code}"),
    };
    format!("from inside it does not reach {name}:{port}: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: [Target; 2] = [
        Target { name: "api", port: 8000, designed: true },
        Target { name: "node-exporter", port: 9100, designed: false },
    ];

    #[test]
    fn who_is_reached_has_to_be_who_should_be() {
        let failed = |output: &str| match judge(&TARGETS, output) {
            Outcome::Failed { evidence, .. } => evidence,
            other => panic!("{output}: {other:?}"),
        };
        assert_eq!(
            judge(&TARGETS, "node-exporter 6\napi 0"),
            Outcome::Passed(
                "from inside it reaches api, and cannot reach node-exporter, as designed".to_owned()
            )
        );
        assert_eq!(
            failed("api 6\nnode-exporter 6"),
            "from inside it does not reach api:8000: its name is not known there"
        );
        assert_eq!(
            failed("api 0\nnode-exporter 0"),
            "from inside it reaches node-exporter:9100, which the definition keeps from it"
        );
        for output in ["", "api 127\nnode-exporter 127"] {
            assert!(matches!(judge(&TARGETS, output), Outcome::Skipped(_)), "{output}");
        }
    }
}
