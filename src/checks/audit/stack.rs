//! Settings of the programs in a stack that open it to everyone.

use super::known::{self, Kind};
use super::{Advice, Hit, Look, Risk, Rule, Subject};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "audit/anonymous-grafana",
        risk: Risk::High,
        title: "Grafana without login",
        why: "whoever reaches the port sees every figure, and as Admin changes and queries whatever they like",
        fix: "GF_AUTH_ANONYMOUS_ENABLED=false and GF_AUTH_DISABLE_LOGIN_FORM=false",
        references: &[],
        advice: Some(Advice::Grafana),
        look: Look::Definition(anonymous_grafana),
    },
    Rule {
        id: "audit/default-grafana-password",
        risk: Risk::High,
        title: "Grafana with the password everyone knows",
        why: "without GF_SECURITY_ADMIN_PASSWORD it is admin, with the user admin",
        fix: "GF_SECURITY_ADMIN_PASSWORD__FILE=/run/secrets/…",
        references: &[],
        advice: Some(Advice::Passwords),
        look: Look::Definition(default_grafana_password),
    },
    Rule {
        id: "audit/development-mode",
        risk: Risk::Medium,
        title: "development mode",
        why: "it asks for no key, or shows the inside of the program to whoever makes it fail",
        fix: "switch it off where others can reach the service: DEV_MODE=false",
        references: &[],
        advice: None,
        look: Look::Definition(development_mode),
    },
    Rule {
        id: "audit/prometheus-control",
        risk: Risk::Low,
        title: "Prometheus can be controlled by anyone",
        why: "whoever reaches the port stops it or reloads it, and with the admin interface deletes its data",
        fix: "remove --web.enable-lifecycle and --web.enable-admin-api, or let nobody reach the port",
        references: &[],
        advice: None,
        look: Look::Definition(prometheus_control),
    },
];

fn is_on(value: Option<&String>) -> bool {
    value.is_some_and(|value| {
        matches!(value.trim().to_ascii_lowercase().as_str(), "true" | "1" | "yes" | "on" | "t")
    })
}

fn is_grafana(subject: &Subject<'_>) -> bool {
    known::kind(&subject.service.image) == Some(Kind::Grafana)
        || subject.service.environment.keys().any(|name| name.starts_with("GF_AUTH_"))
}

fn anonymous_grafana(subject: &Subject<'_>) -> Vec<Hit> {
    if !is_grafana(subject) {
        return Vec::new();
    }
    let environment = &subject.service.environment;
    let role = environment.get("GF_AUTH_ANONYMOUS_ORG_ROLE").map_or("Viewer", String::as_str);
    let anonymous = is_on(environment.get("GF_AUTH_ANONYMOUS_ENABLED"));
    let formless = is_on(environment.get("GF_AUTH_DISABLE_LOGIN_FORM"));
    let mut hits = Vec::new();
    if anonymous {
        let what = format!("anyone is {role} without login");
        hits.push(Hit::at("environment.GF_AUTH_ANONYMOUS_ENABLED", what).key("anonymous"));
    }
    if formless && anonymous {
        let what = "the login form is switched off";
        hits.push(
            Hit::at("environment.GF_AUTH_DISABLE_LOGIN_FORM", what).key("login form").risk(Risk::Medium),
        );
    }
    hits
}

fn default_grafana_password(subject: &Subject<'_>) -> Vec<Hit> {
    let given = subject.service.environment.keys().any(|name| {
        name.starts_with("GF_SECURITY_ADMIN_PASSWORD") || name == "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"
    });
    let default = known::kind(&subject.service.image) == Some(Kind::Grafana) && !given;
    default.then(|| Hit::at("environment", "sets no password for admin")).into_iter().collect()
}

fn development_mode(subject: &Subject<'_>) -> Vec<Hit> {
    let switches = ["DEV_MODE", "DEBUG", "FLASK_DEBUG", "DJANGO_DEBUG", "APP_DEBUG"];
    let names = ["FLASK_ENV", "NODE_ENV", "RAILS_ENV", "APP_ENV", "ASPNETCORE_ENVIRONMENT"];
    let on = subject.service.environment.iter().filter(|(name, value)| {
        (switches.contains(&name.as_str()) && is_on(Some(value)))
            || (names.contains(&name.as_str()) && value.eq_ignore_ascii_case("development"))
    });
    on.map(|(name, value)| {
        Hit::at(format!("environment.{name}"), format!("runs with {name}={value}")).key(name)
    })
    .collect()
}

fn prometheus_control(subject: &Subject<'_>) -> Vec<Hit> {
    let words = subject.service.command.iter().chain(&subject.service.entrypoint).flatten();
    let flags = [("--web.enable-lifecycle", Risk::Low), ("--web.enable-admin-api", Risk::Medium)];
    let find = |word: &String| {
        let (flag, risk) = flags.iter().find(|(flag, _)| word == flag)?;
        Some(Hit::at("command", format!("is started with {flag}")).key(*flag).risk(*risk))
    };
    words.filter_map(find).collect()
}
