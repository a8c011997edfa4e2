//! Whether services listen that say nothing else of themselves: without a health test a service counts as ready as soon as it runs, and
//! who asks it in the next instant asks too early.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{sleep, timeout};

use crate::definition::model::Service;
use crate::probe::{self, Policy};
use crate::runtime::Runtime;

/// What does not listen after so long does not listen.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(100);

/// Waits until every published port of those services accepts connections that have nothing else to be asked.
pub async fn await_listening<R: Runtime>(runtime: &R, services: impl Iterator<Item = &Service>) {
    let silent = services.filter(|service| !Policy::of(service).asks());
    let waits = silent.flat_map(probe::open_ports).map(async |(host, port)| {
        while !runtime.accepts(&host, port, LOOK).await {
            sleep(PAUSE).await;
        }
    });
    // One that never does is found by whoever asks it.
    let _ = timeout(PATIENCE, join_all(waits)).await;
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::definition::model::ServiceName;
    use crate::definition::render::config_hash;
    use crate::definition::{Request, load};
    use crate::plan::{self, Goal};
    use crate::runtime::CreateOrder;
    use crate::runtime::sim::Simulated;
    use crate::world::World;

    const STACK: &str = r#"
name: shop
services:
  soon: { image: "a:1", ports: ["127.0.0.1:8001:80"], labels: { sim.ready_ms: "3000" } }
  never: { image: "a:1", ports: ["127.0.0.1:8002:80"], labels: { sim.ready_ms: "3600000" } }
  hidden: { image: "a:1", labels: { sim.ready_ms: "3600000" } }
  tested:
    image: "a:1"
    ports: ["127.0.0.1:8003:80"]
    healthcheck: { test: [CMD, check] }
    labels: { sim.ready_ms: "3600000" }
"#;

    /// How long one is waited for after its start.
    async fn waited(name: &str) -> Duration {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stack.yaml");
        std::fs::write(&file, STACK).unwrap();
        let definition = load(&Request { files: vec![file], ..Request::default() }).unwrap().definition;
        let service = &definition.services[&ServiceName::new(name)];
        let runtime = Simulated::default();
        runtime.pull(&service.image, &mut |_| {}).await.unwrap();
        let image = runtime.image(&service.image).await.unwrap().unwrap();
        let plan = plan::make(&definition, &World::default(), &Goal::default(), &config_hash);
        let plan = plan.service(&service.name).unwrap();
        let order = CreateOrder { name: name.to_owned(), number: 1, image: &image, plan };
        let id = runtime.create(&definition, service, &order).await.unwrap();
        runtime.start(&id).await.unwrap();
        let began = Instant::now();
        await_listening(&runtime, [service].into_iter()).await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_no_health_test_is_waited_for_until_it_listens() {
        let soon = waited("soon").await;
        assert!((Duration::from_millis(2_500)..Duration::from_millis(3_200)).contains(&soon), "{soon:?}");
        let never = waited("never").await;
        assert!((PATIENCE..PATIENCE + PAUSE).contains(&never), "{never:?}");
        assert_eq!(waited("hidden").await, Duration::ZERO, "it publishes nothing");
        assert_eq!(waited("tested").await, Duration::ZERO, "`up` has waited for it");
    }
}
