//! A ledger as the commands see it: pinned, followed, and believed only where a proof holds.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use did_registry::{Did, DidRecord, Digest, SigningKey, Timestamp};
use ledger_chain::light::TrustedHead;
use ledger_chain::tree::RecordProof;
use ledger_chain::{Genesis, Operation, Record, SignedHead, StateKey, Transaction};
use ledger_node::client::{ClientError, LedgerClient};
use serde::Deserialize;

use crate::agency::{Agency, AgencyError};

/// Why the ledger did not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Not reached, refused, or an answer that does not hold.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The same, of a question about the past.
    #[error("the ledger: {0}")]
    Http(#[from] AgencyError),
    /// An answer about the past that does not hold.
    #[error("the ledger's answer does not hold: {0}")]
    Proof(String),
    /// No such identifier.
    #[error("{0} is not registered")]
    Unregistered(Did),
}

/// Which state of the ledger is asked about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AsOf {
    /// The latest.
    Now,
    /// After the block at a height.
    Height(u64),
    /// After the last block at a time.
    Time(Timestamp),
}

/// A pinned ledger, reached through one node that need not be trusted.
#[derive(Debug)]
pub struct Ledger {
    client: LedgerClient,
    /// For questions about the past.
    past: Agency,
    genesis: Genesis,
    trusted: TrustedHead,
}

#[derive(Deserialize)]
struct PastAnswer {
    proof: String,
    signed_head: String,
}

impl Ledger {
    /// Reaches the ledger that starts from `genesis` through the node at `url`.
    ///
    /// # Errors
    /// [`LedgerError::Client`], also if the node serves another ledger.
    pub async fn connect(url: &str, genesis: Genesis) -> Result<Self, LedgerError> {
        let client = LedgerClient::new(url)?;
        let trusted = client.trust(&genesis).await?;
        Ok(Self { client, past: Agency::new(url)?, genesis, trusted })
    }

    /// The node's client.
    pub fn client(&self) -> &LedgerClient {
        &self.client
    }

    /// What the ledger starts from.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The ledger's identifier.
    pub fn id(&self) -> Digest {
        self.genesis.id()
    }

    /// The head that records are proved under.
    pub fn head(&self) -> &TrustedHead {
        &self.trusted
    }

    /// Moves on to the newest head.
    ///
    /// # Errors
    /// [`LedgerError::Client`], also if it does not continue what was trusted.
    pub async fn follow(&mut self) -> Result<(), LedgerError> {
        self.trusted = self.client.follow(&self.trusted).await?;
        Ok(())
    }

    /// A record under the newest head, or provably none.
    ///
    /// # Errors
    /// [`LedgerError::Client`].
    pub async fn record(&mut self, key: &StateKey) -> Result<Option<Record>, LedgerError> {
        self.follow().await?;
        Ok(self.client.record(&self.trusted, key).await?.into_value())
    }

    /// The record of an identifier.
    ///
    /// # Errors
    /// [`LedgerError::Unregistered`], [`LedgerError::Client`].
    pub async fn did(&mut self, did: &Did) -> Result<DidRecord, LedgerError> {
        match self.record(&StateKey::Did(did.clone())).await? {
            Some(Record::Did(record)) => Ok(*record),
            _ => Err(LedgerError::Unregistered(did.clone())),
        }
    }

    /// The record of an identifier as it was, and the head it is proved under.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn did_as_of(
        &mut self,
        did: &Did,
        as_of: AsOf,
    ) -> Result<(DidRecord, TrustedHead), LedgerError> {
        let query = match as_of {
            AsOf::Now => {
                let record = self.did(did).await?;
                return Ok((record, self.trusted.clone()));
            }
            AsOf::Height(height) => ("height", height.to_string()),
            AsOf::Time(time) => ("time", time.to_string()),
        };
        let answer: PastAnswer = self.past.get(&format!("/v1/records/did/{did}"), &[query], None).await?;
        let bytes = |text: &str| {
            URL_SAFE_NO_PAD.decode(text).map_err(|_| LedgerError::Proof("proofs travel as base64url".into()))
        };
        let broken = |error: &dyn std::fmt::Display| LedgerError::Proof(error.to_string());
        let signed = SignedHead::from_bytes(&bytes(&answer.signed_head)?).map_err(|error| broken(&error))?;
        let head = TrustedHead::from_genesis(&self.genesis, &signed).map_err(|error| broken(&error))?;
        // The node chose the height; it must be the one that was asked for.
        let asked = match as_of {
            AsOf::Height(height) => head.head().height == height,
            AsOf::Time(time) => head.head().time <= time,
            AsOf::Now => true,
        };
        if !asked {
            return Err(LedgerError::Proof("it is of another height than was asked for".into()));
        }
        let proof = RecordProof::from_bytes(&bytes(&answer.proof)?).map_err(|error| broken(&error))?;
        let key = StateKey::Did(did.clone());
        match head.lookup(&key, &proof).map_err(|error| broken(&error))?.into_value() {
            Some(Record::Did(record)) => Ok((*record, head)),
            _ => Err(LedgerError::Unregistered(did.clone())),
        }
    }

    /// Signs an operation, sends it and waits until a block holds it; gives the block's height.
    ///
    /// That the node says so is not enough: the transaction is proved to be in the history that continues the pinned
    /// one.
    ///
    /// # Errors
    /// [`LedgerError::Client`] with the ledger's refusal, or that the proof does not hold.
    pub async fn commit(
        &self,
        actor: &Did,
        control: &SigningKey,
        operation: Operation,
    ) -> Result<u64, LedgerError> {
        let sequence = self.client.next_sequence(actor).await?;
        let transaction = Transaction { actor: actor.clone(), sequence, operation };
        let signed = transaction.sign(&self.id(), control);
        self.client.commit(&signed).await?;
        let (_, at) = self.client.prove_committed(&self.trusted, &signed.id()).await?;
        Ok(at.height)
    }
}
