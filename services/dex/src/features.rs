//! What the model sees of a battle: one ordered list of named numbers, raw and in the battle's own units. The trainer and the
//! API build rows with this same code. Pure, no allocation.
//!
//! No Pokémon, move or type is named by an id: a row says what they do to each other, so that it holds for a pair never seen.

use crate::battle::{Ailment, BattleMove, Matchup, Quirk, Stat, Tempo};

/// Names of one side's block, once as `a_…` and once as `b_…`, then those of the pair.
macro_rules! names {
    (side: [$($side:literal),* $(,)?], pair: [$($pair:literal),* $(,)?]) => {
        /// Features of one side.
        pub const SIDE: usize = [$($side),*].len();
        /// Features of the pair; each changes its sign when the sides are swapped.
        const PAIR: usize = [$($pair),*].len();
        /// Names, in column order.
        pub const NAMES: [&str; COUNT] =
            [$(concat!("a_", $side),)* $(concat!("b_", $side),)* $($pair),*];
    };
}

names! {
    side: [
        // Computed stats.
        "hp", "attack", "defense", "special_attack", "special_defense", "speed",
        // The move the side opens with.
        "power_share_mean", // mean damage of one use that connects, in the foe's HP
        "power_share_min",
        "power_share_max",
        "uses_to_faint", // uses that connect until the foe is down, mean rolls
        "faint_in_one", // probability that one use is enough, accuracy and critical hits included
        "faint_in_two",
        "accuracy", // per cent, 100 where it never misses
        "priority",
        "effectiveness",
        "physical",
        "hits", // mean
        "gathers",
        "recharges",
        "rampages",
        "out_of_reach",
        "recoil", // per cent of the damage, negative where it drains
        "stop_chance", // per cent: flinch, freeze, paralysis
        "wear_chance", // per cent: burn, poison, trap, seed
        "confusion_chance",
        "stage_sum", // stages it changes, counted for the user and against the foe, in per cent of a stage
        "sacrifices",
    ],
    pair: [
        "speed_difference",
        "acts_first", // 1, 0 for a coin, -1
        "race", // how likely it is to faint the foe first by the numbers above, less one half
        "total_difference", // sum of computed stats
    ]
}

/// Number of features.
pub const COUNT: usize = 2 * SIDE + PAIR;

/// The column of the same thing with the sides swapped; those of the pair stay where they are and change their sign.
pub const fn swapped(column: usize) -> usize {
    if column < SIDE {
        column + SIDE
    } else if column < 2 * SIDE {
        column - SIDE
    } else {
        column
    }
}

/// One model input.
pub type Row = [f32; COUNT];

/// The row for side 0 against side 1, and the row of the same battle with the sides swapped.
pub fn rows(matchup: &Matchup) -> [Row; 2] {
    let uses = [0, 1].map(|side| Uses::new(matchup, side));
    let sides = [0, 1].map(|side| side_block(matchup, side, &uses[side]));
    let pair = pair_block(matchup, &uses);
    let mut rows = [[0.0; COUNT]; 2];
    for (i, row) in rows.iter_mut().enumerate() {
        row[..SIDE].copy_from_slice(&sides[i]);
        row[SIDE..2 * SIDE].copy_from_slice(&sides[1 - i]);
        row[2 * SIDE..].copy_from_slice(&pair);
    }
    rows[1][2 * SIDE..].iter_mut().for_each(|x| *x = -*x);
    rows
}

/// What one side's opening move does to the other, use by use.
struct Uses {
    /// Share of the foe's HP of one use that connects: mean, least, most.
    share: [f32; 3],
    /// Uses that connect until the foe is down, by mean rolls; at most [`Uses::MOST`].
    count: f32,
    /// Probability that the foe is down after one and two uses.
    faint: [f32; 2],
    accuracy: f32,
}

/// Chance of a critical hit by stage.
const CRITICAL: [f32; 4] = [1.0 / 24.0, 1.0 / 8.0, 0.5, 1.0];

impl Uses {
    const MOST: f32 = 99.0;

    fn new(matchup: &Matchup, side: usize) -> Self {
        let (m, _, _) = matchup.opening_move(side);
        let foe_hp = f32::from(matchup.fighter(1 - side).hp);
        let rolls = [false, true].map(|critical| matchup.opening_rolls(side, critical).map(f32::from));
        let critical = if m.is_formula() { CRITICAL[usize::from(m.critical_stage.min(3))] } else { 0.0 };
        let mean = |rolls: &[f32; 16]| rolls.iter().sum::<f32>() / 16.0;
        let one_hit = mean(&rolls[0]) * (1.0 - critical) + mean(&rolls[1]) * critical;
        let one_use = one_hit * hits(m);
        let accuracy = m.hit_chance();
        let [one, two] = faint_chances(&rolls, critical, m, foe_hp);
        let usual = usize::from(critical >= 1.0);
        Self {
            share: [one_use, rolls[usual][0] * hits(m), rolls[usual][15] * hits(m)].map(|d| d / foe_hp),
            count: if one_use > 0.0 { (foe_hp / one_use).ceil().min(Self::MOST) } else { Self::MOST },
            faint: [accuracy * one, accuracy * accuracy * two + 2.0 * accuracy * (1.0 - accuracy) * one],
            accuracy,
        }
    }

    /// When the foe faints: probability by turn of the first and second use and of all later ones together, with the turn that
    /// stands for them.
    fn schedule(&self, m: &BattleMove) -> [(f32, f32); 3] {
        let later = (self.count / self.accuracy.max(0.01)).max(3.0);
        let turn = |used: f32| match m.tempo {
            Tempo::Charge | Tempo::Fly | Tempo::Dig => 2.0 * used,
            Tempo::Recharge => 2.0 * used - 1.0,
            Tempo::Single | Tempo::Rampage => used,
        };
        let [one, two] = self.faint;
        [(turn(1.0), one), (turn(2.0), (two - one).max(0.0)), (turn(later), (1.0 - two).max(0.0))]
    }
}

