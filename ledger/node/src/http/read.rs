//! Heads, records and blocks.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse as _;
use did_registry::canonical::encode;
use did_registry::{Did, Timestamp};
use ledger_chain::{Block, StateKey};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::problem::Problem;
use super::{Api, Reply, base64url, blocking, keys};
use crate::ledger::{Ledger, QueryError};
use crate::store::is_listed;

/// Headers or keys in one answer.
const PAGE: usize = 1000;

/// Bytes of deltas in one answer.
pub(crate) const DELTA_BYTES: usize = 8 * 1024 * 1024;

type Params<T> = Result<Query<T>, QueryRejection>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HeadQuery {
    from: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AsOf {
    key: Option<String>,
    height: Option<u64>,
    time: Option<Timestamp>,
    /// Whose head the answer's is to be shown to continue.
    from: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BlocksQuery {
    #[serde(default)]
    from: u64,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeysQuery {
    after: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn head(State(api): State<Api>, query: Params<HeadQuery>) -> Reply {
    let Query(query) = query?;
    let signed = api.ledger.latest()?;
    let mut view = json!({"head": signed.head, "signed_head": base64url(&signed.to_bytes())});
    continues(&api, &mut view, query.from, signed.head.height)?;
    Ok(Json(view).into_response())
}

/// Adds the proof that the head at `height` continues the one at `from`, if that is asked for.
pub(super) fn continues(api: &Api, view: &mut Value, from: Option<u64>, height: u64) -> Result<(), Problem> {
    if let (Some(from), Some(view)) = (from, view.as_object_mut()) {
        let proof = api.ledger.consistency(from, height)?;
        view.insert("consistency".into(), base64url(&proof.to_bytes()).into());
    }
    Ok(())
}

pub(super) async fn genesis(State(api): State<Api>) -> Reply {
    let genesis = api.ledger.application().genesis();
    let view = json!({"id": api.ledger.id(), "genesis": base64url(&encode(genesis)), "view": genesis});
    Ok(Json(view).into_response())
}

pub(super) async fn record_by_key(State(api): State<Api>, query: Params<AsOf>) -> Reply {
    let Query(query) = query?;
    let text =
        query.key.as_deref().ok_or_else(|| Problem::query("name the record by ?key= or in the path"))?;
    answer(&api, keys::from_text(text)?, &query)
}

pub(super) async fn record_alone(
    State(api): State<Api>,
    path: Result<Path<String>, PathRejection>,
    query: Params<AsOf>,
) -> Reply {
    let Path(namespace) = path?;
    answer(&api, keys::from_path(&namespace, "")?, &by_path(query)?)
}

pub(super) async fn record(
    State(api): State<Api>,
    path: Result<Path<(String, String)>, PathRejection>,
    query: Params<AsOf>,
) -> Reply {
    let Path((namespace, rest)) = path?;
    answer(&api, keys::from_path(&namespace, &rest)?, &by_path(query)?)
}

fn by_path(query: Params<AsOf>) -> Result<AsOf, Problem> {
    let Query(query) = query?;
    match query.key {
        Some(_) => Err(Problem::query("a record is named once, in the path or by ?key=")),
        None => Ok(query),
    }
}

fn answer(api: &Api, key: StateKey, query: &AsOf) -> Reply {
    let height = height(&api.ledger, query.height, query.time)?;
    let proven = api.ledger.record(&key, height)?;
    let mut view = json!({
        "key": key,
        "height": height,
        "time": proven.head.head.time,
        "record": proven.record,
        "proof": base64url(&proven.proof.to_bytes()),
        "signed_head": base64url(&proven.head.to_bytes()),
    });
    continues(api, &mut view, query.from, height)?;
    Ok(Json(view).into_response())
}

/// The height that a height, a time or neither names.
pub(super) fn height(ledger: &Ledger, height: Option<u64>, time: Option<Timestamp>) -> Result<u64, Problem> {
    match (height, time) {
        (Some(_), Some(_)) => Err(Problem::query("a state is named by a height or a time, not by both")),
        (Some(height), None) => Ok(height),
        (None, Some(time)) => Ok(ledger.height_at(time)?),
        (None, None) => Ok(ledger.latest()?.head.height),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BundleQuery {
    height: Option<u64>,
    from: Option<u64>,
    did: Option<String>,
}

/// Identifiers that a reader of a bundle may name.
const NAMED: usize = 64;

/// Canonical bytes: whoever fetches a bundle verifies it.
pub(super) async fn bundle(State(api): State<Api>, query: Params<BundleQuery>) -> Reply {
    let Query(query) = query?;
    let height = height(&api.ledger, query.height, None)?;
    let also: Vec<&str> = query.did.iter().flat_map(|dids| dids.split(',')).collect();
    if also.len() > NAMED {
        return Err(Problem::new(
            413,
            "TOO_MANY",
            format!("a bundle is asked for with at most {NAMED} dids"),
        ));
    }
    let also: Vec<Did> = also.into_iter().map(str::parse).collect::<Result<_, _>>()?;
    let bundle = blocking(&api, move |ledger| ledger.bundle(height, query.from, &also)).await??;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bundle.to_bytes()).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeltaQuery {
    #[serde(default)]
    after: u64,
}

/// Whole deltas, of which whoever asks takes all: nobody learns whose status is looked at.
pub(super) async fn revocations(
    State(api): State<Api>,
    did: Result<Path<Did>, PathRejection>,
    query: Params<DeltaQuery>,
) -> Reply {
    let (Path(did), Query(query)) = (did?, query?);
    let deltas =
        blocking(&api, move |ledger| ledger.store().deltas(&did, query.after, DELTA_BYTES)).await??;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], encode(&deltas)).into_response())
}

pub(super) async fn keys(
    State(api): State<Api>,
    path: Result<Path<String>, PathRejection>,
    query: Params<KeysQuery>,
) -> Reply {
    let (Path(namespace), Query(query)) = (path?, query?);
    if !is_listed(&namespace) {
        return Err(Problem::new(
            404,
            "NO_SUCH_NAMESPACE",
            "keys of did, actor, anchor, receipt and signature are not listed",
        ));
    }
    let after = query.after.as_deref().map(keys::from_text).transpose()?;
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let found = blocking(&api, move |ledger| ledger.store.keys(&namespace, after.as_ref(), limit)).await??;
    let next = if found.len() == limit { found.last().map(keys::to_text) } else { None };
    let rows: Vec<Value> = found.iter().map(|key| json!({"key": key, "text": keys::to_text(key)})).collect();
    Ok(Json(json!({"keys": rows, "next": next})).into_response())
}

pub(super) async fn blocks(State(api): State<Api>, query: Params<BlocksQuery>) -> Reply {
    let Query(query) = query?;
    let limit = query.limit.unwrap_or(100).clamp(1, PAGE) as u64;
    let tip = api.ledger.latest()?.head.height;
    let last = query.from.saturating_add(limit - 1).min(tip);
    let heads = blocking(&api, move |ledger| -> Result<Vec<Value>, QueryError> {
        (query.from..=last).map(|height| Ok(json!(ledger.head(height)?.head))).collect()
    })
    .await??;
    let next = (last < tip && !heads.is_empty()).then_some(last + 1);
    Ok(Json(json!({"heads": heads, "tip": tip, "next": next})).into_response())
}

pub(super) async fn block(
    State(api): State<Api>,
    path: Result<Path<u64>, PathRejection>,
    headers: HeaderMap,
) -> Reply {
    let Path(height) = path?;
    let raw =
        headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes() == b"application/octet-stream");
    let read = move |ledger: &Ledger| -> Result<Vec<u8>, Problem> {
        let bytes = ledger.store.block(height)?.ok_or(QueryError::NoSuchHeight)?;
        if raw { Ok(bytes) } else { Ok(block_view(&bytes)?.to_string().into_bytes()) }
    };
    let body = blocking(&api, read).await??;
    let kind = if raw { "application/octet-stream" } else { "application/json" };
    Ok(([(header::CONTENT_TYPE, kind)], body).into_response())
}

fn block_view(bytes: &[u8]) -> Result<Value, Problem> {
    let block = Block::from_bytes(bytes)?;
    let mut transactions = Vec::with_capacity(block.transactions.len());
    for signed in &block.transactions {
        let mut view = Map::from_iter([("id".to_owned(), json!(signed.id()))]);
        if let Value::Object(content) = json!(signed.transaction) {
            view.extend(content);
        }
        transactions.push(Value::Object(view));
    }
    Ok(json!({
        "header": block.header,
        "hash": block.header.hash(),
        "transactions": transactions,
        "block": base64url(bytes),
    }))
}
