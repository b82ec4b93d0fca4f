//! What the API and tests ask of a ledger: heads, records, blocks, and the proofs of each.

use did_registry::{Did, DidRecord, Digest, RegistryError, Timestamp};
use ledger_chain::history::{ConsistencyProof, TransactionProof};
use ledger_chain::tree::{ProofError, RecordProof, prove};
use ledger_chain::{Block, Record, SignedHead, StateKey};

use super::Ledger;
use crate::store::{LogView, StoreError, TreeView};

/// A record, or its absence, with the proof and the head it is proved under.
#[derive(Clone, Debug)]
pub struct ProvenRecord {
    /// The record; `None` if there is none.
    pub record: Option<Record>,
    /// The proof.
    pub proof: RecordProof,
    /// The head.
    pub head: SignedHead,
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The ledger has not come that far, or had not begun.
    #[error("the ledger has no block at this height or time yet")]
    NoSuchHeight,
    /// An id that is in no block.
    #[error("no block holds this transaction")]
    NoSuchTransaction,
    /// More belongs into a trust bundle than one holds.
    #[error(
        "a trust bundle has at most {records} records, of {bytes} bytes in all; \
         the committee can end the recognition of whoever publishes too much"
    )]
    BundleFull {
        /// How many records.
        records: usize,
        /// How many bytes.
        bytes: usize,
    },
    /// A proof that cannot be made.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The disk.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<RegistryError> for QueryError {
    fn from(error: RegistryError) -> Self {
        Self::Store(StoreError::Damaged(error.to_string()))
    }
}

impl Ledger {
    /// The signed head of a height.
    ///
    /// # Errors
    /// [`QueryError::NoSuchHeight`], [`QueryError::Store`].
    pub fn head(&self, height: u64) -> Result<SignedHead, QueryError> {
        self.store.head(height)?.ok_or(QueryError::NoSuchHeight)
    }

    /// The signed head of the last block.
    ///
    /// # Errors
    /// [`QueryError::NoSuchHeight`] before block 0.
    pub fn latest(&self) -> Result<SignedHead, QueryError> {
        self.tip().map(|tip| tip.head.clone()).ok_or(QueryError::NoSuchHeight)
    }

    /// The height that was the latest at a time.
    ///
    /// # Errors
    /// [`QueryError::NoSuchHeight`] before block 0, [`QueryError::Store`].
    pub fn height_at(&self, time: Timestamp) -> Result<u64, QueryError> {
        self.store.height_at(time)?.ok_or(QueryError::NoSuchHeight)
    }

    /// Proof that the head at `new` continues the one at `old`.
    ///
    /// # Errors
    /// [`QueryError::NoSuchHeight`] unless `old ≤ new ≤` the tip, [`QueryError::Store`].
    pub fn consistency(&self, old: u64, new: u64) -> Result<ConsistencyProof, QueryError> {
        self.check_height(new)?;
        let log = LogView::new(&self.store, None);
        let proof = ConsistencyProof::new(&log, old, new);
        log.check()?;
        proof.ok_or(QueryError::NoSuchHeight)
    }

    /// A block.
    ///
    /// # Errors
    /// [`QueryError::NoSuchHeight`], [`QueryError::Store`].
    pub fn block(&self, height: u64) -> Result<Block, QueryError> {
        let bytes = self.store.block(height)?.ok_or(QueryError::NoSuchHeight)?;
        Ok(Block::from_bytes(&bytes)?)
    }

    /// A record as of `height` with its proof under that height's head.
    ///
    /// # Errors
    /// [`QueryError::NoSuchHeight`], [`QueryError::Proof`], [`QueryError::Store`].
    pub fn record(&self, key: &StateKey, height: u64) -> Result<ProvenRecord, QueryError> {
        let head = self.head(height)?;
        let roots = self.store.roots(height)?.ok_or(QueryError::NoSuchHeight)?;
        let view = TreeView::new(&self.store, None);
        let proof = prove(&view, key, height, &roots);
        view.check()?;
        let proof = proof?;
        let record = self.store.record(key, height)?.map(|bytes| Record::read(key, &bytes)).transpose()?;
        Ok(ProvenRecord { record, proof, head })
    }

    /// An identifier's record as of a height; no proof, so quick.
    ///
    /// # Errors
    /// [`QueryError::NoSuchHeight`], [`QueryError::Store`].
    pub fn did(&self, did: &Did, height: u64) -> Result<Option<DidRecord>, QueryError> {
        self.check_height(height)?;
        let key = StateKey::Did(did.clone());
        match self.store.record(&key, height)?.map(|bytes| Record::read(&key, &bytes)).transpose()? {
            Some(Record::Did(record)) => Ok(Some(*record)),
            _ => Ok(None),
        }
    }

    /// Proof that a transaction is in the history of the head at `height`.
    ///
    /// # Errors
    /// [`QueryError::NoSuchTransaction`], [`QueryError::NoSuchHeight`] if it came later, [`QueryError::Store`].
    pub fn transaction_proof(&self, id: &Digest, height: u64) -> Result<TransactionProof, QueryError> {
        self.check_height(height)?;
        let place = self.store.transaction(id)?.ok_or(QueryError::NoSuchTransaction)?;
        let block = self.block(place.height)?;
        let log = LogView::new(&self.store, None);
        let proof = TransactionProof::new(&log, &block, place.position.into(), height);
        log.check()?;
        proof.ok_or(QueryError::NoSuchHeight)
    }

    fn check_height(&self, height: u64) -> Result<(), QueryError> {
        let tip = self.tip().ok_or(QueryError::NoSuchHeight)?;
        if height > tip.header.height { Err(QueryError::NoSuchHeight) } else { Ok(()) }
    }
}
