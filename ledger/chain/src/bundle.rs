//! Trust bundles: everything a checkpoint needs to decide with the cable out.
//!
//! A bundle is a signed head, records with their proofs under it, and the issuers' status lists. Nothing in
//! it is believed: the head must follow the one the checkpoint trusts already, every record must be proved
//! under it, every status list must be the one its issuer signed *and* anchored. Leaving something out
//! makes a checkpoint refuse more, never accept more.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use credential::facts::{Facts, StatusSnapshot};
use credential::status::{StatusListText, anchored_digest};
use did_registry::canonical::{decode, encode};
use did_registry::{Did, Digest, Moment, Purposes, RegistryError, digest, label};

use crate::history::ConsistencyProof;
use crate::light::{LightError, TrustedHead};
use crate::tree::RecordProof;
use crate::{Record, SignedHead, StateKey, StatusRecord};

/// Bytes of the largest bundle.
pub const BUNDLE_BYTES: usize = 64 * 1024 * 1024;

/// A bundle as it travels.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct TrustBundle {
    /// The head everything is proved under.
    pub head: SignedHead,
    /// That this head continues the importer's; `None` for the first import.
    pub consistency: Option<ConsistencyProof>,
    /// Records, each with its proof.
    pub records: Vec<RecordProof>,
    /// Status list tokens, as their issuers signed them.
    pub statuses: Vec<String>,
}

/// Why a bundle was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Bytes that no bundle has.
    #[error(transparent)]
    Malformed(#[from] RegistryError),
    /// The head or a proof does not hold.
    #[error(transparent)]
    Light(#[from] LightError),
    /// A status list that is not the anchored one.
    #[error("status list {0:?} is not the one that its issuer signed and anchored")]
    Status(String),
}

impl BundleError {
    /// A stable code that names the rule.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(error) => error.code(),
            Self::Light(error) => error.code(),
            Self::Status(_) => "STATUS_LIST",
        }
    }
}

impl TrustBundle {
    /// Reads a bundle from outside; says nothing about its truth.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RegistryError> {
        decode(bytes, BUNDLE_BYTES)
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// The bundle's digest, for people to compare.
    pub fn digest(&self) -> Digest {
        digest(label::BUNDLE, &[&self.to_bytes()])
    }

    /// Verifies everything against the head trusted so far; gives the head to trust from now on, and the facts.
    ///
    /// # Errors
    /// The first [`BundleError`]; then nothing of the bundle may be used.
    pub fn verify(&self, trusted: &TrustedHead) -> Result<(TrustedHead, Facts), BundleError> {
        let next = trusted.follow(&self.head, self.consistency.as_ref())?;
        let as_of = Moment { height: next.head().height, time: next.head().time };
        let mut facts = Facts::as_of(as_of);
        let mut heads = Heads::new();
        for proof in &self.records {
            let proven = next.record(proof)?;
            match (&proof.key, proven.into_value()) {
                (StateKey::Did(did), Some(Record::Did(record))) => {
                    facts.dids.insert(did.clone(), *record);
                }
                (StateKey::Issuer(kind, did), Some(Record::Issuer(recognition))) => {
                    facts.recognitions.insert((kind.clone(), did.clone()), recognition);
                }
                (StateKey::Policy(id), Some(Record::Policy(record))) => {
                    facts.policies.insert(*id, record.policy);
                }
                (StateKey::Schema(id), Some(Record::Schema(record))) => {
                    facts.schemas.insert(*id, record.schema);
                }
                (StateKey::Status(did, _), Some(Record::Status(record))) => {
                    heads.entry(record.head.uri.clone()).or_default().push((did.clone(), record));
                }
                (StateKey::IssuerSet(kind), Some(Record::IssuerSet(roots))) => {
                    facts.issuer_sets.insert(kind.clone(), *roots);
                }
                (StateKey::Revocation(did), Some(Record::Revocation(record))) => {
                    facts.revocations.insert(did.clone(), record);
                }
                (StateKey::CircuitKeys, Some(Record::CircuitKeys(record))) => {
                    facts.circuit_keys = Some(record.digest);
                }
                _ => {} // proved, and of no use to a checkpoint
            }
        }
        for token in &self.statuses {
            let (uri, snapshot) = snapshot(token, &heads, &facts)?;
            facts.statuses.insert(uri, snapshot);
        }
        Ok((next, facts))
    }
}

/// Anchored heads by address: whoever is registered may name any address, so one may have several.
type Heads = BTreeMap<String, Vec<(Did, StatusRecord)>>;

/// A token counts if the anchored head names exactly its bytes and that head's issuer signed it.
fn snapshot(token: &str, heads: &Heads, facts: &Facts) -> Result<(String, StatusSnapshot), BundleError> {
    let refuse = |uri: &str| BundleError::Status(uri.to_owned());
    let text = StatusListText::parse(token).map_err(|_| refuse("unreadable"))?;
    let uri = text.unverified_uri().unwrap_or("unnamed").to_owned();
    let key_id = text.unverified_key_id().ok_or_else(|| refuse(&uri))?;
    let digest = anchored_digest(token);
    let signed = |(issuer, record): &(Did, StatusRecord)| {
        // The head pins the token's bytes, so a key replaced since, in good order, may have signed it.
        let key = facts.key(issuer, key_id, Purposes::ASSERTION, Some(record.updated.time)).ok()?;
        (record.head.digest == digest).then(|| (issuer.clone(), record.head.epoch, key))
    };
    let named = heads.get(&uri).map(Vec::as_slice).unwrap_or_default();
    let (issuer, epoch, key) = named.iter().find_map(signed).ok_or_else(|| refuse(&uri))?;
    let list = text.verify(key, &uri).map_err(|_| refuse(&uri))?;
    Ok((uri, StatusSnapshot { issuer, epoch, list }))
}
