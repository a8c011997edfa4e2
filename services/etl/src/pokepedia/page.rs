//! One page of `Poképédia` into the rows of its tables for the games. Pure. A table that is not as expected is refused whole, with
//! its name: half of it could be anything.

use std::collections::BTreeSet;

use dex::names::fold;
use dex::pokedex::LearnMethod;
use scraper::{ElementRef, Html};

use super::table::{Cell, clean, grid, selector};

/// The games as their links' titles say it, folded, so that either apostrophe will do.
const GAMES: &str = "pokemonletsgopikachuetletsgoevoli";

/// Who learns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// The Pokémon of the page.
    Itself,
    /// The partner that the games begin with.
    Partner,
}

/// A way of learning a move, as a page has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub who: Who,
    pub method: LearnMethod,
    /// 0 on evolution, 1 at the start.
    pub level: u8,
    /// French name of the move as the page links it.
    pub name: String,
}

/// What a page says of the games.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    pub rows: Vec<Row>,
    /// Methods whose table was read; the rows of another method are unknown, not none.
    pub read: BTreeSet<(Who, LearnMethod)>,
    /// Tables that were refused, with the reason.
    pub rejects: Vec<(String, String)>,
}

/// The tables that are looked for: the section's id and what its rows are.
const SECTIONS: [(&str, LearnMethod); 3] = [
    ("Par_montée_en_niveau", LearnMethod::LevelUp),
    ("Par_CT", LearnMethod::Machine),
    ("Par_donneur_de_capacités", LearnMethod::Tutor),
];

/// Reads a page.
pub fn read(body: &[u8]) -> Page {
    let mut page = Page::default();
    match std::str::from_utf8(body) {
        Ok(text) => {
            if let Err(reason) = read_text(text, &mut page) {
                page.rejects.push(("page".to_owned(), reason));
            }
        }
        Err(_) => page.rejects.push(("page".to_owned(), "it is not UTF-8".to_owned())),
    }
    page
}

fn read_text(text: &str, page: &mut Page) -> Result<(), String> {
    let html = Html::parse_document(text);
    let (mut section, mut subject) = (None, String::new());
    for element in html.select(&selector("h2, h3, h4, table")?) {
        match element.value().name() {
            "h2" => (section, subject) = (None, String::new()),
            "h3" => (section, subject) = (section_of(element)?, String::new()),
            "h4" => subject = subject_of(element)?,
            _ => {
                let Some((name, method)) = section else { continue };
                let Some(who) = who(method, &subject) else { continue };
                match rows(element, method, who) {
                    Ok(rows) if page.read.insert((who, method)) => page.rows.extend(rows),
                    Ok(_) => {
                        page.rows.retain(|row| (row.who, row.method) != (who, method));
                        page.rejects.push((name.to_owned(), "it is there twice".to_owned()));
                    }
                    Err(reason) => page.rejects.push((name.to_owned(), reason)),
                }
            }
        }
    }
    page.read.retain(|read| !page.rejects.iter().any(|(name, _)| section_name(read.1) == name));
    page.rows.retain(|row| page.read.contains(&(row.who, row.method)));
    for (name, method) in &SECTIONS[..2] {
        let refused = page.rejects.iter().any(|(table, _)| table == name);
        if !page.read.contains(&(Who::Itself, *method)) && !refused {
            page.rejects.push(((*name).to_owned(), "there is no such table of the games".to_owned()));
        }
    }
    Ok(())
}

fn section_name(method: LearnMethod) -> &'static str {
    SECTIONS.iter().find(|(_, of)| *of == method).map_or("", |(name, _)| name)
}

fn section_of(heading: ElementRef<'_>) -> Result<Option<(&'static str, LearnMethod)>, String> {
    let inner = heading.select(&selector("[id]")?).find_map(|e| e.attr("id"));
    let id = inner.or_else(|| heading.attr("id")).unwrap_or_default();
    Ok(SECTIONS.into_iter().find(|(section, _)| fold(section) == fold(id)))
}

/// The game or partner that a heading names, folded.
fn subject_of(heading: ElementRef<'_>) -> Result<String, String> {
    let title = heading.select(&selector("a[title]")?).find_map(|a| a.attr("title"));
    Ok(fold(title.unwrap_or(&heading.text().collect::<String>())))
}

/// Whose rows a table holds; none where it is of other games.
fn who(method: LearnMethod, subject: &str) -> Option<Who> {
    match method {
        // One table with a column for each game.
        LearnMethod::LevelUp => Some(Who::Itself),
        _ if subject == GAMES => Some(Who::Itself),
        LearnMethod::Tutor if ["pikachupartenaire", "evolipartenaire"].contains(&subject) => {
            Some(Who::Partner)
        }
        _ => None,
    }
}

fn rows(table: ElementRef<'_>, method: LearnMethod, who: Who) -> Result<Vec<Row>, String> {
    let grid = grid(table)?;
    let body = grid.iter().position(|row| row.iter().any(Cell::is_plain_data)).unwrap_or(grid.len());
    let (head, body) = grid.split_at(body);
    let name = column(head, "no column or several of names", |cell| fold(&cell.text()) == "nom")?;
    let level = match method {
        LearnMethod::LevelUp => Some(column(head, "no column or several of Let's Go", |cell| {
            cell.link_title().is_some_and(|title| fold(&title) == GAMES)
        })?),
        LearnMethod::Machine => {
            column(head, "no column or several of numbers", |cell| clean(&cell.text()) == "N°")?;
            None
        }
        LearnMethod::Tutor => None,
    };
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    for row in body {
        if !row.iter().all(Cell::is_plain_data) {
            return Err("a row of data has a cell of another kind".to_owned());
        }
        let name = row[name].link()?;
        let levels = match level {
            Some(level) => levels(&row[level])?,
            None => vec![0],
        };
        for level in levels {
            if !seen.insert((fold(&name), level)) {
                return Err(format!("{name:?} is there twice"));
            }
            rows.push(Row { who, method, level, name: name.clone() });
        }
    }
    // Some learn nothing from machines; everybody knows something from the start.
    if body.is_empty() && method == LearnMethod::LevelUp {
        return Err("it has no row".to_owned());
    }
    Ok(rows)
}

/// The one column whose heading answers.
fn column(head: &[Vec<Cell<'_>>], missing: &str, is_it: impl Fn(&Cell<'_>) -> bool) -> Result<usize, String> {
    let width = head.first().map_or(0, Vec::len);
    let found: Vec<usize> = (0..width).filter(|at| head.iter().any(|row| is_it(&row[*at]))).collect();
    match found[..] {
        [one] => Ok(one),
        _ => Err(missing.to_owned()),
    }
}

fn levels(cell: &Cell<'_>) -> Result<Vec<u8>, String> {
    let lines = cell.lines()?;
    if let [only] = &lines[..]
        && ["—", "–", "-"].contains(&only.as_str())
    {
        return Ok(Vec::new());
    }
    lines.iter().map(|line| level(line)).collect()
}

fn level(text: &str) -> Result<u8, String> {
    match text {
        "Départ" => return Ok(1),
        "Évolution" => return Ok(0),
        _ => {}
    }
    text.strip_prefix("N.")
        .map(str::trim)
        .filter(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok())
        .filter(|level| (1..=100).contains(level))
        .ok_or_else(|| format!("{text:?} is no level"))
}

impl Cell<'_> {
    fn link_title(&self) -> Option<String> {
        let links = selector("a[title]").ok()?;
        let mut titles = self.element.select(&links).filter_map(|a| a.attr("title"));
        let title = titles.next()?;
        titles.next().is_none().then(|| title.to_owned())
    }
}
