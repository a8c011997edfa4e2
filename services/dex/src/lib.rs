//! The domain shared by the ETL, the trainer and the API: the Let's Go Pokédex, its database schema, the battle
//! mechanics, the model's features and its evaluator. Knows no service and does no printing.

pub mod names;
pub mod pokedex;
