//! Files that survive a crash: written whole or not at all, appended line by line, held by one process.
//!
//! A whole file is written beside its place, brought to the disk and renamed; a journal is appended and
//! brought to the disk before anybody hears of it. What a power cut leaves of a line that was being written
//! is cut off when the journal is opened: nobody had been told.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Mode of a file that others may read.
pub const PUBLIC: u32 = 0o644;
/// Mode of a file for its owner alone.
pub const PRIVATE: u32 = 0o600;

/// Why a file was not read or written. Names the file, never its content.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The operating system refused.
    #[error("{}: {error}", path.display())]
    System {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// Over the size limit.
    #[error("{}: at most {limit} bytes are read", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Bytes allowed.
        limit: usize,
    },
    /// Bytes that are no text.
    #[error("{}: the file is UTF-8 text", path.display())]
    NotText {
        /// Which file.
        path: PathBuf,
    },
    /// Content of another form.
    #[error("{}: {rule}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What the file holds.
        rule: String,
    },
    /// Already there.
    #[error("{}: exists already, and is never overwritten", path.display())]
    Exists {
        /// Which file.
        path: PathBuf,
    },
    /// Held by another process.
    #[error("{}: another process uses this; one at a time does", path.display())]
    InUse {
        /// Which directory or file.
        path: PathBuf,
    },
}

impl FileError {
    /// What the system said of `path`.
    pub fn system(path: &Path, error: io::Error) -> Self {
        Self::System { path: path.to_owned(), error }
    }

    /// A broken rule about the content of `path`.
    pub fn content(path: &Path, rule: impl ToString) -> Self {
        Self::Content { path: path.to_owned(), rule: rule.to_string() }
    }
}

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
/// [`FileError`].
pub fn read(path: &Path, limit: usize) -> Result<Vec<u8>, FileError> {
    let file = File::open(path).map_err(|error| FileError::system(path, error))?;
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).map_err(|error| FileError::system(path, error))?;
    if bytes.len() > limit {
        return Err(FileError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes)
}

/// The same for text.
///
/// # Errors
/// [`FileError`].
pub fn read_text(path: &Path, limit: usize) -> Result<String, FileError> {
    String::from_utf8(read(path, limit)?).map_err(|_| FileError::NotText { path: path.to_owned() })
}

/// Puts `bytes` in the place of whatever `path` was, at once: readers see the old file or the new one.
///
/// # Errors
/// [`FileError::System`]; the old file is then as it was.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let written = (|| {
        // Left by a crash, or set there by somebody with another mode.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        sync_parent(path)
    })();
    written.map_err(|error| FileError::system(path, error))
}

/// Writes a new file and waits until it is on the disk.
///
/// # Errors
/// [`FileError::Exists`] rather than overwriting, [`FileError::System`].
pub fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let failed = |error| FileError::system(path, error);
    let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut file = opened.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => FileError::Exists { path: path.to_owned() },
        _ => failed(error),
    })?;
    file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| sync_parent(path)).map_err(failed)
}

/// Makes a directory, and those above it, for its owner alone; one that exists stays as it is.
///
/// # Errors
/// [`FileError::System`].
pub fn directory(path: &Path) -> Result<(), FileError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| FileError::system(path, error))
}

/// Renames a file within its directory, and waits until that is on the disk.
///
/// # Errors
/// [`FileError::System`].
pub fn rename(from: &Path, to: &Path) -> Result<(), FileError> {
    fs::rename(from, to).and_then(|()| sync_parent(to)).map_err(|error| FileError::system(from, error))
}

/// Removes a file, and waits until that is on the disk.
///
/// # Errors
/// [`FileError::System`].
pub fn remove(path: &Path) -> Result<(), FileError> {
    fs::remove_file(path).and_then(|()| sync_parent(path)).map_err(|error| FileError::system(path, error))
}

/// A name survives a power cut only once its directory is on the disk.
fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

/// Keeps other processes out for as long as it lives; a crash lets go of it.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock file at `path`, which is made if missing, as soon as nobody else has it.
    ///
    /// # Errors
    /// [`FileError::System`].
    pub fn wait(path: &Path) -> Result<Self, FileError> {
        let file = Self::open(path)?;
        file.lock().map_err(|error| FileError::system(path, error))?;
        Ok(Self { _file: file })
    }

    fn open(path: &Path) -> Result<File, FileError> {
        let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(PRIVATE).open(path);
        opened.map_err(|error| FileError::system(path, error))
    }

    /// Takes the lock file at `path`, which is made if missing. Does not wait.
    ///
    /// # Errors
    /// [`FileError::InUse`], [`FileError::System`].
    pub fn take(path: &Path) -> Result<Self, FileError> {
        let file = Self::open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(FileError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => Err(FileError::system(path, error)),
        }
    }
}

