//! Schemas of what the pure crates define, for the OpenAPI document: those crates know nothing of HTTP.
//!
//! Each type here says of one type there how it looks as JSON, and nothing is ever made of it. Whether that is
//! true is held against the real thing: the tests' client validates every answer that an agency gives, and every
//! body that it accepts, against the document it serves.
#![expect(dead_code, reason = "schemas are derived from these types, and no value of them is made")]

use std::collections::BTreeSet;

use credential::Reason;
use utoipa::ToSchema;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{Object, ObjectBuilder};

use crate::problem;

// --- words --------------------------------------------------------------------------------------------

/// SHA-256, or 256 random bits that name something: 64 lower-case hexadecimal digits.
#[derive(ToSchema)]
#[schema(
    pattern = "^[0-9a-f]{64}$",
    examples("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
)]
pub(crate) struct Digest(String);

/// An identifier on the ledger: the hash of its first operation, in base58.
#[derive(ToSchema)]
#[schema(
    pattern = "^did:causeway:[a-z][a-z0-9-]{0,15}:[1-9A-HJ-NP-Za-km-z]{32,44}$",
    examples("did:causeway:demo:4uQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofM")
)]
pub(crate) struct Did(String);

/// The name of a ledger's network.
#[derive(ToSchema)]
#[schema(pattern = "^[a-z][a-z0-9-]{0,15}$", examples("demo"))]
pub(crate) struct NetworkId(String);

/// A public key, P-256 or Ed25519, as Multikey in base58btc.
#[derive(ToSchema)]
#[schema(
    pattern = "^z[1-9A-HJ-NP-Za-km-z]{40,60}$",
    examples("z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp")
)]
pub(crate) struct PublicKey(String);

/// A time, RFC 3339; in answers always in UTC and whole seconds.
#[derive(ToSchema)]
#[schema(format = DateTime, examples("2021-06-01T00:00:00Z"))]
pub(crate) struct Timestamp(String);

/// A day.
#[derive(ToSchema)]
#[schema(format = Date, pattern = r"^\d{4}-\d{2}-\d{2}$", examples("2021-06-01"))]
pub(crate) struct Date(String);

/// A kind of credential.
#[derive(ToSchema)]
#[schema(pattern = "^[A-Za-z0-9_-]{1,64}$", examples("HealthTest"))]
pub(crate) struct CredentialType(String);

/// Canonical bytes, in base64url without padding.
#[derive(ToSchema)]
#[schema(pattern = "^[A-Za-z0-9_-]+$")]
pub(crate) struct Base64Url(String);

/// A compact JWS (RFC 7515).
#[derive(ToSchema)]
#[schema(pattern = r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$")]
pub(crate) struct Jws(String);

/// The canonical bytes of a trust bundle: head, records with their proofs, status lists. Whoever receives one
/// verifies it.
#[derive(ToSchema)]
#[schema(format = Binary)]
pub(crate) struct Bundle(String);

/// RFC 4180, UTF-8. The first row names the columns: `record_id`, and claims of the schema, among them every
/// required one.
#[derive(ToSchema)]
#[schema(examples("record_id,full_name,test_result\nR-1,陳 Maria,negative\n"))]
pub(crate) struct Csv(String);

/// A W3C Verifiable Credential 2.0 secured with `eddsa-jcs-2022`.
#[derive(ToSchema)]
#[schema(value_type = Object)]
pub(crate) struct Document(String);

// --- verdicts -----------------------------------------------------------------------------------------

/// The answer in one word; `undecided` asks for fresher facts or a second proof.
#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Overall {
    Accept,
    Refuse,
    Undecided,
}

/// A reason, and what exactly; no claim's value.
#[derive(ToSchema)]
#[schema(examples(json!({"code": "EXPIRED", "detail": "the certificate ended at 2021-06-01T00:00:00Z"})))]
pub(crate) struct Finding {
    /// The stable code.
    #[schema(schema_with = reasons)]
    code: String,
    /// The rule, in words, for people and logs.
    detail: String,
}

/// What was found on one part of what was shown.
#[derive(ToSchema)]
#[serde(rename_all = "lowercase", tag = "answer", content = "why")]
pub(crate) enum Part {
    /// Checked and good.
    Good,
    /// Checked and bad.
    Bad(Finding),
    /// Could not be checked.
    Open(Finding),
    /// Not asked for this format, or not reached.
    NotChecked,
}

/// A verdict, part by part. One bad part refuses; otherwise one open part leaves it undecided.
#[derive(ToSchema)]
pub(crate) struct Verdict {
    /// It decodes, and the signature holds.
    integrity: Part,
    /// The issuer is recognised for this type at this time, and the key was its own to use.
    issuer: Part,
    /// Within its own validity.
    validity: Part,
    /// Neither revoked nor suspended.
    status: Part,
    /// Shown by its holder.
    holder: Part,
    /// Fresh, for this verifier, not shown before; and the facts it was decided on are not too old.
    freshness: Part,
    /// What the verifier's rule says.
    rule: Part,
}

