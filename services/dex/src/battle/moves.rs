//! Moves made ready for battle: one small `Copy` value per move, with no text to compare in the hot loop.
//!
//! Most of a move's mechanics come with its data. What `PokéAPI` has no field for, or gives with the value of a later game,
//! stands in [`special`] by identifier. Source for that table: `Pokémon` Showdown's `data/moves.ts`, `data/mods/gen7/moves.ts` and
//! `data/mods/gen7letsgo/moves.ts`, compared with Bulbapedia's pages of the moves named.

use crate::pokedex::{Category, Move, Type};

/// How a move computes its damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strike {
    /// The formula with this power.
    Power(u16),
    /// The formula with the power of the target's weight (Low Kick).
    Weight,
    /// The formula with the power of friendship, `trunc(F × 2 / 5)` (Pika Papow, Veevee Volley).
    Friendship,
    /// The formula with the target's Attack and its stages (Foul Play).
    TargetAttack(u16),
    /// The formula with double power while poisoned, burned or paralysed; burn does not halve it (Facade).
    Facade(u16),
    /// HP equal to the user's level (Seismic Toss, Night Shade).
    Level,
    /// That many HP (Sonic Boom, Dragon Rage).
    Fixed(u16),
    /// Half of the target's HP (Super Fang).
    Half,
    /// Between 0.5 and 1.5 times the level (Psywave).
    Psywave,
    /// All HP (Fissure and its like), 30 % between equal levels.
    OneHit,
    /// Twice the physical damage suffered this turn (Counter).
    Counter,
    /// Twice the special damage suffered this turn (Mirror Coat).
    MirrorCoat,
    /// Twice the damage suffered since the user began to wait, in its third turn (Bide).
    Bide,
    /// No damage: status moves, and Dream Eater, since nobody sleeps in these battles.
    None,
}

/// What a move does to the turns around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tempo {
    Single,
    /// Gathers for a turn, then strikes.
    Charge,
    /// As `Charge`, out of reach meanwhile (Fly, Dig).
    Fly,
    Dig,
    /// Rests for a turn after a hit.
    Recharge,
    /// Repeats for two or three turns, then confuses the user (Outrage, Thrash, Petal Dance).
    Rampage,
}

/// What else happens; one per move in these games.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quirk {
    None,
    /// The user faints first (Self-Destruct, Explosion).
    Sacrifice,
    /// On failure the user loses half of its HP (Jump Kick, High Jump Kick).
    Crash,
    /// Fails unless the target is about to attack (Sucker Punch).
    Ambush,
    /// Fails after the user's first turn (Fake Out).
    FirstTurn,
    /// Removes the target's screens before hitting (Brick Break).
    BreakScreens,
    /// Resets the target's stages (Clear Smog).
    ResetTarget,
    /// Resets everybody's stages (Freezy Frost).
    ResetAll,
    /// Leech Seed (Sappy Seed).
    Seed,
    /// Reflect for the user's side (Baddy Bad).
    Reflect,
    /// Light Screen for the user's side (Glitzy Glow).
    LightScreen,
    /// Cures the user's ailment (Sparkly Swirl).
    CureSelf,
    /// Attack rises with each blow suffered until the next action (Rage).
    Rage,
    /// Raises Defence while gathering (Skull Bash).
    Brace,
    /// A quarter of the user's HP as recoil (Struggle).
    Struggle,
}

/// Ailments a move can bring; [`Ailment::Any`] is Tri Attack's burn, freeze or paralysis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ailment {
    None,
    Paralysis,
    Burn,
    Freeze,
    Poison,
    Confusion,
    Trap,
    Any,
}

/// Stages in the order of [`super::Stat`]. No damaging move of these games changes accuracy or evasion.
pub(super) type Stages = [i8; 5];

