//! Reading answers, bounded, and what they carry.

use did_registry::Digest;
use ledger_chain::SignedHead;
use ledger_chain::history::{ConsistencyProof, TransactionProof};
use ledger_chain::tree::RecordProof;
use reqwest::Response;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ClientError;
use crate::Submitted;
use crate::http::from_base64url;
use crate::http::problem::Problem;
use crate::outcome::Status;

/// Bytes of the largest JSON answer accepted.
pub(super) const ANSWER: usize = 16 * 1024 * 1024;

pub(super) fn committed(id: Digest, status: Status) -> Result<(u64, u32), ClientError> {
    match status {
        Status::Committed { height, position } => Ok((height, position)),
        Status::Refused { code, rule } => Err(ClientError::Refused { code, rule }),
        Status::Pending | Status::Unknown => Err(ClientError::Pending(id)),
    }
}

/// The answer, unless it is a problem.
pub(super) async fn successful(answer: Response) -> Result<Response, ClientError> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let bytes = bounded(answer, ANSWER).await?;
    let problem: Result<Problem, _> = serde_json::from_slice(&bytes);
    Err(problem.map_or_else(
        |_| ClientError::Answer(format!("status {status}")),
        |p| ClientError::Problem(Box::new(p)),
    ))
}

pub(super) async fn body(answer: Response, limit: usize) -> Result<Vec<u8>, ClientError> {
    bounded(successful(answer).await?, limit).await
}

pub(super) async fn bounded(mut answer: Response, limit: usize) -> Result<Vec<u8>, ClientError> {
    let mut bytes = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        if bytes.len() + piece.len() > limit {
            return Err(ClientError::Answer(format!("more than {limit} bytes")));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(bytes).map_err(|error| ClientError::Answer(error.to_string()))
}

pub(super) fn read<T: DeserializeOwned>(value: Value) -> Result<T, ClientError> {
    serde_json::from_value(value).map_err(|error| ClientError::Answer(error.to_string()))
}

/// A record's proof in an answer, and the head it is proved under.
pub(super) fn proof_and_head(answer: &Value) -> Result<(RecordProof, SignedHead), ClientError> {
    let proof = RecordProof::from_bytes(&bytes(answer, "proof", ledger_chain::tree::RECORD_PROOF_BYTES)?)?;
    Ok((proof, SignedHead::from_bytes(&bytes(answer, "signed_head", ledger_chain::HEAD_BYTES)?)?))
}

/// A transaction's proof in an answer, and the head it is proved under.
pub(super) fn transaction_and_head(
    id: Digest,
    answer: &Value,
) -> Result<(TransactionProof, SignedHead), ClientError> {
    let stands: Submitted = read(answer.clone())?;
    committed(id, stands.status)?;
    let proof = TransactionProof::from_bytes(&bytes(answer, "proof", 64 * 1024)?)?;
    Ok((proof, SignedHead::from_bytes(&bytes(answer, "signed_head", ledger_chain::HEAD_BYTES)?)?))
}

/// The proof in an answer that its head continues another.
pub(super) fn consistency(answer: &Value) -> Result<ConsistencyProof, ClientError> {
    Ok(ConsistencyProof::from_bytes(&bytes(answer, "consistency", 64 * 1024)?)?)
}

/// The bytes in a member of an answer.
pub(super) fn bytes(answer: &Value, member: &str, limit: usize) -> Result<Vec<u8>, ClientError> {
    let text = answer.get(member).and_then(Value::as_str);
    text.and_then(|text| from_base64url(text, limit))
        .ok_or_else(|| ClientError::Answer(format!("no {member}")))
}
