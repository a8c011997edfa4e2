//! Where an image comes from: which routes lead to it, what a build needs beforehand, and what a build sends to the engine.
//! The engine layer walks the routes; nothing here talks to Docker.

pub mod base;
pub mod context;
pub mod host;

use std::path::PathBuf;

use crate::definition::model::{Build, HostBuild, Service};

/// The base that pdex can make from the distribution's own packages.
pub const BASE: &str = "debian:bookworm-slim";

/// One way to an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Compile on this machine and copy the binary in.
    HostBuild(HostBuild),
    /// The recipe's own stages, everything inside the engine.
    Build(Box<Build>),
    /// From the registry that the reference names.
    Pull,
    /// A folder whose Dockerfile installs the distribution's packages on [`BASE`].
    Distribution(PathBuf),
}

/// The routes to a service's image, best first. `host_builds` tells whether this machine's toolchain fits the containers.
pub fn routes(service: &Service, host_builds: bool) -> Vec<Route> {
    let mut routes = Vec::new();
    match &service.build {
        Some(build) => {
            if let Some(host) = service.pdex.host_build.clone().filter(|_| host_builds) {
                routes.push(Route::HostBuild(host));
            } else {
                routes.push(Route::Build(Box::new(build.clone())));
            }
        }
        None => routes.push(Route::Pull),
    }
    routes.extend(service.pdex.distribution.clone().map(Route::Distribution));
    routes
}

/// The images that a Dockerfile starts from and does not make itself. References with a variable are left out: their default
/// is one of the others, or the caller knows it.
pub fn bases(dockerfile: &str) -> Vec<String> {
    let mut stages: Vec<String> = Vec::new();
    let mut bases = Vec::new();
    for line in dockerfile.lines() {
        let words: Vec<&str> = line.split_whitespace().filter(|w| !w.starts_with("--")).collect();
        let [from, reference, rest @ ..] = words.as_slice() else { continue };
        if !from.eq_ignore_ascii_case("from") {
            continue;
        }
        let known = stages.iter().any(|stage| stage.eq_ignore_ascii_case(reference));
        if !known
            && !reference.contains('$')
            && *reference != "scratch"
            && !bases.contains(&(*reference).to_owned())
        {
            bases.push((*reference).to_owned());
        }
        if let [keyword, stage] = rest
            && keyword.eq_ignore_ascii_case("as")
        {
            stages.push((*stage).to_owned());
        }
    }
    bases
}

/// Whether a Dockerfile takes the image of its build stage from outside, through `ARG BUILDER`.
pub fn takes_builder(dockerfile: &str) -> bool {
    dockerfile.lines().any(|line| line.trim_start().starts_with("ARG BUILDER="))
}

/// The registry that a reference names: what is before the first `/`, if that looks like a host.
pub fn registry(reference: &str) -> &str {
    match reference.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "docker.io",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_are_what_no_stage_makes() {
        let text = "ARG BUILDER=debian:bookworm-slim\nFROM ${BUILDER} AS build\nRUN true\nFROM debian:bookworm-slim\n\
                    FROM --platform=linux/amd64 rust:1.95 as other\nFROM build\nFROM scratch\n";
        assert_eq!(bases(text), ["debian:bookworm-slim", "rust:1.95"]);
        assert!(takes_builder(text));
    }

    #[test]
    fn a_reference_names_its_registry() {
        for (reference, expected) in [
            ("postgres:15", "docker.io"),
            ("grafana/grafana:10.1.0", "docker.io"),
            ("localhost:5000/a", "localhost:5000"),
            ("quay.io/a/b:1", "quay.io"),
        ] {
            assert_eq!(registry(reference), expected, "{reference}");
        }
    }
}
