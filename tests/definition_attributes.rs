//! Round trips through the printer for the attributes that `definition_round_trip` leaves out: whatever stands in them, printing a
//! definition and reading it back gives the same.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use pdex::definition::model::{
    Attachment, BindOptions, BindRecursion, Definition, Deploy, Device, DeviceRequest, FileObject,
    FileReference, FileSource, Hidden, Hook, Ipam, IpamPool, Logging, Mount, MountSource, Namespace, Network,
    Port, PortMode, Protocol, PullPolicy, Resources, RestartCondition, RestartPolicy, Service, ServiceName,
    TmpfsOptions, Ulimit, Usage, Volume, VolumeOptions,
};
use pdex::definition::{Request, load, render};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

/// Text of the kinds that quoting gets wrong.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z$'\"\\\\: #=-]{1,8}",
        "[a-z]{1,6}",
        Just("1_000".to_owned()),
        Just("2024-01-31".to_owned())
    ]
    .prop_filter("blank text says nothing", |text| !text.trim().is_empty())
}

fn word() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9]{0,5}"
}

fn map() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map(word(), text(), 0..3)
}

/// Texts that differ in what stands before `=`.
fn distinct() -> impl Strategy<Value = Vec<String>> {
    btree_map(word(), of(word()), 0..3).prop_map(|map| {
        map.into_iter()
            .map(|(key, value)| value.map_or(key.clone(), |value| format!("{key}={value}")))
            .collect()
    })
}

fn positive() -> impl Strategy<Value = Option<i64>> {
    of(1..i64::from(u32::MAX))
}

fn duration() -> impl Strategy<Value = Option<Duration>> {
    of((0..1_000_000_u64).prop_map(Duration::from_millis))
}

fn usage() -> impl Strategy<Value = Usage> {
    let cpu = (positive(), positive(), positive(), positive(), positive(), of(1..64_i64));
    let memory = (positive(), positive(), of(prop_oneof![Just(-1), 1..1_i64 << 50]), of(1..100_i64));
    (cpu, memory, any::<bool>(), of(-1000..-1_i64), positive(), of("[0-9]-[0-9]")).prop_map(
        |((a, b, c, d, e, cpus), (limit, reservation, swap, swappiness), oom, score, pids, cpuset)| Usage {
            cpu_period: a,
            cpu_quota: b,
            cpu_rt_period: c,
            cpu_rt_runtime: d,
            cpu_shares: e,
            cpus: cpus.map(|cpus| cpus * 250_000_000),
            cpuset,
            mem_limit: limit,
            mem_reservation: reservation,
            memswap_limit: swap,
            mem_swappiness: swappiness,
            oom_kill_disable: oom,
            oom_score_adj: score,
            pids_limit: pids,
        },
    )
}

fn deploy() -> impl Strategy<Value = Deploy> {
    let condition = select(vec![
        RestartCondition::None,
        RestartCondition::OnFailure,
        RestartCondition::Any,
        RestartCondition::UnlessStopped,
    ]);
    let policy = (of(condition), of(any::<u32>()), duration(), duration()).prop_map(
        |(condition, max_attempts, delay, window)| RestartPolicy { condition, max_attempts, delay, window },
    );
    let request = (of(word()), prop_oneof![Just(-1), 1..9_i64], vec(word(), 1..3), map()).prop_map(
        |(driver, count, capabilities, options)| DeviceRequest {
            driver,
            count: Some(count),
            device_ids: Vec::new(),
            capabilities,
            options,
        },
    );
    (any::<bool>(), of(policy), of(vec(request, 0..3))).prop_map(|(replicated, restart_policy, devices)| {
        Deploy {
            replicated,
            replicas: None,
            limits: None,
            reservations: devices.map(|devices| Resources { devices, ..Resources::default() }),
            restart_policy,
        }
    })
}

fn attachment() -> impl Strategy<Value = Attachment> {
    (distinct(), of(Just("10.0.0.2".to_owned())), of(Just("fd00::2".to_owned())), -9..9_i64, map()).prop_map(
        |(aliases, ipv4_address, ipv6_address, priority, driver_opts)| Attachment {
            aliases,
            ipv4_address,
            ipv6_address,
            priority,
            driver_opts,
            written: true,
            ..Attachment::default()
        },
    )
}

