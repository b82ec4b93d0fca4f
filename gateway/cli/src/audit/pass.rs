//! The pass that is audited, in whatever form the regulator has it.

use std::path::Path;

use credential::json::{self, Limits};
use credential::presentation::{document_digest, unverified_pass};
use credential::transcoding::Transcoding;
use credential::{Finding, Reason};
use did_registry::Digest;
use serde_json::Value;

use super::AuditError;
use crate::{files, paper};

/// How the text of a pass's code begins.
const CODE: &str = "CWP:";
/// Bytes of the largest file: a picture.
const FILE_BYTES: usize = 32 << 20;

/// A pass and the decision that it says it was given on. Nobody has vouched for it yet: the audit does, or does not.
#[derive(Clone, Debug)]
pub struct AuditedPass {
    document: Value,
    decision: Transcoding,
}

impl AuditedPass {
    /// Takes a pass as its agency issued it.
    ///
    /// # Errors
    /// `SCHEMA` unless its claims are a decision's.
    pub fn new(document: Value) -> Result<Self, Finding> {
        let subject = document.get("credentialSubject").and_then(Value::as_object);
        let mut claims = subject.cloned().unwrap_or_default();
        claims.remove("id");
        Ok(Self { decision: Transcoding::from_pass_claims(&claims)?, document })
    }

    /// Reads the text of the code by which a pass is shown, whatever challenge it answers, or the pass itself in JSON.
    ///
    /// # Errors
    /// The code's or the document's, and as [`AuditedPass::new`].
    pub fn parse(text: &str) -> Result<Self, Finding> {
        if text.starts_with(CODE) {
            return Self::new(unverified_pass(text)?);
        }
        let limits = Limits::of(credential::data_integrity::LIMIT);
        let document = json::parse(text.as_bytes(), limits);
        Self::new(document.map_err(|error| Finding::new(Reason::BadEncoding, error.to_string()))?)
    }

    /// Reads a pass as it is named on the command line: the text of its code, or a file with that text, with the pass
    /// itself, or with a picture of the code.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn read(given: &str) -> Result<Self, AuditError> {
        if given.starts_with(CODE) {
            return Ok(Self::parse(given)?);
        }
        let bytes = files::read(Path::new(given), FILE_BYTES)?;
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Self::parse(text.trim())?),
            Err(_) => {
                let texts = paper::scan_picture(&bytes)?;
                let code = texts.iter().find(|text| text.starts_with(CODE)).or(texts.first());
                Ok(Self::parse(code.map_or("", String::as_str))?)
            }
        }
    }

    /// The pass as it is signed.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// What it says that it was given on.
    pub fn decision(&self) -> &Transcoding {
        &self.decision
    }

    /// Its digest, by which its agency finds what it was given on.
    pub fn digest(&self) -> Digest {
        document_digest(&self.document)
    }
}
