//! One encoding for each value: big-endian sizes, compressed points, little-endian scalars. Lengths follow from a
//! file's header and are compared before anything is read, so no more memory is taken than the file itself
//! justifies.

use ark_bls12_381::Fr;
use ark_ec::AffineRepr as _;
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};

use crate::MalformedError;
use crate::curve::Curve;
use crate::powers::MAX_K;
use crate::progress::Meter;

/// Points that are read between two reports.
const BATCH: usize = 256;

/// Bytes of a scalar.
pub(crate) const SCALAR: usize = 32;

/// Reads from the start of a file.
pub(crate) struct Reader<'a> {
    file: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Starts after `label`.
    pub(crate) fn new(file: &'a [u8], label: &[u8]) -> Result<Self, MalformedError> {
        if file.starts_with(label) { Ok(Self { file, at: label.len() }) } else { Err(MalformedError::Label) }
    }

    /// Says how long the file is in all.
    pub(crate) fn expect_length(&self, expected: usize) -> Result<(), MalformedError> {
        let got = self.file.len();
        if got == expected { Ok(()) } else { Err(MalformedError::Length { expected, got }) }
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], MalformedError> {
        let end = self.at.saturating_add(count);
        let cut = MalformedError::Length { expected: end, got: self.file.len() };
        let taken = self.file.get(self.at..end).ok_or(cut)?;
        self.at = end;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], MalformedError> {
        let taken = self.take(N)?;
        Ok(taken.try_into().expect("of this length because it was taken so"))
    }

    pub(crate) fn size(&mut self) -> Result<usize, MalformedError> {
        usize::try_from(u32::from_be_bytes(self.array()?)).map_err(|_| MalformedError::Size)
    }

    /// The logarithm of a domain's size.
    pub(crate) fn k(&mut self) -> Result<u32, MalformedError> {
        let [k] = self.array()?;
        let k = u32::from(k);
        if (1..=MAX_K).contains(&k) { Ok(k) } else { Err(MalformedError::Size) }
    }

    pub(crate) fn scalar(&mut self) -> Result<Fr, MalformedError> {
        let at = self.at;
        Fr::deserialize_compressed(self.take(SCALAR)?).map_err(|_| MalformedError::Scalar { at })
    }

    /// A point, or the identity.
    pub(crate) fn point<C: Curve>(&mut self) -> Result<C::Affine, MalformedError> {
        let at = self.at;
        let bytes = self.take(C::BYTES)?;
        let point = C::Affine::deserialize_compressed(bytes).map_err(|_| MalformedError::Point { at })?;
        // Reading has checked curve and group; that there is one encoding, only writing again shows for sure.
        if encoding::<C>(&point) == bytes { Ok(point) } else { Err(MalformedError::Point { at }) }
    }

    /// A point other than the identity.
    pub(crate) fn nonzero<C: Curve>(&mut self) -> Result<C::Affine, MalformedError> {
        let at = self.at;
        let point = self.point::<C>()?;
        if point.is_zero() { Err(MalformedError::Identity { at }) } else { Ok(point) }
    }

    /// `count` points, of which each or none may be the identity.
    pub(crate) fn points<C: Curve>(
        &mut self,
        count: usize,
        identities: bool,
        meter: &mut Meter<'_>,
    ) -> Result<Vec<C::Affine>, MalformedError> {
        let mut all = Vec::with_capacity(count);
        while all.len() < count {
            let batch = BATCH.min(count - all.len());
            for _ in 0..batch {
                all.push(if identities { self.point::<C>()? } else { self.nonzero::<C>()? });
            }
            meter.add(batch);
        }
        Ok(all)
    }
}

fn encoding<C: Curve>(point: &C::Affine) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(C::BYTES);
    write(&mut bytes, point);
    bytes
}

/// Appends a point or scalar.
pub(crate) fn write(bytes: &mut Vec<u8>, value: &impl CanonicalSerialize) {
    value.serialize_compressed(&mut *bytes).expect("written because a Vec grows");
}

/// Appends points.
pub(crate) fn write_all(bytes: &mut Vec<u8>, values: &[impl CanonicalSerialize]) {
    for value in values {
        write(bytes, value);
    }
}

/// Appends a size.
pub(crate) fn write_size(bytes: &mut Vec<u8>, size: usize) {
    let size = u32::try_from(size).expect("fits because every size here is bounded far below 2^32");
    bytes.extend(size.to_be_bytes());
}
