//! One wrapper for every secret: prints nothing, is wiped on drop, compares in constant time (P6).

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A secret value. Not `Clone`, not `Serialize`, and redacted in `Debug`.
///
/// ```compile_fail
/// let secret = did_registry::Secret::new([7u8; 32]);
/// let copy = secret.clone();
/// ```
/// ```compile_fail
/// let secret = did_registry::Secret::new([7u8; 32]);
/// println!("{secret}");
/// ```
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes charge of a secret.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// Shows the secret to the code that needs it.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize + AsRef<[u8]>> PartialEq for Secret<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_ref().ct_eq(other.0.as_ref()).into()
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
