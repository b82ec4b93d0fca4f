//! An honest decision holds; each lie about it is found and named.

use credential::anchor::{LeafKind, credential_digest};
use credential::consent::{Consent, SignedConsent};
use credential::sd_jwt;
use credential::transcoding::Transcoding;
use credential::{Overall, Predicate};
use did_registry::canonical::encode;
use did_registry::{Digest, SigningKey, Suite};
use ledger_chain::tree::RecordProof;
use ledger_chain::{PolicyRecord, StateKey, StatusHead, StatusRecord};

use super::comparison::ANCHORED_WITHIN;
use super::*;
use crate::fixture::{STATUS_URI, Signer, Town};

/// A decision as an honest agency makes it: credential anchored at 1, decided as of 1, decision anchored at 2.
fn honest(result: &str) -> (Town, Evidence, Material) {
    let town = Town::new(3);
    let audience = town.agency.did.to_string();
    decided(town, result, &audience)
}

/// The same decision, on what was shown to `audience`.
fn decided(mut town: Town, result: &str, audience: &str) -> (Town, Evidence, Material) {
    let key = SigningKey::generate(Suite::P256, &mut town.rng);
    let credential = town.test_result(&key.public_key(), result, 5);
    let issuer = town.agency.did.clone();
    let digest = credential_digest(credential.signed_part().as_bytes());
    let (receipt, anchor) = town.anchor(&issuer, None, &digest);
    let epoch = town.height();
    let now = town.time().plus(5);
    let shown = sd_jwt::present(&credential, &town.entry.claims(), &key, audience, "nonce", now).unwrap();
    let transcoding = Transcoding {
        source: receipt.opening.verify(LeafKind::Credential, &digest).unwrap(),
        policy: town.entry.id(),
        trust: TrustEpoch::Ledger(epoch),
        status: Some(1),
        verdict: Overall::Accept,
        decided: now,
    };
    let evidence = Evidence {
        transcoding,
        presentation: Some(shown),
        consent: Some(Consent::to(&town.entry, key.public_key(), "nonce", now).sign(&key)),
        anchor: Some(anchor),
        receipt: None,
        consent_receipt: None,
    };
    let (evidence, material) = anchored_again(&mut town, evidence);
    (town, evidence, material)
}

/// Anchors the decision as it stands now, and once the consent, and gathers the material at its trust epoch.
fn anchored_again(town: &mut Town, mut evidence: Evidence) -> (Evidence, Material) {
    let issuer = town.agency.did.clone();
    let decided = Some(ReceiptKind::Transcoding);
    evidence.receipt = Some(town.anchor(&issuer, decided, &evidence.transcoding.digest()).1);
    if let (Some(consent), None) = (&evidence.consent, &evidence.consent_receipt) {
        let consented = Some(ReceiptKind::Consent);
        evidence.consent_receipt = Some(town.anchor(&issuer, consented, &consent.consent.digest()).1);
    }
    town.tick(60);
    let height = match evidence.transcoding.trust {
        TrustEpoch::Ledger(height) => height,
        TrustEpoch::List(_) => town.height(),
    };
    let material = Material {
        genesis: town.genesis.clone(),
        then: town.trust_bundle(height, None),
        newest: town.head(town.height()),
        continues: town.consistency(height),
        limits: AgeLimits::default(),
    };
    (evidence, material)
}

fn differing(report: &Report) -> Vec<&'static str> {
    report.checks.iter().filter(|check| check.outcome == Outcome::Differs).map(|check| check.name).collect()
}

fn open(report: &Report) -> Vec<&'static str> {
    report.checks.iter().filter(|check| check.outcome == Outcome::Open).map(|check| check.name).collect()
}

#[test]
fn an_honest_decision_holds_and_is_complete() {
    let (_, evidence, material) = honest("negative");
    let report = transcoding(&evidence, &material);
    assert!(report.is_complete(), "{:#?}", report.checks);
    assert_eq!(report.verdict.unwrap().overall(), Overall::Accept);
    assert_eq!(report.checks.len(), 11);
}

