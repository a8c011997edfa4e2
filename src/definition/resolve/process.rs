//! What runs in a service's container: its variables, restarts, hooks, and what it waits for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::{attributes, networks};
use crate::definition::field::{Field, last_of_each};
use crate::definition::model::{
    Condition, Dependency, Hook, Logging, PullPolicy, Restart, Service, ServiceName,
};
use crate::finding::Finding;

/// Names with values, and names without one.
type Variables = (BTreeMap<String, String>, BTreeSet<String>);

/// `environment` and `env_file` together; a name without a value is looked for in the caller's environment.
pub(super) fn environment(service: &mut Service, own: Option<&Field<'_>>, files: Option<&Field<'_>>) {
    let (own, unset) = own.map(|field| variables(field, true)).unwrap_or_default();
    if let Some(files) = files {
        let mut lookup = own.clone();
        lookup.extend(files.context.variables.all());
        for file in env_files(files) {
            let before = &mut service.environment;
            files.with_text(&file.path, file.required, &mut |text| {
                if file.raw {
                    before.extend(raw(text));
                    return Vec::new();
                }
                files.context.files.variables(&file.path, text, &lookup, before)
            });
        }
    }
    service.environment.retain(|name, _| !unset.contains(name));
    service.environment.extend(own);
    service.unset_environment = unset;
}

fn variables(field: &Field<'_>, resolved: bool) -> Variables {
    let (mut set, mut unset) = Variables::default();
    for (name, value) in field.pairs() {
        if name.is_empty() || name.contains(['=', '\0']) {
            field.wrong(format_args!("`{name}` cannot be the name of a variable"));
            continue;
        }
        let value = value.or_else(|| if resolved { field.context.variable(&name) } else { None });
        if let Some(value) = value {
            unset.remove(&name);
            set.insert(name, value);
        } else {
            set.remove(&name);
            unset.insert(name);
        }
    }
    (set, unset)
}

struct EnvFile {
    path: PathBuf,
    required: bool,
    /// Values as they stand: no quotes, no substitution.
    raw: bool,
}

fn env_files(field: &Field<'_>) -> Vec<EnvFile> {
    let file = |path: String| EnvFile { path: field.resolve(&path), required: true, raw: false };
    if field.is_scalar() && !field.node.is_null() {
        return field.name().into_iter().map(file).collect();
    }
    let items = field.items();
    let read = |item: &Field<'_>| if item.is_scalar() { item.name().map(file) } else { long_env_file(item) };
    last_of_each(items.iter().filter_map(read).collect(), |file| file.path.clone())
}

fn long_env_file(field: &Field<'_>) -> Option<EnvFile> {
    let mut file = EnvFile { path: PathBuf::new(), required: true, raw: false };
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "path" => file.path = field.resolve(&value.name()?),
            "required" => file.required = value.boolean().unwrap_or(true),
            "format" => match value.optional().as_deref() {
                None => {}
                Some("raw") => file.raw = true,
                Some(other) => value.wrong(format_args!("format `{other}` is not known; `raw` is")),
            },
            _ => value.unexpected(key, attributes::ENV_FILE, &[]),
        }
    }
    if file.path.as_os_str().is_empty() {
        let message = format!("{}: `path` is missing", field.path);
        field.problem(Finding::error("definition/missing-attribute", message));
        return None;
    }
    Some(file)
}

/// `NAME=value` lines whose values are taken as they are. A name alone sets nothing.
fn raw(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().map(str::trim_start).filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('=')).map(|(n, v)| (n.trim().to_owned(), v.to_owned())).collect()
}

/// `labels` and `label_file` together.
pub(super) fn labels(service: &mut Service, own: Option<&Field<'_>>, files: Option<&Field<'_>>) {
    if let Some(files) = files {
        for path in files.one_or_more() {
            let path = files.resolve(&path);
            service.label_files.push(path.clone());
            let labels = &mut service.labels;
            files.with_text(&path, true, &mut |text| {
                files.context.files.variables(&path, text, &BTreeMap::new(), labels)
            });
        }
    }
    service.labels.extend(own.map(Field::dictionary).unwrap_or_default());
}

