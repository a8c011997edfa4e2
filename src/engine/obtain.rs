//! Gets one image by walking its routes. Work that several images share (the base, the builder, the discovery that no
//! registry answers) is done once per run.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

use bytes::Bytes;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{Mutex, OnceCell};

use super::driver::Run;
use super::evidence;
use crate::definition::model::{Build, Definition, HostBuild, Service, ServiceName};
use crate::event::{Event, Failure, ImageSource};
use crate::images::context::{self, Context};
use crate::images::host::{self, HostError};
use crate::images::{self, Route, base};
use crate::runtime::{BuildOrder, BuildSettings, ImportOrder, Runtime, RuntimeError};

/// What is worked out once, whoever asks.
type Once<T> = Rc<OnceCell<Result<T, Failure>>>;

/// What the routes need to know of this run.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of the command line")]
pub(super) struct Obtainer<'a, R> {
    runtime: &'a R,
    definition: &'a Definition,
    environment: &'a BTreeMap<String, String>,
    /// Ask no registry.
    no_registry: bool,
    /// Ask no package mirror either.
    offline: bool,
    /// Run every step of a build again.
    no_cache: bool,
    /// Ask the registry for newer bases.
    newer_bases: bool,
    progress: UnboundedSender<Event>,
    /// Registries that did not answer in this run.
    away: RefCell<BTreeSet<String>>,
    /// By reference: services that share an image share the work for it.
    had: RefCell<BTreeMap<String, Once<ImageSource>>>,
    fits: OnceCell<bool>,
    /// Held while cargo runs: it uses all cores for one program, and whoever asked first is needed first.
    compiling: Mutex<()>,
    base: OnceCell<Result<(), Failure>>,
    builder: OnceCell<Result<(), Failure>>,
}

impl<'a, R: Runtime> Obtainer<'a, R> {
    pub(super) fn new(run: &Run<'a, R>, progress: UnboundedSender<Event>) -> Self {
        Self {
            runtime: run.runtime,
            definition: run.definition,
            environment: run.environment,
            no_registry: run.offline || run.no_registry,
            offline: run.offline,
            no_cache: false,
            newer_bases: false,
            progress,
            away: RefCell::default(),
            had: RefCell::default(),
            fits: OnceCell::new(),
            compiling: Mutex::new(()),
            base: OnceCell::new(),
            builder: OnceCell::new(),
        }
    }

    /// Builds anew what an earlier build left.
    pub(super) fn fresh(self, no_cache: bool, newer_bases: bool) -> Self {
        Self { no_cache, newer_bases, ..self }
    }

    /// The outcome as an event: `ImageReady` or `ImageFailed`.
    pub(super) async fn obtain(&self, name: &ServiceName) -> Event {
        let Some(service) = self.definition.services.get(name) else {
            return Event::ImageFailed { service: name.clone(), failure: Failure::new("no such service") };
        };
        let had = Rc::clone(self.had.borrow_mut().entry(service.image.clone()).or_default());
        let had = had.get_or_init(|| self.walk(service)).await.clone();
        self.outcome(name, service, had).await
    }

    /// As [`Self::obtain`], from the registry alone.
    pub(super) async fn fetch(&self, name: &ServiceName) -> Event {
        let Some(service) = self.definition.services.get(name) else {
            return Event::ImageFailed { service: name.clone(), failure: Failure::new("no such service") };
        };
        self.outcome(name, service, self.pull(name, &service.image).await).await
    }

    async fn outcome(
        &self,
        name: &ServiceName,
        service: &Service,
        had: Result<ImageSource, Failure>,
    ) -> Event {
        match had {
            Ok(source) => match self.runtime.image(&service.image).await {
                Ok(Some(image)) => Event::ImageReady { service: name.clone(), image, source },
                Ok(None) => self.failed(name, Failure::new(format!("image {} vanished", service.image))),
                Err(e) => {
                    self.failed(name, evidence::of_error(self.runtime, "its image is not known", &e).await)
                }
            },
            Err(failure) => self.failed(name, failure),
        }
    }

