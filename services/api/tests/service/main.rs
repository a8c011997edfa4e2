//! The service called in-process: every line of its contract, without a socket unless the socket is the point.

mod document;
mod edges;
mod operations;
mod predictions;
mod reads;
mod serving;
mod support;
