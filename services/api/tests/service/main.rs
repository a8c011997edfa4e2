//! The service called in-process: every line of its contract, without a socket unless the socket is the point.
#![expect(clippy::unwrap_used, reason = "a step of a test that fails is a test that fails")]

mod database;
mod document;
mod edges;
mod load;
mod operations;
mod predictions;
mod reads;
mod serving;
mod shipped;
mod support;
