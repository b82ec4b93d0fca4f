//! An honest decision holds; each lie about it is found and named.

use credential::anchor::{LeafKind, credential_digest};
use credential::consent::{Consent, SignedConsent};
use credential::presentation::present_pass;
use credential::sd_jwt;
use credential::transcoding::Transcoding;
use credential::{Overall, Predicate};
use did_registry::canonical::encode;
use did_registry::{Digest, PublicKey, SigningKey, Suite};
use ledger_chain::tree::RecordProof;
use ledger_chain::{PolicyRecord, StateKey, StatusHead, StatusRecord};
use serde_json::Value;

use super::comparison::ANCHORED_WITHIN;
use super::*;
use crate::fixture::{STATUS_URI, Signer, Town};

/// A decision and what is behind it, for an agency to lie about.
#[derive(Clone)]
struct Case {
    decision: Transcoding,
    /// The key that the pass is bound to.
    bound: PublicKey,
    evidence: Evidence,
}

impl Case {
    /// A decision as an honest agency makes it, on a credential that it anchored before, shown to `audience`.
    fn decide(town: &mut Town, result: &str, audience: &str) -> Self {
        let key = SigningKey::generate(Suite::P256, &mut town.rng);
        let bound = SigningKey::generate(Suite::Ed25519, &mut town.rng).public_key();
        let credential = town.test_result(&key.public_key(), result, 5);
        let issuer = town.agency.did.clone();
        let digest = credential_digest(credential.signed_part().as_bytes());
        let (receipt, anchor) = town.anchor(&issuer, None, &digest);
        let now = town.time().plus(5);
        let shown = sd_jwt::present(&credential, &town.entry.claims(), &key, audience, "nonce", now).unwrap();
        let consent = Consent::to(&town.entry, key.public_key(), "nonce", now).for_pass(bound.clone());
        let decision = Transcoding {
            source: receipt.opening.verify(LeafKind::Credential, &digest).unwrap(),
            policy: town.entry.id(),
            trust: TrustEpoch::Ledger(town.height()),
            status: Some(1),
            verdict: Overall::Accept,
            decided: now,
        };
        let evidence = Evidence {
            presentation: Some(shown),
            consent: Some(consent.sign(&key)),
            anchor: Some(anchor),
            salt: None,
            receipt: None,
            consent_receipt: None,
        };
        Self { decision, bound, evidence }
    }

    /// The decision is anchored as it stands now, the consent if it is not yet.
    fn anchor(&mut self, town: &mut Town) {
        let issuer = town.agency.did.clone();
        let decided = Some(ReceiptKind::Transcoding);
        self.evidence.receipt = Some(town.anchor(&issuer, decided, &self.decision.digest()).1);
        if let (Some(consent), None) = (&self.evidence.consent, &self.evidence.consent_receipt) {
            let consented = Some(ReceiptKind::Consent);
            let receipt = town.anchor(&issuer, consented, &consent.consent.digest()).1;
            self.evidence.consent_receipt = Some(receipt);
        }
        town.tick(60);
    }

    /// What a regulator gathers for it, but for the batches of the receipts.
    fn material(&self, town: &Town) -> Material {
        let height = match self.decision.trust {
            TrustEpoch::Ledger(height) => height,
            TrustEpoch::List(_) => town.height(),
        };
        Material {
            genesis: town.genesis.clone(),
            then: town.trust_bundle(height, None),
            newest: town.head(town.height()),
            continues: town.consistency(height),
            batches: Vec::new(),
            limits: AgeLimits::default(),
        }
    }

    /// The pass that was given on it, signed by `signer`.
    fn signed(&self, signer: (&Signer, &str), hours: u64) -> AuditedPass {
        let (claims, decided) = (self.decision.pass_claims(), self.decision.decided);
        let pass = Town::pass_for(signer, &self.bound, &claims, 6, (decided, hours));
        AuditedPass::new(Value::Object(pass)).unwrap()
    }

    /// The pass as the agency signs it, whatever it decided.
    fn pass(&self, town: &Town) -> AuditedPass {
        self.signed((&town.agency, "HealthPass"), 24)
    }

    fn audit(&self, town: &Town, material: &Material) -> Report {
        recompute(town, &self.pass(town), &self.evidence, material)
    }
}

