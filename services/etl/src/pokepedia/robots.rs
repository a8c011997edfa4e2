//! robots.txt, as far as one reader of a few pages needs it (RFC 9309): the group of our name or of everybody, the longest match
//! decides, allow wins a tie. Pure.

/// What a site lets us read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Robots {
    /// Path prefixes with whether they are allowed.
    rules: Vec<(String, bool)>,
    /// Seconds between two requests that the site asks for.
    pub crawl_delay_s: Option<f64>,
}

impl Robots {
    /// Reads the file for a robot of a name, e.g. `pdex-etl`. What is not understood is skipped, as the standard says.
    pub fn parse(text: &str, robot: &str) -> Self {
        let robot = robot.to_ascii_lowercase();
        let (mut ours, mut everybodys) = (Self::default(), Self::default());
        let mut found_ours = false;
        let (mut is_ours, mut is_everybodys, mut in_agents) = (false, false, false);
        for line in text.lines() {
            let Some((key, value)) = line.split('#').next().unwrap_or_default().split_once(':') else {
                continue;
            };
            let value = value.trim();
            let key = key.trim().to_ascii_lowercase();
            if key == "user-agent" {
                if !in_agents {
                    (is_ours, is_everybodys) = (false, false);
                }
                in_agents = true;
                let agent = value.to_ascii_lowercase();
                is_everybodys |= agent == "*";
                is_ours |= !agent.is_empty() && agent != "*" && robot.starts_with(&agent);
                found_ours |= is_ours;
                continue;
            }
            in_agents = false;
            for (applies, rules) in [(is_ours, &mut ours), (is_everybodys, &mut everybodys)] {
                if applies {
                    rules.take(&key, value);
                }
            }
        }
        if found_ours { ours } else { everybodys }
    }

    /// Nothing may be read.
    pub fn forbid_all() -> Self {
        Self { rules: vec![("/".to_owned(), false)], crawl_delay_s: None }
    }

    fn take(&mut self, key: &str, value: &str) {
        match key {
            "allow" | "disallow" if !value.is_empty() => {
                self.rules.push((decoded(value), key == "allow"));
            }
            "crawl-delay" => {
                self.crawl_delay_s = value.parse().ok().filter(|s: &f64| s.is_finite() && *s >= 0.0);
            }
            _ => {}
        }
    }

    /// Whether a path, e.g. `/Pikachu/Génération_7`, may be read.
    pub fn allows(&self, path: &str) -> bool {
        let path = decoded(path);
        self.rules
            .iter()
            .filter(|(pattern, _)| matches(pattern, &path))
            .max_by_key(|(pattern, allowed)| (pattern.len(), *allowed))
            .is_none_or(|(_, allowed)| *allowed)
    }
}

/// `*` stands for anything, `$` for the end.
fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, to_end) = pattern.strip_suffix('$').map_or((pattern, false), |pattern| (pattern, true));
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| path.strip_prefix(first)) else { return false };
    let mut last = None;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        last = Some(part);
        rest = &rest[at + part.len()..];
    }
    // A part that stands for the end may also be found further on.
    !to_end || rest.is_empty() || last.is_some_and(|part| rest.ends_with(part))
}

/// `%C3%A9` and `é` are one path.
fn decoded(path: &str) -> String {
    let bytes = path.as_bytes();
    let hex = |byte: u8| char::from(byte).to_digit(16);
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = match bytes.get(at..at + 3) {
            Some([b'%', high, low]) => {
                hex(*high).zip(hex(*low)).and_then(|(h, l)| u8::try_from(h * 16 + l).ok())
            }
            _ => None,
        };
        out.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Robots;

    const FILE: &str = "# a comment\nUser-agent: Greedy\nUser-agent: Greedier\nDisallow: /\n\nUser-agent: *\nDisallow: /api.php\n\
                        Disallow: /*action=edit\nDisallow: /G%C3%A9n\nAllow: /G%C3%A9n%C3%A9ral\nDisallow: /*.pdf$\nCrawl-delay: 2\n";

    #[test]
    fn the_longest_rule_of_our_group_decides() {
        let robots = Robots::parse(FILE, "pdex-etl");
        for (path, allowed) in [
            ("/Pikachu/Génération_7", true),
            ("/api.php?x=1", false),
            ("/Pikachu?action=edit", false),
            ("/Génération_7", false),
            ("/Général", true),
            ("/a.pdf", false),
            ("/a.pdf.html", true),
            ("/a.pdf/b.pdf", false),
        ] {
            assert_eq!(robots.allows(path), allowed, "{path}");
        }
        assert_eq!(robots.crawl_delay_s, Some(2.0));
        assert!(!Robots::parse(FILE, "greedier").allows("/x"), "both names head one group");
        assert!(Robots::parse("", "pdex-etl").allows("/x"), "an empty file forbids nothing");
        assert!(!Robots::forbid_all().allows("/x"));
    }

    #[test]
    fn a_group_of_our_own_replaces_everybodys() {
        let file = "User-agent: *\nDisallow: /\n\nUser-agent: pdex-etl\nDisallow: /private\n";
        let robots = Robots::parse(file, "pdex-etl");
        assert!(robots.allows("/Pikachu") && !robots.allows("/private/x"));
    }

    proptest! {
        #[test]
        fn no_file_panics(text in "\\PC{0,200}", path in "\\PC{0,60}") {
            let _ = Robots::parse(&text, "pdex-etl").allows(&path);
            let _ = Robots::parse(&format!("User-agent: *\nDisallow: {text}"), "pdex-etl").allows(&path);
        }
    }
}