    #[expect(clippy::unused_self, reason = "reads as the counterpart of the success above")]
    fn failed(&self, name: &ServiceName, failure: Failure) -> Event {
        Event::ImageFailed { service: name.clone(), failure }
    }

    async fn walk(&self, service: &Service) -> Result<ImageSource, Failure> {
        let host_builds = service.pdex.host_build.is_some() && self.host_builds_fit().await;
        let mut last = Failure::new(format!("image {} has no source", service.image));
        for route in images::routes(service, host_builds) {
            let taken = match &route {
                Route::HostBuild(build) => self.host_build(service, build).await,
                Route::Build(build) => self.build(service, build).await,
                Route::Pull => self.pull(&service.name, &service.image).await,
                Route::Distribution(folder) => self.distribution(service, folder).await,
            };
            match taken {
                Ok(source) => return Ok(source),
                Err(failure) => last = failure,
            }
        }
        Err(last)
    }

    fn tell(&self, service: &ServiceName, line: String) {
        // The receiver lives as long as the run; a line that comes later is of no interest.
        let _ = self.progress.send(Event::ImageProgress { service: service.clone(), line });
    }

    async fn pull(&self, service: &ServiceName, reference: &str) -> Result<ImageSource, Failure> {
        let registry = images::registry(reference);
        let unreachable = || {
            let what = format!("image {reference} is not on the engine, and {registry} does not answer");
            Failure::new(what).code("up/registry-silent").hint(
                "check the network and the engine's registry settings; or bring it: `docker load`, `pdex images load`",
            )
        };
        if self.no_registry {
            return Err(Failure::new(format!(
                "image {reference} is not there, and no registry may be asked"
            ))
            .code("up/image-missing")
            .hint("`pdex images load` brings it; without --offline or --pull never a registry is asked"));
        }
        if self.away.borrow().contains(registry) {
            return Err(unreachable());
        }
        self.tell(service, format!("pulling {reference}"));
        let pulled = self.runtime.pull(reference, &mut |line| self.tell(service, line)).await;
        match pulled {
            Ok(()) => Ok(ImageSource::Registry),
            Err(RuntimeError::NoRegistry { cause, .. }) => {
                self.away.borrow_mut().insert(registry.to_owned());
                Err(Failure { evidence: vec![cause], ..unreachable() })
            }
            Err(e @ (RuntimeError::NotFound(_) | RuntimeError::Other(_))) => {
                let what =
                    format!("image {reference} is not on the engine, and {registry} does not give it: {e}");
                let hint = "look at the image's name and tag; `docker login` if it is private";
                Err(Failure::new(what).code("up/image-refused").hint(hint))
            }
            Err(e) => {
                Err(evidence::of_error(self.runtime, &format!("image {reference} cannot be pulled"), &e)
                    .await)
            }
        }
    }

    async fn distribution(&self, service: &Service, folder: &Path) -> Result<ImageSource, Failure> {
        self.needs_mirror(&service.image)?;
        let text = read(&folder.join("Dockerfile"))?;
        self.bases(&service.name, &text).await?;
        let mut context = Context::default();
        context.folder(folder).map_err(unreadable)?;
        let labels = BTreeMap::from([("io.pdex.image.source".to_owned(), "distribution".to_owned())]);
        let order = self.order(&service.image, context.finish().map_err(unreadable)?, "Dockerfile", labels);
        self.run_build(&service.name, order).await?;
        Ok(ImageSource::Distribution)
    }

