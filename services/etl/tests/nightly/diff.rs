//! `etl diff` on the documents and pages beside the checkout, as one types it.

use std::process::Output;
use std::sync::Arc;

use super::sources::{shared, shared_pokeapi};
use super::support::web::{self, Reply, Web};
use tokio::process::Command;

/// The two shared sources; the bytes of a page can be changed on their way.
pub(crate) async fn shared_sites(
    change: impl Fn(&str, Vec<u8>) -> Vec<u8> + Send + Sync + 'static,
) -> Option<(Web, Web)> {
    let root = shared()?;
    let (api_root, site_root) = (root.join("pokeapi"), root.join("pokepedia/site"));
    let pokeapi = web::serve(move |request| shared_pokeapi(&api_root, request)).await;
    let change = Arc::new(change);
    let pokepedia = web::serve(move |request| {
        let reply = web::file(&site_root, "html", request);
        Reply { body: change(&request.path, reply.body.clone()), ..reply }
    })
    .await;
    Some((pokeapi, pokepedia))
}

async fn diff(pokeapi: &Web, pokepedia: &Web) -> Output {
    Command::new(env!("CARGO_BIN_EXE_etl"))
        .arg("diff")
        .env_clear()
        .env("POKEAPI_BASE_URL", format!("{}/api/v2", pokeapi.origin))
        .env("POKEPEDIA_BASE_URL", &pokepedia.origin)
        .env("POKEPEDIA_INTERVAL_MS", "0")
        .output()
        .await
        .unwrap()
}

fn lines(output: &Output) -> Vec<String> {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn the_shared_sources_differ_in_spellings_alone() {
    let Some((pokeapi, pokepedia)) = shared_sites(|_, body| body).await else { return };
    let told = lines(&diff(&pokeapi, &pokepedia).await);
    let (last, spellings) = told.split_last().unwrap();
    let spelling = |line: &String| line.starts_with("name ") && line.ends_with("PokéAPI decides");
    assert!(spellings.iter().all(spelling), "{spellings:?}");
    assert_eq!(*last, format!("5136 rows compared, 0 differ, {} spellings", spellings.len()));
}

#[tokio::test]
async fn another_level_on_one_page_is_shown_with_both_words() {
    // Vine Whip, learnt at level 5.
    let other = |path: &str, body: Vec<u8>| {
        if path.starts_with("/Bulbizarre/") {
            String::from_utf8(body).unwrap().replace("N.5<", "N.94<").into_bytes()
        } else {
            body
        }
    };
    let Some((pokeapi, pokepedia)) = shared_sites(other).await else { return };
    let told = lines(&diff(&pokeapi, &pokepedia).await);
    let levels: Vec<&String> = told.iter().filter(|line| line.starts_with("level ")).collect();
    let wanted = "level bulbasaur, level-up, vine-whip: PokéAPI level 5, Poképédia level 94; PokéAPI decides";
    assert_eq!(levels, [wanted]);
    assert!(told.last().unwrap().starts_with("5136 rows compared, 1 differ, "), "{told:?}");
}
