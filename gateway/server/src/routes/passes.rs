//! Challenges, applications, verification, and the evidence behind a pass.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use credential::exchange::{ChallengeResponse, PassRequest, PassResponse};
use credential::facts::Ages;
use credential::{Overall, Verdict};
use did_registry::Digest;
use serde::{Deserialize, Serialize};

use super::{App, run};
use crate::agency::Evidence;
use crate::audit::Subject;
use crate::body::Body;
use crate::operator::{MayAudit, Operator};
use crate::problem::Problem;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChallengeRequest {
    policy: Digest,
}

pub(super) async fn challenge(
    State(app): State<App>,
    Body(request): Body<ChallengeRequest>,
) -> Result<(StatusCode, Json<ChallengeResponse>), Problem> {
    Ok((StatusCode::CREATED, Json(app.agency.challenge(&request.policy)?)))
}

pub(super) async fn apply(
    State(app): State<App>,
    Body(request): Body<PassRequest>,
) -> Result<Json<PassResponse>, Problem> {
    let anchored = app.agency.source_anchor(&request).await;
    Ok(Json(run(move || app.agency.apply(&request, anchored)).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyRequest {
    presentation: String,
    nonce: String,
}

#[derive(Serialize)]
pub(super) struct Verified {
    overall: Overall,
    verdict: Verdict,
    ages: Option<Ages>,
}

pub(super) async fn verify(
    State(app): State<App>,
    Body(request): Body<VerifyRequest>,
) -> Result<Json<Verified>, Problem> {
    let decision = run(move || app.agency.verify(&request.presentation, &request.nonce)).await?;
    Ok(Json(Verified { overall: decision.verdict.overall(), verdict: decision.verdict, ages: decision.ages }))
}

pub(super) async fn evidence(
    State(app): State<App>,
    operator: Operator<MayAudit>,
    Path(pass): Path<Digest>,
) -> Result<Json<Evidence>, Problem> {
    let evidence = app.agency.evidence(&pass).await?;
    let agency = app.agency.clone();
    run(move || agency.note(operator.name(), "transcoding.evidence", vec![Subject::Digest(pass)], "done"))
        .await?;
    Ok(Json(evidence))
}
