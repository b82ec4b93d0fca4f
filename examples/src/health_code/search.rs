//! Looking for people where they must not be: every personal value, in every byte, also in its disguises.
//!
//! A value could hide from a plain search inside base64url (a disclosure, a token), in hex, or inside the compressed
//! text of a pass. So whatever looks like one of these is opened and searched as well, down to three layers.
//! Absent on purpose: breaking ciphers. What is sealed is sealed.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::NO_PAD;
use credential::dcc::{base45, zlib};
use gateway::vault::{Column, Vault};

/// Shortest run of letters that is tried as base64: 12 bytes.
const RUN: usize = 16;
/// Shortest run of digits that is tried as hex: a hash.
const HEX: usize = 64;
/// Layers of disguise opened.
const LAYERS: u8 = 3;

/// The values looked for.
pub struct Needles {
    automaton: AhoCorasick,
}

/// What a search went through and found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// Occurrences.
    pub hits: u64,
    /// Bytes searched, as they lay there.
    pub bytes: u64,
    /// Files or messages searched.
    pub items: u64,
}

impl std::ops::AddAssign for Found {
    fn add_assign(&mut self, other: Self) {
        self.hits += other.hits;
        self.bytes += other.bytes;
        self.items += other.items;
    }
}

impl Needles {
    /// Looks for these values.
    ///
    /// # Errors
    /// If there are too many for memory.
    pub fn new<T: AsRef<[u8]>>(values: impl IntoIterator<Item = T>) -> anyhow::Result<Self> {
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(values)?;
        Ok(Self { automaton })
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.automaton.patterns_len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Occurrences in `bytes`, plain or disguised.
    pub fn search(&self, bytes: &[u8]) -> Found {
        Found { hits: self.hits(bytes, LAYERS), bytes: bytes.len() as u64, items: 1 }
    }

    /// Occurrences in every file below `place`, or in that file; in names of files too.
    ///
    /// # Errors
    /// The system's: a file that cannot be read was not searched.
    pub fn search_files(&self, place: &Path) -> anyhow::Result<Found> {
        let mut found = Found::default();
        for path in files(place)? {
            let mut bytes = path.to_string_lossy().into_owned().into_bytes();
            bytes.push(0); // so that the name's end is no beginning of what follows
            let name = bytes.len() as u64;
            // A database may drop a file between listing and reading: what is gone is not there.
            match fs::File::open(&path) {
                Ok(mut file) => file.read_to_end(&mut bytes)?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error.into()),
            };
            let mut one = self.search(&bytes);
            one.bytes -= name;
            found += one;
        }
        Ok(found)
    }

    /// Occurrences in every row of a vault that was opened with its key; an item is a row.
    ///
    /// # Errors
    /// If a row cannot be opened: it was not searched.
    pub fn search_vault(&self, vault: &Vault) -> anyhow::Result<Found> {
        let mut found = Found::default();
        for column in Column::ALL {
            vault.each(column, |_, row| found += self.search(row))?;
        }
        Ok(found)
    }

    fn hits(&self, bytes: &[u8], layers: u8) -> u64 {
        let mut hits = self.automaton.find_iter(bytes).count() as u64;
        if layers > 0 {
            for inner in disguised(bytes) {
                hits += self.hits(&inner, layers - 1);
            }
        }
        hits
    }
}

