//! A run as a page that needs nothing but itself: its figures, and plots drawn here.

use std::fmt::Write as _;

use super::{Run, facts, precise};
use crate::load::tally::Moment;

const WIDTH: f64 = 1_080.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 26.0;
const TOP: f64 = 14.0;

const STYLE: &str = "\
:root{--ink:#1b1f24;--soft:#5b6470;--line:#e3e6ea;--paper:#fff;--a:#4f7cac;--b:#3b9c7a;--c:#d1495b}\
@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--soft:#9aa3ad;--line:#33383f;--paper:#17191c}}\
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:2rem auto;max-width:1120px;padding:0 1rem}\
h1{font-size:1.35rem;margin:0}h2{font-size:1.05rem;margin:1.6rem 0 0}p{margin:.2rem 0;color:var(--soft)}\
table{border-collapse:collapse;margin-top:1rem;width:100%}td,th{padding:.25rem .7rem;text-align:right;border-bottom:1px solid var(--line)}\
td:first-child,th:first-child{text-align:left}svg{width:100%;height:auto}text{font:12px system-ui,sans-serif;fill:var(--soft)}\
polyline{fill:none;stroke-width:1.6}.a{stroke:var(--a)}.b{stroke:var(--b)}.c{stroke:var(--c)}.grid{stroke:var(--line)}\
i.a,i.b,i.c{display:inline-block;width:1.2em;height:.25em;margin:0 .4em 0 1em;vertical-align:middle}i.a{background:var(--a)}i.b{background:var(--b)}i.c{background:var(--c)}";

/// One line of a plot.
struct Line {
    name: &'static str,
    /// Class of its colour.
    class: &'static str,
    points: Vec<(f64, f64)>,
}

/// The page of a run.
pub fn html(run: &Run<'_>) -> String {
    let head = escaped(&format!("{} load on {}", run.kind, run.target));
    let facts: String = facts(run).iter().fold(String::new(), |mut all, line| {
        let _ = writeln!(all, "<p>{}</p>", escaped(line));
        all
    });
    let moments = &run.summary.moments;
    let rates = [
        Line { name: "due", class: "a", points: rate(moments, |m| m.offered) },
        Line { name: "ended", class: "b", points: rate(moments, |m| m.ended) },
        Line { name: "errors", class: "c", points: rate(moments, |m| m.errors) },
    ];
    let times = [
        Line { name: "p50", class: "b", points: time(moments, |m| m.p50) },
        Line { name: "p99", class: "a", points: time(moments, |m| m.p99) },
        Line { name: "max", class: "c", points: time(moments, |m| m.max) },
    ];
    let curve = run.summary.curve();
    // Each step to the right is a position on the list of percentiles: the tail gets as much room as the middle.
    let percentiles: Vec<(f64, f64)> =
        curve.iter().enumerate().map(|(at, (_, time))| (at as f64, time.as_secs_f64() * 1e3)).collect();
    let labels: Vec<String> = curve.iter().map(|(percent, _)| percent.to_string()).collect();
    let percentiles = [Line { name: "time", class: "a", points: percentiles }];
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{head}</title><style>{STYLE}</style></head><body>\n<h1>{head}</h1>\n<p>seed {}{}</p>\n{facts}{}\
         <h2>Requests per second</h2>{}\n<h2>Milliseconds per interval</h2>{}\n<h2>Milliseconds by percentile</h2>{}\n</body></html>\n",
        run.seed,
        if run.users > 0 { format!(", {} users", run.users) } else { String::new() },
        rows(run),
        plot(&rates, None),
        plot(&times, None),
        plot(&percentiles, Some(&labels)),
    )
}

fn rows(run: &Run<'_>) -> String {
    let mut html = String::from(
        "<table><tr><th>request</th><th>count</th><th>errors</th><th>p50</th><th>p90</th><th>p99</th><th>p99.9</th><th>max</th></tr>\n",
    );
    let all = ("all", &run.summary.all);
    for (name, row) in run.summary.rows.iter().map(|(name, row)| (name.as_str(), row)).chain([all]) {
        let _ =
            write!(html, "<tr><td>{}</td><td>{}</td><td>{}</td>", escaped(name), row.requests, row.errors);
        for percent in [50.0, 90.0, 99.0, 99.9, 100.0] {
            let _ = write!(html, "<td>{}</td>", precise(row.percentile(percent)));
        }
        html.push_str("</tr>\n");
    }
    html + "</table>\n"
}

