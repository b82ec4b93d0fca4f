//! A client of the API that believes nothing it cannot check.
//!
//! It starts from a genesis, follows heads with a [`TrustedHead`], and gives records only as
//! [`Proven`], verified under the trusted head. What it sends is idempotent, so a call that failed on the way
//! can be repeated as it is.
//!
//! ```no_run
//! # use ledger_node::client::{ClientError, LedgerClient};
//! # use ledger_chain::{Genesis, StateKey};
//! # async fn example(genesis: Genesis) -> Result<(), ClientError> {
//! let client = LedgerClient::new("http://127.0.0.1:7700")?;
//! let trusted = client.trust(&genesis).await?;
//! let trusted = client.follow(&trusted).await?;
//! let committee = client.record(&trusted, &StateKey::Committee).await?;
//! # Ok(()) }
//! ```

use std::time::Duration;

use credential::zk::RevocationDelta;
use did_registry::canonical::decode;
use did_registry::{Did, Digest, Moment};
use ledger_chain::bundle::{BUNDLE_BYTES, TrustBundle};
use ledger_chain::history::{ConsistencyProof, TransactionProof};
use ledger_chain::light::{Proven, TrustedHead};
use ledger_chain::tree::RecordProof;
use ledger_chain::{
    BLOCK_BYTES, Block, Genesis, Record, SignedHead, SignedTransaction, StateKey, TRANSACTION_BYTES,
};
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Submitted;
use crate::egress::EgressLog;
use crate::http::key_text;
use crate::http::read::DELTA_BYTES;
use crate::outcome::Status;

mod answer;
mod error;
mod events;

use answer::{
    ANSWER, body, bytes, committed, consistency, parse, proof_and_head, read, successful,
    transaction_and_head,
};
pub use error::ClientError;
pub use events::{LedgerEvent, LedgerEvents};

/// What the ledger has for a key, and everything that shows it.
#[derive(Clone, Debug)]
pub struct CurrentRecord {
    /// The record; provably none if there is none.
    pub record: Option<Record>,
    /// Its proof.
    pub proof: RecordProof,
    /// The head it is proved under, to be passed on.
    pub head: SignedHead,
    /// The same head, to be followed from.
    pub trusted: TrustedHead,
}

/// Talks to one node. Clones share connections.
#[derive(Clone, Debug)]
pub struct LedgerClient {
    http: reqwest::Client,
    base: String,
    egress: Option<EgressLog>,
}

