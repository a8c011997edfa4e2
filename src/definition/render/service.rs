//! One service as Compose prints it. Attributes stand in the order of Compose's own structures, which the hash depends on.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::Form;
use super::tree::{Map, Tree};
use crate::definition::model::{
    Build, Condition, Dependency, Extension, HealthTest, Healthcheck, ImageUnavailable, Mount, MountSource,
    Port, Resources, Restart, Service,
};
use crate::definition::values::print_duration;

pub(super) fn tree(service: &Service, form: Form) -> Tree {
    let mut map = Map::new();
    let hashed = form == Form::Hash;
    if let Some(build) = service.build.as_ref().filter(|_| !hashed) {
        map.put("build", self::build(build));
    }
    map.put_filled("cap_add", Tree::texts(&service.cap_add));
    map.put_filled("cap_drop", Tree::texts(&service.cap_drop));
    command(&mut map, "command", service.command.as_ref(), form);
    map.add_some("container_name", service.container_name.as_ref());
    if !hashed {
        let dependencies = service.depends_on.iter();
        map.put_filled(
            "depends_on",
            Tree::map(dependencies.map(|(name, d)| (name.to_string(), dependency(d)))),
        );
    }
    deploy(&mut map, service, form);
    command(&mut map, "entrypoint", service.entrypoint.as_ref(), form);
    map.put_filled("environment", environment(service));
    let hosts = service.extra_hosts.iter().map(|host| host.replacen(':', "=", 1));
    map.put_filled("extra_hosts", Tree::texts(hosts));
    if let Some(check) = &service.healthcheck {
        map.put("healthcheck", healthcheck(check));
    }
    map.add_some("image", service.image_named.then_some(&service.image));
    if let Some(init) = service.init {
        map.put("init", Tree::Bool(init));
    }
    map.put_filled("labels", texts(&service.labels));
    let networks = service.networks.iter().map(|(key, attachment)| {
        let aliases = Tree::texts(&attachment.aliases);
        let tree = if attachment.aliases.is_empty() {
            Tree::Null
        } else {
            Tree::Map(vec![("aliases".into(), aliases)])
        };
        (key.clone(), tree)
    });
    map.put_filled("networks", Tree::map(networks));
    map.put_filled("ports", Tree::List(service.ports.iter().map(port).collect()));
    if !hashed {
        map.put_filled("profiles", Tree::texts(&service.profiles));
    }
    map.flag("read_only", service.read_only);
    map.add_some("restart", service.restart.map(restart));
    map.put_filled("security_opt", Tree::texts(&service.security_opt));
    map.add_some("stop_grace_period", service.stop_grace_period.map(print_duration));
    map.add_some("stop_signal", service.stop_signal.as_ref());
    map.put_filled("tmpfs", Tree::texts(&service.tmpfs));
    map.add_some("user", service.user.as_ref());
    map.put_filled("volumes", Tree::List(service.mounts.iter().map(mount).collect()));
    map.add_some("working_dir", service.working_dir.as_ref());
    if !hashed {
        map.put_filled("x-pdex", extension(&service.pdex));
    }
    map.into()
}

/// Compose's JSON has these two always: null and empty mean different things.
fn command(map: &mut Map, key: &str, words: Option<&Vec<String>>, form: Form) {
    match words {
        Some(words) => map.put(key, Tree::texts(words)),
        None if form == Form::Yaml => {}
        None => map.put(key, Tree::Null),
    }
}

fn texts(entries: &BTreeMap<String, String>) -> Tree {
    Tree::map(entries.iter().map(|(key, value)| (key.clone(), Tree::Text(value.clone()))))
}

fn environment(service: &Service) -> Tree {
    let set = service.environment.iter().map(|(name, value)| (name.clone(), Tree::Text(value.clone())));
    let unset = service.unset_environment.iter().map(|name| (name.clone(), Tree::Null));
    let all: BTreeMap<String, Tree> = set.chain(unset).collect();
    Tree::map(all.into_iter())
}

fn build(build: &Build) -> Tree {
    let mut map = Map::with("context", build.context.display());
    map.add("dockerfile", relative(&build.dockerfile, &build.context).display());
    map.put_filled("args", texts(&build.args));
    map.add_some("target", build.target.as_ref());
    map.into()
}

/// `path` as seen from `folder`, or itself when they have only the root in common; both are absolute and clean.
fn relative(path: &Path, folder: &Path) -> PathBuf {
    let common = path.components().zip(folder.components()).take_while(|(a, b)| a == b).count();
    if common <= 1 {
        return path.to_owned();
    }
    let up = folder.components().skip(common).map(|_| Component::ParentDir);
    up.chain(path.components().skip(common)).collect()
}

fn dependency(dependency: &Dependency) -> Tree {
    let condition = match dependency.condition {
        Condition::ServiceStarted => "service_started",
        Condition::ServiceHealthy => "service_healthy",
        Condition::ServiceCompletedSuccessfully => "service_completed_successfully",
    };
    let mut map = Map::with("condition", condition);
    map.flag("restart", dependency.restart);
    map.put("required", Tree::Bool(dependency.required));
    map.into()
}

