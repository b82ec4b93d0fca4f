//! The two JSON forms (RFC 9901 §8).

use super::*;

#[test]
fn the_flattened_form_reads_the_same_and_lacks_nothing() {
    let parties = Parties::new(Suite::P256);
    let text = parties.present(&["result", "address"]);
    let (front, binding) = text.rsplit_once('~').unwrap();
    let mut parts = front.split('~');
    let token: Vec<&str> = parts.next().unwrap().split('.').collect();
    let disclosures: Vec<&str> = parts.collect();
    let flat = json!({"protected": token[0], "payload": token[1], "signature": token[2],
                      "header": {"disclosures": disclosures, "kb_jwt": binding}});
    let read = |flat: &Value| {
        SdJwtText::parse_json(&flat.to_string())?.verify(&parties.issuer.public_key(), &expected())
    };
    assert_eq!(read(&flat).unwrap().payload(), parties.verify(&text).unwrap().payload());
    for pointer in [
        "/protected",
        "/payload",
        "/signature",
        "/header",
        "/header/disclosures",
        "/header/disclosures/0",
        "/header/kb_jwt",
    ] {
        let mut broken = flat.clone();
        *broken.pointer_mut(pointer).unwrap() = json!(1);
        assert_eq!(read(&broken).unwrap_err(), SdJwtError::JsonForm, "{pointer}");
    }
    for name in ["protected", "payload", "signature"] {
        let mut broken = flat.clone();
        broken.as_object_mut().unwrap().remove(name);
        assert_eq!(read(&broken).unwrap_err(), SdJwtError::JsonForm, "{name}");
    }
    // Parts that smuggle a divider change nothing but the error.
    let mut smuggled = flat.clone();
    smuggled["payload"] = format!("{}.{}", token[1], token[1]).into();
    assert_eq!(read(&smuggled).unwrap_err(), SdJwtError::Token(JwsError::NotCompact));
    let mut joined = flat;
    joined["header"]["disclosures"] = json!([disclosures.join("~")]);
    assert_eq!(read(&joined).unwrap_err(), SdJwtError::Disclosure);
}

/// §8.1: the unprotected header and its disclosures are optional.
#[test]
fn a_flattened_form_without_disclosures_shows_what_is_clear() {
    let parties = Parties::new(Suite::P256);
    let token = parties.issue().signed_part().to_owned();
    let parts: Vec<&str> = token.split('.').collect();
    let flat = json!({"protected": parts[0], "payload": parts[1], "signature": parts[2]});
    let read = |header: Option<Value>| {
        let mut flat = flat.clone();
        flat.as_object_mut().unwrap().extend(header.map(|header| ("header".to_owned(), header)));
        SdJwtText::parse_json(&flat.to_string())?.verify_issuer(&parties.issuer.public_key(), TYPE)
    };
    for header in [None, Some(json!({})), Some(json!({"disclosures": []})), Some(json!({"x5c": ["unread"]}))]
    {
        assert_eq!(Value::Object(read(header).unwrap().claims()), json!({"schema": "s1"}));
    }
    for header in [
        json!(null),
        json!([]),
        json!({"disclosures": {}}),
        json!({"disclosures": null}),
        json!({"kb_jwt": null}),
    ] {
        assert_eq!(read(Some(header)).unwrap_err(), SdJwtError::JsonForm);
    }
    // Nothing that the issuer did not protect takes the place of what it did.
    for name in ["typ", "alg", "kid", "crit", "b64"] {
        assert_eq!(read(Some(json!({name: "x"}))).unwrap_err(), SdJwtError::JsonForm, "{name}");
    }
}

/// One credential of two issuers: what each signs, and the disclosures of both.
struct General {
    parties: Parties,
    other: SigningKey,
    payload: String,
    signatures: [Value; 2],
    disclosures: Vec<String>,
}

