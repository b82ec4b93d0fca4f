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
mod zk;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use measure::Report;

/// Every figure, in the order of the documentation.
const FIGURES: [&str; 14] = [
    "ledger.solo.tx_per_s",
    "ledger.solo.commit_p50_ms",
    "ledger.anchor.commitments_per_s",
    "did.resolve_us",
    "did.resolve_http_per_s",
    "credential.sdjwt_es256.issue_per_s",
    "credential.sdjwt_es256.verify_per_s",
    "credential.jcs.issue_per_s",
    "credential.jcs.verify_per_s",
    "dcc.verify_us",
    "crossing.first_pass_p95_ms",
    "crossing.repeat_p95_ms",
    "crossing.zk.repeat_p95_ms",
    "crossing.transcodes_per_s",
];

/// Measures everything whose name begins with `only`, or everything; takes up to four minutes. Makes its
/// directories under the system's temporary directory and removes them again, also after Ctrl-C. `data` is
/// where the foreign certificates lie.
///
/// # Errors
/// Whatever does not go as it should; the figures printed before it stand.
pub fn run(only: Option<&str>, data: &Path) -> anyhow::Result<()> {
    let only = only.unwrap_or_default();
    let all_figures = || FIGURES.into_iter().chain(zk::FIGURES);
    let wanted: Vec<&str> = all_figures().filter(|name| name.starts_with(only)).collect();
    let names = || all_figures().collect::<Vec<_>>().join(", ");
    ensure!(!wanted.is_empty(), "no figure's name begins with {only:?}; there are {}", names());
    let mut report = Report::new(only);
    ensure!(
        !report.wants(&[credentials::DCC]) || data.is_dir(),
        "the foreign certificates are missing: they are expected in {}; --data names another place",
        std::path::absolute(data)?.display()
    );
    let scratch = Scratch::new()?;
    // A thread of its own, so that it does not matter whether the caller runs on a runtime.
    std::thread::scope(|scope| {
        let bench = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(async {
                tokio::select! {
                    outcome = all(&mut report, data, &scratch.0) => outcome,
                    _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
                }
            })
        });
        bench.join().unwrap_or_else(|_| anyhow::bail!("the bench broke one of its own rules"))
    })?;
    let missing: Vec<&str> = wanted.into_iter().filter(|name| !report.told(name)).collect();
    ensure!(missing.is_empty(), "not measured: {}", missing.join(", "));
    Ok(())
}

async fn all(report: &mut Report, data: &Path, scratch: &Path) -> anyhow::Result<()> {
    // First what runs on one core and leaves nothing on the disk to tidy up in the background.
    credentials::measure(report, data)?;
    tokio::task::block_in_place(|| zk::measure(report))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_figure_has_is_refused_before_anything_is_measured() {
        let refused = run(Some("crossing.teleport"), Path::new("")).unwrap_err().to_string();
        assert!(
            refused.contains("crossing.teleport") && refused.contains("crossing.repeat_p95_ms"),
            "{refused}"
        );
    }

    #[test]
    fn missing_certificates_are_called_missing_before_anything_is_measured() {
        let refused = run(None, Path::new("/nowhere/dcc")).unwrap_err().to_string();
        assert!(refused.contains("expected in /nowhere/dcc"), "{refused}");
    }
}
