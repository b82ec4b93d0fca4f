//! Execution: a function for each rule, over an overlay that a refused transaction leaves untouched.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use borsh::{BorshDeserialize, BorshSerialize};
use credential::zk::{DeltaError, RevocationDelta, RevocationRecord};
use credential::{Policy, PolicyError};
use did_registry::canonical::{decode, encode};
use did_registry::{
    Ballot, Committee, CredentialType, Did, DidOperation, DidRecord, Moment, Motion, Recognition,
    RegistryError, Schema, SchemaError, Vote,
};

use crate::{
    AnchorOperation, AnchorRecord, CircuitKeysRecord, Genesis, Latest, Operation, PolicyRecord, ReceiptBatch,
    ReceiptRecord, SchemaRecord, StateKey, StatusHead, StatusRecord, TRANSACTION_BYTES, VerifiedTransaction,
};

mod fold;

use fold::Touched;

/// Issuers of a type, ever, and types of an issuer: an issuer set holds several keys of each.
const RECOGNISED: usize = 256;

/// Committed records, as of the block before.
pub trait Committed {
    /// The record's bytes; `None` if there is none.
    fn record(&self, key: &StateKey) -> Option<Vec<u8>>;
}

/// Records changed since a committed state.
pub type Changes = BTreeMap<StateKey, Vec<u8>>;

/// A committed state and the changes of the block being built.
pub struct Overlay<'a> {
    base: &'a dyn Committed,
    changes: Changes,
    /// Senders' records, decoded: reading one checks every key in it, which costs more than all its rules.
    actors: HashMap<Did, Rc<DidRecord>>,
    /// What may have changed an issuer set.
    touched: Touched,
}

/// Why a transaction does not enter the ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A rule of the registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A senseless schema.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A senseless policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Used already: a replay, or a second operation under one number.
    #[error("sequence {got} of {actor} is used; the next is {next}")]
    SequenceUsed {
        /// Who.
        actor: Did,
        /// What was sent.
        got: u64,
        /// What is expected.
        next: u64,
    },
    /// Ahead of its turn.
    #[error("sequence {got} of {actor} is ahead of its turn; the next is {next}")]
    SequenceAhead {
        /// Who.
        actor: Did,
        /// What was sent.
        got: u64,
        /// What is expected.
        next: u64,
    },
    /// A DID of another network.
    #[error("{0} belongs to another network")]
    OtherNetwork(Did),
    /// A policy in another's name.
    #[error("a policy is published by its verifier, {0}")]
    NotVerifier(Did),
    /// Not newer than the latest.
    #[error("version {got} is not after the latest, {latest}")]
    NotNewer {
        /// The latest published.
        latest: u64,
        /// What was sent.
        got: u64,
    },
    /// The exact thing is on the ledger.
    #[error("this {0} is on the ledger already")]
    Exists(&'static str),
    /// Nothing there.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// Bounds of a field.
    #[error("{0}")]
    Bounds(&'static str),
    /// A senseless delta of revocations.
    #[error(transparent)]
    Delta(#[from] DeltaError),
    /// Withdrawn batches take no more signatures.
    #[error("this batch is withdrawn")]
    Withdrawn,
}

impl Refusal {
    /// A stable code that names the rule; part of the public interface.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Registry(error) => error.code(),
            Self::Schema(_) => "SCHEMA_RULE",
            Self::Policy(_) => "POLICY_RULE",
            Self::SequenceUsed { .. } => "SEQUENCE_USED",
            Self::SequenceAhead { .. } => "SEQUENCE_AHEAD",
            Self::OtherNetwork(_) => "OTHER_NETWORK",
            Self::NotVerifier(_) => "NOT_VERIFIER",
            Self::NotNewer { .. } => "NOT_NEWER",
            Self::Exists(_) => "EXISTS",
            Self::Missing(_) => "MISSING",
            Self::Bounds(_) => "BOUNDS",
            Self::Delta(_) => "REVOCATION_RULE",
            Self::Withdrawn => "WITHDRAWN",
        }
    }
}

