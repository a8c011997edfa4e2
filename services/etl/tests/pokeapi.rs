//! Reading a PokéAPI instance: the walk, the transformation, and bad answers. Needs no database.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use std::path::Path;

use dex::pokedex::{Form, Learn, LearnMethod, Move, Pokedex, Type};
use etl::counts::{Counts, EXPECTED};
use etl::facts::Facts;
use etl::pokeapi::{Client, FetchError};
use etl::snapshot::{SHIPPED, Snapshot};
use etl::source::{self, SourceError};
use serde_json::{Value, json};
use support::{FIXTURE_COUNTS, Fault, Instance, Site, brisk, fixture, serve};

fn fine(_: &str, _: usize) -> Fault {
    None
}

async fn read(instance: &Instance) -> Result<(Facts, Vec<etl::reject::Reject>), SourceError> {
    let client = Client::new(&instance.base_url, brisk()).unwrap();
    source::read(&client, &FIXTURE_COUNTS).await
}

async fn read_fixture() -> Pokedex {
    let (facts, rejects) = read(&serve(fixture(), fine).await).await.unwrap();
    assert_eq!(rejects, Vec::new());
    facts.pokedex
}

fn move_<'a>(dex: &'a Pokedex, slug: &str) -> &'a Move {
    dex.moves.iter().find(|m| m.slug == slug).unwrap()
}

#[tokio::test]
async fn only_what_the_games_have_is_read_and_in_order() {
    let dex = read_fixture().await;
    let slugs: Vec<&str> = dex.pokemon.iter().map(|p| p.slug.as_str()).collect();
    assert_eq!(slugs, ["pikachu", "raichu", "pinsir", "pinsir-mega", "raichu-alola", "pikachu-starter"]);
    let ids: Vec<u16> = dex.moves.iter().map(|m| m.id).collect();
    assert_eq!(ids, [31, 39, 71, 84, 105, 165, 729, 732, 741]);
    assert_eq!(dex.types.iter().map(|t| t.type_).collect::<Vec<_>>(), Type::ALL);
}

#[tokio::test]
async fn forms_have_their_own_names_types_and_stats() {
    let dex = read_fixture().await;
    let shown: Vec<_> = dex
        .pokemon
        .iter()
        .map(|p| {
            (p.name_en.as_str(), p.name_fr.as_str(), p.form, p.species_id, p.types.as_slice(), p.stats.attack)
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("Pikachu", "Pikachu", Form::Base, 25, &[Type::Electric][..], 55),
            ("Raichu", "Raichu", Form::Base, 26, &[Type::Electric], 90),
            // Types of the seventh generation, Attack of the eighth and before: the earliest entries that reach the games.
            ("Pinsir", "Scarabrute", Form::Base, 127, &[Type::Bug], 125),
            ("Mega Pinsir", "Méga-Scarabrute", Form::Mega, 127, &[Type::Bug], 155),
            ("Alolan Raichu", "Raichu d’Alola", Form::Alola, 26, &[Type::Electric, Type::Psychic], 85),
            ("Partner Pikachu", "Pikachu Partenaire", Form::Starter, 25, &[Type::Electric], 80),
        ]
    );
    assert_eq!(dex.pokemon[0].stats.defense, 40, "a change before the games is over");
}

#[tokio::test]
async fn learnsets_are_the_games_and_ordered() {
    let dex = read_fixture().await;
    let learn = |method, level, move_id| Learn { move_id, method, level };
    assert_eq!(
        dex.pokemon[0].learnset,
        [
            learn(LearnMethod::LevelUp, 1, 84),
            learn(LearnMethod::LevelUp, 3, 39),
            learn(LearnMethod::LevelUp, 6, 39),
            learn(LearnMethod::Machine, 0, 71),
        ]
    );
    assert_eq!(dex.pokemon[1].learnset, [learn(LearnMethod::LevelUp, 0, 84)], "on evolution");
    let (base, mega) = (&dex.pokemon[2], &dex.pokemon[3]);
    assert_eq!(mega.learnset, base.learnset, "a Mega form has its base form's");
}

