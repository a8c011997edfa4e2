//! Init containers that wait for what Compose's `depends_on` waits for. They need no image of their own and no rights in the
//! cluster: they ask the dependency over the network, with a tool that some image of the stack has for its own health check, or run
//! what `x-pdex.done` says of a job. A Service sends no one to a pod that is not ready, so an answer means readiness.

use std::time::Duration;

use serde_json::{Value, json};

use super::container::{self, escaped};
use super::stack::{Stack, meet};
use super::{environment, image, probe as probes, resources, security, storage};
use crate::definition::model::{Condition, Dependency, HealthTest, Service};
use crate::probe;

/// Between two questions.
const PAUSE_SECONDS: u64 = 2;
/// The first process of a container ignores a signal that it has no word for: the pod would take half a minute to go.
const ENDS: &str = "trap 'exit 143' TERM; ";
/// The least patience with a dependency that may be missing.
const LEAST: Duration = Duration::from_mins(1);

/// How a dependency is asked.
struct Question<'a> {
    /// Whose image has the tool.
    image: &'a Service,
    /// A line for its shell that succeeds once the dependency is there.
    line: String,
    /// The job whose environment and files the line needs.
    job: Option<&'a Service>,
}

/// The init containers of a service, in the order of their names.
pub(super) fn containers(stack: &Stack<'_>, service: &Service) -> Vec<Value> {
    let mut gates = Vec::new();
    for (name, dependency) in &service.depends_on {
        let path = format!("services.{}.depends_on.{name}", service.name);
        let Some(other) = stack.definition.services.get(name).filter(|other| other.replicas() > 0) else {
            stack.changed(path, format!("{name} is not exported: nothing waits for it"));
            continue;
        };
        match question(stack, service, other, dependency) {
            Ok(question) => gates.push(container(stack, service, dependency, other, &question)),
            Err(why) => stack.lost(path, why),
        }
        if dependency.restart {
            let path = format!("services.{}.depends_on.{name}.restart", service.name);
            stack.lost(path, format!("a new {name} does not restart this one"));
        }
    }
    gates
}

/// The question, or why there is none.
fn question<'a>(
    stack: &'a Stack<'_>,
    service: &'a Service,
    other: &'a Service,
    dependency: &Dependency,
) -> Result<Question<'a>, String> {
    let name = &other.name;
    match dependency.condition {
        Condition::ServiceStarted => Err(format!(
            "a cluster starts everything at once: this may be up before {name}, and has to bear that"
        )),
        Condition::ServiceCompletedSuccessfully if !meet(service, other) => {
            Err(format!("it shares no network with {name} and cannot see what it has done: nothing waits"))
        }
        Condition::ServiceCompletedSuccessfully => {
            let done = other.pdex.done.as_ref().ok_or_else(|| {
                format!("nothing waits for {name}: say how it is seen to be done, in its `x-pdex.done`")
            })?;
            let image = stack.definition.services.get(&done.service);
            let image = image.ok_or_else(|| format!("{} is not exported, and it can tell", done.service))?;
            let words: Vec<String> = done.command.iter().map(|word| quoted(word)).collect();
            Ok(Question { image, line: words.join(" "), job: Some(other) })
        }
        Condition::ServiceHealthy if !meet(service, other) => {
            Err(format!("it shares no network with {name} and cannot see it from inside: nothing waits"))
        }
        Condition::ServiceHealthy => asked(stack, service, other)
            .ok_or_else(|| format!("no image of the stack has a tool to ask {name} with: nothing waits")),
    }
}