impl General {
    /// The issuer's signature is the second.
    fn new() -> Self {
        let parties = Parties::new(Suite::P256);
        let other = SigningKey::generate(Suite::Ed25519, &mut ChaCha20Rng::seed_from_u64(77));
        let compact = parties.present(&["result", "address"]);
        let (front, _) = compact.rsplit_once('~').unwrap();
        let mut parts = front.split('~');
        let payload = parts.next().unwrap().split('.').nth(1).unwrap().to_owned();
        let signatures = [(&other, "other"), (&parties.issuer, "issuer")].map(|(key, kid)| {
            let header = json!({"alg": key.suite().jose(), "typ": TYPE});
            let protected = base64url(header.to_string().as_bytes());
            let signature = key.sign(format!("{protected}.{payload}").as_bytes());
            json!({"protected": protected, "signature": base64url(signature.as_bytes()), "header": {"kid": kid}})
        });
        let disclosures = parts.map(str::to_owned).collect();
        Self { parties, other, payload, signatures, disclosures }
    }

    /// A signature as a compact token.
    fn token(&self, index: usize) -> String {
        let part = |name: &str| self.signatures[index][name].as_str().unwrap();
        format!("{}.{}.{}", part("protected"), self.payload, part("signature"))
    }

    /// The holder's token over the compact form with this signature.
    fn binding(&self, index: usize) -> String {
        let shown: String = self.disclosures.iter().map(|one| format!("{one}~")).collect();
        let hash = digest(format!("{}~{shown}", self.token(index)).as_bytes());
        let claims = json!({"aud": AUDIENCE, "nonce": NONCE, "iat": at(100).seconds(), "sd_hash": hash});
        sign(object(json!({"typ": KEY_BINDING_TYPE})), claims.to_string().as_bytes(), &self.parties.holder)
    }

    /// The whole, with disclosures and key binding in the first header.
    fn form(&self) -> Value {
        let mut form = json!({"payload": self.payload, "signatures": self.signatures});
        form["signatures"][0]["header"]["disclosures"] = json!(self.disclosures);
        form["signatures"][0]["header"]["kb_jwt"] = json!(self.binding(0));
        form
    }

    fn verify(&self, form: &Value, key: &PublicKey) -> Result<VerifiedSdJwt, SdJwtError> {
        SdJwtText::parse_json(&form.to_string())?.verify(key, &expected())
    }
}

