//! The packages of a stack's images as a bill of materials in `CycloneDX` 1.5 JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::checks::audit::packages::{Inventories, Inventory, Manager, Package};
use crate::world::time::Timestamp;

/// The document: each image is a component, its packages are components of it.
pub fn document(project: &str, inventories: &Inventories, now: Timestamp) -> Value {
    let components: Vec<Value> =
        inventories.iter().map(|(reference, (id, inventory))| image(reference, id, inventory)).collect();
    let facts = json!(components).to_string();
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": format!("urn:uuid:{}", uuid(&facts)),
        "version": 1,
        "metadata": {
            "timestamp": now.to_string(),
            "tools": {"components": [{"type": "application", "name": "pdex", "version": env!("CARGO_PKG_VERSION")}]},
            "component": {"type": "application", "bom-ref": format!("stack:{project}"), "name": project},
        },
        "components": components,
    })
}

/// An identifier that follows from the content: the same parts, the same number.
fn uuid(facts: &str) -> String {
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&Sha256::digest(facts)[..16]);
    // Version 8 is what the standard leaves to its user; then the variant.
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn image(reference: &str, id: &str, inventory: &Inventory) -> Value {
    let (name, version) = match reference.split('@').next().unwrap_or(reference).rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (reference, "latest"),
    };
    let packages: Vec<Value> =
        inventory.packages.iter().map(|package| component(reference, inventory, package)).collect();
    let mut component = json!({
        "type": "container",
        "bom-ref": format!("image:{reference}"),
        "name": name,
        "version": version,
        "components": packages,
    });
    if let Some(hash) = id.strip_prefix("sha256:").filter(|hash| hash.len() == 64) {
        component["hashes"] = json!([{"alg": "SHA-256", "content": hash}]);
    }
    if let Some((name, version)) = &inventory.distribution {
        component["properties"] =
            json!([{"name": "pdex:distribution", "value": format!("{name} {version}")}]);
    }
    component
}

fn component(image: &str, inventory: &Inventory, package: &Package) -> Value {
    let purl = purl(inventory.distribution.as_ref(), package);
    let mut component = json!({
        "type": "library",
        "bom-ref": format!("image:{image}#{purl}"),
        "name": package.name,
        "version": package.version,
        "purl": purl,
    });
    if let Some(license) = &package.license {
        component["licenses"] = json!([{"license": {"name": license}}]);
    }
    component
}

/// The package's address: `pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12`.
fn purl(distribution: Option<&(String, String)>, package: &Package) -> String {
    let (name, version) = (encoded(&package.name), encoded(&package.version));
    let fallback = |name: &'static str| distribution.map_or(name, |(id, _)| id.as_str());
    let mut qualifiers = Vec::new();
    qualifiers
        .extend(package.architecture.as_ref().map(|architecture| format!("arch={}", encoded(architecture))));
    let base = match package.manager {
        // Its names have one spelling.
        Manager::Python => {
            return format!("pkg:pypi/{}@{version}", encoded(&package.name.to_lowercase().replace('_', "-")));
        }
        Manager::Dpkg => format!("pkg:deb/{}/{name}@{version}", encoded(fallback("debian"))),
        Manager::Apk => format!("pkg:apk/{}/{name}@{version}", encoded(fallback("alpine"))),
    };
    if let Some((id, version)) = distribution.filter(|(_, version)| !version.is_empty()) {
        qualifiers.push(format!("distro={}-{}", encoded(id), encoded(version)));
    }
    if qualifiers.is_empty() { base } else { format!("{base}?{}", qualifiers.join("&")) }
}

fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// How many packages each image has, for people.
pub fn summary(inventories: &Inventories) -> String {
    let mut text = String::new();
    for (reference, (_, inventory)) in inventories {
        let count = |manager| inventory.packages.iter().filter(|package| package.manager == manager).count();
        let parts = [
            (count(Manager::Dpkg), "dpkg"),
            (count(Manager::Apk), "apk"),
            (count(Manager::Python), "Python"),
        ];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts.map(|(count, name)| format!("{count} {name}")).collect();
        let told = if parts.is_empty() { "no package database".to_owned() } else { parts.join(", ") };
        let cut = if inventory.cut { " (and more than are kept)" } else { "" };
        let _ = writeln!(text, "  {reference}: {told}{cut}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(manager: Manager, name: &str, version: &str, architecture: Option<&str>) -> Package {
        let architecture = architecture.map(str::to_owned);
        Package { manager, name: name.into(), version: version.into(), architecture, license: None }
    }

    #[test]
    fn packages_have_addresses() {
        let debian = ("debian".to_owned(), "12".to_owned());
        for (package, expected) in [
            (
                package(Manager::Dpkg, "libstdc++6", "1:12.2-14+b1", Some("amd64")),
                "pkg:deb/debian/libstdc%2B%2B6@1%3A12.2-14%2Bb1?arch=amd64&distro=debian-12",
            ),
            (package(Manager::Python, "Flask_Cors", "4.0", None), "pkg:pypi/flask-cors@4.0"),
        ] {
            assert_eq!(purl(Some(&debian), &package), expected);
        }
        assert_eq!(purl(None, &package(Manager::Apk, "musl", "1", None)), "pkg:apk/alpine/musl@1");
    }

    #[test]
    fn the_number_of_a_list_follows_from_its_parts() {
        let (one, other) = (uuid("a"), uuid("b"));
        assert_eq!(one, uuid("a"));
        assert_ne!(one, other);
        assert_eq!((one.len(), one.as_bytes()[14]), (36, b'8'), "{one}");
    }
}
