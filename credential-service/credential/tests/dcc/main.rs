//! EU Digital COVID Certificates against the public corpus in `../shared/data/dcc`, and against its attackers.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    reason = "a test reads files and stops at the first surprise"
)]

mod corpus;
mod forge;
mod forged;
mod mutations;
mod schema;
mod steps;
mod verdicts;
