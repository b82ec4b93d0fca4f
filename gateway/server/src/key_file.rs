//! Secret files: 32 bytes as 64 hexadecimal digits, readable by their owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use did_registry::Secret;
use zeroize::Zeroizing;

/// Longest file read: the digits and a line end.
const LONGEST: usize = 66;

/// Why a secret file was not read or written. Names the file's fault, never its content.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The operating system refused.
    #[error("a secret file must be readable: {0}")]
    Unreadable(#[source] io::Error),
    /// A directory, a pipe or a device.
    #[error("a secret file must be a regular file")]
    NotAFile,
    /// Others may read or write it.
    #[error("a secret file must be closed to group and others (mode 0600 or 0400), it has {0:04o}")]
    TooOpen(u32),
    /// Other content.
    #[error("a secret file holds 64 hexadecimal digits")]
    NotHex,
    /// There is one already.
    #[error("a secret file is never overwritten, and this one exists")]
    Exists,
    /// The operating system refused.
    #[error("a secret file could not be written: {0}")]
    Unwritable(#[source] io::Error),
}

/// Reads a secret.
///
/// # Errors
/// [`KeyFileError`]; the mode is taken from the open file, so swapping the path in between gains nothing.
pub fn load(path: &Path) -> Result<Secret<[u8; 32]>, KeyFileError> {
    // Asked before opening too, because opening a pipe would wait for its writer.
    if !fs::metadata(path).map_err(KeyFileError::Unreadable)?.is_file() {
        return Err(KeyFileError::NotAFile);
    }
    let file = File::open(path).map_err(KeyFileError::Unreadable)?;
    let metadata = file.metadata().map_err(KeyFileError::Unreadable)?;
    if !metadata.is_file() {
        return Err(KeyFileError::NotAFile);
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::TooOpen(mode));
    }
    // Room for everything from the start: a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    file.take(LONGEST as u64 + 1).read_to_end(&mut text).map_err(KeyFileError::Unreadable)?;
    let digits = text.strip_suffix(b"\n").unwrap_or(&text);
    let digits = digits.strip_suffix(b"\r").unwrap_or(digits);
    let mut bytes = Zeroizing::new([0u8; 32]);
    hex::decode_to_slice(digits, bytes.as_mut_slice()).map_err(|_| KeyFileError::NotHex)?;
    Ok(Secret::new(*bytes))
}

/// Writes a secret to a new file of mode 0600 and waits until it is on the disk.
///
/// # Errors
/// [`KeyFileError::Exists`] rather than overwriting, or [`KeyFileError::Unwritable`].
pub fn create(path: &Path, secret: &Secret<[u8; 32]>) -> Result<(), KeyFileError> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = opened.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => KeyFileError::Exists,
        _ => KeyFileError::Unwritable(error),
    })?;
    let written = file
        .write_all(text(secret).as_slice())
        .and_then(|()| file.sync_all())
        .and_then(|()| sync_parent(path));
    written.map_err(KeyFileError::Unwritable)
}

/// What a secret file holds.
pub fn text(secret: &Secret<[u8; 32]>) -> Zeroizing<[u8; 65]> {
    let mut text = Zeroizing::new([0u8; 65]);
    hex::encode_to_slice(secret.expose(), text.get_mut(..64).expect("64 of 65 bytes"))
        .expect("64 digits because a secret has 32 bytes");
    if let Some(last) = text.last_mut() {
        *last = b'\n';
    }
    text
}

/// A new file survives a power cut only once its directory is on the disk.
fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(mode: u32, content: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (directory, path)
    }

    #[test]
    fn what_is_created_is_what_loads_and_it_is_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        create(&path, &Secret::new([7; 32])).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(load(&path).unwrap() == Secret::new([7; 32]));
        assert!(matches!(create(&path, &Secret::new([8; 32])), Err(KeyFileError::Exists)));
        assert!(load(&path).unwrap() == Secret::new([7; 32]));
    }

    #[test]
    fn a_file_that_others_may_read_or_write_is_refused() {
        let hex = "07".repeat(32);
        for mode in [0o640, 0o604, 0o644, 0o620, 0o602, 0o660, 0o601] {
            let (_directory, path) = written(mode, &hex);
            assert!(matches!(load(&path), Err(KeyFileError::TooOpen(found)) if found == mode), "{mode:o}");
        }
        for mode in [0o600, 0o400] {
            let (_directory, path) = written(mode, &hex);
            assert!(load(&path).is_ok(), "{mode:o}");
        }
    }

    #[test]
    fn other_content_is_refused_without_being_shown() {
        let digits = "0b".repeat(32);
        let (short, long, two_lines) = (&digits[..62], format!("{digits}00"), format!("{digits}\n\n"));
        for content in
            ["", "secret-in-clear", short, &long, &two_lines, &"zz".repeat(32), &format!(" {digits}")]
        {
            let (_directory, path) = written(0o600, content);
            let error = load(&path).expect_err(content);
            assert!(matches!(error, KeyFileError::NotHex));
            assert!(content.is_empty() || !error.to_string().contains(content));
        }
        for ending in ["", "\n", "\r\n"] {
            let (_directory, path) = written(0o600, &format!("{digits}{ending}"));
            assert!(load(&path).is_ok());
        }
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(load(directory.path()), Err(KeyFileError::NotAFile)));
        assert!(matches!(load(&directory.path().join("absent")), Err(KeyFileError::Unreadable(_))));
    }
}
