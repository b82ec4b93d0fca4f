//! `causeway bench`: the figures of this machine.
//!
//! **What.** Each figure is one JSON line on standard output, `{"name", "value", "unit", "samples"}`; what it is
//! made of, and where the time goes, goes to standard error.
//!
//! **How honest.** A warm-up that does not count, then several runs, of which the median counts. Signatures are
//! real, blocks are written with fsync, answers are checked: a refusal ends the bench. All parties share
//! this machine, so a figure over HTTP includes its clients. Figures "per core" come from one thread.
//!
//! **Absent on purpose.** 1. Other machines' figures. 2. Targets: those stand in `docs/benchmarks.md`.

mod credentials;
mod crossing;
mod http;
mod ledger;
mod measure;
mod network;
mod resolve;
mod subject;

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use measure::Report;

/// Measures everything whose name begins with `only`, or everything; takes up to four minutes. Makes its
/// directories under the system's temporary directory and removes them again, also after Ctrl-C.
///
/// # Errors
/// Whatever does not go as it should; the figures printed before it stand.
pub fn run(only: Option<&str>) -> anyhow::Result<()> {
    let mut report = Report::new(only);
    let scratch = Scratch::new()?;
    // A thread of its own, so that it does not matter whether the caller runs on a runtime.
    std::thread::scope(|scope| {
        let bench = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(async {
                tokio::select! {
                    outcome = all(&mut report, &scratch.0) => outcome,
                    _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
                }
            })
        });
        bench.join().unwrap_or_else(|_| anyhow::bail!("the bench broke one of its own rules"))
    })?;
    anyhow::ensure!(report.printed() > 0, "no figure's name begins with {:?}", only.unwrap_or_default());
    Ok(())
}

async fn all(report: &mut Report, scratch: &Path) -> anyhow::Result<()> {
    // First what runs on one core and leaves nothing on the disk to tidy up in the background.
    credentials::measure(report)?;
    ledger::measure(report, scratch).await?;
    crossing::measure(report, scratch).await?;
    resolve::measure(report, scratch).await
}

/// A directory that is gone when this is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("causeway-bench-{}", std::process::id()));
        crate::files::directory(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0).with_context(|| self.0.display().to_string()) {
            eprintln!("bench: the temporary directory stays: {error:#}");
        }
    }
}
