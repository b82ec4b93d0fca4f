//! What node and gateway have in common as processes: an address file, and an orderly end.

use std::path::{Path, PathBuf};

use tokio::signal::unix::{SignalKind, signal};

use crate::files::{self, FileError};

/// The file that tells where a running process listens; gone once it has stopped in good order.
pub(super) struct AddressFile(PathBuf);

impl AddressFile {
    /// Removes what an earlier run left, so that nobody takes it for this one's.
    pub(super) fn clear(directory: &Path) -> Result<(), FileError> {
        let path = directory.join("address");
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(FileError::system(&path, error))
            }
            _ => Ok(()),
        }
    }

    /// Writes the address, whole.
    pub(super) fn write(directory: &Path, url: &str) -> Result<Self, FileError> {
        let path = directory.join("address");
        files::replace(&path, format!("{url}\n").as_bytes(), files::PUBLIC)?;
        Ok(Self(path))
    }
}

impl Drop for AddressFile {
    fn drop(&mut self) {
        // If it stays, it names an address that nobody answers at; the next run clears it.
        let _stays = std::fs::remove_file(&self.0);
    }
}

/// Ends with SIGTERM or Ctrl-C.
pub(super) async fn told_to_stop() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
