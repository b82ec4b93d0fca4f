//! `causeway bundle`: what a courier carries to where no network is.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Subcommand;
use ledger_chain::bundle::TrustBundle;

use super::{Ending, World};
use crate::agency::Agency;
use crate::files;
use crate::screen::{Screen, Tone};

#[derive(Subcommand, Debug)]
pub(super) enum BundleCommand {
    /// Write an agency's trust bundle to a file. Whoever imports it verifies it; the courier need not be trusted.
    Export {
        /// The agency's address, http(s)://host:port.
        url: String,
        /// Where to write it; an earlier bundle is replaced.
        file: PathBuf,
        /// The height that the checkpoint trusts, as its status says; leave it out for a new checkpoint.
        #[arg(long, value_name = "HEIGHT")]
        from: Option<u64>,
    },
}

pub(super) async fn run(command: BundleCommand, world: World<'_, '_>) -> anyhow::Result<Ending> {
    let BundleCommand::Export { url, file, from } = command;
    let bytes = Agency::new(&url)?.bundle(from).await?;
    export(&bytes, from, &file, world.screen)
}

/// Keeps a bundle that serves a checkpoint at `from`.
fn export(bytes: &[u8], from: Option<u64>, file: &Path, screen: &mut Screen<'_>) -> anyhow::Result<Ending> {
    let bundle = TrustBundle::from_bytes(bytes).context("the agency's answer is no trust bundle")?;
    let head = &bundle.head.head;
    // Not verified here, but a way made for nothing is saved.
    if let Some(from) = from {
        ensure!(
            head.height >= from,
            "the agency is at height {} and the checkpoint at {from} already; ask later, or another agency",
            head.height
        );
        ensure!(
            head.height == from || bundle.consistency.is_some(),
            "the agency does not prove that its height {} continues {from}; ask another agency",
            head.height
        );
    }
    files::replace(file, bytes, files::PUBLIC)?;
    let size = bytes.len();
    screen.headline(Tone::Good, "bundle", format!("height {}, {}, {size} bytes", head.height, head.time))?;
    let whom = from.map_or("a new checkpoint".to_owned(), |from| format!("a checkpoint at height {from}"));
    screen.facts(&[("for", whom), ("file", file.display().to_string())])?;
    screen.line(format!("next, at the checkpoint: causeway checkpoint import GATE {}", file.display()))?;
    Ok(Ending::Good)
}

/// What to tell a courier who is to bring the next bundle to a checkpoint at `height`.
pub(super) fn errand(height: Option<u64>) -> String {
    let from = height.map_or(String::new(), |height| format!(" --from {height}"));
    format!("causeway bundle export URL FILE{from}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Town;

    #[test]
    fn a_bundle_that_would_not_serve_is_not_carried() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("bundle");
        let mut town = Town::new(1);
        town.tick(60);
        town.tick(60);
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, false);
        for (bytes, from, rule) in [
            (town.bundle(1, None), Some(2), "is at height 1 and the checkpoint at 2"),
            (town.bundle(2, None), Some(1), "does not prove that its height 2 continues 1"),
            (b"no bundle".to_vec(), None, "no trust bundle"),
        ] {
            let refused = export(&bytes, from, &file, &mut screen).unwrap_err();
            assert!(format!("{refused:#}").contains(rule), "{refused:#}");
            assert!(!file.exists(), "nothing is written");
        }
        for (bytes, from) in [
            (town.bundle(1, None), None),
            (town.bundle(2, Some(1)), Some(1)),
            (town.bundle(2, None), Some(2)), // nothing new
        ] {
            assert_eq!(export(&bytes, from, &file, &mut screen).unwrap(), Ending::Good);
            assert_eq!(std::fs::read(&file).unwrap(), bytes);
        }
    }
}