#[tokio::test]
async fn moves_have_the_values_of_the_games() {
    let dex = read_fixture().await;
    let absorb = move_(&dex, "absorb");
    assert_eq!(
        (absorb.power, absorb.accuracy, absorb.pp),
        (Some(40), Some(100), 15),
        "not what other games changed"
    );
    assert_eq!(move_(&dex, "recover").pp, 10, "documented nowhere");
    let zap = move_(&dex, "zippy-zap");
    assert_eq!(
        (zap.power, zap.pp, zap.priority, zap.crit_rate, zap.stat_changes.len()),
        (Some(50), 15, 2, 6, 0)
    );
    let fury = move_(&dex, "fury-attack");
    assert_eq!((fury.min_hits, fury.max_hits), (2, 5));
    assert_eq!((absorb.min_hits, absorb.max_hits), (1, 1));
    assert_eq!(move_(&dex, "struggle").healing, -25);
}

#[tokio::test]
async fn the_chart_is_the_seventh_generations() {
    let dex = read_fixture().await;
    for (attack, defend, halves) in [
        (Type::Electric, Type::Ground, 0),
        (Type::Electric, Type::Water, 4),
        (Type::Normal, Type::Steel, 1),
        (Type::Normal, Type::Normal, 2),
        // Changed after the fifth generation, so today's holds; changed after the eighth, so the past holds.
        (Type::Ghost, Type::Steel, 2),
        (Type::Ice, Type::Dragon, 4),
    ] {
        assert_eq!(dex.chart.halves(attack, defend), halves, "{attack:?} on {defend:?}");
    }
}

#[tokio::test]
async fn the_client_says_who_it_is_and_asks_little_at_once() {
    let instance = serve(fixture(), fine).await;
    read(&instance).await.unwrap();
    assert!(instance.user_agent.lock().unwrap().starts_with("pdex-etl/"));
    assert!(instance.most_at_once.load(std::sync::atomic::Ordering::SeqCst) <= 8);
    let mut requests = instance.requests.lock().unwrap().clone();
    let all = requests.len();
    requests.sort();
    requests.dedup();
    assert_eq!(all, requests.len(), "nothing is asked twice");
}

#[tokio::test]
async fn passing_faults_are_tried_again() {
    let shy = |path: &str, nth: usize| match (path, nth) {
        (_, 1) if path.starts_with("move/") => Some(("503 Service Unavailable", "")),
        ("type/3", 1 | 2) => Some(("429 Too Many Requests", "Retry-After: 0\r\n")),
        ("pokemon/25", 1..=3) => Some(("500 Internal Server Error", "")),
        _ => None,
    };
    let (dex, rejects) = read(&serve(fixture(), shy).await).await.unwrap();
    assert_eq!((Counts::of(&dex), rejects.len()), (FIXTURE_COUNTS, 0));
}

#[tokio::test]
async fn lasting_faults_name_the_document() {
    for (status, headers, tries) in [
        ("500 Internal Server Error", "", 4),
        ("403 Forbidden", "", 1),
        ("429 Too Many Requests", "Retry-After: 3600\r\n", 1),
    ] {
        let instance = serve(fixture(), move |path, _| (path == "type/3").then_some((status, headers))).await;
        let error = read(&instance).await.unwrap_err();
        assert!(matches!(error, SourceError::Fetch(FetchError::Status { .. })), "{error}");
        assert!(error.to_string().ends_with(&format!("/type/3 answered {status}")), "{error}");
        let asked = instance.requests.lock().unwrap().iter().filter(|path| *path == "type/3").count();
        assert_eq!(asked, tries, "{status}");
    }
}

/// Changes the fixture and returns the error of reading it.
async fn refusal(change: impl FnOnce(&mut Site)) -> String {
    let mut site = fixture();
    change(&mut site);
    read(&serve(site, fine).await).await.unwrap_err().to_string()
}

fn at<'a>(site: &'a mut Site, path: &str) -> &'a mut Value {
    site.get_mut(path).unwrap()
}

