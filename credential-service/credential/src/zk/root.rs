//! Roots as records and operations carry them.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Serialize, Serializer};
use zk_policy::Element;

/// The 32 bytes of a root, little-endian; 64 hexadecimal digits in JSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct RootBytes([u8; 32]);

impl RootBytes {
    /// The bytes of a root.
    pub fn of(root: &Element) -> Self {
        Self(root.to_bytes())
    }

    /// The root; `None` for bytes that no element has.
    pub fn element(&self) -> Option<Element> {
        Element::from_bytes(&self.0).ok()
    }
}

impl fmt::Display for RootBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for RootBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for RootBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
