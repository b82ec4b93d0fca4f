//! What a regulator fetches for an audit: evidence from the agency, everything else from the ledger.

use std::path::{Path, PathBuf};

use credential::Finding;
use credential::facts::AgeLimits;
use credential::status::anchored_digest;
use credential::transcoding::TrustEpoch;
use ledger_chain::{Record, StatusHead};
use reqwest::Url;

use super::{AuditedPass, Evidence, Material, comparison, transcoding};
use crate::agency::{Agency, AgencyError};
use crate::files::{self, FileError};
use crate::ledger::{Ledger, LedgerError};
use crate::paper::PaperError;

/// Bytes of the largest evidence file.
const EVIDENCE_BYTES: usize = 1024 * 1024;

/// Where the status list that a decision was made on may come from.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    /// Tokens that the regulator has.
    pub files: Vec<PathBuf>,
    /// Hosts, each `host` or `host:port`, that one may be fetched from.
    pub hosts: Vec<String>,
}

/// Why an audit did not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// What was given is no pass.
    #[error("what is audited is a pass: {0}")]
    Pass(#[from] Finding),
    /// Its picture.
    #[error(transparent)]
    Picture(#[from] PaperError),
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

/// Fetches what the audit of `pass` needs: records from the ledger, and the one status list that the audit
/// finds missing.
///
/// # Errors
/// [`AuditError`]. A status list that cannot be had is no error: the report says so.
pub async fn gather(
    ledger: &mut Ledger,
    pass: &AuditedPass,
    evidence: &Evidence,
    lists: &Lists,
) -> Result<Material, AuditError> {
    let height = match pass.decision().trust {
        TrustEpoch::Ledger(height) => height,
        TrustEpoch::List(_) => anchored_height(evidence).ok_or(AuditError::NotAnchored)?,
    };
    let client = ledger.client();
    let then = client.bundle(Some(height), None, &[]).await.map_err(LedgerError::from)?;
    let (newest, continues) = client.signed_head(Some(height)).await.map_err(LedgerError::from)?;
    let genesis = ledger.genesis().clone();
    let mut batches = Vec::new();
    for key in comparison::batches(evidence) {
        let proof = client.record_proof(&key, Some(newest.head.height)).await;
        batches.push(proof.map_err(LedgerError::from)?);
    }
    let mut material = Material { genesis, then, newest, continues, batches, limits: AgeLimits::default() };
    if let Some(head) = transcoding(pass, evidence, &material).missing {
        let token = match kept(&head, &lists.files)? {
            Some(token) => Some(token),
            None => fetched(&head, &lists.hosts).await,
        };
        material.then.statuses.extend(token.filter(|token| anchored_digest(token) == head.digest));
    }
    Ok(material)
}

/// The token that a head names, if it is among the regulator's own.
fn kept(head: &StatusHead, files: &[PathBuf]) -> Result<Option<String>, AuditError> {
    for file in files {
        let token = files::read_text(file, credential::status::TOKEN_BYTES)?.trim_end().to_owned();
        if anchored_digest(&token) == head.digest {
            return Ok(Some(token));
        }
    }
    Ok(None)
}

/// The token as its issuer serves it. Whoever anchored a head wrote its address, which may lead anywhere, into the
/// regulator's own network too: it is called only if the regulator named its host.
async fn fetched(head: &StatusHead, hosts: &[String]) -> Option<String> {
    let host = host(&head.uri)?;
    if !hosts.contains(&host) {
        return None;
    }
    Agency::status_token(&head.uri, head.epoch).await.ok()
}

/// `host` or `host:port` of an address, as it is named to be allowed.
pub(crate) fn host(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// The height of the block that anchored the decision, as its receipt says; whether that holds comes later.
fn anchored_height(evidence: &Evidence) -> Option<u64> {
    let receipt = comparison::read_receipt(evidence.receipt.as_deref()?).ok()?;
    match receipt.record.verify(&receipt.head.head.state) {
        Ok(Some(Record::Receipt(record))) => Some(record.anchored.height),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::TcpListener;

    use did_registry::Digest;

    use super::*;

    /// An address inside the regulator's own network is called if the regulator says so, and not otherwise.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_list_is_fetched_from_a_named_host_and_from_no_other() {
        let inside = TcpListener::bind("127.0.0.1:0").unwrap();
        inside.set_nonblocking(true).unwrap();
        let port = inside.local_addr().unwrap().port();
        let at = |uri: String| StatusHead { list: 1, uri, epoch: 3, digest: Digest::sha256(b"list") };
        let called =
            || inside.accept().map(|_| true).unwrap_or_else(|error| error.kind() != ErrorKind::WouldBlock);
        let named = format!("127.0.0.1:{port}");
        let head = at(format!("http://{named}/status/1"));
        for hosts in [vec![], vec!["127.0.0.1".to_owned()], vec!["list.example".to_owned()]] {
            assert_eq!(fetched(&head, &hosts).await, None);
            assert!(!called(), "{hosts:?}");
        }
        for uri in [
            format!("http://{port}@{named}/"),
            format!("ftp://{named}/"),
            format!("gopher:{named}"),
            named.clone(),
        ] {
            assert_eq!(fetched(&at(uri.clone()), std::slice::from_ref(&named)).await, None);
            assert!(!called(), "{uri}");
        }
        // Named, it is called; what it answers is another matter.
        let answered = tokio::spawn(async move { fetched(&head, &[named]).await });
        let inside = tokio::net::TcpListener::from_std(inside).unwrap();
        let (stream, _) = inside.accept().await.unwrap();
        drop(stream);
        assert_eq!(answered.await.unwrap(), None);
    }
}
