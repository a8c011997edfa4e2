//! Whatever a definition holds, printing it and reading it back gives the same: text of every kind survives the quoting rules
//! of two formats, the doubling of dollars and the interpolation that undoes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use pdex::definition::model::{
    Attachment, Definition, Deploy, HealthTest, Healthcheck, Mount, MountSource, Port, Protocol, Resources,
    Restart, Service, ServiceName, VolumeOptions,
};
use pdex::definition::{Request, load, render};
use proptest::option::of;
use proptest::prelude::*;

/// Texts that a careless writer leaves without quotes, or a careless reader takes for something else.
const TRAPS: &[&str] = &[
    "",
    " ",
    "~",
    "null",
    "yes",
    "no",
    "on",
    "y",
    "true",
    "1",
    "01",
    "0o7",
    "0x1f",
    "1_000",
    "1e3",
    ".5",
    "-",
    "- a",
    "2024-01-31",
    "2024-1-1 1:00:00",
    "1:30",
    "<<",
    "=",
    "a: b",
    "a #b",
    "#",
    "'",
    "\"",
    "\\",
    "$",
    "$$",
    "${A}",
    "$A",
    "{",
    "[",
    "!tag",
    "&a",
    "*a",
    "|",
    ">",
    "%",
    "@",
    "`",
    "?",
    "a\nb",
    "a\n",
    "\n",
    "\ta",
    " a ",
    "\u{1}x",
    "é",
    "\u{85}",
    "\u{2028}",
    "\u{feff}",
    "force-quotes",
    "\u{1}force-quotes",
    "\\x01",
    ".inf",
    ".nan",
    "...",
];

/// Text of the kinds that quoting gets wrong, and any other.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(TRAPS).prop_map(str::to_owned),
        "[^\u{0}]{0,12}",
        "[a-z$'\"\\\\: \n#-]{0,8}"
    ]
}

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9][a-zA-Z0-9_.-]{0,8}"
}

fn seconds() -> impl Strategy<Value = Option<Duration>> {
    of((0..10_000_000_000_u64).prop_map(Duration::from_micros))
}

fn healthcheck() -> impl Strategy<Value = Healthcheck> {
    let test = prop_oneof![
        Just(HealthTest::Disabled),
        proptest::collection::vec(text(), 1..4).prop_map(HealthTest::Command),
        text().prop_map(HealthTest::Shell),
    ];
    (test, seconds(), seconds(), of(any::<u32>()), seconds()).prop_map(
        |(test, interval, timeout, retries, start_period)| Healthcheck {
            test,
            interval,
            timeout,
            retries,
            start_period,
            start_interval: None,
        },
    )
}

fn port() -> impl Strategy<Value = Port> {
    let ip = proptest::sample::select(vec![None, Some("127.0.0.1".to_owned()), Some("::1".to_owned())]);
    (ip, of(1..=u16::MAX), 1..=u16::MAX, any::<bool>()).prop_map(|(host_ip, published, target, udp)| Port {
        host_ip,
        published,
        protocol: if udp { Protocol::Udp } else { Protocol::Tcp },
        ..Port::new(target)
    })
}

fn restart() -> impl Strategy<Value = Option<Restart>> {
    let failure = of(any::<u32>()).prop_map(|max_retries| Restart::OnFailure { max_retries });
    of(prop_oneof![Just(Restart::No), Just(Restart::Always), Just(Restart::UnlessStopped), failure])
}

fn resources() -> impl Strategy<Value = Resources> {
    let hundredths = of((1..6_400_i64).prop_map(|cpus| cpus * 10_000_000));
    (hundredths, of(0..i64::MAX), of(any::<i32>())).prop_map(|(nano_cpus, memory, pids)| Resources {
        nano_cpus,
        memory,
        pids: pids.map(i64::from),
        devices: Vec::new(),
    })
}

fn service() -> impl Strategy<Value = Service> {
    let words = || of(proptest::collection::vec(text(), 0..4));
    let environment = proptest::collection::btree_map("[A-Za-z_.<y~0-9$-][A-Z_ 0-9:$#-]{0,6}", text(), 0..6);
    let labels = proptest::collection::btree_map(text(), text(), 0..4);
    let process = (words(), words(), environment, labels, of(healthcheck()));
    let rest =
        (restart(), of(any::<bool>()), any::<bool>(), port(), resources(), of("[1-9]{1,4}"), seconds());
    (process, rest).prop_map(|(process, rest)| {
        let (command, entrypoint, environment, labels, healthcheck) = process;
        let (restart, init, read_only, port, limits, user, stop_grace_period) = rest;
        let unset = BTreeSet::from(["NOT_SET_ANYWHERE".to_owned()]);
        let unset_environment = if read_only { unset } else { BTreeSet::new() };
        Service {
            name: ServiceName::new("a"),
            image: "image:1".into(),
            image_named: true,
            command,
            entrypoint,
            environment,
            unset_environment,
            ports: vec![port],
            mounts: vec![Mount {
                read_only,
                volume: Some(VolumeOptions { nocopy: read_only, ..VolumeOptions::default() }),
                ..Mount::new(MountSource::Anonymous, "/data")
            }],
            networks: BTreeMap::from([("default".to_owned(), Attachment::default())]),
            healthcheck,
            restart,
            user,
            init,
            read_only,
            labels,
            stop_grace_period,
            deploy: Some(Deploy { limits: Some(limits), ..Deploy::default() }),
            ..Service::default()
        }
    })
}

/// A definition as loading gives it, around some services.
fn definition(services: BTreeMap<String, Service>) -> Definition {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("compose.yaml");
    fs::write(&file, "name: p\nservices: {a: {image: x}}\n").expect("written");
    let request =
        Request { files: vec![file], project_directory: Some("/project".into()), ..Request::default() };
    let base = load(&request).expect("valid").definition;
    let named = services.into_iter().enumerate().map(|(at, (name, mut service))| {
        service.name = ServiceName::new(name);
        // Two services cannot publish one port.
        service.ports[0].published =
            service.ports[0].published.map(|_| 1000 + u16::try_from(at).unwrap_or_default());
        (service.name.clone(), service)
    });
    Definition { services: named.collect(), ..base }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn printing_and_reading_gives_the_same(services in proptest::collection::btree_map(name(), service(), 1..4)) {
        let definition = definition(services);
        let folder = tempfile::tempdir().expect("folder");
        for (file, text) in [("c.yaml", render::yaml(&definition)), ("c.json", render::json(&definition))] {
            let file = folder.path().join(file);
            fs::write(&file, &text).expect("written");
            let again = load(&Request { files: vec![file], ..Request::default() });
            let again = again.map_err(|findings| TestCaseError::fail(format!("{findings:#?}\n{text}")))?;
            prop_assert_eq!(&Definition { files: definition.files.clone(), ..again.definition }, &definition, "{}", text);
        }
    }
}
