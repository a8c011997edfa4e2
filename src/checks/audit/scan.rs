//! Known vulnerabilities, as a scanner on this machine finds them: how each is called, and what its answer means. Running it is
//! for who calls this. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Advice, Facts, Hit, Look, Risk, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "audit/vulnerability",
        risk: Risk::High,
        title: "known vulnerability in an image",
        why: "there is a description, and often a program, of how to use it",
        fix: "take an image with the mended version; build what is built here anew: `pdex build --pull`",
        references: &["CIS 4.4"],
        advice: Some(Advice::Scan),
        look: Look::Stack(vulnerability),
    },
    Rule {
        id: "audit/not-scanned",
        risk: Risk::Low,
        title: "images not scanned",
        why: "nobody has looked whether they hold something known to be vulnerable",
        fix: "install trivy, grype or docker scout: `pdex audit` calls what is on PATH",
        references: &["CIS 4.4"],
        advice: Some(Advice::Scan),
        look: Look::Stack(not_scanned),
    },
];

/// A program that looks for vulnerabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scanner {
    Trivy,
    Grype,
    Scout,
}

impl Scanner {
    /// All that pdex can call.
    pub const ALL: [Self; 3] = [Self::Trivy, Self::Grype, Self::Scout];

    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trivy => "trivy",
            Self::Grype => "grype",
            Self::Scout => "docker scout",
        }
    }

    /// What tells whether it is there: a program and its arguments, which end well.
    pub fn probe(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Trivy => ("trivy", &["--version"]),
            Self::Grype => ("grype", &["version"]),
            Self::Scout => ("docker", &["scout", "version"]),
        }
    }

    /// What makes it look at an image of the engine and answer in JSON.
    pub fn order(self, image: &str) -> (&'static str, Vec<&str>) {
        match self {
            Self::Trivy => {
                ("trivy", vec!["image", "--quiet", "--scanners", "vuln", "--format", "json", image])
            }
            Self::Grype => ("grype", vec!["--quiet", "--output", "json", image]),
            Self::Scout => ("docker", vec!["scout", "cves", "--format", "sarif", image]),
        }
    }

    /// Reads an answer; `None` where it is not one of this scanner's.
    pub fn read(self, answer: &str) -> Option<Vec<Vulnerability>> {
        let answer: Value = serde_json::from_str(answer).ok()?;
        match self {
            Self::Trivy => trivy(&answer),
            Self::Grype => grype(&answer),
            Self::Scout => scout(&answer),
        }
    }
}

/// What scanners found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// Image → what is known of it. An image that was looked at and is clean has an empty list.
    pub images: BTreeMap<String, BTreeSet<Vulnerability>>,
    /// Scanners that were called.
    pub scanners: Vec<&'static str>,
    /// Image, scanner, and why that did not work.
    pub failures: Vec<(String, &'static str, String)>,
}

impl Scan {
    /// Takes in what a scanner said of an image. The same from two scanners counts once.
    pub fn add(&mut self, image: &str, scanner: Scanner, answer: Result<String, String>) {
        let read = answer.and_then(|text| {
            let unreadable = || format!("it answered {} bytes that are no result", text.len());
            scanner.read(&text).ok_or_else(unreadable)
        });
        match read {
            Ok(found) => self.images.entry(image.to_owned()).or_default().extend(found),
            Err(why) => self.failures.push((image.to_owned(), scanner.name(), why)),
        }
    }
}

/// One known vulnerability of one package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Vulnerability {
    /// `CVE-2024-1234`
    pub id: String,
    pub package: String,
    pub version: String,
    /// The version that has it mended.
    pub fixed: Option<String>,
    pub risk: Risk,
}

