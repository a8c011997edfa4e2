//! What is known of images by their names: what they are for, and how little they can do with. Pure.

/// What an image is for, where that matters to a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Holds data that only some services need.
    Database,
    /// Tells of the machine.
    Exporter,
    /// Meant to be reached from outside.
    Proxy,
    Grafana,
    Prometheus,
}

/// The reference without registry, tag and digest: `prom/prometheus`.
pub fn repository(reference: &str) -> &str {
    let name = reference.split('@').next().unwrap_or(reference);
    let name = match name.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => rest,
        _ => name,
    };
    let name = name.strip_prefix("library/").unwrap_or(name);
    match name.rsplit_once(':') {
        Some((before, tag)) if !tag.contains('/') => before,
        _ => name,
    }
}

/// The tag of a reference.
pub(super) fn tag(reference: &str) -> Option<&str> {
    let name = reference.split('@').next().unwrap_or(reference);
    let last = name.rsplit('/').next().unwrap_or(name);
    last.split_once(':').map(|(_, tag)| tag)
}

/// By the last word of the repository.
pub(super) fn kind(reference: &str) -> Option<Kind> {
    let repository = repository(reference);
    Some(match repository.rsplit('/').next().unwrap_or(repository) {
        "postgres" | "postgresql" | "postgis" | "timescaledb" | "mysql" | "mariadb" | "mongo" | "mongodb"
        | "redis" | "valkey" | "memcached" | "elasticsearch" | "opensearch" | "cassandra" | "couchdb"
        | "influxdb" | "neo4j" | "clickhouse-server" | "etcd" | "mssql" | "server"
            if !repository.ends_with("/server") || repository.contains("mssql") =>
        {
            Kind::Database
        }
        "node-exporter" | "node_exporter" | "cadvisor" | "process-exporter" => Kind::Exporter,
        "nginx" | "traefik" | "caddy" | "haproxy" | "envoy" | "nginx-unprivileged" | "httpd" => Kind::Proxy,
        "grafana" | "grafana-oss" | "grafana-enterprise" => Kind::Grafana,
        "prometheus" => Kind::Prometheus,
        _ => return None,
    })
}

/// How little an image can do with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needs {
    repository: &'static str,
    /// Capabilities its entry point uses.
    pub(super) capabilities: &'static [&'static str],
    /// Folders in memory that make up for a root file system that is read-only; `None` where that is not known to work.
    pub(super) tmpfs: Option<&'static [&'static str]>,
    /// Folders that have to be on a volume for that.
    pub(super) writes: &'static [&'static str],
}

/// The images of the platform. Postgres starts as root to give its folders to its user, and changes to that one.
const NEEDS: &[Needs] = &[
    Needs {
        repository: "postgres",
        capabilities: &["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"],
        tmpfs: Some(&["/tmp", "/var/run/postgresql"]),
        writes: &["/var/lib/postgresql/data"],
    },
    Needs {
        repository: "prom/prometheus",
        capabilities: &[],
        tmpfs: Some(&["/tmp"]),
        writes: &["/prometheus"],
    },
    Needs { repository: "prom/node-exporter", capabilities: &[], tmpfs: Some(&[]), writes: &[] },
    Needs {
        repository: "grafana/grafana",
        capabilities: &[],
        tmpfs: Some(&["/tmp"]),
        writes: &["/var/lib/grafana"],
    },
    Needs {
        repository: "predictiondex/etl",
        capabilities: &[],
        tmpfs: Some(&["/tmp"]),
        writes: &["/var/cache/etl"],
    },
    Needs {
        repository: "predictiondex/ml_builder",
        capabilities: &[],
        tmpfs: Some(&["/tmp"]),
        writes: &["/app/models"],
    },
    Needs { repository: "predictiondex/api", capabilities: &[], tmpfs: Some(&["/tmp"]), writes: &[] },
    Needs { repository: "predictiondex/streamlit", capabilities: &[], tmpfs: None, writes: &[] },
    Needs { repository: "predictiondex/mlflow", capabilities: &[], tmpfs: None, writes: &[] },
];

/// What an image needs, where that is known.
pub(super) fn needs(reference: &str) -> Option<&'static Needs> {
    let repository = repository(reference);
    NEEDS.iter().find(|needs| needs.repository == repository)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_taken_apart() {
        for (reference, name, expected) in [
            ("postgres:15", "postgres", Some("15")),
            ("postgres", "postgres", None),
            ("docker.io/library/postgres:15@sha256:ab", "postgres", Some("15")),
            ("localhost:5000/team/api", "team/api", None),
            ("localhost:5000/team/api:2", "team/api", Some("2")),
            ("", "", None),
        ] {
            assert_eq!((repository(reference), tag(reference)), (name, expected), "{reference}");
        }
    }

    #[test]
    fn images_are_known_by_their_last_word() {
        for (reference, expected) in [
            ("bitnami/postgresql:15", Some(Kind::Database)),
            ("prom/node-exporter:v1.6.1", Some(Kind::Exporter)),
            ("quay.io/a/nginx", Some(Kind::Proxy)),
            ("mcr.microsoft.com/mssql/server:2022", Some(Kind::Database)),
            ("ghcr.io/acme/server:1", None),
            ("api:1", None),
        ] {
            assert_eq!(kind(reference), expected, "{reference}");
        }
        assert!(needs("postgres:15").is_some_and(|needs| needs.capabilities.contains(&"SETUID")));
        assert!(needs("bitnami/postgresql:15").is_none(), "another image");
    }
}
