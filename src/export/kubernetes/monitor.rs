//! For clusters with a Prometheus operator: ServiceMonitors for what a `prometheus.yml` among the stack's files scrapes. They are a
//! component of Kustomize, to be named by whoever has the operator, for a cluster without it refuses the kind.

use serde_json::json;
use serde_yaml::Value as Yaml;

use super::stack::Stack;
use super::{Documents, kustomize, name, policy, probe};
use crate::definition::model::{Service, ServiceName};
use crate::export::sources::Content;

const FOLDER: &str = "components/service-monitor";

/// What is scraped: a service, its port, the path.
struct Scraped<'a> {
    service: &'a Service,
    port: u16,
    path: String,
}

pub(super) fn component(stack: &Stack<'_>, documents: &mut Documents) {
    let scraped = scraped(stack);
    if scraped.is_empty() {
        return;
    }
    let mut monitors = Vec::new();
    for one in &scraped {
        let own = stack.name(&one.service.name);
        let port = probe::ports(one.service)
            .into_iter()
            .find(|(port, protocol, _)| (*port, *protocol) == (one.port, "TCP"));
        let Some((.., port)) = port else { continue };
        let mut services = stack.selector(one.service);
        services["app.kubernetes.io/component"] = json!("service");
        let pdex = &one.service.pdex;
        for (several, key) in [(pdex.scales, "scales"), (pdex.each_machine, "each_machine")] {
            if several {
                let what = "Prometheus asks one of its pods, by chance: `components/service-monitor` has all of them asked";
                stack.changed(format!("services.{}.x-pdex.{key}", one.service.name), what);
            }
        }
        monitors.push(json!({
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "ServiceMonitor",
            "metadata": name::metadata(own, &stack.labels(one.service)),
            "spec": {
                "endpoints": [{"port": port, "path": one.path}],
                "selector": {"matchLabels": services},
            },
        }));
        let namespace = &stack.options.monitoring_namespace;
        let title = format!("monitoring-{own}");
        monitors.push(policy::entrance(
            stack,
            &title,
            &stack.selector(one.service),
            namespace,
            &[json!(port)],
        ));
    }
    documents.add(&format!("{FOLDER}/monitors.yaml"), monitors);
    let mut component = kustomize::kustomization(json!({"resources": ["monitors.yaml"]}));
    component["apiVersion"] = json!("kustomize.config.k8s.io/v1alpha1");
    component["kind"] = json!("Component");
    documents.add(&format!("{FOLDER}/kustomization.yaml"), vec![component]);
}

fn scraped<'a>(stack: &'a Stack<'_>) -> Vec<Scraped<'a>> {
    let mut all = Vec::new();
    for content in stack.sources.binds.values() {
        let Content::Files { files, .. } = content else { continue };
        let configurations =
            files.iter().filter(|(path, _)| path.rsplit('/').next() == Some("prometheus.yml"));
        for (_, file) in configurations {
            let Ok(yaml) = serde_yaml::from_slice::<Yaml>(&file.bytes) else { continue };
            for (host, port, path) in targets(&yaml) {
                let Some(service) = stack.definition.services.get(&ServiceName::new(host)) else { continue };
                let known =
                    all.iter().any(|one: &Scraped<'_>| one.service.name == service.name && one.port == port);
                if !known {
                    all.push(Scraped { service, port, path });
                }
            }
        }
    }
    all
}

/// Host, port and path of every target that is written out.
fn targets(yaml: &Yaml) -> Vec<(String, u16, String)> {
    let list = |value: &Yaml, key: &str| value[key].as_sequence().cloned().unwrap_or_default();
    let mut targets = Vec::new();
    for job in list(yaml, "scrape_configs") {
        let path = job["metrics_path"].as_str().unwrap_or("/metrics").to_owned();
        for target in list(&job, "static_configs").iter().flat_map(|config| list(config, "targets")) {
            let address = target.as_str().and_then(|text| text.rsplit_once(':'));
            if let Some((host, port)) = address.and_then(|(host, port)| Some((host, port.parse().ok()?))) {
                targets.push((host.to_owned(), port, path.clone()));
            }
        }
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_from_a_configuration() {
        let text = "scrape_configs:\n  - job_name: api\n    static_configs: [{targets: ['api:8000', 'broken']}]\n  \
                    - metrics_path: /m\n    static_configs: [{targets: ['x:1']}]\n  - job_name: none\n";
        let yaml: Yaml = serde_yaml::from_str(text).unwrap();
        let expected = [("api", 8_000, "/metrics"), ("x", 1, "/m")];
        let expected = expected.map(|(host, port, path)| (host.to_owned(), port, path.to_owned()));
        assert_eq!(targets(&yaml), expected);
        for text in ["", "scrape_configs: 3"] {
            assert!(targets(&serde_yaml::from_str(text).unwrap()).is_empty(), "{text}");
        }
    }
}