/// A move as the battle uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BattleMove {
    pub id: u16,
    /// `None` for the typeless Struggle.
    pub type_: Option<Type>,
    pub physical: bool,
    pub strike: Strike,
    /// Per cent; 0 never misses.
    pub accuracy: u8,
    pub pp: u8,
    pub priority: i8,
    pub min_hits: u8,
    pub max_hits: u8,
    /// Stages above the ordinary chance; 3 and more always.
    pub critical_stage: u8,
    /// Per cent of the damage dealt: positive heals the user, negative hurts it.
    pub drain: i8,
    pub tempo: Tempo,
    pub quirk: Quirk,
    pub ailment: Ailment,
    pub ailment_chance: u8,
    pub flinch_chance: u8,
    pub stages: Stages,
    pub stage_chance: u8,
    pub stages_on_user: bool,
    /// Its user thaws before using it (Flare Blitz, Scald, Sizzly Slide).
    pub thaws_user: bool,
    /// A hit thaws the target: fire moves and Scald.
    pub thaws_target: bool,
    /// Reaches a Pokémon underground (Earthquake) or in the air (Gust, Thunder), with double damage where `Some(true)`.
    pub reaches_dig: Option<bool>,
    pub reaches_fly: Option<bool>,
}

impl BattleMove {
    /// What a Pokémon does that has no move left: typeless, power 50, never misses, costs a quarter of the user's HP.
    pub const STRUGGLE: Self = Self {
        id: 165,
        type_: None,
        physical: true,
        strike: Strike::Power(50),
        accuracy: 0,
        pp: u8::MAX,
        priority: 0,
        min_hits: 1,
        max_hits: 1,
        critical_stage: 0,
        drain: 0,
        tempo: Tempo::Single,
        quirk: Quirk::Struggle,
        ailment: Ailment::None,
        ailment_chance: 0,
        flinch_chance: 0,
        stages: [0; 5],
        stage_chance: 0,
        stages_on_user: false,
        thaws_user: false,
        thaws_target: false,
        reaches_dig: None,
        reaches_fly: None,
    };

    /// Whether it can take HP from a foe.
    pub fn damages(&self) -> bool {
        self.strike != Strike::None
    }

    /// Whether the formula computes its damage, so that stages, critical hits and STAB count.
    pub fn is_formula(&self) -> bool {
        matches!(
            self.strike,
            Strike::Power(_)
                | Strike::Weight
                | Strike::Friendship
                | Strike::TargetAttack(_)
                | Strike::Facade(_)
        )
    }

    /// Mean number of hits as the policies of these battles count it: 3 for two to five.
    pub fn mean_hits(&self) -> f32 {
        if (self.min_hits, self.max_hits) == (2, 5) { 3.0 } else { f32::from(self.min_hits) }
    }

    /// 0 to 1.
    pub fn hit_chance(&self) -> f32 {
        if self.accuracy == 0 { 1.0 } else { f32::from(self.accuracy) / 100.0 }
    }

    /// Half where every second turn does nothing, else 1.
    pub fn turn_share(&self) -> f32 {
        match self.tempo {
            Tempo::Charge | Tempo::Fly | Tempo::Dig | Tempo::Recharge => 0.5,
            Tempo::Single | Tempo::Rampage => 1.0,
        }
    }
}

impl From<&Move> for BattleMove {
    fn from(m: &Move) -> Self {
        let physical = m.category == Category::Physical;
        let (ailment, implied) = ailment(&m.ailment);
        let mut stages = [0; 5];
        for change in &m.stat_changes {
            if let Some(i) = STAGES.iter().position(|&s| s == change.stat) {
                stages[i] = change.change;
            }
        }
        let mut made = Self {
            id: m.id,
            type_: Some(m.type_),
            physical,
            strike: match m.power {
                _ if m.category == Category::Status => Strike::None,
                Some(power) => Strike::Power(power),
                None => Strike::None,
            },
            accuracy: m.accuracy.unwrap_or(0),
            pp: m.pp,
            priority: m.priority,
            min_hits: m.min_hits.max(1),
            max_hits: m.max_hits.max(1),
            critical_stage: m.crit_rate,
            drain: m.drain,
            ailment,
            ailment_chance: if implied && m.ailment_chance == 0 { 100 } else { m.ailment_chance },
            flinch_chance: m.flinch_chance,
            stages,
            stage_chance: m.stat_chance,
            stages_on_user: m.effect_class.ends_with("raise"),
            thaws_target: m.type_ == Type::Fire,
            ..Self::STRUGGLE
        };
        made.quirk = Quirk::None;
        special(&m.slug, &mut made);
        made
    }
}

