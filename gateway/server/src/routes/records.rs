//! Importing records, with progress and errors by row.

use std::io::Cursor;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use did_registry::Digest;
use serde::{Deserialize, Serialize};

use super::App;
use crate::agency::AgencyError;
use crate::import::{Issue, Job};
use crate::operator::{MayIssue, Operator};
use crate::problem::Problem;
use crate::vault::RowId;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportQuery {
    schema: Digest,
}

#[derive(Serialize)]
pub(super) struct Started {
    job: RowId,
}

/// Checks the file, starts the import, and answers; the same file goes on where it was left.
pub(super) async fn import(
    State(app): State<App>,
    operator: Operator<MayIssue>,
    Query(query): Query<ImportQuery>,
    body: Bytes,
) -> Result<(StatusCode, Json<Started>), Problem> {
    let schema = app.agency.published_schema(&query.schema)?;
    let agency = app.agency.clone();
    let prepared = tokio::task::spawn_blocking(move || {
        agency.imports().prepare(operator.name(), &schema, Cursor::new(body))
    });
    let import = prepared.await.map_err(|error| Problem::internal(&error))??;
    let job = import.id();
    tokio::task::spawn_blocking(move || {
        let before = import.job();
        match import.run(|_| true) {
            Ok(after) => app.agency.metrics().imported(&before, &after),
            Err(error) => tracing::error!(%error, job = %job, "an import stopped; the same file goes on"),
        }
    });
    Ok((StatusCode::ACCEPTED, Json(Started { job })))
}

#[derive(Serialize)]
pub(super) struct Progress {
    #[serde(flatten)]
    job: Job,
    errors: Vec<Issue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    #[serde(default)]
    from: u64,
}

pub(super) async fn job(
    State(app): State<App>,
    _: Operator<MayIssue>,
    Path(id): Path<RowId>,
    Query(page): Query<Page>,
) -> Result<Json<Progress>, Problem> {
    let running = app.agency.imports().watch(&id).map(|seen| *seen.borrow());
    let stored = tokio::task::spawn_blocking(move || -> Result<_, Problem> {
        let job = match running {
            Some(job) => Some(job),
            None => app.agency.imports().job(&id)?,
        };
        let job = job.ok_or(AgencyError::Missing("import"))?;
        let errors = app.agency.imports().issues(&id, page.from, 1000)?;
        Ok(Progress { job, errors })
    });
    Ok(Json(stored.await.map_err(|error| Problem::internal(&error))??))
}
