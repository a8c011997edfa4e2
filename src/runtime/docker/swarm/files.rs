//! Secrets and configs. Swarm keeps them itself and never changes one: other content is another secret, whose name tells them
//! apart, and one that no service uses any more goes.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bollard::models::{
    ConfigSpec, SecretSpec, TaskSpecContainerSpecConfigs, TaskSpecContainerSpecFile,
    TaskSpecContainerSpecFile1, TaskSpecContainerSpecSecrets,
};
use bollard::query_parameters as query;
use sha2::{Digest as _, Sha256};

use super::super::create::content;
use super::service::is_settled;
use super::{PROJECT, Swarm};
use crate::definition::model::{Definition, FileObject, FileReference, Service};
use crate::definition::render::{config_hash, swarm_text};
use crate::runtime::RuntimeError;

/// The longest name that Swarm takes.
const LONGEST: usize = 64;
/// Digits of the content's digest in a name.
const DIGITS: usize = 12;
/// Permission bits where the definition is silent.
const MODE: u32 = 0o444;

/// What the swarm has of a service's secrets and configs: key of the definition → identifier and name.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub(super) secrets: BTreeMap<String, (String, String)>,
    pub(super) configs: BTreeMap<String, (String, String)>,
}

impl Given {
    pub(super) fn secrets(&self, service: &Service) -> Vec<TaskSpecContainerSpecSecrets> {
        let uses = service.secrets.iter().filter_map(|reference| {
            let (id, name) = self.secrets.get(&reference.source)?;
            Some(TaskSpecContainerSpecSecrets {
                file: Some(TaskSpecContainerSpecFile {
                    name: Some(reference.path("/run/secrets")),
                    uid: Some(reference.uid.clone().unwrap_or_else(|| "0".to_owned())),
                    gid: Some(reference.gid.clone().unwrap_or_else(|| "0".to_owned())),
                    mode: Some(reference.mode.unwrap_or(MODE)),
                }),
                secret_id: Some(id.clone()),
                secret_name: Some(name.clone()),
            })
        });
        uses.collect()
    }

    pub(super) fn configs(&self, service: &Service) -> Vec<TaskSpecContainerSpecConfigs> {
        let uses = service.configs.iter().filter_map(|reference| {
            let (id, name) = self.configs.get(&reference.source)?;
            Some(TaskSpecContainerSpecConfigs {
                file: Some(TaskSpecContainerSpecFile1 {
                    name: Some(reference.path("/")),
                    uid: Some(reference.uid.clone().unwrap_or_else(|| "0".to_owned())),
                    gid: Some(reference.gid.clone().unwrap_or_else(|| "0".to_owned())),
                    mode: Some(reference.mode.unwrap_or(MODE)),
                }),
                config_id: Some(id.clone()),
                config_name: Some(name.clone()),
                ..TaskSpecContainerSpecConfigs::default()
            })
        });
        uses.collect()
    }
}

/// What a service is compared by on Swarm: Compose's hash does not know how it is spread, nor what its secrets hold.
pub fn fingerprint(definition: &Definition) -> impl Fn(&Service) -> String + use<> {
    let digests: BTreeMap<String, String> = definition
        .secrets
        .iter()
        .map(|(key, object)| (format!("secret {key}"), object))
        .chain(definition.configs.iter().map(|(key, object)| (format!("config {key}"), object)))
        // What cannot be read fails with a reason of its own when the service is made.
        .map(|(key, object)| (key, content(object).map(|bytes| digest(&bytes)).unwrap_or_default()))
        .collect();
    move |service| {
        let secrets = service.secrets.iter().map(|used| format!("secret {}", used.source));
        let configs = service.configs.iter().map(|used| format!("config {}", used.source));
        let mut text = format!("{}\n{}", config_hash(service), swarm_text(service));
        for key in secrets.chain(configs) {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n{key} {}", digests.get(&key).map_or("", String::as_str));
        }
        digest(text.as_bytes())
    }
}

