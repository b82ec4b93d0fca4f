//! The comparisons of an audit, one function each.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use credential::anchor::{LeafKind, credential_digest};
use credential::facts::{AgeLimits, Facts};
use credential::presentation::{Challenge, Decision, authenticate_document, type_name, verify_presentation};
use credential::sd_jwt::SdJwtText;
use credential::transcoding::{Transcoding, TrustEpoch, pass_schema};
use credential::{Finding, Overall, Part, Policy};
use did_registry::{Did, Digest, PublicKey, Timestamp};
use ledger_chain::light::TrustedHead;
use ledger_chain::receipt::{AnchorReceipt, Anchored};
use ledger_chain::tree::RecordProof;
use ledger_chain::{ReceiptKind, Record, StateKey, StatusHead};

use super::{AuditedPass, Compared, Evidence, Fault, Material, Outcome, Report};
use crate::screen::age;

/// Seconds that an agency gives to answer a challenge.
const ANSWER_SECONDS: u64 = 300;
/// Seconds within which an agency anchors what it decided: a later anchor does not show that the decision is as
/// old as it says, and a list that was overtaken long ago would accept whom today's refuses.
pub(super) const ANCHORED_WITHIN: u64 = 3_600;
/// Seconds by which an agency's clock and the ledger's may differ.
const CLOCK_TOLERANCE: u64 = 300;
/// Why nothing can be said of the source.
pub(super) const FORGOTTEN: &str = "the policy does not let the agency keep what was shown";

/// The state named by the trust epoch is certified, and the ledger of today continues it.
pub(super) fn ledger(decision: &Transcoding, material: &Material) -> Compared<TrustedHead> {
    let then = TrustedHead::from_genesis(&material.genesis, &material.then.head)
        .map_err(|error| error.to_string())?;
    let height = then.head().height;
    if let TrustEpoch::Ledger(epoch) = decision.trust
        && epoch != height
    {
        return Err(format!("the decision names height {epoch}, the records are of height {height}").into());
    }
    let newest =
        then.follow(&material.newest, material.continues.as_ref()).map_err(|error| error.to_string())?;
    let now = newest.head().height;
    Ok((newest, format!("height {height} is certified, and today's height {now} continues it")))
}

/// Every record and status list holds under that state.
pub(super) fn records(material: &Material) -> Compared<Facts> {
    let then = TrustedHead::from_genesis(&material.genesis, &material.then.head)
        .map_err(|error| error.to_string())?;
    let (_, facts) = material.then.verify(&then).map_err(|error| error.to_string())?;
    let detail = format!(
        "{} and {} are proved",
        counted(material.then.records.len(), "record"),
        counted(facts.statuses.len(), "status list"),
    );
    Ok((facts, detail))
}

/// The rule was on the ledger and in force.
pub(super) fn rule(decision: &Transcoding, facts: &Facts, material: &Material) -> Compared<Policy> {
    let policy = facts.policies.get(&decision.policy);
    let policy = policy.ok_or_else(|| format!("policy {} was not on the ledger", decision.policy.short()))?;
    let named = format!("{} v{}", policy.name, policy.version);
    if !policy.applies_at(decision.decided) {
        return Err(format!("{named} did not apply on {}", decision.decided).into());
    }
    let mut published =
        material.then.records.iter().filter(|proof| proof.key == StateKey::Policy(decision.policy));
    let published = published.find_map(|proof| match proof.verify(&material.then.head.head.state) {
        Ok(Some(Record::Policy(record))) => Some(record.published.time),
        _ => None,
    });
    if published.is_none_or(|at| at > decision.decided.plus(CLOCK_TOLERANCE)) {
        return Err(format!("{named} was published after the decision").into());
    }
    Ok((policy.clone(), format!("{named} was on the ledger and in force")))
}

/// The policy's verifier signed this pass, as its policy gives it; gives the key that it is bound to.
pub(super) fn pass(pass: &AuditedPass, policy: &Policy, facts: &Facts) -> Compared<PublicKey> {
    let Transcoding { decided, .. } = *pass.decision();
    let (credential, issuer) = authenticate_document(pass.document(), facts, decided, None)?;
    if issuer != policy.verifier {
        return Err("signed by somebody else than the policy's verifier".into());
    }
    let terms = policy.pass.as_ref().ok_or("the policy gives no pass")?;
    let kind = type_name(&terms.credential_type, &pass_schema(&terms.credential_type).id());
    if credential.types().iter().filter(|name| *name != "VerifiableCredential").ne([&kind]) {
        return Err(format!("the policy gives a {}, under its schema", terms.credential_type).into());
    }
    facts.recognised(&issuer, &terms.credential_type, decided, decided)?;
    let until = decided.plus(u64::from(terms.hours) * 3600);
    if (credential.valid_from(), credential.valid_until()) != (Some(decided), Some(until)) {
        return Err(format!("the policy gives a pass for {} h from the decision on", terms.hours).into());
    }
    let holder = credential.holder().ok_or("a pass is bound to its holder's key")?;
    let detail = format!("signed by {} for {} h, as its policy gives it", issuer.short(), terms.hours);
    Ok((holder, detail))
}