/// `restart`.
pub(super) fn restart(field: &Field<'_>) -> Option<Restart> {
    let text = field.text()?;
    let (policy, count) = text.split_once(':').map_or((text.as_str(), None), |(p, c)| (p, Some(c)));
    let max_retries = count.map(str::parse);
    let restart = match (policy, max_retries) {
        ("no", None) => Some(Restart::No),
        ("always", None) => Some(Restart::Always),
        ("unless-stopped", None) => Some(Restart::UnlessStopped),
        ("on-failure", None) => Some(Restart::OnFailure { max_retries: None }),
        ("on-failure", Some(Ok(count))) => Some(Restart::OnFailure { max_retries: Some(count) }),
        _ => None,
    };
    if restart.is_none() {
        field.wrong(format_args!(
            "`{text}` is none of \"no\", always, unless-stopped, on-failure, on-failure:<count>"
        ));
    }
    restart
}

/// `pull_policy`.
pub(super) fn pull_policy(field: &Field<'_>) -> Option<PullPolicy> {
    match field.optional()?.as_str() {
        "always" => Some(PullPolicy::Always),
        "never" => Some(PullPolicy::Never),
        "missing" | "if_not_present" => Some(PullPolicy::Missing),
        "build" => Some(PullPolicy::Build),
        other => {
            let later = matches!(other, "daily" | "weekly") || other.starts_with("every_");
            let why = if later { "is not supported by pdex" } else { "is not known" };
            field.wrong(format_args!("`{other}` {why}; always, missing, never and build are"));
            None
        }
    }
}

/// `depends_on`.
pub(super) fn depends_on(field: &Field<'_>) -> BTreeMap<ServiceName, Dependency> {
    let mut dependencies = BTreeMap::new();
    for (name, value) in networks::named(field) {
        let mut dependency =
            Dependency { condition: Condition::ServiceStarted, required: true, restart: false };
        if !field.is_list() {
            for (key, option) in value.entries() {
                match key.text.as_str() {
                    "condition" => dependency.condition = condition(&option).unwrap_or(dependency.condition),
                    "required" => dependency.required = option.boolean().unwrap_or(true),
                    "restart" => dependency.restart = option.flag(),
                    _ => option.unexpected(key, attributes::DEPENDENCY, &[]),
                }
            }
        }
        value.context.places.borrow_mut().insert(format!("{}.{name}", field.path), value.mark());
        dependencies.insert(ServiceName::new(name), dependency);
    }
    dependencies
}

fn condition(field: &Field<'_>) -> Option<Condition> {
    match field.text()?.as_str() {
        "service_started" => Some(Condition::ServiceStarted),
        "service_healthy" => Some(Condition::ServiceHealthy),
        "service_completed_successfully" => Some(Condition::ServiceCompletedSuccessfully),
        other => {
            field.wrong(format_args!(
                "`{other}` is none of service_started, service_healthy, service_completed_successfully"
            ));
            None
        }
    }
}

/// `post_start` and `pre_stop`.
pub(super) fn hooks(field: &Field<'_>) -> Vec<Hook> {
    field.items().iter().filter_map(hook).collect()
}

fn hook(field: &Field<'_>) -> Option<Hook> {
    let mut hook = Hook::default();
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "command" => hook.command = value.command().unwrap_or_default(),
            "user" => hook.user = value.optional(),
            "privileged" => hook.privileged = value.flag(),
            "working_dir" => hook.working_dir = value.optional(),
            "environment" => (hook.environment, hook.unset_environment) = variables(&value, false),
            _ => value.unexpected(key, attributes::HOOK, &[]),
        }
    }
    if hook.command.is_empty() {
        let message = format!("{}: `command` is missing", field.path);
        field.problem(Finding::error("definition/missing-attribute", message));
        return None;
    }
    Some(hook)
}

/// `logging`.
pub(super) fn logging(field: &Field<'_>) -> Option<Logging> {
    let mut logging = Logging::default();
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "driver" => logging.driver = value.optional(),
            "options" => logging.options = value.dictionary(),
            _ => value.unexpected(key, attributes::LOGGING, &[]),
        }
    }
    (!field.node.is_null()).then_some(logging)
}
