//! The e-certificate story: what is printed verifies from the picture alone, and a revoked one does not.
#![allow(clippy::indexing_slicing)] // a test may stop at a missing entry

use causeway_examples::e_certificate::{Office, photograph, print, verify};
use credential::presentation::{print_credential, verify_printed};
use credential::{Overall, Part, Reason};
use gateway::clock::Clock;

#[tokio::test(flavor = "multi_thread")]
async fn a_printed_certificate_verifies_offline_from_its_picture() {
    let directory = tempfile::tempdir().expect("a directory");
    let now = Clock::system().now();
    let office = Office::open(directory.path()).await.expect("opens");
    let issued = office.issue().await.expect("issues");
    let pdf = directory.path().join("licence.pdf");
    std::fs::write(&pdf, print(&issued, now).expect("prints")).expect("writes");
    let picture = std::fs::read(photograph(&pdf).expect("draws")).expect("reads");
    let before = office.facts().await.expect("a bundle");
    office.revoke(&issued.id).await.expect("revokes");
    let after = office.facts().await.expect("a bundle");
    office.close().await.expect("closes");

    let decision = verify(&picture, &before, now).expect("scans");
    assert_eq!(decision.verdict.overall(), Overall::Accept, "{:?}", decision.verdict);
    assert_eq!(decision.verdict.holder, Part::NotChecked, "paper has no key");
    assert_eq!(decision.claims.expect("claims").iter().count(), 5);

    let revoked = verify(&picture, &after, now).expect("scans").verdict;
    assert_eq!((revoked.overall(), revoked.findings()[0].code), (Overall::Refuse, Reason::Revoked));

    let late = verify_printed(
        &print_credential(&issued.data_integrity),
        &before,
        now.plus(80 * 3600),
        Default::default(),
    );
    assert_eq!(late.verdict.overall(), Overall::Undecided, "a bundle of 80 hours decides nothing");

    let mut altered = issued.data_integrity.clone();
    altered["credentialSubject"]["profession"] = "Surgeon".into();
    let verdict = verify_printed(&print_credential(&altered), &before, now, Default::default()).verdict;
    assert_eq!((verdict.overall(), verdict.findings()[0].code), (Overall::Refuse, Reason::BadSignature));
}
