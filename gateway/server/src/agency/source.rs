//! The anchor behind an application: as the ledger has it, not as the applicant says.
//!
//! A receipt shows what stood when it was made. Its issuer may have withdrawn the batch since, and dishonest
//! validators may have signed the receipt's head beside the history that everybody else sees. So the batch's
//! record is looked up, by proof, under a head of this agency's own that is no older than the receipt and the
//! view. That is one question to the node for each batch and view, however many apply with credentials of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use credential::anchor::{LeafKind, credential_digest};
use credential::exchange::PassRequest;
use credential::sd_jwt::SdJwtText;
use credential::{Finding, Part, Reason};
use did_registry::Digest;
use ledger_chain::StateKey;
use ledger_chain::receipt::{AnchorReceipt, Anchored};

use super::Agency;
use super::follower::Found;

/// How long an applicant waits for the ledger.
const PATIENCE: Duration = Duration::from_secs(5);
/// Batches remembered.
const MOST: usize = 4_096;

/// Others' batches as they were looked up last.
#[derive(Default)]
pub(crate) struct Sources(Mutex<BTreeMap<StateKey, Found>>);

impl Sources {
    fn get(&self, key: &StateKey) -> Option<Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn keep(&self, key: &StateKey, found: &Found) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.pop_first();
        }
        all.insert(key.clone(), found.clone());
    }
}

impl Agency {
    /// Gathers the anchor behind an application, or what there is to say of it in the verdict.
    ///
    /// # Errors
    /// `NOT_ANCHORED` for a receipt or a batch that does not hold; open with `LIST_STALE` while the ledger cannot
    /// be asked; as the challenge's, if that is not open.
    pub async fn source_anchor(&self, request: &PassRequest) -> Result<Anchored, Part> {
        // Nobody has the node asked who was not asked himself.
        let nonce = &request.consent.consent.nonce;
        self.challenges.check(nonce, &self.policies(), self.clock.now()).map_err(Part::Bad)?;
        let (receipt, digest) = tokio::task::block_in_place(|| self.read(request)).map_err(Part::Bad)?;
        let view = self.trust.view().head.head().height;
        let found =
            self.standing(&receipt.key(LeafKind::Credential), receipt.head.head.height.max(view)).await;
        let Found { head, proof } = found?;
        let height = head.head().height;
        receipt.verify_standing(&head, &proof, height, &digest).map_err(Part::Bad)
    }

    /// The receipt, as far as it holds by itself, and the digest that it is to be of.
    fn read(&self, request: &PassRequest) -> Result<(AnchorReceipt, Digest), Finding> {
        let refuse = |detail: &str| Finding::new(Reason::NotAnchored, detail);
        let bytes = URL_SAFE_NO_PAD.decode(&request.anchor).map_err(|_| refuse("a receipt is base64url"))?;
        let receipt = AnchorReceipt::from_bytes(&bytes).map_err(|error| refuse(&error.to_string()))?;
        let text = SdJwtText::parse(&request.presentation).map_err(Finding::from)?;
        let digest = credential_digest(text.signed_part().as_bytes());
        receipt.verify_credential(&self.trust.view().head, &digest)?;
        Ok((receipt, digest))
    }

    /// The batch's record under a head of at least `height`. While the ledger is away, what was found before
    /// counts for as long as other facts do.
    async fn standing(&self, key: &StateKey, height: u64) -> Result<Found, Part> {
        let known = self.sources.get(key);
        if let Some(known) = known.as_ref().filter(|known| known.head.head().height >= height) {
            return Ok(known.clone());
        }
        let open = |detail: &str| Part::Open(Finding::new(Reason::ListStale, detail));
        match tokio::time::timeout(PATIENCE, self.trust.follower().find(key, height)).await {
            Ok(Ok(found)) if found.head.head().height >= height => {
                self.sources.keep(key, &found);
                return Ok(found);
            }
            Ok(Ok(_)) => return Err(open("this agency's ledger has not come to the receipt's head")),
            Ok(Err(error)) => tracing::warn!(%error, "an anchor cannot be looked up"),
            Err(_) => tracing::warn!("an anchor cannot be looked up: the ledger does not answer"),
        }
        let (now, limit) = (self.clock.now(), self.limits.refuse);
        let known = known.filter(|known| now.since(known.head.head().time) < limit);
        known.ok_or_else(|| open("the ledger cannot be asked now whether the anchor stands"))
    }
}