fn deploy(map: &mut Map, service: &Service, form: Form) {
    let Some(written) = &service.deploy else { return };
    let mut resources = Map::new();
    if let Some(limits) = &written.limits {
        resources.put("limits", self::resources(limits));
    }
    if let Some(reservations) = &written.reservations {
        resources.put("reservations", self::resources(reservations));
    }
    let resources = Tree::from(resources);
    let mut deploy = Map::new();
    deploy.put("resources", resources);
    if form != Form::Yaml {
        deploy.put("placement", Map::new().into());
    }
    map.put("deploy", deploy.into());
}

fn resources(resources: &Resources) -> Tree {
    let mut map = Map::new();
    if let Some(nanos) = resources.nano_cpus {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "Compose keeps cores in 32 bits and prints them so"
        )]
        let cores = (nanos as f64 / 1e9) as f32;
        let whole = nanos % 1_000_000_000 == 0;
        map.put("cpus", if whole { Tree::Integer(nanos / 1_000_000_000) } else { Tree::Float(cores) });
    }
    map.add_some("memory", resources.memory);
    if let Some(pids) = resources.pids {
        map.put("pids", Tree::Integer(pids));
    }
    map.into()
}

fn healthcheck(check: &Healthcheck) -> Tree {
    let mut map = Map::new();
    let words = |first: &str, rest: &[String]| {
        Tree::texts(std::iter::once(first).chain(rest.iter().map(String::as_str)))
    };
    match &check.test {
        HealthTest::Disabled => {}
        HealthTest::Command(command) => map.put("test", words("CMD", command)),
        HealthTest::Shell(line) => map.put("test", words("CMD-SHELL", std::slice::from_ref(line))),
    }
    map.add_some("timeout", check.timeout.map(print_duration));
    map.add_some("interval", check.interval.map(print_duration));
    if let Some(retries) = check.retries {
        map.put("retries", Tree::Integer(retries.into()));
    }
    map.add_some("start_period", check.start_period.map(print_duration));
    map.add_some("start_interval", check.start_interval.map(print_duration));
    map.flag("disable", check.test == HealthTest::Disabled);
    map.into()
}

fn port(port: &Port) -> Tree {
    let mut map = Map::with("mode", "ingress");
    map.add_some("host_ip", port.host_ip.as_ref());
    map.put("target", Tree::Integer(port.target.into()));
    map.add_some("published", port.published);
    map.add("protocol", port.protocol.as_str());
    map.into()
}

fn restart(restart: Restart) -> String {
    match restart {
        Restart::No => "no".into(),
        Restart::Always => "always".into(),
        Restart::UnlessStopped => "unless-stopped".into(),
        Restart::OnFailure { max_retries: None } => "on-failure".into(),
        Restart::OnFailure { max_retries: Some(count) } => format!("on-failure:{count}"),
    }
}

fn mount(mount: &Mount) -> Tree {
    let (kind, source) = match &mount.source {
        MountSource::Bind(path) => ("bind", Some(path.display().to_string())),
        MountSource::Volume(key) => ("volume", Some(key.clone())),
        MountSource::Anonymous => ("volume", None),
        MountSource::Tmpfs => ("tmpfs", None),
    };
    let mut map = Map::with("type", kind);
    map.add_some("source", source);
    map.add("target", &mount.target);
    map.flag("read_only", mount.read_only);
    if let Some(bind) = &mount.bind {
        let mut options = Map::new();
        options.add_some("selinux", bind.selinux.as_ref());
        options.add_some("propagation", bind.propagation.as_ref());
        options.flag("create_host_path", bind.create_host_path);
        map.put("bind", options.into());
    }
    if let Some(volume) = &mount.volume {
        let mut options = Map::new();
        options.flag("nocopy", volume.nocopy);
        map.put("volume", options.into());
    }
    if let Some(tmpfs) = &mount.tmpfs {
        let mut options = Map::new();
        options.add_some("size", tmpfs.size);
        if let Some(mode) = tmpfs.mode {
            options.put("mode", Tree::Integer(mode.into()));
        }
        map.put("tmpfs", options.into());
    }
    map.into()
}

fn extension(extension: &Extension) -> Tree {
    let mut map = Map::new();
    map.add_some("distribution", extension.distribution.as_ref().map(|path| path.display()));
    if let Some(build) = &extension.host_build {
        let mut host_build = Map::with("package", &build.package);
        host_build.put("binaries", Tree::texts(&build.binaries));
        host_build.flag("static", build.standalone);
        host_build.add("dockerfile", build.dockerfile.display());
        host_build.add_some("prepare", build.prepare.as_ref().map(|path| path.display()));
        host_build.put_filled("libraries", Tree::texts(build.libraries.iter().map(|path| path.display())));
        map.put("host_build", host_build.into());
    }
    if extension.image_unavailable == ImageUnavailable::Skip {
        map.add("image_unavailable", "skip");
    }
    map.flag("job", extension.job);
    let links = extension.links.iter().map(|(title, link)| (title.clone(), Tree::Text(link.clone())));
    map.put_filled("links", Tree::map(links));
    let mut ready = Map::new();
    if let Some(port) = extension.ready.tcp {
        ready.put("tcp", Tree::Integer(port.into()));
    }
    if let Some(http) = &extension.ready.http {
        ready.add("http", format_args!("{}{}", http.port, http.path));
    }
    map.put_filled("ready", ready.into());
    map.into()
}