/// Every file below a place.
///
/// # Errors
/// The system's.
pub fn files(place: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let (mut found, mut open) = (Vec::new(), vec![place.to_owned()]);
    while let Some(path) = open.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(&path)? {
                open.push(entry?.path());
            }
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Bytes of every file below a place.
///
/// # Errors
/// The system's.
pub fn size(place: &Path) -> anyhow::Result<u64> {
    let sizes = files(place)?.into_iter().map(|path| fs::metadata(path).map_or(0, |data| data.len()));
    Ok(sizes.sum())
}

/// What could be hidden in `bytes`: runs of base64 in either alphabet, runs of hex, and passes.
fn disguised(bytes: &[u8]) -> Vec<Vec<u8>> {
    let url = GeneralPurpose::new(&alphabet::URL_SAFE, NO_PAD.with_decode_allow_trailing_bits(true));
    let standard = GeneralPurpose::new(&alphabet::STANDARD, NO_PAD.with_decode_allow_trailing_bits(true));
    let mut inner = Vec::new();
    let mut runs = |engine: &GeneralPurpose, extra: [u8; 2], only_with_extra: bool| {
        for run in bytes.split(|byte| !byte.is_ascii_alphanumeric() && !extra.contains(byte)) {
            // A last single letter holds no byte, and would spoil the rest.
            let whole = run.len() - usize::from(run.len() % 4 == 1);
            let run = run.get(..whole).unwrap_or_default();
            // What both alphabets can spell is opened once.
            let new = !only_with_extra || run.iter().any(|byte| extra.contains(byte));
            if new
                && run.len() >= RUN
                && let Ok(decoded) = engine.decode(run)
            {
                inner.push(decoded);
            }
        }
    };
    runs(&url, *b"-_", false);
    runs(&standard, *b"+/", true);
    let digits = bytes.split(|byte| !byte.is_ascii_hexdigit()).filter(|run| run.len() >= HEX);
    inner.extend(digits.filter_map(|run| hex::decode(run).ok()));
    inner.extend(passes(bytes));
    inner
}

/// The contents of every `CWP:` and `HC1:` text.
fn passes(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut inner = Vec::new();
    for prefix in [b"CWP:", b"HC1:"] {
        for (start, _) in bytes.windows(prefix.len()).enumerate().filter(|(_, window)| window == prefix) {
            let text = bytes.get(start + prefix.len()..).unwrap_or_default();
            let letter = |byte: &&u8| {
                byte.is_ascii_uppercase() || byte.is_ascii_digit() || b" $%*+-./:".contains(byte)
            };
            let text: String = text.iter().take_while(letter).map(|byte| char::from(*byte)).collect();
            if let Some(content) = base45::decode(&text).ok().and_then(|packed| zlib::inflate(&packed).ok()) {
                inner.push(content);
            }
        }
    }
    inner
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;

    fn needles() -> Needles {
        Needles::new(["陳大文", "Maria da Silva", "H1234567"]).unwrap()
    }

    #[test]
    fn a_value_is_found_plain_and_in_every_disguise() {
        let plain = r#"["salt","name","陳大文"]"#;
        let once = URL_SAFE_NO_PAD.encode(plain);
        let twice = URL_SAFE_NO_PAD.encode(format!("{{\"a\":\"{once}\"}}"));
        let pass = format!("CWP:{}", base45::encode(&zlib::deflate(plain.as_bytes())));
        let padded = STANDARD.encode(format!("{plain}?"));
        for text in [plain, &format!("eyJ.{once}~"), &format!("\"{twice}\""), &format!("x{pass}\n"), &padded]
        {
            assert_eq!(needles().search(text.as_bytes()).hits, 1, "{text}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let text =
            format!("陳大武 Maria H1234568 {}", URL_SAFE_NO_PAD.encode("nobody we know, nothing to see"));
        assert_eq!(needles().search(text.as_bytes()), Found { hits: 0, bytes: text.len() as u64, items: 1 });
        let random: Vec<u8> = (0..100_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        assert_eq!(needles().search(&random).hits, 0);
    }

    #[test]
    fn files_are_searched_with_their_names() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("sub")).unwrap();
        fs::write(directory.path().join("sub/H1234567.csv"), "Maria da Silva,").unwrap();
        fs::write(directory.path().join("other"), "nothing").unwrap();
        let found = needles().search_files(directory.path()).unwrap();
        assert_eq!(found, Found { hits: 2, bytes: 22, items: 2 });
        assert_eq!(size(directory.path()).unwrap(), 22);
    }
}
