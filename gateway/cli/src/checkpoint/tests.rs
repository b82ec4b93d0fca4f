//! The checkpoint against replays, restarts, stale and rolled-back bundles, lying clocks and strangers.

use std::fs;

use credential::presentation::{present_pass, print_credential};
use credential::sd_jwt;
use did_registry::{SigningKey, Suite};
use ledger_chain::bundle::TrustBundle;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use serde_json::{Map, Value};
use tempfile::TempDir;

use super::*;
use crate::fixture::Town;

const HOUR: u64 = 3600;

struct Gate {
    directory: TempDir,
    town: Town,
    holder: SigningKey,
    pass: Map<String, Value>,
    rng: ChaCha20Rng,
}

impl Gate {
    /// A gate for passes, with a bundle of height 0, and a traveller who has one.
    fn new() -> (Self, Checkpoint) {
        let town = Town::new(1);
        let directory = tempfile::tempdir().unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let holder = SigningKey::generate(Suite::Ed25519, &mut rng);
        let pass = town.pass(&town.agency, &holder.public_key(), 7);
        let terms = Terms::new(town.gate.id(), "Lane 3");
        Checkpoint::init(directory.path(), &town.genesis, &terms).unwrap();
        let gate = Self { directory, town, holder, pass, rng };
        let mut checkpoint = gate.open();
        checkpoint.import(gate.town.bundle(0, None)).unwrap();
        (gate, checkpoint)
    }

    fn open(&self) -> Checkpoint {
        Checkpoint::open(self.directory.path()).unwrap()
    }

    /// The bundle's time and so many seconds more.
    fn at(&self, seconds: u64) -> Timestamp {
        crate::fixture::start().plus(seconds)
    }

    fn show(&self, challenge: &Challenge, now: Timestamp) -> String {
        present_pass(&self.pass, &self.holder, &challenge.audience, &challenge.nonce, now).unwrap()
    }

    /// Challenge and answer at one moment.
    fn answer(&mut self, checkpoint: &mut Checkpoint, now: Timestamp) -> String {
        let challenge = checkpoint.challenge(now, &mut self.rng).unwrap();
        self.show(&challenge, now)
    }
}

fn codes(decision: &Decision) -> Vec<&'static str> {
    decision.codes().into_iter().map(Reason::code).collect()
}

#[test]
fn a_pass_that_answers_the_challenge_is_accepted_from_the_bundle_alone() {
    let (mut gate, mut checkpoint) = Gate::new();
    let now = gate.at(60);
    let text = gate.answer(&mut checkpoint, now);
    let decision = checkpoint.verify(&text, now).unwrap();
    assert_eq!(decision.overall, Overall::Accept, "{:?}", decision.verdict);
    let ages = decision.ages.unwrap();
    assert_eq!((ages.keys, ages.rules, ages.status, ages.amber), (60, 60, Some(60), false));
    assert_eq!(decision.policy, gate.town.gate.id());
}

#[test]
fn a_presentation_of_a_credential_is_decided_as_well() {
    let (mut gate, checkpoint) = Gate::new();
    drop(checkpoint);
    let directory = tempfile::tempdir().unwrap();
    Checkpoint::init(directory.path(), &gate.town.genesis, &Terms::new(gate.town.entry.id(), "Desk 1"))
        .unwrap();
    let mut checkpoint = Checkpoint::open(directory.path()).unwrap();
    checkpoint.import(gate.town.bundle(0, None)).unwrap();
    let now = gate.at(60);
    let key = SigningKey::generate(Suite::P256, &mut gate.rng);
    for (result, overall) in [("negative", Overall::Accept), ("positive", Overall::Refuse)] {
        let credential = gate.town.test_result(&key.public_key(), result, 8);
        let Challenge { audience, nonce, .. } = checkpoint.challenge(now, &mut gate.rng).unwrap();
        let shown =
            sd_jwt::present(&credential, &gate.town.entry.claims(), &key, &audience, &nonce, now).unwrap();
        let decision = checkpoint.verify(&shown, now).unwrap();
        assert_eq!(decision.overall, overall, "{:?}", decision.verdict);
        assert_eq!(codes(&checkpoint.verify(&shown, now).unwrap())[0], "REPLAYED");
    }
}

