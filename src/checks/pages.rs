//! What people open in a browser: the page of Streamlit, the dashboards of Grafana.

use serde_json::{Value, json};

use super::platform::at;
use super::render::Shown;
use super::{Facts, Outcome, PATIENCE, render, root};
use crate::runtime::Runtime;

/// The page as a browser gets it, the script that draws it, and what it then shows.
pub(super) async fn page<R: Runtime>(facts: &Facts<'_, R>) -> Result<Outcome, String> {
    let base = at(facts, "streamlit", 8501)?;
    let html = facts.get(&format!("{base}/")).await?;
    let Some(script) = script(&html) else {
        return Ok(Outcome::failed(
            "what it serves at / is not the page: it loads no script",
            "pdex logs --tail 50 streamlit",
        ));
    };
    let source = facts.get(&format!("{base}/{}", script.trim_start_matches(['.', '/']))).await?;
    let shown = render::run(facts, &base).await?;
    Ok(judge_page(source.len(), &shown))
}

fn judge_page(script_bytes: usize, shown: &Shown) -> Outcome {
    if shown.errors.is_empty() && shown.elements > 0 {
        let script = script_bytes.div_ceil(1_024);
        return Outcome::Passed(format!(
            "{} elements shown, no error; its script has {script} KiB",
            shown.elements
        ));
    }
    let evidence = if shown.errors.is_empty() {
        "the page is empty".to_owned()
    } else {
        format!("the page shows an error: {}", shown.errors.join("; "))
    };
    Outcome::failed(evidence, "pdex logs --tail 50 streamlit")
}

/// The first script that a page loads from its own server.
fn script(html: &str) -> Option<&str> {
    let sources = html.split("<script").skip(1).filter_map(|rest| {
        let (tag, _) = rest.split_once('>')?;
        let (_, source) = tag.split_once("src=\"")?;
        Some(source.split_once('"')?.0)
    });
    sources.into_iter().find(|source| !source.contains("://"))
}

pub(super) async fn dashboards<R: Runtime>(facts: &Facts<'_, R>) -> Result<Outcome, String> {
    let base = at(facts, "grafana", 3000)?;
    facts.get(&format!("{base}/api/health")).await?;
    let found = facts.get_json(&format!("{base}/api/search?type=dash-db")).await?;
    let titles: Vec<&str> =
        found.as_array().into_iter().flatten().filter_map(|d| d["title"].as_str()).collect();
    if titles.is_empty() {
        return Ok(Outcome::failed("no dashboard is provisioned", "pdex logs grafana"));
    }
    Ok(Outcome::Passed(titles.join(", ")))
}

/// Grafana asks Prometheus through its data source, as each panel does.
pub(super) async fn datasource<R: Runtime>(facts: &Facts<'_, R>) -> Result<Outcome, String> {
    let base = at(facts, "grafana", 3000)?;
    let sources = facts.get_json(&format!("{base}/api/datasources")).await?;
    let of_prometheus = |source: &&Value| source["type"] == "prometheus";
    let Some(source) = sources.as_array().into_iter().flatten().find(of_prometheus) else {
        return Ok(Outcome::failed("it has no data source of type prometheus", "pdex logs grafana"));
    };
    let name = source["name"].as_str().unwrap_or("?").to_owned();
    let query = json!({
        "from": "now-5m",
        "to": "now",
        "queries": [{"refId": "A", "expr": "up", "instant": true, "datasource": {"uid": source["uid"]}}],
    });
    let request = facts.http.post(format!("{base}/api/ds/query")).timeout(PATIENCE).json(&query);
    let answer = request.send().await.map_err(|e| root(&e))?;
    let status = answer.status();
    let body: Value = answer.json().await.map_err(|e| root(&e))?;
    Ok(judge_query(&name, status.is_success(), &body))
}

fn judge_query(name: &str, answered: bool, body: &Value) -> Outcome {
    let result = &body["results"]["A"];
    let frames = result["frames"].as_array().map_or(0, Vec::len);
    let error = result["error"].as_str().or(body["message"].as_str()).unwrap_or("it gave nothing");
    if answered && frames > 0 {
        return Outcome::Passed(format!("{name} gives {frames} series for `up`"));
    }
    Outcome::failed(format!("{name} cannot be asked: {error}"), "pdex logs --tail 50 grafana")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_of_a_page_is_found() {
        let page = "<html><script src=\"https://elsewhere/x.js\"></script><script type=\"module\" crossorigin src=\"./static/js/index.abc.js\"></script></html>";
        assert_eq!(script(page), Some("./static/js/index.abc.js"));
        assert_eq!(script("<html><script>inline()</script></html>"), None);
    }

    #[test]
    fn a_data_source_has_to_give_series() {
        let good = json!({"results": {"A": {"frames": [{}, {}]}}});
        assert_eq!(judge_query("P", true, &good), Outcome::Passed("P gives 2 series for `up`".to_owned()));
        let bad = json!({"results": {"A": {"error": "dial tcp: connection refused"}}});
        for (answered, body, words) in [
            (false, bad, "connection refused"),
            (true, json!({"results": {"A": {"frames": []}}}), "it gave nothing"),
        ] {
            let outcome = judge_query("P", answered, &body);
            assert!(
                matches!(&outcome, Outcome::Failed { evidence, .. } if evidence.contains(words)),
                "{outcome:?}"
            );
        }
    }
}
