//! Health checks as probes. The readiness probe is the health check; the startup probe is its start period; the liveness probe
//! asks where `x-pdex.live` says, else the same with a longer patience, for it does what Docker never does: it restarts.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::container::escaped;
use super::name;
use crate::definition::model::{HealthTest, Healthcheck, Service};
use crate::probe;

/// How often a start is looked at, where the health check itself looks more rarely.
const SOON: Duration = Duration::from_secs(5);
/// For a restart the test has to fail so many times as often as for taking the pod out of its service.
const PATIENCE: u64 = 3;
/// The least time that a start may take. A cluster kills what takes longer, where Docker only calls it unhealthy: a database that
/// recovers after a crash or a Prometheus that reads its log again would be killed for ever.
const STARTS_WITHIN: Duration = Duration::from_mins(10);

/// The three probes of a service.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Probes {
    pub(super) startup: Value,
    pub(super) readiness: Value,
    pub(super) liveness: Value,
}

/// All null where there is no health check.
pub(super) fn of(service: &Service) -> Probes {
    let check = probe::tested(service);
    let Some(question) = question(service, check) else { return Probes::default() };
    let check = check.cloned().unwrap_or(Healthcheck {
        test: HealthTest::Disabled,
        interval: None,
        timeout: None,
        retries: None,
        start_period: None,
        start_interval: None,
    });
    let live = service.pdex.live.as_ref().map_or_else(
        || question.clone(),
        |live| json!({"httpGet": {"path": live.path, "port": port_name(service, live.port)}}),
    );
    let (interval, retries) = (check.interval(), u64::from(check.retries().max(1)));
    let soon = check.start_interval.unwrap_or_else(|| interval.min(SOON));
    let allowed = check.start_period().as_secs().saturating_add(seconds(interval).saturating_mul(retries));
    let starts = allowed.max(STARTS_WITHIN.as_secs()).div_ceil(seconds(soon));
    let timed = |question: &Value, period: Duration, failures: u64| {
        let mut probe = question.clone();
        probe["periodSeconds"] = json!(seconds(period));
        probe["timeoutSeconds"] = json!(seconds(check.timeout()));
        probe["failureThreshold"] = json!(failures);
        probe
    };
    Probes {
        startup: timed(&question, soon, starts),
        readiness: timed(&question, interval, retries),
        liveness: timed(&live, interval, retries.saturating_mul(PATIENCE)),
    }
}

/// What is asked: an address over HTTP where one is known, else the test itself, inside.
fn question(service: &Service, check: Option<&Healthcheck>) -> Option<Value> {
    if let Some((port, path)) = probe::http(service) {
        let mut get = json!({"path": path, "port": port_name(service, port)});
        // The test asks for `localhost`; the kubelet would ask for the pod's address, which a server may refuse.
        if service.pdex.ready.http.is_none() {
            get["httpHeaders"] = json!([{"name": "Host", "value": format!("localhost:{port}")}]);
        }
        return Some(json!({"httpGet": get}));
    }
    let command = match &check?.test {
        HealthTest::Disabled => return None,
        HealthTest::Command(words) => words.clone(),
        HealthTest::Shell(line) => vec!["/bin/sh".to_owned(), "-c".to_owned(), line.clone()],
    };
    let command: Vec<String> = command.iter().map(|word| escaped(word)).collect();
    Some(json!({"exec": {"command": command}}))
}

/// Whole seconds, at least one: the finest a cluster has.
fn seconds(duration: Duration) -> u64 {
    (duration.as_secs() + u64::from(duration.subsec_nanos() > 0)).max(1)
}

/// The container ports of a service, TCP and others, each once: published, announced, or asked by its health check.
pub(super) fn ports(service: &Service) -> Vec<(u16, &'static str, String)> {
    let http = probe::http(service).map(|(port, _)| port);
    let mut found: Vec<(u16, &'static str, Option<String>)> = Vec::new();
    let mut add = |port: u16, protocol: &'static str, name: Option<String>| {
        if !found.iter().any(|(known, spoken, _)| (*known, *spoken) == (port, protocol)) {
            found.push((port, protocol, name));
        }
    };
    for port in &service.ports {
        add(port.target, protocol_of(port.protocol.as_str()), port.name.clone());
    }
    for text in &service.expose {
        let (range, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        if let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) {
            (first..=last).for_each(|port| add(port, protocol_of(protocol), None));
        }
    }
    let asked = [http, service.pdex.ready.tcp, service.pdex.live.as_ref().map(|live| live.port)];
    asked.into_iter().flatten().for_each(|port| add(port, "TCP", None));
    let mut names = BTreeSet::new();
    found
        .into_iter()
        .map(|(port, protocol, given)| {
            let usual = format!("{}-{port}", protocol.to_ascii_lowercase());
            let wanted = match given {
                Some(given) => short(&name::dns(&given)),
                None if http == Some(port) && protocol == "TCP" => "http".to_owned(),
                None => usual.clone(),
            };
            // The number tells two of one name apart.
            let name = if names.contains(&wanted) { usual } else { wanted };
            names.insert(name.clone());
            (port, protocol, name)
        })
        .collect()
}