/// How old the facts were that decided, in seconds.
#[derive(ToSchema)]
#[schema(examples(json!({"keys": 2, "rules": 2, "status": 2, "amber": false})))]
pub(crate) struct Ages {
    /// Since keys were current.
    keys: u64,
    /// Since rules were current.
    rules: u64,
    /// Since revocations were current; null where the format has none.
    status: Option<u64>,
    /// Whether any of them is past the amber limit.
    amber: bool,
}

// --- issuing ------------------------------------------------------------------------------------------

/// A key and the proof that its owner asks this agency for something bound to it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Possession {
    /// The holder's fresh key.
    key: PublicKey,
    /// 64 bytes in hexadecimal, over the agency's identifier and the claim code or the challenge's nonce.
    signature: String,
}

/// Redeems a claim code.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClaimRequest {
    /// The one-time code that the agency gave to the person.
    code: String,
    /// The key that both formats are bound to.
    holder: Possession,
    /// The key that a Causeway credential is bound to, if one is wanted.
    causeway: Option<HolderKeyProof>,
}

/// A holder key of the circuit, and the proof that the secret behind it is known.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HolderKeyProof {
    /// 32 bytes in hexadecimal.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    key: String,
    /// 192 bytes in hexadecimal, in the context of this agency and the code.
    #[schema(pattern = "^[0-9a-f]{384}$")]
    proof: String,
}

/// What policies are proved from: a signature over the same claims, by the slots of their schema.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CausewayCredential {
    /// URL of the issuer's key in its document.
    key_id: String,
    /// Its place in the issuer's status tree.
    #[schema(maximum = 4_194_303)]
    handle: u32,
    /// Day of issue, counted from 1970-01-01.
    issued: u32,
    /// The last day on which it counts.
    expires: u32,
    /// 64 bytes in hexadecimal.
    #[schema(pattern = "^[0-9a-f]{128}$")]
    signature: String,
}

/// One credential in its two formats, over the same claims.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Issued {
    /// The issuer's name for it, which says nothing of the record. Whoever knows it can ask for its receipt and
    /// for the reason of its status.
    id: Digest,
    /// SD-JWT VC (RFC 9901) with all disclosures.
    sd_jwt: String,
    /// The same as a W3C credential.
    data_integrity: Document,
    /// The same as a Causeway credential, if it was asked for.
    causeway: Option<CausewayCredential>,
}

// --- policies and passes ------------------------------------------------------------------------------

/// A value in a rule: fixed, or counted from the day of the check.
#[derive(ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Operand {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Yes or no.
    Boolean(bool),
    /// A fixed day.
    Date(Date),
    /// The day of the check and so many days more, or fewer.
    DaysFromToday(i32),
}

/// What a claim must be.
#[derive(ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Test {
    /// The same value.
    Equals(Operand),
    /// One of these texts.
    OneOf(BTreeSet<String>),
    /// Not less, for numbers and dates.
    AtLeast(Operand),
    /// Not more, for numbers and dates.
    AtMost(Operand),
}

/// One condition on one claim.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"claim": "sample_date", "test": {"at-least": {"days-from-today": -7}}})))]
pub(crate) struct Predicate {
    /// The claim's name in the schema.
    claim: String,
    /// What it must be.
    test: Test,
}

/// What a verifier issues to those who pass.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PassTerms {
    /// The pass's type.
    credential_type: CredentialType,
    /// Hours it lasts.
    #[schema(minimum = 1, maximum = 720)]
    hours: u16,
}

/// A verifier's rule, as the ledger has it. Its identifier is the hash of its canonical encoding.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Policy {
    /// Whose rule.
    verifier: Did,
    /// Its name.
    #[schema(pattern = "^[a-z0-9-]{1,64}$")]
    name: String,
    /// Rises with each revision.
    version: u32,
    /// Why the claims are asked for, in a sentence for the holder.
    #[schema(min_length = 1, max_length = 280)]
    purpose: String,
    /// The credential asked for.
    credential_type: CredentialType,
    /// Its schema.
    schema: Digest,
    /// Conditions, all of which must hold.
    #[schema(min_items = 1, max_items = 8)]
    predicates: Vec<Predicate>,
    /// Claims that the verifier may keep; it forgets every other one after the verdict.
    retained: BTreeSet<String>,
    /// Applies from then on.
    from: Timestamp,
    /// Applies until then, exclusive.
    until: Timestamp,
    /// What those who pass receive; null if nothing.
    pass: Option<PassTerms>,
    /// How the rule is proved; null if it is asked in the clear only.
    proof: Option<ProofTerms>,
}

