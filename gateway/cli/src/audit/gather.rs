//! What a regulator fetches for an audit: evidence from the agency, everything else from the ledger.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use credential::facts::AgeLimits;
use credential::status::anchored_digest;
use credential::transcoding::TrustEpoch;
use ledger_chain::receipt::AnchorReceipt;
use ledger_chain::{Record, StateKey};

use super::{Evidence, Material};
use crate::agency::{Agency, AgencyError};
use crate::files::{self, FileError};
use crate::ledger::{Ledger, LedgerError};

/// Bytes of the largest evidence file.
const EVIDENCE_BYTES: usize = 1024 * 1024;

/// Why an audit did not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The agency.
    #[error(transparent)]
    Agency(#[from] AgencyError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Nothing says which state of the ledger to look at.
    #[error("a decision on a foreign trust list is audited once it is anchored; this one is not yet")]
    NotAnchored,
}

/// Reads evidence from a file.
///
/// # Errors
/// [`AuditError::File`]; the text does not quote the file.
pub fn read_evidence(path: &Path) -> Result<Evidence, AuditError> {
    let bytes = files::read(path, EVIDENCE_BYTES)?;
    let rule = |error: serde_json::Error| {
        let place = format!(
            "evidence has the documented members; it fails at line {}, column {}",
            error.line(),
            error.column()
        );
        FileError::content(path, place)
    };
    Ok(serde_json::from_slice(&bytes).map_err(rule)?)
}

/// Fetches what the audit of `evidence` needs. `lists` are status list tokens that the regulator has from
/// elsewhere; the issuer is asked for the one that is still missing.
///
/// # Errors
/// [`AuditError`]. A status list that cannot be had is no error: the report says so.
pub async fn gather(
    ledger: &mut Ledger,
    evidence: &Evidence,
    lists: &[PathBuf],
) -> Result<Material, AuditError> {
    let height = match evidence.transcoding.trust {
        TrustEpoch::Ledger(height) => height,
        TrustEpoch::List(_) => {
            receipt_of(evidence.receipt.as_deref()).ok_or(AuditError::NotAnchored)?.head.head.height
        }
    };
    let client = ledger.client();
    let mut then = client.bundle(Some(height), None, &[]).await.map_err(LedgerError::from)?;
    let (newest, continues) = client.signed_head(Some(height)).await.map_err(LedgerError::from)?;
    let mut tokens = Vec::new();
    for list in lists {
        tokens.push(files::read_text(list, credential::status::TOKEN_BYTES)?.trim_end().to_owned());
    }
    let issuer = receipt_of(evidence.anchor.as_deref()).map(|receipt| receipt.issuer);
    for proof in &then.records {
        let StateKey::Status(owner, _) = &proof.key else { continue };
        let Ok(Some(Record::Status(record))) = proof.verify(&then.head.head.state) else { continue };
        let wanted = record.head.digest;
        let known = tokens.iter().find(|token| anchored_digest(token) == wanted).cloned();
        let token = match known {
            Some(token) => Some(token),
            // Nobody but the source's issuer is told that there is an audit.
            None if Some(owner) == issuer.as_ref() => {
                Agency::status_token(&record.head.uri, record.head.epoch).await.ok()
            }
            None => None,
        };
        then.statuses.extend(token.filter(|token| anchored_digest(token) == wanted));
    }
    let genesis = ledger.genesis().clone();
    Ok(Material { genesis, then, newest, continues, limits: AgeLimits::default() })
}

fn receipt_of(text: Option<&str>) -> Option<AnchorReceipt> {
    AnchorReceipt::from_bytes(&URL_SAFE_NO_PAD.decode(text?).ok()?).ok()
}