    async fn build(&self, service: &Service, build: &Build) -> Result<ImageSource, Failure> {
        if !build.secrets.is_empty() {
            let failure = Failure::new("secrets of a build take BuildKit, which pdex does not speak");
            return Err(failure.hint(format!(
                "build {} with another tool; pdex uses an image that is there",
                service.image
            )));
        }
        let text = build.inline.clone().map_or_else(|| read(&build.dockerfile), Ok)?;
        self.bases(&service.name, &text).await?;
        let mut context = Context::default();
        context.folder(&build.context).map_err(unreadable)?;
        context.text(context::DOCKERFILE, &text).map_err(unreadable)?;
        let bytes = context.finish().map_err(unreadable)?;
        let mut order = self.order(&service.image, bytes, context::DOCKERFILE, BTreeMap::new());
        order.args.extend(build.args.clone());
        order.labels.extend(build.labels.clone());
        order.target.clone_from(&build.target);
        order.settings = settings(service, build);
        if images::takes_builder(&text) {
            self.builder(&service.name).await?;
            order.args.insert("BUILDER".to_owned(), base::BUILDER.to_owned());
        }
        self.run_build(&service.name, order).await?;
        Ok(ImageSource::Built)
    }

    async fn host_build(&self, service: &Service, build: &HostBuild) -> Result<ImageSource, Failure> {
        let text = read(&build.dockerfile)?;
        let (base, compiled) =
            tokio::join!(self.bases(&service.name, &text), self.compiled(&service.name, build));
        base?;
        compiled?;
        let mut context = Context::default();
        context.text(context::DOCKERFILE, &text).map_err(unreadable)?;
        let target = host::target(&self.definition.directory);
        for binary in &build.binaries {
            context.file(&format!("bin/{binary}"), &target.join(binary), true).map_err(unreadable)?;
        }
        for library in &build.libraries {
            let name = library.file_name().unwrap_or_default().to_string_lossy();
            context.file(&format!("lib/{name}"), library, false).map_err(unreadable)?;
        }
        let bytes = context.finish().map_err(unreadable)?;
        let order = self.order(&service.image, bytes, context::DOCKERFILE, BTreeMap::new());
        self.run_build(&service.name, order).await?;
        Ok(ImageSource::Built)
    }

    fn order(
        &self,
        tag: &str,
        context: Bytes,
        dockerfile: &str,
        labels: BTreeMap<String, String>,
    ) -> BuildOrder {
        BuildOrder {
            context,
            dockerfile: dockerfile.to_owned(),
            tag: tag.to_owned(),
            args: base::proxy_arguments(self.environment),
            labels,
            target: None,
            settings: BuildSettings::default(),
        }
    }

    async fn run_build(&self, service: &ServiceName, mut order: BuildOrder) -> Result<(), Failure> {
        order.settings.no_cache |= self.no_cache;
        order.settings.pull |= self.newer_bases;
        let tag = order.tag.clone();
        let mut last: Vec<String> = Vec::new();
        let built = self
            .runtime
            .build(order, &mut |line| {
                last.push(line.clone());
                if last.len() > 15 {
                    last.remove(0);
                }
                self.tell(service, line);
            })
            .await;
        let Err(e) = built else { return Ok(()) };
        let failure = match e {
            RuntimeError::Other(words) => {
                Failure::new(format!("building {tag} failed: {words}")).code("up/build-failed")
            }
            e => evidence::of_error(self.runtime, &format!("building {tag} failed"), &e).await,
        };
        Err(Failure { evidence: last, ..failure })
    }

    async fn host_builds_fit(&self) -> bool {
        *self
            .fits
            .get_or_init(async || match self.runtime.engine().await {
                Ok(engine) => host::fits(&self.definition.directory, &engine.architecture).await,
                Err(_) => false,
            })
            .await
    }

    async fn compiled(&self, service: &ServiceName, build: &HostBuild) -> Result<(), Failure> {
        let _turn = self.compiling.lock().await;
        let compiled = host::compile(&self.definition.directory, build, self.offline, &mut |line| {
            self.tell(service, line);
        })
        .await;
        compiled.map_err(|e| of_host(&e))
    }

