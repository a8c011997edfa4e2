//! A table of a page as a grid: spans resolved, cells by row and column. Judges no content.

use scraper::{ElementRef, Node, Selector};

/// No table of a learnset comes near; a page must not make us build a larger one.
const LARGEST: usize = 2_000;

/// A cell where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell<'p> {
    pub(super) element: ElementRef<'p>,
    /// Whether it stands here only because it spans more than its own row.
    is_from_above: bool,
}

/// Rows of cells, every row as wide as the table.
pub(super) type Grid<'p> = Vec<Vec<Cell<'p>>>;

/// The grid of a table; an error where rows differ in width or cells overlap, since columns cannot be told then.
pub(super) fn grid(table: ElementRef<'_>) -> Result<Grid<'_>, String> {
    if table.select(&selector("table")?).next().is_some() {
        return Err("a table is inside it".to_owned());
    }
    let mut grid: Grid<'_> = Vec::new();
    // Cells that reach into rows below: column, rows left, cell.
    let mut hanging: Vec<(usize, usize, ElementRef<'_>)> = Vec::new();
    for row in table.select(&selector("tr")?) {
        let mut cells: Vec<Option<Cell<'_>>> = Vec::new();
        for (column, left, element) in &mut hanging {
            place(&mut cells, *column, Cell { element: *element, is_from_above: true })?;
            *left -= 1;
        }
        hanging.retain(|(_, left, _)| *left > 0);
        let mut column = 0;
        for element in row.child_elements().filter(|e| matches!(e.value().name(), "td" | "th")) {
            while cells.get(column).is_some_and(Option::is_some) {
                column += 1;
            }
            let (width, height) = (span(element, "colspan")?, span(element, "rowspan")?);
            for _ in 0..width {
                place(&mut cells, column, Cell { element, is_from_above: false })?;
                if height > 1 {
                    hanging.push((column, height - 1, element));
                }
                column += 1;
            }
        }
        let cells: Option<Vec<Cell<'_>>> = cells.into_iter().collect();
        grid.push(cells.ok_or("a row has a hole")?);
        if grid.len() > LARGEST {
            return Err(format!("it has more than {LARGEST} rows"));
        }
    }
    match grid.first().map(Vec::len) {
        None => Err("it has no row".to_owned()),
        Some(width) if grid.iter().any(|row| row.len() != width) => {
            Err("its rows differ in width".to_owned())
        }
        Some(_) => Ok(grid),
    }
}

fn place<'p>(cells: &mut Vec<Option<Cell<'p>>>, column: usize, cell: Cell<'p>) -> Result<(), String> {
    if column >= LARGEST {
        return Err(format!("it has more than {LARGEST} columns"));
    }
    if cells.len() <= column {
        cells.resize(column + 1, None);
    }
    match &mut cells[column] {
        place @ None => {
            *place = Some(cell);
            Ok(())
        }
        Some(_) => Err("two cells overlap".to_owned()),
    }
}

fn span(element: ElementRef<'_>, attribute: &str) -> Result<usize, String> {
    match element.attr(attribute) {
        None => Ok(1),
        Some(value) => value
            .trim()
            .parse()
            .ok()
            .filter(|span| (1..=50).contains(span))
            .ok_or_else(|| format!("{attribute} is {value:?}")),
    }
}

impl<'p> Cell<'p> {
    /// A cell of data that stands in one row only.
    pub(super) fn is_plain_data(&self) -> bool {
        !self.is_from_above && self.element.value().name() == "td"
    }

    /// Its text without space around.
    pub(super) fn text(&self) -> String {
        clean(&self.element.text().collect::<String>())
    }

    /// Its one link: the title, which has to say what the text says but for spelling.
    pub(super) fn link(&self) -> Result<String, String> {
        let links: Vec<ElementRef<'p>> = self.element.select(&selector("a[title]")?).collect();
        let [link] = links[..] else { return Err(format!("{:?} has {} links", self.text(), links.len())) };
        let title = clean(link.attr("title").unwrap_or_default());
        if dex::names::fold(&title) == dex::names::fold(&self.text()) && !title.is_empty() {
            Ok(title)
        } else {
            Err(format!("{:?} links to {title:?}", self.text()))
        }
    }

    /// Its lines, parted by line breaks. Any other markup in it is an error: it may change what the text means.
    pub(super) fn lines(&self) -> Result<Vec<String>, String> {
        let mut lines = vec![String::new()];
        for child in self.element.children() {
            match child.value() {
                Node::Text(text) => {
                    if let Some(line) = lines.last_mut() {
                        line.push_str(text);
                    }
                }
                Node::Element(element) if element.name() == "br" => lines.push(String::new()),
                Node::Comment(_) => {}
                _ => return Err(format!("{:?} has markup that is not known", self.text())),
            }
        }
        Ok(lines.iter().map(|line| clean(line)).collect())
    }
}

/// Space of all kinds, the unbreakable one included, as one blank each.
pub(super) fn clean(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A selector of this program's own; an error rather than a panic should it be mistyped.
pub(super) fn selector(text: &str) -> Result<Selector, String> {
    Selector::parse(text).map_err(|error| format!("selector {text:?}: {error}"))
}
