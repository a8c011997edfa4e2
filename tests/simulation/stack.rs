//! A random stack: services, their dependencies, and what each of them does.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use pdex::definition::model::{
    Attachment, Condition, Definition, Dependency, HealthTest, Healthcheck, Port, Restart, Service,
    ServiceName,
};
use pdex::runtime::sim::Draw;

const MOST_SERVICES: u32 = 10;

/// The services, dependencies before dependents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stack {
    pub(crate) services: Vec<Traits>,
}

/// What one service is and does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is drawn on its own")]
pub(crate) struct Traits {
    /// Kept when others are taken out of the stack.
    pub(crate) number: u32,
    pub(crate) job: bool,
    pub(crate) tested: bool,
    pub(crate) published: bool,
    pub(crate) restarts: bool,
    pub(crate) replicas: u32,
    pub(crate) ready_ms: u32,
    /// A temporary server answers that long before the lasting one is there.
    pub(crate) flaps_ms: Option<u32>,
    pub(crate) fault: Option<Fault>,
    pub(crate) depends: Vec<Depends>,
}

/// A dependency on an earlier service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Depends {
    pub(crate) on: u32,
    /// More than its start.
    pub(crate) done: bool,
    pub(crate) required: bool,
}

/// What goes wrong with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    ImageMissing,
    CreateRefused,
    NoSpace,
    StartRefused,
    NameTaken,
    /// The job fails; the service dies after so many milliseconds.
    Dies(u32),
    OutOfMemory,
}

impl Stack {
    /// The stack of a seed. A third of them have no fault.
    pub(crate) fn random(seed: u64) -> Self {
        let draw = Draw::new(seed);
        let count = 1 + draw.below(MOST_SERVICES);
        let faults = draw.below(3) > 0;
        Self { services: (0..count).map(|number| Traits::random(number, faults, &draw)).collect() }
    }

    /// Without what goes wrong.
    pub(crate) fn sound(&self) -> Self {
        let mut sound = self.clone();
        sound.services.iter_mut().for_each(|traits| traits.fault = None);
        sound
    }

    pub(crate) fn traits(&self, name: &ServiceName) -> &Traits {
        self.services.iter().find(|traits| traits.name() == *name).unwrap()
    }

    fn is_job(&self, number: u32) -> bool {
        self.services.iter().any(|traits| traits.number == number && traits.job)
    }

    /// As a definition, the way the loader would give it.
    pub(crate) fn definition(&self) -> Definition {
        static EMPTY: LazyLock<Definition> = LazyLock::new(|| {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("stack.yaml");
            std::fs::write(&file, "name: random\nservices: { x: { image: x } }\n").unwrap();
            let request = pdex::definition::Request { files: vec![file], ..Default::default() };
            pdex::definition::load(&request).unwrap().definition
        });
        let mut definition = EMPTY.clone();
        definition.services =
            self.services.iter().map(|traits| (traits.name(), traits.service(self))).collect();
        definition
    }
}

impl Traits {
    fn random(number: u32, faults: bool, draw: &Draw) -> Self {
        let chance = |of: u32| draw.below(of) == 0;
        let job = chance(3);
        let fault = (faults && chance(4)).then(|| match draw.below(7) {
            0 => Fault::ImageMissing,
            1 => Fault::CreateRefused,
            2 => Fault::NoSpace,
            3 => Fault::StartRefused,
            4 => Fault::NameTaken,
            5 => Fault::Dies(draw.below(3_000)),
            _ => Fault::OutOfMemory,
        });
        let depends = (0..draw.below(4)).filter_map(|_| {
            let on = draw.below(number.max(1));
            (on < number).then(|| Depends { on, done: !chance(3), required: !chance(8) })
        });
        let mut depends: Vec<Depends> = depends.collect();
        depends.sort_by_key(|d| d.on);
        depends.dedup_by_key(|d| d.on);
        let published = chance(2);
        Self {
            number,
            job,
            tested: !chance(3),
            published,
            restarts: !job && chance(3),
            replicas: if chance(6) && !published { 1 + draw.below(3) } else { 1 },
            // Some jobs are over before anyone looks.
            ready_ms: if chance(4) { 0 } else { draw.below(4_000) },
            flaps_ms: (published && chance(5)).then(|| 1 + draw.below(1_000)),
            fault,
            depends,
        }
    }

