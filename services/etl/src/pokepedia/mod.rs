//! Reading `Poképédia` as a witness: the learnsets of its pages, slowly, and only where robots.txt lets us. Nothing it says is loaded;
//! it is compared (see `reconcile`).

pub mod page;
mod robots;
mod table;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dex::pokedex::{Form, Pokedex, Pokemon};
use futures_util::{StreamExt as _, stream};
use reqwest::{StatusCode, Url};

use crate::fetch::{Cache, FetchError, Fetcher, Format, Politeness, Seen};
use crate::progress::{Event, Progress};
use crate::reject::Reject;
pub use page::{Page, Row, Who};
pub use robots::Robots;

/// The name that robots.txt may call us by.
const ROBOT: &str = "pdex-etl";

/// Documented: one request per second at most.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// What the pages say.
#[derive(Debug, Default)]
pub struct Testimony {
    /// By the Pokémon whose page it is.
    pub pages: BTreeMap<u16, Page>,
    pub rejects: Vec<Reject>,
    pub seen: Vec<Seen>,
}

/// Reads the page of every Pokémon that has one: the base and the Alolan forms.
pub async fn read(
    base_url: &str,
    politeness: Politeness,
    cache: impl Fn() -> Option<Cache>,
    pokedex: &Pokedex,
    progress: &Progress,
) -> Result<Testimony, FetchError> {
    let (robots, origin) = robots(base_url, &politeness, &cache).await?;
    let mut politeness = politeness;
    if let Some(asked) = robots.crawl_delay_s {
        // A site that asks for hours between pages gets none of us today.
        politeness.interval = politeness.interval.max(Duration::from_secs_f64(asked.min(60.0)));
    }
    // Whoever wants pages at a distance wants one at a time.
    let at_once = if politeness.interval.is_zero() { politeness.requests_at_once } else { 1 };
    let fetcher = Fetcher::new("POKEPEDIA_BASE_URL", base_url, politeness, cache())?;
    let wanted: Vec<&Pokemon> =
        pokedex.pokemon.iter().filter(|p| matches!(p.form, Form::Base | Form::Alola)).collect();
    let mut testimony = Testimony::default();
    let mut pages = stream::iter(&wanted)
        .map(|pokemon| async { (*pokemon, one(&fetcher, &robots, &origin, pokemon).await) })
        .buffered(at_once)
        .enumerate();
    while let Some((done, (pokemon, page))) = pages.next().await {
        let resource = format!("{}/Génération_7", pokemon.name_fr);
        match page {
            Ok(page) => {
                for (table, reason) in &page.rejects {
                    testimony.rejects.push(Reject::of(
                        "pokepedia",
                        format!("{resource}, table {table}"),
                        reason,
                    ));
                }
                testimony.pages.insert(pokemon.id, page);
            }
            Err(Missing::Page(reason)) => {
                testimony.rejects.push(Reject::of("pokepedia", resource, reason));
            }
            Err(Missing::Site(error)) => return Err(error),
        }
        progress.tell(&Event::Fetched {
            source: "pokepedia",
            what: "pages",
            done: done + 1,
            total: wanted.len(),
        });
    }
    drop(pages);
    testimony.seen = fetcher.seen();
    Ok(testimony)
}

/// Why there is no page.
enum Missing {
    /// This one is not there, or not a page.
    Page(String),
    /// The site does not answer.
    Site(FetchError),
}

async fn one(
    fetcher: &Arc<Fetcher>,
    robots: &Robots,
    origin: &str,
    pokemon: &Pokemon,
) -> Result<Page, Missing> {
    let mut reason = String::new();
    for name in spellings(&pokemon.name_fr) {
        let path = format!("{name}/Génération_7");
        let address = format!("{}/{path}", fetcher.base());
        let below = address.strip_prefix(origin).unwrap_or(&address);
        if !robots.allows(below) {
            return Err(Missing::Page("robots.txt forbids it".to_owned()));
        }
        match fetcher.body(&path, Format::Html).await {
            Ok(body) => return Ok(page::read(&body)),
            Err(FetchError::Status { status: StatusCode::NOT_FOUND, .. }) => {
                "not found".clone_into(&mut reason);
            }
            Err(error @ (FetchError::ContentType { .. } | FetchError::TooLarge { .. })) => {
                return Err(Missing::Page(error.to_string()));
            }
            Err(error) => return Err(Missing::Site(error)),
        }
    }
    Err(Missing::Page(reason))
}

/// How the site may write a name: with the straight apostrophe, else with the curly one.
fn spellings(name: &str) -> Vec<String> {
    let straight = name.replace('’', "'").replace(' ', "_");
    let curly = straight.replace('\'', "’");
    if straight == curly { vec![straight] } else { vec![straight, curly] }
}

/// What the site lets us read, and its origin. No robots.txt is no rule; one that cannot be had forbids everything.
async fn robots(
    base_url: &str,
    politeness: &Politeness,
    cache: &impl Fn() -> Option<Cache>,
) -> Result<(Robots, String), FetchError> {
    let invalid = || FetchError::BaseUrl { variable: "POKEPEDIA_BASE_URL", url: base_url.to_owned() };
    let origin = Url::parse(base_url).map_err(|_| invalid())?.origin().ascii_serialization();
    let fetcher = Fetcher::new("POKEPEDIA_BASE_URL", &origin, politeness.clone(), cache())?;
    let robots = match fetcher.body("robots.txt", Format::Text).await {
        Ok(body) => Robots::parse(&String::from_utf8_lossy(&body), ROBOT),
        Err(FetchError::Status { status, .. }) if status.is_client_error() => Robots::default(),
        Err(error @ FetchError::Unreachable { .. }) => return Err(error),
        Err(error) => {
            tracing::warn!("robots.txt cannot be had ({error}): nothing of Poképédia is read");
            Robots::forbid_all()
        }
    };
    Ok((robots, origin))
}