#[tokio::test]
async fn documents_that_cannot_be_used_are_rejected_by_name() {
    for (message, refused) in [
        ("move/84: missing field `power`", {
            refusal(|site| drop(at(site, "move/84").as_object_mut().unwrap().remove("power"))).await
        }),
        ("move/84: no PP", refusal(|site| at(site, "move/84")["pp"] = Value::Null).await),
        ("move/84: no name in language en", refusal(|site| at(site, "move/84")["names"] = json!([])).await),
        ("move/84: invalid value", refusal(|site| at(site, "move/84")["accuracy"] = json!(300)).await),
        ("move/84: not found", refusal(|site| drop(site.remove("move/84"))).await),
        ("pokemon/26: its species \"raichu\" is not at hand", {
            refusal(|site| at(site, "pokemon-species/26")["name"] = json!("pichu")).await
        }),
        ("pokemon/26: no stat \"speed\"", {
            refusal(|site| drop(at(site, "pokemon/26")["stats"].as_array_mut().unwrap().pop())).await
        }),
        ("pokemon/10100: form \"galar\" is not one of the games'", {
            refusal(|site| at(site, "pokemon-form/10202")["form_name"] = json!("galar")).await
        }),
        ("evolution-chain/10: raichu: unknown trigger \"spin\"", {
            refusal(|site| {
                let to = "/chain/evolves_to/0/evolves_to/0/evolution_details/0/trigger/name";
                *at(site, "evolution-chain/10").pointer_mut(to).unwrap() = json!("spin");
            })
            .await
        }),
        ("machine/1131: \"hm01\" teaching", {
            refusal(|site| at(site, "machine/1131")["item"]["name"] = json!("hm01")).await
        }),
        ("pokemon raichu: a base stat is not 1 to 255", {
            refusal(|site| at(site, "pokemon/26")["stats"][0]["base_stat"] = json!(0)).await
        }),
    ] {
        assert!(refused.starts_with("wrong counts: "), "{refused}");
        assert!(refused.contains(&format!(" rejected, first {message}")), "{message}: {refused}");
    }
}

#[tokio::test]
async fn too_many_rejects_are_said_before_the_counts() {
    let refused = refusal(|site| {
        for id in 1..=11 {
            at(site, &format!("type/{id}"))["names"] = json!([]);
        }
    })
    .await;
    assert_eq!(refused, "11 rejects, 10 are allowed; the first: type/1: no name in language en");
}

#[tokio::test]
async fn without_the_games_or_time_nothing_is_read() {
    let renamed = refusal(|site| at(site, "version-group/19")["name"] = json!("lets-stay")).await;
    assert_eq!(renamed, "version-group: lets-go-pikachu-lets-go-eevee is not listed");
    let timeless = refusal(|site| drop(site.remove("version-group/20"))).await;
    assert_eq!(timeless, "version-group/20: not found");
    let html = refusal(|site| *at(site, "version-group") = json!("<html>")).await;
    assert!(html.starts_with("version-group?limit=2000&offset=0: invalid type"), "{html}");
    let loop_of_links =
        refusal(|site| at(site, "version-group")["results"][0]["url"] = json!("https://x/../..")).await;
    assert_eq!(loop_of_links, "red-blue: \"https://x/../..\" is not a link to a document");
}

/// Reads PokéAPI's own documents where the checkout has them beside it, which not every one has.
#[tokio::test]
async fn the_shipped_snapshot_is_what_pokeapi_gives() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/pokeapi/api/v2");
    if !root.is_dir() {
        eprintln!("skipped: {} is not there", root.display());
        return;
    }
    let instance = serve(site_of_files(&root), fine).await;
    let client = Client::new(&instance.base_url, brisk()).unwrap();
    let (dex, rejects) = source::read(&client, &EXPECTED).await.unwrap();
    assert_eq!(rejects, Vec::new());
    let exported = Snapshot::from_pokeapi(dex).encode().unwrap();
    assert!(exported.as_bytes() == SHIPPED, "run `etl export --output services/etl/data/snapshot.json`");
}

fn site_of_files(root: &Path) -> Site {
    let mut site = Site::new();
    for resource in [
        "version-group",
        "pokedex",
        "pokemon-species",
        "pokemon",
        "pokemon-form",
        "move",
        "type",
        "machine",
        "evolution-chain",
    ] {
        let read =
            |path: &Path| serde_json::from_slice(&std::fs::read(path.join("index.json")).unwrap()).unwrap();
        let folder = root.join(resource);
        site.insert(resource.to_owned(), read(&folder));
        for entry in std::fs::read_dir(&folder).unwrap().filter(|e| e.as_ref().unwrap().path().is_dir()) {
            let path = entry.unwrap().path();
            let document: Value = read(&path);
            if let (true, Some(name)) = (resource == "move", document["name"].as_str()) {
                site.insert(format!("{resource}/{name}"), document.clone());
            }
            site.insert(format!("{resource}/{}", path.file_name().unwrap().to_str().unwrap()), document);
        }
    }
    site
}
