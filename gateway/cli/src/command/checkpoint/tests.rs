//! The gate as its officer drives it: commands in, words and exit codes out.

use credential::Policy;
use credential::presentation::{present_pass, print_credential};
use did_registry::{SigningKey, Suite, Timestamp};
use gateway::clock::Clock;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::checkpoint::Challenge;
use crate::fixture::{Town, start};

struct Lane {
    home: tempfile::TempDir,
    town: Town,
    now: Timestamp,
}

impl Lane {
    fn new() -> Self {
        let lane = Self { home: tempfile::tempdir().unwrap(), town: Town::new(1), now: start().plus(60) };
        std::fs::write(lane.path("genesis.bin"), did_registry::canonical::encode(&lane.town.genesis))
            .unwrap();
        std::fs::write(lane.path("bundle"), lane.town.bundle(0, None)).unwrap();
        lane
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    async fn run(&self, command: CheckpointCommand, typed: &str) -> (anyhow::Result<Ending>, String) {
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, false);
        let world =
            World { screen: &mut screen, input: &mut typed.as_bytes(), clock: Clock::fixed(self.now) };
        let ending = run(command, world).await;
        (ending, String::from_utf8(out).unwrap())
    }

    async fn set_up(&self) {
        self.set_up_for(&self.town.gate, false).await;
    }

    async fn set_up_for(&self, policy: &Policy, paper: bool) {
        let init = CheckpointCommand::Init {
            directory: self.path("gate"),
            genesis: self.path("genesis.bin"),
            policy: policy.id().to_string(),
            audience: "Lane 3".into(),
            prove: None,
            circuit_keys: None,
            insecure_development_keys: false,
            paper,
            amber: 24,
            refuse: 72,
        };
        assert_eq!(self.run(init, "").await.0.unwrap(), Ending::Good);
        let source = self.path("bundle").display().to_string();
        let (ending, text) =
            self.run(CheckpointCommand::Import { directory: self.path("gate"), source }, "").await;
        assert_eq!(ending.unwrap(), Ending::Good);
        assert!(text.contains("height 0"), "{text}");
    }

    fn verify(&self, qr: Option<&str>, image: Option<PathBuf>, json: bool) -> CheckpointCommand {
        CheckpointCommand::Verify(VerifyArgs {
            directory: self.path("gate"),
            qr: qr.map(str::to_owned),
            image,
            batch: None,
            json,
        })
    }

    /// A challenge by command, answered by a traveller with a good pass.
    async fn answer(&self) -> String {
        let command = CheckpointCommand::Challenge { directory: self.path("gate"), png: None, text: true };
        let challenge: Challenge = self.run(command, "").await.1.trim().parse().unwrap();
        let holder = SigningKey::generate(Suite::Ed25519, &mut ChaCha20Rng::seed_from_u64(5));
        let pass = self.town.pass(&self.town.agency, &holder.public_key(), 3);
        present_pass(&pass, &holder, &challenge.audience, &challenge.nonce, self.now).unwrap()
    }
}

#[tokio::test]
async fn a_scan_from_text_picture_or_scanner_gets_the_same_verdict() {
    let lane = Lane::new();
    lane.set_up().await;
    let shown = lane.answer().await;
    let (ending, text) = lane.run(lane.verify(Some(&shown), None, false), "").await;
    assert_eq!(ending.unwrap(), Ending::Good);
    assert!(text.contains("ACCEPT") && text.contains("keys 60 s") && text.contains("gate v1"), "{text}");

    let shown = lane.answer().await;
    std::fs::write(lane.path("scan.png"), paper::qr_png(&shown, 4).unwrap()).unwrap();
    let (ending, text) = lane.run(lane.verify(None, Some(lane.path("scan.png")), false), "").await;
    assert_eq!(ending.unwrap(), Ending::Good, "{text}");

    let shown = lane.answer().await;
    let (ending, text) = lane.run(lane.verify(None, None, true), &format!("{shown}\n")).await;
    assert_eq!(ending.unwrap(), Ending::Good);
    let decision: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(decision["overall"], "accept");

    let (ending, text) = lane.run(lane.verify(Some(&shown), None, false), "").await;
    assert_eq!(ending.unwrap(), Ending::Bad);
    assert!(text.contains("REFUSE  REPLAYED"), "{text}");
}

