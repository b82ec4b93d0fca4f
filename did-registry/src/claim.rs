//! Claims: what an issuer says of a subject. Personal, so they print nothing and are wiped on drop.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};
use zeroize::Zeroize;

use crate::Date;

/// A claim's value, typed by its schema.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClaimValue {
    /// Text.
    Text(String),
    /// A whole number; JSON numbers up to ±2⁵³ keep their value everywhere.
    Integer(i64),
    /// A calendar day.
    Date(Date),
    /// Yes or no.
    Boolean(bool),
}

impl ClaimValue {
    /// The JSON form: text, number, `YYYY-MM-DD`, or boolean.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => Value::from(text.as_str()),
            Self::Integer(number) => Value::from(*number),
            Self::Date(date) => Value::from(date.to_string()),
            Self::Boolean(yes) => Value::from(*yes),
        }
    }
}

impl fmt::Debug for ClaimValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClaimValue(…)")
    }
}

/// Named claims that a schema accepted, fully or in part.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Claims(BTreeMap<String, ClaimValue>);

impl Claims {
    pub(crate) fn new(values: BTreeMap<String, ClaimValue>) -> Self {
        Self(values)
    }

    /// The value of a claim.
    pub fn get(&self, name: &str) -> Option<&ClaimValue> {
        self.0.get(name)
    }

    /// Names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ClaimValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The claims as a JSON object.
    pub fn to_json(&self) -> Map<String, Value> {
        self.iter().map(|(name, value)| (name.to_owned(), value.to_json())).collect()
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish() // names only
    }
}

impl Drop for Claims {
    fn drop(&mut self) {
        for value in self.0.values_mut() {
            if let ClaimValue::Text(text) = value {
                text.zeroize();
            }
        }
    }
}