#[test]
fn a_flipped_verdict_is_found() {
    let (_, evidence, material) = honest("positive");
    let report = transcoding(&evidence, &material);
    assert_eq!(differing(&report), ["verdict"]);
    let check = report.checks.last().unwrap();
    assert!(check.detail.contains("RULE_FAILED"), "{}", check.detail);
    assert!(!check.detail.contains("positive"), "no claim's value is told");
}

#[test]
fn a_revocation_after_the_decision_changes_nothing_and_before_it_everything() {
    let (mut town, evidence, _) = honest("negative");
    town.revoke(5);
    let (evidence, material) = anchored_again(&mut town, evidence);
    assert!(transcoding(&evidence, &material).is_complete());
    // The same decision, said to be made after the revocation.
    let mut evidence = evidence;
    evidence.transcoding.trust = TrustEpoch::Ledger(town.height());
    let (evidence, material) = anchored_again(&mut town, evidence);
    let report = transcoding(&evidence, &material);
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
    let (town, evidence, mut material) = decided(town, "negative", &audience);
    material.then.records.insert(0, town.proof(&key, material.then.head.head.height));
    let report = transcoding(&evidence, &material);
    assert!(report.is_complete(), "{:#?}", report.checks);
}

#[test]
fn an_altered_decision_is_not_the_anchored_one() {
    let (_, honest_evidence, material) = honest("negative");
    let other = Digest::sha256(b"other");
    type Alter = fn(&mut Evidence, Digest);
    let alterations: [(Alter, &[&str]); 5] = [
        (|it, other| it.transcoding.source = other, &["decision anchored", "source anchored"]),
        (|it, other| it.transcoding.policy = other, &["rule"]),
        (|it, _| it.transcoding.status = Some(9), &["decision anchored", "status epoch"]),
        (|it, _| it.transcoding.verdict = Overall::Refuse, &["decision anchored", "verdict"]),
        (|it, _| it.transcoding.decided = it.transcoding.decided.plus(1), &["decision anchored"]),
    ];
    for (alter, found) in alterations {
        let mut evidence = honest_evidence.clone();
        alter(&mut evidence, other);
        assert_eq!(differing(&transcoding(&evidence, &material)), found);
    }
}

#[test]
fn what_was_shown_to_somebody_else_is_no_ground_for_a_pass() {
    let town = Town::new(3);
    let stranger = town.stranger.did.to_string();
    let (_, evidence, material) = decided(town, "negative", &stranger);
    let report = transcoding(&evidence, &material);
    assert_eq!(differing(&report), ["verdict"]);
    assert!(report.checks.last().unwrap().detail.contains("WRONG_AUDIENCE"), "{:?}", report.checks);
}

#[test]
fn a_swapped_presentation_receipt_or_challenge_is_found() {
    let (_, first, material) = honest("negative");
    let (mut town, second, _) = honest("positive");
    let mut evidence = first.clone();
    evidence.presentation = second.presentation.clone();
    assert!(differing(&transcoding(&evidence, &material)).contains(&"source anchored"));
    let mut evidence = first.clone();
    evidence.consent.as_mut().unwrap().consent.nonce = "another".into();
    assert_eq!(differing(&transcoding(&evidence, &material)), ["consent", "consent anchored", "verdict"]);
    // Anchored by a stranger instead of the issuer or the verifier.
    let stranger: &Signer = &town.stranger;
    let stranger = stranger.did.clone();
    let mut evidence = second.clone();
    let kind = Some(ReceiptKind::Transcoding);
    evidence.receipt = Some(town.anchor(&stranger, kind, &evidence.transcoding.digest()).1);
    let (_, material) = anchored_again(&mut town, second);
    assert!(differing(&transcoding(&evidence, &material)).contains(&"decision anchored"));
}

#[test]
fn consents_do_not_pass_for_transcodings() {
    let (mut town, evidence, _) = honest("negative");
    let issuer = town.agency.did.clone();
    let forged = town.anchor(&issuer, Some(ReceiptKind::Consent), &evidence.transcoding.digest()).1;
    let (evidence, material) = anchored_again(&mut town, evidence);
    let with = |receipt: &Option<String>, consent_receipt: &Option<String>| {
        let (receipt, consent_receipt) = (receipt.clone(), consent_receipt.clone());
        differing(&transcoding(&Evidence { receipt, consent_receipt, ..evidence.clone() }, &material))
    };
    assert_eq!(with(&Some(forged), &evidence.consent_receipt), ["decision anchored"]);
    assert_eq!(with(&evidence.receipt, &evidence.receipt), ["consent anchored"]);
}

