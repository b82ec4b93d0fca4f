//! Handing in transactions and asking after them.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use did_registry::Digest;
use ledger_chain::SignedTransaction;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;

use super::problem::{Problem, status_of};
use super::read::continues;
use super::{Api, Reply, base64url, blocking};
use crate::Answer;
use crate::ledger::QueryError;
use crate::outcome::{Rejection, Status};

/// Transactions in one batch.
pub(crate) const BATCH: usize = 20_000;

/// An answer to a submission, and to a question after one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Submitted {
    /// Whose; absent if the bytes were no transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Digest>,
    /// Where it stands.
    #[serde(flatten)]
    pub status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Until {
    Committed,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubmitQuery {
    wait: Option<Until>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StatusQuery {
    #[serde(default)]
    proof: u8,
    from: Option<u64>,
}

type Params<T> = Result<Query<T>, QueryRejection>;

fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get(header::CONTENT_TYPE) {
        None => Ok(()),
        Some(kind) if kind.as_bytes() == b"application/octet-stream" => Ok(()),
        Some(_) => Err(Problem::new(415, "MEDIA_TYPE", "transactions are sent as application/octet-stream")),
    }
}

pub(super) async fn one(
    State(api): State<Api>,
    query: Params<SubmitQuery>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Reply {
    let Query(query) = query?;
    check_type(&headers)?;
    let signed = SignedTransaction::from_bytes(&body?)?;
    let (id, verdict) =
        api.ledger.try_submit(vec![signed]).await.pop().ok_or_else(|| Problem::halted("at once"))?;
    let mut status = verdict.map_err(|rejection| Problem::from(rejection).of(id))?;
    if query.wait.is_some() {
        status = settle(&api, id, status, deadline(&api)).await;
    }
    if let Status::Refused { code, rule } = status {
        return Err(Problem::new(status_of(&code), code, rule).of(id));
    }
    let code = if status == Status::Pending { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok((code, Json(Submitted { id: Some(id), status })).into_response())
}

pub(super) async fn many(
    State(api): State<Api>,
    query: Params<SubmitQuery>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Reply {
    let Query(query) = query?;
    check_type(&headers)?;
    let (decoded, good) = split(&body?)?;
    let mut answers = api.ledger.try_submit(good).await.into_iter();
    let mut results: Vec<Submitted> = decoded
        .into_iter()
        .map(|bad| match bad {
            Some((code, rule)) => Submitted { id: None, status: Status::Refused { code, rule } },
            None => answers.next().map_or(
                Submitted { id: None, status: Status::Unknown }, // none is missing: each good one is answered
                submitted,
            ),
        })
        .collect();
    if query.wait.is_some() {
        let deadline = deadline(&api);
        for result in &mut results {
            if let (Some(id), Status::Pending) = (result.id, &result.status) {
                result.status = settle(&api, id, Status::Pending, deadline).await;
            }
        }
    }
    Ok(Json(json!({ "results": results })).into_response())
}

fn submitted((id, verdict): Answer) -> Submitted {
    let refused =
        |rejection: Rejection| Status::Refused { code: rejection.code().into(), rule: rejection.to_string() };
    Submitted { id: Some(id), status: verdict.unwrap_or_else(refused) }
}

type Undecoded = Option<(String, String)>;

/// Takes a batch apart: for each entry why it is no transaction, or nothing; and the transactions.
fn split(body: &[u8]) -> Result<(Vec<Undecoded>, Vec<SignedTransaction>), Problem> {
    let framing = || {
        Problem::new(400, "FRAMING", "a batch is entries of 4 bytes length, little-endian, and as many bytes")
    };
    let (mut entries, mut good, mut rest) = (Vec::new(), Vec::new(), body);
    while !rest.is_empty() {
        if entries.len() == BATCH {
            return Err(Problem::new(413, "TOO_MANY", format!("a batch has at most {BATCH} transactions")));
        }
        let (length, after) = rest.split_first_chunk::<4>().ok_or_else(framing)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| framing())?;
        let (bytes, after) = after.split_at_checked(length).ok_or_else(framing)?;
        rest = after;
        match SignedTransaction::from_bytes(bytes) {
            Ok(signed) => {
                good.push(signed);
                entries.push(None);
            }
            Err(error) => entries.push(Some((error.code().to_owned(), error.to_string()))),
        }
    }
    Ok((entries, good))
}

/// A little before the request itself would time out.
fn deadline(api: &Api) -> Instant {
    Instant::now() + Duration::from_secs(api.limits.request_seconds).mul_f32(0.9)
}

/// Waits for a pending transaction's outcome, at most until `deadline`.
async fn settle(api: &Api, id: Digest, status: Status, deadline: Instant) -> Status {
    if status != Status::Pending {
        return status;
    }
    match tokio::time::timeout_at(deadline, api.ledger.settled(id)).await {
        Ok(Ok(settled)) => settled,
        Ok(Err(rejection)) => Status::Refused { code: rejection.code().into(), rule: rejection.to_string() },
        Err(_) => Status::Pending, // the truth: it still waits
    }
}

pub(super) async fn status(
    State(api): State<Api>,
    id: Result<Path<Digest>, PathRejection>,
    query: Params<StatusQuery>,
) -> Reply {
    let (Path(id), Query(query)) = (id?, query?);
    let status = api.ledger.status(&id)?;
    let mut view = json!(Submitted { id: Some(id), status: status.clone() });
    if query.proof == 1
        && let Status::Committed { .. } = status
    {
        let (proof, head) = blocking(&api, move |ledger| -> Result<_, QueryError> {
            let head = ledger.latest()?;
            Ok((ledger.transaction_proof(&id, head.head.height)?, head))
        })
        .await??;
        if let Some(view) = view.as_object_mut() {
            view.insert("proof".into(), base64url(&proof.to_bytes()).into());
            view.insert("signed_head".into(), base64url(&head.to_bytes()).into());
        }
        continues(&api, &mut view, query.from, head.head.height)?;
    }
    Ok(Json(view).into_response())
}
