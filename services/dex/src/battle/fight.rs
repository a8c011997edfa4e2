//! The course of a battle: who acts when, what stops a Pokémon from acting, and the end of each turn.
//!
//! Source: Generation 7 as `Pokémon` Showdown plays it (`sim/battle.ts`, `sim/battle-queue.ts`, `data/conditions.ts`) and
//! Bulbapedia's pages of the conditions named.

use super::moves::{BattleMove, Quirk, Strike, Tempo};
use super::state::{Bide, State, Status};
use super::{Matchup, Policy, Rng, Stat, damage};

/// How a battle ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Side that won; `None` when the turn limit came first.
    pub winner: Option<u8>,
    pub turns: u16,
}

/// Battles end in a draw after this many turns, as the simulator of the reference does.
pub const TURN_LIMIT: u16 = 1000;

/// What a side does this turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    Recharge,
    /// `locked`: it had no choice and pays no PP.
    Use {
        slot: u8,
        locked: bool,
    },
    Struggle,
}

/// A battle under way.
pub(super) struct Fight<'a> {
    pub(super) matchup: &'a Matchup,
    pub(super) rng: &'a mut Rng,
    pub(super) sides: [State; 2],
    /// The side that fainted last; when both did in one action it is the winner's.
    pub(super) last_down: Option<usize>,
    pub(super) choices: [Choice; 2],
    pub(super) policies: [Policy; 2],
}

impl Matchup {
    /// Plays one battle: both sides use the first move of their ranking that has PP left.
    pub fn fight(&self, rng: &mut Rng) -> Outcome {
        self.fight_by([Policy::Ranked; 2], rng)
    }

    /// Plays one battle with a policy for each side.
    pub fn fight_by(&self, policies: [Policy; 2], rng: &mut Rng) -> Outcome {
        Fight {
            policies,
            matchup: self,
            rng,
            sides: [State::new(&self.fighters[0]), State::new(&self.fighters[1])],
            last_down: None,
            choices: [Choice::Struggle; 2],
        }
        .run()
    }
}

