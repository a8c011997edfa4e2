//! One side's condition during a battle. Plain data, copied at the start of each battle.

use super::moves::{Ailment, BattleMove, Stages};
use super::{Fighter, MOVES, Stat, damage::staged};
use crate::pokedex::Type;

/// Major ailments; a Pokémon has one at most. (Nobody sleeps: no damaging move of these games brings sleep.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Healthy,
    Paralysed,
    Burned,
    Frozen,
    Poisoned,
}

/// Where a gathering Pokémon is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Ground,
    Air,
    Underground,
}

/// A rampage under way. `turns` is how long it shall last; `grip` falls each turn and is renewed by a hit, so an interrupted
/// rampage ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rampage {
    pub(super) slot: u8,
    pub(super) turns: u8,
    pub(super) grip: u8,
}

/// Bide under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bide {
    pub(super) slot: u8,
    /// Turns until the blow.
    pub(super) turns: u8,
    /// Damage suffered from the foe's moves since it began.
    pub(super) suffered: u16,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    pub(super) hp: u16,
    pub(super) max_hp: u16,
    pub(super) stages: Stages,
    pub(super) pp: [u8; MOVES],
    pub(super) status: Status,
    /// Actions left until confusion ends, counting the one that ends it; 0 when clear of mind.
    pub(super) confusion: u8,
    pub(super) flinched: bool,
    pub(super) must_recharge: bool,
    /// Slot of the move being gathered for.
    pub(super) gathering: Option<u8>,
    pub(super) place: Place,
    pub(super) rampage: Option<Rampage>,
    pub(super) bide: Option<Bide>,
    /// Turn ends left in a trap, counting the one that frees.
    pub(super) trapped: u8,
    pub(super) seeded: bool,
    pub(super) raging: bool,
    /// Turn ends left.
    pub(super) reflect: u8,
    pub(super) light_screen: u8,
    /// Whether it has acted in an earlier turn, and in this one.
    pub(super) acted_before: bool,
    pub(super) acted: bool,
    /// Damage suffered this turn: physical, special.
    pub(super) suffered: [u16; 2],
}

impl State {
    pub(super) fn new(fighter: &Fighter) -> Self {
        let mut pp = [0; MOVES];
        for (left, m) in pp.iter_mut().zip(fighter.moves()) {
            *left = m.pp;
        }
        Self {
            hp: fighter.hp,
            max_hp: fighter.hp,
            stages: [0; 5],
            pp,
            status: Status::Healthy,
            confusion: 0,
            flinched: false,
            must_recharge: false,
            gathering: None,
            place: Place::Ground,
            rampage: None,
            bide: None,
            trapped: 0,
            seeded: false,
            raging: false,
            reflect: 0,
            light_screen: 0,
            acted_before: false,
            acted: false,
            suffered: [0; 2],
        }
    }

    pub(super) const fn stage(&self, stat: Stat) -> i8 {
        self.stages[stat as usize]
    }

    pub(super) fn change(&mut self, stages: Stages) {
        for (own, change) in self.stages.iter_mut().zip(stages) {
            *own = (*own + change).clamp(-6, 6);
        }
    }

    /// Speed with its stage; paralysis halves it last, truncated.
    pub(super) fn speed(&self, fighter: &Fighter) -> u32 {
        let speed = staged(fighter.stat(Stat::Speed), self.stage(Stat::Speed));
        if self.status == Status::Paralysed { speed / 2 } else { speed }
    }

    /// Takes HP; returns what was really taken.
    pub(super) fn lose(&mut self, damage: u16) -> u16 {
        let lost = damage.min(self.hp);
        self.hp -= lost;
        lost
    }

    /// Loses a fraction of the maximum, at least 1.
    pub(super) fn lose_share(&mut self, divisor: u16) -> u16 {
        self.lose((self.max_hp / divisor).max(1))
    }

    pub(super) fn heal(&mut self, amount: u16) {
        if self.hp > 0 {
            self.hp = (self.hp + amount).min(self.max_hp);
        }
    }

    /// Whether it has an ailment that doubles Facade.
    pub(super) fn suffers(&self) -> bool {
        matches!(self.status, Status::Paralysed | Status::Burned | Status::Poisoned)
    }

    /// Whether a move finds it where it is, and with double damage.
    pub(super) fn reached_by(&self, m: &BattleMove) -> Option<bool> {
        match self.place {
            Place::Ground => Some(false),
            Place::Air => m.reaches_fly,
            Place::Underground => m.reaches_dig,
        }
    }
}

/// The major ailment a move's effect brings to a Pokémon, unless its types forbid it (Generation 6 and later: fire does not
/// burn, ice does not freeze, electric is not paralysed, poison and steel are not poisoned).
pub(super) fn status_of(ailment: Ailment, target: &Fighter) -> Option<Status> {
    let (status, immune): (_, &[Type]) = match ailment {
        Ailment::Paralysis => (Status::Paralysed, &[Type::Electric]),
        Ailment::Burn => (Status::Burned, &[Type::Fire]),
        Ailment::Freeze => (Status::Frozen, &[Type::Ice]),
        Ailment::Poison => (Status::Poisoned, &[Type::Poison, Type::Steel]),
        Ailment::None | Ailment::Confusion | Ailment::Trap | Ailment::Any => return None,
    };
    (!immune.iter().any(|&t| target.is(t))).then_some(status)
}
