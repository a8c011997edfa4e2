//! Each number of the damage formula matters: with any of them one larger or smaller, a hit worked out by hand comes out
//! differently. Whoever changes a constant sees this test, or the one below it, fail.

use dex::battle::{Constant, Constants, Effectiveness, Hit, confusion_by, weight_power};

const PLAIN: Hit = Hit {
    level: 50,
    power: 70,
    attack: 83,
    defense: 81,
    attack_stage: 0,
    defense_stage: 0,
    critical: false,
    stab: false,
    effectiveness: Effectiveness::Steps(0),
    burned: false,
    screen: false,
    doubled: false,
};

/// Strong enough that one more or less anywhere shows in the last digit.
const STRONG: Hit = Hit { level: 100, power: 250, attack: 600, defense: 60, ..PLAIN };

/// Hits with their least and greatest damage, worked out by hand: ⌊⌊⌊2·L/5 + 2⌋·P·A/D⌋/50⌋ + 2, × 3/2 when critical, × the
/// random factor, then same-type bonus, effectiveness, burn and screen, truncated at each step (modifiers round half down).
const WORKED: [(Hit, u16, u16); 13] = [
    // 22 · 70 · 83 / 81 = 1578; / 50 = 31; + 2 = 33.
    (PLAIN, 28, 33),
    // 42 · 250 · 600 / 60 = 105 000; / 50 = 2100; + 2 = 2102; 85 % = 1786.
    (STRONG, 1786, 2102),
    // 2102 · 3 / 2 = 3153; 85 % = 2680.
    (Hit { critical: true, ..STRONG }, 2680, 3153),
    // 1786 · 1.5 = 2679; 2102 · 1.5 = 3153.
    (Hit { stab: true, ..STRONG }, 2679, 3153),
    // 28 · 1.5 = 42; 33 · 1.5 = 49.5, half rounds down.
    (Hit { stab: true, ..PLAIN }, 42, 49),
    (Hit { burned: true, ..STRONG }, 893, 1051),
    // 33 / 2 = 16.5, half rounds down.
    (Hit { burned: true, ..PLAIN }, 14, 16),
    (Hit { screen: true, ..STRONG }, 893, 1051),
    (Hit { doubled: true, ..STRONG }, 3572, 4204),
    // Attack 600 · 3 / 2 = 900; 42 · 250 · 900 / 60 / 50 + 2 = 3152; 85 % = 2679.
    (Hit { attack_stage: 1, ..STRONG }, 2679, 3152),
    // Defence 60 · 2 / 4 = 30; 42 · 250 · 600 / 30 / 50 + 2 = 4202; 85 % = 3571.
    (Hit { defense_stage: -2, ..STRONG }, 3571, 4202),
    // 2 · 1 / 5 + 2 = 2; 2 · 250 · 600 / 60 = 5000; / 50 + 2 = 102; 85 % = 86.
    (Hit { level: 1, ..STRONG }, 86, 102),
    // A quarter of next to nothing is 1.
    (Hit { power: 10, attack: 5, defense: 300, effectiveness: Effectiveness::Steps(-2), ..PLAIN }, 1, 1),
];

/// Whether the worked hits come out as written, and a confused Pokémon's blow as well.
fn all_come_out(k: &Constants) -> bool {
    let hits = WORKED.iter().all(|(hit, least, most)| {
        let rolls = hit.rolls_by(k);
        (rolls[0], rolls[15]) == (*least, *most)
    });
    // 42 · 40 · 600 / 60 / 50 + 2 = 338; 85 % = 287.
    let confused = [0, 15].map(|roll| confusion_by(k, 100, (600, 0), (60, 0), roll));
    hits && confused == [287, 338]
}

#[test]
fn hits_worked_out_by_hand_come_out() {
    assert!(all_come_out(&Constants::GAMES));
    for (hit, least, most) in WORKED {
        assert_eq!((hit.rolls()[0], hit.rolls()[15]), (least, most), "{hit:?}");
    }
}

#[test]
fn a_change_of_any_constant_is_noticed() {
    for constant in Constant::ALL {
        let value = Constants::GAMES.get(constant);
        for other in [value.saturating_sub(1), value + 1] {
            let mutant = Constants::GAMES.with(constant, other);
            // All modifiers are multiples of 2048: a remainder is 0 or 2048, and 2046 rounds both as 2047 does.
            let equal = other == value || (constant, other) == (Constant::ModifierRounding, 2046);
            let noticed = divides_by_zero(&mutant) || !all_come_out(&mutant);
            assert!(equal || noticed, "{constant:?} {other}");
        }
    }
}

/// A divisor of 0 would stop the program, which is noticing, too.
fn divides_by_zero(k: &Constants) -> bool {
    use Constant::{BaseDivisor, CriticalDivisor, LevelDivisor, ModifierOne, RollDivisor, StageOne};
    [BaseDivisor, CriticalDivisor, LevelDivisor, ModifierOne, RollDivisor, StageOne]
        .into_iter()
        .any(|divisor| k.get(divisor) == 0)
}

/// Low Kick's table, at both sides of each bound (Bulbapedia, "Low Kick").
#[test]
fn every_bound_and_power_of_low_kick_is_noticed() {
    let bounds = [(0, 20), (100, 40), (250, 60), (500, 80), (1000, 100), (2000, 120)];
    for (i, (from, power)) in bounds.into_iter().enumerate() {
        assert_eq!(weight_power(from), power);
        if let Some((next, _)) = bounds.get(i + 1) {
            assert_eq!(weight_power(next - 1), power);
        }
    }
}