impl<'a> Overlay<'a> {
    /// No changes yet.
    pub fn new(base: &'a dyn Committed) -> Self {
        Self { base, changes: Changes::new(), actors: HashMap::new(), touched: Touched::default() }
    }

    /// The changes made, with the issuer sets that follow from them, at the end of the block at `at`.
    pub fn into_changes(mut self, at: Moment) -> Changes {
        self.fold(at);
        self.changes
    }

    /// Reads a record.
    ///
    /// # Panics
    /// If a committed record does not decode, which means that the database is corrupt.
    pub fn get<T: BorshSerialize + BorshDeserialize>(&self, key: &StateKey) -> Option<T> {
        let stored = match self.changes.get(key) {
            Some(bytes) => decode(bytes, TRANSACTION_BYTES),
            None => decode(&self.base.record(key)?, TRANSACTION_BYTES),
        };
        Some(stored.expect("decodes because only execution writes records"))
    }

    /// A sender's record, decoded once a block and again when it has changed.
    fn actor(&mut self, did: &Did) -> Option<Rc<DidRecord>> {
        if let Some(known) = self.actors.get(did) {
            return Some(known.clone());
        }
        let record: Rc<DidRecord> = Rc::new(self.get(&StateKey::Did(did.clone()))?);
        self.actors.insert(did.clone(), record.clone());
        Some(record)
    }

    fn put<T: BorshSerialize>(&mut self, key: StateKey, record: &T) {
        self.write(write(key, record));
    }

    /// The only way to change a record.
    fn write(&mut self, (key, record): Write) {
        if let StateKey::Did(did) = &key {
            self.actors.remove(did);
        }
        self.changes.insert(key, record);
    }
}

/// Writes what a genesis says.
///
/// # Errors
/// [`Refusal`] if the genesis breaks a rule.
pub fn genesis(overlay: &mut Overlay<'_>, genesis: &Genesis) -> Result<(), Refusal> {
    genesis.check()?;
    let at = Moment { height: 0, time: genesis.time };
    for did in &genesis.dids {
        let record = DidRecord::create(&did.did(), did, at)?;
        overlay.put(StateKey::Did(record.did.clone()), &record);
    }
    overlay.put(StateKey::Committee, &genesis.committee);
    Ok(())
}

/// Executes one transaction of the block at `at`; on refusal the overlay is as before.
///
/// # Errors
/// The rule broken.
pub fn execute(overlay: &mut Overlay<'_>, verified: &VerifiedTransaction, at: Moment) -> Result<(), Refusal> {
    let transaction = &verified.signed.transaction;
    let actor = &transaction.actor;
    let writes = match &transaction.operation {
        Operation::Did(DidOperation::Create(genesis)) => {
            check_sequence(0, actor, transaction.sequence)?;
            if genesis.control != verified.signer {
                return Err(RegistryError::NotControlKey(actor.clone()).into());
            }
            check_network(overlay, actor)?;
            if overlay.get::<DidRecord>(&StateKey::Did(actor.clone())).is_some() {
                return Err(RegistryError::DidExists(actor.clone()).into());
            }
            vec![write(StateKey::Did(actor.clone()), &DidRecord::create(actor, genesis, at)?)]
        }
        operation => {
            let record = overlay.actor(actor).ok_or_else(|| RegistryError::UnknownDid(actor.clone()))?;
            record.check_active()?;
            if record.control != verified.signer {
                return Err(RegistryError::NotControlKey(actor.clone()).into());
            }
            let next = overlay.get(&StateKey::Actor(actor.clone())).unwrap_or(0);
            check_sequence(next, actor, transaction.sequence)?;
            match operation {
                Operation::Did(operation) => did(overlay, &record, operation, at)?,
                Operation::Role(vote) => role(overlay, actor, vote, at)?,
                Operation::Schema(schema) => publish_schema(overlay, actor, schema, at)?,
                Operation::Policy(policy) => publish_policy(overlay, actor, policy, at)?,
                Operation::Status(head) => move_status(overlay, actor, head, at)?,
                Operation::Anchor(operation) => anchor(overlay, actor, operation, at)?,
                Operation::Receipt(batch) => receipt(overlay, actor, batch, at)?,
                Operation::Revocation(delta) => revoke(overlay, actor, delta, at)?,
            }
        }
    };
    // A new identifier is recognised for nothing yet.
    if !matches!(transaction.operation, Operation::Did(DidOperation::Create(_))) {
        overlay.touched.note(writes.iter().map(|(key, _)| key));
    }
    writes.into_iter().for_each(|write| overlay.write(write));
    overlay.put(StateKey::Actor(actor.clone()), &(transaction.sequence + 1));
    Ok(())
}

