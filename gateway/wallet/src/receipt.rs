//! Receipts: what the holder agreed to, kept by the holder, with the ledger's proof that it was written down.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use credential::consent::SignedConsent;
use credential::{Finding, Policy, Reason};
use did_registry::Digest;
use ledger_chain::ReceiptKind;
use ledger_chain::light::TrustedHead;
use ledger_chain::receipt::{AnchorReceipt, Anchored};
use serde::{Deserialize, Serialize};

/// What came of what was shown with a consent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// No answer came; the receiver may have used the consent or not.
    None,
    /// A pass, by its identifier.
    Pass(Digest),
    /// No pass. The receiver keeps nothing and anchors nothing.
    Refused,
}

/// A consent that was given: who may see what, why, under which rule, and what came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentReceipt {
    given: SignedConsent,
    /// Whole, so that purpose and terms can be read when the verifier has long replaced it.
    policy: Policy,
    answer: Answer,
    /// The receiver's receipt that it was anchored, base64url.
    anchor: Option<String>,
}

impl ConsentReceipt {
    pub(crate) fn new(given: SignedConsent, policy: Policy) -> Self {
        Self { given, policy, answer: Answer::None, anchor: None }
    }

    /// What was agreed to, signed.
    pub fn given(&self) -> &SignedConsent {
        &self.given
    }

    /// The digest that was signed, and by which the receiver knows it.
    pub fn digest(&self) -> Digest {
        self.given.consent.digest()
    }

    /// The rule, which says the purpose and what the receiver may keep.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What came of it.
    pub fn answer(&self) -> Answer {
        self.answer
    }

    pub(crate) fn set_answer(&mut self, answer: Answer) {
        self.answer = answer;
    }

    /// Whether the receiver still owes the proof that it was anchored.
    pub fn is_owed(&self) -> bool {
        self.anchor.is_none() && self.answer != Answer::Refused
    }

    /// Keeps the receiver's receipt, if it holds.
    ///
    /// # Errors
    /// As [`ConsentReceipt::verify`]; then what was kept before stays.
    pub fn keep_anchor(&mut self, receipt: String, trusted: &TrustedHead) -> Result<Anchored, Finding> {
        let anchored = self.verify_anchor(&receipt, trusted)?;
        self.anchor = Some(receipt);
        Ok(anchored)
    }

    /// Shows, with no node, that its holder signed it, for this rule, and that the receiver anchored it; `None`
    /// while there is no receipt for that.
    ///
    /// # Errors
    /// The finding of what does not hold.
    pub fn verify(&self, trusted: &TrustedHead) -> Result<Option<Anchored>, Finding> {
        let consent = &self.given.consent;
        self.given.verify(&self.policy, &consent.holder, &consent.nonce, consent.given)?;
        self.anchor.as_deref().map(|receipt| self.verify_anchor(receipt, trusted)).transpose()
    }

    fn verify_anchor(&self, receipt: &str, trusted: &TrustedHead) -> Result<Anchored, Finding> {
        let refuse = |detail: String| Finding::new(Reason::NotAnchored, detail);
        let bytes =
            URL_SAFE_NO_PAD.decode(receipt).map_err(|_| refuse("a receipt travels as base64url".into()))?;
        let receipt = AnchorReceipt::from_bytes(&bytes).map_err(|error| refuse(error.to_string()))?;
        let anchored = receipt.verify_receipt(trusted, ReceiptKind::Consent, &self.digest())?;
        if anchored.issuer != self.given.consent.receiver {
            return Err(refuse("a consent is anchored by its receiver".into()));
        }
        Ok(anchored)
    }
}
