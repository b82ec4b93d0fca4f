//! The state: typed records under hashed keys.

use std::collections::BTreeSet;

use borsh::{BorshDeserialize, BorshSerialize};
use credential::Policy;
use credential::zk::{IssuerRoots, RevocationRecord};
use did_registry::canonical::encode;
use did_registry::{
    Ballot, Committee, CredentialType, Did, DidRecord, Digest, Moment, Recognition, Schema, digest, label,
};
use serde::Serialize;

use crate::{ReceiptKind, StatusHead};

/// Names one record.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, BorshSerialize, BorshDeserialize, Serialize)]
#[serde(rename_all = "kebab-case", tag = "namespace", content = "id")]
pub enum StateKey {
    /// An identifier's [`DidRecord`].
    Did(Did),
    /// An actor's next sequence number, `u64`.
    Actor(Did),
    /// The [`Committee`].
    Committee,
    /// A motion's [`Ballot`].
    Ballot(Digest),
    /// A [`Recognition`].
    Issuer(CredentialType, Did),
    /// A [`SchemaRecord`].
    Schema(Digest),
    /// The latest version of an author's schemas for a type, [`Latest`].
    SchemaLatest(Did, CredentialType),
    /// A [`PolicyRecord`].
    Policy(Digest),
    /// The latest version of a verifier's policy of a name, [`Latest`].
    PolicyLatest(Did, String),
    /// An issuer's status list, [`StatusRecord`].
    Status(Did, u32),
    /// An issuer's anchored batch, [`AnchorRecord`].
    Anchor(Did, Digest),
    /// An agency's batch of receipts, [`ReceiptRecord`].
    Receipt(Did, Digest),
    /// When somebody was last dismissed from the committee, [`Moment`].
    Dismissal(Did),
    /// When somebody else signed an issuer's batch, the signer last, [`Moment`].
    Signature(Did, Digest, Did),
    /// How far an issuer's revocations have come, [`RevocationRecord`].
    Revocation(Did),
    /// The roots of a type's issuer sets, [`IssuerRoots`].
    IssuerSet(CredentialType),
    /// Everybody who was ever recognised for a type, `BTreeSet<Did>`.
    IssuersOf(CredentialType),
    /// Every type that somebody was ever recognised for, `BTreeSet<CredentialType>`.
    TypesOf(Did),
    /// The circuits' keys that the committee adopted last, [`CircuitKeysRecord`].
    CircuitKeys,
}

impl StateKey {
    /// The key's namespace.
    pub fn namespace(&self) -> &'static str {
        match self {
            Self::Did(_) => "did",
            Self::Actor(_) => "actor",
            Self::Committee => "committee",
            Self::Ballot(_) => "ballot",
            Self::Issuer(..) => "issuer",
            Self::Schema(_) => "schema",
            Self::SchemaLatest(..) => "schema-latest",
            Self::Policy(_) => "policy",
            Self::PolicyLatest(..) => "policy-latest",
            Self::Status(..) => "status",
            Self::Anchor(..) => "anchor",
            Self::Receipt(..) => "receipt",
            Self::Dismissal(_) => "dismissal",
            Self::Signature(..) => "signature",
            Self::Revocation(_) => "revocation",
            Self::IssuerSet(_) => "issuer-set",
            Self::IssuersOf(_) => "issuers-of",
            Self::TypesOf(_) => "types-of",
            Self::CircuitKeys => "circuit-keys",
        }
    }

    /// Where it lies in the state tree.
    pub fn hash(&self) -> Digest {
        digest(label::STATE_KEY, &[self.namespace().as_bytes(), &encode(self)])
    }
}

/// A published schema.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct SchemaRecord {
    /// The schema.
    pub schema: Schema,
    /// Who published it first.
    pub author: Did,
    /// When.
    pub published: Moment,
}

/// A published policy.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct PolicyRecord {
    /// The policy.
    pub policy: Policy,
    /// When.
    pub published: Moment,
}

/// The latest of a versioned series.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Latest {
    /// Its version.
    pub version: u32,
    /// Its identifier.
    pub id: Digest,
}

/// The head of a status list.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct StatusRecord {
    /// The head.
    pub head: StatusHead,
    /// When it moved.
    pub updated: Moment,
}