/// Nobody's data is used without consent, and nobody else's consent will do.
#[test]
fn a_decision_without_its_holders_consent_is_found() {
    let (mut town, evidence, material) = honest("negative");
    let differs = |evidence: &Evidence| differing(&transcoding(evidence, &material));
    let without = Evidence { consent: None, consent_receipt: None, ..evidence.clone() };
    assert_eq!(differs(&without), ["consent", "verdict"], "its challenge is gone with it");
    // Signed and anchored all the same, by somebody else, for something else, or for longer ago.
    let other = SigningKey::generate(Suite::P256, &mut town.rng);
    let given = &evidence.consent.as_ref().unwrap().consent;
    let (issuer, decided) = (town.agency.did.clone(), evidence.transcoding.decided);
    let anothers = Consent::to(&town.entry, other.public_key(), "nonce", decided);
    let elsewhere = Consent { receiver: town.stranger.did.clone(), ..anothers.clone() };
    let overtaken = Consent { expires: decided, ..anothers.clone() };
    let wider = Consent { claims: ["result".to_owned()].into(), ..anothers.clone() };
    for consent in [anothers, elsewhere, overtaken, wider] {
        let receipt = town.anchor(&issuer, Some(ReceiptKind::Consent), &consent.digest()).1;
        let consent = Some(consent.sign(&other));
        let swapped = Evidence { consent, consent_receipt: Some(receipt), ..evidence.clone() };
        let (swapped, material) = anchored_again(&mut town, swapped);
        assert_eq!(differing(&transcoding(&swapped, &material)), ["consent"]);
    }
    // Whether or not what was shown is kept.
    let mut forged = Evidence { presentation: None, ..evidence.clone() };
    forged.consent = Some(SignedConsent { consent: given.clone(), signature: "00".repeat(64) });
    assert_eq!(differs(&forged), ["consent"]);
    // Anchored by a stranger, or not at all long after.
    let stranger = town.stranger.did.clone();
    let digest = evidence.consent.as_ref().unwrap().consent.digest();
    let theirs = town.anchor(&stranger, Some(ReceiptKind::Consent), &digest).1;
    let mut swapped = Evidence { consent_receipt: Some(theirs), ..evidence.clone() };
    let (later, material) = anchored_again(&mut town, swapped.clone());
    assert_eq!(differing(&transcoding(&later, &material)), ["consent anchored"]);
    swapped.consent_receipt = None;
    assert_eq!(open(&transcoding(&swapped, &material)), ["consent anchored"]);
    let mut material = material;
    town.tick(ANCHORED_WITHIN);
    material.newest = town.head(town.height());
    material.continues = town.consistency(material.then.head.head.height);
    let report = transcoding(&swapped, &material);
    assert_eq!(differing(&report), ["consent anchored"]);
}

/// A decision that is dated back, to a day on which the credential was not revoked yet, is anchored too late.
#[test]
fn a_back_dated_decision_is_found() {
    let (mut town, evidence, _) = honest("negative");
    town.revoke(5);
    let since = |town: &Town| town.time().since(evidence.transcoding.decided);
    // The last second in time: the block that anchors comes a second after the one before.
    town.tick(ANCHORED_WITHIN - since(&town) - 1);
    let (kept, material) = anchored_again(&mut town, evidence.clone());
    assert!(transcoding(&kept, &material).is_complete());
    town.tick(3 * 86_400);
    let (dated, material) = anchored_again(&mut town, evidence.clone());
    let report = transcoding(&dated, &material);
    assert_eq!(differing(&report), ["decision anchored"]);
    let check = report.checks.iter().find(|check| check.name == "decision anchored").unwrap();
    assert!(check.detail.contains("anchored 3 days after"), "{}", check.detail);
}

