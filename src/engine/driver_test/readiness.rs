//! What "ready" promises of a service that answers, goes away and comes back, as a database does that runs a temporary server
//! during its first start.
//!
//! - Where a port is looked at from outside (`x-pdex.ready`, or a health test that is a plain GET of a published port): ready
//!   means that the port accepts connections, which a temporary server's does not, however long it lives.
//! - Where nothing is: two successes of the health test, 200 ms apart with no failure between. A temporary server that lives
//!   shorter than that is never taken for the lasting one; one that lives longer can be, which is what `x-pdex.ready` is for.

use std::time::Duration;

use proptest::prelude::*;

use super::{Up, definition, simulated};
use crate::event::Phase;
use crate::probe::SETTLE;
use crate::runtime::sim::Simulated;

/// How long after its start the service was called ready.
fn ready_after_ms(how: &str, ready_ms: u64, flap_ms: u64) -> u64 {
    let text = format!(
        "name: shop\nservices:\n  db:\n    image: db:1\n    labels: {{ sim.ready_ms: \"{ready_ms}\", sim.flap_ms: \"{flap_ms}\" }}\n{how}"
    );
    let definition = definition(&text);
    simulated(async {
        let runtime = Simulated::default();
        let (outcome, entered) = Up::of(&runtime, &definition).run().await.expect("it is not killed");
        assert!(outcome.is_success(), "{outcome:?}");
        let at = |wanted: fn(&Phase) -> bool| {
            entered.iter().find(|(_, _, phase)| wanted(phase)).expect("entered").0
        };
        let started = at(|phase| *phase == Phase::Probing);
        let ready = at(|phase| matches!(phase, Phase::Ready { .. }));
        let took = ready.saturating_sub(started);
        u64::try_from(took.as_millis()).unwrap()
    })
}

/// When the lasting server is there.
fn lasting_ms(ready_ms: u64, flap_ms: u64) -> u64 {
    ready_ms + flap_ms + 1_000
}

const BY_PORT: &str = "    ports: [\"127.0.0.1:5432:5432\"]\n    x-pdex: { ready: { tcp: 5432 } }\n    healthcheck: { test: [CMD, pg_isready] }\n";
const BY_GET: &str = "    ports: [\"127.0.0.1:8000:8000\"]\n    healthcheck: { test: [CMD, curl, \"http://localhost:8000/\"] }\n";
const BY_TEST_ALONE: &str = "    healthcheck: { test: [CMD, pg_isready] }\n";

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_temporary_server_is_never_taken_for_ready_where_a_port_is_looked_at(ready in 0_u64..4_000, flap in 1_u64..10_000) {
        for how in [BY_PORT, BY_GET] {
            let took = ready_after_ms(how, ready, flap);
            prop_assert!(took >= lasting_ms(ready, flap), "{took} ms");
            prop_assert!(took <= lasting_ms(ready, flap) + 600, "{took} ms: noticed within a beat");
        }
    }

    #[test]
    fn two_successes_outlast_a_temporary_server_that_lives_shorter_than_they_are_apart(
        ready in 0_u64..4_000,
        flap in 1_u64..u64::try_from(SETTLE.as_millis()).unwrap(),
    ) {
        let took = ready_after_ms(BY_TEST_ALONE, ready, flap);
        let settled = lasting_ms(ready, flap) + u64::try_from(SETTLE.as_millis()).unwrap();
        prop_assert!(took >= settled, "{took} ms");
        prop_assert!(took <= settled + 800, "{took} ms: noticed within a beat");
    }
}

#[test]
fn a_service_without_anything_to_ask_is_ready_as_soon_as_it_runs() {
    assert_eq!(Duration::from_millis(ready_after_ms("", 5_000, 1)), Duration::ZERO);
}
