//! Containers beside a service's own: made from the service, with what the person wants otherwise.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::hands::make_bind_sources;
use crate::definition::model::{BindOptions, Definition, Mount, MountSource, Restart, Service, ServiceName};
use crate::definition::render::config_hash;
use crate::event::Failure;
use crate::plan::{self, Goal};
use crate::runtime::CreateOrder;
use crate::runtime::operate::{Operate, Terms};
use crate::world::ContainerId;

/// What is to differ from the service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    pub command: Option<Vec<String>>,
    pub entrypoint: Option<String>,
    pub environment: BTreeMap<String, String>,
    /// `source:target[:ro]`
    pub mounts: Vec<String>,
    pub user: Option<String>,
    pub working_dir: Option<String>,
    /// Publish the service's ports.
    pub publish: bool,
}

/// The service with the changes. An unusable mount is told in words.
pub fn service_with(
    definition: &Definition,
    service: &ServiceName,
    wanted: &Changes,
) -> Result<Service, String> {
    let mut changed = definition.services.get(service).cloned().unwrap_or_default();
    if let Some(entrypoint) = &wanted.entrypoint {
        changed.entrypoint = Some(vec![entrypoint.clone()]);
        // The service's command is made for the other program.
        changed.command = None;
    }
    if let Some(command) = &wanted.command {
        changed.command = Some(command.clone());
    }
    for (name, value) in &wanted.environment {
        changed.unset_environment.remove(name);
        changed.environment.insert(name.clone(), value.clone());
    }
    for text in &wanted.mounts {
        let mount = mount(definition, text)?;
        changed.mounts.retain(|other| other.target != mount.target);
        changed.mounts.push(mount);
    }
    changed.user = wanted.user.clone().or(changed.user);
    changed.working_dir = wanted.working_dir.clone().or(changed.working_dir);
    if !wanted.publish {
        changed.ports.clear();
    }
    // It is over when it has ended, and has a name of its own.
    changed.restart = Some(Restart::No);
    changed.container_name = None;
    Ok(changed)
}

fn mount(definition: &Definition, text: &str) -> Result<Mount, String> {
    let wrong = || format!("--volume {text}: expected source:target, or source:target:ro");
    let mut parts = text.split(':');
    let (source, target) = (parts.next().unwrap_or_default(), parts.next().ok_or_else(wrong)?);
    let read_only = match parts.next() {
        None | Some("rw") => false,
        Some("ro") => true,
        Some(_) => return Err(wrong()),
    };
    if source.is_empty() || !target.starts_with('/') || parts.next().is_some() {
        return Err(wrong());
    }
    let mut bind = None;
    let source = if source.starts_with(['/', '.', '~']) {
        bind = Some(BindOptions { create_host_path: true, ..BindOptions::default() });
        let here = std::env::current_dir().map_err(|e| e.to_string())?;
        MountSource::Bind(here.join(Path::new(source)))
    } else if definition.volumes.contains_key(source) {
        MountSource::Volume(source.to_owned())
    } else {
        return Err(format!("--volume {text}: the definition has no volume {source}"));
    };
    Ok(Mount { read_only, bind, ..Mount::new(source, target) })
}

/// The name that Compose would give: `<project>-<service>-run-<random digits>`.
pub fn name(project: &str, service: &ServiceName) -> io::Result<String> {
    let mut bytes = [0; 6];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let slug: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{project}-{service}-run-{slug}"))
}

/// Makes the container with the networks and volumes that it needs. Its image is there.
pub async fn make<R: Operate>(
    runtime: &R,
    definition: &Definition,
    service: &Service,
    name: &str,
    terms: Terms,
) -> Result<ContainerId, Failure> {
    let failed = |e: crate::runtime::RuntimeError| Failure::new(e.to_string());
    let world = runtime.observe(definition).await.map_err(failed)?;
    for (key, network) in &definition.networks {
        if service.networks.contains_key(key) && !network.external && !world.networks.contains(&network.name)
        {
            runtime.create_network(&definition.project, key, network).await.map_err(failed)?;
        }
    }
    for (key, volume) in &definition.volumes {
        let used = service.mounts.iter().any(|m| matches!(&m.source, MountSource::Volume(k) if k == key));
        if used && !volume.external && !world.volumes.contains(&volume.name) {
            runtime.create_volume(&definition.project, key, volume).await.map_err(failed)?;
        }
    }
    make_bind_sources(service)?;
    let image = runtime.image(&service.image).await.map_err(failed)?;
    let image = image.ok_or_else(|| Failure::new(format!("image {} is not there", service.image)))?;
    let goal = Goal { services: [service.name.clone()].into(), no_dependencies: true, ..Goal::default() };
    let plan = plan::make(definition, &world, &goal, &config_hash);
    let planned = plan.service(&service.name).ok_or_else(|| Failure::new("no such service"))?;
    let order = CreateOrder { name: name.to_owned(), number: 1, image: &image, plan: planned };
    runtime.create_one_off(definition, service, &order, terms).await.map_err(|e| {
        Failure::new(format!("could not make container {name}: {e}")).hint("`pdex ps -a` shows what is there")
    })
}