#[test]
fn another_epoch_or_another_history_is_found() {
    let (town, evidence, material) = honest("negative");
    let mut elsewhere = material.clone();
    elsewhere.then = town.trust_bundle(0, None);
    elsewhere.continues = town.consistency(0);
    assert!(differing(&transcoding(&evidence, &elsewhere)).contains(&"ledger"));
    let mut unproven = material.clone();
    unproven.continues = None;
    assert!(differing(&transcoding(&evidence, &unproven)).contains(&"ledger"));
    let mut foreign = material;
    foreign.genesis = Town::new(4).genesis;
    let report = transcoding(&evidence, &foreign);
    assert_eq!(differing(&report), ["ledger", "records"]);
}

#[test]
fn a_rule_published_later_was_not_in_force() {
    let (mut town, mut evidence, _) = honest("negative");
    let mut relaxed = town.entry.clone();
    relaxed.version = 2;
    relaxed.predicates.retain(|Predicate { claim, .. }| claim == "result");
    relaxed.retained.remove("sampled");
    let at = did_registry::Moment { height: town.height() + 1, time: town.time() };
    town.write(
        StateKey::Policy(relaxed.id()),
        encode(&PolicyRecord { policy: relaxed.clone(), published: at }),
    );
    evidence.transcoding.policy = relaxed.id();
    let (evidence, mut material) = anchored_again(&mut town, evidence);
    material.then.records.push(town.proof(&StateKey::Policy(relaxed.id()), material.then.head.head.height));
    assert!(differing(&transcoding(&evidence, &material)).contains(&"rule"));
}

/// What the agency hands over names no address to call: only a list whose issuer signed what was shown, and is
/// recognised for it, is looked for.
#[test]
fn no_list_is_looked_for_on_the_agencys_word() {
    let (_, evidence, mut material) = honest("negative");
    material.then.statuses.clear();
    assert!(transcoding(&evidence, &material).missing.is_some());
    let mut unsigned = evidence.clone();
    unsigned.presentation = evidence.presentation.as_ref().map(|shown| shown.replacen('.', ".A", 1));
    assert_eq!(transcoding(&unsigned, &material).missing, None);
    let mut unshown = evidence.clone();
    unshown.presentation = None;
    assert_eq!(transcoding(&unshown, &material).missing, None);
    let recognised = |proof: &RecordProof| matches!(&proof.key, StateKey::Issuer(..));
    material.then.records.retain(|proof| !recognised(proof));
    assert_eq!(transcoding(&evidence, &material).missing, None);
}

/// A credential whose issuer anchored no list at that address was not to be accepted.
#[test]
fn a_list_that_was_never_anchored_is_not_open() {
    let (_, mut evidence, mut material) = honest("negative");
    evidence.transcoding.status = None;
    material.then.records.retain(|proof| !matches!(&proof.key, StateKey::Status(..)));
    material.then.statuses.clear();
    let report = transcoding(&evidence, &material);
    assert!(differing(&report).contains(&"verdict"), "{:?}", report.checks);
}

#[test]
fn what_cannot_be_recomputed_is_open_and_nothing_is_said_to_hold_for_it() {
    let (mut town, evidence, mut material) = honest("negative");
    material.then.statuses.clear();
    let report = transcoding(&evidence, &material);
    assert!(report.holds() && !report.is_complete());
    assert_eq!(open(&report), ["verdict"]);
    assert_eq!(report.missing.unwrap().uri, STATUS_URI);
    let mut unretained = evidence.clone();
    unretained.presentation = None;
    assert_eq!(open(&transcoding(&unretained, &material)), ["consent", "source anchored", "verdict"]);
    let mut early = evidence.clone();
    early.receipt = None;
    assert!(open(&transcoding(&early, &material)).contains(&"decision anchored"));
    let mut foreign = evidence;
    foreign.transcoding.trust = TrustEpoch::List(Digest::sha256(b"list"));
    foreign.presentation = None;
    let (foreign, material) = anchored_again(&mut town, foreign);
    let report = transcoding(&foreign, &material);
    assert!(report.holds(), "{:#?}", report.checks);
    assert_eq!(open(&report), ["consent", "verdict"]);
}