#[test]
fn paper_is_decided_on_under_the_rule_and_only_where_the_terms_take_it() {
    let (mut gate, mut without) = Gate::new();
    let now = gate.at(60);
    let key = gate.holder.public_key();
    let page = |result: &str, index| {
        print_credential(&gate.town.test_document(&gate.town.agency, &key, result, index))
    };
    let (negative, positive, revoked) = (page("negative", 8), page("positive", 9), page("negative", 10));
    let stranger = print_credential(&gate.town.test_document(&gate.town.stranger, &key, "negative", 8));
    // A pass is shown by its holder's key: whoever prints it takes the key away.
    let pass = print_credential(&gate.pass);
    let refused = without.verify(&pass, now).unwrap();
    assert_eq!((refused.overall, codes(&refused)), (Overall::Refuse, vec!["WRONG_KIND"]));
    assert!(refused.verdict.findings()[0].detail.contains("no printed certificates"), "{refused:?}");

    let directory = tempfile::tempdir().unwrap();
    let terms = Terms { paper: true, ..Terms::new(gate.town.entry.id(), "Desk 1") };
    Checkpoint::init(directory.path(), &gate.town.genesis, &terms).unwrap();
    let mut desk = Checkpoint::open(directory.path()).unwrap();
    let early = desk.verify(&negative, now).unwrap();
    assert_eq!((early.overall, codes(&early)), (Overall::Undecided, vec!["LIST_STALE"]), "no bundle yet");
    gate.town.revoke(10);
    desk.import(gate.town.bundle(1, None)).unwrap();
    for _ in 0..2 {
        let decision = desk.verify(&negative, now).unwrap();
        assert_eq!(
            decision.overall,
            Overall::Accept,
            "a copy is as good as the page: {:?}",
            decision.verdict
        );
        assert_eq!(decision.verdict.holder, Part::NotChecked, "paper has no key");
        let signed = decision.claims.as_ref().unwrap().to_json();
        assert_eq!((signed.len(), &signed["result"]), (2, &Value::from("negative")), "for the officer");
        assert!(serde_json::to_value(&decision).unwrap()["claims"]["sampled"].is_string());
    }
    for (text, code) in [
        (&positive, "RULE_FAILED"),
        (&revoked, "REVOKED"),
        (&stranger, "ISSUER_NOT_RECOGNISED"),
        (&pass, "HOLDER_MISMATCH"),
        (&negative[..negative.len() - 4].to_owned(), "BAD_ENCODING"),
        (&"CWE:".to_owned(), "BAD_ENCODING"),
    ] {
        let decision = desk.verify(text, now).unwrap();
        assert_eq!(
            (decision.overall, codes(&decision)[0]),
            (Overall::Refuse, code),
            "{:?}",
            decision.verdict
        );
    }
    let late = desk.verify(&negative, now.plus(73 * HOUR)).unwrap();
    assert_eq!((late.overall, codes(&late)), (Overall::Undecided, vec!["LIST_STALE"]));
    let log = fs::read_to_string(directory.path().join("verdicts.jsonl")).unwrap();
    assert!(log.contains("REVOKED") && !log.contains("negative") && !log.contains("sampled"), "{log}");
}

