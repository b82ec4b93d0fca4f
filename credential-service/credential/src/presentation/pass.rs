//! Passes: W3C credentials under `eddsa-jcs-2022`, shown in one QR code with the holder's own proof.
//!
//! The QR text is `CWP:` and base45 of zlib of a verifiable presentation. The outer proof is the holder's,
//! over the verifier's challenge and name; the inner one is the issuer's.

use did_registry::{Did, Digest, PublicKey, Purposes, SigningKey, Timestamp};
use serde_json::{Map, Value, json};

use super::{Challenge, Decision, LEEWAY, Source, decide, read_type_name};
use crate::data_integrity::{
    self, CREDENTIALS_V2, Expected, ProofOptions, Purpose, SecuredDocument, VerifiedCredential, did_key,
};
use crate::dcc::{base45, zlib};
use crate::facts::Facts;
use crate::{Finding, Part, Reason, Verdict, anchor, json};

/// Characters of the longest QR text accepted, and bytes of the longest presentation.
pub const PASS_LIMIT: usize = 8 * 1024;
const PREFIX: &str = "CWP:";

/// Shows a pass to one verifier for one challenge, as the text of a QR code.
pub fn present_pass(
    pass: &Map<String, Value>,
    holder: &SigningKey,
    audience: &str,
    nonce: &str,
    now: Timestamp,
) -> Result<String, Finding> {
    let key = holder.public_key();
    let did = did_key(&key);
    let method = format!("{did}#{}", key.to_multibase());
    let document = json!({
        "@context": [CREDENTIALS_V2], "type": ["VerifiablePresentation"],
        "holder": did, "verifiableCredential": [pass],
    });
    let Value::Object(document) = document else { unreachable!("an object because it was written as one") };
    let options = ProofOptions {
        verification_method: &method,
        purpose: Purpose::Authentication,
        created: now,
        expires: None,
        challenge: Some(nonce),
        domain: Some(audience),
    };
    let secured = data_integrity::secure(document, &options, holder)?;
    let bytes = json::canonical(&Value::Object(secured));
    Ok(format!("{PREFIX}{}", base45::encode(&zlib::deflate(&bytes))))
}

/// A credential under Data Integrity whose stated issuer signed it with a key of its own.
///
/// # Errors
/// `BAD_ENCODING`, `KEY_UNKNOWN`, `KEY_REMOVED`, `WRONG_KEY_USE`, `BAD_SIGNATURE`, …
pub fn authenticate_document(
    document: &Value,
    facts: &Facts,
    now: Timestamp,
    anchored: Option<Timestamp>,
) -> Result<(VerifiedCredential, Did), Finding> {
    let secured = SecuredDocument::from_value(document)?;
    let issuer: Did = secured
        .unverified_issuer()
        .and_then(|issuer| issuer.parse().ok())
        .ok_or_else(|| Finding::new(Reason::BadEncoding, "issuer is a did:causeway identifier"))?;
    let key = facts.key(&issuer, secured.unverified_method(), Purposes::ASSERTION, anchored)?;
    let expected =
        Expected { purpose: Purpose::AssertionMethod, challenge: None, domain: None, now, leeway: LEEWAY };
    Ok((secured.verify(key, &expected)?.into_credential()?, issuer))
}

/// The digest of a credential under Data Integrity, over its canonical form with the proof.
pub fn document_digest(document: &Value) -> Digest {
    anchor::credential_digest(&json::canonical(document))
}

/// Decides on a pass shown at a gate, under an anchored policy.
pub fn verify_pass(text: &str, policy: &Digest, facts: &Facts, challenge: &Challenge<'_>) -> Decision {
    let mut decision = Decision { verdict: Verdict::default(), ages: None, source: None, claims: None };
    let read =
        read(text).and_then(|(presentation, pass)| Ok((SecuredDocument::from_value(&presentation)?, pass)));
    let (presentation, pass) = match read {
        Ok(read) => read,
        Err(finding) => {
            decision.verdict.integrity = Part::Bad(finding);
            return decision;
        }
    };
    let authentic = authenticate_document(&pass, facts, challenge.now, None);
    let source =
        authentic.and_then(|(credential, issuer)| Ok((source(&pass, &credential, issuer)?, credential)));
    let ((source, schema), credential) = match source {
        Ok(read) => read,
        Err(finding) => {
            decision.verdict.place(finding);
            return decision;
        }
    };
    let verdict = &mut decision.verdict;
    verdict.integrity = Part::Good;
    verdict.validity = Part::from(credential.check_validity(challenge.now, LEEWAY).map_err(Finding::from));
    (verdict.holder, verdict.freshness) = holder_parts(presentation, &source.holder, challenge);
    decide(&mut decision, source, credential.claims(), &schema, policy, facts, challenge);
    decision
}

