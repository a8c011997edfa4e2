//! How names typed by people are compared: without case, accents, apostrophe style or punctuation.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Folds a name to its comparison key: NFKD, combining marks dropped, lower case, letters and digits only, with `♀` and
/// `♂` kept as `f` and `m` (Nidoran). `"Évoli"`, `"evoli"` and `"EVOLI"` share one key; so do `"M. Mime"` and `"mmime"`.
pub fn fold(name: &str) -> String {
    let mut key = String::with_capacity(name.len());
    for c in name.nfkd() {
        match c {
            '♀' => key.push('f'),
            '♂' => key.push('m'),
            c if is_combining_mark(c) => {}
            c if c.is_alphanumeric() => key.extend(c.to_lowercase()),
            _ => {}
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn case_accents_and_punctuation_do_not_matter() {
        for (typed, key) in [
            ("Évoli", "evoli"),
            ("EVOLI", "evoli"),
            ("M. Mime", "mmime"),
            ("Nidoran♀", "nidoranf"),
            ("nidoran-f", "nidoranf"),
            ("Farfetch’d", "farfetchd"),
            ("Farfetch'd", "farfetchd"),
            ("Vive-Attaque", "viveattaque"),
        ] {
            assert_eq!(fold(typed), key, "{typed}");
        }
    }
}