/// Looks the receipts' batches up, as a regulator does, and compares.
fn recompute(town: &Town, pass: &AuditedPass, evidence: &Evidence, material: &Material) -> Report {
    let height = material.newest.head.height;
    let batches = comparison::batches(evidence).iter().map(|key| town.proof(key, height)).collect();
    transcoding(pass, evidence, &Material { batches, ..material.clone() })
}

/// An honest decision: credential anchored at 1, decided as of 1, decision anchored at 2, consent at 3.
fn honest(result: &str) -> (Town, Case, Material) {
    let mut town = Town::new(3);
    let audience = town.agency.did.to_string();
    let mut case = Case::decide(&mut town, result, &audience);
    case.anchor(&mut town);
    let material = case.material(&town);
    (town, case, material)
}

fn differing(report: &Report) -> Vec<&'static str> {
    report.checks.iter().filter(|check| check.outcome == Outcome::Differs).map(|check| check.name).collect()
}

fn open(report: &Report) -> Vec<&'static str> {
    report.checks.iter().filter(|check| check.outcome == Outcome::Open).map(|check| check.name).collect()
}

#[test]
fn an_honest_decision_holds_and_is_complete() {
    let (town, case, material) = honest("negative");
    let report = case.audit(&town, &material);
    assert!(report.is_complete(), "{:#?}", report.checks);
    assert_eq!(report.verdict.unwrap().overall(), Overall::Accept);
    assert_eq!(report.checks.len(), 12);
}

#[test]
fn a_flipped_verdict_is_found() {
    let (town, case, material) = honest("positive");
    let report = case.audit(&town, &material);
    assert_eq!(differing(&report), ["verdict"]);
    let check = report.checks.last().unwrap();
    assert!(check.detail.contains("RULE_FAILED"), "{}", check.detail);
    assert!(!check.detail.contains("positive"), "no claim's value is told");
}

/// The pass in hand is audited, and an agency does not choose another to be judged by.
#[test]
fn the_evidence_of_another_honest_decision_does_not_fit() {
    let mut town = Town::new(3);
    let audience = town.agency.did.to_string();
    // At nearly the same time, so that nothing but whose they are tells them apart.
    let [mut bad, mut good] = ["positive", "negative"].map(|it| Case::decide(&mut town, it, &audience));
    bad.anchor(&mut town);
    good.anchor(&mut town);
    assert!(good.audit(&town, &good.material(&town)).is_complete());
    let (pass, material) = (bad.pass(&town), bad.material(&town));
    let report = recompute(&town, &pass, &good.evidence, &material);
    assert_eq!(differing(&report), ["decision anchored", "consent", "source anchored"]);
    // Nor does it if what was shown is not kept.
    let forgotten = Evidence { presentation: None, ..good.evidence.clone() };
    assert_eq!(differing(&recompute(&town, &pass, &forgotten, &material)), ["decision anchored", "consent"]);
}

#[test]
fn a_pass_that_its_policy_does_not_give_is_found() {
    let (town, case, material) = honest("negative");
    let differs = |pass: &AuditedPass| differing(&recompute(&town, pass, &case.evidence, &material));
    for (signer, kind, hours) in [
        (&town.stranger, "HealthPass", 24),
        (&town.agency, "HealthPass", 25),
        (&town.agency, "TravelPass", 24),
    ] {
        assert_eq!(differs(&case.signed((signer, kind), hours)), ["pass"], "{kind} {hours}");
    }
    // Bound to another key than its holder's: for somebody who did not apply.
    let lent = Case { bound: case.evidence.consent.as_ref().unwrap().consent.holder.clone(), ..case.clone() };
    assert_eq!(differs(&lent.pass(&town)), ["consent"]);
    // Changed by whoever brings it.
    let mut document = case.pass(&town).document().clone();
    document["credentialSubject"]["status_epoch"] = 9.into();
    let forged = AuditedPass::new(document).unwrap();
    assert_eq!(differs(&forged), ["pass", "decision anchored", "status epoch"]);
    // By an agency that is not recognised for such passes.
    let mut unrecognised = material.clone();
    let given = |proof: &RecordProof| matches!(&proof.key, StateKey::Issuer(name, _) if name.as_str() == "HealthPass");
    unrecognised.then.records.retain(|proof| !given(proof));
    assert_eq!(differing(&case.audit(&town, &unrecognised)), ["pass"]);
}

