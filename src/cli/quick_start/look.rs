//! What a guided start looks at before it asks: the definition, the engine, the machine. Changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::Talk;
use crate::checks::{self, Entrance, preflight};
use crate::cli::args::Global;
use crate::cli::context::{self, on_engine};
use crate::cli::exit::{Exit, Stop};
use crate::cli::{first, up};
use crate::definition::Loaded;
use crate::definition::model::Definition;
use crate::definition::render::config_hash;
use crate::engine::teardown;
use crate::finding::Finding;
use crate::guide::{self, Answers, Data, Situation, Stack};
use crate::plan::{self, Plan};
use crate::report::failures;
use crate::report::guide::Text;
use crate::runtime::Survey as _;
use crate::runtime::operate::Operate;
use crate::world::World;
use crate::world::machine::Machine;

/// What was there before anything was done.
pub(super) struct Seen {
    pub(super) as_is: Definition,
    /// Bound to this machine alone, and as it is when exposed; the same where the definition leaves no choice.
    pub(super) closed: Definition,
    pub(super) open: Definition,
    pub(super) world: World,
    pub(super) machine: Machine,
    pub(super) sizes: BTreeMap<String, u64>,
    pub(super) situation: Situation,
    pub(super) findings: Vec<Finding>,
    /// Of what runs when nothing is asked.
    pub(super) plan: Plan,
}

impl Seen {
    pub(super) fn definition(&self, answers: &Answers) -> &Definition {
        match self.situation.exposed {
            Some(now) if now != answers.expose && answers.expose => &self.open,
            Some(now) if now != answers.expose => &self.closed,
            // Also where it is exposed in a way of its own, to one address of several.
            _ => &self.as_is,
        }
    }

    /// What exposing it would open: `8000 (api)`.
    pub(super) fn reachable(&self) -> Vec<String> {
        let closed: BTreeSet<_> = guide::bindings(&self.closed).into_iter().collect();
        let opened = guide::bindings(&self.open).into_iter().filter(|binding| !closed.contains(binding));
        opened.map(|(service, _, port)| format!("{port} ({service})")).collect()
    }

    pub(super) fn plan(&self, answers: &Answers) -> Plan {
        let definition = self.definition(answers);
        let fresh = (answers.data == Data::Fresh).then(|| guide::after_removal(definition, &self.world));
        let world = fresh.as_ref().unwrap_or(&self.world);
        plan::make(definition, world, &self.situation.goal(answers), &config_hash)
    }
}

impl Talk<'_> {
    /// Everything that can be known without asking. Changes nothing: not even `.env` is written.
    pub(super) async fn look(&self) -> anyhow::Result<Seen> {
        let directory = up::env_directory(self.session)?;
        let preview = directory.map(|directory| first::preview_env(&directory)).transpose()?.flatten();
        let mut global = self.session.global.clone();
        global.env_files.extend(preview.as_ref().map(|file| file.path().to_owned()));
        let Loaded { definition: as_is, warnings: mut findings, .. } =
            loaded(&global, &self.session.environment)?;
        let (closed, open) = (self.bound(&global, "127.0.0.1")?, self.bound(&global, "0.0.0.0")?);
        let published = guide::bindings(&closed);
        let exposed = (published != guide::bindings(&open)).then(|| guide::bindings(&as_is) != published);
        let engine = context::connect(&self.session.global, &self.session.environment).await?;
        on_engine!(&engine, runtime => {
            let world = context::observe(runtime, &as_is).await?;
            if preview.is_some() {
                findings.extend(preflight::secrets_made_anew(&as_is, &world));
            }
            let mut situation = self.situation(&as_is, &world);
            situation.exposed = exposed;
            let fit = Box::pin(self.fit(runtime, &as_is, &world, &situation)).await?;
            situation.full_fits = fit.full;
            findings.extend(fit.findings);
            let machine = runtime.machine().await.unwrap_or_default();
            let sizes = sizes(runtime, &world).await;
            let goal = situation.goal(&situation.answers(&self.given));
            let plan = plan::make(&as_is, &world, &goal, &config_hash);
            Ok(Seen { as_is, closed, open, world, machine, sizes, situation, findings, plan })
        })
    }

    fn bound(&self, global: &Global, address: &str) -> Result<Definition, Stop> {
        let mut environment = self.session.environment.clone();
        environment.insert(guide::BIND.to_owned(), address.to_owned());
        loaded(global, &environment).map(|loaded| loaded.definition)
    }

    fn situation(&self, definition: &Definition, world: &World) -> Situation {
        let set = |name: &str| self.session.environment.get(name).is_some_and(|value| !value.is_empty());
        let built = definition.services.values().filter(|service| service.build.is_some());
        Situation {
            light: guide::light(definition),
            settled: guide::settled(world),
            full_fits: true,
            volumes: teardown::volumes(definition, world),
            has_built: built.into_iter().any(|service| world.images.contains_key(&service.image)),
            exposed: None,
            can_load: checks::address(definition, "api", 8000).is_some()
                || Entrance::of(definition).is_some(),
            can_open: set("DISPLAY") || set("WAYLAND_DISPLAY"),
        }
    }

    /// What is in the way of the start; an error where nothing that is wanted can start.
    async fn fit<R: Operate>(
        &self,
        runtime: &R,
        definition: &Definition,
        world: &World,
        situation: &Situation,
    ) -> Result<guide::Fit, Stop> {
        let found = async |stack| {
            let goal = situation.goal(&Answers { stack, ..situation.defaults() });
            let plan = plan::make(definition, world, &goal, &config_hash);
            preflight::check(runtime, definition, world, &plan.starting()).await
        };
        let full = found(Stack::Full).await;
        let light = match situation.light {
            Some(_) => Some(found(Stack::Light).await),
            None => None,
        };
        guide::fit(self.given.stack, full, light).map_err(|findings| {
            let text = failures::findings(&findings) + Text::MachineFitsNot.plain(self.language);
            Stop { exit: Exit::Failed, text }
        })
    }
}

fn loaded(global: &Global, environment: &BTreeMap<String, String>) -> Result<Loaded, Stop> {
    context::loaded_quietly(global, environment, context::files(global, environment)?, &[])
}

/// The sizes of the images that are there. One that is not told is not known.
async fn sizes<R: Operate>(runtime: &R, world: &World) -> BTreeMap<String, u64> {
    let asked = world.images.keys().map(async |reference| {
        let facts = runtime.image_facts(reference).await.ok().flatten()?;
        Some((reference.clone(), facts.size))
    });
    futures_util::future::join_all(asked).await.into_iter().flatten().collect()
}
