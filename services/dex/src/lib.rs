//! The domain shared by the ETL, the trainer and the API: the Let's Go Pokédex, its database schema, the battle
//! mechanics, the model's features and its evaluator. Knows no service and does no printing.

pub mod battle;
pub mod drift;
pub mod features;
pub mod metrics;
pub mod model;
pub mod names;
pub mod pokedex;
pub mod predict;
pub mod schema;
pub mod store;
