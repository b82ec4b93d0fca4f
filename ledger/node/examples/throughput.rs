//! How many transactions a second the solo engine commits on this machine, and where the time goes.
//!
//! `cargo run --release -p ledger-node --example throughput -- [transactions] [actors] [DIDs] [block] [directory]`

use std::io::Write as _;
use std::path::Path;

use ledger_node::bench::{Load, resolve, solo_latencies, solo_throughput};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| arguments.next().map_or(Ok(default), |text| text.parse());
    let (transactions, actors, dids) = (number(500_000)?, number(100)?, number(1_000_000)?);
    let block = number(10_000)?;
    let home = arguments.next().unwrap_or_else(|| std::env::temp_dir().display().to_string());
    let directory = Path::new(&home).join(format!("causeway-throughput-{}", std::process::id()));
    let load = Load { transactions, actors, group: 1000, window: 32, block };
    let mut out = std::io::stdout();

    let run = solo_throughput(&directory.join("throughput"), load, &mut rand::rngs::OsRng).await?;
    writeln!(out, "{} transactions of {} bytes by {actors} actors", run.transactions, run.transaction_bytes)?;
    writeln!(
        out,
        "ledger.solo.tx_per_s {:.0}  in {} blocks, {:.2?}",
        run.per_second(),
        run.blocks,
        run.elapsed
    )?;
    let each = run.processor.as_secs_f64() * 1e6 / run.transactions as f64;
    writeln!(out, "  processor time {:.2?}, {each:.1} µs each", run.processor)?;
    for (stage, seconds) in run.stages {
        writeln!(out, "  {stage:8} {seconds:6.2} s")?;
    }
    let mut times = solo_latencies(&directory.join("latency"), 1000, &mut rand::rngs::OsRng).await?;
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    writeln!(
        out,
        "ledger.solo.commit_p50_ms {:.2}  p99 {:.2}",
        at(50).as_secs_f64() * 1e3,
        at(99).as_secs_f64() * 1e3
    )?;
    if dids > 0 {
        let run = resolve(&directory.join("resolve"), dids, 10_000, &mut rand::rngs::OsRng).await?;
        let at = |share: usize| run.times.get(run.times.len() * share / 100).copied().unwrap_or_default();
        writeln!(out, "{dids} DIDs registered in {:.1?}", run.registering)?;
        writeln!(
            out,
            "did.resolve_us p50 {:.1}  p99 {:.1}",
            at(50).as_secs_f64() * 1e6,
            at(99).as_secs_f64() * 1e6
        )?;
    }
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}