#[test]
fn a_second_show_is_a_replay_also_after_a_restart() {
    let (mut gate, mut checkpoint) = Gate::new();
    let now = gate.at(60);
    let text = gate.answer(&mut checkpoint, now);
    assert_eq!(checkpoint.verify(&text, now).unwrap().overall, Overall::Accept);
    let again = checkpoint.verify(&text, now).unwrap();
    assert_eq!((again.overall, codes(&again)), (Overall::Refuse, vec!["REPLAYED"]));
    drop(checkpoint);
    let mut checkpoint = gate.open();
    for later in [now, now.plus(10), now.plus(2 * HOUR)] {
        let again = checkpoint.verify(&text, later).unwrap();
        assert_eq!(again.overall, Overall::Refuse);
        assert_eq!(codes(&again)[0], "REPLAYED");
    }
    let fresh = gate.answer(&mut checkpoint, now.plus(2 * HOUR));
    assert_eq!(
        checkpoint.verify(&fresh, now.plus(2 * HOUR)).unwrap().overall,
        Overall::Accept,
        "the pass itself is good"
    );
}

#[test]
fn a_challenge_made_before_a_restart_is_answered_after_it() {
    let (mut gate, mut checkpoint) = Gate::new();
    let text = gate.answer(&mut checkpoint, gate.at(60));
    drop(checkpoint);
    assert_eq!(gate.open().verify(&text, gate.at(90)).unwrap().overall, Overall::Accept);
}

#[test]
fn an_answer_to_another_gate_or_to_no_challenge_is_refused() {
    let (mut gate, mut checkpoint) = Gate::new();
    let now = gate.at(60);
    let real = checkpoint.challenge(now, &mut gate.rng).unwrap();
    let elsewhere = Challenge { audience: "Lane 4".into(), ..real.clone() };
    let invented = Challenge { nonce: "0".repeat(32), ..real.clone() };
    let empty = Challenge { nonce: String::new(), ..real.clone() };
    for challenge in [elsewhere, invented, empty] {
        let decision = checkpoint.verify(&gate.show(&challenge, now), now).unwrap();
        assert_eq!(
            (decision.overall, codes(&decision)),
            (Overall::Refuse, vec!["WRONG_AUDIENCE"]),
            "{challenge:?}"
        );
    }
    let decision = checkpoint.verify(&gate.show(&real, now), now).unwrap();
    assert_eq!(decision.overall, Overall::Accept, "what was refused did not spend the challenge");
}

#[test]
fn a_late_answer_is_refused() {
    let (mut gate, mut checkpoint) = Gate::new();
    let challenge = checkpoint.challenge(gate.at(0), &mut gate.rng).unwrap();
    let text = gate.show(&challenge, gate.at(299));
    let decision = checkpoint.verify(&text, gate.at(300)).unwrap();
    assert_eq!((decision.overall, codes(&decision)), (Overall::Refuse, vec!["EXPIRED"]));
}

#[test]
fn somebody_elses_pass_is_refused_and_spends_nothing() {
    let (mut gate, mut checkpoint) = Gate::new();
    let now = gate.at(60);
    let challenge = checkpoint.challenge(now, &mut gate.rng).unwrap();
    let thief = SigningKey::generate(Suite::Ed25519, &mut gate.rng);
    let stolen = present_pass(&gate.pass, &thief, &challenge.audience, &challenge.nonce, now).unwrap();
    let decision = checkpoint.verify(&stolen, now).unwrap();
    assert_eq!((decision.overall, codes(&decision)[0]), (Overall::Refuse, "HOLDER_MISMATCH"));
    assert_eq!(checkpoint.verify(&gate.show(&challenge, now), now).unwrap().overall, Overall::Accept);
}

#[test]
fn a_pass_of_an_issuer_that_is_not_recognised_is_refused() {
    let (mut gate, mut checkpoint) = Gate::new();
    let now = gate.at(60);
    gate.pass = gate.town.pass(&gate.town.stranger, &gate.holder.public_key(), 7);
    let text = gate.answer(&mut checkpoint, now);
    let decision = checkpoint.verify(&text, now).unwrap();
    assert_eq!(decision.overall, Overall::Refuse);
    assert!(codes(&decision).contains(&"ISSUER_NOT_RECOGNISED"), "{:?}", codes(&decision));
    // Of another ledger altogether: nobody here knows its key.
    let foreign = Town::new(9);
    gate.pass = foreign.pass(&foreign.agency, &gate.holder.public_key(), 7);
    let text = gate.answer(&mut checkpoint, now);
    let decision = checkpoint.verify(&text, now).unwrap();
    assert_eq!((decision.overall, codes(&decision)), (Overall::Refuse, vec!["KEY_UNKNOWN"]));
}

