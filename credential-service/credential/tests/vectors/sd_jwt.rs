//! The six cases of sd-jwt-python, and the mutations that must be refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use credential::sd_jwt::{Binding, Expected, SdJwt, SdJwtError, SdJwtText, VerifiedSdJwt, present};
use did_registry::{Digest, PublicKey, SigningKey, Suite};
use serde_json::Value;

use super::{json, seconds, text};

const TYPE: &str = "example+sd-jwt";
const CASES: [&str; 6] = [
    "key_binding",
    "recursions",
    "object_data_types",
    "array_of_scalars",
    "json_serialization_flattened",
    "no_sd",
];

/// What the settings file gives, and how its verifier checks.
struct Settings(Value);

impl Settings {
    fn load() -> Self {
        Self(json("sd-jwt/settings.json"))
    }

    fn issuer(&self) -> PublicKey {
        self.public("issuer_key")
    }

    fn public(&self, name: &str) -> PublicKey {
        let mut jwk = self.0[name].clone();
        jwk.as_object_mut().unwrap().remove("d");
        PublicKey::from_jwk(&jwk).unwrap()
    }

    fn private(&self, name: &str) -> SigningKey {
        let secret = URL_SAFE_NO_PAD.decode(self.0[name]["d"].as_str().unwrap()).unwrap();
        SigningKey::from_bytes(Suite::P256, &secret.try_into().unwrap()).unwrap()
    }

    /// Key binding as it was made for `case`, if it was.
    fn expected(&self, case: &str) -> Expected<'_> {
        let bound = matches!(case, "key_binding" | "json_serialization_flattened");
        let made = if bound {
            seconds(&json(&format!("sd-jwt/{case}/kb_jwt_payload.json"))["iat"])
        } else {
            seconds(&self.0["iat"])
        };
        let binding = Binding {
            audience: self.0["identifiers"]["verifier"].as_str().unwrap(),
            nonce: self.0["key_binding_nonce"].as_str().unwrap(),
            max_age: 60,
        };
        Expected { typ: TYPE, now: made.plus(30), leeway: 0, binding: bound.then_some(binding) }
    }

    fn verify(&self, case: &str, text: &str) -> Result<VerifiedSdJwt, SdJwtError> {
        let parsed = if text.starts_with('{') { SdJwtText::parse_json(text) } else { SdJwtText::parse(text) };
        parsed?.verify(&self.issuer(), &self.expected(case))
    }
}

fn presentation(case: &str) -> String {
    let ending = if case == "json_serialization_flattened" { "json" } else { "txt" };
    text(&format!("sd-jwt/{case}/sd_jwt_presentation.{ending}")).trim().to_owned()
}

#[test]
fn every_presentation_gives_exactly_the_published_contents() {
    let settings = Settings::load();
    for case in CASES {
        let verified =
            settings.verify(case, &presentation(case)).unwrap_or_else(|error| panic!("{case}: {error}"));
        let contents = json(&format!("sd-jwt/{case}/verified_contents.json"));
        assert_eq!(Value::Object(verified.into_payload()), contents, "{case}");
    }
}

#[test]
fn every_issuance_gives_back_what_the_issuer_put_in() {
    let settings = Settings::load();
    for case in CASES {
        let ending = if case == "json_serialization_flattened" { "json" } else { "txt" };
        let whole = text(&format!("sd-jwt/{case}/sd_jwt_issuance.{ending}"));
        let parsed =
            if ending == "json" { SdJwtText::parse_json(&whole) } else { SdJwtText::parse(whole.trim()) };
        let authentic = parsed.unwrap().verify_issuer(&settings.issuer(), TYPE).unwrap();
        for (name, value) in json(&format!("sd-jwt/{case}/user_claims.json")).as_object().unwrap() {
            assert_eq!(authentic.payload().get(name), Some(value), "{case}: {name}");
        }
        let signed_payload = json(&format!("sd-jwt/{case}/sd_jwt_payload.json"));
        assert_eq!(authentic.payload().get("iss"), signed_payload.get("iss"), "{case}");
    }
}

#[test]
fn our_holder_makes_the_published_choice_again() {
    let settings = Settings::load();
    let credential = SdJwt::restore(text("sd-jwt/key_binding/sd_jwt_issuance.txt").trim()).unwrap();
    let expected = settings.expected("key_binding");
    let binding = expected.binding.unwrap();
    let names = ["given_name", "family_name", "address"].into_iter().collect();
    let shown = present(
        &credential,
        &names,
        &settings.private("holder_key"),
        binding.audience,
        binding.nonce,
        expected.now,
    )
    .unwrap();
    let verified = settings.verify("key_binding", &shown).unwrap();
    assert_eq!(Value::Object(verified.into_payload()), json("sd-jwt/key_binding/verified_contents.json"));
}

#[test]
fn the_wrong_issuer_key_or_type_is_refused() {
    let settings = Settings::load();
    for case in CASES {
        let text = presentation(case);
        let read = || {
            if text.starts_with('{') { SdJwtText::parse_json(&text) } else { SdJwtText::parse(&text) }
                .unwrap()
        };
        assert!(read().verify(&settings.public("holder_key"), &settings.expected(case)).is_err(), "{case}");
        let production = Expected { typ: "dc+sd-jwt", ..settings.expected(case) };
        assert!(read().verify(&settings.issuer(), &production).is_err(), "{case}");
    }
}

#[test]
fn a_cut_last_tilde_is_refused() {
    let settings = Settings::load();
    for case in ["recursions", "object_data_types", "array_of_scalars", "no_sd"] {
        let text = presentation(case);
        let cut = text.strip_suffix('~').unwrap();
        assert!(settings.verify(case, cut).is_err(), "{case}");
    }
    let text = presentation("key_binding");
    let (front, binding) = text.rsplit_once('~').unwrap();
    assert!(settings.verify("key_binding", &format!("{front}{binding}")).is_err());
    assert_eq!(settings.verify("key_binding", &format!("{text}~")).unwrap_err(), SdJwtError::Disclosure);
}