#[tokio::test]
async fn a_printed_page_is_verified_from_its_text_and_from_its_picture() {
    let lane = Lane::new();
    lane.set_up_for(&lane.town.entry, true).await;
    let key = SigningKey::generate(Suite::Ed25519, &mut ChaCha20Rng::seed_from_u64(6)).public_key();
    let page = print_credential(&lane.town.test_document(&lane.town.agency, &key, "negative", 8));
    // On a page there may be other codes beside.
    let other = image::load_from_memory(&paper::qr_png("https://agency.example/help", 4).unwrap()).unwrap();
    let code = image::load_from_memory(&paper::qr_png(&page, 4).unwrap()).unwrap();
    let mut sheet =
        image::GrayImage::from_pixel(code.width() + other.width(), code.height(), image::Luma([255]));
    image::imageops::overlay(&mut sheet, &other.to_luma8(), 0, 0);
    image::imageops::overlay(&mut sheet, &code.to_luma8(), other.width().into(), 0);
    sheet.save(lane.path("page.png")).unwrap();

    for (qr, image) in [(Some(page.as_str()), None), (None, Some(lane.path("page.png")))] {
        let (ending, text) = lane.run(lane.verify(qr, image, false), "").await;
        assert_eq!(ending.unwrap(), Ending::Good, "{text}");
        for part in ["ACCEPT", "PAPER", "bearer's document", "sampled", "negative", "not checked"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    let (_, text) = lane.run(lane.verify(Some(&page), None, true), "").await;
    let decision: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(decision["claims"]["result"], "negative");
    let status = CheckpointCommand::Status { directory: lane.path("gate") };
    assert!(lane.run(status, "").await.1.contains("paper    taken"));
}

#[tokio::test]
async fn a_courier_is_told_what_to_bring() {
    let mut lane = Lane::new();
    lane.set_up().await;
    lane.town.tick(60);
    let import = |name: &str| CheckpointCommand::Import {
        directory: lane.path("gate"),
        source: lane.path(name).display().to_string(),
    };
    // What suits a new checkpoint does not continue what this one trusts.
    std::fs::write(lane.path("whole"), lane.town.bundle(1, None)).unwrap();
    let refused = lane.run(import("whole"), "").await.0.unwrap_err().to_string();
    assert!(refused.starts_with("INCONSISTENT_HISTORY"), "{refused}");
    assert!(refused.ends_with("causeway bundle export URL FILE --from 0"), "{refused}");
    let status = || CheckpointCommand::Status { directory: lane.path("gate") };
    assert!(lane.run(status(), "").await.1.contains("causeway bundle export URL FILE --from 0"));
    std::fs::write(lane.path("next"), lane.town.bundle(1, Some(0))).unwrap();
    let (_, text) = lane.run(import("next"), "").await;
    assert!(text.contains("causeway bundle export URL FILE --from 1"), "{text}");
    assert!(lane.run(status(), "").await.1.contains("causeway bundle export URL FILE --from 1"));
}

#[tokio::test]
async fn what_cannot_be_read_is_a_verdict_too() {
    let lane = Lane::new();
    lane.set_up().await;
    std::fs::write(lane.path("scan.png"), b"no picture").unwrap();
    let (ending, text) = lane.run(lane.verify(None, Some(lane.path("scan.png")), false), "").await;
    assert_eq!(ending.unwrap(), Ending::Bad);
    assert!(text.contains("UNREADABLE"), "{text}");
    let log = std::fs::read_to_string(lane.path("gate").join("verdicts.jsonl")).unwrap();
    assert!(log.contains("UNREADABLE"), "{log}");
    let (ending, text) = lane.run(lane.verify(None, None, false), "HC1:ABC\n").await;
    assert_eq!(ending.unwrap(), Ending::Bad);
    assert!(text.contains("WRONG_KIND"), "{text}");
}

#[tokio::test]
async fn old_lists_are_said_and_then_refused() {
    let mut lane = Lane::new();
    lane.set_up().await;
    for (hours, word, ending) in
        [(1, "READY", Ending::Good), (25, "AMBER", Ending::Good), (73, "NOT READY", Ending::Open)]
    {
        lane.now = start().plus(hours * 3600);
        let (done, text) = lane.run(CheckpointCommand::Status { directory: lane.path("gate") }, "").await;
        assert_eq!(done.unwrap(), ending);
        assert!(text.contains(word), "{text}");
        let shown = lane.answer().await;
        let (done, text) = lane.run(lane.verify(Some(&shown), None, false), "").await;
        assert_eq!(done.unwrap(), ending);
        assert_eq!(text.contains("AMBER"), word == "AMBER", "{text}");
    }
    lane.now = start();
    let challenge = CheckpointCommand::Challenge { directory: lane.path("gate"), png: None, text: true };
    let refused = lane.run(challenge, "").await.0.unwrap_err();
    assert!(refused.to_string().contains("was seen before"), "{refused}");
    lane.run(CheckpointCommand::ConfirmClock { directory: lane.path("gate") }, "").await.0.unwrap();
    let (done, _) = lane.run(CheckpointCommand::Status { directory: lane.path("gate") }, "").await;
    assert_eq!(done.unwrap(), Ending::Good);
}

#[tokio::test]
async fn a_rolled_back_bundle_is_refused_by_its_code() {
    let mut lane = Lane::new();
    lane.set_up().await;
    lane.town.tick(60);
    std::fs::write(lane.path("newer"), lane.town.bundle(1, Some(0))).unwrap();
    let import = |name: &str| CheckpointCommand::Import {
        directory: lane.path("gate"),
        source: lane.path(name).display().to_string(),
    };
    lane.run(import("newer"), "").await.0.unwrap();
    let refused = lane.run(import("bundle"), "").await.0.unwrap_err();
    assert!(refused.to_string().starts_with("ROLLED_BACK"), "{refused}");
}

#[tokio::test]
async fn a_challenge_is_shown_as_a_code() {
    let lane = Lane::new();
    lane.set_up().await;
    let file = lane.path("challenge.png");
    let command =
        CheckpointCommand::Challenge { directory: lane.path("gate"), png: Some(file.clone()), text: false };
    let (ending, text) = lane.run(command, "").await;
    assert_eq!(ending.unwrap(), Ending::Good);
    let scanned = paper::scan_picture(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(scanned, [text.trim()]);
    let command = CheckpointCommand::Challenge { directory: lane.path("gate"), png: None, text: false };
    assert!(lane.run(command, "").await.1.contains('█'));
}