#[test]
fn a_pass_that_is_not_green_fails_the_rule_or_its_schema() {
    let (mut gate, mut checkpoint) = Gate::new();
    let now = gate.at(60);
    let mut claims: Map<String, Value> = gate.pass["credentialSubject"].as_object().unwrap().clone();
    claims.remove("id");
    claims.insert("colour".into(), "red".into());
    gate.pass = Town::pass_with(&gate.town.agency, &gate.holder.public_key(), &claims, 7, now);
    let text = gate.answer(&mut checkpoint, now);
    let decision = checkpoint.verify(&text, now).unwrap();
    assert_eq!((decision.overall, codes(&decision)), (Overall::Refuse, vec!["SCHEMA"]));
}

#[test]
fn age_turns_amber_at_24_hours_and_refuses_to_decide_at_72() {
    let (mut gate, mut checkpoint) = Gate::new();
    for (seconds, overall, amber) in [
        (24 * HOUR - 1, Overall::Accept, Some(false)),
        (24 * HOUR, Overall::Accept, Some(true)),
        (72 * HOUR - 1, Overall::Accept, Some(true)),
        (72 * HOUR, Overall::Undecided, None),
    ] {
        let now = gate.at(seconds);
        let text = gate.answer(&mut checkpoint, now);
        let decision = checkpoint.verify(&text, now).unwrap();
        assert_eq!(
            (decision.overall, decision.ages.map(|ages| ages.amber)),
            (overall, amber),
            "after {seconds} s"
        );
        let stale = overall == Overall::Undecided;
        assert_eq!(codes(&decision), if stale { vec!["LIST_STALE"] } else { vec![] });
        assert_eq!(checkpoint.ready(now).is_err(), stale);
    }
    gate.town.tick(71 * HOUR);
    checkpoint.import(gate.town.bundle(1, Some(0))).unwrap();
    let now = gate.at(72 * HOUR + 1);
    let text = gate.answer(&mut checkpoint, now);
    assert_eq!(
        checkpoint.verify(&text, now).unwrap().overall,
        Overall::Accept,
        "a fresh bundle brings it back"
    );
}

#[test]
fn a_clock_set_back_decides_nothing() {
    let (mut gate, mut checkpoint) = Gate::new();
    let later = gate.at(2 * HOUR);
    let text = gate.answer(&mut checkpoint, later);
    assert_eq!(checkpoint.verify(&text, later).unwrap().overall, Overall::Accept);
    drop(checkpoint);
    let mut checkpoint = gate.open();
    let tolerated = later.minus(CLOCK_TOLERANCE);
    let text = gate.answer(&mut checkpoint, tolerated);
    assert_eq!(
        checkpoint.verify(&text, tolerated).unwrap().overall,
        Overall::Accept,
        "five minutes are no suspicion"
    );
    let back = later.minus(CLOCK_TOLERANCE + 1);
    let decision = checkpoint.verify(&text, back).unwrap();
    assert_eq!((decision.overall, codes(&decision)), (Overall::Undecided, vec!["CLOCK_SUSPECT"]));
    let refused = checkpoint.challenge(back, &mut gate.rng).unwrap_err();
    assert_eq!(refused.code(), "CLOCK_SUSPECT");
    checkpoint.confirm_clock(back).unwrap();
    let text = gate.answer(&mut checkpoint, back);
    assert_eq!(
        checkpoint.verify(&text, back).unwrap().overall,
        Overall::Accept,
        "somebody answers for the clock"
    );
}

