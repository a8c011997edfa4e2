//! Whole exports of small stacks: what becomes of each way to say something.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;

use serde_yaml::Value;

use super::{Export, Exposed, Facts, Fate, Options, Origin, export};
use crate::definition::model::ServiceName;
use crate::definition::{Request, load};
use crate::export::sources;

fn options() -> Options {
    Options {
        registry: None,
        host: "shop.example".to_owned(),
        ingress_class: None,
        ingress_namespace: "ingress-nginx".to_owned(),
        monitoring_namespace: "monitoring".to_owned(),
        storage_class: None,
        volume_size: "1Gi".to_owned(),
        without: BTreeSet::new(),
    }
}

/// The export of a stack whose services are these.
fn exported_with(text: &str, options: &Options) -> Result<Export, Exposed> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stack.yaml");
    std::fs::write(&file, format!("name: shop\n{text}")).unwrap();
    std::fs::create_dir(folder.path().join("config")).unwrap();
    let scrapes = folder.path().join("config/prometheus.yml");
    std::fs::write(&scrapes, SCRAPES).unwrap();
    // Whatever the mask of whoever runs the tests: what others may not read is a secret.
    std::fs::set_permissions(scrapes, std::fs::Permissions::from_mode(0o644)).unwrap();
    let loaded = load(&Request { files: vec![file], ..Request::default() }).unwrap();
    let sources = sources::read(&loaded.definition);
    export(&Facts { loaded: &loaded, sources: &sources, options })
}

const SCRAPES: &str = "scrape_configs: [{static_configs: [{targets: ['web:80']}]}]\n";

fn exported(text: &str) -> Export {
    exported_with(text, &options()).unwrap()
}

