//! The use of a move: whether it connects, what each hit does, and what follows for the user.
//!
//! Source: `Pokémon` Showdown's `sim/battle-actions.ts` (`useMove`, `trySpreadMoveHit`, `hitStepMoveHitLoop`) and `data/moves.ts`.

use super::damage::{Effectiveness, Hit};
use super::fight::{Choice, Fight};
use super::matchup::{Meeting, attack_and_defense, constant_damage, formula_power, plain_hit};
use super::moves::{Ailment, BattleMove, Quirk, Strike, Tempo};
use super::state::{Rampage, Status, status_of};

/// Critical hits are one in this many, by stage; from stage 3 on every hit is one.
const CRITICAL_ONE_IN: [u32; 4] = [24, 8, 2, 1];

impl Fight<'_> {
    /// Uses a move that nothing has stopped.
    pub(super) fn strike(&mut self, side: usize, choice: Choice, m: &BattleMove) {
        let foe = 1 - side;
        if self.fails_outright(side, m) {
            return;
        }
        if m.quirk == Quirk::Sacrifice {
            self.faint(side);
        }
        let meeting = match choice {
            Choice::Use { slot, .. } => self.matchup.meetings[side][usize::from(slot)],
            _ => Meeting { effectiveness: Effectiveness::Steps(0), stab: false },
        };
        let Some(doubled) = self.connects(side, m, meeting) else {
            if m.quirk == Quirk::Crash {
                self.hurt_share(side, 2);
            }
            return;
        };
        if m.quirk == Quirk::BreakScreens {
            (self.sides[foe].reflect, self.sides[foe].light_screen) = (0, 0);
        }
        let mut total = 0;
        for _ in 0..self.hits(m) {
            let Some(damage) = self.hit_damage(side, m, meeting, doubled) else { break };
            total += self.land(side, m, damage);
            self.effects(side, choice, m);
            if self.sides[foe].hp == 0 || (self.sides[side].hp == 0 && m.quirk != Quirk::Sacrifice) {
                break;
            }
        }
        if total > 0 {
            self.recoil(side, m, total);
        }
    }

    /// Conditions checked before accuracy.
    fn fails_outright(&self, side: usize, m: &BattleMove) -> bool {
        let foe = 1 - side;
        match m.quirk {
            Quirk::Ambush => {
                self.sides[foe].acted || self.choices[foe] == Choice::Recharge || !self.chosen(foe).damages()
            }
            Quirk::FirstTurn => self.sides[side].acted_before,
            _ => !m.damages(),
        }
    }

    /// `None` when the move misses or does nothing; else whether the foe's place doubles the damage.
    fn connects(&mut self, side: usize, m: &BattleMove, meeting: Meeting) -> Option<bool> {
        let doubled = self.sides[1 - side].reached_by(m)?;
        if meeting.effectiveness == Effectiveness::Immune {
            return None;
        }
        (m.accuracy == 0 || self.rng.chance(u32::from(m.accuracy), 100)).then_some(doubled)
    }

    /// Two to five hits come 35, 35, 15 and 15 times in a hundred (Generation 5 and later).
    fn hits(&mut self, m: &BattleMove) -> u8 {
        if (m.min_hits, m.max_hits) != (2, 5) {
            return m.min_hits;
        }
        match self.rng.below(20) {
            0..7 => 2,
            7..14 => 3,
            14..17 => 4,
            _ => 5,
        }
    }

    /// Damage of one hit; `None` when there is nothing to answer (Counter, Bide).
    fn hit_damage(&mut self, side: usize, m: &BattleMove, meeting: Meeting, doubled: bool) -> Option<u16> {
        let (user, foe) = (&self.matchup.fighters[side], &self.matchup.fighters[1 - side]);
        let (own, other) = (&self.sides[side], &self.sides[1 - side]);
        let Some(power) = formula_power(m, user, foe) else {
            return match m.strike {
                Strike::Psywave => {
                    Some(((50 + self.rng.below(101)) * u32::from(user.level) / 100).max(1) as u16)
                }
                Strike::Counter => Some(own.suffered[0].saturating_mul(2)).filter(|&d| d > 0),
                Strike::MirrorCoat => Some(own.suffered[1].saturating_mul(2)).filter(|&d| d > 0),
                Strike::Bide => own.bide.map(|bide| bide.suffered.saturating_mul(2)).filter(|&d| d > 0),
                _ => constant_damage(m, user, other.hp),
            };
        };
        let mut hit = self.hit(side, m, meeting, power, doubled);
        hit.critical = self.rng.chance(1, CRITICAL_ONE_IN[usize::from(m.critical_stage.min(3))]);
        Some(hit.damage(self.rng.below(16) as u16))
    }

    /// A hit as things stand, not critical; `power` is the move's own.
    pub(super) fn hit(
        &self,
        side: usize,
        m: &BattleMove,
        meeting: Meeting,
        power: u16,
        doubled: bool,
    ) -> Hit {
        let (user, foe) = (&self.matchup.fighters[side], &self.matchup.fighters[1 - side]);
        let (own, other) = (&self.sides[side], &self.sides[1 - side]);
        let facade = matches!(m.strike, Strike::Facade(_));
        let power = if facade && own.suffers() { power * 2 } else { power };
        let (attack, defense) = attack_and_defense(m);
        let mut hit = plain_hit(m, user, foe, meeting, power, false);
        hit.attack_stage =
            if matches!(m.strike, Strike::TargetAttack(_)) { other.stage(attack) } else { own.stage(attack) };
        hit.defense_stage = other.stage(defense);
        hit.burned = m.physical && !facade && own.status == Status::Burned;
        hit.screen = if m.physical { other.reflect > 0 } else { other.light_screen > 0 };
        hit.doubled = doubled;
        hit
    }

    /// Takes the HP, heals what drains; returns the damage really dealt.
    fn land(&mut self, side: usize, m: &BattleMove, damage: u16) -> u16 {
        let foe = 1 - side;
        let dealt = self.hurt(foe, damage);
        self.sides[foe].suffered[usize::from(!m.physical)] = dealt;
        if let Some(bide) = &mut self.sides[foe].bide {
            bide.suffered = bide.suffered.saturating_add(dealt);
        }
        if m.drain > 0 && dealt > 0 {
            self.sides[side].heal(percent(dealt, m.drain.unsigned_abs()));
        }
        dealt
    }

    /// What a hit brings besides damage, to the user and then to the foe.
    fn effects(&mut self, side: usize, choice: Choice, m: &BattleMove) {
        let foe = 1 - side;
        self.quirk(side, m.quirk);
        match (m.tempo, choice) {
            (Tempo::Recharge, _) => self.sides[side].must_recharge = true,
            (Tempo::Rampage, Choice::Use { slot, .. }) => self.rampage(side, slot),
            _ => {}
        }
        if m.stages_on_user && self.rolled(m.stage_chance) {
            self.sides[side].change(m.stages);
        }
        if self.sides[foe].hp == 0 {
            return;
        }
        if !m.stages_on_user && self.rolled(m.stage_chance) {
            self.sides[foe].change(m.stages);
        }
        if self.rolled(m.ailment_chance) {
            self.afflict(foe, m.ailment);
        }
        if self.rolled(m.flinch_chance) {
            self.sides[foe].flinched = true;
        }
        if m.thaws_target && self.sides[foe].status == Status::Frozen {
            self.sides[foe].status = Status::Healthy;
        }
        if self.sides[foe].raging {
            self.sides[foe].change([1, 0, 0, 0, 0]);
        }
    }

    fn quirk(&mut self, side: usize, quirk: Quirk) {
        let foe = 1 - side;
        match quirk {
            Quirk::ResetTarget => self.sides[foe].stages = [0; 5],
            Quirk::ResetAll => self.sides.iter_mut().for_each(|s| s.stages = [0; 5]),
            Quirk::Seed if !self.matchup.fighters[foe].is(crate::pokedex::Type::Grass) => {
                self.sides[foe].seeded = true;
            }
            // Five turns, the present one included; a standing screen is not renewed.
            Quirk::Reflect if self.sides[side].reflect == 0 => self.sides[side].reflect = 5,
            Quirk::LightScreen if self.sides[side].light_screen == 0 => self.sides[side].light_screen = 5,
            Quirk::CureSelf => self.sides[side].status = Status::Healthy,
            Quirk::Rage => self.sides[side].raging = true,
            _ => {}
        }
    }

    /// A hit starts a rampage of two or three turns or renews its grip while it shall last.
    fn rampage(&mut self, side: usize, slot: u8) {
        match &mut self.sides[side].rampage {
            Some(rampage) if rampage.turns >= 2 => rampage.grip = 2,
            Some(_) => {}
            empty => *empty = Some(Rampage { slot, turns: 2 + self.rng.below(2) as u8, grip: 2 }),
        }
    }

    fn rolled(&mut self, chance: u8) -> bool {
        chance > 0 && (chance >= 100 || self.rng.chance(u32::from(chance), 100))
    }

    fn afflict(&mut self, target: usize, ailment: Ailment) {
        match ailment {
            Ailment::Confusion => self.confuse(target),
            // Free at the fifth or sixth turn end: four or five squeezes.
            Ailment::Trap if self.sides[target].trapped == 0 => {
                self.sides[target].trapped = 5 + self.rng.below(2) as u8;
            }
            Ailment::Any => {
                let ailments = [Ailment::Burn, Ailment::Paralysis, Ailment::Freeze];
                let one = ailments[self.rng.below(3) as usize];
                self.afflict(target, one);
            }
            _ if self.sides[target].status == Status::Healthy => {
                if let Some(status) = status_of(ailment, &self.matchup.fighters[target]) {
                    self.sides[target].status = status;
                }
            }
            _ => {}
        }
    }

    /// Recoil is a share of the damage dealt, rounded half up, at least 1; Struggle's a quarter of the user's HP.
    fn recoil(&mut self, side: usize, m: &BattleMove, dealt: u16) {
        if m.quirk == Quirk::Struggle {
            let quarter = (self.sides[side].max_hp + 2) / 4;
            self.hurt(side, quarter.max(1));
        } else if m.drain < 0 {
            self.hurt(side, percent(dealt, m.drain.unsigned_abs()));
        }
    }

    fn hurt(&mut self, side: usize, damage: u16) -> u16 {
        let lost = self.sides[side].lose(damage);
        if self.sides[side].hp == 0 && lost > 0 {
            self.last_down = Some(side);
        }
        lost
    }

    fn hurt_share(&mut self, side: usize, divisor: u16) {
        let share = self.sides[side].max_hp / divisor;
        self.hurt(side, share.max(1));
    }

    fn faint(&mut self, side: usize) {
        let all = self.sides[side].hp;
        self.hurt(side, all);
    }
}

/// A share of the damage, rounded half up, at least 1.
fn percent(damage: u16, percent: u8) -> u16 {
    let share = (u32::from(damage) * u32::from(percent) + 50) / 100;
    u16::try_from(share).unwrap_or(u16::MAX).max(1)
}
