//! The proofs that consents were anchored: fetched from their receivers, and kept once they hold.

use did_registry::Digest;
use ledger_chain::Genesis;
use ledger_chain::light::TrustedHead;
use wallet::WalletError;

use super::gateway_of;
use crate::agency::{Agency, ReceiptAnswer};
use crate::trust::TrustFile;
use crate::wallet_file::{WalletFile, WalletFileError};

/// The newest head that a wallet trusts, of whichever agency; `None` before its first bundle.
pub fn newest_head(trusted: &[TrustFile]) -> Option<&TrustedHead> {
    let heads = trusted.iter().filter_map(|trust| Some(trust.current()?.head()));
    heads.max_by_key(|head| head.head().height)
}

/// Asks the receiver of a consent for the receipt that it was anchored; tells whether it is here now.
///
/// # Errors
/// [`WalletFileError`]: the receiver cannot be reached, or what it sends does not hold.
pub async fn fetch_consent(
    file: &mut WalletFile,
    genesis: &Genesis,
    consent: &Digest,
) -> Result<bool, WalletFileError> {
    let own = file.wallet.receipts.iter().find(|receipt| &receipt.digest() == consent);
    let receiver =
        own.ok_or(WalletError::Missing("consent of that digest"))?.given().consent.receiver.clone();
    let trusted = file.all_trust(genesis)?;
    let agency = trusted.iter().find_map(|trust| gateway_of(trust.current()?.facts(), &receiver));
    let agency = agency.ok_or(WalletError::Missing("address of the receiver in its trust bundles"))?;
    let head = newest_head(&trusted).ok_or(WalletError::Missing("trust bundle"))?;
    fetch_from(file, &agency, consent, head).await
}

pub(super) async fn fetch_from(
    file: &mut WalletFile,
    agency: &Agency,
    consent: &Digest,
    head: &TrustedHead,
) -> Result<bool, WalletFileError> {
    let ReceiptAnswer::Ready(text) = agency.receipt(consent).await? else { return Ok(false) };
    if let Some(receipt) = file.wallet.receipts.iter_mut().find(|receipt| &receipt.digest() == consent) {
        receipt.keep_anchor(text, head).map_err(WalletError::from)?;
    }
    file.save()?;
    Ok(true)
}
