//! `PokéAPI`'s documents, as far as these games need them. Unknown fields are tolerated; a field named here must be present,
//! even where its value may be null.

use serde::{Deserialize, Deserializer};

/// Reads a field that must be there but may be null (serde alone lets an absent `Option` pass for null).
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// A reference to another document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Link {
    pub name: String,
    pub url: String,
}

/// A reference to a document that has no name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Address {
    pub url: String,
}

impl Address {
    /// The document's path, as [`Link::path`].
    pub fn path(&self) -> Option<String> {
        path(&self.url)
    }
}

fn path(url: &str) -> Option<String> {
    let mut segments = url.trim_end_matches('/').rsplit('/');
    let (id, resource) = (segments.next()?, segments.next()?);
    let plain = |s: &str| !s.is_empty() && s.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    (plain(id) && plain(resource)).then(|| format!("{resource}/{id}"))
}

impl Link {
    /// The document's path below the API's base, e.g. `move/71`, whichever instance wrote the link.
    pub fn path(&self) -> Option<String> {
        path(&self.url)
    }

    /// The number at the end of the link.
    pub fn id(&self) -> Option<u16> {
        self.url.trim_end_matches('/').rsplit('/').next()?.parse().ok()
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct LocalName {
    pub name: String,
    pub language: Link,
}

/// `resource?limit=…`: the documents of one kind.
#[derive(Debug, Clone, Deserialize)]
pub struct Listing {
    #[serde(deserialize_with = "nullable")]
    pub next: Option<String>,
    pub results: Vec<Link>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct VersionGroup {
    pub name: String,
    pub order: i32,
    pub pokedexes: Vec<Link>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct RegionalDex {
    pub pokemon_entries: Vec<DexEntry>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct DexEntry {
    pub pokemon_species: Link,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Species {
    pub id: u16,
    pub name: String,
    pub names: Vec<LocalName>,
    pub varieties: Vec<Variety>,
    pub evolution_chain: Address,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Variety {
    pub pokemon: Link,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Pokemon {
    pub id: u16,
    pub name: String,
    pub is_default: bool,
    pub height: u16,
    pub weight: u16,
    pub species: Link,
    pub forms: Vec<Link>,
    pub moves: Vec<PokemonMove>,
    pub stats: Vec<PokemonStat>,
    pub types: Vec<TypeSlot>,
    pub past_types: Vec<PastTypes>,
    /// Absent from older instances.
    #[serde(default)]
    pub past_stats: Vec<PastStats>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct PokemonMove {
    #[serde(rename = "move")]
    pub move_: Link,
    pub version_group_details: Vec<LearnDetail>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct LearnDetail {
    pub level_learned_at: u8,
    pub move_learn_method: Link,
    pub version_group: Link,
}

#[derive(Debug, Clone, Deserialize)]
pub struct PokemonStat {
    pub base_stat: u16,
    pub stat: Link,
}

#[derive(Debug, Clone, Deserialize)]
pub struct TypeSlot {
    pub slot: u8,
    #[serde(rename = "type")]
    pub type_: Link,
}

/// Types a Pokémon had up to and including a generation.
#[derive(Debug, Clone, Deserialize)]
pub struct PastTypes {
    pub generation: Link,
    pub types: Vec<TypeSlot>,
}

/// Stats a Pokémon had up to and including a generation; only those that changed.
#[derive(Debug, Clone, Deserialize)]
pub struct PastStats {
    pub generation: Link,
    pub stats: Vec<PokemonStat>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct PokemonForm {
    pub form_name: String,
    pub names: Vec<LocalName>,
    pub pokemon: Link,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Type {
    pub id: u16,
    pub name: String,
    pub names: Vec<LocalName>,
    pub damage_relations: DamageRelations,
    pub past_damage_relations: Vec<PastDamageRelations>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct DamageRelations {
    pub no_damage_to: Vec<Link>,
    pub half_damage_to: Vec<Link>,
    pub double_damage_to: Vec<Link>,
}

/// Relations that held up to and including a generation.
#[derive(Debug, Clone, Deserialize)]
pub struct PastDamageRelations {
    pub generation: Link,
    pub damage_relations: DamageRelations,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Move {
    pub id: u16,
    pub name: String,
    pub names: Vec<LocalName>,
    #[serde(rename = "type")]
    pub type_: Link,
    pub damage_class: Link,
    #[serde(deserialize_with = "nullable")]
    pub power: Option<u16>,
    #[serde(deserialize_with = "nullable")]
    pub accuracy: Option<u8>,
    #[serde(deserialize_with = "nullable")]
    pub pp: Option<u8>,
    pub priority: i8,
    pub target: Link,
    pub meta: MoveMeta,
    pub stat_changes: Vec<StatChange>,
    pub past_values: Vec<PastValues>,
    pub machines: Vec<MachineOf>,
}

/// The machine that teaches a move in some games.
#[derive(Debug, Clone, Deserialize)]
pub struct MachineOf {
    pub machine: Address,
    pub version_group: Link,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Machine {
    pub id: u16,
    pub item: Link,
    #[serde(rename = "move")]
    pub move_: Link,
    pub version_group: Link,
}

#[derive(Debug, Clone, Deserialize)]
pub struct EvolutionChain {
    pub id: u16,
    pub chain: ChainLink,
}

/// A species and what evolves from it.
#[derive(Debug, Clone, Deserialize)]
pub struct ChainLink {
    pub species: Link,
    pub evolution_details: Vec<EvolutionDetail>,
    pub evolves_to: Vec<ChainLink>,
}

/// One way of evolving; many conditions are of other games and not read.
#[derive(Debug, Clone, Deserialize)]
pub struct EvolutionDetail {
    pub trigger: Link,
    #[serde(deserialize_with = "nullable")]
    pub min_level: Option<u8>,
    #[serde(deserialize_with = "nullable")]
    pub min_happiness: Option<u16>,
    #[serde(deserialize_with = "nullable")]
    pub item: Option<Link>,
    /// Forms and region are absent from older instances.
    #[serde(default)]
    pub base_form: Option<Link>,
    #[serde(default)]
    pub evolved_form: Option<Link>,
    #[serde(default)]
    pub region: Option<Link>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct MoveMeta {
    pub ailment: Link,
    pub category: Link,
    #[serde(deserialize_with = "nullable")]
    pub min_hits: Option<u8>,
    #[serde(deserialize_with = "nullable")]
    pub max_hits: Option<u8>,
    pub drain: i8,
    pub healing: i8,
    pub crit_rate: u8,
    pub ailment_chance: u8,
    pub flinch_chance: u8,
    pub stat_chance: u8,
}

#[derive(Debug, Clone, Deserialize)]
pub struct StatChange {
    pub change: i8,
    pub stat: Link,
}

/// Values a move had until the named version group changed them; null where they did not change then.
#[derive(Debug, Clone, Deserialize)]
pub struct PastValues {
    #[serde(deserialize_with = "nullable")]
    pub power: Option<u16>,
    #[serde(deserialize_with = "nullable")]
    pub accuracy: Option<u8>,
    #[serde(deserialize_with = "nullable")]
    pub pp: Option<u8>,
    #[serde(rename = "type", deserialize_with = "nullable")]
    pub type_: Option<Link>,
    pub version_group: Link,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Link, PastValues};

    fn link(url: &str) -> Link {
        Link { name: "x".to_owned(), url: url.to_owned() }
    }

    #[test]
    fn a_link_leads_to_the_same_document_on_every_instance() {
        for url in [
            "https://pokeapi.co/api/v2/move/71/",
            "http://127.0.0.1:8765/api/v2/move/71",
            "http://mirror.example/deep/prefix/move/71/",
        ] {
            assert_eq!(link(url).path().as_deref(), Some("move/71"), "{url}");
            assert_eq!(link(url).id(), Some(71), "{url}");
        }
    }

    #[test]
    fn a_link_that_is_none_leads_nowhere() {
        for url in
            ["", "/", "move", "https://pokeapi.co/api/v2/move/../71", "x/move/7 1", "x/move?/71", "x//71"]
        {
            assert_eq!(link(url).path(), None, "{url}");
        }
        assert_eq!(link("x/move/70000").id(), None);
    }

    #[test]
    fn an_absent_field_is_not_null() {
        let group = r#""version_group":{"name":"x-y","url":"https://pokeapi.co/api/v2/version-group/15/"}"#;
        let all = format!(r#"{{"power":null,"accuracy":null,"pp":5,"type":null,"new":1,{group}}}"#);
        assert_eq!(serde_json::from_str::<PastValues>(&all).unwrap().pp, Some(5));
        let without_power = format!(r#"{{"accuracy":null,"pp":5,"type":null,{group}}}"#);
        let error = serde_json::from_str::<PastValues>(&without_power).unwrap_err().to_string();
        assert!(error.starts_with("missing field `power`"), "{error}");
    }

    proptest! {
        #[test]
        fn no_link_leaves_the_base(url in "\\PC{0,60}") {
            if let Some(path) = link(&url).path() {
                prop_assert_eq!(path.matches('/').count(), 1);
                prop_assert!(!path.contains("..") && !path.contains('?') && !path.contains('#'));
            }
        }
    }
}
