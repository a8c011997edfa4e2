//! How a side chooses among its moves when it has a choice. Forced turns (rest, the second turn of a gathered move, a rampage)
//! are not asked about.

use super::fight::{Choice, Fight};
use super::matchup::{constant_damage, formula_power};
use super::moves::BattleMove;

/// A way of choosing. All of them see moves, computed stats and the state of the battle; none sees the dice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// The first move of the ranking made before the battle that has PP left; what the model's battles and the vectors are
    /// played by.
    #[default]
    Ranked,
    /// The most expected damage now: stages, ailments, screens and the foe's remaining HP count.
    Greedy,
    /// Any damaging move with PP left, all equally likely.
    Random,
    /// The move that leads the race when the foe plays its ranking: fewest own turns to faint it, against the foe's turns, who
    /// acts first counted.
    BestReply,
}

impl Fight<'_> {
    /// A choice by policy; Struggle where no move is left.
    pub(super) fn decide(&mut self, side: usize) -> Choice {
        let slot = match self.policies[side] {
            Policy::Ranked => self.ranked(side),
            Policy::Greedy => self.best(side, |fight, slot| fight.expected(side, slot, true)),
            Policy::Random => self.any(side),
            Policy::BestReply => self.best(side, |fight, slot| fight.lead(side, slot)),
        };
        slot.map_or(Choice::Struggle, |slot| Choice::Use { slot: slot as u8, locked: false })
    }

    fn is_open(&self, side: usize, slot: usize) -> bool {
        self.sides[side].pp[slot] > 0 && self.matchup.fighters[side].moves()[slot].damages()
    }

    fn ranked(&self, side: usize) -> Option<usize> {
        self.matchup.ranking(side).find(|&slot| self.is_open(side, slot))
    }

    fn any(&mut self, side: usize) -> Option<usize> {
        let count = (0..self.matchup.fighters[side].moves().len()).filter(|&s| self.is_open(side, s)).count();
        let drawn = if count > 1 { self.rng.below(count as u32) as usize } else { 0 };
        (0..self.matchup.fighters[side].moves().len()).filter(|&slot| self.is_open(side, slot)).nth(drawn)
    }

    /// The open move of the highest score, in the order of the ranking where scores are equal.
    fn best(&self, side: usize, score: impl Fn(&Self, usize) -> f32) -> Option<usize> {
        let mut best: Option<(usize, f32)> = None;
        for slot in self.matchup.ranking(side).filter(|&slot| self.is_open(side, slot)) {
            let score = score(self, slot);
            if best.is_none_or(|(_, most)| score > most) {
                best = Some((slot, score));
            }
        }
        best.map(|(slot, _)| slot)
    }

    /// Expected damage of one turn with a move, at most the foe's HP where `capped`.
    fn expected(&self, side: usize, slot: usize, capped: bool) -> f32 {
        let m = &self.matchup.fighters[side].moves()[slot];
        let foe_hp = f32::from(self.sides[1 - side].hp);
        let damage = self.mean_now(side, slot, m) * m.mean_hits();
        let damage = if capped { damage.min(foe_hp) } else { damage };
        damage * m.hit_chance() * m.turn_share()
    }

    /// Mean damage of one hit as things stand, without critical hits.
    fn mean_now(&self, side: usize, slot: usize, m: &BattleMove) -> f32 {
        let (user, foe) = (&self.matchup.fighters[side], &self.matchup.fighters[1 - side]);
        let meeting = self.matchup.meetings[side][slot];
        match formula_power(m, user, foe) {
            Some(power) => {
                let rolls = self.hit(side, m, meeting, power, false).rolls();
                rolls.iter().map(|&d| f32::from(d)).sum::<f32>() / rolls.len() as f32
            }
            None if meeting.effectiveness == super::Effectiveness::Immune => 0.0,
            None => f32::from(constant_damage(m, user, self.sides[1 - side].hp).unwrap_or(0)),
        }
    }

    /// Turns by which a move leads the race; fractions break ties in favour of more damage.
    fn lead(&self, side: usize, slot: usize) -> f32 {
        let foe = 1 - side;
        let turns = |who: usize, slot: usize| {
            let damage = self.expected(who, slot, false);
            if damage > 0.0 { (f32::from(self.sides[1 - who].hp) / damage).ceil() } else { 1_000.0 }
        };
        let (answer, foe_turns) = match self.ranked(foe) {
            Some(slot) => (self.matchup.fighters[foe].moves()[slot].priority, turns(foe, slot)),
            None => (0, 1_000.0),
        };
        let own = self.matchup.fighters[side].moves()[slot].priority;
        let speed = [side, foe].map(|s| self.sides[s].speed(&self.matchup.fighters[s]));
        let first = (own, speed[0]) > (answer, speed[1]);
        // The whole race is what counts; one turn more of damage is worth less than any turn of the race.
        let damage = self.expected(side, slot, true) / f32::from(self.sides[foe].max_hp.max(1));
        foe_turns - turns(side, slot) + if first { 0.5 } else { 0.0 } + damage.min(1.0) / 10.0
    }
}
