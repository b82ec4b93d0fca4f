//! Recomputing a decision: was this pass given as its issuer says, on the ledger as it was then?
//!
//! **What.** [`transcoding`] takes the evidence that an agency hands to a regulator and what the regulator
//! gathered from the ledger itself, and compares claim by claim: the decision is anchored, the ledger's state
//! is the one named, the source was anchored by its issuer, the rule was in force, the status list was the
//! one named, and the verdict comes out the same. It sees the policy's claims and no person's name.
//!
//! **Trust.** Nothing of the agency is believed; heads are certified by the validators of the pinned genesis,
//! records are proved under them. What cannot be recomputed (a presentation that may not be retained, a
//! status list nobody serves any more, a foreign certificate) is said to be open, never to hold.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use credential::anchor::{LeafKind, credential_digest};
use credential::facts::{AgeLimits, Facts};
use credential::presentation::{Challenge, Decision, verify_presentation};
use credential::sd_jwt::SdJwtText;
use credential::transcoding::{Transcoding, TrustEpoch};
use credential::{Finding, Part, Policy, Verdict};
use did_registry::{Did, Timestamp};
pub use gateway::agency::Evidence;
use ledger_chain::bundle::TrustBundle;
use ledger_chain::history::ConsistencyProof;
use ledger_chain::light::TrustedHead;
use ledger_chain::receipt::{AnchorReceipt, Anchored};
use ledger_chain::{Genesis, ReceiptKind, Record, SignedHead, StateKey, StatusHead};

use crate::screen::age;

mod gather;

pub(crate) use gather::host;
pub use gather::{AuditError, Lists, gather, read_evidence};

/// Seconds that an agency gives to answer a challenge.
const ANSWER_SECONDS: u64 = 300;
/// Seconds within which an agency anchors what it decided: a later anchor does not show that the decision is as
/// old as it says, and a list that was overtaken long ago would accept whom today's refuses.
const ANCHORED_WITHIN: u64 = 3_600;
/// Seconds by which an agency's clock and the ledger's may differ.
const CLOCK_TOLERANCE: u64 = 300;

/// What the regulator gathered itself.
#[derive(Clone, Debug)]
pub struct Material {
    /// What the ledger starts from, pinned.
    pub genesis: Genesis,
    /// The ledger's records as of the decision's trust epoch, with the status lists that could be had.
    pub then: TrustBundle,
    /// The ledger's newest head.
    pub newest: SignedHead,
    /// That the newest head continues the one of the trust epoch.
    pub continues: Option<ConsistencyProof>,
    /// How old the agency's facts may have been.
    pub limits: AgeLimits,
}

/// How a comparison came out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// As the agency says.
    Holds,
    /// Not as the agency says.
    Differs,
    /// Cannot be recomputed from what there is.
    Open,
}

/// One comparison.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Check {
    /// What was compared.
    pub name: &'static str,
    /// How it came out.
    pub outcome: Outcome,
    /// What exactly; holds no claim's value.
    pub detail: String,
}

/// All comparisons.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// In the order in which they were made.
    pub checks: Vec<Check>,
    /// The verdict as recomputed, part by part, if it could be.
    pub verdict: Option<Verdict>,
    /// The status list that it still lacks: its recognised issuer's own, named by what that issuer signed.
    pub missing: Option<StatusHead>,
}

impl Report {
    /// Whether nothing differs.
    pub fn holds(&self) -> bool {
        self.checks.iter().all(|check| check.outcome != Outcome::Differs)
    }

    /// Whether everything was recomputed, and nothing differs.
    pub fn is_complete(&self) -> bool {
        self.checks.iter().all(|check| check.outcome == Outcome::Holds)
    }

    fn add(&mut self, name: &'static str, outcome: Outcome, detail: impl Into<String>) {
        self.checks.push(Check { name, outcome, detail: detail.into() });
    }

