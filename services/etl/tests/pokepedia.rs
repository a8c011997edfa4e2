//! Pages into rows: every spelling of a level, both apostrophes, and whatever is not as expected a reject that names its table.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dex::pokedex::{Form, LearnMethod, Pokedex};
use etl::pokeapi::Politeness;
use etl::pokepedia::{self, Page, Testimony, Who, page};
use etl::progress::Progress;
use etl::reconcile::{Disagreement, Kind, compare};
use etl::snapshot::{SHIPPED, Snapshot};
use proptest::prelude::*;
use support::brisk;
use support::web::{self, Reply, Web};

const GAMES: &str = "Pokémon : Let’s Go, Pikachu et Let’s Go, Évoli";

fn shipped() -> Pokedex {
    Snapshot::decode(SHIPPED).unwrap().facts.pokedex
}

/// A page with these rows in the level-up table, which has the columns `Nom`, another game, and the games.
fn with_rows(rows: &str) -> String {
    format!(
        "<h3 id=\"Par_montée_en_niveau\">x</h3><table><tr><th colspan=\"1\">Capacité</th><th colspan=\"2\">Niveau</th></tr>\
         <tr><th>Nom</th><th><a title=\"Autre\">A</a></th><th><a title=\"{GAMES}\">LGPE</a></th></tr>{rows}</table>\
         <h3 id=\"Par_CT\">x</h3><h4><a title=\"{GAMES}\">x</a></h4><table><tr><th>N°</th><th>Nom</th></tr>\
         <tr><td>CT01</td><td><a title=\"Abri\">Abri</a></td></tr></table>"
    )
}

fn row(level: &str) -> String {
    format!("<tr><td><a title=\"Tranch’Herbe\">Tranch'Herbe</a></td><td>N.9</td><td>{level}</td></tr>")
}

fn levels(page: &Page) -> Vec<u8> {
    page.rows.iter().filter(|row| row.method == LearnMethod::LevelUp).map(|row| row.level).collect()
}

#[test]
fn levels_are_read_in_every_spelling() {
    for (cell, expected) in [
        ("N.12", vec![12]),
        (" N.100\n", vec![100]),
        ("Départ", vec![1]),
        ("Évolution", vec![0]),
        ("Évolution<br>Départ", vec![0, 1]),
        ("Départ<br/>N.4<br />N.58", vec![1, 4, 58]),
        ("—", vec![]),
    ] {
        let page = page::read(with_rows(&row(cell)).as_bytes());
        assert_eq!((levels(&page), page.rejects.len()), (expected, 0), "{cell}");
    }
}

#[test]
fn what_is_not_as_expected_names_its_table() {
    let table = "Par_montée_en_niveau";
    for (html, name, reason) in [
        (with_rows(&row("N.0")), table, "\"N.0\" is no level"),
        (with_rows(&row("N.101")), table, "\"N.101\" is no level"),
        (with_rows(&row("N.+5")), table, "\"N.+5\" is no level"),
        (with_rows(&row("12")), table, "\"12\" is no level"),
        (with_rows(&row("")), table, "\"\" is no level"),
        (with_rows(&row("N.1<sup>2</sup>")), table, "\"N.12\" has markup that is not known"),
        (with_rows(&row("N.5").repeat(2)), table, "\"Tranch’Herbe\" is there twice"),
        (with_rows("<tr><td colspan=\"3\">x</td></tr>"), table, "\"x\" has 0 links"),
        (with_rows("<tr><td>x</td><td>y</td></tr>"), table, "its rows differ in width"),
        (
            with_rows(&row("N.5").replace(">Tranch'Herbe<", ">Charge<")),
            table,
            "\"Charge\" links to \"Tranch’Herbe\"",
        ),
        (
            with_rows(&row("N.5")).replacen(GAMES, "Pokémon Épée et Bouclier", 1),
            table,
            "no column or several of Let's Go",
        ),
        (
            with_rows(&row("N.5")).replacen("title=\"Autre\"", &format!("title=\"{GAMES}\""), 1),
            table,
            "no column or several of Let's Go",
        ),
        (
            with_rows(&row("N.5")).replace("Par_CT", "Par_CTs"),
            "Par_CT",
            "there is no such table of the games",
        ),
        ("<html>Connexion</html>".to_owned(), table, "there is no such table of the games"),
    ] {
        let page = page::read(html.as_bytes());
        assert_eq!(page.rejects[0], (name.to_owned(), reason.to_owned()), "{html}");
        assert!(page.rows.iter().all(|row| row.method != LearnMethod::LevelUp) || name != table, "{page:?}");
    }
    let latin1 = page::read(b"<html>\xc9volution</html>");
    assert_eq!(latin1.rejects, [("page".to_owned(), "it is not UTF-8".to_owned())]);
}

