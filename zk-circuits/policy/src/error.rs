//! What bytes from outside must be.

/// Bytes that are not what they should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedError {
    /// Not a field element.
    #[error("an element is a number below the field's order, in 32 bytes, little-endian")]
    Element,
    /// Not a point, or not one that may stand here.
    #[error(
        "a point is in its one compressed encoding and on the curve; of a key or proof, of prime order and not the identity"
    )]
    Point,
    /// Not a scalar.
    #[error("a scalar is a number below the group's order; a key is not zero")]
    Scalar,
}
