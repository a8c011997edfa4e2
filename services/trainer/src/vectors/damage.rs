//! Damage lines against the formula, roll by roll.

use dex::battle::{BattleMove, Fighter, Hit, Matchup, Strike, weight_power};
use dex::pokedex::Pokedex;

use super::format::{DamageLine, Names};

/// The sixteen damages our mechanics give for a line.
pub fn rolls(dex: &Pokedex, names: &Names<'_>, line: &DamageLine) -> Result<[u16; 16], String> {
    let attacker = names.fighter(&line.attacker, std::slice::from_ref(&line.move_))?;
    let defender = names.fighter(&line.defender, &[])?;
    let matchup = Matchup::new(&dex.chart, &attacker, &defender);
    Ok(hit(&matchup, &attacker, &defender, line)
        .map_or_else(|| matchup.rolls(0, 0, line.crit), |hit| hit.rolls()))
}

/// The hit in the line's circumstances; `None` for damage that the formula does not compute.
fn hit(matchup: &Matchup, attacker: &Fighter, defender: &Fighter, line: &DamageLine) -> Option<Hit> {
    let m: &BattleMove = &attacker.moves()[0];
    let facade = matches!(m.strike, Strike::Facade(_));
    let power = match m.strike {
        Strike::Power(p) | Strike::TargetAttack(p) => p,
        Strike::Facade(p) => p * if line.burned { 2 } else { 1 },
        Strike::Weight => weight_power(defender.weight_hg),
        _ => return None,
    };
    let source = if matches!(m.strike, Strike::TargetAttack(_)) { defender } else { attacker };
    // Attack and Defence, or the special pair two places on.
    let special = if m.physical { 0 } else { 2 };
    Some(Hit {
        level: attacker.level,
        power,
        attack: source.stats[special],
        defense: defender.stats[special + 1],
        attack_stage: line.atk_stage,
        defense_stage: line.def_stage,
        critical: line.crit,
        stab: matchup.stab(0, 0),
        effectiveness: matchup.effectiveness(0, 0),
        burned: line.burned && m.physical && !facade,
        screen: line.screen,
        doubled: false,
    })
}
