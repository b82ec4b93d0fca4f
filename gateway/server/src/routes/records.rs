//! Importing records, with progress and errors by row.

use std::io::Cursor;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use did_registry::Digest;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use crate::agency::AgencyError;
use crate::import::{Issue, Job};
use crate::operator::{MayIssue, Operator};
use crate::problem::Problem;
use crate::schemas;
use crate::vault::RowId;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ImportQuery {
    /// The schema that the rows are checked against.
    #[param(value_type = schemas::Digest)]
    schema: Digest,
}

/// An import that is under way.
#[derive(Serialize, ToSchema)]
pub(super) struct Started {
    /// Its name, to ask for its progress.
    job: RowId,
}

/// Import records from CSV.
///
/// Checks the whole file's form, then answers, then stores the good rows and notes what is wrong with the bad
/// ones. The same file is the same import: sent again it goes on where it was left, and does nothing twice.
#[utoipa::path(
    post, path = "/v1/records/import", tag = "records",
    params(ImportQuery),
    request_body(content = schemas::Csv, content_type = "text/csv"),
    responses((status = 202, description = "The import is under way", body = Started)),
    security(("operator" = ["issue"])),
)]
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

/// How far an import has come, and what is wrong with its rows.
#[derive(Serialize, ToSchema)]
pub(super) struct Progress {
    #[serde(flatten)]
    job: Job,
    /// At most 1,000, in the file's order.
    errors: Vec<Issue>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// How many errors to pass over.
    #[serde(default)]
    from: u64,
}

/// The progress of an import, with its errors by row.
#[utoipa::path(
    get, path = "/v1/records/imports/{job}", tag = "records",
    params(("job" = RowId, Path, description = "The import's name"), Page),
    responses((status = 200, description = "How far it has come", body = Progress)),
    security(("operator" = ["issue"])),
)]
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
