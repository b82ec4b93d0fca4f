//! What an agency answered, to be looked at from all sides.

use std::fmt;

use anyhow::{Context as _, ensure};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Status, media type and bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The media type.
    pub kind: String,
    /// The body.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }

    /// The body of a success as a type.
    ///
    /// # Errors
    /// If it is a refusal or of another shape.
    pub fn read<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        ensure!((200..300).contains(&self.status), "{self:?}");
        serde_json::from_slice(&self.bytes).with_context(|| format!("{self:?}"))
    }

    /// Status and code of a refusal.
    ///
    /// # Errors
    /// If it is none, or not a problem in full: media type, status, code, type and a rule in words.
    pub fn problem(&self) -> anyhow::Result<(u16, String)> {
        let body = self.json();
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let code = text("code");
        ensure!(self.status >= 400 && self.kind == "application/problem+json", "{self:?}");
        ensure!(body.get("status").and_then(Value::as_u64) == Some(self.status.into()), "{self:?}");
        ensure!(
            text("type") == format!("urn:causeway:problem:{code}") && !text("detail").is_empty(),
            "{self:?}"
        );
        Ok((self.status, code))
    }

    /// The faults of the verdict in the body, as `part CODE`, open ones with a question mark.
    pub fn faults(&self) -> Vec<String> {
        let body = self.json();
        let parts = ["integrity", "issuer", "validity", "status", "holder", "freshness", "rule"];
        let fault = |name: &str| {
            let part = body.get("verdict")?.get(name)?;
            let mark = match part.get("answer")?.as_str()? {
                "bad" => "",
                "open" => "?",
                _ => return None,
            };
            Some(format!("{name} {}{mark}", part.get("why")?.get("code")?.as_str()?))
        };
        parts.into_iter().filter_map(fault).collect()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(&self.bytes);
        let start: String = text.chars().take(600).collect();
        write!(f, "{} {}: {start}", self.status, self.kind)
    }
}