type Write = (StateKey, Vec<u8>);

fn write<T: BorshSerialize>(key: StateKey, record: &T) -> Write {
    (key, encode(record))
}

fn check_sequence(next: u64, actor: &Did, got: u64) -> Result<(), Refusal> {
    let actor = actor.clone();
    match got.cmp(&next) {
        std::cmp::Ordering::Equal if next < u64::MAX => Ok(()),
        std::cmp::Ordering::Greater => Err(Refusal::SequenceAhead { actor, got, next }),
        _ => Err(Refusal::SequenceUsed { actor, got, next }),
    }
}

/// Identifiers live on the network that the committee's live on.
fn check_network(overlay: &Overlay<'_>, actor: &Did) -> Result<(), Refusal> {
    let committee: Committee = overlay.get(&StateKey::Committee).ok_or(Refusal::Missing("committee"))?;
    match committee.members().first() {
        Some(member) if member.network() != actor.network() => Err(Refusal::OtherNetwork(actor.clone())),
        _ => Ok(()),
    }
}

fn did(
    overlay: &Overlay<'_>,
    actor: &DidRecord,
    operation: &DidOperation,
    at: Moment,
) -> Result<Vec<Write>, Refusal> {
    let subject = operation.subject(&actor.did);
    let record: DidRecord = overlay
        .get(&StateKey::Did(subject.clone()))
        .ok_or_else(|| RegistryError::UnknownDid(subject.clone()))?;
    let after = record.apply(&actor.did, operation, at)?;
    Ok(vec![write(StateKey::Did(subject.clone()), &after)])
}

fn role(overlay: &Overlay<'_>, actor: &Did, vote: &Vote, at: Moment) -> Result<Vec<Write>, Refusal> {
    let committee: Committee = overlay.get(&StateKey::Committee).ok_or(Refusal::Missing("committee"))?;
    let subject = match &vote.motion {
        Motion::AddMember(did) | Motion::RemoveMember(did) => Some(did),
        Motion::RecogniseIssuer { issuer, .. } | Motion::WithdrawIssuer { issuer, .. } => Some(issuer),
        Motion::SetThreshold(_) | Motion::AdoptCircuitKeys(_) => None,
    };
    if let Some(did) = subject
        && overlay.get::<DidRecord>(&StateKey::Did(did.clone())).is_none()
    {
        return Err(RegistryError::UnknownDid(did.clone()).into());
    }
    let key = StateKey::Ballot(vote.motion_id());
    let dismissed = |did: &Did| overlay.get(&StateKey::Dismissal(did.clone()));
    let ballot: Ballot = committee.vote(overlay.get(&key), actor, vote, at, dismissed)?;
    let decided = ballot.decided.is_some();
    let mut writes = vec![write(key, &ballot)];
    if decided {
        writes.push(write(StateKey::Committee, &committee.decide(&vote.motion)?));
        match &vote.motion {
            Motion::RecogniseIssuer { issuer, credential_type, from, until } => {
                let recognition = Recognition {
                    issuer: issuer.clone(),
                    credential_type: credential_type.clone(),
                    from: *from,
                    until: *until,
                    decided: at,
                };
                writes.push(write(StateKey::Issuer(credential_type.clone(), issuer.clone()), &recognition));
                writes.extend(index(overlay, issuer, credential_type)?);
            }
            Motion::WithdrawIssuer { issuer, credential_type } => {
                let key = StateKey::Issuer(credential_type.clone(), issuer.clone());
                let recognition: Recognition =
                    overlay.get(&key).ok_or_else(|| RegistryError::NotRecognised(issuer.clone()))?;
                writes.push(write(key, &recognition.withdrawn(at)));
            }
            Motion::RemoveMember(did) => writes.push(write(StateKey::Dismissal(did.clone()), &at)),
            Motion::AdoptCircuitKeys(digest) => {
                let record = CircuitKeysRecord { digest: *digest, decided: at };
                writes.push(write(StateKey::CircuitKeys, &record));
            }
            Motion::AddMember(_) | Motion::SetThreshold(_) => {}
        }
    }
    Ok(writes)
}

