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
use utoipa::ToSchema;

use super::{App, run};
use crate::agency::ForeignVerdict;
use crate::audit::Subject;
use crate::body::Body;
use crate::operator::{MayVerify, Operator};
use crate::problem::Problem;
use crate::schemas;

/// A question about a foreign certificate.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CertificateRequest, examples(json!({"qr": "HC1:NCFOXN…", "at": "2021-06-01T00:00:00Z"})))]
pub(super) struct VerifyRequest {
    /// What the code says, from `HC1:` on.
    qr: String,
    /// As of when the certificate is judged; now, if absent. RFC 3339, or looser: without an offset it is UTC, and a
    /// day alone its start. How old the trust list is does not depend on it.
    #[serde(default, deserialize_with = "moment")]
    #[schema(value_type = Option<String>)]
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
        Body::<VerifyRequest>::from_request(request, state).await.map(|Body(question)| Self(question))
    }
}

/// The verdict on a foreign certificate.
#[derive(Serialize, ToSchema)]
#[schema(as = CertificateVerdict, examples(json!({
    "verdict": "refuse", "format": "eu-dcc", "ages": {"trust_list": 3600},
    "reasons": [{"code": "BAD_SIGNATURE", "detail": "the signature does not hold under the signer's key"}],
})))]
pub(super) struct Answer {
    #[schema(value_type = schemas::Overall)]
    verdict: Overall,
    /// Why not; empty if it is accepted. The first one decided.
    #[schema(value_type = Vec<schemas::Finding>)]
    reasons: Vec<Finding>,
    /// The certificate's format.
    #[schema(value_type = String, pattern = "^eu-dcc$")]
    format: &'static str,
    ages: TrustListAges,
    /// The pass, if one was asked for and given; otherwise absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schemas::Pass>)]
    pass: Option<Pass>,
}

/// How old the trust list was that decided.
#[derive(Serialize, ToSchema)]
struct TrustListAges {
    /// Seconds since its file was written.
    trust_list: u64,
    /// Whether that is past the amber limit; absent where the agency has set none.
    #[serde(skip_serializing_if = "Option::is_none")]
    amber: Option<bool>,
}

impl From<ForeignVerdict> for Answer {
    fn from(verdict: ForeignVerdict) -> Self {
        Self {
            verdict: verdict.overall,
            reasons: verdict.reasons,
            format: "eu-dcc",
            ages: TrustListAges { trust_list: verdict.trust_list_age, amber: verdict.amber },
            pass: verdict.pass,
        }
    }
}

/// Verify a foreign certificate (EU Digital COVID Certificate).
///
/// A certificate that does not hold is an answer, with its reason, and no problem. `NOT_CONFIGURED` where the
/// agency has no trust list.
#[utoipa::path(
    post, path = "/v1/foreign-certificates/verify", tag = "foreign certificates",
    operation_id = "verify_certificate",
    request_body = VerifyRequest,
    responses((status = 200, description = "The verdict", body = Answer)),
)]
pub(super) async fn verify(
    State(app): State<App>,
    Question(request): Question,
) -> Result<Json<Answer>, Problem> {
    let verdict = run(move || app.agency.verify_foreign(&request.qr, request.at)).await?;
    Ok(Json(verdict.into()))
}

/// Asks for a pass on the strength of a foreign certificate.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TranscodeRequest {
    /// What the code says, from `HC1:` on.
    qr: String,
    /// The rule to apply, which is one of this agency's.
    #[schema(value_type = schemas::Digest)]
    policy: Digest,
    /// The key that the pass will be bound to (Ed25519).
    #[schema(value_type = schemas::PublicKey)]
    holder: PublicKey,
    /// As of when the certificate is judged: taken where the configuration allows it, and then in the audit log. Now,
    /// if absent.
    #[schema(value_type = Option<schemas::Timestamp>)]
    at: Option<Timestamp>,
}

/// Make a pass of a foreign certificate that a rule of this agency accepts.
///
/// The certificate is not kept: only a blinded commitment to it.
#[utoipa::path(
    post, path = "/v1/foreign-certificates/transcode", tag = "foreign certificates",
    request_body = TranscodeRequest,
    responses((status = 200, description = "The verdict, with the pass if it is accepted", body = Answer)),
    security(("operator" = ["verify"])),
)]
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