#[test]
fn a_clock_before_the_bundle_decides_nothing() {
    let (mut gate, mut checkpoint) = Gate::new();
    let before = gate.at(0).minus(CLOCK_TOLERANCE + 1);
    let text = gate.answer(&mut checkpoint, gate.at(0));
    checkpoint.confirm_clock(before).unwrap();
    let decision = checkpoint.verify(&text, before).unwrap();
    assert_eq!((decision.overall, codes(&decision)), (Overall::Undecided, vec!["CLOCK_SUSPECT"]));
    assert_eq!(checkpoint.challenge(before, &mut gate.rng).unwrap_err().code(), "CLOCK_SUSPECT");
}

#[test]
fn a_rolled_back_inconsistent_or_foreign_bundle_is_refused_and_changes_nothing() {
    let (mut gate, mut checkpoint) = Gate::new();
    gate.town.tick(60);
    gate.town.tick(60);
    let newest = gate.town.bundle(2, Some(0));
    checkpoint.import(newest.clone()).unwrap();
    drop(checkpoint);
    let mut checkpoint = gate.open();
    let mut fork = Town::new(1);
    fork.revoke(7);
    fork.tick(60);
    fork.tick(60);
    let forged = {
        let mut bundle = TrustBundle::from_bytes(&newest).unwrap();
        bundle.head.head.height += 1;
        bundle.to_bytes()
    };
    let mut list_swapped = gate.town.trust_bundle(2, Some(0));
    list_swapped.statuses = fork.trust_bundle(1, None).statuses;
    for (bundle, code) in [
        (gate.town.bundle(1, Some(0)), "ROLLED_BACK"),
        (fork.bundle(2, Some(0)), "SPLIT_VIEW"),
        (fork.bundle(3, Some(2)), "INCONSISTENT_HISTORY"),
        (Town::new(5).bundle(0, None), "OTHER_LEDGER"),
        (forged, "BAD_SIGNATURE"),
        (list_swapped.to_bytes(), "STATUS_LIST"),
        (newest[..newest.len() - 1].to_vec(), "MALFORMED"),
        (Vec::new(), "MALFORMED"),
    ] {
        assert_eq!(checkpoint.import(bundle).unwrap_err().code(), code);
        assert_eq!(checkpoint.trusted().unwrap().head().head().height, 2);
    }
    checkpoint.import(newest).unwrap();
}

#[test]
fn a_bundle_without_the_rule_is_refused() {
    let (mut gate, mut checkpoint) = Gate::new();
    gate.town.tick(60);
    let mut bundle = gate.town.trust_bundle(1, Some(0));
    bundle.records.retain(|proof| proof.key != ledger_chain::StateKey::Policy(gate.town.gate.id()));
    assert_eq!(checkpoint.import(bundle.to_bytes()).unwrap_err().code(), "POLICY_MISSING");
    assert!(checkpoint.policy().is_some());
}

#[test]
fn a_revocation_works_from_the_next_bundle_on() {
    let (mut gate, mut checkpoint) = Gate::new();
    let now = gate.at(60);
    gate.town.revoke(7);
    let text = gate.answer(&mut checkpoint, now);
    assert_eq!(checkpoint.verify(&text, now).unwrap().overall, Overall::Accept, "not known here yet");
    checkpoint.import(gate.town.bundle(1, Some(0))).unwrap();
    let text = gate.answer(&mut checkpoint, now);
    let decision = checkpoint.verify(&text, now).unwrap();
    assert_eq!((decision.overall, codes(&decision)), (Overall::Refuse, vec!["REVOKED"]));
}