#[test]
fn a_partners_tutor_is_the_partners() {
    let html = with_rows(&row("N.5"))
        + "<h3 id=\"Par_donneur_de_capacités\">x</h3><h4>Pikachu partenaire</h4><table><tr><th>Nom</th></tr>\
           <tr><td><a title=\"Pika-Splash\">Pika-Splash</a></td></tr></table>";
    let page = page::read(html.as_bytes());
    let tutor: Vec<_> = page.rows.iter().filter(|row| row.method == LearnMethod::Tutor).collect();
    assert_eq!((tutor.len(), tutor[0].who, tutor[0].name.as_str()), (1, Who::Partner, "Pika-Splash"));
}

async fn serve_pages(pokedex: &Pokedex, robots: &'static str) -> Web {
    let pages = web::pokepedia(pokedex);
    web::serve(move |request| match (request.path.as_str(), pages.get(&request.path)) {
        ("/robots.txt", _) => Reply::of(200, "text/plain", robots),
        (_, Some(page)) => Reply::html(page.clone()),
        _ => Reply::of(404, "text/html", "x"),
    })
    .await
}

async fn testimony(web: &Web, pokedex: &Pokedex, politeness: Politeness) -> Testimony {
    pokepedia::read(&web.origin, politeness, || None, pokedex, &Progress::silent()).await.unwrap()
}

/// The first Pokémon alone, so that pages of all need not be made.
fn few() -> Pokedex {
    let mut pokedex = shipped();
    pokedex.pokemon.retain(|p| p.id <= 3 || p.slug == "raichu-alola");
    pokedex
}

#[tokio::test]
async fn pages_that_agree_confirm_everything() {
    let pokedex = few();
    let web = serve_pages(&pokedex, "User-agent: *\nDisallow: /special:\n").await;
    let testimony = testimony(&web, &pokedex, brisk()).await;
    assert_eq!((testimony.rejects.len(), testimony.pages.len()), (0, 4), "{:?}", testimony.rejects);
    let comparison = compare(&pokedex, &testimony);
    assert!(comparison.compared > 60, "{}", comparison.compared);
    assert_eq!((comparison.differing(), comparison.rejects.len()), (0, 0), "{:?}", comparison.disagreements);
}

#[tokio::test]
async fn robots_txt_is_obeyed() {
    let pokedex = few();
    let web = serve_pages(&pokedex, "User-agent: *\nDisallow: /\n").await;
    let testimony = testimony(&web, &pokedex, brisk()).await;
    assert_eq!(testimony.pages.len(), 0);
    assert_eq!(testimony.rejects[0].to_string(), "pokepedia Bulbizarre/Génération_7: robots.txt forbids it");
    assert_eq!(web.count(), 1, "nothing but robots.txt was asked");
}

#[tokio::test]
async fn requests_keep_their_distance() {
    let mut pokedex = few();
    pokedex.pokemon.truncate(2);
    let web = serve_pages(&pokedex, "").await;
    let begin = tokio::time::Instant::now();
    let interval = Duration::from_millis(150);
    testimony(&web, &pokedex, Politeness { interval, ..brisk() }).await;
    let passed = begin.elapsed();
    assert!(passed >= interval, "two pages {interval:?} apart, not {passed:?}");
}