fn digest(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The name that Swarm knows some content by.
fn name(object: &FileObject, content: &[u8]) -> String {
    let begin: String = object.name.chars().take(LONGEST - DIGITS - 1).collect();
    format!("{begin}-{}", &digest(content)[..DIGITS])
}

fn named(name: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([("name".to_owned(), vec![name.to_owned()])])
}

impl Swarm {
    /// Makes what the service is given and the swarm does not have yet.
    pub(super) async fn give(
        &self,
        definition: &Definition,
        service: &Service,
    ) -> Result<Given, RuntimeError> {
        let mut given = Given::default();
        let labels = HashMap::from([(PROJECT.to_owned(), definition.project.clone())]);
        let of = |used: &FileReference, known: &BTreeMap<String, FileObject>| {
            let object = known.get(&used.source);
            object.map(|object| content(object).map(|bytes| (name(object, &bytes), bytes)))
        };
        for used in &service.secrets {
            let Some((name, bytes)) = of(used, &definition.secrets).transpose()? else { continue };
            let id = self.secret(&name, &bytes, &labels).await?;
            self.given.borrow_mut().insert(id.clone());
            given.secrets.insert(used.source.clone(), (id, name));
        }
        for used in &service.configs {
            let Some((name, bytes)) = of(used, &definition.configs).transpose()? else { continue };
            let id = self.config(&name, &bytes, &labels).await?;
            self.given.borrow_mut().insert(id.clone());
            given.configs.insert(used.source.clone(), (id, name));
        }
        Ok(given)
    }

    async fn secret(
        &self,
        name: &str,
        content: &[u8],
        labels: &HashMap<String, String>,
    ) -> Result<String, RuntimeError> {
        let client = &self.docker.client;
        let options = query::ListSecretsOptionsBuilder::new().filters(&named(name)).build();
        let found = self.asked(client.list_secrets(Some(options))).await?;
        let own = found
            .into_iter()
            .find(|secret| secret.spec.as_ref().and_then(|spec| spec.name.as_deref()) == Some(name));
        if let Some(id) = own.and_then(|secret| secret.id) {
            return Ok(id);
        }
        let spec = SecretSpec {
            name: Some(name.to_owned()),
            labels: Some(labels.clone()),
            data: Some(BASE64.encode(content)),
            ..SecretSpec::default()
        };
        Ok(self.asked(client.create_secret(spec)).await?.id)
    }

    async fn config(
        &self,
        name: &str,
        content: &[u8],
        labels: &HashMap<String, String>,
    ) -> Result<String, RuntimeError> {
        let client = &self.docker.client;
        let options = query::ListConfigsOptionsBuilder::new().filters(&named(name)).build();
        let found = self.asked(client.list_configs(Some(options))).await?;
        let own = found
            .into_iter()
            .find(|config| config.spec.as_ref().and_then(|spec| spec.name.as_deref()) == Some(name));
        if let Some(id) = own.and_then(|config| config.id) {
            return Ok(id);
        }
        let spec = ConfigSpec {
            name: Some(name.to_owned()),
            labels: Some(labels.clone()),
            data: Some(BASE64.encode(content)),
            ..ConfigSpec::default()
        };
        Ok(self.asked(client.create_config(spec)).await?.id)
    }

    /// Removes what the project's services no longer use, unless one is being replaced: what was there before may come back, and
    /// needs what it had.
    pub(super) async fn forget_unused(&self, project: &str) -> Result<(), RuntimeError> {
        let client = &self.docker.client;
        let filters = HashMap::from([("label".to_owned(), vec![format!("{PROJECT}={project}")])]);
        let mut used = self.given.borrow().clone();
        for service in self.services(project).await? {
            let spec = service.spec.unwrap_or_default();
            if !is_settled(&spec, service.update_status.as_ref()) {
                return Ok(());
            }
            if let Some(container) = spec.task_template.and_then(|task| task.container_spec) {
                used.extend(container.secrets.into_iter().flatten().filter_map(|secret| secret.secret_id));
                used.extend(container.configs.into_iter().flatten().filter_map(|config| config.config_id));
            }
        }
        let options = query::ListSecretsOptionsBuilder::new().filters(&filters).build();
        let secrets = self.asked(client.list_secrets(Some(options))).await?;
        for id in secrets.into_iter().filter_map(|secret| secret.id).filter(|id| !used.contains(id)) {
            let _ = self.asked(client.delete_secret(&id)).await;
        }
        let options = query::ListConfigsOptionsBuilder::new().filters(&filters).build();
        let configs = self.asked(client.list_configs(Some(options))).await?;
        for id in configs.into_iter().filter_map(|config| config.id).filter(|id| !used.contains(id)) {
            let _ = self.asked(client.delete_config(&id)).await;
        }
        Ok(())
    }
}