/// The objects of one file, by kind and name.
fn objects(export: &Export, file: &str) -> BTreeMap<(String, String), Value> {
    let text = export.files.get(file).unwrap_or_else(|| panic!("{file} in {:?}", export.files.keys()));
    let documents = String::from_utf8(text.clone()).unwrap();
    let objects = documents.split("---\n").map(|document| {
        let value: Value = serde_yaml::from_str(document).unwrap();
        let name = value["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        ((value["kind"].as_str().unwrap().to_owned(), name), value)
    });
    objects.collect()
}

fn object(export: &Export, file: &str, kind: &str, name: &str) -> Value {
    let all = objects(export, file);
    all.get(&(kind.to_owned(), name.to_owned())).unwrap_or_else(|| panic!("{kind} {name}: {all:?}")).clone()
}

/// The pod of a workload.
fn pod(export: &Export, service: &str, kind: &str) -> Value {
    object(export, &format!("base/{service}.yaml"), kind, service)["spec"]["template"]["spec"].clone()
}

fn remarks(export: &Export, path: &str) -> Vec<(Fate, String)> {
    export.left.iter().filter(|left| left.path == path).map(|left| (left.fate, left.what.clone())).collect()
}

const SHOP: &str = r#"
services:
  db:
    image: postgres:15
    environment: { POSTGRES_PASSWORD: correct-horse-battery, POSTGRES_USER: me }
    volumes: ["data:/var/lib/postgresql/data"]
    ports: ["127.0.0.1:15432:5432"]
    healthcheck: { test: ["CMD-SHELL", "pg_isready -U me"] }
  load:
    image: load:1
    build: .
    user: "10001:10001"
    environment: { POSTGRES_PASSWORD: correct-horse-battery }
    depends_on: { db: { condition: service_healthy } }
    volumes: ["./models:/models"]
    x-pdex: { done: { service: db, command: [/bin/sh, -c, 'test -s "$$(ls /models)"'] } }
  web:
    image: web:1
    build: .
    user: "10001:10001"
    container_name: shop_web
    depends_on:
      load: { condition: service_completed_successfully }
      cache: { condition: service_healthy, required: false }
    volumes: ["./models:/models:ro", "./config:/etc/web:ro"]
    healthcheck: { test: ["CMD", "curl", "-f", "http://localhost:80/health"], retries: 2, interval: 10s, timeout: 5s }
    x-pdex: { essential: true, scales: true }
  cache:
    image: cache:1
    user: "5"
    healthcheck: { test: ["CMD", "wget", "-q", "http://localhost:9/"] }
volumes: { data: {} }
"#;

#[test]
fn each_service_has_the_workload_that_fits_it() {
    let export = exported(SHOP);
    let expected = [
        ("Deployment", 2),
        ("HorizontalPodAutoscaler", 1),
        ("Ingress", 1),
        ("Job", 1),
        ("Namespace", 2),
        ("PersistentVolumeClaim", 1),
        ("PodDisruptionBudget", 1),
        ("ServiceMonitor", 1),
        ("StatefulSet", 1),
    ];
    for (kind, count) in expected {
        assert_eq!(export.kinds.get(kind), Some(&count), "{kind}: {:?}", export.kinds);
    }
    let models = object(&export, "base/storage.yaml", "PersistentVolumeClaim", "models");
    assert_eq!(models["spec"]["accessModes"][0], "ReadWriteMany", "the job writes, the page reads");
    let data = &object(&export, "base/db.yaml", "StatefulSet", "db")["spec"]["volumeClaimTemplates"][0];
    assert_eq!(data["spec"]["accessModes"][0], "ReadWriteOnce");
}

#[test]
fn gates_ask_with_what_some_image_has() {
    let export = exported(SHOP);
    let line = |service: &str, kind: &str, at: usize| {
        let gate = pod(&export, service, kind)["initContainers"][at].clone();
        (gate["image"].as_str().unwrap().to_owned(), gate["command"][2].as_str().unwrap().to_owned())
    };
    let (image, text) = line("load", "Job", 0);
    assert_eq!(image, "postgres:15");
    let text = text.strip_prefix("trap 'exit 143' TERM; ").unwrap();
    assert!(text.starts_with("until pg_isready -q -h db -p 5432 -U me; do"), "{text}");
    // Optional: tries for as long as pdex would, with the dependency's own wget, and goes on.
    let (image, text) = line("web", "Deployment", 0);
    assert_eq!(image, "cache:1");
    assert!(text.contains("until wget -q -T 5 -O /dev/null http://cache:9/; do"), "{text}");
    assert!(text.contains("-gt 90 ]; then echo 'going on without cache'; exit 0"), "{text}");
    // A job: in the image that can tell, with the job's files, read only, and nothing for the pod to substitute.
    let (image, text) = line("web", "Deployment", 1);
    assert_eq!(image, "postgres:15");
    assert!(text.contains("; until /bin/sh -c 'test -s \"$$(ls /models)\"'; do"), "{text}");
    let gate = &pod(&export, "web", "Deployment")["initContainers"][1];
    assert_eq!(gate["volumeMounts"][0]["readOnly"], true);
    assert_eq!(gate["env"][0]["valueFrom"]["secretKeyRef"]["key"], "POSTGRES_PASSWORD");
}

#[test]
fn a_gate_has_the_secrets_of_its_job_and_the_volumes_that_its_own_pod_has() {
    let text = "
services:
  db: { image: postgres:15, user: '1' }
  job:
    image: a
    user: '1'
    volumes: ['./models:/models', 'cache:/cache', './config:/etc/job:ro']
    tmpfs: [/tmp]
    secrets: [token]
    x-pdex: { job: true, done: { service: db, command: ['true'] } }
  web:
    image: b
    user: '1'
    volumes: ['./models:/srv:ro']
    depends_on: { job: { condition: service_completed_successfully } }
volumes: { cache: {} }
secrets: { token: { file: ./token } }";
    let pod = pod(&exported(text), "web", "Deployment");
    let names = |value: &Value| -> Vec<String> {
        value.as_sequence().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&pod["initContainers"][0]["volumeMounts"]), ["models", "config-files", "secret-token"]);
    assert_eq!(
        names(&pod["volumes"]),
        ["config-files", "models", "secret-token"],
        "not the cache, which has one machine"
    );
    assert_eq!(names(&pod["containers"][0]["volumeMounts"]), ["models"]);
}