/// Remembers who was recognised for what, both ways.
fn index(overlay: &Overlay<'_>, issuer: &Did, kind: &CredentialType) -> Result<Vec<Write>, Refusal> {
    let (of, for_what) = (StateKey::IssuersOf(kind.clone()), StateKey::TypesOf(issuer.clone()));
    let mut issuers: BTreeSet<Did> = overlay.get(&of).unwrap_or_default();
    let mut types: BTreeSet<CredentialType> = overlay.get(&for_what).unwrap_or_default();
    if !issuers.insert(issuer.clone()) {
        return Ok(Vec::new());
    }
    types.insert(kind.clone());
    if issuers.len() > RECOGNISED || types.len() > RECOGNISED {
        return Err(Refusal::Bounds("a type has at most 256 issuers, ever, and an issuer as many types"));
    }
    Ok(vec![write(of, &issuers), write(for_what, &types)])
}

fn revoke(
    overlay: &Overlay<'_>,
    actor: &Did,
    delta: &RevocationDelta,
    at: Moment,
) -> Result<Vec<Write>, Refusal> {
    delta.check()?;
    let key = StateKey::Revocation(actor.clone());
    let latest = overlay.get::<RevocationRecord>(&key).map_or(0, |record| record.epoch);
    if delta.epoch != latest + 1 {
        // In order and without gaps, or nobody could follow.
        return Err(Refusal::NotNewer { latest, got: delta.epoch });
    }
    Ok(vec![write(key, &RevocationRecord { epoch: delta.epoch, root: delta.root, updated: at })])
}

fn check_newer(overlay: &Overlay<'_>, key: &StateKey, version: u32) -> Result<(), Refusal> {
    match overlay.get::<Latest>(key) {
        Some(latest) if version <= latest.version => {
            Err(Refusal::NotNewer { latest: latest.version.into(), got: version.into() })
        }
        _ => Ok(()),
    }
}

fn publish_schema(
    overlay: &Overlay<'_>,
    actor: &Did,
    schema: &Schema,
    at: Moment,
) -> Result<Vec<Write>, Refusal> {
    schema.check()?;
    let id = schema.id();
    if overlay.get::<SchemaRecord>(&StateKey::Schema(id)).is_some() {
        return Err(Refusal::Exists("schema"));
    }
    let latest = StateKey::SchemaLatest(actor.clone(), schema.credential_type.clone());
    check_newer(overlay, &latest, schema.version)?;
    let record = SchemaRecord { schema: schema.clone(), author: actor.clone(), published: at };
    Ok(vec![write(StateKey::Schema(id), &record), write(latest, &Latest { version: schema.version, id })])
}