fn mount() -> impl Strategy<Value = Mount> {
    let recursive = select(vec![
        None,
        Some(BindRecursion::Enabled),
        Some(BindRecursion::Disabled),
        Some(BindRecursion::Writable),
        Some(BindRecursion::ReadOnly),
    ]);
    let bind =
        (any::<bool>(), recursive, of(Just("Z".to_owned()))).prop_map(|(create, recursive, selinux)| Mount {
            bind: Some(BindOptions { create_host_path: create, propagation: None, selinux, recursive }),
            ..Mount::new(MountSource::Bind("/there".into()), "")
        });
    let volume = (any::<bool>(), of(word()), map()).prop_map(|(nocopy, subpath, labels)| Mount {
        volume: Some(VolumeOptions { nocopy, subpath, labels }),
        ..Mount::new(MountSource::Volume("data".into()), "")
    });
    let memory = (of(0..1_i64 << 50), of(0..0o7777_u32)).prop_map(|(size, mode)| Mount {
        tmpfs: Some(TmpfsOptions { size, mode }),
        ..Mount::new(MountSource::Tmpfs, "")
    });
    (prop_oneof![bind, volume, memory], any::<bool>(), of(word()))
        .prop_map(|(mount, read_only, consistency)| Mount { read_only, consistency, ..mount })
}

fn reference(source: &'static str) -> impl Strategy<Value = FileReference> {
    (of("[0-9]{1,3}"), of("[0-9]{1,3}"), of(0..0o7777_u32)).prop_map(move |(uid, gid, mode)| FileReference {
        source: source.to_owned(),
        target: Some(format!("/in/{source}")),
        uid,
        gid,
        mode,
    })
}

fn hook() -> impl Strategy<Value = Hook> {
    (vec(text(), 1..3), of(word()), any::<bool>(), map()).prop_map(
        |(command, user, privileged, environment)| Hook {
            command,
            user,
            privileged,
            environment,
            ..Hook::default()
        },
    )
}

fn port() -> impl Strategy<Value = Port> {
    let mode = select(vec![PortMode::Ingress, PortMode::Host]);
    let protocol = select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Sctp]);
    (1..60_000_u16, 1..60_000_u16, 0..9_u16, mode, protocol, of(word()), of(word())).prop_map(
        |(target, first, more, mode, protocol, name, app_protocol)| Port {
            published: Some(first),
            published_last: (more > 0).then_some(first + more),
            mode,
            protocol,
            name,
            app_protocol,
            ..Port::new(target)
        },
    )
}

fn ulimit() -> impl Strategy<Value = Ulimit> {
    prop_oneof![
        (-1..i64::MAX).prop_map(Ulimit::Single),
        (1..99_i64, 99..i64::MAX).prop_map(|(soft, hard)| Ulimit::Range { soft, hard })
    ]
}

fn machine() -> impl Strategy<Value = Service> {
    let device = word().prop_map(|name| Device {
        source: format!("/dev/{name}"),
        target: format!("/dev/{name}"),
        permissions: "rw".to_owned(),
    });
    let policy = select(vec![PullPolicy::Always, PullPolicy::Never, PullPolicy::Missing, PullPolicy::Build]);
    let logging = (of(word()), map()).prop_map(|(driver, options)| Logging { driver, options });
    let first = (usage(), deploy(), map(), map(), map(), btree_map(word(), ulimit(), 0..3));
    let second = (of(device), of(policy), of(logging), any::<[bool; 4]>(), of(word()), distinct());
    (first, second).prop_map(|(first, second)| {
        let (usage, deploy, annotations, sysctls, storage_opt, ulimits) = first;
        let (device, pull_policy, logging, [tty, stdin_open, privileged, attach], word, texts) = second;
        // Compose wants the older key and the newer one to agree.
        let mem_reservation = usage.mem_reservation.filter(|_| deploy.reservations.is_none());
        let usage = Usage { mem_reservation, ..usage };
        Service {
            usage,
            deploy: Some(deploy),
            annotations,
            sysctls,
            storage_opt,
            ulimits,
            devices: device.into_iter().collect(),
            pull_policy,
            logging,
            tty,
            stdin_open,
            privileged,
            attach: Some(attach),
            hostname: word.clone(),
            domainname: word.clone(),
            runtime: word.clone(),
            uts: word.clone(),
            userns_mode: word.clone(),
            cgroup_parent: word.clone(),
            platform: word,
            dns: texts.clone(),
            dns_search: texts.clone(),
            dns_opt: texts.clone(),
            cap_add: texts.clone(),
            device_cgroup_rules: texts.clone(),
            group_add: texts.clone(),
            external_links: texts,
            ..Service::default()
        }
    })
}

