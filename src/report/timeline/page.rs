//! The timeline as a page that needs nothing but itself: drawn here, so that it is the same without scripts and on paper.

use std::fmt::Write as _;
use std::time::Duration;

use super::path::{Leg, Work};
use super::trace::word;
use super::{Timeline, bars};
use crate::report::spell;

const ROW: usize = 24;
const LABEL: usize = 190;
const CHART: usize = 820;
/// For the figures to the right of the chart.
const MARGIN: usize = 150;
const HEAD: usize = 30;

const STYLE: &str = "\
:root{--ink:#1b1f24;--soft:#5b6470;--line:#e3e6ea;--paper:#fff;--image:#b8a1d9;--create:#9db7d6;--start:#4f7cac;--run:#3b9c7a;--path:#d1495b}\
@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--soft:#9aa3ad;--line:#33383f;--paper:#17191c}}\
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:2rem auto;max-width:1180px;padding:0 1rem}\
h1{font-size:1.35rem;margin:0 0 .2rem}p{margin:.3rem 0;color:var(--soft)}p b{color:var(--ink);font-weight:600}\
svg{width:100%;height:auto;margin-top:1rem}text{font:13px system-ui,sans-serif;fill:var(--ink)}text.soft{fill:var(--soft)}\
.image{fill:var(--image)}.create{fill:var(--create)}.start{fill:var(--start)}.run{fill:var(--run)}\
.path{fill:none;stroke:var(--path);stroke-width:2}.grid{stroke:var(--line)}\
ul{list-style:none;padding:0;display:flex;gap:1.4rem;flex-wrap:wrap;color:var(--soft)}li i{display:inline-block;width:.9em;height:.9em;margin-right:.4em;vertical-align:-.1em}";

/// The page for the run of a project.
pub fn html(timeline: &Timeline, project: &str) -> String {
    let path = timeline.critical_path();
    let project = escaped(project);
    let legend =
        [("image", "image"), ("create", "create"), ("start", "start"), ("run", "until ready or done")];
    let legend: String = legend
        .iter()
        .map(|(class, name)| format!("<li><i style=\"background:var(--{class})\"></i>{name}</li>"))
        .collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{project}: start-up</title><style>{STYLE}</style></head><body>\n\
         <h1>{project}: start-up in {}</h1>\n\
         <p><b>Critical path</b> {}</p>\n<p><b>Added by pdex</b> {}</p>\n\
         <ul>{legend}<li><i style=\"border:2px solid var(--path);box-sizing:border-box\"></i>on the critical path</li></ul>\n{}\n</body></html>\n",
        spell(timeline.whole),
        escaped(&bars::described(timeline, &path)),
        spell(timeline.overhead()),
        chart(timeline, &path),
    )
}

fn chart(timeline: &Timeline, path: &[Leg]) -> String {
    let rows: Vec<usize> = (0..timeline.rows.len()).filter(|at| timeline.rows[*at].start.is_some()).collect();
    let (width, height) = (LABEL + CHART + MARGIN, HEAD + rows.len() * ROW + 8);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"a bar per container over time\">\n"
    );
    grid(&mut svg, timeline.length(), height);
    let slack = timeline.slack();
    for (line, at) in rows.iter().enumerate() {
        let row = &timeline.rows[*at];
        let top = HEAD + line * ROW;
        let label = escaped(&row.label);
        let _ =
            writeln!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{label}</text>", LABEL - 10, top + 16);
        for work in [Work::Image, Work::Create, Work::Start, Work::Run] {
            let Some(span) = row.span(work) else { continue };
            let leg = Leg { row: Some(*at), work, from: span.from, to: span.from + span.took() };
            let stroke = if path.contains(&leg) { " class=\"path\"" } else { "" };
            let (x, wide) = (x(leg.from, timeline), (x(leg.to, timeline) - x(leg.from, timeline)).max(1.5));
            let (title, class) = (format!("{label}: {} {}", word(work), spell(leg.took())), class(work));
            let _ = write!(
                svg,
                "<rect x=\"{x:.1}\" y=\"{}\" width=\"{wide:.1}\" height=\"14\" class=\"{class}\"><title>{title}</title></rect>",
                top + 5
            );
            if !stroke.is_empty() {
                let _ = write!(
                    svg,
                    "<rect x=\"{x:.1}\" y=\"{}\" width=\"{wide:.1}\" height=\"16\"{stroke}/>",
                    top + 4
                );
            }
            svg.push('\n');
        }
        let end = row.end().map_or_else(|| "–".to_owned(), spell);
        let spare =
            if slack[*at].is_zero() { String::new() } else { format!(" · {} to spare", spell(slack[*at])) };
        let _ = writeln!(
            svg,
            "<text class=\"soft\" x=\"{}\" y=\"{}\">{end}{spare}</text>",
            LABEL + CHART + 8,
            top + 16
        );
    }
    svg.push_str("</svg>");
    svg
}

fn grid(svg: &mut String, length: Duration, height: usize) {
    for tenth in (0..=10_u32).step_by(2) {
        let at = length * tenth / 10;
        let x = LABEL + CHART * tenth as usize / 10;
        let _ =
            writeln!(svg, "<line class=\"grid\" x1=\"{x}\" x2=\"{x}\" y1=\"{}\" y2=\"{height}\"/>", HEAD - 6);
        let _ = writeln!(
            svg,
            "<text class=\"soft\" x=\"{x}\" y=\"16\" text-anchor=\"middle\">{}</text>",
            spell(at)
        );
    }
}

fn x(at: Duration, timeline: &Timeline) -> f64 {
    let share = at.as_secs_f64() / timeline.length().as_secs_f64().max(1e-9);
    LABEL as f64 + share.min(1.0) * CHART as f64
}

fn class(work: Work) -> &'static str {
    match work {
        Work::Prepare | Work::Create => "create",
        Work::Image => "image",
        Work::Start => "start",
        Work::Run => "run",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