#[test]
fn unused_and_repeated_disclosures_are_refused() {
    let settings = Settings::load();
    let stranger = URL_SAFE_NO_PAD.encode(r#"["2GLC42sKQveCfGfryNRN9w", "role", "admin"]"#);
    for case in ["recursions", "object_data_types", "array_of_scalars", "no_sd"] {
        let text = presentation(case);
        let added = format!("{text}{stranger}~");
        assert_eq!(settings.verify(case, &added).unwrap_err(), SdJwtError::Unused, "{case}");
        if let Some(first) = text.split('~').nth(1).filter(|part| !part.is_empty()) {
            let repeated = format!("{text}{first}~");
            assert_eq!(settings.verify(case, &repeated).unwrap_err(), SdJwtError::Repeated, "{case}");
        }
    }
}

/// What only the issuer could do wrong, signed with the issuer's test key.
#[test]
fn reserved_names_and_repeated_digests_are_refused_under_a_good_signature() {
    let settings = Settings::load();
    let sign = |digests: Vec<String>, disclosures: &[&str]| {
        let mut payload = json("sd-jwt/no_sd/sd_jwt_payload.json");
        payload["_sd"] = digests.into();
        let header = serde_json::json!({"typ": TYPE}).as_object().unwrap().clone();
        let token =
            credential::jws::sign(header, payload.to_string().as_bytes(), &settings.private("issuer_key"));
        let shown: String = disclosures.iter().map(|one| format!("{one}~")).collect();
        settings.verify("no_sd", &format!("{token}~{shown}")).map(drop)
    };
    let disclosure =
        |name: &str| URL_SAFE_NO_PAD.encode(format!(r#"["2GLC42sKQveCfGfryNRN9w", "{name}", []]"#));
    let digest = |text: &str| URL_SAFE_NO_PAD.encode(Digest::sha256(text.as_bytes()).as_bytes());
    let role = disclosure("role");
    assert_eq!(sign(vec![digest(&role)], &[&role]), Ok(()));
    assert_eq!(sign(vec![digest(&role), digest(&role)], &[&role]), Err(SdJwtError::Repeated));
    assert_eq!(sign(vec![digest(&role)], &[&role, &role]), Err(SdJwtError::Repeated));
    for name in ["_sd", "..."] {
        let reserved = disclosure(name);
        assert_eq!(sign(vec![digest(&reserved)], &[&reserved]), Err(SdJwtError::ReservedName), "{name}");
    }
    let clash = disclosure("test2");
    assert_eq!(sign(vec![digest(&clash)], &[&clash]), Err(SdJwtError::NameClash("test2".into())));
}

#[test]
fn a_lost_outer_disclosure_leaves_its_inner_ones_unused() {
    let settings = Settings::load();
    let text = presentation("recursions");
    let parts: Vec<&str> = text.split('~').collect();
    let mut refused = 0;
    for lost in 1..parts.len() - 1 {
        let mut rest = parts.clone();
        let disclosure = String::from_utf8(URL_SAFE_NO_PAD.decode(rest.remove(lost)).unwrap()).unwrap();
        let result = settings.verify("recursions", &rest.join("~"));
        if disclosure.contains("...") || disclosure.contains("_sd") {
            assert_eq!(result.unwrap_err(), SdJwtError::Unused);
            refused += 1;
        } else {
            assert!(result.is_ok());
        }
    }
    assert_eq!(refused, 5);
}

#[test]
fn the_key_binding_must_be_there_fresh_and_for_us() {
    let settings = Settings::load();
    for case in ["key_binding", "json_serialization_flattened"] {
        let text = presentation(case);
        let read = || {
            if text.starts_with('{') { SdJwtText::parse_json(&text) } else { SdJwtText::parse(&text) }
                .unwrap()
        };
        let expected = settings.expected(case);
        let binding = expected.binding.unwrap();
        let check = |expected: Expected<'_>| read().verify(&settings.issuer(), &expected).map(drop);
        let with = |binding| Expected { binding: Some(binding), ..expected };
        assert_eq!(check(expected), Ok(()), "{case}");
        assert_eq!(check(with(Binding { nonce: "1234567891", ..binding })), Err(SdJwtError::Nonce));
        assert_eq!(
            check(with(Binding { audience: "https://example.org", ..binding })),
            Err(SdJwtError::Audience)
        );
        assert_eq!(check(Expected { now: expected.now.plus(31), ..expected }), Err(SdJwtError::BindingOld));
        assert_eq!(
            check(Expected { now: expected.now.minus(31), ..expected }),
            Err(SdJwtError::BindingEarly)
        );
        assert_eq!(
            check(Expected { now: seconds(&settings.0["exp"]), ..expected }),
            Err(SdJwtError::Expired)
        );
        let early = seconds(&settings.0["iat"]).minus(1);
        assert_eq!(check(Expected { now: early, ..expected }), Err(SdJwtError::NotYetValid));
    }
    let text = presentation("key_binding");
    let (front, binding) = text.rsplit_once('~').unwrap();
    assert_eq!(settings.verify("key_binding", &format!("{front}~")).unwrap_err(), SdJwtError::NoKeyBinding);
    let whole = crate::text("sd-jwt/key_binding/sd_jwt_issuance.txt");
    let moved = format!("{}{binding}", whole.trim());
    assert_eq!(settings.verify("key_binding", &moved).unwrap_err(), SdJwtError::BindingHash);
}