/// Mean number of hits.
fn hits(m: &BattleMove) -> f32 {
    if (m.min_hits, m.max_hits) == (2, 5) { 3.1 } else { f32::from(m.min_hits) }
}

/// Probabilities that one use and that two uses, all connecting, bring down a foe. The hits of one use are taken to roll
/// alike.
fn faint_chances(rolls: &[[f32; 16]; 2], critical: f32, m: &BattleMove, hp: f32) -> [f32; 2] {
    const SPREAD: [(f32, f32); 4] = [(2.0, 0.35), (3.0, 0.35), (4.0, 0.15), (5.0, 0.15)];
    let fixed = [(f32::from(m.min_hits), 1.0)];
    let spread: &[(f32, f32)] = if (m.min_hits, m.max_hits) == (2, 5) { &SPREAD } else { &fixed };
    let kinds = [(&rolls[0], 1.0 - critical), (&rolls[1], critical)];
    let (mut one, mut two) = (0.0, 0.0);
    for &(hits, hits_chance) in spread {
        for (first, first_chance) in kinds {
            let enough = first.iter().filter(|&&d| d * hits >= hp).count() as f32 / 16.0;
            one += hits_chance * first_chance * enough;
            for (second, second_chance) in kinds {
                two += hits_chance * first_chance * second_chance * pair_chance(first, second, hp / hits);
            }
        }
    }
    [one.min(1.0), two.min(1.0)]
}

/// Probability that one roll of each adds up to `hp`. Rolls ascend, so one pointer falls while the other rises.
fn pair_chance(first: &[f32; 16], second: &[f32; 16], hp: f32) -> f32 {
    let (mut low, mut enough) = (16, 0);
    for d in first {
        while low > 0 && d + second[low - 1] >= hp {
            low -= 1;
        }
        enough += 16 - low;
    }
    enough as f32 / 256.0
}

fn side_block(matchup: &Matchup, side: usize, uses: &Uses) -> [f32; SIDE] {
    let fighter = matchup.fighter(side);
    let (m, effectiveness, _) = matchup.opening_move(side);
    let flag = |yes: bool| f32::from(u8::from(yes));
    let stat = |stat: Stat| f32::from(fighter.stat(stat));
    let chance = |of: &[Ailment]| if of.contains(&m.ailment) { f32::from(m.ailment_chance) } else { 0.0 };
    let stages = f32::from(m.stages.iter().sum::<i8>()) * f32::from(m.stage_chance);
    [
        f32::from(fighter.hp),
        stat(Stat::Attack),
        stat(Stat::Defense),
        stat(Stat::SpecialAttack),
        stat(Stat::SpecialDefense),
        stat(Stat::Speed),
        uses.share[0],
        uses.share[1],
        uses.share[2],
        uses.count,
        uses.faint[0],
        uses.faint[1],
        100.0 * uses.accuracy,
        f32::from(m.priority),
        effectiveness.factor(),
        flag(m.physical),
        hits(m),
        flag(matches!(m.tempo, Tempo::Charge | Tempo::Fly | Tempo::Dig)),
        flag(m.tempo == Tempo::Recharge),
        flag(m.tempo == Tempo::Rampage),
        flag(matches!(m.tempo, Tempo::Fly | Tempo::Dig)),
        -f32::from(m.drain),
        f32::from(m.flinch_chance) + chance(&[Ailment::Freeze, Ailment::Paralysis, Ailment::Any]),
        chance(&[Ailment::Burn, Ailment::Poison, Ailment::Trap]) + 100.0 * flag(m.quirk == Quirk::Seed),
        chance(&[Ailment::Confusion]),
        if m.stages_on_user { stages } else { -stages },
        flag(m.quirk == Quirk::Sacrifice),
    ]
}

fn pair_block(matchup: &Matchup, uses: &[Uses; 2]) -> [f32; PAIR] {
    let fighters = [matchup.fighter(0), matchup.fighter(1)];
    let moves = [matchup.opening_move(0).0, matchup.opening_move(1).0];
    let speed = fighters.map(|f| f32::from(f.stat(Stat::Speed)));
    let total = fighters.map(|f| f32::from(f.hp) + f.stats.iter().map(|&s| f32::from(s)).sum::<f32>());
    let difference = speed[0] - speed[1];
    let priority = f32::from(moves[0].priority - moves[1].priority);
    let first = if priority == 0.0 { sign(difference) } else { sign(priority) };
    [difference, first, race(moves, uses, first), total[0] - total[1]]
}

fn sign(x: f32) -> f32 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        0.0
    }
}

/// Probability that side 0 faints the other first, less one half: both schedules taken as independent, a common turn goes to
/// who acts first.
fn race(moves: [&BattleMove; 2], uses: &[Uses; 2], first: f32) -> f32 {
    let [a, b] = [0, 1].map(|side| uses[side].schedule(moves[side]));
    let term = |i: usize, j: usize| {
        let ((turn_a, chance_a), (turn_b, chance_b)) = (a[i], b[j]);
        let order = if (turn_a - turn_b).abs() < 0.5 { first } else { sign(turn_b - turn_a) };
        chance_a * chance_b * order
    };
    // Added in pairs, so that swapping the sides gives exactly the negative.
    let mut ahead = 0.0;
    for i in 0..3 {
        ahead += term(i, i) + (0..i).map(|j| term(i, j) + term(j, i)).sum::<f32>();
    }
    ahead / 2.0
}
