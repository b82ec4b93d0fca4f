//! Operations: the closed set of things that can happen on the ledger.
//!
//! No virtual machine: each operation is a variant, each rule a function. None carries personal data; the
//! only free texts are names of types, rules and services, bounded where they are read.

use borsh::{BorshDeserialize, BorshSerialize};
use credential::Policy;
use credential::zk::RevocationDelta;
use did_registry::{Did, DidOperation, Digest, Schema, Vote};
use serde::Serialize;

/// Head of an issuer's status list: the digest of the signed token that verifiers download.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct StatusHead {
    /// The issuer's number for the list.
    pub list: u32,
    /// Where the token is served, and its `sub`; set once per list.
    pub uri: String,
    /// Rises with every change, so that a rolled-back list is seen.
    pub epoch: u64,
    /// Digest of the token under the status-list label.
    pub digest: Digest,
}

/// What happens to a batch of blinded credential commitments.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnchorOperation {
    /// Anchors a batch of the actor's own.
    Batch {
        /// Merkle root of the blinded commitments.
        root: Digest,
        /// How many.
        count: u32,
    },
    /// Adds the actor's signature to another's batch.
    Sign {
        /// Whose batch.
        issuer: Did,
        /// Which.
        root: Digest,
    },
    /// Withdraws a batch of the actor's own; nobody else can (W8).
    Withdraw {
        /// Which.
        root: Digest,
    },
}

/// What a batch of blinded receipts records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, BorshSerialize, BorshDeserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReceiptKind {
    /// Holders' consents.
    Consent,
    /// Decisions that turned foreign evidence into a pass.
    Transcoding,
    /// Uses of data.
    Use,
}

/// A batch of blinded receipts.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct ReceiptBatch {
    /// What they record.
    pub kind: ReceiptKind,
    /// Merkle root of the blinded commitments.
    pub root: Digest,
    /// How many.
    pub count: u32,
}

/// Everything that can happen.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
#[serde(rename_all = "kebab-case", tag = "namespace", content = "operation")]
pub enum Operation {
    /// On an identifier.
    Did(DidOperation),
    /// A committee member's vote.
    Role(Vote),
    /// Publishes a schema.
    Schema(Schema),
    /// Publishes the actor's rule.
    Policy(Policy),
    /// Moves the head of one of the actor's status lists.
    Status(StatusHead),
    /// On a batch of blinded commitments.
    Anchor(AnchorOperation),
    /// Anchors a batch of blinded receipts.
    Receipt(ReceiptBatch),
    /// Changes the actor's status tree.
    Revocation(RevocationDelta),
}

impl Operation {
    /// The namespace, for counters and pages.
    pub fn namespace(&self) -> &'static str {
        match self {
            Self::Did(_) => "did",
            Self::Role(_) => "role",
            Self::Schema(_) => "schema",
            Self::Policy(_) => "policy",
            Self::Status(_) => "status",
            Self::Anchor(_) => "anchor",
            Self::Receipt(_) => "receipt",
            Self::Revocation(_) => "revocation",
        }
    }
}