/// The health test as someone else can run it.
fn asked<'a>(stack: &'a Stack<'_>, service: &'a Service, other: &'a Service) -> Option<Question<'a>> {
    let host = stack.name(&other.name);
    if let Some((port, path)) = probe::http(other) {
        let services = stack.definition.services.values();
        // The dependency's own image before the waiter's, and that before any other.
        let mut with_tool =
            [other, service].into_iter().chain(services).filter_map(|one| Some((one, tool(one)?)));
        let (image, tool) = with_tool.next()?;
        let address = quoted(&format!("http://{host}:{port}{path}"));
        return Some(Question { image, line: format!("{tool} {address}"), job: None });
    }
    let words = words_of(other)?;
    let (first, rest) = words.split_first()?;
    if first != "pg_isready" || rest.iter().any(|word| word.starts_with("-h") || word.starts_with("--host")) {
        return None;
    }
    let port = probes::ports(other).first().map_or(5_432, |(port, ..)| *port);
    let mut line = format!("pg_isready -q -h {host} -p {port}");
    for word in rest {
        line.push(' ');
        line.push_str(&quoted(word));
    }
    Some(Question { image: other, line, job: None })
}

/// How an image gets a page, by what its own health check does.
fn tool(service: &Service) -> Option<&'static str> {
    let words = words_of(service)?;
    match words.first().map(String::as_str) {
        Some("curl") => Some("curl -fsS -m 5 -o /dev/null"),
        Some("wget") => Some("wget -q -T 5 -O /dev/null"),
        _ => None,
    }
}

/// The words of a health test that is one plain command.
fn words_of(service: &Service) -> Option<Vec<String>> {
    match &probe::tested(service)?.test {
        HealthTest::Command(words) => Some(words.clone()),
        HealthTest::Shell(line)
            if !line.contains(['|', ';', '&', '$', '`', '<', '>', '\'', '"', '\\', '(']) =>
        {
            Some(line.split_whitespace().map(str::to_owned).collect())
        }
        _ => None,
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn container(
    stack: &Stack<'_>,
    service: &Service,
    dependency: &Dependency,
    other: &Service,
    question: &Question<'_>,
) -> Value {
    let name = stack.name(&other.name);
    let line = &question.line;
    let script = if dependency.required {
        format!("until {line}; do echo 'waiting for {name}'; sleep {PAUSE_SECONDS}; done")
    } else {
        let tries = patience(other).as_secs() / PAUSE_SECONDS;
        format!(
            "n=0; until {line}; do n=$((n + 1)); if [ \"$n\" -gt {tries} ]; then echo 'going on without {name}'; exit 0; fi; \
             echo 'waiting for {name}'; sleep {PAUSE_SECONDS}; done"
        )
    };
    let (env, mounts) = question.job.map_or((Value::Null, Value::Null), |job| {
        (environment::of(stack, job), storage::mounts_of_gate(stack, service, job))
    });
    json!({
        "name": format!("wait-for-{name}"),
        "image": image::reference(stack, question.image),
        "imagePullPolicy": container::pull_policy(question.image),
        "command": ["/bin/sh", "-c", escaped(&format!("{ENDS}{script}"))],
        "env": env,
        "resources": resources::of_gate(),
        "securityContext": security::of_gate(),
        "volumeMounts": mounts,
    })
}

/// For how long pdex itself waits for the service before it goes on without.
fn patience(service: &Service) -> Duration {
    probe::tested(service).map_or(LEAST, |check| {
        let once = check.interval().saturating_add(check.timeout());
        once.saturating_mul(check.retries()).saturating_add(check.start_period()).max(LEAST)
    })
}

/// The jobs whose files the gates of a service look at.
pub(super) fn jobs_seen<'a>(stack: &'a Stack<'_>, service: &Service) -> Vec<&'a Service> {
    let jobs = service.depends_on.iter().filter_map(|(name, dependency)| {
        let job = stack.definition.services.get(name).filter(|other| other.replicas() > 0)?;
        let told = job.pdex.done.as_ref()?;
        let waited = dependency.condition == Condition::ServiceCompletedSuccessfully;
        (waited && stack.definition.services.contains_key(&told.service)).then_some(job)
    });
    jobs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_reach_the_shell_as_they_are() {
        for (word, expected) in [
            ("test", "test"),
            ("-s", "-s"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("$X", "'$X'"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