/// Side by side only where nobody asked for a distance; what is said does not depend on it.
#[tokio::test]
async fn pages_at_a_distance_are_asked_for_one_at_a_time() {
    let mut pokedex = shipped();
    pokedex.pokemon.retain(|p| p.id <= 12);
    let mut said = Vec::new();
    for (interval, at_once) in [(Duration::ZERO, 2..=8), (Duration::from_millis(1), 1..=1)] {
        let web = serve_pages(&pokedex, "").await;
        let testimony = testimony(&web, &pokedex, Politeness { interval, ..brisk() }).await;
        let most = web.most_at_once.load(Ordering::SeqCst);
        assert!(at_once.contains(&most), "{most} at once, {interval:?} apart");
        said.push(testimony.pages);
    }
    assert_eq!(said[0].len(), 12);
    assert_eq!(format!("{:?}", said[0]), format!("{:?}", said[1]));
}

#[tokio::test]
async fn disagreements_are_counted_and_pokeapi_decides() {
    let pokedex = few();
    let web = serve_pages(&pokedex, "").await;
    let testimony = testimony(&web, &pokedex, brisk()).await;
    let mut changed = pokedex.clone();
    let bulbasaur = &mut changed.pokemon[0];
    let vine_whip = bulbasaur.learnset.iter().position(|learn| learn.level == 5).unwrap();
    bulbasaur.learnset[vine_whip].level = 6;
    let gone = bulbasaur.learnset.pop().unwrap();
    let slug = &pokedex.move_(gone.move_id).unwrap().slug;
    let comparison = compare(&changed, &testimony);
    let differing: Vec<&Disagreement> =
        comparison.disagreements.iter().filter(|d| d.kind != Kind::Name).collect();
    assert_eq!(
        differing,
        [
            &Disagreement {
                kind: Kind::Level,
                subject: "bulbasaur, level-up, vine-whip".to_owned(),
                pokeapi: Some("level 6".to_owned()),
                pokepedia: Some("level 5".to_owned()),
            },
            &Disagreement {
                kind: Kind::Move,
                subject: format!("bulbasaur, machine, {slug}"),
                pokeapi: None,
                pokepedia: Some("0".to_owned()),
            },
        ]
    );
    assert!(!comparison.is_beyond_belief());
}

/// The shared pages, where the checkout has them beside it: every table is read and every row agrees.
#[test]
fn the_shared_pages_agree_with_what_is_shipped() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/pokepedia/site");
    if !root.is_dir() {
        eprintln!("skipped: {} is not there", root.display());
        return;
    }
    let pokedex = shipped();
    let mut testimony = Testimony::default();
    for p in pokedex.pokemon.iter().filter(|p| matches!(p.form, Form::Base | Form::Alola)) {
        let name = p.name_fr.replace('’', "'").replace(' ', "_");
        let body = std::fs::read(root.join(&name).join("Génération_7/index.html")).unwrap();
        let page = page::read(&body);
        assert_eq!(page.rejects, Vec::new(), "{name}");
        testimony.pages.insert(p.id, page);
    }
    let comparison = compare(&pokedex, &testimony);
    assert_eq!((comparison.rejects.len(), comparison.differing()), (0, 0), "{:?}", comparison.disagreements);
    assert!(comparison.compared > 5000, "{}", comparison.compared);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever happens to a page's bytes: no panic, only levels that exist, and a table is read whole or refused by name.
    #[test]
    fn a_damaged_page_gives_rows_that_keep_the_rules(
        cut in 0_usize..2000, length in 0_usize..40, with in "[ -~é<>/\"]{0,12}", cell in "(N\\.[0-9]{1,3}|Départ|—)"
    ) {
        let mut bytes = with_rows(&row(&cell)).into_bytes();
        let at = cut % bytes.len();
        let end = (at + length).min(bytes.len());
        bytes.splice(at..end, with.bytes());
        let page = page::read(&bytes);
        prop_assert!(page.rows.iter().all(|row| row.level <= 100 && !row.name.is_empty()));
        prop_assert!(page.rows.iter().all(|row| page.read.contains(&(row.who, row.method))));
        for method in [LearnMethod::LevelUp, LearnMethod::Machine] {
            prop_assert!(page.read.contains(&(Who::Itself, method)) || !page.rejects.is_empty());
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        page::read(&bytes);
    }
}