/// Per second, against the seconds.
fn rate(moments: &[Moment], of: fn(&Moment) -> u64) -> Vec<(f64, f64)> {
    let mut before = 0.0;
    let mut points = Vec::new();
    for moment in moments {
        let until = moment.until.as_secs_f64();
        // What is left at the end is too short to tell a rate.
        if until - before > 0.05 {
            points.push((until, of(moment) as f64 / (until - before)));
        }
        before = until;
    }
    points
}

fn time(moments: &[Moment], of: fn(&Moment) -> std::time::Duration) -> Vec<(f64, f64)> {
    moments
        .iter()
        .filter(|moment| moment.ended > 0)
        .map(|m| (m.until.as_secs_f64(), of(m).as_secs_f64() * 1e3))
        .collect()
}

/// Lines over common axes. `labels` stand below the points of the first line; else the axis is in seconds.
fn plot(lines: &[Line], labels: Option<&[String]>) -> String {
    let most = |of: fn(&(f64, f64)) -> f64| {
        lines.iter().flat_map(|line| line.points.iter().map(of)).fold(0.0, f64::max).max(1e-3)
    };
    let (right, top) = (most(|point| point.0), 4.0 * step(most(|point| point.1)));
    let x = |value: f64| LEFT + value / right * (WIDTH - LEFT - 20.0);
    let y = |value: f64| HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - TOP);
    let names: String = lines.iter().fold(String::new(), |mut all, line| {
        let _ = write!(all, "<i class=\"{}\"></i>{}", line.class, line.name);
        all
    });
    let mut svg = format!("<p>{names}</p><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n");
    for step in 0..=4 {
        let value = top * f64::from(step) / 4.0;
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{0:.1}\" y2=\"{0:.1}\"/><text x=\"{1}\" y=\"{2:.1}\" text-anchor=\"end\">{3}</text>",
            y(value),
            LEFT - 8.0,
            y(value) + 4.0,
            figure(value)
        );
    }
    let seconds: Vec<(f64, String)> =
        (0..=6).map(|step| right * f64::from(step) / 6.0).map(|s| (s, format!("{} s", figure(s)))).collect();
    let below = labels.map_or(seconds, |all| {
        all.iter().enumerate().map(|(at, label)| (at as f64, label.clone())).collect()
    });
    for (at, label) in below {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
            x(at),
            HEIGHT - 6.0
        );
    }
    for line in lines {
        let points: Vec<String> =
            line.points.iter().map(|(at, value)| format!("{:.1},{:.1}", x(*at), y(*value))).collect();
        let _ = writeln!(svg, "<polyline class=\"{}\" points=\"{}\"/>", line.class, points.join(" "));
    }
    svg + "</svg>"
}

/// Three digits at most that say something.
fn figure(value: f64) -> String {
    let digits = match value {
        _ if value >= 100.0 => return format!("{value:.0}"),
        _ if value >= 10.0 => 1,
        _ if value >= 0.1 => 2,
        _ => 5,
    };
    let text = format!("{value:.digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The least of the round numbers that times four is enough: what an axis is divided by.
fn step(most: f64) -> f64 {
    let magnitude = 10_f64.powf((most / 4.0).log10().floor());
    let round = [1.0, 2.0, 2.5, 5.0, 10.0].map(|number| number * magnitude);
    round.into_iter().find(|step| step * 4.0 >= most).unwrap_or(most / 4.0)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_numbers() {
        for (most, wanted, last) in [
            (200.0, 50.0, "200"),
            (47.5, 20.0, "80"),
            (9.9, 2.5, "10"),
            (0.7, 0.2, "0.8"),
            (1e-3, 2.5e-4, "0.001"),
        ] {
            let step = step(most);
            assert!((step - wanted).abs() < wanted * 1e-9, "{most}: {step}");
            assert_eq!(figure(4.0 * step), last, "{most}");
        }
        for (value, shown) in [(0.0, "0"), (10.000_4, "10"), (7.5, "7.5"), (1_512.4, "1512"), (0.05, "0.05")]
        {
            assert_eq!(figure(value), shown);
        }
    }
}
