//! Schemas: which claims a credential type carries. Content-addressed, versioned, closed.

use std::collections::{BTreeMap, BTreeSet};

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::canonical::encode;
use crate::{ClaimValue, Claims, CredentialType, Date, Digest, digest, label};

/// Claims a schema may name; the circuit has as many slots.
const CLAIMS: usize = 16;

/// Names that credential formats use for themselves.
const RESERVED: [&str; 16] = [
    "iss",
    "sub",
    "aud",
    "iat",
    "nbf",
    "exp",
    "jti",
    "cnf",
    "vct",
    "vct#integrity",
    "status",
    "_sd",
    "_sd_alg",
    "...",
    "id",
    "type",
];

/// The values a claim may take.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ClaimKind {
    /// Text of at most `max` characters, not empty.
    Text {
        /// Characters allowed.
        max: u16,
    },
    /// A whole number in `min..=max`.
    Integer {
        /// Least value.
        min: i64,
        /// Greatest value.
        max: i64,
    },
    /// A calendar day.
    Date,
    /// Yes or no.
    Boolean,
    /// One of a list of codes.
    Code {
        /// The codes.
        of: BTreeSet<String>,
    },
}

/// One claim of a schema.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimSpec {
    /// Values allowed.
    pub kind: ClaimKind,
    /// Whether a whole credential must have it.
    pub required: bool,
}

/// A credential type's claims. Its identifier is the hash of its content, so it cannot change.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// The credential type it describes.
    pub credential_type: CredentialType,
    /// Rises with each revision of one author.
    pub version: u32,
    /// Claims by name.
    pub claims: BTreeMap<String, ClaimSpec>,
}

/// Why claims do not fit a schema. Names claims, never values.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// The schema itself is senseless.
    #[error("schema: {0}")]
    Senseless(String),
    /// A claim the schema does not know.
    #[error("claim {0:?} is not in the schema")]
    UnknownClaim(String),
    /// A required claim is missing.
    #[error("claim {0:?} is required")]
    Missing(String),
    /// A value of another kind or out of bounds.
    #[error("claim {claim:?} must be {rule}")]
    BadValue {
        /// Which claim.
        claim: String,
        /// What it must be.
        rule: String,
    },
}

impl Schema {
    /// Checks the schema itself: 1 to 16 claims with plain names and kinds that some value satisfies.
    ///
    /// # Errors
    /// [`SchemaError::Senseless`].
    pub fn check(&self) -> Result<(), SchemaError> {
        let refuse = |text: String| Err(SchemaError::Senseless(text));
        if self.claims.is_empty() || self.claims.len() > CLAIMS {
            return refuse(format!("1 to {CLAIMS} claims are allowed"));
        }
        for (name, spec) in &self.claims {
            let plain =
                name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            if !plain || name.is_empty() || name.len() > 48 || RESERVED.contains(&name.as_str()) {
                return refuse(format!("claim name {name:?} is 1 to 48 of a-z, 0-9 and _, and not reserved"));
            }
            let satisfiable = match &spec.kind {
                ClaimKind::Text { max } => (1..=1024).contains(max),
                ClaimKind::Integer { min, max } => min <= max && *min >= -(1 << 53) && *max <= 1 << 53,
                ClaimKind::Code { of } => {
                    (1..=256).contains(&of.len()) && of.iter().all(|code| (1..=64).contains(&code.len()))
                }
                ClaimKind::Date | ClaimKind::Boolean => true,
            };
            if !satisfiable {
                return refuse(format!("the kind of claim {name:?} is out of bounds"));
            }
        }
        Ok(())
    }

    /// The schema's identifier.
    pub fn id(&self) -> Digest {
        digest(label::SCHEMA, &[&encode(self)])
    }

    /// Accepts a whole credential's claims: all required ones, no unknown one, every value in bounds.
    ///
    /// # Errors
    /// The first [`SchemaError`], by claim name.
    pub fn check_full(&self, claims: &Map<String, Value>) -> Result<Claims, SchemaError> {
        if let Some((missing, _)) =
            self.claims.iter().find(|(name, spec)| spec.required && !claims.contains_key(*name))
        {
            return Err(SchemaError::Missing(missing.clone()));
        }
        self.check_partial(claims)
    }

    /// Accepts some of a credential's claims, as in a selective disclosure: no unknown one, every value in bounds.
    ///
    /// # Errors
    /// The first [`SchemaError`], by claim name.
    pub fn check_partial(&self, claims: &Map<String, Value>) -> Result<Claims, SchemaError> {
        let mut values = BTreeMap::new();
        for (name, value) in claims {
            let spec = self.claims.get(name).ok_or_else(|| SchemaError::UnknownClaim(name.clone()))?;
            let value = spec
                .kind
                .read(value)
                .ok_or_else(|| SchemaError::BadValue { claim: name.clone(), rule: spec.kind.describe() })?;
            values.insert(name.clone(), value);
        }
        Ok(Claims::new(values))
    }

    /// The same rules as a JSON Schema (2020-12), for tools that speak it.
    pub fn to_json_schema(&self) -> Value {
        let required: Vec<&String> =
            self.claims.iter().filter(|(_, spec)| spec.required).map(|(name, _)| name).collect();
        let properties: Map<String, Value> =
            self.claims.iter().map(|(name, spec)| (name.clone(), spec.kind.to_json_schema())).collect();
        json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": format!("urn:causeway:schema:{}", self.id()),
               "title": self.credential_type.as_str(), "type": "object", "properties": properties,
               "required": required, "additionalProperties": false})
    }
}

impl ClaimKind {
    /// Reads a text, as in a table's cell, as the JSON value this kind takes.
    pub fn value_of_text(&self, text: &str) -> Value {
        match self {
            Self::Integer { .. } => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
            Self::Boolean => text.parse::<bool>().map_or_else(|_| text.into(), Value::from),
            Self::Text { .. } | Self::Date | Self::Code { .. } => text.into(),
        }
    }

    fn read(&self, value: &Value) -> Option<ClaimValue> {
        match self {
            Self::Text { max } => {
                let text = value.as_str()?;
                let fits = !text.is_empty() && text.chars().count() <= usize::from(*max);
                (fits && !text.chars().any(char::is_control)).then(|| ClaimValue::Text(text.to_owned()))
            }
            Self::Integer { min, max } => {
                let number = value.as_i64()?;
                (*min..=*max).contains(&number).then_some(ClaimValue::Integer(number))
            }
            Self::Date => Some(ClaimValue::Date(value.as_str()?.parse::<Date>().ok()?)),
            Self::Boolean => Some(ClaimValue::Boolean(value.as_bool()?)),
            Self::Code { of } => {
                let code = value.as_str()?;
                of.contains(code).then(|| ClaimValue::Text(code.to_owned()))
            }
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Text { max } => format!("text of 1 to {max} characters"),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Date => "a date YYYY-MM-DD".into(),
            Self::Boolean => "true or false".into(),
            Self::Code { of } => {
                format!("one of {}", of.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
            }
        }
    }

    fn to_json_schema(&self) -> Value {
        match self {
            Self::Text { max } => json!({"type": "string", "minLength": 1, "maxLength": max}),
            Self::Integer { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
            Self::Date => json!({"type": "string", "format": "date"}),
            Self::Boolean => json!({"type": "boolean"}),
            Self::Code { of } => json!({"enum": of}),
        }
    }
}

#[cfg(test)]
mod tests;