/// A file of lines that only grows.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    /// Bytes that are known to be whole lines.
    length: u64,
}

impl Journal {
    /// Opens a journal, which is made if missing, and cuts off a last line that never became whole.
    ///
    /// # Errors
    /// [`FileError::System`].
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let opened = (|| {
            let mut file =
                OpenOptions::new().read(true).append(true).create(true).mode(PRIVATE).open(path)?;
            let length = whole_lines(&mut file)?;
            if length != file.metadata()?.len() {
                file.set_len(length)?;
                file.sync_all()?;
            }
            sync_parent(path)?;
            Ok((file, length))
        })();
        let (file, length) = opened.map_err(|error| FileError::system(path, error))?;
        Ok(Self { path: path.to_owned(), file, length })
    }

    /// Bytes in it.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Appends one line; `synced` waits until it is on the disk. The line holds no line break.
    ///
    /// # Errors
    /// [`FileError::System`]; the journal then is as it was.
    pub fn append(&mut self, line: &str, synced: bool) -> Result<(), FileError> {
        let bytes = [line.as_bytes(), b"\n"].concat();
        let written = self.file.write_all(&bytes);
        let written = written.and_then(|()| if synced { self.file.sync_data() } else { Ok(()) });
        match written {
            Ok(()) => {
                self.length += bytes.len() as u64;
                Ok(())
            }
            Err(error) => {
                // A full disk may have taken half of the line; the next one must not continue it.
                self.file.set_len(self.length).map_err(|error| FileError::system(&self.path, error))?;
                Err(FileError::system(&self.path, error))
            }
        }
    }

    /// Replaces all lines, at once.
    ///
    /// # Errors
    /// [`FileError::System`]; the journal then is as it was.
    pub fn rewrite(&mut self, lines: &[String]) -> Result<(), FileError> {
        let mut text = lines.join("\n");
        if !lines.is_empty() {
            text.push('\n');
        }
        replace(&self.path, text.as_bytes(), PRIVATE)?;
        *self = Self::open(&self.path)?;
        Ok(())
    }
}

/// Bytes up to the last line break.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    const STEP: u64 = 4096;
    let mut end = file.metadata()?.len();
    while end > 0 {
        let start = end.saturating_sub(STEP);
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        io::Read::take(&mut *file, end - start).read_to_end(&mut bytes)?;
        if let Some(place) = bytes.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + place as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_keeps_its_mode() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("wallet");
        for content in ["first", "second, longer", ""] {
            replace(&path, content.as_bytes(), PRIVATE).unwrap();
            assert_eq!(read_text(&path, 100).unwrap(), content);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, PRIVATE);
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
        assert!(matches!(create(&path, b"", PUBLIC), Err(FileError::Exists { .. })));
    }

    #[test]
    fn a_file_over_its_limit_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("large");
        replace(&path, &[7; 101], PUBLIC).unwrap();
        assert!(matches!(read(&path, 100), Err(FileError::TooLarge { limit: 100, .. })));
        assert_eq!(read(&path, 101).unwrap().len(), 101);
        replace(&path, &[0xff], PUBLIC).unwrap();
        assert!(matches!(read_text(&path, 100), Err(FileError::NotText { .. })));
    }

    #[test]
    fn a_line_that_never_became_whole_is_cut_off() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        for torn in [String::new(), "tor".into(), "x".repeat(10_000)] {
            fs::write(&path, format!("one\ntwo\n{torn}")).unwrap();
            let mut journal = Journal::open(&path).unwrap();
            journal.append("three", true).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\nthree\n");
            assert_eq!(journal.length(), 14);
        }
        fs::write(&path, "never whole").unwrap();
        assert_eq!(Journal::open(&path).unwrap().length(), 0);
    }

    #[test]
    fn a_rewritten_journal_goes_on() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let mut journal = Journal::open(&path).unwrap();
        journal.append("old", false).unwrap();
        journal.rewrite(&["kept".into()]).unwrap();
        journal.append("new", false).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "kept\nnew\n");
        journal.rewrite(&[]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
    }

    #[test]
    fn a_lock_is_held_by_one_and_let_go() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let held = Lock::take(&path).unwrap();
        assert!(matches!(Lock::take(&path), Err(FileError::InUse { .. })));
        drop(held);
        Lock::take(&path).unwrap();
    }
}