fn publish_policy(
    overlay: &Overlay<'_>,
    actor: &Did,
    policy: &Policy,
    at: Moment,
) -> Result<Vec<Write>, Refusal> {
    if &policy.verifier != actor {
        return Err(Refusal::NotVerifier(policy.verifier.clone()));
    }
    let schema: SchemaRecord =
        overlay.get(&StateKey::Schema(policy.schema)).ok_or(Refusal::Missing("schema"))?;
    policy.check_against(&schema.schema)?;
    let id = policy.id();
    let latest = StateKey::PolicyLatest(actor.clone(), policy.name.clone());
    check_newer(overlay, &latest, policy.version)?;
    let record = PolicyRecord { policy: policy.clone(), published: at };
    Ok(vec![write(StateKey::Policy(id), &record), write(latest, &Latest { version: policy.version, id })])
}

fn move_status(
    overlay: &Overlay<'_>,
    actor: &Did,
    head: &StatusHead,
    at: Moment,
) -> Result<Vec<Write>, Refusal> {
    let web = head.uri.starts_with("https://") || head.uri.starts_with("http://");
    if !web || head.uri.len() > 256 {
        return Err(Refusal::Bounds("a status list is served at an http(s) address of at most 256 bytes"));
    }
    let key = StateKey::Status(actor.clone(), head.list);
    if let Some(before) = overlay.get::<StatusRecord>(&key) {
        if head.epoch <= before.head.epoch {
            return Err(Refusal::NotNewer { latest: before.head.epoch, got: head.epoch });
        }
        if head.uri != before.head.uri {
            return Err(Refusal::Bounds("a status list keeps its address"));
        }
    }
    Ok(vec![write(key, &StatusRecord { head: head.clone(), updated: at })])
}

fn anchor(
    overlay: &Overlay<'_>,
    actor: &Did,
    operation: &AnchorOperation,
    at: Moment,
) -> Result<Vec<Write>, Refusal> {
    let (issuer, root) = match operation {
        AnchorOperation::Batch { root, .. } | AnchorOperation::Withdraw { root } => (actor, root),
        AnchorOperation::Sign { issuer, root } => (issuer, root),
    };
    let key = StateKey::Anchor(issuer.clone(), *root);
    let (key, record) = match (operation, overlay.get::<AnchorRecord>(&key)) {
        (AnchorOperation::Batch { count: 0, .. }, _) => return Err(Refusal::Bounds("a batch has leaves")),
        (AnchorOperation::Batch { .. }, Some(_)) => return Err(Refusal::Exists("anchor")),
        (AnchorOperation::Batch { count, .. }, None) => {
            write(key, &AnchorRecord { count: *count, anchored: at, withdrawn: None })
        }
        (_, None) => return Err(Refusal::Missing("anchor")),
        (_, Some(AnchorRecord { withdrawn: Some(_), .. })) => return Err(Refusal::Withdrawn),
        (AnchorOperation::Withdraw { .. }, Some(record)) => {
            write(key, &AnchorRecord { withdrawn: Some(at), ..record })
        }
        (AnchorOperation::Sign { .. }, Some(_)) => {
            // A record of the signer's own: places in the batch's would be taken by whoever comes first.
            let key = StateKey::Signature(issuer.clone(), *root, actor.clone());
            if overlay.get::<Moment>(&key).is_some() {
                return Err(Refusal::Exists("signature"));
            }
            write(key, &at)
        }
    };
    Ok(vec![(key, record)])
}

fn receipt(
    overlay: &Overlay<'_>,
    actor: &Did,
    batch: &ReceiptBatch,
    at: Moment,
) -> Result<Vec<Write>, Refusal> {
    if batch.count == 0 {
        return Err(Refusal::Bounds("a batch has leaves"));
    }
    let key = StateKey::Receipt(actor.clone(), batch.root);
    if overlay.get::<ReceiptRecord>(&key).is_some() {
        return Err(Refusal::Exists("receipt"));
    }
    Ok(vec![write(key, &ReceiptRecord { kind: batch.kind, count: batch.count, anchored: at })])
}

#[cfg(test)]
mod tests;