impl Fight<'_> {
    fn run(mut self) -> Outcome {
        for turn in 1..=TURN_LIMIT {
            self.choices = [self.choose(0), self.choose(1)];
            let first = self.first();
            for side in [first, 1 - first] {
                self.act(side);
                if let Some(winner) = self.winner() {
                    return Outcome { winner: Some(winner), turns: turn };
                }
            }
            if let Some(winner) = self.end_turn() {
                return Outcome { winner: Some(winner), turns: turn };
            }
        }
        Outcome { winner: None, turns: TURN_LIMIT }
    }

    /// What must be done, else what the policy says.
    fn choose(&mut self, side: usize) -> Choice {
        let state = &self.sides[side];
        if state.must_recharge {
            return Choice::Recharge;
        }
        let under_way = state.gathering.or(state.rampage.map(|r| r.slot)).or(state.bide.map(|b| b.slot));
        if let Some(slot) = under_way {
            return Choice::Use { slot, locked: true };
        }
        self.decide(side)
    }

    pub(super) fn chosen(&self, side: usize) -> &BattleMove {
        match self.choices[side] {
            Choice::Use { slot, .. } => &self.matchup.fighters[side].moves()[usize::from(slot)],
            Choice::Recharge | Choice::Struggle => &BattleMove::STRUGGLE,
        }
    }

    /// Who acts first: priority, then speed at the start of the turn, then a coin.
    fn first(&mut self) -> usize {
        let priority = [0, 1].map(|side| self.chosen(side).priority);
        match priority[1].cmp(&priority[0]) {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Greater => 1,
            std::cmp::Ordering::Equal => self.faster(),
        }
    }

    fn faster(&mut self) -> usize {
        let speed = [0, 1].map(|side| self.sides[side].speed(&self.matchup.fighters[side]));
        match speed[1].cmp(&speed[0]) {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Greater => 1,
            std::cmp::Ordering::Equal => usize::from(self.rng.chance(1, 2)),
        }
    }

    /// The winner if somebody is down. With both down, whoever fainted last: Explosion loses, recoil wins (Generation 5 and
    /// later).
    fn winner(&self) -> Option<u8> {
        match [self.sides[0].hp == 0, self.sides[1].hp == 0] {
            [false, false] => None,
            [true, false] => Some(1),
            [false, true] => Some(0),
            [true, true] => self.last_down.map(|side| side as u8),
        }
    }

    fn act(&mut self, side: usize) {
        self.sides[side].acted = true;
        let choice = self.choices[side];
        // Rest comes before everything else that could stop it.
        if choice == Choice::Recharge {
            self.sides[side].must_recharge = false;
            return;
        }
        let m = *self.chosen(side);
        self.sides[side].raging = false;
        if self.is_stopped(side, &m) {
            self.sides[side].gathering = None;
            self.sides[side].bide = None;
            self.sides[side].place = super::state::Place::Ground;
            return;
        }
        if let Choice::Use { slot, locked: false } = choice {
            let pp = &mut self.sides[side].pp[usize::from(slot)];
            *pp = pp.saturating_sub(1);
        }
        if let (Choice::Use { slot, .. }, Tempo::Charge | Tempo::Fly | Tempo::Dig) = (choice, m.tempo)
            && self.gather(side, slot, &m)
        {
            return;
        }
        if let (Choice::Use { slot, .. }, Strike::Bide) = (choice, m.strike)
            && self.bides(side, slot)
        {
            return;
        }
        self.strike(side, choice, &m);
        if m.strike == Strike::Bide {
            self.sides[side].bide = None;
        }
        self.after_rampage(side);
    }

    /// What keeps a Pokémon from acting, in the games' order: frozen, flinched, confused, paralysed.
    fn is_stopped(&mut self, side: usize, m: &BattleMove) -> bool {
        if self.sides[side].status == Status::Frozen {
            if m.thaws_user || self.rng.chance(1, 5) {
                self.sides[side].status = Status::Healthy;
            } else {
                return true;
            }
        }
        if self.sides[side].flinched {
            return true;
        }
        if self.sides[side].confusion > 0 {
            self.sides[side].confusion -= 1;
            if self.sides[side].confusion > 0 && self.rng.chance(33, 100) {
                let (fighter, state) = (&self.matchup.fighters[side], &mut self.sides[side]);
                let with_stage = |stat: Stat| (fighter.stat(stat), state.stage(stat));
                let (attack, defense) = (with_stage(Stat::Attack), with_stage(Stat::Defense));
                state.lose(damage::confusion(fighter.level, attack, defense, self.rng.below(16) as u16));
                return true;
            }
        }
        self.sides[side].status == Status::Paralysed && self.rng.chance(1, 4)
    }

    /// Bide's three turns: begun in the first, true while it still waits, the blow in the third.
    fn bides(&mut self, side: usize, slot: u8) -> bool {
        let bide = &mut self.sides[side].bide;
        match bide {
            None => *bide = Some(Bide { slot, turns: 2, suffered: 0 }),
            Some(bide) => bide.turns = bide.turns.saturating_sub(1),
        }
        bide.is_some_and(|bide| bide.turns > 0)
    }

    /// First turn of a two-turn move: true when it only gathers now.
    fn gather(&mut self, side: usize, slot: u8, m: &BattleMove) -> bool {
        use super::state::Place;
        let state = &mut self.sides[side];
        if state.gathering.take().is_some() {
            state.place = Place::Ground;
            return false;
        }
        state.gathering = Some(slot);
        state.place = match m.tempo {
            Tempo::Fly => Place::Air,
            Tempo::Dig => Place::Underground,
            _ => Place::Ground,
        };
        if m.quirk == Quirk::Brace {
            state.change([0, 1, 0, 0, 0]);
        }
        true
    }

    /// A rampage whose grip was not renewed is over; if it lasted its time it leaves confusion.
    fn after_rampage(&mut self, side: usize) {
        if let Some(rampage) = self.sides[side].rampage
            && rampage.grip == 1
        {
            self.end_rampage(side, rampage.turns);
        }
    }

    fn end_rampage(&mut self, side: usize, turns_left: u8) {
        self.sides[side].rampage = None;
        if turns_left <= 1 {
            self.confuse(side);
        }
    }

    /// Confusion ends at the second to fifth action from now.
    pub(super) fn confuse(&mut self, side: usize) {
        if self.sides[side].confusion == 0 && self.sides[side].hp > 0 {
            self.sides[side].confusion = 2 + self.rng.below(4) as u8;
        }
    }

    /// The end of a turn, in the games' order; within each step the faster Pokémon first. The first to faint loses.
    fn end_turn(&mut self) -> Option<u8> {
        let troubled =
            |s: &State| s.seeded || s.trapped > 0 || matches!(s.status, Status::Poisoned | Status::Burned);
        if troubled(&self.sides[0]) || troubled(&self.sides[1]) {
            let first = self.faster();
            for step in [Self::leech, Self::poison, Self::burn, Self::squeeze] {
                for side in [first, 1 - first] {
                    step(self, side);
                    if let Some(winner) = self.winner() {
                        return Some(winner);
                    }
                }
            }
        }
        for side in [0, 1] {
            if let Some(rampage) = &mut self.sides[side].rampage {
                rampage.grip -= 1;
                if rampage.grip == 0 {
                    let turns = rampage.turns;
                    self.end_rampage(side, turns);
                } else {
                    rampage.turns = rampage.turns.saturating_sub(1);
                }
            }
            let state = &mut self.sides[side];
            state.reflect = state.reflect.saturating_sub(1);
            state.light_screen = state.light_screen.saturating_sub(1);
            state.flinched = false;
            state.acted_before |= state.acted;
            state.acted = false;
            state.suffered = [0; 2];
        }
        None
    }

    fn leech(&mut self, side: usize) {
        if self.sides[side].seeded && self.sides[1 - side].hp > 0 {
            let taken = self.sides[side].lose_share(8);
            self.sides[1 - side].heal(taken);
        }
    }

    fn poison(&mut self, side: usize) {
        if self.sides[side].status == Status::Poisoned {
            self.sides[side].lose_share(8);
        }
    }

    fn burn(&mut self, side: usize) {
        if self.sides[side].status == Status::Burned {
            self.sides[side].lose_share(16);
        }
    }

    /// Partial trapping: four or five times an eighth, then free.
    fn squeeze(&mut self, side: usize) {
        let state = &mut self.sides[side];
        if state.trapped > 0 {
            state.trapped -= 1;
            if state.trapped > 0 {
                state.lose_share(8);
            }
        }
    }
}