/// How a rule is proved instead of shown.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProofTerms {
    /// Hours for which an issuer set that was overtaken is still accepted.
    #[schema(minimum = 1, maximum = 168)]
    epoch_hours: u16,
    /// Where and when a holder counts once.
    scope: Scope,
}

/// Where and when a holder counts once: at one gate, or at all of the verifier's, on one day.
#[derive(ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scope {
    GateAndDay,
    Day,
}

/// A challenge for one presentation.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChallengeResponse {
    /// The verifier, to be signed as audience.
    audience: Did,
    /// To be signed; good once, for five minutes.
    nonce: String,
    /// The rule that will be applied. The wallet checks that the ledger has it.
    policy: Policy,
}

/// What a holder agrees to.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Consent {
    /// The key that holds the credential.
    holder: PublicKey,
    /// Who may receive.
    receiver: Did,
    /// Under which rule.
    policy: Digest,
    /// The claims shown: exactly those of the rule.
    claims: BTreeSet<String>,
    /// When it was given.
    given: Timestamp,
    /// Until when it may be used.
    expires: Timestamp,
    /// The receiver's challenge, so that it is used once.
    nonce: String,
    /// The key that the pass is bound to.
    pass: Option<PublicKey>,
}

/// A consent and the holder's signature.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignedConsent {
    /// What is agreed to.
    consent: Consent,
    /// 64 bytes in hexadecimal, over the consent's digest.
    signature: String,
}

/// Asks for a pass on the strength of another jurisdiction's credential.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PassRequest {
    /// SD-JWT VC presentation with key binding that answers the challenge.
    presentation: String,
    /// What the holder agreed to.
    consent: SignedConsent,
    /// That the credential was anchored: the ledger's receipt, canonical bytes in base64url.
    anchor: String,
    /// The key that the pass will be bound to (Ed25519), in the context of the challenge.
    holder: Possession,
}

/// A pass.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pass {
    /// The issuer's name for it.
    id: Digest,
    /// The pass itself.
    credential: Document,
}

/// What came of an application.
#[derive(ToSchema)]
pub(crate) struct PassResponse {
    /// In one word.
    overall: Overall,
    /// Part by part.
    verdict: Verdict,
    /// How old keys, rules and status were; null if it did not come to that.
    ages: Option<Ages>,
    /// The pass, if accepted.
    pass: Option<Pass>,
}

/// Whose word was taken, as of when.
#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TrustEpoch {
    /// The recognised issuers at this height of the ledger.
    Ledger(u64),
    /// A foreign trust list, by the SHA-256 of its file.
    List(Digest),
}

/// A decision, without anything about a person.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Transcoding {
    /// The blinded commitment to the source credential.
    source: Digest,
    /// The rule applied.
    policy: Digest,
    /// Whose signatures were accepted.
    trust: TrustEpoch,
    /// The epoch of the issuer's status list; null where the format has no status.
    status: Option<u64>,
    /// What was decided.
    verdict: Overall,
    /// When.
    decided: Timestamp,
}

// --- the ledger, the service itself -------------------------------------------------------------------

/// A place on the ledger.
#[derive(ToSchema)]
pub(crate) struct Moment {
    /// The block's number.
    height: u64,
    /// The block's time.
    time: Timestamp,
}

/// The service takes writes.
#[derive(ToSchema)]
pub(crate) struct Health {
    /// Always `ok`: otherwise the answer is a problem.
    #[schema(pattern = "^ok$")]
    status: String,
}

/// An OpenAPI 3.1 document.
#[derive(ToSchema)]
pub(crate) struct OpenApi {
    /// The version of the format.
    #[schema(pattern = r"^3\.")]
    openapi: String,
    /// What it describes.
    #[schema(value_type = Object)]
    info: String,
    /// The addresses.
    #[schema(value_type = Object)]
    paths: String,
    /// The schemas.
    #[schema(value_type = Object)]
    components: String,
}

/// A refusal (RFC 9457). The detail names the rule that was broken, never a value.
#[derive(ToSchema)]
#[schema(examples(json!({
    "type": "urn:causeway:problem:CODE_USED", "title": "Conflict", "status": 409,
    "detail": "a claim code works once, and this one was used", "code": "CODE_USED",
})))]
pub(crate) struct Problem {
    /// `urn:causeway:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(pattern = "^urn:causeway:problem:[A-Z_]+$")]
    kind: String,
    /// The HTTP status in words.
    title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// The rule, in words.
    detail: String,
    /// The stable code, to be compared.
    #[schema(schema_with = problems)]
    code: String,
}

fn codes<'c>(codes: impl IntoIterator<Item = &'c str>) -> Object {
    let mut codes: Vec<&str> = codes.into_iter().collect();
    codes.sort_unstable();
    codes.dedup();
    let text = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(codes));
    text.description(Some("The stable code, to be compared.")).build()
}

fn reasons() -> Object {
    codes(Reason::ALL.map(Reason::code))
}

fn problems() -> Object {
    codes(problem::codes())
}
