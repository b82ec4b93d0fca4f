//! Each flag of the corpus on its own step, with the case's own layers and its own certificate.

use std::collections::BTreeMap;

use credential::Finding;
use credential::dcc::{Cwt, Signer, Token, TrustList, ValueSets, base45, cbor, open, schema, unprefix, zlib};
use serde_json::Value;

use crate::corpus::{Case, cases, scan, trust_list, value_sets};

/// Flag, how often it is true and false in the corpus.
const FLAGS: [(&str, usize, usize); 12] = [
    ("EXPECTEDPICTUREDECODE", 81, 1),
    ("EXPECTEDUNPREFIX", 80, 3),
    ("EXPECTEDB45DECODE", 83, 1),
    ("EXPECTEDCOMPRESSION", 83, 2),
    ("EXPECTEDVERIFY", 88, 7),
    ("EXPECTEDDECODE", 87, 1),
    ("EXPECTEDVALIDJSON", 83, 0),
    ("EXPECTEDSCHEMAVALIDATION", 79, 11),
    ("EXPECTEDEXPIRATIONCHECK", 64, 5),
    ("EXPECTEDKEYUSAGE", 26, 6),
    ("EXPECTEDVALIDOBJECT", 23, 0),
    ("EXPECTEDENCODE", 11, 0),
];

/// Flag is true, a strict reader refuses: decision 0003.
const POLICY: [&str; 2] = ["SK/2DCode/raw/3.json", "HU/2DCode/raw/1.json"];

/// The JSON layer is of another person than the signed payload.
const OTHER_PERSON: [&str; 2] = ["PL/1.3.0/2DCode/raw/1.json", "PL/1.3.0/2DCode/raw/5.json"];

/// The picture is to be scanned, but there is none; its text is read instead.
const NO_PICTURE: &str = "common/2DCode/raw/B1.json";

#[test]
fn every_flag_on_its_own_step() {
    let (trust, value_sets) = (trust_list(), value_sets());
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (case, _) in cases() {
        for (flag, ..) in FLAGS {
            let Some(expected) = case.flag(flag) else { continue };
            let holds = step(flag, &case, &trust, &value_sets);
            let strict = flag == "EXPECTEDSCHEMAVALIDATION" && POLICY.contains(&case.file.as_str());
            assert_eq!(holds, expected && !strict, "{}: {flag}", case.file);
            let (yes, no) = counts.entry(flag).or_default();
            *if expected { yes } else { no } += 1;
        }
    }
    let expected = FLAGS.map(|(flag, yes, no)| (flag, (yes, no)));
    assert_eq!(counts, expected.into());
}

fn step(flag: &str, case: &Case, trust: &TrustList, value_sets: &ValueSets) -> bool {
    let compressed = || base45::decode(case.text("BASE45").unwrap());
    match flag {
        "EXPECTEDPICTUREDECODE" => match case.picture() {
            Some(picture) => scan(&picture).as_deref() == Some(case.prefix()),
            None => case.file == NO_PICTURE,
        },
        "EXPECTEDUNPREFIX" => unprefix(case.prefix()).is_ok_and(|rest| case.text("BASE45") == Some(rest)),
        // One case has no COMPRESSED layer: what its BASE45 decodes to inflates to COSE, which shows both steps.
        "EXPECTEDB45DECODE" => {
            compressed().is_ok_and(|bytes| case.bytes("COMPRESSED").is_none_or(|layer| layer == bytes))
        }
        "EXPECTEDCOMPRESSION" => {
            let bytes = case.bytes("COMPRESSED").map_or_else(compressed, Ok);
            bytes.and_then(|bytes| zlib::inflate(&bytes)).is_ok_and(|bytes| Some(bytes) == case.bytes("COSE"))
        }
        "EXPECTEDVERIFY" => {
            let signer = Signer::from_der(&case.certificate(), None).unwrap();
            token(case).is_ok_and(|token| signer.verify(&token).is_ok() && trust.look_up(&token).is_ok())
        }
        "EXPECTEDDECODE" => certificate(case).is_ok_and(|json| {
            let same = |layer: Option<Value>| layer.is_none_or(|layer| layer == json);
            same(cbor_layer(case))
                && (OTHER_PERSON.contains(&case.file.as_str()) || same(case.payload().cloned()))
        }),
        "EXPECTEDVALIDJSON" => chain(case).is_ok_and(|json| {
            let differs = case.payload().is_some_and(|layer| *layer != json);
            differs == OTHER_PERSON.contains(&case.file.as_str())
        }),
        "EXPECTEDSCHEMAVALIDATION" => {
            let json = cbor_layer(case).map_or_else(|| certificate(case), Ok);
            json.and_then(schema::read).and_then(|payload| value_sets.check(&payload)).is_ok()
        }
        "EXPECTEDEXPIRATIONCHECK" => cwt(case).and_then(|cwt| cwt.check_time(case.clock())).is_ok(),
        "EXPECTEDKEYUSAGE" => {
            let signer = Signer::from_der(&case.certificate(), None).unwrap();
            certificate(case).and_then(|json| signer.check_use(&schema::kinds(&json))).is_ok()
        }
        "EXPECTEDVALIDOBJECT" => schema::read(case.payload().unwrap().clone()).is_ok(),
        "EXPECTEDENCODE" => {
            let mut bytes = Vec::new();
            ciborium::into_writer(case.payload().unwrap(), &mut bytes).unwrap();
            let encoded = cbor::decode(&bytes, "the JSON layer").and_then(cbor::to_json).unwrap();
            cbor_layer(case) == Some(encoded)
        }
        _ => panic!("{flag} has no step"),
    }
}

/// The token of the COSE layer, or of PREFIX where there is none.
fn token(case: &Case) -> Result<Token, Finding> {
    case.bytes("COSE").map_or_else(|| open(case.prefix()), |bytes| Token::decode(&bytes))
}

fn cwt(case: &Case) -> Result<Cwt, Finding> {
    Cwt::decode(token(case)?.payload())
}

fn certificate(case: &Case) -> Result<Value, Finding> {
    cbor::to_json(cwt(case)?.into_certificate())
}

/// The CBOR layer: the certificate, or in BG, DE, SG and UA the claims around it.
fn cbor_layer(case: &Case) -> Option<Value> {
    let bytes = case.bytes("CBOR")?;
    let certificate =
        Cwt::decode(&bytes).map(Cwt::into_certificate).or_else(|_| cbor::decode(&bytes, "the CBOR layer"));
    Some(cbor::to_json(certificate.unwrap()).unwrap())
}

/// From the picture, or else from the text, to JSON.
fn chain(case: &Case) -> Result<Value, Finding> {
    let text = case.picture().map_or_else(|| case.prefix().to_owned(), |picture| scan(&picture).unwrap());
    let token = open(&text)?;
    cbor::to_json(Cwt::decode(token.payload())?.into_certificate())
}