    pub(crate) fn name(&self) -> ServiceName {
        ServiceName::new(format!("s{:02}", self.number))
    }

    fn service(&self, stack: &Stack) -> Service {
        let port = Port {
            host_ip: Some("127.0.0.1".to_owned()),
            published: u16::try_from(9_000 + self.number).ok(),
            ..Port::new(80)
        };
        let check = Healthcheck {
            test: HealthTest::Shell("curl http://localhost:80/".to_owned()),
            interval: None,
            timeout: None,
            retries: None,
            start_period: None,
            start_interval: None,
        };
        let has_test = !self.job && (self.tested || self.flaps_ms.is_some());
        let mut service = Service {
            name: self.name(),
            image: format!("{}image:{}", self.image_prefix(), self.number % 3),
            scale: Some(self.replicas),
            depends_on: self.dependencies(stack),
            labels: self.labels(),
            ports: self.published.then_some(port).into_iter().collect(),
            networks: BTreeMap::from([("default".to_owned(), Attachment::default())]),
            healthcheck: has_test.then_some(check),
            restart: self.restarts.then_some(Restart::UnlessStopped),
            ..Service::default()
        };
        service.pdex.job = self.job;
        service
    }

    fn image_prefix(&self) -> &'static str {
        if self.fault == Some(Fault::ImageMissing) { "missing.test/" } else { "" }
    }

    fn dependencies(&self, stack: &Stack) -> BTreeMap<ServiceName, Dependency> {
        let present = |d: &&Depends| stack.services.iter().any(|traits| traits.number == d.on);
        let dependency = |d: &Depends| {
            let condition = match (d.done, stack.is_job(d.on)) {
                (false, _) => Condition::ServiceStarted,
                (true, false) => Condition::ServiceHealthy,
                (true, true) => Condition::ServiceCompletedSuccessfully,
            };
            let name = ServiceName::new(format!("s{:02}", d.on));
            (name, Dependency { condition, required: d.required, restart: false })
        };
        self.depends.iter().filter(present).map(dependency).collect()
    }

    fn labels(&self) -> BTreeMap<String, String> {
        let ms = self.ready_ms.to_string();
        let mut labels: BTreeMap<&str, String> = BTreeMap::new();
        if self.job {
            labels.extend([("sim.exit", "0".to_owned()), ("sim.exit_ms", ms)]);
        } else {
            labels.extend([("sim.ready_ms", ms)]);
            labels.extend(self.flaps_ms.map(|flap| ("sim.flap_ms", flap.to_string())));
        }
        match self.fault {
            Some(Fault::CreateRefused) => labels.extend([("sim.create", "refused".to_owned())]),
            Some(Fault::NoSpace) => labels.extend([("sim.create", "no space".to_owned())]),
            Some(Fault::StartRefused) => labels.extend([("sim.start", "refused".to_owned())]),
            Some(Fault::Dies(after)) => {
                labels.extend([("sim.exit", "1".to_owned()), ("sim.exit_ms", after.to_string())]);
            }
            Some(Fault::OutOfMemory) => labels.extend([
                ("sim.exit", "137".to_owned()),
                ("sim.exit_ms", "50".to_owned()),
                ("sim.oom", String::new()),
            ]),
            Some(Fault::ImageMissing | Fault::NameTaken) | None => {}
        }
        labels.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.services.iter().try_for_each(|traits| writeln!(f, "  {traits:?}"))
    }
}
