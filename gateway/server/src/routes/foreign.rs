//! Foreign certificates. The shape of the verify call is fixed: others test against it.

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use credential::exchange::Pass;
use credential::{Finding, Overall, foreign};
use did_registry::{Digest, PublicKey, Timestamp};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::{App, run};
use crate::agency::ForeignVerdict;
use crate::audit::Subject;
use crate::body::Body;
use crate::operator::{MayVerify, Operator};
use crate::problem::Problem;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyRequest {
    qr: String,
    #[serde(default, deserialize_with = "moment")]
    at: Option<Timestamp>,
}

/// This call alone reads times as loosely as [`foreign::moment`].
fn moment<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(source)?;
    text.map(|text| foreign::moment(&text).ok_or_else(|| D::Error::custom("at is a time"))).transpose()
}

/// The body of this call: JSON, also where no type is stated. A stated other type is 415 here too.
pub(super) struct Question(VerifyRequest);

impl<S: Send + Sync> FromRequest<S> for Question {
    type Rejection = Problem;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, Problem> {
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().entry(CONTENT_TYPE).or_insert(json);
        Body::from_request(request, state).await.map(|Body(question)| Self(question))
    }
}

#[derive(Serialize)]
pub(super) struct Answer {
    verdict: Overall,
    reasons: Vec<Finding>,
    format: &'static str,
    ages: Ages,
    #[serde(skip_serializing_if = "Option::is_none")]
    pass: Option<Pass>,
}

#[derive(Serialize)]
struct Ages {
    /// Seconds since the trust list's file was written.
    trust_list: u64,
    /// Whether that is past the amber limit; absent where there is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    amber: Option<bool>,
}

impl From<ForeignVerdict> for Answer {
    fn from(verdict: ForeignVerdict) -> Self {
        Self {
            verdict: verdict.overall,
            reasons: verdict.reasons,
            format: "eu-dcc",
            ages: Ages { trust_list: verdict.trust_list_age, amber: verdict.amber },
            pass: verdict.pass,
        }
    }
}

pub(super) async fn verify(
    State(app): State<App>,
    Question(request): Question,
) -> Result<Json<Answer>, Problem> {
    let verdict = run(move || app.agency.verify_foreign(&request.qr, request.at)).await?;
    Ok(Json(verdict.into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TranscodeRequest {
    qr: String,
    policy: Digest,
    holder: PublicKey,
    /// Taken where the configuration allows it, and then in the audit log.
    at: Option<Timestamp>,
}

pub(super) async fn transcode(
    State(app): State<App>,
    operator: Operator<MayVerify>,
    Body(request): Body<TranscodeRequest>,
) -> Result<Json<Answer>, Problem> {
    let verdict = run(move || {
        let TranscodeRequest { qr, policy, holder, at } = request;
        let verdict = app.agency.transcode_foreign(operator.name(), &qr, &policy, &holder, at)?;
        if let Some(finding) = verdict.reasons.first() {
            let subjects = at.map(|at| Subject::Number(at.seconds())).into_iter().collect();
            app.agency.note(operator.name(), "foreign.transcode", subjects, finding.code.code())?;
        }
        Ok(verdict)
    });
    Ok(Json(verdict.await?.into()))
}