/// An anchored batch.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct AnchorRecord {
    /// Leaves.
    pub count: u32,
    /// When.
    pub anchored: Moment,
    /// When it was withdrawn, if it was.
    pub withdrawn: Option<Moment>,
}

/// An anchored batch of receipts.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct ReceiptRecord {
    /// What they record.
    pub kind: ReceiptKind,
    /// Leaves.
    pub count: u32,
    /// When.
    pub anchored: Moment,
}

/// Adopted keys of the circuits.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct CircuitKeysRecord {
    /// Digest of the ceremony's transcript and of each key.
    pub digest: Digest,
    /// When the committee decided.
    pub decided: Moment,
}

/// A record's type knows nothing of its key; this says which bytes a key's record decodes to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum Record {
    /// Under [`StateKey::Did`].
    Did(Box<DidRecord>),
    /// Under [`StateKey::Actor`].
    Actor(u64),
    /// Under [`StateKey::Committee`].
    Committee(Committee),
    /// Under [`StateKey::Ballot`].
    Ballot(Ballot),
    /// Under [`StateKey::Issuer`].
    Issuer(Recognition),
    /// Under [`StateKey::Schema`].
    Schema(SchemaRecord),
    /// Under [`StateKey::SchemaLatest`] and [`StateKey::PolicyLatest`].
    Latest(Latest),
    /// Under [`StateKey::Policy`].
    Policy(Box<PolicyRecord>),
    /// Under [`StateKey::Status`].
    Status(StatusRecord),
    /// Under [`StateKey::Anchor`].
    Anchor(AnchorRecord),
    /// Under [`StateKey::Receipt`].
    Receipt(ReceiptRecord),
    /// Under [`StateKey::Dismissal`] and [`StateKey::Signature`].
    Moment(Moment),
    /// Under [`StateKey::Revocation`].
    Revocation(RevocationRecord),
    /// Under [`StateKey::IssuerSet`].
    IssuerSet(Box<IssuerRoots>),
    /// Under [`StateKey::IssuersOf`].
    Dids(BTreeSet<Did>),
    /// Under [`StateKey::TypesOf`].
    Types(BTreeSet<CredentialType>),
    /// Under [`StateKey::CircuitKeys`].
    CircuitKeys(CircuitKeysRecord),
}

impl Record {
    /// Reads the bytes kept under `key`.
    ///
    /// # Errors
    /// [`did_registry::RegistryError::Malformed`] if they are not that key's kind of record.
    pub fn read(key: &StateKey, bytes: &[u8]) -> Result<Self, did_registry::RegistryError> {
        fn get<T: BorshSerialize + BorshDeserialize>(bytes: &[u8]) -> Result<T, did_registry::RegistryError> {
            did_registry::canonical::decode(bytes, crate::TRANSACTION_BYTES)
        }
        Ok(match key {
            StateKey::Did(_) => Self::Did(Box::new(get(bytes)?)),
            StateKey::Actor(_) => Self::Actor(get(bytes)?),
            StateKey::Committee => Self::Committee(get(bytes)?),
            StateKey::Ballot(_) => Self::Ballot(get(bytes)?),
            StateKey::Issuer(..) => Self::Issuer(get(bytes)?),
            StateKey::Schema(_) => Self::Schema(get(bytes)?),
            StateKey::SchemaLatest(..) | StateKey::PolicyLatest(..) => Self::Latest(get(bytes)?),
            StateKey::Policy(_) => Self::Policy(Box::new(get(bytes)?)),
            StateKey::Status(..) => Self::Status(get(bytes)?),
            StateKey::Anchor(..) => Self::Anchor(get(bytes)?),
            StateKey::Receipt(..) => Self::Receipt(get(bytes)?),
            StateKey::Dismissal(_) | StateKey::Signature(..) => Self::Moment(get(bytes)?),
            StateKey::Revocation(_) => Self::Revocation(get(bytes)?),
            StateKey::IssuerSet(_) => Self::IssuerSet(Box::new(get(bytes)?)),
            StateKey::IssuersOf(_) => Self::Dids(get(bytes)?),
            StateKey::TypesOf(_) => Self::Types(get(bytes)?),
            StateKey::CircuitKeys => Self::CircuitKeys(get(bytes)?),
        })
    }
}