#[test]
fn one_signature_of_the_general_form_under_the_trusted_key_is_enough() {
    let general = General::new();
    let form = general.form();
    let claims = json!({"result": "negative", "address": Parties::claims()["address"], "schema": "s1"});
    for (index, key) in [general.other.public_key(), general.parties.issuer.public_key()].iter().enumerate() {
        let verified = general.verify(&form, key).unwrap();
        assert_eq!(Value::Object(verified.claims()), claims);
        assert_eq!(verified.signed_part(), general.token(index));
    }
    assert_eq!(SdJwtText::parse_json(&form.to_string()).unwrap().unverified_key_id(), Some("other"));
    // Under no other key, whatever else is signed.
    let stranger = SigningKey::generate(Suite::P256, &mut ChaCha20Rng::seed_from_u64(78)).public_key();
    let refused = general.verify(&form, &stranger).unwrap_err();
    assert_eq!(refused, SdJwtError::Token(JwsError::AlgorithmMismatch));
    // The issuer's signature is over this payload, under this header.
    for (pointer, value) in [
        ("/payload", json!(base64url(br#"{"iss":"did:example:g","vct":"HealthTest","result":"positive"}"#))),
        ("/signatures/1/protected", json!(base64url(br#"{"alg":"ES256","typ":"dc+sd-jwt","x":1}"#))),
        ("/signatures/1/signature", general.signatures[0]["signature"].clone()),
    ] {
        let mut changed = form.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        let refused = general.verify(&changed, &general.parties.issuer.public_key()).unwrap_err();
        assert!(matches!(refused, SdJwtError::Token(_)), "{pointer}: {refused}");
    }
    let typed = Expected { typ: "example+sd-jwt", ..expected() };
    let text = SdJwtText::parse_json(&form.to_string()).unwrap();
    assert!(text.verify(&general.parties.issuer.public_key(), &typed).is_err());
}

/// §8.1 and §8.3: what is shown is the first signature with the first header's disclosures.
#[test]
fn the_holder_of_a_general_form_signs_over_its_first_signature() {
    let general = General::new();
    let key = general.parties.issuer.public_key();
    let with = |pointer: &str, value: Value| {
        let mut form = general.form();
        *form.pointer_mut(pointer).unwrap() = value;
        general.verify(&form, &key).map(drop)
    };
    let binding = "/signatures/0/header/kb_jwt";
    assert_eq!(with(binding, json!(general.binding(0))), Ok(()));
    assert_eq!(with(binding, json!(general.binding(1))), Err(SdJwtError::BindingHash));
    assert_eq!(
        with("/signatures/0/header/disclosures", json!([general.disclosures[0]])),
        Err(SdJwtError::BindingHash)
    );
    let [first, second] = general.form()["signatures"].as_array().cloned().unwrap().try_into().unwrap();
    for name in ["disclosures", "kb_jwt"] {
        let mut later = second.clone();
        later["header"][name] = first["header"][name].clone();
        assert_eq!(with("/signatures/1", later), Err(SdJwtError::JsonForm), "{name}");
    }
    assert_eq!(with("/signatures", json!([second, first])), Err(SdJwtError::JsonForm));
    assert_eq!(with("/signatures/0", general.signatures[0].clone()), Err(SdJwtError::NoKeyBinding));
}

#[test]
fn what_a_holder_keeps_of_a_general_form_is_what_its_issuer_signed() {
    let general = General::new();
    let mut form = general.form();
    form["signatures"][0]["header"].as_object_mut().unwrap().remove("kb_jwt");
    let text = SdJwtText::parse_json(&form.to_string()).unwrap();
    let authentic = text.verify_issuer(&general.parties.issuer.public_key(), TYPE).unwrap();
    let kept = authentic.keep(&general.parties.holder.public_key()).unwrap();
    assert_eq!(kept.signed_part(), general.token(1));
    let shown =
        present(&kept, &["result"].into(), &general.parties.holder, AUDIENCE, NONCE, at(100)).unwrap();
    assert!(general.parties.verify(&shown).is_ok());
}

#[test]
fn a_signature_that_cannot_be_read_counts_for_nothing() {
    let general = General::new();
    let key = general.parties.issuer.public_key();
    let with = |count: usize| {
        let unread = json!({"protected": base64url(br#"{"alg":"RS256"}"#), "signature": "AAAA"});
        let mut form = general.form();
        form["signatures"].as_array_mut().unwrap().extend(std::iter::repeat_n(unread, count));
        form
    };
    assert!(general.verify(&with(6), &key).is_ok());
    assert_eq!(general.verify(&with(7), &key).unwrap_err(), SdJwtError::JsonForm, "nine signatures");
    let mut none = with(1);
    none["signatures"].as_array_mut().unwrap().drain(..2);
    assert_eq!(general.verify(&none, &key).unwrap_err(), SdJwtError::Token(JwsError::Algorithm));
    for signatures in [json!([]), json!({}), json!(["x"]), json!(null), json!([[]])] {
        let mut form = general.form();
        form["signatures"] = signatures;
        assert_eq!(general.verify(&form, &key).unwrap_err(), SdJwtError::JsonForm);
    }
    for name in ["protected", "signature", "header"] {
        let mut both = general.form();
        both[name] = both["signatures"][0][name].clone();
        assert_eq!(
            general.verify(&both, &key).unwrap_err(),
            SdJwtError::JsonForm,
            "{name} beside signatures"
        );
    }
}
