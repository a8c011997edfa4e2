//! Query strings read by hand: every parameter once, none unknown, all mistakes told together.

use std::borrow::Cow;

use crate::catalogue::NAME_MAX;
use crate::problem::{FieldError, Problem};

/// Parameters read at most; what stands behind them is a mistake anyway.
const PARAMETERS_MAX: usize = 64;

/// A query string being read. [`Query::finish`] tells what was wrong with it.
pub struct Query<'a> {
    given: Vec<(&'static str, Cow<'a, str>)>,
    errors: Vec<FieldError>,
}

impl<'a> Query<'a> {
    /// Splits a query string that may have the parameters `known`.
    pub fn parse(query: Option<&'a str>, known: &[&'static str]) -> Self {
        let mut read = Self { given: Vec::new(), errors: Vec::new() };
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        for (name, value) in pairs.take(PARAMETERS_MAX) {
            match known.iter().find(|p| **p == name) {
                None => {
                    let name: String = name.chars().take(NAME_MAX).collect();
                    read.errors.push(FieldError::parameter(name, "there is no such parameter"));
                }
                Some(parameter) if read.given.iter().any(|(given, _)| given == parameter) => {
                    read.errors.push(FieldError::parameter(*parameter, "given more than once"));
                }
                Some(parameter) => read.given.push((parameter, value)),
            }
        }
        read
    }

    fn value(&self, name: &str) -> Option<&Cow<'a, str>> {
        self.given.iter().find(|(given, _)| *given == name).map(|(_, value)| value)
    }

    /// Text of 1 to 64 characters.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        let value = self.value(name)?;
        if (1..=NAME_MAX).contains(&value.chars().count()) {
            return Some(value.clone().into_owned());
        }
        self.wrong(name, format!("has 1 to {NAME_MAX} characters"));
        None
    }

    /// The same, when it has to be there.
    pub fn required_text(&mut self, name: &'static str) -> String {
        if self.value(name).is_none() {
            self.wrong(name, "is required");
        }
        self.text(name).unwrap_or_default()
    }

    /// A whole number in digits.
    pub fn number(&mut self, name: &'static str, default: usize, min: usize, max: usize) -> usize {
        let Some(value) = self.value(name) else { return default };
        let digits = value.bytes().all(|b| b.is_ascii_digit());
        let parsed = digits.then(|| value.parse().ok()).flatten().filter(|n| (min..=max).contains(n));
        parsed.unwrap_or_else(|| {
            self.wrong(name, format!("is a whole number from {min} to {max}"));
            default
        })
    }

    /// One of a list of words.
    pub fn choice<T: Copy>(&mut self, name: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let value = self.value(name)?;
        let found = choices.iter().find(|(word, _)| word == value).map(|(_, choice)| *choice);
        if found.is_none() {
            self.wrong(name, one_of(choices));
        }
        found
    }

    /// One of a list of words, with a `-` before it for the reverse.
    pub fn order<T: Copy>(&mut self, name: &'static str, choices: &[(&str, T)]) -> Option<(T, bool)> {
        let value = self.value(name)?;
        let (word, reverse) = value.strip_prefix('-').map_or((&**value, false), |word| (word, true));
        let found = choices.iter().find(|(w, _)| *w == word).map(|(_, choice)| (*choice, reverse));
        if found.is_none() {
            self.wrong(name, format!("{}, with a - before it from high to low", one_of(choices)));
        }
        found
    }

    /// Some of a list of words, separated by commas.
    pub fn choices<T: Copy>(&mut self, name: &'static str, choices: &[(&str, T)]) -> Option<Vec<T>> {
        let value = self.value(name)?;
        let find = |word: &str| choices.iter().find(|(w, _)| *w == word).map(|(_, choice)| *choice);
        let found: Option<Vec<T>> = value.split(',').map(find).collect();
        if found.is_none() {
            self.wrong(name, format!("{}, separated by commas", one_of(choices)));
        }
        found
    }

    /// Notes what is wrong with a parameter.
    pub fn wrong(&mut self, name: &'static str, detail: impl Into<String>) {
        self.errors.push(FieldError::parameter(name, detail));
    }

    /// Notes a name that means nothing, with what may have been meant.
    pub fn unknown(&mut self, name: &'static str, detail: &str, suggestions: Vec<String>) {
        self.errors.push(FieldError::parameter(name, detail).suggesting(suggestions));
    }

    /// 422 if anything was wrong.
    pub fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::invalid(self.errors)) }
    }
}

fn one_of<T>(choices: &[(&str, T)]) -> String {
    let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
    format!("is one of {}", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Option<(usize, Option<String>, Option<Vec<u8>>)> {
        let mut query = Query::parse(Some(query), &["limit", "name", "sort"]);
        let limit = query.number("limit", 50, 1, 500);
        let name = query.text("name");
        let sort = query.choices("sort", &[("a", 1), ("b", 2)]);
        query.finish().ok().map(|()| (limit, name, sort))
    }

    #[test]
    fn parameters_are_read_or_refused() {
        for (query, expected) in [
            ("", Some((50, None, None))),
            ("limit=10&sort=b,a", Some((10, None, Some(vec![2, 1])))),
            ("name=%C3%A9", Some((50, Some("é".to_owned()), None))),
            ("limit=500", Some((500, None, None))),
            ("limit=501", None),
            ("limit=0", None),
            ("limit=", None),
            ("limit=+1", None),
            ("limit=1e1", None),
            ("limit=99999999999999999999999", None),
            ("limit=1&limit=2", None),
            ("name=", None),
            ("sort=a,,b", None),
            ("sort=c", None),
            ("tpye=fire", None),
        ] {
            assert_eq!(read(query), expected, "{query}");
        }
    }
}