/// The verifier anchored this decision, or the consent to it, when it was made: not before, and within the hour.
pub(super) fn anchored(
    receipt: Option<&str>,
    kind: ReceiptKind,
    digest: &Digest,
    (decided, verifier): (Timestamp, &Did),
    (newest, batches): (&TrustedHead, &[RecordProof]),
) -> Compared {
    let in_time = |at: Timestamp| match at.since(decided) {
        late if late > ANCHORED_WITHIN => Err(format!(
            "{} after the decision; an agency anchors within {}",
            age(late),
            age(ANCHORED_WITHIN)
        )),
        _ => Ok(()),
    };
    let Some(receipt) = receipt else {
        in_time(newest.head().time).map_err(|rule| format!("not anchored {rule}"))?;
        return Err(Fault::Open("its batch is not anchored yet".into()));
    };
    let receipt = read_receipt(receipt)?;
    let batch = batch(&receipt, LeafKind::Receipt, batches)?;
    let Anchored { issuer, at, .. } = receipt.verify_receipt_standing(newest, batch, kind, digest)?;
    if &issuer != verifier {
        return Err("anchored by somebody else than the policy's verifier".into());
    }
    if at.time.plus(CLOCK_TOLERANCE) < decided {
        return Err(format!("anchored at {}, before it was decided at {decided}", at.time).into());
    }
    in_time(at.time).map_err(|rule| format!("anchored {rule}"))?;
    Ok(((), format!("at height {}, {}", at.height, at.time)))
}

/// The holder agreed to exactly this: these claims, to this verifier, under this rule, then, for this pass. `source`
/// and `pass` are the keys that hold them, as far as they could be read.
pub(super) fn consent(
    evidence: &Evidence,
    decision: &Transcoding,
    policy: &Policy,
    (source, pass): (Option<&PublicKey>, Option<&PublicKey>),
) -> Compared {
    let signed = evidence.consent.as_ref().ok_or("the evidence has no consent of the holder's")?;
    let consent = &signed.consent;
    signed.verify(policy, &consent.holder, &consent.nonce, decision.decided)?;
    if pass.is_some() && consent.pass.as_ref() != pass {
        return Err("the holder consented to a pass that is bound to another key".into());
    }
    match source {
        Some(source) if *source == consent.holder => {
            Ok(((), format!("signed by the source's holder on {}", consent.given)))
        }
        Some(_) => Err("signed by somebody else than the source's holder".into()),
        None => Err(Fault::Open(format!(
            "signed on {}, by a key of which nothing says that it holds the source",
            consent.given
        ))),
    }
}

/// What was decided on was not too old to decide.
pub(super) fn freshness(decision: &Transcoding, facts: &Facts, limits: AgeLimits) -> Compared {
    let ages = facts.ages(decision.decided, limits)?;
    Ok(((), format!("keys, rules and status were {} s old", ages.keys)))
}

/// The source's issuer anchored exactly this credential, under the commitment that the decision names, and had not
/// withdrawn it in the state that was decided on.
pub(super) fn source_anchored(
    presentation: &str,
    evidence: &Evidence,
    decision: &Transcoding,
    newest: &TrustedHead,
    material: &Material,
) -> Compared<Anchored> {
    let receipt = evidence.anchor.as_deref().ok_or("the evidence has no receipt for the source")?;
    let text = SdJwtText::parse(presentation).map_err(|error| error.to_string())?;
    let digest = credential_digest(text.signed_part().as_bytes());
    let receipt = read_receipt(receipt)?;
    let batch = batch(&receipt, LeafKind::Credential, &material.batches)?;
    let anchored = receipt.verify_standing(newest, batch, material.then.head.head.height, &digest)?;
    if anchored.commitment != decision.source {
        return Err("the decision names another source commitment".into());
    }
    if anchored.at.time > decision.decided.plus(CLOCK_TOLERANCE) {
        return Err(format!("the source was anchored at {}, after the decision", anchored.at.time).into());
    }
    let detail = format!("by {} at height {}", anchored.issuer.short(), anchored.at.height);
    Ok((anchored, detail))
}

/// The batches that the receipts in the evidence are of. One that does not read names none.
pub(super) fn batches(evidence: &Evidence) -> BTreeSet<StateKey> {
    let Evidence { anchor, receipt, consent_receipt, .. } = evidence;
    let receipts =
        [(anchor, LeafKind::Credential), (receipt, LeafKind::Receipt), (consent_receipt, LeafKind::Receipt)];
    let key =
        |(text, leaf): (&Option<String>, LeafKind)| Some(read_receipt(text.as_deref()?).ok()?.key(leaf));
    receipts.into_iter().filter_map(key).collect()
}

