//! pdex takes a machine with Docker to a running, checked and observable stack.
//!
//! Data flows one way, definition → plan → execution → report, through layers that may name only those above them
//! (`tests/layers.rs` checks it):
//!
//! | layer | holds | may not |
//! |---|---|---|
//! | [`finding`] | a problem said to a person | print |
//! | [`carried`] | the stack inside a released program, written out | know what the files mean |
//! | [`definition`] | Compose files, read, merged, resolved, printed | talk to Docker |
//! | [`world`] | what an engine holds of one project, as plain data | do anything |
//! | [`backup`] | what a backup holds, and what a restore replaces | ask, read, write |
//! | [`plan`] | `make(definition, world, goal)`: every step, with its reason | fail, ask, do I/O |
//! | [`probe`] | when a started service counts as ready | open a socket |
//! | [`event`] | what happened: the one language from engine to report | print |
//! | [`images`] | where an image comes from; build contexts; work of this machine | talk to Docker |
//! | [`runtime`] | THE SEAM: the trait, Docker, and a double on a virtual clock | decide |
//! | [`engine`] | the scheduler (decides, no I/O) and the driver (I/O, decides nothing) | print |
//! | [`checks`] | facts of a running stack → results | print |
//! | [`guide`] | what a guided start asks, and what follows from the answers | know a terminal, ask an engine, print |
//! | [`load`] | what a load sends when, who sends it, what came of it | know the stack, print |
//! | [`drill`] | an alert made to fire and to end: what is done for which, the state machine, the hands | print |
//! | [`export`] | what a definition becomes on a cluster, and what of it becomes nothing | print, ask a cluster |
//! | [`capacity`] | how many machines a rate takes: arithmetic on measured figures | measure, print |
//! | [`report`] | tables, progress, JSON, diagnosis: the one layer that words and prints | know Docker |
//! | [`cli`] | arguments, environment, exit codes; a file per command that wires the layers | hold logic |

pub mod finding;

pub mod carried;

pub mod definition;

pub mod world;

pub mod backup;

pub mod plan;

pub mod probe;

pub mod event;

pub mod images;

pub mod runtime;

pub mod engine;

pub mod checks;

pub mod guide;

pub mod load;

pub mod drill;

pub mod export;

pub mod capacity;

pub mod report;

pub mod cli;
