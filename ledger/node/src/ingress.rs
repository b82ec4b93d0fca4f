//! Checking what is submitted: many signatures at once, on all cores.
//!
//! Submissions that arrive while a batch is checked make up the next one, so batches grow with the load by
//! themselves; a lone one waits a millisecond for company, because a signature in a batch costs a third of
//! a single one. A transaction that is on the ledger already is answered from the index, whatever key its
//! actor has by now: resending is always safe.

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use std::collections::HashMap;
use std::sync::Weak;
use std::time::Duration;

use did_registry::{Did, DidOperation, Digest, PublicKey, RegistryError};
use ledger_chain::{Operation, Record, Refusal, SignedTransaction, StateKey, VerifiedTransaction};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::application::SIGNATURES;
use crate::ledger::Ledger;
use crate::mempool::{Account, Admission};
use crate::outcome::{Rejection, Status};
use crate::store::{Store, StoreError};

/// Submissions that may wait to be checked.
pub(crate) const GROUPS: usize = 4096;
/// Transactions that may be waiting to be checked or in checking.
pub(crate) const ROOM: usize = 65_536;
/// Transactions checked together.
const BATCH: usize = 4096;
/// How long a first submission waits for others.
const LINGER: Duration = Duration::from_millis(1);

/// The answer to one transaction.
pub(crate) type Verdict = Result<Status, Rejection>;

/// Transactions that somebody handed in together.
pub(crate) struct Submission {
    pub(crate) ids: Vec<Digest>,
    pub(crate) transactions: Vec<SignedTransaction>,
    pub(crate) reply: oneshot::Sender<Vec<Verdict>>,
    /// Given back when they are checked.
    pub(crate) _room: OwnedSemaphorePermit,
}

/// Gathers and checks until the ledger is gone.
pub(crate) async fn run(ledger: Weak<Ledger>, mut submissions: mpsc::Receiver<Submission>) {
    while let Some(first) = submissions.recv().await {
        let mut count = first.transactions.len();
        let mut batch = vec![first];
        let deadline = tokio::time::Instant::now() + LINGER;
        while count < SIGNATURES {
            match tokio::time::timeout_at(deadline, submissions.recv()).await {
                Ok(Some(next)) => {
                    count += next.transactions.len();
                    batch.push(next);
                }
                Ok(None) | Err(_) => break,
            }
        }
        while count < BATCH
            && let Ok(next) = submissions.try_recv()
        {
            count += next.transactions.len();
            batch.push(next);
        }
        let Some(ledger) = ledger.upgrade() else { return };
        // A panic in there drops the replies, and those who wait hear that the node is stopping.
        if let Err(failed) = tokio::task::spawn_blocking(move || check(&ledger, batch)).await {
            tracing::error!(%failed, "checking a batch of submissions failed");
        }
    }
}

fn check(ledger: &Ledger, batch: Vec<Submission>) {
    let (mut ids, mut transactions) = (Vec::new(), Vec::new());
    let mut replies = Vec::with_capacity(batch.len());
    for submission in batch {
        replies.push((submission.transactions.len(), submission.reply, submission._room));
        ids.extend(submission.ids);
        transactions.extend(submission.transactions);
    }
    let timer = ledger.metrics.verify_seconds.start_timer();
    let mut verdicts = judge(ledger, &ids, transactions).into_iter();
    timer.observe_duration();
    for (count, reply, room) in replies {
        drop(room);
        // Who no longer listens has the outcome under the transaction's id.
        let _gone = reply.send(verdicts.by_ref().take(count).collect());
    }
}

/// One verdict a transaction, in order.
fn judge(ledger: &Ledger, ids: &[Digest], transactions: Vec<SignedTransaction>) -> Vec<Verdict> {
    let mut verdicts: Vec<Option<Verdict>> = vec![None; transactions.len()];
    let (settled, accounts) = match accounts(ledger, &transactions) {
        Ok(known) => known,
        Err(error) => return ids.iter().map(|_| Err(Rejection::Halted(error.to_string()))).collect(),
    };
    let mut to_verify = Vec::with_capacity(transactions.len());
    for (slot, (signed, id)) in transactions.into_iter().zip(ids).enumerate() {
        let account = accounts.get(&signed.transaction.actor);
        match placed(ledger, &signed, id, account) {
            Ok(signer) => {
                let next = account.map_or(0, |account| account.next);
                to_verify.push(ToVerify { slot, next, signed, signer });
            }
            Err(verdict) => put(ledger, &mut verdicts, slot, verdict),
        }
    }
    let (mut slots, mut admissions) =
        (Vec::with_capacity(to_verify.len()), Vec::with_capacity(to_verify.len()));
    for (slot, outcome) in verify(ledger.id(), to_verify) {
        match outcome {
            Ok(admission) => {
                slots.push(slot);
                admissions.push(admission);
            }
            Err(error) => put(ledger, &mut verdicts, slot, Err(Rejection::Refused(error.into()))),
        }
    }
    ledger.outcomes.forget(admissions.iter().map(|admission| admission.verified.id()));
    let taken = ledger.mempool.admit(settled, admissions, |actor| next_of(&ledger.store, actor));
    for (slot, outcome) in slots.into_iter().zip(taken) {
        let verdict = match outcome {
            Ok(()) => Ok(Status::Pending),
            Err(Rejection::Refused(Refusal::SequenceUsed { actor, got, next })) => {
                // Committed while its signature was checked, perhaps.
                let used = Err(Refusal::SequenceUsed { actor, got, next }.into());
                ids.get(slot).and_then(|id| on_ledger(ledger, id)).unwrap_or(used)
            }
            Err(rejection) => Err(rejection),
        };
        put(ledger, &mut verdicts, slot, verdict);
    }
    let given = |verdict: Option<Verdict>| verdict.expect("given because each slot was handled once");
    verdicts.into_iter().map(given).collect()
}