#[test]
fn people_reach_what_is_essential_and_what_that_cannot_do_without() {
    let text = "
services:
  page:
    image: a
    user: '1'
    x-pdex: { essential: true, ready: { http: 80/ } }
    depends_on: { api: { condition: service_started }, log: { condition: service_started, required: false } }
  api: { image: b, user: '1', x-pdex: { ready: { http: 81/ } }, depends_on: { inner: { condition: service_started } } }
  log: { image: c, user: '1', ports: ['82:82'], x-pdex: { ready: { http: 82/ } } }
  inner: { image: d, user: '1', x-pdex: { ready: { http: 83/ } } }";
    let ingress = object(&exported(text), "overlays/production/ingress.yaml", "Ingress", "shop");
    let hosts: Vec<&str> = ingress["spec"]["tls"][0]["hosts"]
        .as_sequence()
        .unwrap()
        .iter()
        .map(|host| host.as_str().unwrap())
        .collect();
    assert_eq!(hosts, ["api.shop.example", "shop.example"]);
}

#[test]
fn no_secret_is_in_any_file() {
    let export = exported(SHOP);
    for (file, bytes) in &export.files {
        assert!(!String::from_utf8_lossy(bytes).contains("correct-horse"), "{file}");
    }
    let credentials = export.secrets.iter().find(|secret| secret.name == "credentials").unwrap();
    let origin = Origin::Attribute("services.db.environment.POSTGRES_PASSWORD".to_owned());
    assert_eq!(credentials.keys, BTreeMap::from([("POSTGRES_PASSWORD".to_owned(), origin)]));
}

#[test]
fn a_secret_that_took_another_way_stops_the_export() {
    let text = "services: { a: { image: a, environment: { API_KEY: correct-horse-battery }, command: [serve, --key=correct-horse-battery] } }";
    let exposed = exported_with(text, &options()).unwrap_err();
    assert_eq!(
        (exposed.path.as_str(), exposed.file.as_str()),
        ("services.a.environment.API_KEY", "base/a.yaml")
    );
    assert!(!exposed.to_string().contains("correct"));
}

#[test]
fn secrets_and_configs_of_one_name_are_two_volumes_and_no_secret_takes_anothers_name() {
    let text = "
services:
  a:
    image: a
    user: '1'
    secrets: [credentials, to_ken, to.ken]
    configs: [credentials]
    volumes: ['credentials:/data']
secrets:
  credentials: { file: ./one }
  to_ken: { file: ./two }
  to.ken: { file: ./three }
configs: { credentials: { content: text } }
volumes: { credentials: {} }";
    let export = exported(text);
    let spec = pod(&export, "a", "StatefulSet");
    let volumes: Vec<&str> = spec["volumes"]
        .as_sequence()
        .unwrap()
        .iter()
        .map(|volume| volume["name"].as_str().unwrap())
        .collect();
    assert_eq!(volumes, ["credentials-config", "secret-credentials-2", "secret-to-ken", "secret-to-ken-2"]);
    let secrets: Vec<(&str, &Origin)> = export
        .secrets
        .iter()
        .map(|secret| (secret.name.as_str(), secret.keys.values().next().unwrap()))
        .collect();
    let file = |path: &str| Origin::File(path.to_owned());
    assert_eq!(
        secrets,
        [("credentials-2", &file("one")), ("to-ken", &file("three")), ("to-ken-2", &file("two"))]
    );
}