fn service() -> impl Strategy<Value = Service> {
    let shared = of(select(vec!["host", "service:other", "container:x", "private"]));
    let files = (of(reference("secret")), of(reference("config")));
    (machine(), attachment(), mount(), files, vec(hook(), 0..3), vec(hook(), 0..2), port(), shared).prop_map(
        |(base, attachment, mount, (secret, config), post_start, pre_stop, port, shared)| Service {
            name: ServiceName::new("a"),
            image: "x".into(),
            image_named: true,
            networks: [("net".to_owned(), attachment)].into(),
            mounts: vec![Mount { target: "/here".into(), ..mount }],
            secrets: secret.into_iter().collect(),
            configs: config.into_iter().collect(),
            post_start,
            pre_stop,
            ports: vec![port],
            pid: shared.filter(|text| !text.starts_with("service:")).map(Namespace::new),
            ..base
        },
    )
}

fn network() -> impl Strategy<Value = Network> {
    let pool = (of(word()), of(word()), map()).prop_map(|(subnet, gateway, aux_addresses)| IpamPool {
        subnet,
        gateway,
        ip_range: None,
        aux_addresses,
    });
    let ipam = (of(word()), vec(pool, 0..2)).prop_map(|(driver, config)| Ipam { driver, config });
    (word(), of(word()), map(), ipam, map(), of(any::<bool>())).prop_map(
        |(name, driver, driver_opts, ipam, labels, enable_ipv6)| Network {
            name,
            driver,
            driver_opts,
            ipam,
            labels,
            enable_ipv6,
            ..Network::default()
        },
    )
}

fn definition() -> impl Strategy<Value = Definition> {
    let volume = (word(), of(word()), map()).prop_map(|(name, driver, labels)| Volume {
        name,
        driver,
        labels,
        ..Volume::default()
    });
    (service(), network(), volume, text()).prop_map(|(service, network, volume, content)| {
        let file = |source| FileObject { name: "named".to_owned(), source, keeping: None };
        let secret = FileSource::Environment { variable: "TOKEN".into(), value: Some(Hidden::new("hidden")) };
        let uses =
            |used: bool, key: &str, object| used.then(|| (key.to_owned(), object)).into_iter().collect();
        let mounts_data = service.mounts.iter().any(|m| m.source == MountSource::Volume("data".into()));
        Definition {
            project: "p".into(),
            directory: "/project".into(),
            files: Vec::new(),
            networks: [("net".to_owned(), network)].into(),
            volumes: mounts_data.then(|| ("data".to_owned(), volume)).into_iter().collect(),
            secrets: uses(!service.secrets.is_empty(), "secret", file(secret)),
            configs: uses(!service.configs.is_empty(), "config", file(FileSource::Content(content))),
            services: [(service.name.clone(), service)].into(),
            disabled: std::collections::BTreeMap::new(),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn printing_and_reading_gives_the_same(definition in definition()) {
        let folder = tempfile::tempdir().expect("folder");
        let environment: BTreeMap<String, String> = [("TOKEN".to_owned(), "hidden".to_owned())].into();
        for (file, text) in [("c.yaml", render::yaml(&definition)), ("c.json", render::json(&definition))] {
            let file = folder.path().join(file);
            fs::write(&file, &text).expect("written");
            let request = Request { files: vec![file], environment: environment.clone(), ..Request::default() };
            let again = load(&request);
            let again = again.map_err(|findings| TestCaseError::fail(format!("{findings:#?}\n{text}")))?;
            prop_assert_eq!(&Definition { files: Vec::new(), ..again.definition }, &definition, "{}", text);
        }
    }
}

#[test]
fn what_is_said_of_a_swarm_is_printed_and_read_again() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("c.yaml");
    let text = "services:\n  a:\n    image: a\n    x-pdex:\n      swarm:\n        replicas: 3\n        endpoint: dnsrr\n        publish: host\n        \
                placement: { constraints: [node.labels.disk == ssd], spread: [node.labels.zone], max_replicas_per_node: 1 }\n        \
                update: { parallelism: 2, delay: 5s, monitor: 1m30s, order: stop-first, on_failure: pause }\n        \
                rollback: { parallelism: 0, order: start-first, on_failure: continue }\n        without: [host_ip, pid]\n";
    let read = |text: &str| {
        fs::write(&file, text).expect("written");
        load(&Request { files: vec![file.clone()], ..Request::default() }).expect("it is right").definition
    };
    let definition = read(text);
    let spread = definition.services[&ServiceName::new("a")].pdex.swarm.clone();
    assert_eq!((spread.replicas, spread.most_per_node, spread.without.len()), (Some(3), Some(1), 2));
    assert_eq!(spread.update.monitor, Some(Duration::from_secs(90)));
    for printed in [render::yaml(&definition), render::json(&definition)] {
        assert_eq!(read(&printed).services[&ServiceName::new("a")].pdex.swarm, spread, "{printed}");
    }
}