    /// Notes how `result` came out; gives its value if it holds.
    fn note<T>(&mut self, name: &'static str, result: Result<(T, String), String>) -> Option<T> {
        match result {
            Ok((value, detail)) => {
                self.add(name, Outcome::Holds, detail);
                Some(value)
            }
            Err(detail) => {
                self.add(name, Outcome::Differs, detail);
                None
            }
        }
    }
}

/// Recomputes a decision. Every comparison that has its input is made, whatever an earlier one said.
pub fn transcoding(evidence: &Evidence, material: &Material) -> Report {
    let mut report = Report::default();
    let decision = &evidence.transcoding;
    let newest = report.note("ledger", ledger(decision, material));
    let facts = report.note("records", records(material));
    let policy = facts.as_ref().and_then(|facts| report.note("rule", rule(decision, facts)));
    match (&evidence.receipt, &newest) {
        (Some(receipt), Some(newest)) => {
            let verifier = policy.as_ref().map(|policy| &policy.verifier);
            report.note("decision anchored", decision_anchored(receipt, decision, verifier, newest));
        }
        (None, _) => {
            report.add("decision anchored", Outcome::Open, "the decision's batch is not anchored yet")
        }
        (_, None) => {
            report.add("decision anchored", Outcome::Open, "there is no certified head to check it under")
        }
    }
    if let TrustEpoch::List(list) = &decision.trust {
        let detail = format!(
            "decided on trust list {}; the certificate is not stored, its holder can show it again",
            list.short()
        );
        report.add("verdict", Outcome::Open, detail);
        return report;
    }
    if let Some(facts) = &facts {
        let age = facts.ages(decision.decided, material.limits);
        let aged = age.map(|ages| ((), format!("keys, rules and status were {} s old", ages.keys)));
        report.note("freshness", aged.map_err(|finding| finding.to_string()));
    }
    let Some(presentation) = &evidence.presentation else {
        let detail = "the policy does not let the agency keep what was shown";
        report.add("source anchored", Outcome::Open, detail);
        report.add("verdict", Outcome::Open, detail);
        return report;
    };
    let Some(((facts, newest), policy)) = facts.zip(newest).zip(policy) else { return report };
    let source = source_anchored(presentation, evidence, &newest);
    let source = report.note("source anchored", source);
    let decided = decide(presentation, evidence, &policy, &facts, material.limits, source.as_ref());
    verdict(&mut report, decided, source, decision, &facts, material);
    report
}

/// The state named by the trust epoch is certified, and the ledger of today continues it.
fn ledger(decision: &Transcoding, material: &Material) -> Result<(TrustedHead, String), String> {
    let then = TrustedHead::from_genesis(&material.genesis, &material.then.head)
        .map_err(|error| error.to_string())?;
    let height = then.head().height;
    if let TrustEpoch::Ledger(epoch) = decision.trust
        && epoch != height
    {
        return Err(format!("the decision names height {epoch}, the records are of height {height}"));
    }
    let newest =
        then.follow(&material.newest, material.continues.as_ref()).map_err(|error| error.to_string())?;
    let now = newest.head().height;
    Ok((newest, format!("height {height} is certified, and today's height {now} continues it")))
}

/// Every record and status list holds under that state.
fn records(material: &Material) -> Result<(Facts, String), String> {
    let then = TrustedHead::from_genesis(&material.genesis, &material.then.head)
        .map_err(|error| error.to_string())?;
    let (_, facts) = material.then.verify(&then).map_err(|error| error.to_string())?;
    let detail = format!(
        "{} records and {} status lists are proved",
        material.then.records.len(),
        facts.statuses.len()
    );
    Ok((facts, detail))
}

