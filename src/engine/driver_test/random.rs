//! Random stacks on the simulated engine: whatever the graph, a second `up` has nothing to do, a kill anywhere is mended by the
//! next `up`, and `down` leaves nothing.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Simulated, Up, observed, planned, simulated, state};
use crate::definition::model::{
    Attachment, Condition, Definition, Dependency, HealthTest, Healthcheck, Mount, MountSource, Network,
    Port, Restart, Service, ServiceName, Volume,
};
use crate::engine::teardown::{Extent, teardown};
use crate::plan::Goal;
use crate::world::World;

/// A service of a random stack.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is drawn on its own")]
struct Traits {
    job: bool,
    tested: bool,
    published: bool,
    stores: bool,
    restarts: bool,
    ready_ms: u64,
    /// Earlier services, and whether to wait for more than their start.
    depends: Vec<(usize, bool)>,
}

fn traits() -> impl Strategy<Value = Traits> {
    let flags = proptest::array::uniform5(any::<bool>());
    let depends = proptest::collection::vec((0_usize..10, any::<bool>()), 0..3);
    (flags, 0_u64..3_000, depends).prop_map(
        |([job, tested, published, stores, restarts], ready_ms, depends)| Traits {
            job,
            tested,
            published,
            stores,
            restarts: restarts && !job,
            ready_ms,
            depends,
        },
    )
}

fn name(index: usize) -> ServiceName {
    ServiceName::new(format!("s{index}"))
}

fn definition(stack: &[Traits]) -> Definition {
    let network = Network { name: "random_default".to_owned(), ..Network::default() };
    let volume = Volume { name: "random_data".to_owned(), ..Volume::default() };
    let stores = stack.iter().any(|traits| traits.stores);
    Definition {
        project: "random".to_owned(),
        directory: "/".into(),
        files: vec![],
        services: stack.iter().enumerate().map(|(i, traits)| (name(i), service(i, traits, stack))).collect(),
        networks: BTreeMap::from([("default".to_owned(), network)]),
        volumes: stores.then(|| ("data".to_owned(), volume)).into_iter().collect(),
        ..Definition::default()
    }
}

fn service(index: usize, traits: &Traits, stack: &[Traits]) -> Service {
    let port = Port {
        host_ip: Some("127.0.0.1".to_owned()),
        published: u16::try_from(9_000 + index).ok(),
        ..Port::new(80)
    };
    let mount = Mount::new(MountSource::Volume("data".to_owned()), "/data");
    let check = Healthcheck {
        test: HealthTest::Shell("curl http://localhost:80/".to_owned()),
        interval: None,
        timeout: None,
        retries: None,
        start_period: None,
        start_interval: None,
    };
    let depends_on =
        traits.depends.iter().filter(|(upstream, _)| *upstream < index).map(|&(upstream, more)| {
            let condition = match (more, stack[upstream].job) {
                (false, _) => Condition::ServiceStarted,
                (true, false) => Condition::ServiceHealthy,
                (true, true) => Condition::ServiceCompletedSuccessfully,
            };
            (name(upstream), Dependency { condition, required: true, restart: false })
        });
    let ms = traits.ready_ms.to_string();
    let labels = if traits.job {
        vec![("sim.exit".to_owned(), "0".to_owned()), ("sim.exit_ms".to_owned(), ms)]
    } else {
        vec![("sim.ready_ms".to_owned(), ms)]
    };
    let mut service = Service {
        name: name(index),
        image: format!("image:{}", index % 3),
        depends_on: depends_on.collect(),
        labels: labels.into_iter().collect(),
        ports: traits.published.then_some(port).into_iter().collect(),
        mounts: traits.stores.then_some(mount).into_iter().collect(),
        networks: BTreeMap::from([("default".to_owned(), Attachment::default())]),
        healthcheck: (traits.tested && !traits.job).then_some(check),
        restart: traits.restarts.then_some(Restart::UnlessStopped),
        ..Service::default()
    };
    service.pdex.job = traits.job;
    service
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn after_an_up_nothing_is_to_be_done(stack in proptest::collection::vec(traits(), 1..10)) {
        let definition = definition(&stack);
        simulated(async {
            let runtime = Simulated::default();
            let first = Up::of(&runtime, &definition).outcome().await;
            prop_assert!(first.is_success(), "{first:?}");
            let plan = planned(&runtime, &definition, &Goal::default()).await;
            prop_assert!(plan.is_empty(), "{plan}");
            let before = state(&observed(&runtime, &definition).await);
            let second = Up::of(&runtime, &definition).outcome().await;
            prop_assert!(second.is_success(), "{second:?}");
            prop_assert_eq!(state(&observed(&runtime, &definition).await), before);
            Ok(())
        })?;
    }

    #[test]
    fn a_kill_is_mended_and_down_leaves_nothing(
        stack in proptest::collection::vec(traits(), 1..10),
        killed_at in 1_u64..80,
        force_recreate in any::<bool>(),
    ) {
        let definition = definition(&stack);
        simulated(async {
            let (whole, broken) = (Simulated::default(), Simulated::default());
            prop_assert!(Up::of(&whole, &definition).outcome().await.is_success());
            if force_recreate {
                prop_assert!(Up::of(&broken, &definition).outcome().await.is_success());
            }
            let goal = Goal { force_recreate, ..Goal::default() };
            Up { goal, killed_at: Some(killed_at), ..Up::of(&broken, &definition) }.run().await;
            prop_assert!(Up::of(&broken, &definition).outcome().await.is_success());
            let mended = observed(&broken, &definition).await;
            prop_assert_eq!(state(&mended), state(&observed(&whole, &definition).await));
            let extent = Extent { remove: true, volumes: true, ..Extent::default() };
            teardown(&broken, &definition, &mended, &extent, &mut |_| {}).await;
            prop_assert_eq!(state(&observed(&broken, &definition).await), state(&World::default()));
            Ok(())
        })?;
    }
}
