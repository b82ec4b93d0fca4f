//! The hand-written schema reader against the published schema under an engine.
//!
//! Every field of every strictly valid payload is removed, nulled, and set to values of each type. The two
//! must agree, except where `credential::dcc::schema` says that it is more lenient.

use std::collections::BTreeMap;

use credential::dcc::{Cwt, cbor, open, schema};
use serde_json::{Value, json};

use crate::corpus::{cases, file};

fn fits(certificate: &Value) -> bool {
    schema::read(certificate.clone()).is_ok()
}

/// JSON pointers of everything below `value`.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(object) => object.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    for (key, child) in children {
        let place = format!("{at}/{key}");
        places(child, &place, found);
        found.push(place);
    }
}

fn removed(certificate: &Value, place: &str) -> Value {
    let mut certificate = certificate.clone();
    let (parent, key) = place.rsplit_once('/').unwrap();
    match certificate.pointer_mut(parent).unwrap() {
        Value::Object(object) => drop(object.remove(key)),
        Value::Array(items) => drop(items.remove(key.parse().unwrap())),
        _ => panic!("{parent} has children"),
    }
    certificate
}

fn replaced(certificate: &Value, place: &str, value: &Value) -> Value {
    let mut certificate = certificate.clone();
    *certificate.pointer_mut(place).unwrap() = value.clone();
    certificate
}

#[test]
fn agrees_with_the_published_schema_but_for_the_listed_lenience() {
    let published: Value = serde_json::from_slice(&file("schema-1.3.0/DCC.combined-schema.json")).unwrap();
    let engine = jsonschema::options().should_validate_formats(true).build(&published).unwrap();
    let payloads = cases().into_iter().filter_map(|(case, _)| {
        let token = open(case.prefix()).ok()?;
        cbor::to_json(Cwt::decode(token.payload()).ok()?.into_certificate()).ok()
    });
    let strict: BTreeMap<String, Value> =
        payloads.filter(|json| engine.is_valid(json)).map(|json| (json.to_string(), json)).collect();
    assert!(strict.len() > 30, "{} payloads fit the published schema", strict.len());

    let values = [
        json!(7),
        json!(1.0),
        json!(1.5),
        json!(0),
        json!(true),
        json!(""),
        json!([]),
        json!({}),
        json!("at"),
        json!("AT"),
    ];
    let mut compared = 0;
    for certificate in strict.values() {
        assert!(fits(certificate), "what fits the published schema fits");
        let mut found = Vec::new();
        places(certificate, "", &mut found);
        for place in found {
            let without = removed(certificate, &place);
            let other_names = certificate["nam"].as_object().is_some_and(|names| names.len() > 1);
            let lenient = place == "/dob" || place == "/nam/fnt" && other_names; // lenience 4 and 5
            assert_eq!(fits(&without), engine.is_valid(&without) || lenient, "without {place}");
            let null = replaced(certificate, &place, &Value::Null);
            let is_entry = place.ends_with("/0");
            assert_eq!(fits(&null), fits(&without) && !is_entry, "lenience 1: null at {place}");
            for value in &values {
                let changed = replaced(certificate, &place, value);
                let named = matches!(place.as_str(), "/nam/fnt" | "/nam/gnt") && *value == json!("at"); // lenience 5
                let country = place.ends_with("/co") && [json!("at"), json!("")].contains(value); // lenience 8
                let lenient = named || country;
                assert_eq!(fits(&changed), engine.is_valid(&changed) || lenient, "{value} at {place}");
                compared += 1;
            }
        }
    }
    assert!(compared > 5_000, "{compared} comparisons");
}