impl LedgerClient {
    /// A client of the node at `base`, for example `http://127.0.0.1:7700`.
    ///
    /// # Errors
    /// [`ClientError::Transport`] if the system gives no sockets.
    pub fn new(base: &str) -> Result<Self, ClientError> {
        // A node that could send this on would have it knock at, and hand transactions to, whomever it names.
        let http = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_secs(60))
            .build()?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned(), egress: None })
    }

    /// The same client, writing down everything that it sends before it is sent.
    #[must_use]
    pub fn recording(self, egress: Option<EgressLog>) -> Self {
        Self { egress, ..self }
    }

    // --- submitting -------------------------------------------------------------------------------------

    /// Hands a transaction in; does not wait for its block.
    ///
    /// # Errors
    /// [`ClientError::Problem`] if it is refused at once, [`ClientError::Transport`].
    pub async fn submit(&self, signed: &SignedTransaction) -> Result<Submitted, ClientError> {
        self.post("/v1/transactions", signed.to_bytes()).await
    }

    /// Hands a transaction in and waits until it is committed; gives its height and position.
    ///
    /// # Errors
    /// As [`LedgerClient::submit`]; [`ClientError::Pending`] if no block came in time.
    pub async fn commit(&self, signed: &SignedTransaction) -> Result<(u64, u32), ClientError> {
        let answer: Submitted = self.post("/v1/transactions?wait=committed", signed.to_bytes()).await?;
        committed(signed.id(), answer.status)
    }

    /// Hands in many at once, waiting for their blocks if `wait`; one answer each, in order.
    ///
    /// # Errors
    /// [`ClientError::Problem`] if the batch as a whole is refused, [`ClientError::Transport`].
    pub async fn submit_batch(
        &self,
        signed: &[SignedTransaction],
        wait: bool,
    ) -> Result<Vec<Submitted>, ClientError> {
        let mut body = Vec::new();
        for one in signed {
            let bytes = one.to_bytes();
            let length =
                u32::try_from(bytes.len()).map_err(|_| ClientError::Answer("too long to send".into()))?;
            body.extend_from_slice(&length.to_le_bytes());
            body.extend_from_slice(&bytes);
        }
        let path = if wait { "/v1/transactions/batch?wait=committed" } else { "/v1/transactions/batch" };
        let answer: Value = self.post(path, body).await?;
        let results = answer.get("results").cloned().unwrap_or_default();
        let results: Vec<Submitted> = read(results)?;
        if results.len() != signed.len() {
            return Err(ClientError::Answer("a batch is answered one by one".into()));
        }
        Ok(results)
    }

    /// Hands in many at once and waits until all are committed, sending again what found no room.
    ///
    /// # Errors
    /// The first refusal, or as [`LedgerClient::submit_batch`].
    pub async fn commit_batch(&self, signed: &[SignedTransaction]) -> Result<Vec<(u64, u32)>, ClientError> {
        let answers = self.submit_batch(signed, true).await?;
        signed.iter().zip(answers).map(|(signed, answer)| committed(signed.id(), answer.status)).collect()
    }

    /// Where a transaction stands, as the node says.
    ///
    /// # Errors
    /// [`ClientError::Transport`].
    pub async fn status(&self, id: &Digest) -> Result<Status, ClientError> {
        let answer: Submitted = self.get(&format!("/v1/transactions/{id}")).await?;
        Ok(answer.status)
    }

    /// An actor's next sequence number, as the node says; a wrong one only makes it refuse.
    ///
    /// # Errors
    /// [`ClientError::Transport`].
    pub async fn next_sequence(&self, actor: &Did) -> Result<u64, ClientError> {
        let answer = self.record_view(&StateKey::Actor(actor.clone()), None).await?;
        Ok(answer.get("record").and_then(Value::as_u64).unwrap_or(0))
    }

    // --- heads ------------------------------------------------------------------------------------------

    /// The genesis that the node says it started from. Only who compares its id with a known one may trust it.
    ///
    /// # Errors
    /// [`ClientError::Answer`], [`ClientError::Transport`].
    pub async fn genesis(&self) -> Result<Genesis, ClientError> {
        let answer: Value = self.get("/v1/genesis").await?;
        Ok(Genesis::from_bytes(&bytes(&answer, "genesis", 1024 * 1024)?)?)
    }

    /// The node's latest head, with the proof that it continues the one at `from`. Not verified.
    ///
    /// # Errors
    /// [`ClientError::Problem`] if the node has not come to `from`, [`ClientError::Transport`].
    pub async fn signed_head(
        &self,
        from: Option<u64>,
    ) -> Result<(SignedHead, Option<ConsistencyProof>), ClientError> {
        let path = from.map_or("/v1/head".to_owned(), |from| format!("/v1/head?from={from}"));
        let answer: Value = self.get(&path).await?;
        let head = SignedHead::from_bytes(&bytes(&answer, "signed_head", ledger_chain::HEAD_BYTES)?)?;
        let proof = match from {
            None => None,
            Some(_) => Some(consistency(&answer)?),
        };
        Ok((head, proof))
    }

    /// Starts to trust: the latest head, certified by the genesis' validators.
    ///
    /// # Errors
    /// [`ClientError::Light`] if it is not, [`ClientError::Transport`].
    pub async fn trust(&self, genesis: &Genesis) -> Result<TrustedHead, ClientError> {
        let (head, _) = self.signed_head(None).await?;
        Ok(TrustedHead::from_genesis(genesis, &head)?)
    }

    /// The latest head, verified to continue the trusted one.
    ///
    /// # Errors
    /// [`ClientError::Light`] if it does not, [`ClientError::Transport`].
    pub async fn follow(&self, trusted: &TrustedHead) -> Result<TrustedHead, ClientError> {
        let (head, proof) = self.signed_head(Some(trusted.head().height)).await?;
        Ok(trusted.follow(&head, proof.as_ref())?)
    }

    // --- records ----------------------------------------------------------------------------------------

    /// What the state under the trusted head has for `key`: a record, or provably none.
    ///
    /// # Errors
    /// [`ClientError::Light`] if the proof does not hold, [`ClientError::Problem`], [`ClientError::Transport`].
    pub async fn record(
        &self,
        trusted: &TrustedHead,
        key: &StateKey,
    ) -> Result<Proven<Option<Record>>, ClientError> {
        let proof = self.record_proof(key, Some(trusted.head().height)).await?;
        Ok(trusted.lookup(key, &proof)?)
    }

    /// The proof of a record at a height, the latest if none is named: to be passed on. Not verified.
    ///
    /// # Errors
    /// [`ClientError::Problem`], [`ClientError::Transport`].
    pub async fn record_proof(
        &self,
        key: &StateKey,
        height: Option<u64>,
    ) -> Result<RecordProof, ClientError> {
        let answer = self.record_view(key, height).await?;
        Ok(RecordProof::from_bytes(&bytes(&answer, "proof", ledger_chain::tree::RECORD_PROOF_BYTES)?)?)
    }

    async fn record_view(&self, key: &StateKey, height: Option<u64>) -> Result<Value, ClientError> {
        let at = height.map_or(String::new(), |height| format!("&height={height}"));
        self.get(&format!("/v1/records?key={}{at}", key_text(key))).await
    }

    /// What the ledger has for `key` now, under its latest head, verified to continue the trusted one. One call.
    ///
    /// # Errors
    /// [`ClientError::Light`] if head or proof do not hold, [`ClientError::Problem`] if the node has not come to
    /// the trusted head, [`ClientError::Transport`].
    pub async fn current_record(
        &self,
        trusted: &TrustedHead,
        key: &StateKey,
    ) -> Result<CurrentRecord, ClientError> {
        let from = trusted.head().height;
        let answer: Value = self.get(&format!("/v1/records?key={}&from={from}", key_text(key))).await?;
        let (proof, head) = proof_and_head(&answer)?;
        let trusted = trusted.follow(&head, Some(&consistency(&answer)?))?;
        let record = trusted.lookup(key, &proof)?.into_value();
        Ok(CurrentRecord { record, proof, head, trusted })
    }

    /// The keys that exist in a listed namespace, as the node says: `issuer`, `schema`, `policy`, `status`, ….
    /// It may leave some out; it cannot invent records for them.
    ///
    /// # Errors
    /// [`ClientError::Problem`] for a namespace that is not listed, [`ClientError::Transport`].
    pub async fn keys(&self, namespace: &str) -> Result<Vec<StateKey>, ClientError> {
        let mut keys = Vec::new();
        let mut after = String::new();
        loop {
            let page: Value = self.get(&format!("/v1/keys/{namespace}{after}")).await?;
            let rows = page.get("keys").and_then(Value::as_array).cloned().unwrap_or_default();
            for row in &rows {
                let text = row.get("text").and_then(Value::as_str).unwrap_or_default();
                keys.push(crate::http::key_from_text(text)?);
            }
            match page.get("next").and_then(Value::as_str) {
                Some(next) if !rows.is_empty() => after = format!("?after={next}"),
                _ => return Ok(keys),
            }
        }
    }

    /// The records of a trust bundle at a height (the latest if none is named), with what `also` are and published
    /// whether or not they are recognised, and the proof that its head continues the one at `from`. Not verified,
    /// and without status lists.
    ///
    /// # Errors
    /// [`ClientError::Problem`], [`ClientError::Transport`], [`ClientError::Answer`].
    pub async fn bundle(
        &self,
        height: Option<u64>,
        from: Option<u64>,
        also: &[Did],
    ) -> Result<TrustBundle, ClientError> {
        let mut query: Vec<(&str, String)> = Vec::new();
        query.extend(height.map(|height| ("height", height.to_string())));
        query.extend(from.map(|from| ("from", from.to_string())));
        if !also.is_empty() {
            query.push(("did", also.iter().map(Did::to_string).collect::<Vec<_>>().join(",")));
        }
        let request = self.http.get(format!("{}/v1/bundle", self.base)).query(&query);
        let answer = self.send(request).await?;
        Ok(TrustBundle::from_bytes(&body(answer, BUNDLE_BYTES).await?)?)
    }

    /// What an issuer changed in its status tree after epoch `after`, in order: as much as one answer holds. Not verified:
    /// follow it, ask again after the last, and compare epoch and root with the issuer's record.
    ///
    /// # Errors
    /// [`ClientError::Problem`], [`ClientError::Transport`], [`ClientError::Answer`].
    pub async fn revocations(&self, issuer: &Did, after: u64) -> Result<Vec<RevocationDelta>, ClientError> {
        let limit = DELTA_BYTES + TRANSACTION_BYTES;
        let request = self.http.get(format!("{}/v1/revocations/{issuer}?after={after}", self.base));
        Ok(decode(&body(self.send(request).await?, limit).await?, limit)?)
    }

    /// The proof of a record at the latest height and the head it is proved under: to be passed on. Not verified.
    ///
    /// # Errors
    /// [`ClientError::Problem`], [`ClientError::Transport`], [`ClientError::Answer`].
    pub async fn record_and_head(&self, key: &StateKey) -> Result<(RecordProof, SignedHead), ClientError> {
        proof_and_head(&self.record_view(key, None).await?)
    }

    // --- history ----------------------------------------------------------------------------------------

    /// A block. Its header's hash is to be compared with a head's, or its transactions proven one by one.
    ///
    /// # Errors
    /// [`ClientError::Problem`] if there is none, [`ClientError::Transport`].
    pub async fn block(&self, height: u64) -> Result<Block, ClientError> {
        let request = self.http.get(format!("{}/v1/blocks/{height}", self.base));
        let answer = self.send(request.header("accept", "application/octet-stream")).await?;
        Ok(Block::from_bytes(&body(answer, BLOCK_BYTES).await?)?)
    }

    /// Proof that a transaction is in the history, and the head it is proved under. Not verified: ask
    /// [`TrustedHead::transaction`] after following to that head.
    ///
    /// # Errors
    /// [`ClientError::Pending`] if it is in no block yet, [`ClientError::Refused`], [`ClientError::Transport`].
    pub async fn transaction_proof(
        &self,
        id: &Digest,
    ) -> Result<(TransactionProof, SignedHead), ClientError> {
        transaction_and_head(*id, &self.get(&format!("/v1/transactions/{id}?proof=1")).await?)
    }

    /// Proves that a transaction is in the history that continues the trusted head: the head it is proved under, and
    /// when it got there.
    ///
    /// # Errors
    /// As [`LedgerClient::transaction_proof`]; [`ClientError::Light`] if head or proof do not hold.
    pub async fn prove_committed(
        &self,
        trusted: &TrustedHead,
        id: &Digest,
    ) -> Result<(TrustedHead, Moment), ClientError> {
        let from = trusted.head().height;
        let answer: Value = self.get(&format!("/v1/transactions/{id}?proof=1&from={from}")).await?;
        let (proof, head) = transaction_and_head(*id, &answer)?;
        let newest = trusted.follow(&head, Some(&consistency(&answer)?))?;
        let at = newest.transaction(id, &proof)?.at();
        Ok((newest, at))
    }

    /// What happens on the ledger after `cursor`: the id of the last event seen, or `start`; only what is new
    /// if there is none.
    ///
    /// # Errors
    /// [`ClientError::Problem`] for a cursor that the ledger has not reached, [`ClientError::Transport`].
    pub async fn events(&self, cursor: Option<&str>) -> Result<LedgerEvents, ClientError> {
        let mut request =
            self.http.get(format!("{}/v1/events", self.base)).header("accept", "text/event-stream");
        if let Some(cursor) = cursor {
            request = request.query(&[("cursor", cursor)]);
        }
        Ok(LedgerEvents::new(successful(self.send(request).await?).await?))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let answer = self.send(self.http.get(format!("{}{path}", self.base))).await?;
        parse(&body(answer, ANSWER).await?)
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, bytes: Vec<u8>) -> Result<T, ClientError> {
        let request = self.http.post(format!("{}{path}", self.base));
        let request = request.header("content-type", "application/octet-stream").body(bytes);
        parse(&body(self.send(request).await?, ANSWER).await?)
    }

    /// Makes a request, written down first where that is wanted.
    async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let request = request.build()?;
        if let Some(egress) = &self.egress {
            let written = egress.append_request("to the ledger", &request);
            written.map_err(|error| ClientError::Transport(error.to_string()))?;
        }
        Ok(self.http.execute(request).await?)
    }
}
