//! Clauses about what is asked of a running container: commands inside, published ports.

use std::time::Duration;

use pdex::runtime::{ExecOrder, ExecOutcome, Runtime, RuntimeError};
use pdex::world::ContainerId;

use crate::stage::{Stage, eventually};

const LIMIT: Duration = Duration::from_secs(10);
const HOST: &str = "127.0.0.1";

fn argv(line: &str) -> ExecOrder {
    ExecOrder::of(&["/bin/sh", "-c", line].map(str::to_owned))
}

pub(crate) async fn a_command_inside_gives_its_code_and_output<R: Runtime>(stage: &Stage<R>) {
    let runtime = &stage.runtime;
    let id = stage.create("sleeper").await;
    let early = runtime.exec(&id, &argv("echo hello"), LIMIT).await;
    assert!(matches!(early, Err(RuntimeError::Conflict(_))), "it does not run: {early:?}");
    runtime.start(&id).await.unwrap();
    let outcome = runtime.exec(&id, &argv("echo hello"), LIMIT).await;
    assert_eq!(outcome, Ok(ExecOutcome { code: 0, output: "hello".to_owned() }));
    let refusing = stage.start("refusing").await;
    let outcome = runtime.exec(&refusing, &argv("echo not yet; exit 1"), LIMIT).await;
    assert_eq!(outcome, Ok(ExecOutcome { code: 1, output: "not yet".to_owned() }));
    let nobody = ContainerId("0123456789ab".to_owned());
    assert!(runtime.exec(&nobody, &argv("true"), LIMIT).await.is_err_and(|e| e.is_not_found()));
}

pub(crate) async fn a_command_inside_is_given_up_in_time<R: Runtime>(stage: &Stage<R>) {
    let id = stage.start("refusing").await;
    let limit = Duration::from_millis(500);
    let outcome = stage.runtime.exec(&id, &argv("sleep 5"), limit).await;
    assert_eq!(outcome, Err(RuntimeError::TimedOut(limit)));
}

pub(crate) async fn a_published_port_is_open_when_something_listens<R: Runtime>(stage: &Stage<R>) {
    let (runtime, port) = (&stage.runtime, stage.port);
    let id = stage.create("server").await;
    assert!(!runtime.is_bound(HOST, port));
    assert_eq!(runtime.publisher(port).await, Ok(None));
    assert!(!runtime.accepts(HOST, port, LIMIT).await);
    runtime.start(&id).await.unwrap();
    assert!(runtime.is_bound(HOST, port));
    assert_eq!(runtime.publisher(port).await, Ok(Some(stage.name("server"))));
    eventually("it accepts", async || runtime.accepts(HOST, port, LIMIT).await).await;
    let url = format!("http://{HOST}:{port}/health");
    assert_eq!(runtime.http_status(&url, LIMIT).await, Ok(200));
    runtime.stop(&id, None).await.unwrap();
    assert!(!runtime.accepts(HOST, port, LIMIT).await);
    assert!(runtime.http_status(&url, LIMIT).await.is_err());
    assert!(!runtime.is_bound(HOST, port));
    assert_eq!(runtime.publisher(port).await, Ok(None));
}

pub(crate) async fn a_published_port_without_a_listener_is_not_taken_for_open<R: Runtime>(stage: &Stage<R>) {
    stage.start("silent").await;
    assert!(stage.runtime.is_bound(HOST, stage.port), "the engine holds the port");
    for _ in 0..5 {
        assert!(!stage.runtime.accepts(HOST, stage.port, LIMIT).await);
    }
    assert!(stage.runtime.http_status(&format!("http://{HOST}:{}/", stage.port), LIMIT).await.is_err());
}

pub(crate) async fn a_port_is_published_once<R: Runtime>(stage: &Stage<R>) {
    stage.start("silent").await;
    let second = stage.create("server").await;
    let started = stage.runtime.start(&second).await;
    assert_eq!(started, Err(RuntimeError::PortInUse { port: stage.port }));
}
