//! An agency's own OpenAPI document, held against what it takes and gives.

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow, bail, ensure};
use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::Answer;

/// By media type, what a body of it must be.
type Bodies = BTreeMap<String, Validator>;

/// What a document says of one address under one method.
struct Call {
    method: String,
    /// Segments; those in braces stand for any.
    path: Vec<String>,
    takes: Bodies,
    /// By status, or `default`.
    gives: BTreeMap<String, Bodies>,
}

/// What a document promises.
pub(super) struct Contract {
    calls: Vec<Call>,
    problem: Validator,
}

impl Contract {
    /// Reads a document.
    ///
    /// # Errors
    /// If it is no OpenAPI document, or has an example that is none of its schema.
    pub(super) fn read(document: &Value) -> anyhow::Result<Self> {
        let components = document.get("components").context("a document has components")?;
        let rule = |schema: &Value| -> anyhow::Result<Validator> {
            let whole = json!({"allOf": [schema], "components": components});
            jsonschema::draft202012::new(&whole).map_err(|error| anyhow!("{schema}: {error}"))
        };
        for (name, schema) in members(components.pointer("/schemas"))? {
            for example in schema.get("examples").and_then(Value::as_array).into_iter().flatten() {
                check(&rule(schema)?, example).with_context(|| format!("the example of {name}"))?;
            }
        }
        let bodies = |place: Option<&Value>| -> anyhow::Result<Bodies> {
            let Some(content) = place.and_then(|place| place.get("content")) else {
                return Ok(Bodies::new());
            };
            let rules = members(Some(content))?.iter().map(|(media, body)| {
                let schema = body.get("schema").with_context(|| format!("{media} has a schema"))?;
                Ok((media.clone(), rule(schema)?))
            });
            rules.collect()
        };
        let mut calls = Vec::new();
        for (path, item) in members(document.get("paths"))? {
            for (method, call) in members(Some(item))? {
                let gives = members(call.get("responses"))?.iter();
                let gives = gives.map(|(status, answer)| Ok((status.clone(), bodies(Some(answer))?)));
                calls.push(Call {
                    method: method.to_uppercase(),
                    path: path.split('/').map(str::to_owned).collect(),
                    takes: bodies(call.get("requestBody"))?,
                    gives: gives.collect::<anyhow::Result<_>>()?,
                });
            }
        }
        Ok(Self { calls, problem: rule(&json!({"$ref": "#/components/schemas/Problem"}))? })
    }

    /// Checks that an answer is one of those that the document promises, and that a body which was accepted is one
    /// of those that it asks for.
    ///
    /// # Errors
    /// What is not as documented.
    pub(super) fn check(
        &self,
        (method, address): (&Method, &str),
        body: Option<(&str, &[u8])>,
        answer: &Answer,
    ) -> anyhow::Result<()> {
        let path: Vec<&str> = address.split('?').next().unwrap_or_default().split('/').collect();
        let here: Vec<&Call> = self.calls.iter().filter(|call| call.is_at(&path)).collect();
        let Some(call) = here.iter().find(|call| call.method == method.as_str()) else {
            let status = if here.is_empty() { 404 } else { 405 };
            ensure!(answer.status == status, "nothing is documented here, and there is {answer:?}");
            return check(&self.problem, &answer.json());
        };
        let given = call.gives.get(&answer.status.to_string()).or_else(|| call.gives.get("default"));
        given
            .context("this status is not documented")
            .and_then(|given| validate(given, &answer.kind, &answer.bytes))?;
        match body {
            Some((kind, bytes)) if answer.status < 300 => {
                validate(&call.takes, kind, bytes).context("it was accepted, and is not as documented")
            }
            _ => Ok(()),
        }
    }
}

impl Call {
    fn is_at(&self, path: &[&str]) -> bool {
        let same = |own: &String, other: &&str| own.starts_with('{') || own == other;
        self.path.len() == path.len() && self.path.iter().zip(path).all(|(own, other)| same(own, other))
    }
}

fn members(value: Option<&Value>) -> anyhow::Result<&Map<String, Value>> {
    value.and_then(Value::as_object).context("the document has the members of an OpenAPI document")
}

/// Bytes are only known by their media type; JSON and text are looked at.
fn validate(bodies: &Bodies, kind: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let rule = bodies.get(kind).with_context(|| format!("{kind:?} is not documented"))?;
    if kind.ends_with("json") {
        check(rule, &serde_json::from_slice(bytes)?)
    } else if kind == "application/octet-stream" {
        Ok(())
    } else {
        check(rule, &Value::String(String::from_utf8(bytes.to_vec())?))
    }
}

fn check(rule: &Validator, value: &Value) -> anyhow::Result<()> {
    let faults: Vec<String> =
        rule.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path)).collect();
    if faults.is_empty() { Ok(()) } else { bail!("not as documented: {}", faults.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract() -> Contract {
        let text = json!({"application/json": {"schema": {"$ref": "#/components/schemas/Word"}}});
        let problem =
            json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}});
        let document = json!({
            "paths": {"/v1/words/{id}": {"post": {
                "requestBody": {"content": text},
                "responses": {"200": {"content": text}, "default": {"content": problem}},
            }}},
            "components": {"schemas": {
                "Word": {
                    "type": "object", "required": ["word"], "properties": {"word": {"type": "string"}},
                    "additionalProperties": false, "examples": [{"word": "olá"}],
                },
                "Problem": {"type": "object", "required": ["code"]},
            }},
        });
        Contract::read(&document).unwrap()
    }

    #[test]
    fn what_is_not_as_documented_is_noticed() {
        let contract = contract();
        let answer = |status, kind: &str, body: &str| Answer {
            status,
            kind: kind.to_owned(),
            bytes: body.as_bytes().to_vec(),
        };
        let (json, good) = ("application/json", r#"{"word": "olá"}"#);
        let ask = |method: Method, path: &str, body: &str, answer: Answer| {
            contract.check((&method, path), Some((json, body.as_bytes())), &answer).is_ok()
        };
        let post = |body: &str, answer: Answer| ask(Method::POST, "/v1/words/7?wait=1", body, answer);
        let problem = |status| answer(status, "application/problem+json", r#"{"code": "NOT_FOUND"}"#);
        assert!(post(good, answer(200, json, good)));
        assert!(post(good, answer(200, "application/json; charset=utf-8", good)));
        assert!(post("[", problem(400)), "what was refused may look as it likes");
        for (body, given) in [
            (good, answer(200, json, "{}")),
            (good, answer(200, json, r#"{"word": "olá", "more": 1}"#)),
            (good, answer(200, "text/plain", good)),
            (good, answer(404, json, good)),
            (good, answer(404, "application/problem+json", "{}")),
            ("{}", answer(200, json, good)),
            (r#"{"word": 1}"#, answer(200, json, good)),
        ] {
            assert!(!post(body, given.clone()), "{body} {given:?}");
        }
        assert!(ask(Method::POST, "/v1/words", good, problem(404)));
        assert!(!ask(Method::POST, "/v1/words", good, answer(200, json, good)), "nobody documented this");
        assert!(ask(Method::GET, "/v1/words/7", good, problem(405)));
        assert!(!ask(Method::GET, "/v1/words/7", good, problem(404)));
    }
}
