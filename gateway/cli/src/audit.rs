//! Recomputing a decision: was this pass given as it says, on the ledger as it was then?
//!
//! **What.** [`transcoding`] takes a pass, the evidence that its agency hands to a regulator, and what the
//! regulator gathered from the ledger itself. The pass says what was decided, the evidence on what, and they are
//! compared: the verifier signed this pass, under a rule that was in force; its decision was anchored then; the
//! source's holder consented; the source was anchored by its issuer; the status list was the one named; and the
//! verdict comes out the same. It sees the policy's claims and no person's name.
//!
//! **Trust.** Nothing of the agency is believed: evidence of another decision, honest as it may be, does not fit
//! the pass in hand. Heads are certified by the validators of the pinned genesis, records are proved under them.
//! What was anchored is looked up in the history of today: a receipt's own head may be of another. What cannot be
//! recomputed (a presentation that may not be retained, a status list nobody serves any more, a foreign certificate)
//! is said to be open, never to hold.

use credential::facts::AgeLimits;
use credential::transcoding::TrustEpoch;
use credential::{Finding, Verdict};
pub use gateway::agency::Evidence;
use ledger_chain::bundle::TrustBundle;
use ledger_chain::history::ConsistencyProof;
use ledger_chain::tree::RecordProof;
use ledger_chain::{Genesis, ReceiptKind, SignedHead, StatusHead};

mod comparison;
mod gather;
mod pass;

pub(crate) use gather::host;
pub use gather::{AuditError, Lists, gather, read_evidence};
pub use pass::AuditedPass;

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
    /// The batches that the evidence's receipts name, as the newest head has them.
    pub batches: Vec<RecordProof>,
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

    /// Notes how `compared` came out; gives its value if it holds.
    fn note<T>(&mut self, name: &'static str, compared: Compared<T>) -> Option<T> {
        let (value, outcome, detail) = match compared {
            Ok((value, detail)) => (Some(value), Outcome::Holds, detail),
            Err(Fault::Differs(detail)) => (None, Outcome::Differs, detail),
            Err(Fault::Open(detail)) => (None, Outcome::Open, detail),
        };
        self.add(name, outcome, detail);
        value
    }
}

/// What a comparison gives: a value to go on with and what to say, or why it does not hold.
type Compared<T = ()> = Result<(T, String), Fault>;

/// Why a comparison does not hold.
#[derive(Debug)]
enum Fault {
    /// Something else came out.
    Differs(String),
    /// Nothing came out.
    Open(String),
}

impl From<String> for Fault {
    fn from(detail: String) -> Self {
        Self::Differs(detail)
    }
}

impl From<&str> for Fault {
    fn from(detail: &str) -> Self {
        Self::Differs(detail.to_owned())
    }
}

impl From<Finding> for Fault {
    fn from(finding: Finding) -> Self {
        Self::Differs(finding.to_string())
    }
}

/// Recomputes the decision that a pass was given on. Without a ledger, its records and the rule there is nothing to
/// compare with; every other comparison is made, whatever an earlier one said.
pub fn transcoding(pass: &AuditedPass, evidence: &Evidence, material: &Material) -> Report {
    let mut report = Report::default();
    let decision = pass.decision();
    let newest = report.note("ledger", comparison::ledger(decision, material));
    let facts = report.note("records", comparison::records(material));
    let policy =
        facts.as_ref().and_then(|facts| report.note("rule", comparison::rule(decision, facts, material)));
    let (Some(newest), Some(facts), Some(policy)) = (newest, facts, policy) else { return report };
    let holder = report.note("pass", comparison::pass(pass, &policy, &facts));
    let anchored = |receipt: &Option<String>, kind, digest| {
        let at = (decision.decided, &policy.verifier);
        comparison::anchored(receipt.as_deref(), kind, &digest, at, (&newest, &material.batches))
    };
    let decided = anchored(&evidence.receipt, ReceiptKind::Transcoding, decision.digest());
    report.note("decision anchored", decided);
    if let TrustEpoch::List(list) = &decision.trust {
        report.add("consent", Outcome::Open, "a foreign certificate is handed over, and no consent signed");
        let detail = format!(
            "decided on trust list {}; the certificate is not stored, its holder can show it again",
            list.short()
        );
        report.add("verdict", Outcome::Open, detail);
        return report;
    }
    let shown = evidence.presentation.as_deref().map(|presentation| {
        let anchored = comparison::source_anchored(presentation, evidence, decision, &newest, material);
        let since = anchored.as_ref().ok().map(|(anchored, _)| anchored.at.time);
        let again =
            comparison::decide(presentation, evidence, decision, (&policy, &facts), material.limits, since);
        (anchored, again)
    });
    let source = shown.as_ref().and_then(|(_, again)| again.source.as_ref());
    let holders = (source.map(|source| &source.holder), holder.as_ref());
    report.note("consent", comparison::consent(evidence, decision, &policy, holders));
    if let Some(consent) = &evidence.consent {
        let consented = anchored(&evidence.consent_receipt, ReceiptKind::Consent, consent.consent.digest());
        report.note("consent anchored", consented);
    }
    report.note("freshness", comparison::freshness(decision, &facts, material.limits));
    match shown {
        None => {
            for name in ["source anchored", "verdict"] {
                report.add(name, Outcome::Open, comparison::FORGOTTEN);
            }
        }
        Some((anchored, again)) => {
            let anchored = report.note("source anchored", anchored);
            comparison::verdict(&mut report, again, anchored, decision, &facts, material);
        }
    }
    report
}

#[cfg(test)]
mod tests;
