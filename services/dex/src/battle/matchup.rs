//! Two fighters who met: what depends on both and not on the course of the battle is computed once, here.

use super::damage::{Effectiveness, Hit, ROLLS, weight_power};
use super::{BattleMove, Fighter, MOVES, Stat, Strike};
use crate::pokedex::TypeChart;

/// How one move of one side meets the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meeting {
    pub(super) effectiveness: Effectiveness,
    pub(super) stab: bool,
}

/// A pair ready to fight any number of battles.
#[derive(Debug, Clone, Copy)]
pub struct Matchup {
    pub(super) fighters: [Fighter; 2],
    /// By side and slot.
    pub(super) meetings: [[Meeting; MOVES]; 2],
    /// Slots by side, best first.
    rankings: [[u8; MOVES]; 2],
}

impl Matchup {
    /// Prepares `a` (side 0) against `b` (side 1).
    pub fn new(chart: &TypeChart, a: &Fighter, b: &Fighter) -> Self {
        let mut matchup = Self {
            fighters: [*a, *b],
            meetings: [meetings(chart, a, b), meetings(chart, b, a)],
            rankings: [[0, 1, 2, 3]; 2],
        };
        for side in 0..2 {
            let scores: [f32; MOVES] = std::array::from_fn(|slot| matchup.score(side, slot));
            let names = matchup.fighters[side].alphabetical();
            matchup.rankings[side].sort_by(|&x, &y| {
                let (x, y) = (usize::from(x), usize::from(y));
                scores[y].total_cmp(&scores[x]).then_with(|| names[x].cmp(&names[y]))
            });
        }
        matchup
    }

    /// The fighter of a side, 0 or 1.
    pub const fn fighter(&self, side: usize) -> &Fighter {
        &self.fighters[side]
    }

    /// Slots of a side by the fixed ranking: mean damage of one hit at full HP × accuracy × mean hits, halved where every
    /// second turn is lost. Equal moves stand in the order of their identifiers, those that do nothing to this foe last.
    /// Slots beyond the moves brought are left out.
    pub fn ranking(&self, side: usize) -> impl Iterator<Item = usize> {
        let count = self.fighters[side].moves().len();
        self.rankings[side].into_iter().map(usize::from).filter(move |&slot| slot < count)
    }

    /// The slot a side opens with; `None` when no move of it can damage any foe.
    pub fn opening(&self, side: usize) -> Option<usize> {
        self.ranking(side).find(|&slot| self.fighters[side].moves()[slot].damages())
    }

    /// How a move meets the foe's types.
    pub const fn effectiveness(&self, side: usize, slot: usize) -> Effectiveness {
        self.meetings[side][slot].effectiveness
    }

    /// Whether a move has the same-type bonus.
    pub const fn stab(&self, side: usize, slot: usize) -> bool {
        self.meetings[side][slot].stab
    }

    /// The move a side opens with and how it meets the foe; Struggle where it has no move that damages.
    pub fn opening_move(&self, side: usize) -> (&BattleMove, Effectiveness, bool) {
        match self.opening(side) {
            Some(slot) => {
                (&self.fighters[side].moves()[slot], self.effectiveness(side, slot), self.stab(side, slot))
            }
            None => (&BattleMove::STRUGGLE, Effectiveness::Steps(0), false),
        }
    }

    fn score(&self, side: usize, slot: usize) -> f32 {
        let Some(m) = self.fighters[side].moves().get(slot) else { return -1.0 };
        if !m.damages() {
            return -0.5;
        }
        self.mean_damage(side, slot) * m.hit_chance() * m.mean_hits() * m.turn_share()
    }

    /// Mean damage of one hit that connects: sixteen rolls, no critical hit, no stages.
    pub fn mean_damage(&self, side: usize, slot: usize) -> f32 {
        let rolls = self.rolls(side, slot, false);
        rolls.iter().map(|&d| u32::from(d)).sum::<u32>() as f32 / f32::from(ROLLS)
    }

