//! The whole way, from picture or text to verdict, with the trust list alone.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use credential::Reason;
use credential::dcc::{Cwt, Entry, Kind, VerifiedCertificate, cbor, open};
use did_registry::Timestamp;
use serde_json::Value;

use crate::corpus::{Case, cases, file, lines, scan, trust_list, verifier};

#[test]
fn every_case_gets_its_expected_verdict() {
    let verifier = verifier();
    let mut counts = BTreeMap::new();
    for (case, line) in cases() {
        let from_text = verifier
            .verify(case.prefix(), case.clock())
            .map_or_else(|no| no.finding.code.code(), |_| "VALID");
        // Where the case asks for it and has one, the way starts at the picture.
        let asked = case.flag("EXPECTEDPICTUREDECODE").and_then(|_| case.picture());
        let picture = asked.map(|picture| scan(&picture));
        let verdict = match &picture {
            None => from_text,
            Some(None) => Reason::Unreadable.code(),
            Some(Some(text)) => {
                assert_eq!(text, case.prefix(), "{}: the picture holds PREFIX", case.file);
                from_text
            }
        };
        assert_eq!(verdict, line["reason"].as_str().unwrap(), "{}", case.file);
        assert_eq!(verdict == "VALID", line["expected"] == "accept", "{}", case.file);
        if case.file != "common/2DCode/raw/Q1.json" {
            assert_eq!(from_text, verdict, "{}: text and picture agree", case.file);
        }
        *counts.entry(line["expected"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    let expected = [("accept", 81), ("policy", 3), ("reject", 37)];
    assert_eq!(counts, expected.map(|(word, count)| (word.to_owned(), count)).into());
}

/// Decision 0003.
#[test]
fn policy_rows_are_refused_with_their_reason() {
    let verifier = verifier();
    for (name, reason, detail) in [
        (
            "SG/2DCode/raw/4.json",
            Reason::NotYetValid,
            "the certificate was issued after the time of this check",
        ),
        ("SK/2DCode/raw/3.json", Reason::MultipleEntries, "a certificate has exactly one entry"),
        ("HU/2DCode/raw/1.json", Reason::CodeNotInList, "the code v.mp is in no published list"),
    ] {
        let case = Case::load(name);
        let refusal = verifier.verify(case.prefix(), case.clock()).unwrap_err();
        assert_eq!((refusal.finding.code, refusal.finding.detail.as_str()), (reason, detail), "{name}");
        assert_eq!(refusal.country.as_deref(), name.get(..2));
    }
}

#[test]
fn every_picture_scans_to_its_case() {
    let index = lines("png_index.jsonl");
    assert_eq!(index.len(), 40);
    for line in index {
        let (picture, case) = (line["png"].as_str().unwrap(), Case::load(line["case"].as_str().unwrap()));
        assert_eq!(scan(&file(picture)).as_deref(), Some(case.prefix()), "{picture}");
    }
}

#[test]
fn an_accepted_certificate_gives_what_transcoding_needs() {
    let verifier = verifier();
    let verify = |name: &str| {
        let case = Case::load(name);
        verifier.verify(case.prefix(), case.clock()).unwrap()
    };

    let test = verify("HU/2DCode/raw/3.json");
    assert_eq!((test.kind(), test.country(), test.signer_country()), (Kind::Test, Some("HU"), Some("HU")));
    assert_eq!(hex::encode(test.signer_kid()), "2003c07a5e95d386");
    let issued = test.issued().unwrap();
    assert_eq!(issued.to_string(), "2021-06-14T16:05:42Z", "a float, without its fraction");
    assert!(test.expires() > issued && test.signer_dates().is_some());
    let Entry::Test(entry) = test.payload().entry() else { panic!("a test") };
    assert_eq!(
        entry.sampled.moment().map(|moment| moment.date()),
        "2021-06-04".parse().ok(),
        "a tagged text"
    );
    assert!(entry.centre.as_ref().is_some_and(|centre| centre.as_str().chars().count() > 80));
    assert_eq!((entry.target.as_str(), entry.country.as_str()), ("840539006", "HU"));

    let vaccination = verify("PL/1.3.0/2DCode/raw/11.json");
    let Entry::Vaccination(entry) = vaccination.payload().entry() else { panic!("a vaccination") };
    assert!((1..=2).contains(&entry.dose) && entry.doses == 2 && entry.day.day().is_some());
    assert_eq!(vaccination.payload().birth().day(), "1958-11-11".parse().ok());
    let surname = vaccination.payload().name().surname_standard.as_ref();
    assert_eq!(surname.map(|text| text.as_str()), Some("ROGALINSKI<KROL"));
    assert!(vaccination.payload().entry().identifier().as_str().starts_with("URN:UVCI:"));

    let recovery = verify("BG/2DCode/raw/2.json");
    let Entry::Recovery(entry) = recovery.payload().entry() else { panic!("a recovery") };
    assert_eq!(entry.valid_until.day(), "2021-10-28".parse().ok(), "a date with a time of day");
    assert!(entry.valid_until.moment().is_none(), "and without an offset");
    assert_eq!(recovery.payload().birth().day(), "1978-01-26".parse().ok());
}

/// Every text of the certificate but its schema version and country.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.len() > 5 => found.push(text.trim().to_owned()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(object) => object.values().for_each(|item| texts(item, found)),
        _ => {}
    }
}

#[test]
fn nothing_personal_is_printed() {
    let verifier = verifier();
    let mut searched = 0;
    for (case, _) in cases() {
        let Ok(token) = open(case.prefix()) else { continue };
        let Ok(cwt) = Cwt::decode(token.payload()) else { continue };
        let verdict = verifier.verify(case.prefix(), case.clock());
        let printed =
            format!("{token:?} {cwt:?} {verdict:?} {:?}", verdict.as_ref().map(VerifiedCertificate::payload));
        let mut personal = Vec::new();
        texts(&cbor::to_json(cwt.into_certificate()).unwrap_or_default(), &mut personal);
        for text in &personal {
            assert!(!printed.contains(text.as_str()), "{}: {text} in {printed}", case.file);
        }
        searched += personal.len();
    }
    assert!(searched > 1_000, "{searched} texts were searched for");
}

#[test]
fn both_ends_of_the_validity_are_inside() {
    let verifier = verifier();
    let case = Case::load("AT/2DCode/raw/1.json");
    let certificate = verifier.verify(case.prefix(), case.clock()).unwrap();
    let at = |time: Timestamp| {
        verifier.verify(case.prefix(), time).map(|_| ()).map_err(|refusal| refusal.finding.code)
    };
    let issued = certificate.issued().unwrap();
    assert_eq!(at(issued), Ok(()));
    assert_eq!(at(certificate.expires()), Ok(()));
    assert_eq!(at(issued.minus(1)), Err(Reason::NotYetValid));
    assert_eq!(at(certificate.expires().plus(1)), Err(Reason::Expired));
}

#[test]
fn the_whole_trust_list_is_usable() {
    let list = trust_list();
    assert_eq!((list.len(), list.unusable()), (52, &[][..]));
    let published: Value = serde_json::from_slice(&file("trustlist.json")).unwrap();
    for line in published["certificates"].as_array().unwrap() {
        let kid = STANDARD.decode(line["kid"].as_str().unwrap()).unwrap();
        let [signer] = list.signers(&kid).unwrap() else { panic!("one each") };
        let uses = line["extendedKeyUsage"].as_array().cloned().unwrap_or_default();
        for (kind, number) in [(Kind::Test, ".1"), (Kind::Vaccination, ".2"), (Kind::Recovery, ".3")] {
            let allowed = uses.is_empty() || uses.iter().any(|oid| oid.as_str().unwrap().ends_with(number));
            assert_eq!(signer.check_use(&[kind]).is_ok(), allowed, "{} {kind}", line["kid"]);
        }
        let dates = signer.dates().map(|(first, last)| (first.to_string(), last.to_string()));
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        assert_eq!(dates, Some((text("notBefore"), text("notAfter"))));
    }
}
