//! The W3C DID document of a record.

use serde_json::{Value, json};

use crate::{DidRecord, Purposes};

/// The DID document (DID Core 1.0, Multikey) that a record stands for.
///
/// The control key appears under `capabilityInvocation` only: it invokes the ledger, it signs no
/// credential. A deactivated record gives a document without keys.
pub fn document(record: &DidRecord) -> Value {
    let did = record.did.to_string();
    // The identifier's text is made once: base58 costs more than all the rest.
    let url = |fragment: &str| format!("{did}#{fragment}");
    let method = |fragment: &str, key: &crate::PublicKey| {
        json!({"id": url(fragment), "type": "Multikey", "controller": did,
               "publicKeyMultibase": key.to_multibase()})
    };
    let active = record.deactivated.is_none();
    let mut methods = Vec::new();
    if active {
        methods.push(method("control", &record.control));
        methods.extend(record.current_keys().map(|key| method(&key.fragment, &key.key)));
    }
    let with = |purpose: Purposes| -> Vec<Value> {
        let keys = record.current_keys().filter(|key| key.purposes.allows(purpose));
        keys.map(|key| url(&key.fragment).into()).collect()
    };
    let invocation = if active { vec![url("control")] } else { Vec::new() };
    let services: Vec<Value> = record
        .services
        .iter()
        .filter(|_| active)
        .map(|service| {
            json!({"id": url(&service.fragment), "type": service.kind,
                   "serviceEndpoint": service.endpoint})
        })
        .collect();
    json!({
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
        "id": did,
        "verificationMethod": methods,
        "assertionMethod": with(Purposes::ASSERTION),
        "authentication": with(Purposes::AUTHENTICATION),
        "capabilityInvocation": invocation,
        "service": services,
    })
}