/// The rule was on the ledger and in force.
fn rule(decision: &Transcoding, facts: &Facts) -> Result<(Policy, String), String> {
    let policy = facts.policies.get(&decision.policy);
    let policy = policy.ok_or_else(|| format!("policy {} was not on the ledger", decision.policy.short()))?;
    if !policy.applies_at(decision.decided) {
        return Err(format!("{} v{} did not apply on {}", policy.name, policy.version, decision.decided));
    }
    Ok((policy.clone(), format!("{} v{} was on the ledger and in force", policy.name, policy.version)))
}

/// The verifier anchored this decision, as a transcoding, when it was made and not before.
fn decision_anchored(
    receipt: &str,
    decision: &Transcoding,
    verifier: Option<&Did>,
    newest: &TrustedHead,
) -> Result<((), String), String> {
    let receipt = read_receipt(receipt)?;
    let anchored = receipt.verify_receipt(newest, ReceiptKind::Transcoding, &decision.digest());
    let anchored = anchored.map_err(|finding| finding.to_string())?;
    if verifier.is_some_and(|verifier| verifier != &anchored.issuer) {
        return Err("the decision is anchored by somebody else than the policy's verifier".into());
    }
    if anchored.at.time.plus(CLOCK_TOLERANCE) < decision.decided {
        return Err(format!(
            "anchored at {}, before it was decided at {}",
            anchored.at.time, decision.decided
        ));
    }
    let late = anchored.at.time.since(decision.decided);
    if late > ANCHORED_WITHIN {
        return Err(format!(
            "anchored {} after it is said to be decided; an agency anchors within {}",
            age(late),
            age(ANCHORED_WITHIN)
        ));
    }
    Ok(((), format!("at height {}, {}", anchored.at.height, anchored.at.time)))
}

/// The source's issuer anchored exactly this credential, under the commitment that the decision names.
fn source_anchored(
    presentation: &str,
    evidence: &Evidence,
    newest: &TrustedHead,
) -> Result<(Anchored, String), String> {
    let receipt = evidence.anchor.as_deref().ok_or("the evidence has no receipt for the source")?;
    let text = SdJwtText::parse(presentation).map_err(|error| error.to_string())?;
    let digest = credential_digest(text.signed_part().as_bytes());
    let anchored = read_receipt(receipt)?.verify(newest, LeafKind::Credential, &digest);
    let anchored = anchored.map_err(|finding| finding.to_string())?;
    if anchored.commitment != evidence.transcoding.source {
        return Err("the decision names another source commitment".into());
    }
    let detail = format!("by {} at height {}", anchored.issuer.short(), anchored.at.height);
    Ok((anchored, detail))
}

fn read_receipt(text: &str) -> Result<AnchorReceipt, String> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| "a receipt travels as base64url")?;
    AnchorReceipt::from_bytes(&bytes).map_err(|error| error.to_string())
}

/// Decides again, as the policy's verifier: what was shown to anybody else is no ground for its pass.
fn decide(
    presentation: &str,
    evidence: &Evidence,
    policy: &Policy,
    facts: &Facts,
    limits: AgeLimits,
    source: Option<&Anchored>,
) -> Decision {
    let audience = policy.verifier.to_string();
    let challenge = Challenge {
        audience: &audience,
        nonce: evidence.consent.as_ref().map_or("", |consent| &consent.consent.nonce),
        max_age: ANSWER_SECONDS,
        now: evidence.transcoding.decided,
        limits,
    };
    let since: Option<Timestamp> = source.map(|anchored| anchored.at.time);
    verify_presentation(presentation, &evidence.transcoding.policy, facts, &challenge, since)
}

/// The verdict comes out the same, on the status list of the epoch that the decision names.
fn verdict(
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
            Err(format!(
                "the ledger had epoch {}, the decision names {}",
                named(epoch),
                named(decision.status)
            ))
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

fn word(overall: credential::Overall) -> &'static str {
    match overall {
        credential::Overall::Accept => "accept",
        credential::Overall::Refuse => "refuse",
        credential::Overall::Undecided => "undecided",
    }
}

#[cfg(test)]
mod tests;
