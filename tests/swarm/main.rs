//! `pdex --engine swarm` on swarms that the tests make themselves: private engines in networks of their own on this machine. Runs
//! with `PDEX_TEST_SWARM=1`, as root, with dockerd and iproute2. What it needs of the kernel is VXLAN; IPVS it does without, so
//! ports are published in host mode.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "helpers of a test fail it, say what is skipped and run programs"
)]

mod ground;

#[path = "../faults/image.rs"]
mod image;
mod load;
mod one_node;
mod project;
#[expect(dead_code, reason = "the tests of faults use more of it")]
#[path = "../faults/stage.rs"]
mod stage;
mod three_nodes;
