//! Temporary.
#![allow(unreachable_pub)]
use causeway::{actor, agency, checkpoint, files, identity, ledger, setup};
mod bench;
fn main() -> anyhow::Result<()> {
    bench::run(std::env::args().nth(1).as_deref())
}