#[test]
fn a_pass_is_read_from_a_text_a_file_and_a_picture() {
    let (mut town, mut case, _) = honest("negative");
    let holder = SigningKey::generate(Suite::Ed25519, &mut town.rng);
    case.bound = holder.public_key();
    let pass = case.pass(&town);
    let document = pass.document().as_object().unwrap().clone();
    let code = present_pass(&document, &holder, "Lane 3", "any challenge", case.decision.decided).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let picture = crate::paper::qr_png(&code, 4).unwrap();
    for given in [
        code.clone(),
        file("code.txt", format!("{code}\n").as_bytes()),
        file("pass.json", pass.document().to_string().as_bytes()),
        file("code.png", &picture),
    ] {
        let read = AuditedPass::read(&given).unwrap();
        assert_eq!((read.digest(), read.decision()), (pass.digest(), &case.decision), "{given}");
    }
    for given in [
        "CWP:".to_owned(),
        file("nothing", b""),
        file("other.json", br#"{"credentialSubject": {"colour": "green"}}"#),
        file("other.png", &crate::paper::qr_png("https://example.org", 4).unwrap()),
    ] {
        assert!(matches!(AuditedPass::read(&given), Err(AuditError::Pass(_))), "{given}");
    }
    let blank = file("broken.png", &picture[..picture.len() / 2]);
    assert!(matches!(AuditedPass::read(&blank), Err(AuditError::Picture(_))));
    assert!(matches!(AuditedPass::read("absent"), Err(AuditError::File(_))));
}

#[test]
fn a_revocation_after_the_decision_changes_nothing_and_before_it_everything() {
    let (mut town, mut case, _) = honest("negative");
    town.revoke(5);
    case.anchor(&mut town);
    assert!(case.audit(&town, &case.material(&town)).is_complete());
    // The same decision, said to be made after the revocation.
    case.decision.trust = TrustEpoch::Ledger(town.height());
    case.anchor(&mut town);
    let report = case.audit(&town, &case.material(&town));
    assert!(differing(&report).contains(&"status epoch"), "{:?}", differing(&report));
    assert!(differing(&report).contains(&"verdict"));
}

/// A stranger's head at the issuer's address, first among the records, is not the issuer's.
#[test]
fn a_strangers_head_at_the_same_address_changes_nothing() {
    let mut town = Town::new(3);
    let at = did_registry::Moment { height: 1, time: town.time() };
    let key = StateKey::Status(town.stranger.did.clone(), 1);
    let head = StatusHead { list: 1, uri: STATUS_URI.into(), epoch: 9, digest: Digest::sha256(b"theirs") };
    town.write(key.clone(), encode(&StatusRecord { head, updated: at }));
    let audience = town.agency.did.to_string();
    let mut case = Case::decide(&mut town, "negative", &audience);
    case.anchor(&mut town);
    let mut material = case.material(&town);
    material.then.records.insert(0, town.proof(&key, material.then.head.head.height));
    let report = case.audit(&town, &material);
    assert!(report.is_complete(), "{:#?}", report.checks);
}

#[test]
fn an_altered_decision_is_not_the_anchored_one() {
    let (town, honest, material) = honest("negative");
    let other = Digest::sha256(b"other");
    type Alter = fn(&mut Transcoding, Digest);
    let alterations: [(Alter, &[&str]); 4] = [
        (|it, other| it.source = other, &["decision anchored", "source anchored"]),
        (|it, other| it.policy = other, &["rule"]),
        (|it, _| it.status = Some(9), &["decision anchored", "status epoch"]),
        (|it, _| it.decided = it.decided.plus(1), &["decision anchored"]),
    ];
    for (alter, found) in alterations {
        let mut case = honest.clone();
        alter(&mut case.decision, other);
        assert_eq!(differing(&case.audit(&town, &material)), found);
    }
}

#[test]
fn what_was_shown_to_somebody_else_is_no_ground_for_a_pass() {
    let mut town = Town::new(3);
    let stranger = town.stranger.did.to_string();
    let mut case = Case::decide(&mut town, "negative", &stranger);
    case.anchor(&mut town);
    let report = case.audit(&town, &case.material(&town));
    assert_eq!(differing(&report), ["verdict"]);
    assert!(report.checks.last().unwrap().detail.contains("WRONG_AUDIENCE"), "{:?}", report.checks);
}

#[test]
fn a_swapped_presentation_receipt_or_challenge_is_found() {
    let (town, first, material) = honest("negative");
    let (mut other, second, _) = honest("positive");
    let mut case = first.clone();
    case.evidence.presentation = second.evidence.presentation.clone();
    assert!(differing(&case.audit(&town, &material)).contains(&"source anchored"));
    let mut case = first;
    case.evidence.consent.as_mut().unwrap().consent.nonce = "another".into();
    let found = ["consent", "consent anchored", "verdict"];
    assert_eq!(differing(&case.audit(&town, &material)), found);
    // Anchored by a stranger instead of the issuer or the verifier.
    let stranger = other.stranger.did.clone();
    let mut case = second;
    let kind = Some(ReceiptKind::Transcoding);
    case.evidence.receipt = Some(other.anchor(&stranger, kind, &case.decision.digest()).1);
    let report = case.audit(&other, &case.material(&other));
    assert!(differing(&report).contains(&"decision anchored"));
}

#[test]
fn consents_do_not_pass_for_transcodings() {
    let (mut town, mut case, _) = honest("negative");
    let issuer = town.agency.did.clone();
    let forged = town.anchor(&issuer, Some(ReceiptKind::Consent), &case.decision.digest()).1;
    case.anchor(&mut town);
    let (pass, material) = (case.pass(&town), case.material(&town));
    let with = |receipt: &Option<String>, consent_receipt: &Option<String>| {
        let (receipt, consent_receipt) = (receipt.clone(), consent_receipt.clone());
        let evidence = Evidence { receipt, consent_receipt, ..case.evidence.clone() };
        differing(&recompute(&town, &pass, &evidence, &material))
    };
    let Evidence { receipt, consent_receipt, .. } = &case.evidence;
    assert_eq!(with(&Some(forged), consent_receipt), ["decision anchored"]);
    assert_eq!(with(receipt, receipt), ["consent anchored"]);
}

/// Nobody's data is used without consent, and nobody else's consent will do.
#[test]
fn a_decision_without_its_holders_consent_is_found() {
    let (mut town, case, material) = honest("negative");
    let pass = case.pass(&town);
    let differs = |town: &Town, evidence: &Evidence, material: &Material| {
        differing(&recompute(town, &pass, evidence, material))
    };
    let without = Evidence { consent: None, consent_receipt: None, ..case.evidence.clone() };
    assert_eq!(differs(&town, &without, &material), ["consent", "verdict"], "its challenge is gone with it");
    // Signed and anchored all the same, by somebody else, for something else, or for longer ago.
    let other = SigningKey::generate(Suite::P256, &mut town.rng);
    let given = case.evidence.consent.as_ref().unwrap().consent.clone();
    let anothers = Consent { holder: other.public_key(), ..given.clone() };
    let elsewhere = Consent { receiver: town.stranger.did.clone(), ..anothers.clone() };
    let overtaken = Consent { expires: case.decision.decided, ..anothers.clone() };
    let narrower = Consent { claims: ["result".to_owned()].into(), ..anothers.clone() };
    for consent in [anothers, elsewhere, overtaken, narrower] {
        let mut case = case.clone();
        case.evidence.consent = Some(consent.sign(&other));
        case.evidence.consent_receipt = None;
        case.anchor(&mut town);
        assert_eq!(differs(&town, &case.evidence, &case.material(&town)), ["consent"]);
    }
    // Whether or not what was shown is kept.
    let mut forged = Evidence { presentation: None, ..case.evidence.clone() };
    forged.consent = Some(SignedConsent { consent: given.clone(), signature: "00".repeat(64) });
    assert_eq!(differs(&town, &forged, &material), ["consent"]);
    // Anchored by a stranger, or not at all long after.
    let mut swapped = case.clone();
    let stranger = town.stranger.did.clone();
    let theirs = town.anchor(&stranger, Some(ReceiptKind::Consent), &given.digest()).1;
    swapped.evidence.consent_receipt = Some(theirs);
    assert_eq!(differs(&town, &swapped.evidence, &swapped.material(&town)), ["consent anchored"]);
    swapped.evidence.consent_receipt = None;
    assert_eq!(open(&swapped.audit(&town, &swapped.material(&town))), ["consent anchored"]);
    town.tick(ANCHORED_WITHIN);
    assert_eq!(differs(&town, &swapped.evidence, &swapped.material(&town)), ["consent anchored"]);
}

/// A decision that is dated back, to a day on which the credential was not revoked yet, is anchored too late.
#[test]
fn a_back_dated_decision_is_found() {
    let (mut town, case, _) = honest("negative");
    town.revoke(5);
    // The last second in time: the block that anchors comes a second after the one before.
    town.tick(ANCHORED_WITHIN - town.time().since(case.decision.decided) - 1);
    let mut last = case.clone();
    last.anchor(&mut town);
    assert!(last.audit(&town, &last.material(&town)).is_complete());
    town.tick(3 * 86_400);
    let mut dated = case.clone();
    dated.anchor(&mut town);
    let detail = |case: &Case| {
        let report = case.audit(&town, &case.material(&town));
        assert_eq!(differing(&report), ["decision anchored"]);
        report.checks.into_iter().find(|check| check.name == "decision anchored").unwrap().detail
    };
    assert!(detail(&dated).starts_with("anchored 3 days after"), "{}", detail(&dated));
    // Nor is it open for ever: what is due and not there is not anchored.
    let mut never = case;
    never.evidence.receipt = None;
    assert!(detail(&never).starts_with("not anchored 3 days after"), "{}", detail(&never));
}

/// Validators who sign two histories certify both; what is anchored in one is not anchored in the other.
#[test]
fn what_is_anchored_in_another_history_is_not_anchored() {
    let (town, honest, material) = honest("negative");
    let audience = town.agency.did.to_string();
    let mut fork = Town::new(3);
    assert_eq!(fork.genesis.id(), town.genesis.id());
    fork.tick(1);
    let mut forked = Case::decide(&mut fork, "negative", &audience);
    forked.anchor(&mut fork);
    assert!(forked.audit(&fork, &forked.material(&fork)).is_complete(), "in its own history it holds");
    let mut case = honest;
    case.evidence.receipt = forked.evidence.receipt.clone();
    assert_eq!(differing(&case.audit(&town, &material)), ["decision anchored"]);
    case.evidence.consent_receipt = forked.evidence.consent_receipt.clone();
    case.evidence.anchor = forked.evidence.anchor;
    let report = case.audit(&town, &material);
    assert_eq!(differing(&report), ["decision anchored", "consent anchored", "source anchored"]);
    assert!(report.checks.iter().any(|check| check.detail.contains("not on the ledger")), "{report:#?}");
    // Whoever does not look is not told that it holds.
    let unasked = transcoding(&case.pass(&town), &case.evidence, &material);
    assert!(open(&unasked).contains(&"decision anchored"));
}

/// A batch withdrawn before the state that was decided on carries nothing; later, the decision was right.
#[test]
fn a_source_that_was_withdrawn_before_the_decision_is_found() {
    let (mut town, mut case, _) = honest("negative");
    let source = comparison::batches(&case.evidence);
    let source = source.into_iter().find(|key| matches!(key, StateKey::Anchor(..))).unwrap();
    let Ok(Some(ledger_chain::Record::Anchor(mut record))) =
        town.proof(&source, town.height()).verify(&town.head(town.height()).head.state)
    else {
        panic!("it is anchored")
    };
    let at = did_registry::Moment { height: town.height() + 1, time: town.time().plus(1) };
    record.withdrawn = Some(at);
    town.write(source, encode(&record));
    assert!(case.audit(&town, &case.material(&town)).is_complete(), "withdrawn after the decision");
    case.decision.trust = TrustEpoch::Ledger(town.height());
    case.anchor(&mut town);
    let report = case.audit(&town, &case.material(&town));
    assert!(differing(&report).contains(&"source anchored"), "{report:#?}");
}

/// A source that was anchored only after the decision was not what was decided on.
#[test]
fn a_source_anchored_after_the_decision_is_found() {
    let mut town = Town::new(3);
    town.tick(2_000);
    let audience = town.agency.did.to_string();
    let mut case = Case::decide(&mut town, "negative", &audience);
    case.decision.decided = case.decision.decided.minus(1_200);
    case.anchor(&mut town);
    let report = case.audit(&town, &case.material(&town));
    assert!(differing(&report).contains(&"source anchored"), "{:#?}", report.checks);
}

#[test]
fn another_epoch_or_another_history_is_found() {
    let (town, case, material) = honest("negative");
    let mut elsewhere = material.clone();
    elsewhere.then = town.trust_bundle(0, None);
    elsewhere.continues = town.consistency(0);
    assert!(differing(&case.audit(&town, &elsewhere)).contains(&"ledger"));
    let mut unproven = material.clone();
    unproven.continues = None;
    assert!(differing(&case.audit(&town, &unproven)).contains(&"ledger"));
    let mut foreign = material;
    foreign.genesis = Town::new(4).genesis;
    assert_eq!(differing(&case.audit(&town, &foreign)), ["ledger", "records"]);
}

#[test]
fn a_rule_published_later_was_not_in_force() {
    let (mut town, mut case, _) = honest("negative");
    let mut relaxed = town.entry.clone();
    relaxed.version = 2;
    relaxed.predicates.retain(|Predicate { claim, .. }| claim == "result");
    relaxed.retained.remove("sampled");
    let key = StateKey::Policy(relaxed.id());
    town.tick(600);
    let at = did_registry::Moment { height: town.height() + 1, time: town.time().plus(1) };
    town.write(key.clone(), encode(&PolicyRecord { policy: relaxed.clone(), published: at }));
    case.decision.policy = relaxed.id();
    case.anchor(&mut town);
    let mut material = case.material(&town);
    material.then.records.push(town.proof(&key, material.then.head.head.height));
    assert_eq!(differing(&case.audit(&town, &material)), ["rule"]);
    // A decision on a foreign list names no height, and so says itself when the rule must have been there.
    case.decision.trust = TrustEpoch::List(Digest::sha256(b"list"));
    case.anchor(&mut town);
    let mut material = case.material(&town);
    material.then.records.push(town.proof(&key, material.then.head.head.height));
    let report = case.audit(&town, &material);
    assert_eq!(differing(&report), ["rule"]);
    assert!(report.checks.last().unwrap().detail.contains("after the decision"), "{:?}", report.checks);
}

/// What the agency hands over names no address to call: only a list whose issuer signed what was shown, and is
/// recognised for it, is looked for.
#[test]
fn no_list_is_looked_for_on_the_agencys_word() {
    let (town, case, mut material) = honest("negative");
    material.then.statuses.clear();
    assert!(case.audit(&town, &material).missing.is_some());
    let mut unsigned = case.clone();
    unsigned.evidence.presentation = case.evidence.presentation.as_ref().map(|it| it.replacen('.', ".A", 1));
    assert_eq!(unsigned.audit(&town, &material).missing, None);
    let mut unshown = case.clone();
    unshown.evidence.presentation = None;
    assert_eq!(unshown.audit(&town, &material).missing, None);
    let issuer = |proof: &RecordProof| matches!(&proof.key, StateKey::Issuer(name, _) if name.as_str() == "TestResult");
    material.then.records.retain(|proof| !issuer(proof));
    assert_eq!(case.audit(&town, &material).missing, None);
}

/// A credential whose issuer anchored no list at that address was not to be accepted.
#[test]
fn a_list_that_was_never_anchored_is_not_open() {
    let (town, mut case, mut material) = honest("negative");
    case.decision.status = None;
    material.then.records.retain(|proof| !matches!(&proof.key, StateKey::Status(..)));
    material.then.statuses.clear();
    let report = case.audit(&town, &material);
    assert!(differing(&report).contains(&"verdict"), "{:?}", report.checks);
}

#[test]
fn what_cannot_be_recomputed_is_open_and_nothing_is_said_to_hold_for_it() {
    let (mut town, case, mut material) = honest("negative");
    material.then.statuses.clear();
    let report = case.audit(&town, &material);
    assert!(report.holds() && !report.is_complete());
    assert_eq!(open(&report), ["verdict"]);
    assert_eq!(report.missing.unwrap().uri, STATUS_URI);
    let mut unretained = case.clone();
    unretained.evidence.presentation = None;
    let report = unretained.audit(&town, &material);
    assert!(report.holds(), "{:#?}", report.checks);
    assert_eq!(open(&report), ["consent", "source anchored", "verdict"]);
    let mut early = case.clone();
    early.evidence.receipt = None;
    let report = early.audit(&town, &material);
    assert!(report.holds(), "{:#?}", report.checks);
    assert!(open(&report).contains(&"decision anchored"));
    let mut foreign = case;
    foreign.decision.trust = TrustEpoch::List(Digest::sha256(b"list"));
    foreign.evidence = Evidence {
        presentation: None,
        consent: None,
        anchor: None,
        salt: None,
        receipt: None,
        consent_receipt: None,
    };
    foreign.anchor(&mut town);
    let report = foreign.audit(&town, &foreign.material(&town));
    assert!(report.holds(), "{:#?}", report.checks);
    assert_eq!(open(&report), ["consent", "verdict"]);
}
