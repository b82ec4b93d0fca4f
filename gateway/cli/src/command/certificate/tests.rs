//! A certificate from its file to the page and back into a checkpoint.

use std::process::Command;

use credential::presentation::print_credential;
use gateway::clock::Clock;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::checkpoint::{Checkpoint, Terms};
use crate::fixture::{Town, start};

async fn command(command: CertificateCommand) -> (anyhow::Result<Ending>, String) {
    let mut out = Vec::new();
    let mut screen = Screen::new(&mut out, false);
    let world =
        World { screen: &mut screen, input: &mut std::io::empty(), clock: Clock::fixed(start().plus(60)) };
    let ending = run(command, world).await;
    (ending, String::from_utf8(out).unwrap())
}

/// What a scanner sees of a page.
fn photographed(page: &Path) -> Vec<u8> {
    let drawn = Command::new("pdftoppm").args(["-r", "150", "-png", "-singlefile"]).arg(page).output();
    let drawn = drawn.expect("`make setup` installs the package poppler-utils");
    assert!(drawn.status.success(), "pdftoppm reads the page");
    drawn.stdout
}

#[tokio::test]
async fn a_printed_certificate_is_verified_by_a_checkpoint_from_the_picture_of_its_page() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    let mut town = Town::new(1);
    let holder = SigningKey::generate(Suite::P256, &mut ChaCha20Rng::seed_from_u64(4)).public_key();
    let document = town.test_document(&town.agency, &holder, "negative", 8);
    let issued = Issued {
        id: Digest::sha256(b"certificate"),
        sd_jwt: town.test_result(&holder, "negative", 8).compact(),
        data_integrity: document.clone(),
        causeway: None,
    };
    std::fs::write(path("result.json"), serde_json::to_vec(&issued).unwrap()).unwrap();
    let form = "title = 'Resultado'\nissuer = 'Saúde'\n[[fields]]\nclaim = 'result'\nlabel = 'Resultado'";
    std::fs::write(path("form.toml"), form).unwrap();

    for form in [None, Some(path("form.toml"))] {
        let page = path("page.pdf");
        let print = CertificateCommand::Print { credential: path("result.json"), page: page.clone(), form };
        let (ending, text) = command(print).await;
        assert_eq!(ending.unwrap(), Ending::Good, "{text}");
        let texts = crate::paper::scan_picture(&photographed(&page)).unwrap();
        assert_eq!(texts, [print_credential(&document)]);
        let gate = tempfile::tempdir().unwrap();
        let terms = Terms { paper: true, ..Terms::new(town.entry.id(), "Desk 1") };
        Checkpoint::init(gate.path(), &town.genesis, &terms).unwrap();
        let mut checkpoint = Checkpoint::open(gate.path()).unwrap();
        checkpoint.import(town.bundle(0, None)).unwrap();
        let decision = checkpoint.verify(&texts[0], start().plus(60)).unwrap();
        assert_eq!(decision.overall, credential::Overall::Accept, "{:?}", decision.verdict);
    }
}

#[tokio::test]
async fn what_cannot_be_printed_leaves_no_page() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    std::fs::write(path("other.json"), "{}").unwrap();
    let print =
        |name: &str| CertificateCommand::Print { credential: path(name), page: path("page.pdf"), form: None };
    for (name, rule) in [("other.json", "as `issue` wrote it"), ("missing.json", "missing.json")] {
        let refused = command(print(name)).await.0.unwrap_err();
        assert!(format!("{refused:#}").contains(rule), "{refused:#}");
        assert!(!path("page.pdf").exists());
    }
    // What is there already is not overwritten, and nothing is issued for it.
    std::fs::write(path("token"), "token").unwrap();
    let issue = CertificateCommand::Issue(IssueArgs {
        credential: path("other.json"),
        gateway: "http://127.0.0.1:9".into(),
        schema: Digest::sha256(b"schema").to_string(),
        record: "r1".into(),
        token: OperatorToken { file: Some(path("token")) },
    });
    let refused = command(issue).await.0.unwrap_err();
    assert!(format!("{refused:#}").contains("never overwritten"), "{refused:#}");
}
