//! The document as a document; whether it speaks the truth, `examples/tests/gateway_api.rs` shows.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::operator::Role;

fn document() -> Value {
    serde_json::from_str(&TEXT).unwrap()
}

/// Every call: method, path, and what is said of it.
fn calls(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let items = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(|(method, call)| (method.clone(), path.clone(), call.clone()))
    });
    items.collect()
}

/// Everything in a value that is an object.
fn objects<'v>(value: &'v Value, found: &mut Vec<&'v serde_json::Map<String, Value>>) {
    match value {
        Value::Object(object) => {
            found.push(object);
            object.values().for_each(|value| objects(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| objects(value, found)),
        _ => {}
    }
}

fn described(value: &Value) -> bool {
    value["description"].as_str().is_some_and(|text| !text.is_empty() && !text.contains("[`"))
}

#[test]
fn every_reference_leads_to_a_schema_and_every_schema_is_led_to() {
    let document = document();
    let mut found = Vec::new();
    objects(&document, &mut found);
    let references: BTreeSet<&str> = found.iter().filter_map(|object| object.get("$ref")?.as_str()).collect();
    let schemas: BTreeSet<String> = document["components"]["schemas"]
        .as_object()
        .unwrap()
        .keys()
        .map(|name| format!("#/components/schemas/{name}"))
        .collect();
    assert_eq!(references, schemas.iter().map(String::as_str).collect());
}

#[test]
fn every_call_says_what_it_takes_and_what_it_gives() {
    let document = document();
    let tags: BTreeSet<&str> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut names = BTreeSet::new();
    let calls = calls(&document);
    assert_eq!(calls.len(), 25);
    for (method, path, call) in calls {
        let call_name = format!("{method} {path}");
        assert!(names.insert(call["operationId"].as_str().unwrap().to_owned()), "{call_name}");
        assert!(!call["summary"].as_str().unwrap().is_empty(), "{call_name}");
        assert!(tags.contains(call["tags"][0].as_str().unwrap()), "{call_name}");
        // Only a call that asks for nothing more than to be made has no body.
        let bare = method == "get" || path == "/v1/trust/refresh";
        let contents = |value: &Value| -> Vec<Value> {
            value["content"].as_object().map(|map| map.values().cloned().collect()).unwrap_or_default()
        };
        let taken = contents(&call["requestBody"]);
        assert_eq!(
            (taken.len(), call["requestBody"]["required"].as_bool()),
            if bare { (0, None) } else { (1, Some(true)) }
        );
        let answers = call["responses"].as_object().unwrap();
        assert!(answers.keys().any(|status| status.starts_with('2')), "{call_name}");
        for answer in answers.values() {
            assert!(described(answer), "{call_name}");
            assert_eq!(contents(answer).len(), 1, "{call_name}");
        }
        for content in answers.values().flat_map(contents).chain(taken) {
            assert!(content["schema"].is_object(), "{call_name}");
        }
        let problem = &answers["default"]["content"][PROBLEM_JSON]["schema"]["$ref"];
        assert_eq!(problem, "#/components/schemas/Problem", "{call_name}");
    }
}

#[test]
fn every_parameter_is_there_and_described() {
    for (method, path, call) in calls(&document()) {
        let parameters = call["parameters"].as_array().cloned().unwrap_or_default();
        let in_path: BTreeSet<&str> = path.split(['{', '}']).skip(1).step_by(2).collect();
        let named = parameters.iter().filter(|it| it["in"] == "path").map(|it| it["name"].as_str().unwrap());
        assert_eq!(named.collect::<BTreeSet<_>>(), in_path, "{method} {path}");
        for parameter in &parameters {
            assert!(described(parameter) && parameter["schema"].is_object(), "{method} {path}: {parameter}");
        }
    }
}

#[test]
fn every_schema_is_described_and_refuses_members_that_its_reader_refuses() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas {
        assert!(described(schema), "{name}");
        if name.ends_with("Request") {
            assert_eq!(schema["additionalProperties"], false, "{name}");
        }
    }
    let codes = &schemas["Problem"]["properties"]["code"]["enum"];
    assert_eq!(codes.as_array().unwrap().len(), crate::problem::codes().collect::<BTreeSet<_>>().len());
}

#[test]
fn a_call_that_needs_an_operator_names_the_scheme_and_one_role() {
    let document = document();
    assert_eq!(document["components"]["securitySchemes"]["operator"]["scheme"], "bearer");
    let roles = [Role::Issue, Role::Verify, Role::Admin, Role::Audit].map(Role::name);
    let mut guarded = 0;
    for (method, path, call) in calls(&document) {
        let Some(security) = call.get("security") else { continue };
        guarded += 1;
        let needed = security[0]["operator"][0].as_str().unwrap();
        assert!(roles.contains(&needed), "{method} {path}");
        assert_eq!(security, &serde_json::json!([{"operator": [needed]}]), "{method} {path}");
    }
    assert_eq!(guarded, 12);
}
