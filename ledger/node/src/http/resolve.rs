//! DID resolution (W3C DID Resolution 0.3): the document, when it was current, and which version it is.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use did_registry::{Did, DidRecord, Timestamp, document};
use ledger_chain::StateKey;
use serde::Deserialize;
use serde_json::json;

use super::problem::Problem;
use super::read::height;
use super::{Api, Reply, blocking};
use crate::ledger::Ledger;

/// Changes of one identifier that are searched for a version.
const VERSIONS: usize = 100_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Version {
    #[serde(rename = "versionId")]
    id: Option<u32>,
    #[serde(rename = "versionTime")]
    time: Option<Timestamp>,
    height: Option<u64>,
}

pub(super) async fn did(
    State(api): State<Api>,
    path: Result<Path<Did>, PathRejection>,
    query: Result<Query<Version>, QueryRejection>,
) -> Reply {
    let (Path(did), Query(query)) = (path?, query?);
    if query.id.is_some() && (query.time.is_some() || query.height.is_some()) {
        return Err(Problem::query("a version is named by its number, a time or a height, by one of them"));
    }
    let as_of = height(&api.ledger, query.height, query.time)?;
    let record = match query.id {
        None => api.ledger.did(&did, as_of)?,
        Some(version) => {
            let did = did.clone();
            blocking(&api, move |ledger| numbered(ledger, &did, version)).await??
        }
    };
    let unknown = || Problem::from(did_registry::RegistryError::UnknownDid(did.clone()));
    let record = record.ok_or_else(unknown)?;
    let view = json!({
        "didDocument": document(&record),
        "didResolutionMetadata": {"contentType": "application/did", "height": as_of},
        "didDocumentMetadata": {
            "created": record.created.time,
            "updated": record.updated.time,
            "versionId": record.version.to_string(),
            "deactivated": record.deactivated.is_some(),
        },
    });
    // The resolution of what has ended succeeds, and says that it is gone.
    let status = if record.deactivated.is_some() { StatusCode::GONE } else { StatusCode::OK };
    Ok((status, [(header::CONTENT_TYPE, "application/did-resolution")], view.to_string()).into_response())
}

/// The record as a block left it with this version number; versions rise with height, so halving finds it.
fn numbered(ledger: &Ledger, did: &Did, version: u32) -> Result<Option<DidRecord>, Problem> {
    let heights = ledger.store.versions(&StateKey::Did(did.clone()), VERSIONS)?;
    let mut failed = None;
    let place = heights.partition_point(|height| match ledger.did(did, *height) {
        Ok(record) => record.is_some_and(|record| record.version < version),
        Err(error) => {
            failed.get_or_insert(error);
            false
        }
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    let Some(height) = heights.get(place) else {
        return if heights.is_empty() { Ok(None) } else { Err(no_version(version)) };
    };
    let record = ledger.did(did, *height)?;
    if record.as_ref().is_some_and(|record| record.version == version) {
        Ok(record)
    } else {
        Err(no_version(version))
    }
}

fn no_version(version: u32) -> Problem {
    Problem::new(404, "NO_SUCH_VERSION", format!("no block ended with version {version} of this document"))
}