#[test]
fn what_belongs_on_every_machine_is_a_daemon_set() {
    let text = "
services:
  eyes: { image: a, user: '1', expose: ['80'], x-pdex: { each_machine: true }, deploy: { resources: { limits: { memory: 64M } } } }";
    let export = exported(text);
    let eyes = object(&export, "base/eyes.yaml", "DaemonSet", "eyes");
    assert!(eyes["spec"]["replicas"].is_null());
    let patch = object(&export, "overlays/production/patches/eyes.yaml", "DaemonSet", "eyes");
    let container = &patch["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["resources"]["requests"]["memory"], "64Mi");
    let development = object(&export, "overlays/dev/kustomization.yaml", "Kustomization", "");
    assert!(development["replicas"].as_sequence().is_none_or(Vec::is_empty), "its pods are not counted");
    assert_eq!(remarks(&export, "services.eyes.x-pdex.each_machine")[0].0, Fate::Changed);
}

#[test]
fn what_scales_is_promised_what_the_autoscaler_measures_in_and_ends_slowly() {
    let text = "
services:
  web:
    image: a
    user: '1'
    x-pdex: { scales: true }
    deploy: { resources: { limits: { cpus: '2', memory: 64M }, reservations: { cpus: '0.5' } } }";
    let export = exported(text);
    let patch = object(&export, "overlays/production/patches/web.yaml", "Deployment", "web");
    let container = &patch["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["resources"]["requests"]["cpu"], "2");
    assert_eq!(container["lifecycle"]["preStop"]["sleep"]["seconds"], 5);
}

#[test]
fn an_ingress_points_at_the_port_under_its_own_name() {
    let text = "
services:
  web:
    image: a
    user: '1'
    ports: [{ name: page, target: 80, published: '8080' }]
    x-pdex: { ready: { http: 80/ } }";
    let export = exported(text);
    let ingress = object(&export, "overlays/production/ingress.yaml", "Ingress", "shop");
    let backend = &ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"];
    assert_eq!(backend["port"]["name"], "page");
    let policy = object(&export, "overlays/production/ingress.yaml", "NetworkPolicy", "ingress-web");
    assert_eq!(policy["spec"]["ingress"][0]["ports"][0]["port"], "page");
}

#[test]
fn settings_of_the_kernel_loosen_the_profile_unless_they_are_safe() {
    let profile = |name: &str| {
        let export =
            exported(&format!("services: {{ a: {{ image: a, user: '1', sysctls: {{ {name}: '1' }} }} }}"));
        let namespace = object(&export, "overlays/production/namespace.yaml", "Namespace", "shop");
        namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"].as_str().unwrap().to_owned()
    };
    assert_eq!(profile("net.ipv4.tcp_syncookies"), "restricted");
    assert_eq!(profile("net.core.somaxconn"), "privileged");
}

#[test]
fn what_has_no_equivalent_is_told_with_its_place() {
    let export = exported(SHOP);
    let left = export.left.iter().find(|left| left.path == "services.web.container_name").unwrap();
    assert_eq!(left.fate, Fate::Lost);
    let place = left.place.as_ref().unwrap();
    assert_eq!((place.file.to_str(), place.line), (Some("stack.yaml"), 22));
    assert_eq!(remarks(&export, "services.db.ports[0]").len(), 1);
    assert_eq!(remarks(&export, "services.load.volumes[0]").len(), 2, "an empty claim, and one for many");
}

#[test]
fn files_that_are_read_go_along_and_their_scrape_targets_are_monitored() {
    let export = exported(SHOP);
    assert_eq!(export.files["base/files/config-files/prometheus.yml"], SCRAPES.as_bytes());
    let kustomization = object(&export, "base/kustomization.yaml", "Kustomization", "");
    let generator = &kustomization["configMapGenerator"][0];
    assert_eq!(generator["name"], "config-files");
    assert_eq!(generator["files"][0], "prometheus.yml=files/config-files/prometheus.yml");
    object(&export, "components/service-monitor/monitors.yaml", "ServiceMonitor", "web");
}

#[test]
fn networks_are_policies() {
    let text = "
services:
  a: { image: a, user: '1', networks: [front, back] }
  b: { image: b, user: '1', networks: [back] }
networks: { front: {}, back: { internal: true } }";
    let export = exported(text);
    let names: Vec<String> =
        objects(&export, "base/network-policies.yaml").into_keys().map(|(_, name)| name).collect();
    assert_eq!(
        names,
        ["allow-dns", "default-deny", "network-back", "network-front", "network-front-outside"]
    );
    let pod = object(&export, "base/a.yaml", "Deployment", "a");
    let labels = &pod["spec"]["template"]["metadata"]["labels"];
    assert_eq!(labels["io.pdex.network/front"], "joined");
}

#[test]
fn who_runs_as_root_loosens_the_profile_of_the_namespace() {
    let profile = |user: &str| {
        let export = exported(&format!("services: {{ a: {{ image: a, user: '{user}' }} }}"));
        let namespace = object(&export, "overlays/production/namespace.yaml", "Namespace", "shop");
        namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"].as_str().unwrap().to_owned()
    };
    assert_eq!((profile("7").as_str(), profile("0").as_str()), ("restricted", "baseline"));
}

#[test]
fn what_cannot_be_waited_for_is_told() {
    let text = "
services:
  job: { image: a, user: '1' }
  far: { image: b, user: '1', networks: [other], healthcheck: { test: [CMD, wget, 'http://localhost:1/'] } }
  odd: { image: c, user: '1', healthcheck: { test: [CMD, ask] } }
  up: { image: d, user: '1' }
  away: { image: f, user: '1', networks: [other], x-pdex: { done: { service: up, command: ['true'] } } }
  web:
    image: e
    user: '1'
    depends_on:
      job: { condition: service_completed_successfully }
      far: { condition: service_healthy }
      odd: { condition: service_healthy }
      up: { condition: service_started }
      away: { condition: service_completed_successfully }
networks: { other: {} }";
    let export = exported(text);
    assert!(pod(&export, "web", "Deployment")["initContainers"].is_null());
    for (name, part) in [
        ("job", "x-pdex.done"),
        ("far", "no network"),
        ("odd", "no image"),
        ("up", "everything at once"),
        ("away", "no network"),
    ] {
        let told = remarks(&export, &format!("services.web.depends_on.{name}"));
        assert!(told.len() == 1 && told[0].1.contains(part), "{name}: {told:?}");
    }
}

#[test]
fn a_service_may_be_left_out_and_images_have_a_registry() {
    let options = Options {
        registry: Some("registry.example/team".to_owned()),
        without: BTreeSet::from([ServiceName::new("cache")]),
        ..options()
    };
    let export = exported_with(SHOP, &options).unwrap();
    assert!(!export.files.contains_key("base/cache.yaml"));
    assert_eq!(remarks(&export, "services.cache").len(), 1);
    let container = &pod(&export, "web", "Deployment")["containers"][0];
    assert_eq!(container["image"], "registry.example/team/web:1", "what is built is in the registry");
    assert_eq!(
        pod(&export, "db", "StatefulSet")["containers"][0]["image"],
        "postgres:15",
        "the rest where it was"
    );
    assert_eq!(export.images.len(), 2);
}

#[test]
fn texts_that_some_reader_takes_for_something_else_are_quoted() {
    let text = "services: { a: { image: a, user: '1', environment: { A: 'yes', B: '1_000', C: '0o17', D: '', E: 'Off', F: '1:30', G: '<<' } } }";
    let export = exported(text);
    let text = String::from_utf8(export.files["base/a.yaml"].clone()).unwrap();
    for value in ["yes", "1_000", "0o17", "", "Off", "1:30", "<<"] {
        assert!(
            text.contains(&format!("value: '{value}'")) || text.contains(&format!("value: \"{value}\"")),
            "{value}: {text}"
        );
    }
}
