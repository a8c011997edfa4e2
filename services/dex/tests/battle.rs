//! Single rules of battle on Pokémon and moves of the shipped Pokédex, each visible in who wins and after how many turns; and
//! one digest over everything, so that no rule changes unnoticed.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its input has failed")]

use std::path::Path;

use dex::battle::{Fighter, Matchup, Outcome, Policy, Rng, Rules, sets};
use dex::pokedex::Pokedex;
use serde::Deserialize;

fn pokedex() -> Pokedex {
    #[derive(Deserialize)]
    struct Snapshot {
        pokedex: Pokedex,
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etl/data/snapshot.json");
    serde_json::from_slice::<Snapshot>(&std::fs::read(path).unwrap()).unwrap().pokedex
}

fn fighter(dex: &Pokedex, level: u8, pokemon: &str, moves: &[&str]) -> Fighter {
    let pokemon = dex.pokemon.iter().find(|p| p.slug == pokemon).unwrap();
    let moves: Vec<_> =
        moves.iter().map(|slug| dex.moves.iter().find(|m| m.slug == *slug).unwrap()).collect();
    Fighter::new(dex, &Rules { level, ..Rules::default() }, pokemon, &moves)
}

const BATTLES: u64 = 500;

/// A side: level, Pokémon and its only move.
type Side = (u8, &'static str, &'static str);

fn battles(a: Side, b: Side) -> Vec<Outcome> {
    let dex = pokedex();
    let [a, b] = [a, b].map(|(level, pokemon, m)| fighter(&dex, level, pokemon, &[m]));
    let matchup = Matchup::new(&dex.chart, &a, &b);
    (0..BATTLES).map(|seed| matchup.fight(&mut Rng::new(seed))).collect()
}

/// Every battle ends so.
#[track_caller]
fn always(a: Side, b: Side, winner: u8, turns: std::ops::RangeInclusive<u16>) {
    for outcome in battles(a, b) {
        assert_eq!(outcome.winner, Some(winner), "{outcome:?}");
        assert!(turns.contains(&outcome.turns), "{outcome:?}");
    }
}

/// The first side wins about so often.
#[track_caller]
fn share(a: Side, b: Side, expected: f64) {
    let outcomes = battles(a, b);
    let won = outcomes.iter().filter(|o| o.winner == Some(0)).count() as f64 / outcomes.len() as f64;
    // Four standard deviations of 500 fair coins.
    assert!((won - expected).abs() < 0.09, "{won} instead of {expected}");
}

#[test]
fn the_faster_acts_first_and_priority_goes_before_speed() {
    always((100, "jolteon", "tackle"), (1, "snorlax", "tackle"), 0, 1..=1);
    // Either would faint at the first blow.
    always((60, "alakazam", "shadow-ball"), (60, "mewtwo", "shadow-ball"), 1, 1..=2);
    always((100, "snorlax", "quick-attack"), (1, "electrode", "tackle"), 0, 1..=1);
    share((100, "pikachu", "quick-attack"), (100, "pikachu", "quick-attack"), 0.5);
}

#[test]
fn gathering_takes_a_turn_and_resting_another() {
    always((100, "venusaur", "solar-beam"), (1, "chansey", "pound"), 0, 2..=2);
    // Underground it is out of reach: the blow falls on nothing.
    always((50, "dugtrio", "dig"), (1, "magnemite", "thunder-shock"), 0, 2..=2);
    // At least two beams and the rest between them, or a miss.
    for outcome in battles((50, "porygon", "hyper-beam"), (1, "chansey", "pound")) {
        assert_eq!(outcome.winner, Some(0));
    }
    let outcomes = battles((50, "porygon", "hyper-beam"), (50, "snorlax", "peck"));
    assert!(outcomes.iter().all(|o| o.turns >= 3), "{outcomes:?}");
}

#[test]
fn who_sacrifices_itself_loses_even_if_the_foe_faints_too() {
    always((100, "electrode", "explosion"), (1, "magikarp", "tackle"), 1, 1..=1);
    // Against a ghost it faints for nothing.
    always((100, "electrode", "self-destruct"), (1, "gastly", "lick"), 1, 1..=1);
}

#[test]
fn immune_foes_struggle_when_nothing_is_left() {
    // Tackle has 35 PP and Lick 30; neither touches the other.
    for outcome in battles((50, "rattata", "tackle"), (50, "gastly", "lick")) {
        assert!(outcome.turns > 30 && outcome.turns < 45, "{outcome:?}");
    }
}

#[test]
fn moves_that_depend_on_the_moment_fail_outside_it() {
    // Dream Eater needs a sleeper, Fake Out the first turn, Sucker Punch a foe about to attack.
    always((100, "hypno", "dream-eater"), (40, "chansey", "seismic-toss"), 0, 1..=60);
    for outcome in battles((50, "persian", "fake-out"), (50, "chansey", "seismic-toss")) {
        assert_eq!(outcome.winner, Some(1));
    }
    always((100, "diglett", "sucker-punch"), (1, "abra", "confusion"), 0, 1..=1);
}

#[test]
fn bide_returns_in_its_third_turn_twice_what_was_suffered() {
    // Two tosses of 50 before the blow, which comes first in its turn; Machamp has 165 HP.
    always((50, "chansey", "bide"), (50, "machamp", "seismic-toss"), 0, 3..=3);
    // A ghost is not hit; Slowbro's 170 HP last for four blows of 50.
    always((50, "slowbro", "bide"), (50, "gengar", "night-shade"), 1, 4..=4);
}

#[test]
fn constant_damage_is_counted_out() {
    // 325 HP at 50 a blow; Chansey has nothing but Struggle, which costs it 81 each time.
    always((50, "machamp", "seismic-toss"), (50, "chansey", "splash"), 0, 3..=3);
    // Sonic Boom takes 20 of 325.
    always((100, "electrode", "sonic-boom"), (50, "chansey", "recover"), 0, 4..=4);
}

/// Wins of the first side of 200 by the policies, everybody with their best set.
fn wins(dex: &Pokedex, a: &str, b: &str, policies: [Policy; 2]) -> usize {
    let [a, b] = [a, b].map(|name| fighter(dex, 50, name, &[]));
    let matchup = Matchup::new(&dex.chart, &a, &b);
    (0..200).filter(|&seed| matchup.fight_by(policies, &mut Rng::new(seed)).winner == Some(0)).count()
}

#[test]
fn policies_differ_in_what_they_win() {
    let dex = pokedex();
    let total = |policies: [Policy; 2]| -> usize {
        let names = ["venusaur", "lapras", "arcanine", "golem", "starmie", "snorlax", "gengar", "machamp"];
        names
            .iter()
            .flat_map(|a| names.iter().map(move |b| (a, b)))
            .map(|(a, b)| wins(&dex, a, b, policies))
            .sum()
    };
    let ranked = total([Policy::Ranked; 2]);
    let random = total([Policy::Random, Policy::Ranked]);
    let greedy = total([Policy::Greedy, Policy::Ranked]);
    let reply = total([Policy::BestReply, Policy::Ranked]);
    assert!(random < ranked * 9 / 10, "{random} {ranked}");
    // Looking at the state of the battle costs nothing, and looking at the race pays.
    assert!(greedy * 100 > ranked * 98, "{greedy} {ranked}");
    assert!(reply >= ranked, "{reply} {ranked}");
}

#[test]
fn greedy_saves_the_strong_move_that_is_not_needed_and_answers_what_happens() {
    let dex = pokedex();
    let a = fighter(&dex, 100, "tauros", &["mega-kick", "body-slam"]);
    let b = fighter(&dex, 1, "magikarp", &["splash"]);
    let matchup = Matchup::new(&dex.chart, &a, &b);
    let missed = |policy: Policy| {
        let turns = (0..400).map(|seed| matchup.fight_by([policy; 2], &mut Rng::new(seed)).turns);
        turns.filter(|&turns| turns > 1).count()
    };
    // Mega Kick hits three times in four; both faint the fish.
    assert!(missed(Policy::Greedy) == 0, "{}", missed(Policy::Greedy));
    assert!(missed(Policy::BestReply) == 0 || missed(Policy::BestReply) < missed(Policy::Random));
}

#[test]
fn every_pair_ends_and_the_same_seed_tells_the_same_battle() {
    let dex = pokedex();
    let fighters: Vec<_> =
        dex.pokemon.iter().map(|p| Fighter::new(&dex, &Rules::default(), p, &[])).collect();
    // FNV-1a over the outcomes of one battle per pair with best sets, and one with all candidates in fours.
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    let mut note = |byte: u64| digest = (digest ^ byte).wrapping_mul(0x0100_0000_01b3);
    for (i, a) in fighters.iter().enumerate() {
        for (j, b) in fighters.iter().enumerate() {
            let matchup = Matchup::new(&dex.chart, a, b);
            let outcome = matchup.fight(&mut Rng::of(&[i as u64, j as u64]));
            assert_eq!(outcome, matchup.fight(&mut Rng::of(&[i as u64, j as u64])));
            let winner = outcome.winner.expect("nobody can hold out a thousand turns");
            note(u64::from(winner));
            note(u64::from(outcome.turns));
        }
        let candidates = sets::candidates(&dex, &dex.pokemon[i]);
        for (k, moves) in candidates.chunks(4).enumerate() {
            let a = Fighter::new(&dex, &Rules::default(), &dex.pokemon[i], moves);
            for (j, b) in fighters.iter().enumerate().step_by(9) {
                let mut rng = Rng::of(&[i as u64, j as u64, k as u64]);
                let outcome = Matchup::new(&dex.chart, &a, b).fight(&mut rng);
                note(u64::from(outcome.winner.unwrap_or(2)));
                note(u64::from(outcome.turns));
            }
        }
    }
    // A change here is a change of the battles: know why, and raise the trainer's data set recipe.
    assert_eq!(digest, 0x812a_d58f_42e5_ff24, "{digest:#x}");
}