/// The pass that a code shows; nobody has vouched for it yet, and whether its holder shows it is not asked.
///
/// # Errors
/// `WRONG_KIND`, `BAD_ENCODING`, `MULTIPLE_ENTRIES`.
pub fn unverified_pass(text: &str) -> Result<Value, Finding> {
    Ok(read(text)?.1)
}

/// The presentation and the one pass in it; several would leave the rest unchecked (W7).
fn read(text: &str) -> Result<(Value, Value), Finding> {
    let encoded = text
        .strip_prefix(PREFIX)
        .ok_or_else(|| Finding::new(Reason::WrongKind, format!("a pass begins with {PREFIX}")))?;
    if text.len() > PASS_LIMIT {
        return Err(Finding::new(Reason::BadEncoding, format!("a pass has at most {PASS_LIMIT} characters")));
    }
    let bytes = zlib::inflate(&base45::decode(encoded)?)?;
    let malformed = |error: json::JsonError| Finding::new(Reason::BadEncoding, error.to_string());
    let presentation = json::parse(&bytes, json::Limits::of(PASS_LIMIT)).map_err(malformed)?;
    match presentation.get("verifiableCredential").and_then(Value::as_array).map(Vec::as_slice) {
        Some([pass]) => {
            let pass = pass.clone();
            Ok((presentation, pass))
        }
        Some([_, _, ..]) => {
            Err(Finding::new(Reason::MultipleEntries, "a presentation holds exactly one pass"))
        }
        _ => Err(Finding::new(Reason::BadEncoding, "a presentation holds one pass")),
    }
}

pub(super) fn source(
    pass: &Value,
    credential: &VerifiedCredential,
    issuer: Did,
) -> Result<(Source, Digest), Finding> {
    let missing = |what: &str| Finding::new(Reason::BadEncoding, format!("a pass has {what}"));
    let mut named = credential.types().iter().filter_map(|name| read_type_name(name));
    let (Some((credential_type, schema)), None) = (named.next(), named.next()) else {
        return Err(missing("one type that names its schema"));
    };
    let source = Source {
        issuer,
        credential_type,
        credential: document_digest(pass),
        status: credential.status().cloned(),
        status_epoch: None,
        issued: credential.valid_from().ok_or_else(|| missing("validFrom"))?,
        holder: credential.holder().ok_or_else(|| missing("a holder's key as its subject"))?,
    };
    Ok((source, schema))
}

/// The outer proof must be by the key that the pass names, over this challenge and this verifier (W1).
fn holder_parts(
    presentation: SecuredDocument,
    holder: &PublicKey,
    challenge: &Challenge<'_>,
) -> (Part, Part) {
    let did = did_key(holder);
    if presentation.unverified_method() != format!("{did}#{}", holder.to_multibase()) {
        let finding = Finding::new(Reason::HolderMismatch, "the pass is shown by the key it was issued to");
        return (Part::Bad(finding), Part::NotChecked);
    }
    let Challenge { audience, nonce, now, max_age, .. } = *challenge;
    let expected = Expected {
        purpose: Purpose::Authentication,
        challenge: Some(nonce),
        domain: Some(audience),
        now,
        leeway: LEEWAY,
    };
    match presentation.verify(holder, &expected).map_err(Finding::from) {
        Ok(shown) if shown.created().is_some_and(|at| now.since(at) <= max_age) => (Part::Good, Part::Good),
        Ok(_) => {
            let finding =
                Finding::new(Reason::Expired, format!("a pass is shown at most {max_age} s after signing"));
            (Part::Good, Part::Bad(finding))
        }
        Err(finding) if finding.code == Reason::BadSignature => (Part::Bad(finding), Part::NotChecked),
        Err(finding) => (Part::NotChecked, Part::Bad(finding)),
    }
}