#[test]
fn garbage_is_refused_by_name() {
    let (mut gate, mut checkpoint) = Gate::new();
    let now = gate.at(60);
    let good = gate.answer(&mut checkpoint, now);
    let long = format!("CWP:{}", "A".repeat(100_000));
    for (text, code) in [
        ("", "WRONG_KIND"),
        ("hello", "WRONG_KIND"),
        ("HC1:6BFOXN%TSMAHN-H3ZSUZK+.V0ET9%6-AH-R61", "WRONG_KIND"),
        ("CWN:00000000000000000000000000000000:Lane 3", "WRONG_KIND"),
        ("CWP:", "BAD_ENCODING"),
        ("CWP:ABC", "BAD_ENCODING"),
        (&long, "BAD_ENCODING"),
        (&good[..good.len() - 4], "BAD_ENCODING"),
        ("a.b.c~", "BAD_ENCODING"),
    ] {
        let decision = checkpoint.verify(text, now).unwrap();
        let shown: String = text.chars().take(20).collect();
        assert_eq!((decision.overall, codes(&decision)), (Overall::Refuse, vec![code]), "{shown}");
    }
    assert_eq!(checkpoint.verify(&good, now).unwrap().overall, Overall::Accept);
}

#[test]
fn before_the_first_bundle_nothing_is_decided() {
    let town = Town::new(1);
    let directory = tempfile::tempdir().unwrap();
    Checkpoint::init(directory.path(), &town.genesis, &Terms::new(town.gate.id(), "Lane 3")).unwrap();
    let mut checkpoint = Checkpoint::open(directory.path()).unwrap();
    let decision = checkpoint.verify("CWP:", crate::fixture::start()).unwrap();
    assert_eq!((decision.overall, codes(&decision)), (Overall::Undecided, vec!["LIST_STALE"]));
}

#[test]
fn the_log_tells_verdicts_and_nothing_of_the_person() {
    let (mut gate, mut checkpoint) = Gate::new();
    let now = gate.at(60);
    let text = gate.answer(&mut checkpoint, now);
    checkpoint.verify(&text, now).unwrap();
    checkpoint.verify(&text, now).unwrap();
    drop(checkpoint);
    let log = fs::read_to_string(gate.directory.path().join("verdicts.jsonl")).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let policy = gate.town.gate.id().to_string();
    assert_eq!(
        lines,
        [
            serde_json::json!({"at": now, "policy": policy, "verdict": "accept", "reasons": []}),
            serde_json::json!({"at": now, "policy": policy, "verdict": "refuse", "reasons": ["REPLAYED"]}),
        ]
    );
    // Nothing the traveller showed is anywhere in the directory, in any form that could be searched for.
    let key = gate.holder.public_key();
    let secrets = [
        text.into_bytes(),
        key.to_multibase().into_bytes(),
        key.to_bytes(),
        hex::encode(key.to_bytes()).into_bytes(),
    ];
    for entry in fs::read_dir(gate.directory.path()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        for secret in &secrets {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_slice()));
        }
    }
}

#[test]
fn one_process_at_a_time_and_never_made_twice() {
    let (gate, checkpoint) = Gate::new();
    let second = Checkpoint::open(gate.directory.path()).unwrap_err();
    assert!(matches!(second, CheckpointError::File(FileError::InUse { .. })));
    let again = Checkpoint::init(gate.directory.path(), &gate.town.genesis, checkpoint.terms());
    assert!(matches!(again, Err(CheckpointError::File(FileError::Exists { .. }))));
}

#[test]
fn damaged_trust_is_not_decided_on() {
    let (gate, checkpoint) = Gate::new();
    drop(checkpoint);
    let path = gate.directory.path().join("trust.bin");
    let good = fs::read(&path).unwrap();
    for place in (0..good.len()).step_by(97) {
        let mut bad = good.clone();
        bad[place] ^= 1;
        fs::write(&path, &bad).unwrap();
        if let Ok(checkpoint) = Checkpoint::open(gate.directory.path()) {
            // A flipped bit in the certificate of a head that was verified before it was kept says nothing new.
            let facts = checkpoint.trusted().unwrap().facts();
            assert_eq!(facts.policies.get(&gate.town.gate.id()), Some(&gate.town.gate), "bit at {place}");
        }
    }
    fs::write(&path, &good[..good.len() / 2]).unwrap();
    assert_eq!(Checkpoint::open(gate.directory.path()).unwrap_err().code(), "DAMAGED");
}
