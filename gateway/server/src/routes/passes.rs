//! Challenges, applications, verification, and the evidence behind a pass.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use credential::exchange::{ChallengeResponse, PassRequest, PassResponse};
use credential::facts::Ages;
use credential::{Overall, Verdict};
use did_registry::Digest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{App, run};
use crate::agency::Evidence;
use crate::audit::Subject;
use crate::body::Body;
use crate::operator::{MayAudit, Operator};
use crate::problem::Problem;
use crate::schemas;

/// Under which rule something will be shown.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChallengeRequest {
    /// One of this agency's policies.
    #[schema(value_type = schemas::Digest)]
    policy: Digest,
}

/// Ask for a challenge, to be answered by one presentation under a policy of this agency.
#[utoipa::path(
    post, path = "/v1/challenges", tag = "verifying",
    request_body = ChallengeRequest,
    responses((status = 201, description = "The challenge", body = schemas::ChallengeResponse)),
)]
pub(super) async fn challenge(
    State(app): State<App>,
    Body(request): Body<ChallengeRequest>,
) -> Result<(StatusCode, Json<ChallengeResponse>), Problem> {
    Ok((StatusCode::CREATED, Json(app.agency.challenge(&request.policy)?)))
}

/// Apply for a pass.
///
/// What is wrong with an application is in the verdict, part by part, and no problem. A challenge is used up by
/// the attempt.
#[utoipa::path(
    post, path = "/v1/passes", tag = "verifying",
    request_body = schemas::PassRequest,
    responses((status = 200, description = "The verdict, with the pass if it is accepted", body = schemas::PassResponse)),
)]
pub(super) async fn apply(
    State(app): State<App>,
    Body(request): Body<PassRequest>,
) -> Result<Json<PassResponse>, Problem> {
    let anchored = app.agency.source_anchor(&request).await;
    Ok(Json(run(move || app.agency.apply(&request, anchored)).await?))
}

/// Something that is shown in answer to a challenge.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PresentationRequest)]
pub(super) struct VerifyRequest {
    /// An SD-JWT VC presentation with key binding, or the text of a pass (`CWP:…`).
    presentation: String,
    /// The challenge's nonce.
    nonce: String,
}

/// What a presentation is worth.
#[derive(Serialize, ToSchema)]
#[schema(as = PresentationVerdict)]
pub(super) struct Verified {
    /// In one word.
    #[schema(value_type = schemas::Overall)]
    overall: Overall,
    /// Part by part.
    #[schema(value_type = schemas::Verdict)]
    verdict: Verdict,
    /// How old keys, rules and status were; null if it did not come to that.
    #[schema(value_type = Option<schemas::Ages>)]
    ages: Option<Ages>,
}

/// Verify a presentation or a pass that answers a challenge.
#[utoipa::path(
    post, path = "/v1/presentations/verify", tag = "verifying",
    request_body = VerifyRequest,
    responses((status = 200, description = "The verdict", body = Verified)),
)]
pub(super) async fn verify(
    State(app): State<App>,
    Body(request): Body<VerifyRequest>,
) -> Result<Json<Verified>, Problem> {
    let decision = run(move || app.agency.verify(&request.presentation, &request.nonce)).await?;
    Ok(Json(Verified { overall: decision.verdict.overall(), verdict: decision.verdict, ages: decision.ages }))
}

/// What the pass with this digest was given on, to recompute the decision by. That it was asked for is noted in the audit log.
#[utoipa::path(
    get, path = "/v1/audit/transcodings/{pass}", tag = "audit",
    params(("pass" = schemas::Digest, Path, description = "Digest of the pass as it was signed")),
    responses((status = 200, description = "The evidence", body = Evidence)),
    security(("operator" = ["audit"])),
)]
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
