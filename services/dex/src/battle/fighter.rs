//! A Pokémon made ready for battle: computed stats and at most four compact moves. No references, no allocation.

use super::{BattleMove, Rules, Stat, sets};
use crate::pokedex::{Move, Pokedex, Pokemon, Type};

/// Most moves a Pokémon can bring.
pub const MOVES: usize = 4;

/// One combatant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fighter {
    /// `PokéAPI`'s pokemon id.
    pub id: u16,
    pub level: u8,
    pub friendship: u8,
    pub types: [Option<Type>; 2],
    pub hp: u16,
    /// In the order of [`Stat`], without stages.
    pub stats: [u16; 5],
    pub weight_hg: u16,
    moves: [BattleMove; MOVES],
    /// Place of each move among the fighter's own when their identifiers are sorted.
    alphabetical: [u8; MOVES],
    count: u8,
}

impl Fighter {
    /// A Pokémon with the moves given, or with its best set where none is. Moves beyond the fourth are not brought; a status
    /// move may be named but is never chosen.
    pub fn new(dex: &Pokedex, rules: &Rules, pokemon: &Pokemon, moves: &[&Move]) -> Self {
        let mut fighter = Self {
            id: pokemon.id,
            level: rules.level,
            friendship: rules.friendship,
            types: [pokemon.types.first().copied(), pokemon.types.get(1).copied()],
            hp: rules.hp(pokemon.stats.hp),
            stats: rules.stats(&pokemon.stats),
            weight_hg: pokemon.weight_hg,
            moves: [BattleMove::STRUGGLE; MOVES],
            alphabetical: [u8::MAX; MOVES],
            count: 0,
        };
        if moves.is_empty() {
            fighter.bring(&sets::best(dex, pokemon));
        } else {
            fighter.bring(moves);
        }
        fighter
    }

    fn bring(&mut self, moves: &[&Move]) {
        let moves = &moves[..moves.len().min(MOVES)];
        for (slot, m) in moves.iter().enumerate() {
            self.moves[slot] = (*m).into();
            self.alphabetical[slot] =
                moves.iter().filter(|other| sets::compact(&other.slug) < sets::compact(&m.slug)).count()
                    as u8;
        }
        self.count = moves.len() as u8;
    }

    /// The same Pokémon with one move and no other.
    #[must_use]
    pub fn with_move(mut self, m: BattleMove) -> Self {
        self.moves = [BattleMove::STRUGGLE; MOVES];
        self.moves[0] = m;
        self.alphabetical = [0, u8::MAX, u8::MAX, u8::MAX];
        self.count = 1;
        self
    }

    /// The moves it brought.
    pub fn moves(&self) -> &[BattleMove] {
        &self.moves[..usize::from(self.count)]
    }

    /// By slot, the order of the moves' identifiers; breaks ties between equal moves.
    pub(super) const fn alphabetical(&self) -> [u8; MOVES] {
        self.alphabetical
    }

    /// A computed stat without stages.
    pub const fn stat(&self, stat: Stat) -> u16 {
        self.stats[stat as usize]
    }

    /// Whether one of its types is `t`.
    pub fn is(&self, t: Type) -> bool {
        self.types.contains(&Some(t))
    }
}