fn put(ledger: &Ledger, verdicts: &mut [Option<Verdict>], slot: usize, verdict: Verdict) {
    if let Err(rejection) = &verdict {
        ledger.metrics.refused(rejection.code());
    }
    if let Some(place) = verdicts.get_mut(slot) {
        *place = Some(verdict);
    }
}

type Accounts = HashMap<Did, Account>;

/// What is known of the actors: from the mempool, else from the store, else from a creation in this batch.
fn accounts(ledger: &Ledger, transactions: &[SignedTransaction]) -> Result<(u64, Accounts), StoreError> {
    let mut actors: Vec<&Did> = transactions.iter().map(|signed| &signed.transaction.actor).collect();
    actors.sort_unstable();
    actors.dedup();
    let (settled, known) = ledger.mempool.accounts(actors.iter().copied());
    let mut accounts = Accounts::with_capacity(actors.len());
    let mut learnt = Vec::new();
    for (actor, known) in actors.into_iter().zip(known) {
        if let Some(account) = known {
            accounts.insert(actor.clone(), account);
        } else if let Some(control) = control_of(&ledger.store, actor)? {
            let account = Account { control, next: next_of(&ledger.store, actor)? };
            learnt.push((actor.clone(), account.clone()));
            accounts.insert(actor.clone(), account);
        }
    }
    ledger.mempool.learn(settled, learnt.into_iter());
    for signed in transactions {
        if let Operation::Did(DidOperation::Create(genesis)) = &signed.transaction.operation
            && genesis.did() == signed.transaction.actor
        {
            let account = Account { control: genesis.control.clone(), next: 0 };
            accounts.entry(signed.transaction.actor.clone()).or_insert(account);
        }
    }
    Ok((settled, accounts))
}

/// The key that must have signed; or, without looking at the signature, the verdict.
fn placed(
    ledger: &Ledger,
    signed: &SignedTransaction,
    id: &Digest,
    account: Option<&Account>,
) -> Result<PublicKey, Verdict> {
    let transaction = &signed.transaction;
    let actor = &transaction.actor;
    if let Some(next) = account.map(|account| account.next).filter(|next| transaction.sequence < *next) {
        let used = Refusal::SequenceUsed { actor: actor.clone(), got: transaction.sequence, next };
        return Err(on_ledger(ledger, id).unwrap_or(Err(used.into())));
    }
    if let Operation::Did(DidOperation::Create(genesis)) = &transaction.operation
        && &genesis.did() != actor
    {
        return Err(Err(Refusal::from(RegistryError::NotSelfCertified(genesis.did())).into()));
    }
    let signer = signed.signer(|_| account.map(|account| account.control.clone()));
    signer.ok_or_else(|| Err(Refusal::from(RegistryError::UnknownDid(actor.clone())).into()))
}

fn on_ledger(ledger: &Ledger, id: &Digest) -> Option<Verdict> {
    match ledger.store.transaction(id) {
        Ok(place) => place.map(|place| Ok(place.into())),
        Err(error) => Some(Err(Rejection::Halted(error.to_string()))),
    }
}

/// A transaction and the key that must have signed it.
struct ToVerify {
    slot: usize,
    next: u64,
    signed: SignedTransaction,
    signer: PublicKey,
}

type Checked = (usize, Result<Admission, RegistryError>);

/// Checks signatures, in no particular order of the answers.
fn verify(ledger: &Digest, mut all: Vec<ToVerify>) -> Vec<Checked> {
    // In a batch a key is unpacked once however many signatures it made, so those of an actor go together.
    all.sort_by(|one, other| one.signer.cmp(&other.signer));
    let mut chunks = Vec::new();
    while !all.is_empty() {
        chunks.push(all.split_off(all.len().saturating_sub(SIGNATURES)));
    }
    chunks.into_par_iter().flat_map_iter(|chunk| verify_chunk(ledger, chunk)).collect()
}

fn verify_chunk(ledger: &Digest, chunk: Vec<ToVerify>) -> Vec<Checked> {
    let (mut places, mut pairs) = (Vec::with_capacity(chunk.len()), Vec::with_capacity(chunk.len()));
    for ToVerify { slot, next, signed, signer } in chunk {
        let bytes = borsh::object_length(&signed).expect("counts because a Vec of bytes would be written");
        places.push((slot, next, bytes));
        pairs.push((signed, signer));
    }
    let outcomes = VerifiedTransaction::verify_all(ledger, pairs, &mut StdRng::from_entropy());
    let rows = places.into_iter().zip(outcomes);
    rows.map(|((slot, next, bytes), outcome)| {
        (slot, outcome.map(|verified| Admission { verified, bytes, next }))
    })
    .collect()
}

fn control_of(store: &Store, actor: &Did) -> Result<Option<PublicKey>, StoreError> {
    let key = StateKey::Did(actor.clone());
    match read(store, &key)? {
        Some(Record::Did(record)) => Ok(Some(record.control)),
        _ => Ok(None),
    }
}

fn next_of(store: &Store, actor: &Did) -> Result<u64, StoreError> {
    match read(store, &StateKey::Actor(actor.clone()))? {
        Some(Record::Actor(next)) => Ok(next),
        _ => Ok(0),
    }
}

fn read(store: &Store, key: &StateKey) -> Result<Option<Record>, StoreError> {
    let damaged = |error: RegistryError| StoreError::Damaged(error.to_string());
    store.record(key, u64::MAX)?.map(|bytes| Record::read(key, &bytes)).transpose().map_err(damaged)
}