/// A port's name has fifteen characters at most.
fn short(name: &str) -> String {
    name.chars().take(15).collect::<String>().trim_end_matches('-').to_owned()
}

fn protocol_of(text: &str) -> &'static str {
    match text {
        "udp" => "UDP",
        "sctp" => "SCTP",
        _ => "TCP",
    }
}

/// The name of a TCP port, for a probe or an Ingress to point at.
pub(super) fn port_name(service: &Service, port: u16) -> Value {
    let named = ports(service).into_iter().find(|(known, protocol, _)| (*known, *protocol) == (port, "TCP"));
    named.map_or_else(|| json!(port), |(.., name)| json!(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::model::{Extension, HttpReady, Port, Ready};

    fn check(test: HealthTest) -> Healthcheck {
        Healthcheck {
            test,
            interval: Some(Duration::from_secs(10)),
            timeout: Some(Duration::from_millis(2_500)),
            retries: Some(5),
            start_period: Some(Duration::from_secs(30)),
            start_interval: None,
        }
    }

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_start_may_take_as_long_as_the_definition_says_and_ten_minutes_at_least() {
        let slow = Healthcheck {
            start_period: Some(Duration::from_hours(1)),
            ..check(HealthTest::Command(words("check it")))
        };
        let probes = of(&Service { healthcheck: Some(slow), ..Service::default() });
        // An hour and 5 × 10 s, looked at every 5 s.
        assert_eq!(probes.startup["failureThreshold"], 730);
    }

    #[test]
    fn a_test_inside_stays_one_and_its_times_are_kept() {
        let test = HealthTest::Shell("pg_isready -U \"$(id -un)\"".to_owned());
        let probes = of(&Service { healthcheck: Some(check(test)), ..Service::default() });
        assert_eq!(
            probes.readiness,
            json!({
                "exec": {"command": ["/bin/sh", "-c", "pg_isready -U \"$$(id -un)\""]},
                "periodSeconds": 10, "timeoutSeconds": 3, "failureThreshold": 5,
            })
        );
        // Ten minutes, looked at every 5 s.
        assert_eq!(probes.startup["failureThreshold"], 120);
        assert_eq!(probes.startup["periodSeconds"], 5);
        assert_eq!(probes.liveness["failureThreshold"], 15);
    }

    #[test]
    fn a_plain_get_is_asked_from_outside_under_the_name_that_the_test_uses() {
        let test = HealthTest::Command(words("curl -f http://localhost:5000/health"));
        let probes = of(&Service { healthcheck: Some(check(test)), ..Service::default() });
        assert_eq!(
            probes.readiness["httpGet"],
            json!({
                "path": "/health", "port": "http",
                "httpHeaders": [{"name": "Host", "value": "localhost:5000"}],
            })
        );
    }

    #[test]
    fn liveness_has_its_own_address_where_one_is_given() {
        let http = |path: &str| Some(HttpReady { port: 8_000, path: path.to_owned() });
        let pdex = Extension {
            live: http("/health/live"),
            ready: Ready { tcp: None, http: http("/health") },
            ..Extension::default()
        };
        let test = HealthTest::Command(words("pdex-api healthcheck"));
        let probes = of(&Service { healthcheck: Some(check(test)), pdex, ..Service::default() });
        assert_eq!(probes.readiness["httpGet"], json!({"path": "/health", "port": "http"}));
        assert_eq!(probes.liveness["httpGet"], json!({"path": "/health/live", "port": "http"}));
    }

    #[test]
    fn no_health_check_is_no_probe() {
        assert_eq!(of(&Service::default()), Probes::default());
        let off = Service { healthcheck: Some(check(HealthTest::Disabled)), ..Service::default() };
        assert_eq!(of(&off), Probes::default());
    }

    #[test]
    fn ports_have_names_of_at_most_fifteen_letters_and_no_two_the_same() {
        let named = Port { name: Some("Administration_Port".to_owned()), ..Port::new(9_000) };
        let again = Port { name: Some("administration-too".to_owned()), ..Port::new(9_001) };
        let expose = words("53/udp 80-81");
        let service = Service { ports: vec![named, again, Port::new(5_432)], expose, ..Service::default() };
        let told: Vec<String> = ports(&service).into_iter().map(|(.., name)| name).collect();
        assert_eq!(told, ["administration", "tcp-9001", "tcp-5432", "udp-53", "tcp-80", "tcp-81"]);
    }
}
