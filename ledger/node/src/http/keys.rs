//! How a record is named in an address.

use did_registry::canonical::{decode, encode};
use did_registry::{CredentialType, RegistryError};
use ledger_chain::StateKey;

use super::{base64url, from_base64url};

/// Bytes of the longest key.
const KEY_BYTES: usize = 4096;

/// A key from `namespace` and the rest of the path, whose parts are divided by `/`.
///
/// ```text
/// committee · circuit-keys · did/{did} · actor/{did} · ballot/{id} · schema/{id} · policy/{id}
/// issuer/{type}/{did} · schema-latest/{did}/{type} · policy-latest/{did}/{name}
/// status/{did}/{list} · anchor/{did}/{root} · receipt/{did}/{root} · dismissal/{did}
/// signature/{did}/{root}/{signer} · revocation/{did} · issuer-set/{type} · issuers-of/{type} · types-of/{did}
/// ```
pub(super) fn from_path(namespace: &str, rest: &str) -> Result<StateKey, RegistryError> {
    let rule = || RegistryError::Malformed(format!("a record is not named like this in {namespace}"));
    let pair = || rest.split_once('/').ok_or_else(rule);
    let digits = |text: &str| text.parse().map_err(|_| rule());
    Ok(match namespace {
        "committee" if rest.is_empty() => StateKey::Committee,
        "circuit-keys" if rest.is_empty() => StateKey::CircuitKeys,
        "did" => StateKey::Did(rest.parse()?),
        "actor" => StateKey::Actor(rest.parse()?),
        "dismissal" => StateKey::Dismissal(rest.parse()?),
        "ballot" => StateKey::Ballot(rest.parse()?),
        "revocation" => StateKey::Revocation(rest.parse()?),
        "types-of" => StateKey::TypesOf(rest.parse()?),
        "issuer-set" => StateKey::IssuerSet(CredentialType::new(rest)?),
        "issuers-of" => StateKey::IssuersOf(CredentialType::new(rest)?),
        "schema" => StateKey::Schema(rest.parse()?),
        "policy" => StateKey::Policy(rest.parse()?),
        "issuer" => {
            let (kind, did) = pair()?;
            StateKey::Issuer(CredentialType::new(kind)?, did.parse()?)
        }
        "schema-latest" => {
            let (did, kind) = pair()?;
            StateKey::SchemaLatest(did.parse()?, CredentialType::new(kind)?)
        }
        "policy-latest" => {
            let (did, name) = pair()?;
            StateKey::PolicyLatest(did.parse()?, name.to_owned())
        }
        "status" => {
            let (did, list) = pair()?;
            StateKey::Status(did.parse()?, digits(list)?)
        }
        "anchor" => {
            let (did, root) = pair()?;
            StateKey::Anchor(did.parse()?, root.parse()?)
        }
        "receipt" => {
            let (did, root) = pair()?;
            StateKey::Receipt(did.parse()?, root.parse()?)
        }
        "signature" => {
            let (did, rest) = pair()?;
            let (root, signer) = rest.split_once('/').ok_or_else(rule)?;
            StateKey::Signature(did.parse()?, root.parse()?, signer.parse()?)
        }
        _ => return Err(rule()),
    })
}

/// A key from base64url of its canonical bytes.
pub(crate) fn from_text(text: &str) -> Result<StateKey, RegistryError> {
    let rule = || RegistryError::Malformed("a key is base64url of its canonical bytes".into());
    decode(&from_base64url(text, KEY_BYTES).ok_or_else(rule)?, KEY_BYTES)
}

/// What [`from_text`] reads.
pub(crate) fn to_text(key: &StateKey) -> String {
    base64url(&encode(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_namespace_has_an_address_and_no_other_passes() {
        let did = "did:causeway:demo:4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi";
        let digest = "0".repeat(64);
        for (namespace, rest) in [
            ("committee", String::new()),
            ("did", did.to_owned()),
            ("actor", did.to_owned()),
            ("dismissal", did.to_owned()),
            ("ballot", digest.clone()),
            ("schema", digest.clone()),
            ("policy", digest.clone()),
            ("issuer", format!("HealthCertificate/{did}")),
            ("schema-latest", format!("{did}/HealthCertificate")),
            ("policy-latest", format!("{did}/entry/by land")),
            ("status", format!("{did}/7")),
            ("anchor", format!("{did}/{digest}")),
            ("receipt", format!("{did}/{digest}")),
            ("signature", format!("{did}/{digest}/{did}")),
            ("revocation", did.to_owned()),
            ("types-of", did.to_owned()),
            ("issuer-set", "HealthCertificate".to_owned()),
            ("issuers-of", "HealthCertificate".to_owned()),
        ] {
            let key = from_path(namespace, &rest).unwrap();
            assert_eq!(key.namespace(), namespace);
            assert_eq!(from_text(&to_text(&key)).unwrap(), key);
            assert!(from_path(namespace, "").is_err() || namespace == "committee", "{namespace}");
            assert!(from_path(namespace, &format!("{rest}/x")).is_err() || namespace == "policy-latest");
        }
        assert!(from_path("nothing", "").is_err());
        assert!(from_text("****").is_err());
        assert!(from_text(&"A".repeat(10_000)).is_err());
    }
}
