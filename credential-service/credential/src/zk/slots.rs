//! How claims lie in the slots of the circuit.
//!
//! A schema's claims take the slots in the order of their names, so whoever has the schema, which the ledger anchors, knows
//! the slots too. A slot holds one element of the circuit's field:
//!
//! | claim | element |
//! |---|---|
//! | number `x` | `x + 2⁶³` |
//! | day `d`, counted from 1970-01-01 | `d + 2³¹` |
//! | yes, no | 1, 0 |
//! | text, code | its digest |
//! | none | a digest of its own |
//!
//! Order among numbers and days is order among elements below 2⁶⁴, which the circuit's ranges decide. A digest is one of
//! these with a chance of 2⁻¹⁹¹, so no range holds of a text or of a claim that is missing.

use did_registry::{ClaimValue, Claims, Date, Digest, Schema, label};
use zk_policy::{Element, SLOTS};

/// The slot of a claim; `None` if the schema has no such claim.
pub fn slot(schema: &Schema, claim: &str) -> Option<u8> {
    let place = schema.claims.keys().position(|name| name == claim)?;
    u8::try_from(place).ok().filter(|place| usize::from(*place) < SLOTS)
}

/// All slots of a credential's claims. What a schema does not name stays empty.
pub fn attributes(schema: &Schema, claims: &Claims) -> [Element; SLOTS] {
    let mut slots = [absent(); SLOTS];
    for (place, name) in slots.iter_mut().zip(schema.claims.keys()) {
        if let Some(value) = claims.get(name) {
            *place = element(value);
        }
    }
    slots
}

/// The element of a value.
pub fn element(value: &ClaimValue) -> Element {
    match value {
        ClaimValue::Text(text) => self::text(text),
        ClaimValue::Integer(number) => Element::from(self::number(*number)),
        ClaimValue::Date(date) => Element::from(day(*date)),
        ClaimValue::Boolean(yes) => Element::from(u64::from(*yes)),
    }
}

/// The element of a text.
pub(super) fn text(text: &str) -> Element {
    Element::digest(label::ZK_TEXT, text.as_bytes())
}

/// A number as the circuit orders it.
fn number(number: i64) -> u64 {
    number.wrapping_sub(i64::MIN).cast_unsigned()
}

/// A day as the circuit orders it.
fn day(date: Date) -> u64 {
    (i64::from(date.days()) + (1 << 31)).unsigned_abs()
}

/// A day as the circuit counts issue and expiry: from 1970-01-01 on, and what is before as that day.
pub fn civil_day(date: Date) -> u32 {
    u32::try_from(date.days()).unwrap_or(0)
}

/// The element that stands for a schema.
pub fn schema_element(schema: &Digest) -> Element {
    Element::digest(label::ZK_SCHEMA, schema.as_bytes())
}

fn absent() -> Element {
    Element::digest(label::ZK_ABSENT, &[])
}