    /// The sixteen damages of one hit on a fresh foe, not capped by its HP. Constant damage repeats itself; damage that answers
    /// what the foe did (Counter) is 0.
    pub fn rolls(&self, side: usize, slot: usize, critical: bool) -> [u16; ROLLS as usize] {
        let m = &self.fighters[side].moves()[slot];
        self.rolls_of(side, m, self.meetings[side][slot], critical)
    }

    /// The same for the move a side opens with.
    pub fn opening_rolls(&self, side: usize, critical: bool) -> [u16; ROLLS as usize] {
        let (m, effectiveness, stab) = self.opening_move(side);
        self.rolls_of(side, m, Meeting { effectiveness, stab }, critical)
    }

    fn rolls_of(
        &self,
        side: usize,
        m: &BattleMove,
        meeting: Meeting,
        critical: bool,
    ) -> [u16; ROLLS as usize] {
        let (user, foe) = (&self.fighters[side], &self.fighters[1 - side]);
        if let Some(power) = formula_power(m, user, foe) {
            return plain_hit(m, user, foe, meeting, power, critical).rolls();
        }
        if meeting.effectiveness == Effectiveness::Immune {
            return [0; ROLLS as usize];
        }
        [constant_damage(m, user, foe.hp).unwrap_or(0); ROLLS as usize]
    }
}

fn meetings(chart: &TypeChart, user: &Fighter, foe: &Fighter) -> [Meeting; MOVES] {
    std::array::from_fn(|slot| {
        let type_ = user.moves().get(slot).and_then(|m| m.type_);
        let halves = foe.types.iter().flatten().map(|&t| type_.map_or(2, |own| chart.halves(own, t)));
        Meeting { effectiveness: Effectiveness::of(halves), stab: type_.is_some_and(|t| user.is(t)) }
    })
}

/// The power the formula takes for a move; `None` for damage computed another way.
pub(super) fn formula_power(m: &BattleMove, user: &Fighter, foe: &Fighter) -> Option<u16> {
    match m.strike {
        Strike::Power(p) | Strike::TargetAttack(p) | Strike::Facade(p) => Some(p),
        Strike::Weight => Some(weight_power(foe.weight_hg)),
        Strike::Friendship => Some((u16::from(user.friendship) * 2 / 5).max(1)),
        _ => None,
    }
}

/// Damage that no stat changes; for a random one (Psywave) its mean. `None` where it depends on the course of the battle.
pub(super) fn constant_damage(m: &BattleMove, user: &Fighter, foe_hp: u16) -> Option<u16> {
    match m.strike {
        Strike::Level | Strike::Psywave => Some(u16::from(user.level)),
        Strike::Fixed(damage) => Some(damage),
        Strike::Half => Some((foe_hp / 2).max(1)),
        Strike::OneHit => Some(foe_hp),
        _ => None,
    }
}

/// A hit without stages, ailments or screens.
pub(super) fn plain_hit(
    m: &BattleMove,
    user: &Fighter,
    foe: &Fighter,
    meeting: Meeting,
    power: u16,
    critical: bool,
) -> Hit {
    let (attack, defense) = attack_and_defense(m);
    let attacker = if matches!(m.strike, Strike::TargetAttack(_)) { foe } else { user };
    Hit {
        level: user.level,
        power,
        attack: attacker.stat(attack),
        defense: foe.stat(defense),
        attack_stage: 0,
        defense_stage: 0,
        critical,
        stab: meeting.stab,
        effectiveness: meeting.effectiveness,
        burned: false,
        screen: false,
        doubled: false,
    }
}

/// The stats a move works with.
pub(super) const fn attack_and_defense(m: &BattleMove) -> (Stat, Stat) {
    if m.physical { (Stat::Attack, Stat::Defense) } else { (Stat::SpecialAttack, Stat::SpecialDefense) }
}
