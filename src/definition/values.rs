//! The small languages inside scalars: durations, byte sizes, shell words, and how Go prints numbers. Pure; each reader has the
//! writer that belongs to it beside it.

use std::time::Duration;

use super::node::Kind;

const UNITS: [(&str, u128); 9] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
];

/// `1m30s`, `1.5s`, `500ms`.
pub fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, after) = rest.split_at(digits);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(scaled(number, *scale)?)?;
        rest = next;
    }
    if text.is_empty() || total > i64::MAX as u128 {
        return None;
    }
    u64::try_from(total).ok().map(Duration::from_nanos)
}

/// A decimal number times `scale`, exact up to the last whole unit.
fn scaled(number: &str, scale: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.len() > 18 {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let part: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let below = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    whole.checked_mul(scale)?.checked_add(part.checked_mul(scale)? / below)
}

/// As Go prints it: `1m30s`, `1h0m0s`, `500ms`.
pub(super) fn print_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".into();
    }
    if nanos < 1_000_000_000 {
        let (scale, unit) = match nanos {
            0..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "µs"),
            _ => (1_000_000, "ms"),
        };
        return format!("{}{unit}", decimal(nanos, scale));
    }
    let minute = 60_000_000_000;
    let seconds = decimal(nanos % minute, 1_000_000_000);
    let minutes = nanos / minute;
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{seconds}s"),
        (0, m) => format!("{m}m{seconds}s"),
        (h, m) => format!("{h}h{m}m{seconds}s"),
    }
}

fn decimal(value: u128, scale: u128) -> String {
    let (whole, rest) = (value / scale, value % scale);
    if rest == 0 {
        return whole.to_string();
    }
    let width = scale.ilog10() as usize;
    let fraction = format!("{rest:0width$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

/// `512M`, `1.5gb`, `64k`, `4096`: all units are powers of 1024.
pub fn bytes(text: &str) -> Option<i64> {
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let shift = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        "p" | "pb" | "pib" => 50,
        _ => return None,
    };
    i64::try_from(scaled(number, 1 << shift)?).ok()
}

/// Cores as billionths: `0.5`.
pub(super) fn nano_cpus(text: &str) -> Option<i64> {
    i64::try_from(scaled(text, 1_000_000_000)?).ok()
}

/// Why a line could not be split into words.
pub(super) const OPEN_QUOTE: &str = "a quote or backslash at its end is left open";

/// A command line as a shell would split it, without any expansion.
pub(super) fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match c {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next()? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => double_quoted(&mut characters, word.get_or_insert_default())?,
            '\\' => word.get_or_insert_default().push(characters.next()?),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

fn double_quoted(characters: &mut std::str::Chars<'_>, word: &mut String) -> Option<()> {
    loop {
        match characters.next()? {
            '"' => return Some(()),
            '\\' => match characters.next()? {
                c @ ('"' | '\\' | '$' | '`') => word.push(c),
                c => word.extend(['\\', c]),
            },
            c => word.push(c),
        }
    }
}

/// The text Go's `Sprint` makes of a scalar: how Compose turns `1.10` or `0x10` of an environment into a string.
pub(super) fn go_text(kind: &Kind, text: &str) -> String {
    match kind {
        Kind::Null => String::new(),
        Kind::Bool(value) => value.to_string(),
        Kind::Integer(value) => value.to_string(),
        Kind::Float(value) => go_float(*value),
        Kind::Date | Kind::Text => text.to_owned(),
    }
}

fn go_float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf".into() } else { "-Inf".into() };
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if value == 0.0 || (-4..6).contains(&exponent) {
        return value.to_string();
    }
    format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_duration_survives_printing(nanos in 0..=i64::MAX as u64) {
            let duration = Duration::from_nanos(nanos);
            prop_assert_eq!(super::duration(&print_duration(duration)), Some(duration));
        }

        #[test]
        fn any_size_survives_printing(size in 0..=i64::MAX) {
            prop_assert_eq!(bytes(&size.to_string()), Some(size));
        }

        #[test]
        fn sizes_grow_with_their_unit(size in 0..1_000_000_i64) {
            let read = |unit: &str| bytes(&format!("{size}{unit}"));
            prop_assert_eq!(read("k"), Some(size << 10));
            prop_assert_eq!(read("MB"), Some(size << 20));
            prop_assert_eq!(read("gib"), Some(size << 30));
        }

        #[test]
        fn quoted_words_come_back(words in proptest::collection::vec("[^']*", 0..5)) {
            let line: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
            prop_assert_eq!(super::words(&line.join(" ")), Some(words));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9.]{0,30}[a-zµ ]{0,4}|.*") {
            let _ = (super::duration(&text), bytes(&text), nano_cpus(&text), super::words(&text));
        }
    }

    #[test]
    fn durations_are_read_and_printed_as_go_does() {
        for (text, printed) in [
            ("5s", "5s"),
            ("90s", "1m30s"),
            ("1m30s", "1m30s"),
            ("1h", "1h0m0s"),
            ("1.5s", "1.5s"),
            ("1500ms", "1.5s"),
            ("500ms", "500ms"),
            ("20us", "20µs"),
            ("7ns", "7ns"),
            ("1d", "24h0m0s"),
            ("0s", "0s"),
            ("0", "0s"),
        ] {
            let read = duration(text).expect(text);
            assert_eq!(print_duration(read), printed, "{text}");
            assert_eq!(duration(printed), Some(read), "{printed}");
        }
        for text in ["", "5", "s", "5x", "-5s", "5 s", "..s", "99999999999999999999h", "1.2.3s"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_binary() {
        for (text, size) in [
            ("512M", 512 << 20),
            ("1.5gb", 3 << 29),
            ("64k", 65_536),
            ("4096", 4096),
            ("1 GiB", 1 << 30),
            ("7b", 7),
        ] {
            assert_eq!(bytes(text), Some(size), "{text}");
        }
        for text in ["", "M", "5x", "-1", "1e3", "99999999999P"] {
            assert_eq!(bytes(text), None, "{text}");
        }
        assert_eq!(nano_cpus("0.25"), Some(250_000_000));
        assert_eq!(nano_cpus("x"), None);
    }

    #[test]
    fn lines_are_split_like_a_shell_does() {
        let check = |line: &str, expected: &[&str]| {
            assert_eq!(
                words(line).as_deref(),
                Some(&expected.iter().map(ToString::to_string).collect::<Vec<_>>()[..])
            );
        };
        check("", &[]);
        check(" a  b ", &["a", "b"]);
        check(r#"sh -c "a \"b\" $X" 'c d'e"#, &["sh", "-c", "a \"b\" $X", "c de"]);
        check(r"a\ b ''", &["a b", ""]);
        for open in ["'a", "\"a", "a\\"] {
            assert_eq!(words(open), None, "{open}");
        }
    }

    #[test]
    fn numbers_print_as_go_prints_them() {
        for (value, text) in [
            (1.0, "1"),
            (1.1, "1.1"),
            (1000.0, "1000"),
            (1_234_567.5, "1.2345675e+06"),
            (1e21, "1e+21"),
            (1e-5, "1e-05"),
            (0.0001, "0.0001"),
        ] {
            assert_eq!(go_float(value), text);
        }
    }
}
