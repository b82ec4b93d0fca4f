//! A node from outside: over HTTP, through its client, and as a process that is killed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::cast_possible_truncation)]

mod api;
mod client;
mod crash;
mod events;
mod node;
#[path = "../../src/testing.rs"]
mod testing;