/// Characters that a name or version keeps: these come from outside.
fn clean(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn risk(word: &str) -> Risk {
    match word.to_ascii_lowercase().as_str() {
        "critical" => Risk::Critical,
        "high" => Risk::High,
        "medium" | "moderate" => Risk::Medium,
        "low" => Risk::Low,
        _ => Risk::Info,
    }
}

fn trivy(answer: &Value) -> Option<Vec<Vulnerability>> {
    // An image without packages has no results.
    answer.get("SchemaVersion").or_else(|| answer.get("Results"))?;
    let results = answer["Results"].as_array().into_iter().flatten();
    let all = results.flat_map(|result| result["Vulnerabilities"].as_array().into_iter().flatten());
    let read = |one: &Value| {
        Some(Vulnerability {
            id: filled(clean(&one["VulnerabilityID"]))?,
            package: clean(&one["PkgName"]),
            version: clean(&one["InstalledVersion"]),
            fixed: filled(clean(&one["FixedVersion"])),
            risk: risk(&clean(&one["Severity"])),
        })
    };
    Some(all.filter_map(read).collect())
}

fn grype(answer: &Value) -> Option<Vec<Vulnerability>> {
    let read = |one: &Value| {
        let known = &one["vulnerability"];
        Some(Vulnerability {
            id: filled(clean(&known["id"]))?,
            package: clean(&one["artifact"]["name"]),
            version: clean(&one["artifact"]["version"]),
            fixed: filled(clean(&known["fix"]["versions"][0])),
            risk: risk(&clean(&known["severity"])),
        })
    };
    Some(answer.get("matches")?.as_array()?.iter().filter_map(read).collect())
}

/// `docker scout` has no JSON of its own for this; its SARIF has a rule per vulnerability.
fn scout(answer: &Value) -> Option<Vec<Vulnerability>> {
    let rules = answer.get("runs")?.as_array()?.iter();
    let rules = rules.flat_map(|run| run["tool"]["driver"]["rules"].as_array().into_iter().flatten());
    let read = |rule: &Value| {
        let properties = &rule["properties"];
        // `pkg:deb/debian/openssl@3.0.1?os_name=debian`
        let purl = clean(&properties["purls"][0]);
        let name = purl.split('?').next().unwrap_or_default();
        let (name, version) = name.rsplit_once('@').unwrap_or((name, ""));
        let fixed = clean(&properties["fixed_version"]);
        Some(Vulnerability {
            id: filled(clean(&rule["id"]))?,
            package: name.rsplit('/').next().unwrap_or(name).to_owned(),
            version: version.to_owned(),
            fixed: filled(fixed).filter(|text| text != "not fixed"),
            risk: risk(&clean(&properties["cvssV3_severity"])),
        })
    };
    Some(rules.filter_map(read).collect())
}

fn vulnerability(facts: &Facts<'_>) -> Vec<Hit> {
    let of = |(image, all): (&String, &BTreeSet<Vulnerability>)| {
        let user = facts.definition.services.values().find(|service| service.image == *image);
        let service = user.map(|service| service.name.clone());
        let hit = |one: &Vulnerability| {
            let mended = one
                .fixed
                .as_ref()
                .map_or_else(|| "no mended version yet".to_owned(), |v| format!("mended in {v}"));
            let what = format!("{} in {} {} of image {image}, {mended}", one.id, one.package, one.version);
            let hit =
                Hit::at("image", what).key(format!("{image} {} {}", one.id, one.package)).risk(one.risk);
            Hit { service: service.clone(), ..hit }
        };
        all.iter().map(hit).collect::<Vec<_>>()
    };
    facts.scan.images.iter().flat_map(of).collect()
}

fn not_scanned(facts: &Facts<'_>) -> Vec<Hit> {
    let scan = facts.scan;
    if scan.scanners.is_empty() {
        return vec![Hit::at("", "no scanner has looked at the images")];
    }
    let images: BTreeSet<&str> =
        facts.definition.services.values().map(|service| service.image.as_str()).collect();
    let missing = images.into_iter().filter(|image| !scan.images.contains_key(*image));
    missing
        .map(|image| {
            let failed = scan.failures.iter().find(|(failed, ..)| failed == image);
            let what = match failed {
                Some((_, scanner, why)) => format!("image {image} was not scanned: {scanner}: {why}"),
                None => format!("image {image} was not scanned: the engine does not have it"),
            };
            Hit::at("", what).key(image)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(scanner: Scanner, answer: &str) -> Vulnerability {
        let mut all = scanner.read(answer).unwrap();
        assert_eq!(all.len(), 1, "{answer}");
        all.remove(0)
    }

    #[test]
    fn every_scanner_says_the_same_in_its_own_way() {
        let expected = Vulnerability {
            id: "CVE-2024-1".into(),
            package: "openssl".into(),
            version: "3.0.1".into(),
            fixed: Some("3.0.2".into()),
            risk: Risk::High,
        };
        let trivy = r#"{"SchemaVersion": 2, "Results": [{"Target": "t"}, {"Vulnerabilities": [{"VulnerabilityID": "CVE-2024-1",
            "PkgName": "openssl", "InstalledVersion": "3.0.1", "FixedVersion": "3.0.2", "Severity": "HIGH"}]}]}"#;
        let grype = r#"{"matches": [{"vulnerability": {"id": "CVE-2024-1", "severity": "High", "fix": {"versions": ["3.0.2"]}},
            "artifact": {"name": "openssl", "version": "3.0.1"}}]}"#;
        let scout = r#"{"runs": [{"tool": {"driver": {"rules": [{"id": "CVE-2024-1", "properties": {"cvssV3_severity": "HIGH",
            "fixed_version": "3.0.2", "purls": ["pkg:deb/debian/openssl@3.0.1?os_name=debian"]}}]}}}]}"#;
        for (scanner, answer) in [(Scanner::Trivy, trivy), (Scanner::Grype, grype), (Scanner::Scout, scout)] {
            assert_eq!(one(scanner, answer), expected, "{}", scanner.name());
        }
        let mut scan = Scan::default();
        scan.add("a:1", Scanner::Trivy, Ok(trivy.into()));
        scan.add("a:1", Scanner::Grype, Ok(grype.into()));
        assert_eq!(scan.images["a:1"].len(), 1, "found by both");
    }

    #[test]
    fn nonsense_is_no_answer() {
        for scanner in Scanner::ALL {
            for answer in ["", "{}", "[]", "null", "{\"matches\": 1}", "{\"runs\": {}}", "\u{0}"] {
                assert_eq!(scanner.read(answer), None, "{} {answer}", scanner.name());
            }
        }
        let mut scan = Scan::default();
        scan.add("a:1", Scanner::Trivy, Ok("oops".into()));
        assert_eq!(scan.failures[0].2, "it answered 4 bytes that are no result");
        assert!(scan.images.is_empty());
        let bad = "{\"matches\": [{}, {\"vulnerability\": {\"id\": \"A\\u001b[2J\"}}]}";
        assert_eq!(one(Scanner::Grype, bad).id, "A[2J", "nothing that moves a cursor");
        assert_eq!(one(Scanner::Grype, bad).risk, Risk::Info);
    }
}
