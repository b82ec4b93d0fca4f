//! The e-certificate story: what is printed verifies from the picture alone, and a revoked one does not.
#![allow(clippy::indexing_slicing)] // a test may stop at a missing entry

use causeway::checkpoint::Checkpoint;
use causeway::command::Ending;
use causeway::screen::Screen;
use causeway_examples::e_certificate::tell;
use credential::exchange::Issued;
use credential::presentation::print_credential;
use credential::{Overall, Reason};
use gateway::clock::Clock;

#[tokio::test(flavor = "multi_thread")]
async fn a_printed_certificate_verifies_offline_from_its_picture() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut out = Vec::new();
    let told = Box::pin(tell(directory.path(), &mut Screen::new(&mut out, false))).await;
    let text = String::from_utf8(out).expect("text");
    assert_eq!(told.expect("is told"), [Ending::Good, Ending::Bad], "{text}");
    for part in ["ACCEPT", "PAPER", "António 陳大文 Xavier", "X9990417(7)", "REFUSE  REVOKED"] {
        assert!(text.contains(part), "{part}: {text}");
    }

    let licence = std::fs::read(directory.path().join("licence.json")).expect("is kept");
    let issued: Issued = serde_json::from_slice(&licence).expect("reads");
    let mut altered = issued.data_integrity;
    altered["credentialSubject"]["profession"] = "Surgeon".into();
    let mut checkpoint = Checkpoint::open(&directory.path().join("desk")).expect("opens");
    let decision = checkpoint.verify(&print_credential(&altered), Clock::system().now()).expect("is decided");
    assert_eq!((decision.overall, decision.codes()), (Overall::Refuse, vec![Reason::BadSignature]));
    assert!(decision.claims.is_none(), "nothing of it is shown as signed");
}