/// A receipt's batch as the newest head has it.
fn batch<'a>(
    receipt: &AnchorReceipt,
    leaf: LeafKind,
    batches: &'a [RecordProof],
) -> Result<&'a RecordProof, Fault> {
    let key = receipt.key(leaf);
    let found = batches.iter().find(|batch| batch.key == key);
    found.ok_or_else(|| Fault::Open("its batch was not looked up on the ledger".into()))
}

/// A receipt as it travels.
pub(super) fn read_receipt(text: &str) -> Result<AnchorReceipt, Fault> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| "a receipt travels as base64url")?;
    AnchorReceipt::from_bytes(&bytes).map_err(|error| error.to_string().into())
}

/// Decides again, as the policy's verifier: what was shown to anybody else is no ground for its pass.
pub(super) fn decide(
    presentation: &str,
    evidence: &Evidence,
    decision: &Transcoding,
    (policy, facts): (&Policy, &Facts),
    limits: AgeLimits,
    since: Option<Timestamp>,
) -> Decision {
    let audience = policy.verifier.to_string();
    let challenge = Challenge {
        audience: &audience,
        nonce: evidence.consent.as_ref().map_or("", |consent| &consent.consent.nonce),
        max_age: ANSWER_SECONDS,
        now: decision.decided,
        limits,
    };
    verify_presentation(presentation, &decision.policy, facts, &challenge, since)
}

/// The verdict comes out the same, on the status list of the epoch that the decision names.
pub(super) fn verdict(
    report: &mut Report,
    decided: Decision,
    anchored: Option<Anchored>,
    decision: &Transcoding,
    facts: &Facts,
    material: &Material,
) {
    let Decision { verdict, source, .. } = decided;
    let mut judged = verdict.clone();
    if let Some(source) = &source {
        let theirs = anchored.is_none_or(|anchored| anchored.issuer == source.issuer);
        let issuer = if theirs {
            Ok(((), "the issuer anchored it itself".into()))
        } else {
            Err("somebody else than the issuer anchored the source".into())
        };
        report.note("issuer", issuer);
        let status = source.status.as_ref();
        let head = status.and_then(|status| status_head(material, &source.issuer, &status.uri));
        let epoch = head.as_ref().map(|head| head.epoch);
        let named = |epoch: Option<u64>| epoch.map_or("none".to_owned(), |epoch| epoch.to_string());
        let same = if epoch == decision.status {
            Ok(((), format!("epoch {}", named(epoch))))
        } else {
            let (had, names) = (named(epoch), named(decision.status));
            Err(format!("the ledger had epoch {had}, the decision names {names}").into())
        };
        report.note("status epoch", same);
        let here = |head: &StatusHead| {
            facts.statuses.get(&head.uri).is_some_and(|list| list.issuer == source.issuer)
        };
        report.missing = head.filter(|head| verdict.issuer == Part::Good && !here(head));
    }
    if report.missing.is_some() {
        // The list itself cannot be had any more; everything else can still disagree.
        judged.status = Part::NotChecked;
    }
    let (was, is) = (word(decision.verdict), word(judged.overall()));
    let reasons = || judged.findings().into_iter().map(Finding::to_string).collect::<Vec<_>>().join("; ");
    match (judged.overall() == decision.verdict, report.missing.is_some()) {
        (true, false) => {
            report.add("verdict", Outcome::Holds, format!("{is}, recomputed from the presentation"))
        }
        (true, true) => {
            let detail = format!(
                "{is} as far as it can be recomputed; the status list of that epoch is not to be had"
            );
            report.add("verdict", Outcome::Open, detail);
        }
        (false, _) => report.add(
            "verdict",
            Outcome::Differs,
            format!("the agency says {was}, it comes out {is}: {}", reasons()),
        ),
    }
    report.verdict = Some(verdict);
}

/// The head of an issuer's status list as of the trust epoch. Whoever is registered may anchor a head at any
/// address, so the address alone says nothing.
fn status_head(material: &Material, issuer: &Did, uri: &str) -> Option<StatusHead> {
    let owned = material
        .then
        .records
        .iter()
        .filter(|proof| matches!(&proof.key, StateKey::Status(owner, _) if owner == issuer));
    let mut heads = owned.filter_map(|proof| match proof.verify(&material.then.head.head.state) {
        Ok(Some(Record::Status(record))) => Some(record.head),
        _ => None,
    });
    heads.find(|head| head.uri == uri)
}

fn counted(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

fn word(overall: Overall) -> &'static str {
    match overall {
        Overall::Accept => "accept",
        Overall::Refuse => "refuse",
        Overall::Undecided => "undecided",
    }
}
