//! Judging the mechanics by vectors: damage lines and whole battles computed by an independent simulator, in a folder of the
//! format described in the README. [`format`] reads, [`damage`] and [`battles`] compare, [`verify`] gives the verdict;
//! [`model`] judges the trained model by the same battles.

pub mod battles;
pub mod damage;
pub mod format;
pub mod model;
pub mod verify;
