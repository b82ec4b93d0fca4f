//! The three things a signer's X.509 certificate (RFC 5280) is asked for: key, key use, dates.
//!
//! The certificate is walked, not fully decoded: national certificates break the profile in places that
//! do not matter here (an empty extended key usage, odd names, explicit defaults), and a strict reader
//! would lose their signers. What is read is read strictly. The certificate's own signature is not
//! checked: being in the trust list is what makes it trusted.

use did_registry::{PublicKey, Suite, Timestamp};
use x509_cert::der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, UintRef};
use x509_cert::der::{Decode as _, Reader as _, SliceReader, Tag, TagNumber, Tagged as _};
use x509_cert::time::Validity;

use super::Kind;
use super::trust::Key;

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");

/// Key uses in both spellings: the assigned arc, and the one with a stray zero that many authorities used.
const USES: [(ObjectIdentifier, Kind); 6] = [
    (ObjectIdentifier::new_unwrap("1.3.6.1.4.1.1847.2021.1.1"), Kind::Test),
    (ObjectIdentifier::new_unwrap("1.3.6.1.4.1.1847.2021.1.2"), Kind::Vaccination),
    (ObjectIdentifier::new_unwrap("1.3.6.1.4.1.1847.2021.1.3"), Kind::Recovery),
    (ObjectIdentifier::new_unwrap("1.3.6.1.4.1.0.1847.2021.1.1"), Kind::Test),
    (ObjectIdentifier::new_unwrap("1.3.6.1.4.1.0.1847.2021.1.2"), Kind::Vaccination),
    (ObjectIdentifier::new_unwrap("1.3.6.1.4.1.0.1847.2021.1.3"), Kind::Recovery),
];

/// RSA moduli in bits: from the hcert specification's least to the most that `ring` checks.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// What a certificate says.
pub(super) struct Contents {
    /// The public key.
    pub(super) key: Key,
    /// Kinds of entry it may sign; empty for a certificate that does not say.
    pub(super) uses: Vec<Kind>,
    /// Not before, not after; `None` if they are not readable.
    pub(super) dates: Option<(Timestamp, Timestamp)>,
}

/// Reads a DER certificate.
///
/// # Errors
/// The rule it breaks, for a list of unusable certificates.
pub(super) fn read(der: &[u8]) -> Result<Contents, &'static str> {
    let malformed = "a certificate is a DER sequence as in RFC 5280";
    let certificate = match children(der).ok_or(malformed)?.as_slice() {
        [certificate] => sequence(*certificate).ok_or(malformed)?,
        _ => return Err(malformed),
    };
    let body = certificate.first().and_then(|body| sequence(*body)).ok_or(malformed)?;
    // version [0] DEFAULT v1, serial, signature, issuer, validity, subject, key, then what is optional
    let body = match body.as_slice() {
        [version, rest @ ..] if version.tag() == context(TagNumber::N0) => rest,
        all => all,
    };
    let [_serial, _signature, _issuer, validity, _subject, key, optional @ ..] = body else {
        return Err(malformed);
    };
    let extensions = optional.iter().find(|field| field.tag() == context(TagNumber::N3));
    let uses = extensions.map_or(Ok(Vec::new()), |extensions| uses(*extensions).ok_or(malformed))?;
    Ok(Contents { key: public_key(*key)?, uses, dates: dates(*validity) })
}

fn public_key(info: AnyRef<'_>) -> Result<Key, &'static str> {
    let malformed = "a certificate's key is an algorithm and a bit string";
    let info = sequence(info).ok_or(malformed)?;
    let [algorithm, bits] = info.as_slice() else { return Err(malformed) };
    let algorithm = sequence(*algorithm).ok_or(malformed)?;
    let bits = bits.decode_as::<BitStringRef<'_>>().ok().and_then(|bits| bits.as_bytes()).ok_or(malformed)?;
    let is =
        |index: usize, oid: &ObjectIdentifier| algorithm.get(index).is_some_and(|part| is_oid(*part, oid));
    if is(0, &EC_PUBLIC_KEY) && is(1, &P256) {
        return PublicKey::new(Suite::P256, bits).map(Key::P256).map_err(|_| "an EC key is a point of P-256");
    }
    if is(0, &RSA_ENCRYPTION) || is(0, &RSASSA_PSS) {
        let modulus_bits = rsa_bits(bits).ok_or("an RSA key is a modulus and an exponent")?;
        if !RSA_BITS.contains(&modulus_bits) {
            return Err("an RSA key has 2048 to 8192 bits");
        }
        return Ok(Key::Rsa(bits.to_vec()));
    }
    Err("a signer's key is of EC P-256 or RSA")
}

/// Bits of the modulus of an RSAPublicKey (RFC 8017, appendix A.1.1).
fn rsa_bits(der: &[u8]) -> Option<usize> {
    let key = children(der)?;
    let [key] = key.as_slice() else { return None };
    let numbers = sequence(*key)?;
    let [modulus, exponent] = numbers.as_slice() else { return None };
    exponent.decode_as::<UintRef<'_>>().ok()?;
    let modulus = modulus.decode_as::<UintRef<'_>>().ok()?;
    let modulus = modulus.as_bytes();
    let unused = usize::try_from(modulus.first()?.leading_zeros()).ok()?;
    (modulus.len() * 8).checked_sub(unused)
}

/// The kinds of entry that an extended key usage names. One that is absent, empty, or names other uses
/// only, names none.
fn uses(extensions: AnyRef<'_>) -> Option<Vec<Kind>> {
    let extensions = children(extensions.value())?;
    let [extensions] = extensions.as_slice() else { return None };
    let mut uses = Vec::new();
    for extension in sequence(*extensions)? {
        let parts = sequence(extension)?;
        let (Some(id), Some(value)) = (parts.first(), parts.last()) else { return None };
        if is_oid(*id, &EXTENDED_KEY_USAGE) {
            if value.tag() != Tag::OctetString {
                return None;
            }
            let list = children(value.value())?;
            let [list] = list.as_slice() else { return None };
            for oid in sequence(*list)? {
                uses.extend(USES.iter().filter(|(known, _)| is_oid(oid, known)).map(|(_, kind)| *kind));
            }
        }
    }
    Some(uses)
}

fn dates(validity: AnyRef<'_>) -> Option<(Timestamp, Timestamp)> {
    let validity = validity.decode_as::<Validity>().ok()?;
    let moment =
        |time: x509_cert::time::Time| Timestamp::from_seconds(time.to_unix_duration().as_secs()).ok();
    Some((moment(validity.not_before)?, moment(validity.not_after)?))
}

/// The values that stand one after another in `der`, to its end.
fn children(der: &[u8]) -> Option<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(der).ok()?;
    let mut values = Vec::new();
    while !reader.is_finished() {
        values.push(AnyRef::decode(&mut reader).ok()?);
    }
    Some(values)
}

fn sequence(value: AnyRef<'_>) -> Option<Vec<AnyRef<'_>>> {
    (value.tag() == Tag::Sequence).then(|| children(value.value())).flatten()
}

fn is_oid(value: AnyRef<'_>, oid: &ObjectIdentifier) -> bool {
    value.tag() == Tag::ObjectIdentifier && value.value() == oid.as_bytes()
}

const fn context(number: TagNumber) -> Tag {
    Tag::ContextSpecific { constructed: true, number }
}