/// Names of the stages in the data, in the order of [`Stages`].
const STAGES: [&str; 5] = ["attack", "defense", "special-attack", "special-defense", "speed"];

/// The ailment of `PokéAPI`'s identifier, and whether a chance of 0 means always.
fn ailment(slug: &str) -> (Ailment, bool) {
    match slug {
        "paralysis" => (Ailment::Paralysis, true),
        "burn" => (Ailment::Burn, true),
        "freeze" => (Ailment::Freeze, true),
        "poison" => (Ailment::Poison, true),
        "confusion" => (Ailment::Confusion, true),
        "trap" => (Ailment::Trap, true),
        _ => (Ailment::None, false),
    }
}

/// The moves whose mechanics their data does not say.
fn special(slug: &str, m: &mut BattleMove) {
    if m.strike == Strike::None {
        strike_of(slug, m);
    }
    match slug {
        "foul-play" => m.strike = Strike::TargetAttack(power(m)),
        "facade" => m.strike = Strike::Facade(power(m)),
        "dream-eater" => m.strike = Strike::None,
        "razor-wind" | "sky-attack" | "solar-beam" => m.tempo = Tempo::Charge,
        "skull-bash" => (m.tempo, m.quirk) = (Tempo::Charge, Quirk::Brace),
        "fly" => m.tempo = Tempo::Fly,
        "dig" => m.tempo = Tempo::Dig,
        "hyper-beam" => m.tempo = Tempo::Recharge,
        "outrage" | "thrash" | "petal-dance" => m.tempo = Tempo::Rampage,
        "self-destruct" | "explosion" => m.quirk = Quirk::Sacrifice,
        "jump-kick" | "high-jump-kick" => m.quirk = Quirk::Crash,
        "sucker-punch" => m.quirk = Quirk::Ambush,
        "fake-out" => m.quirk = Quirk::FirstTurn,
        "brick-break" => m.quirk = Quirk::BreakScreens,
        "clear-smog" => m.quirk = Quirk::ResetTarget,
        "freezy-frost" => m.quirk = Quirk::ResetAll,
        "sappy-seed" => m.quirk = Quirk::Seed,
        "baddy-bad" => m.quirk = Quirk::Reflect,
        "glitzy-glow" => m.quirk = Quirk::LightScreen,
        "sparkly-swirl" => m.quirk = Quirk::CureSelf,
        "rage" => m.quirk = Quirk::Rage,
        "struggle" => *m = BattleMove::STRUGGLE,
        "flare-blitz" | "sizzly-slide" => m.thaws_user = true,
        "scald" => (m.thaws_user, m.thaws_target) = (true, true),
        "tri-attack" => (m.ailment, m.ailment_chance) = (Ailment::Any, 20),
        // Generation 8 heals everything and raises evasion; Let's Go heals half and always lands a critical hit.
        "bouncy-bubble" => m.drain = 50,
        "zippy-zap" => (m.critical_stage, m.stage_chance, m.stages) = (3, 0, [0; 5]),
        "earthquake" => m.reaches_dig = Some(true),
        "gust" => m.reaches_fly = Some(true),
        "thunder" => m.reaches_fly = Some(false),
        _ => {}
    }
}

/// Damaging moves without a power in the data.
fn strike_of(slug: &str, m: &mut BattleMove) {
    m.strike = match slug {
        "low-kick" => Strike::Weight,
        "pika-papow" | "veevee-volley" => Strike::Friendship,
        "seismic-toss" | "night-shade" => Strike::Level,
        "sonic-boom" => Strike::Fixed(20),
        "dragon-rage" => Strike::Fixed(40),
        "super-fang" => Strike::Half,
        "psywave" => Strike::Psywave,
        "counter" => Strike::Counter,
        "mirror-coat" => Strike::MirrorCoat,
        "bide" => Strike::Bide,
        "fissure" | "guillotine" | "horn-drill" => Strike::OneHit,
        _ => Strike::None,
    };
}

fn power(m: &BattleMove) -> u16 {
    match m.strike {
        Strike::Power(power) => power,
        _ => 0,
    }
}