    /// Makes sure that what a Dockerfile starts from is there.
    async fn bases(&self, service: &ServiceName, dockerfile: &str) -> Result<(), Failure> {
        for reference in images::bases(dockerfile) {
            if reference == images::BASE {
                self.base(service).await?;
                continue;
            }
            let present = self.runtime.image(&reference).await.map_err(|e| Failure::new(e.to_string()))?;
            if present.is_none() {
                self.pull(service, &reference).await?;
            }
        }
        Ok(())
    }

    async fn base(&self, service: &ServiceName) -> Result<(), Failure> {
        self.base.get_or_init(async || self.make_base(service).await).await.clone()
    }

    async fn make_base(&self, service: &ServiceName) -> Result<(), Failure> {
        let present = self.runtime.image(images::BASE).await.map_err(|e| Failure::new(e.to_string()))?;
        if present.is_some() || self.pull(service, images::BASE).await.is_ok() {
            return Ok(());
        }
        self.needs_mirror(images::BASE)?;
        self.tell(service, format!("making {} from the distribution's packages", images::BASE));
        let folder = tempfile::tempdir().map_err(unreadable)?;
        let tar = folder.path().join("base.tar");
        host::debootstrap(&tar, &mut |line| self.tell(service, line)).await.map_err(|e| {
            let failure = of_host(&e);
            Failure {
                what: format!(
                    "{} cannot be pulled (no registry answers) nor made here: {}",
                    images::BASE,
                    failure.what
                ),
                hint: Some("apt-get install mmdebstrap, or give the engine a registry".to_owned()),
                ..failure
            }
        })?;
        let order = ImportOrder {
            tar,
            tag: images::BASE.to_owned(),
            changes: vec![
                "CMD [\"bash\"]".to_owned(),
                "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
                "LABEL io.pdex.image.source=distribution".to_owned(),
            ],
        };
        self.runtime.import(order).await.map_err(|e| Failure::new(e.to_string()))
    }

    fn needs_mirror(&self, image: &str) -> Result<(), Failure> {
        if !self.offline {
            return Ok(());
        }
        let what = format!("image {image} is not there, and --offline forbids to make it from packages");
        Err(Failure::new(what).hint("`pdex images load` brings it"))
    }

    async fn builder(&self, service: &ServiceName) -> Result<(), Failure> {
        self.builder
            .get_or_init(async || {
                self.base(service).await?;
                let context = base::builder(self.environment).map_err(unreadable)?;
                let order = self.order(base::BUILDER, context, "Dockerfile", BTreeMap::new());
                self.run_build(service, order).await
            })
            .await
            .clone()
    }

    /// Takes away what was only needed for building.
    pub(super) async fn clean(&self) {
        if self.builder.initialized() {
            // Left behind it does no harm: the next run makes it anew.
            let _ = self.runtime.remove_image(base::BUILDER).await;
        }
    }
}

fn settings(service: &Service, build: &Build) -> BuildSettings {
    BuildSettings {
        no_cache: build.no_cache,
        pull: build.pull,
        network: build.network.clone(),
        extra_hosts: build.extra_hosts.clone(),
        shm_size: build.shm_size,
        cache_from: build.cache_from.clone(),
        platform: service.platform.clone().or_else(|| build.platforms.first().cloned()),
        tags: build.tags.clone(),
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|e| Failure::new(format!("{}: {e}", path.display())))
}

#[expect(clippy::needless_pass_by_value, reason = "an adapter for map_err")]
fn unreadable(error: std::io::Error) -> Failure {
    Failure::new(format!("the build context cannot be read: {error}"))
}

fn of_host(error: &HostError) -> Failure {
    match error {
        HostError::Missing { program } => {
            Failure::new(error.to_string()).hint(format!("install {program}, or run `make up`, which does"))
        }
        HostError::Failed { lines, .. } => {
            Failure { evidence: lines.clone(), ..Failure::new(error.to_string()) }
        }
    }
}
