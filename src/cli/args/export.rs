//! Arguments of `export`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `export`.
#[derive(Debug, Subcommand)]
pub(crate) enum Export {
    /// Write the stack as Kubernetes manifests with Kustomize overlays, and a report of what has no equivalent
    Kubernetes(Box<Kubernetes>),
}

/// `export kubernetes`.
#[derive(Debug, Args)]
pub(crate) struct Kubernetes {
    /// Folder to write: replaced as a whole, if it is empty or an earlier export
    #[arg(short, long, value_name = "DIR", default_value = "kubernetes")]
    pub(crate) out: PathBuf,
    /// Registry that the images are pushed to which the definition builds: registry.example.org/team
    #[arg(long, value_name = "PREFIX", value_parser = registry)]
    pub(crate) image_registry: Option<String>,
    /// Name under which the page is reached; the API is `api.HOST`
    #[arg(long, value_name = "HOST", default_value = "predictiondex.example", value_parser = host)]
    pub(crate) host: String,
    /// Class of the Ingress [default: the cluster's]
    #[arg(long, value_name = "NAME", value_parser = label)]
    pub(crate) ingress_class: Option<String>,
    /// Namespace of the controller that serves the Ingress, which is let in
    #[arg(long, value_name = "NAME", default_value = "ingress-nginx", value_parser = label)]
    pub(crate) ingress_namespace: String,
    /// Namespace of the Prometheus that a `ServiceMonitor` is for, which is let in
    #[arg(long, value_name = "NAME", default_value = "monitoring", value_parser = label)]
    pub(crate) monitoring_namespace: String,
    /// `StorageClass` of the claims [default: the cluster's]
    #[arg(long, value_name = "NAME", value_parser = host)]
    pub(crate) storage_class: Option<String>,
    /// Size of each claim
    #[arg(long, value_name = "SIZE", default_value = "8Gi", value_parser = size)]
    pub(crate) volume_size: String,
    /// Leave out a service; repeat for more
    #[arg(long, value_name = "SERVICE")]
    pub(crate) without: Vec<String>,
    /// Print a JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// `registry.example.org:5000/team`
fn registry(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_./:".contains(c);
    let inside = text.trim_end_matches('/');
    let valid = inside.starts_with(|c: char| c.is_ascii_alphanumeric())
        && inside.chars().all(plain)
        && !inside.contains("//");
    if valid {
        Ok(inside.to_owned())
    } else {
        Err("expected a registry such as registry.example.org/team".to_owned())
    }
}

/// `pokemon.example.org`
fn host(text: &str) -> Result<String, String> {
    if text.len() <= 200 && text.split('.').all(is_label) {
        return Ok(text.to_owned());
    }
    Err("expected a name of lower-case letters, digits, `-` and `.`".to_owned())
}

fn label(text: &str) -> Result<String, String> {
    if is_label(text) {
        Ok(text.to_owned())
    } else {
        Err("expected a name of lower-case letters, digits and `-`".to_owned())
    }
}

fn is_label(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&text.len())
        && text.chars().all(plain)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// `8Gi`, `500M`
fn size(text: &str) -> Result<String, String> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = &text[..text.len() - unit.len()];
    let known = ["", "K", "M", "G", "T", "Ki", "Mi", "Gi", "Ti"].contains(&unit);
    if known && number.parse::<u64>().is_ok_and(|number| number > 0) {
        return Ok(text.to_owned());
    }
    Err("expected a size such as 8Gi".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cluster_would_refuse_is_refused_here() {
        assert!(registry("registry.example.org:5000/team/").is_ok_and(|text| text.ends_with("team")));
        for wrong in ["", "/x", "a b", "https://x", "UPPER"] {
            assert!(registry(wrong).is_err(), "{wrong}");
        }
        assert!(host("a.example.org").is_ok() && label("ingress-nginx").is_ok());
        for wrong in ["", "a..b", "-a", "A", "a_b"] {
            assert!(host(wrong).is_err() && label(wrong).is_err(), "{wrong}");
        }
        assert!(label("a.b").is_err());
        for (text, valid) in
            [("8Gi", true), ("500M", true), ("0Gi", false), ("Gi", false), ("8 Gi", false), ("8gb", false)]
        {
            assert_eq!(size(text).is_ok(), valid, "{text}");
        }
    }
}
