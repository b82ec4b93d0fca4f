//! Who contributes.

use std::fmt;
use std::str::FromStr;

use crate::MalformedError;

/// Bytes of a name at most, and of its field in a file.
pub const NAME_BYTES: usize = 64;

/// A contributor's name: 1 to [`NAME_BYTES`] printable ASCII characters, no space at either end. One name has one
/// encoding and looks like no other, which names in all scripts do not promise.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Name(String);

impl Name {
    /// Checks a name.
    ///
    /// # Errors
    /// [`MalformedError::Name`].
    pub fn new(name: &str) -> Result<Self, MalformedError> {
        let printable = name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let bounded = (1..=NAME_BYTES).contains(&name.len());
        if printable && bounded && name.trim() == name {
            Ok(Self(name.to_owned()))
        } else {
            Err(MalformedError::Name)
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, then zeros: of one length, so that a file's length follows from its header.
    pub(crate) fn field(&self) -> [u8; NAME_BYTES] {
        let mut field = [0; NAME_BYTES];
        for (place, byte) in field.iter_mut().zip(self.0.bytes()) {
            *place = byte;
        }
        field
    }

    pub(crate) fn from_field(field: &[u8]) -> Result<Self, MalformedError> {
        let text = std::str::from_utf8(field).map_err(|_| MalformedError::Name)?;
        // Zeros inside a name are left to `new`, which refuses what is not printable.
        Self::new(text.trim_end_matches('\0'))
    }
}

impl FromStr for Name {
    type Err = MalformedError;

    fn from_str(name: &str) -> Result<Self, MalformedError> {
        Self::new(name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
