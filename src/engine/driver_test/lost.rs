//! An engine that goes away and does not come back.

use super::*;

#[test]
fn an_engine_that_stays_away_ends_a_run_that_waits() {
    simulated(async {
        let definition = definition(
            "name: shop\nservices:\n  load: { image: \"load:1\", x-pdex: { job: true }, labels: { sim.exit: \"0\", sim.exit_ms: \"3600000\" } }\n  \
             api: { image: \"api:1\", depends_on: { load: { condition: service_completed_successfully } } }\n",
        );
        let restart = Some((20, Duration::from_hours(1)));
        let runtime = Simulated::with(Faults { restart, ..Faults::default() });
        let outcome = Up::of(&runtime, &definition).outcome().await;
        let Phase::Failed(failure) = phase(&outcome, "load") else { panic!("{outcome:?}") };
        assert_eq!((failure.code, failure.kind), ("up/engine-lost", FailureKind::EngineLost));
        assert!(
            failure.what.starts_with("what became of it is not known: the container engine at "),
            "{failure:?}"
        );
        assert_eq!(*phase(&outcome, "api"), Phase::Skipped { because: ServiceName::new("load") });
    });
}
