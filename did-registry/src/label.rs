//! Every domain-separation label of the product, in one list.
//!
//! A label is hashed before anything else, followed by a zero byte, so no two uses of a hash or a
//! signature can be confused. Adding a label here is the only way to start a new use.

/// Identifier of a DID: hash of its canonical genesis operation.
pub const DID_GENESIS: &str = "causeway/did/genesis/1";
/// Hash of one DID operation, named by the next one.
pub const DID_OPERATION: &str = "causeway/did/operation/1";
/// Proof by an incoming control key that its holder agrees to a rotation.
pub const DID_ROTATION: &str = "causeway/did/rotation/1";
/// A guardian's approval of a recovery.
pub const DID_RECOVERY: &str = "causeway/did/recovery/1";
/// Commitment to a key that a later rotation reveals.
pub const KEY_COMMITMENT: &str = "causeway/key/commitment/1";
/// A committee motion's identifier.
pub const ROLE_MOTION: &str = "causeway/role/motion/1";
/// A schema's identifier.
pub const SCHEMA: &str = "causeway/schema/1";
/// A policy's identifier.
pub const POLICY: &str = "causeway/policy/1";
/// Bytes that a ledger transaction's signature covers.
pub const TRANSACTION: &str = "causeway/ledger/transaction/1";
/// A ledger transaction's identifier.
pub const TRANSACTION_ID: &str = "causeway/ledger/transaction-id/1";
/// A block header's hash.
pub const BLOCK: &str = "causeway/ledger/block/1";
/// Bytes that a signed head's certificate covers.
pub const SIGNED_HEAD: &str = "causeway/ledger/head/1";
/// A ledger's genesis document, and so its network fingerprint.
pub const LEDGER_GENESIS: &str = "causeway/ledger/genesis/1";
/// A validator set's hash.
pub const VALIDATORS: &str = "causeway/ledger/validators/1";
/// A key of the state tree.
pub const STATE_KEY: &str = "causeway/ledger/state-key/1";
/// A value of the state tree.
pub const STATE_VALUE: &str = "causeway/ledger/state-value/1";
/// Digest of an issued credential's signed bytes.
pub const CREDENTIAL: &str = "causeway/credential/1";
/// Blinded commitment to a credential, a leaf of an anchored batch.
pub const ANCHOR_LEAF: &str = "causeway/anchor/leaf/1";
/// Blinded commitment to a receipt, a leaf of an anchored batch.
pub const RECEIPT_LEAF: &str = "causeway/receipt/leaf/1";
/// A consent that a holder signs.
pub const CONSENT: &str = "causeway/consent/1";
/// A transcoding receipt's digest.
pub const TRANSCODING: &str = "causeway/transcoding/1";
/// A status list's anchored digest.
pub const STATUS_LIST: &str = "causeway/status-list/1";
/// A holder's proof of possession when claiming a credential.
pub const POSSESSION: &str = "causeway/holder/possession/1";
/// What stands for a text in the circuit.
pub const ZK_TEXT: &str = "causeway/zk/text/1";
/// What stands in the circuit for a claim that is missing.
pub const ZK_ABSENT: &str = "causeway/zk/absent/1";
/// What stands for a schema in the circuit.
pub const ZK_SCHEMA: &str = "causeway/zk/schema/1";
/// Where and when a nullifier counts.
pub const ZK_SCOPE: &str = "causeway/zk/scope/1";
/// What a proof is bound to.
pub const ZK_CONTEXT: &str = "causeway/zk/context/1";
/// What a proof that one knows a holder's secret is bound to.
pub const ZK_POSSESSION: &str = "causeway/zk/possession/1";
/// What the key made for one show signs.
pub const ZK_SHOW: &str = "causeway/zk/show/1";
/// The circuits' keys and the transcript of their ceremony.
pub const ZK_KEYS: &str = "causeway/zk/keys/1";
/// A trust bundle's digest.
pub const BUNDLE: &str = "causeway/bundle/1";
