//! One refusal per rule of verification.

use super::*;

const SALT: &str = "0123456789abcdefghijkl";

#[test]
fn the_issuers_signature_key_and_type_are_checked() {
    let parties = Parties::new(Suite::P256);
    let text = parties.present(&["result"]);
    let other = SigningKey::generate(Suite::P256, &mut ChaCha20Rng::seed_from_u64(1)).public_key();
    let refused = SdJwtText::parse(&text).unwrap().verify(&other, &expected()).unwrap_err();
    assert_eq!(refused, SdJwtError::Token(JwsError::BadSignature));
    assert_eq!(Finding::from(refused).code, Reason::BadSignature);
    let edwards = Parties::new(Suite::Ed25519).issuer.public_key();
    let refused = SdJwtText::parse(&text).unwrap().verify(&edwards, &expected()).unwrap_err();
    assert_eq!(refused, SdJwtError::Token(JwsError::AlgorithmMismatch));
    let typed = Expected { typ: "example+sd-jwt", ..expected() };
    let refused = SdJwtText::parse(&text).unwrap().verify(&parties.issuer.public_key(), &typed).unwrap_err();
    assert_eq!(refused, SdJwtError::Token(JwsError::WrongType("example+sd-jwt".into())));
    assert_eq!(Finding::from(refused).code, Reason::WrongKind);
}

#[test]
fn an_sd_jwt_vc_names_issuer_and_type() {
    let parties = Parties::new(Suite::Ed25519);
    for (payload, missing) in
        [(json!({"vct": "v"}), "iss"), (json!({"iss": "i"}), "vct"), (json!({"iss": 1, "vct": "v"}), "iss")]
    {
        let text = SdJwtText::parse(&parties.forge(&payload, &[])).unwrap();
        let refused = text.verify_issuer(&parties.issuer.public_key(), TYPE).unwrap_err();
        assert_eq!(refused, SdJwtError::Claim(missing));
    }
}

#[test]
fn validity_is_checked_with_leeway() {
    let parties = Parties::new(Suite::Ed25519);
    let check = |payload: Value, now: u64| {
        let mut payload = object(payload);
        payload.insert("iss".into(), "i".into());
        payload.insert("vct".into(), "v".into());
        let text = SdJwtText::parse(&parties.forge(&Value::Object(payload), &[])).unwrap();
        let authentic = text.verify_issuer(&parties.issuer.public_key(), TYPE).unwrap();
        authentic.check_validity(Timestamp::from_seconds(now).unwrap(), 5)
    };
    assert_eq!(check(json!({"exp": 100}), 104), Ok(()));
    assert_eq!(check(json!({"exp": 100}), 105), Err(SdJwtError::Expired));
    assert_eq!(check(json!({"nbf": 100}), 95), Ok(()));
    assert_eq!(check(json!({"nbf": 100}), 94), Err(SdJwtError::NotYetValid));
    assert_eq!(check(json!({"iat": 100}), 94), Err(SdJwtError::NotYetValid));
    for name in ["exp", "nbf", "iat"] {
        assert_eq!(check(json!({name: "100"}), 50), Err(SdJwtError::Claim(name)));
    }
    assert_eq!(Finding::from(SdJwtError::Expired).code, Reason::Expired);
    assert_eq!(Finding::from(SdJwtError::NotYetValid).code, Reason::NotYetValid);
    // The one-shot check runs it too.
    let late = Expected { now: at(5000), ..expected() };
    let text = SdJwtText::parse(&parties.present(&[])).unwrap();
    assert_eq!(text.verify(&parties.issuer.public_key(), &late).unwrap_err(), SdJwtError::Expired);
}

#[test]
fn each_disclosure_meets_one_digest_once() {
    let parties = Parties::new(Suite::Ed25519);
    let (one, stranger) = (json!([SALT, "a", 1]), json!([SALT, "b", 2]));
    let digest = digest_of(&one);
    assert_eq!(parties.expand(json!({"_sd": [digest]}), &[&one]), Ok(object(json!({"a": 1}))));
    assert_eq!(parties.expand(json!({"_sd": [digest]}), &[]), Ok(Map::new()));
    assert_eq!(parties.expand(json!({"_sd": [digest]}), &[&one, &stranger]), Err(SdJwtError::Unused));
    assert_eq!(parties.expand(json!({}), &[&one]), Err(SdJwtError::Unused));
    assert_eq!(parties.expand(json!({"_sd": [digest]}), &[&one, &one]), Err(SdJwtError::Repeated));
    assert_eq!(parties.expand(json!({"_sd": [digest, digest]}), &[&one]), Err(SdJwtError::Repeated));
    assert_eq!(
        parties.expand(json!({"_sd": [digest], "o": {"_sd": [digest]}}), &[&one]),
        Err(SdJwtError::Repeated)
    );
    // Repeated digests are refused even when nothing is disclosed for them.
    assert_eq!(parties.expand(json!({"_sd": ["x"], "l": [{"...": "x"}]}), &[]), Err(SdJwtError::Repeated));
    // A digest inside a disclosure that is not shown is not found.
    let outer = json!([SALT, "o", {"_sd": [digest]}]);
    assert_eq!(parties.expand(json!({"_sd": [digest_of(&outer)]}), &[&one]), Err(SdJwtError::Unused));
    assert_eq!(Finding::from(SdJwtError::Unused).code, Reason::BadSignature);
}

#[test]
fn a_disclosed_claim_never_replaces_another() {
    let parties = Parties::new(Suite::Ed25519);
    let (one, two) = (json!([SALT, "a", 1]), json!([SALT, "a", 2]));
    let clash = Err(SdJwtError::NameClash("a".into()));
    assert_eq!(parties.expand(json!({"a": 0, "_sd": [digest_of(&one)]}), &[&one]), clash);
    assert_eq!(parties.expand(json!({"_sd": [digest_of(&one), digest_of(&two)]}), &[&one, &two]), clash);
    assert_eq!(parties.expand(json!({"o": {"a": 0, "_sd": [digest_of(&one)]}}), &[&one]), clash);
}

#[test]
fn reserved_names_are_refused_wherever_they_stand() {
    let parties = Parties::new(Suite::Ed25519);
    for name in RESERVED {
        let one = json!([SALT, name, 1]);
        assert_eq!(
            parties.expand(json!({"_sd": [digest_of(&one)]}), &[&one]),
            Err(SdJwtError::ReservedName),
            "{name}"
        );
    }
    for payload in [json!({"...": "x"}), json!({"a": {"...": "x"}}), json!({"a": {"_sd_alg": "sha-256"}})] {
        assert_eq!(parties.expand(payload, &[]), Err(SdJwtError::ReservedName));
    }
}

#[test]
fn claims_about_the_token_may_not_be_concealed() {
    let parties = Parties::new(Suite::Ed25519);
    for name in NEVER_CONCEALED {
        let one = json!([SALT, name, "x"]);
        let refused = parties.expand(json!({"_sd": [digest_of(&one)]}), &[&one]);
        assert_eq!(refused, Err(SdJwtError::Concealed(name.into())));
        // Below the top level the name means nothing.
        assert!(parties.expand(json!({"o": {"_sd": [digest_of(&one)]}}), &[&one]).is_ok());
    }
}

#[test]
fn digests_have_one_form() {
    let parties = Parties::new(Suite::Ed25519);
    for payload in [
        json!({"_sd": "x"}),
        json!({"_sd": [1]}),
        json!({"_sd": {"a": 1}}),
        json!({"a": [{"...": 1}]}),
        json!({"a": [{"...": "x", "b": 1}]}),
    ] {
        assert_eq!(parties.expand(payload.clone(), &[]), Err(SdJwtError::DigestForm), "{payload}");
    }
    for algorithm in [json!("sha-384"), json!("SHA-256"), json!(1)] {
        assert_eq!(parties.expand(json!({"_sd_alg": algorithm}), &[]), Err(SdJwtError::HashAlgorithm));
    }
}

#[test]
fn disclosures_have_two_forms_each_in_its_place() {
    let parties = Parties::new(Suite::Ed25519);
    let (claim, element) = (json!([SALT, "a", 1]), json!([SALT, 1]));
    assert_eq!(
        parties.expand(json!({"_sd": [digest_of(&element)]}), &[&element]),
        Err(SdJwtError::Disclosure)
    );
    let listed = json!({"l": [{"...": digest_of(&claim)}]});
    assert_eq!(parties.expand(listed, &[&claim]), Err(SdJwtError::Disclosure));
    for bad in [
        json!([]),
        json!([SALT]),
        json!([SALT, "a", 1, 2]),
        json!([1, "a", 1]),
        json!([SALT, 7, 1]),
        json!({}),
    ] {
        assert_eq!(parties.expand(json!({}), &[&bad]), Err(SdJwtError::Disclosure), "{bad}");
    }
    let front = parties.forge(&json!({}), &[]);
    for bad in ["!!!~", "e30~", "e30=~"] {
        assert_eq!(SdJwtText::parse(&format!("{front}{bad}")).unwrap_err(), SdJwtError::Disclosure, "{bad}");
    }
    let empty = SdJwtText::parse(&format!("{front}~")).unwrap_err();
    assert!(matches!(empty, SdJwtError::Json(JsonError::Malformed { .. })));
    let twice = base64url(br#"["0123456789abcdefghijkl","a",{"x":1,"x":2}]"#);
    let refused = SdJwtText::parse(&format!("{front}{twice}~")).unwrap_err();
    assert_eq!(refused, SdJwtError::Json(JsonError::DuplicateMember));
}

#[test]
fn size_count_and_depth_are_bounded() {
    let parties = Parties::new(Suite::Ed25519);
    let long = "~".repeat(LIMIT + 1);
    let too_large = SdJwtError::TooLarge { limit: LIMIT, got: LIMIT + 1 };
    assert_eq!(SdJwtText::parse(&long).unwrap_err(), too_large);
    assert_eq!(SdJwtText::parse_json(&long).unwrap_err(), too_large);
    let many: Vec<Value> = (0..65).map(|n| json!([SALT, n])).collect();
    let many: Vec<&Value> = many.iter().collect();
    assert_eq!(parties.expand(json!({}), &many), Err(SdJwtError::TooManyDisclosures { limit: 64 }));
    // Each disclosure nests little; their sum may not nest more.
    let mut disclosures = vec![json!([SALT, [[1]]])];
    for _ in 0..20 {
        let inner = digest_of(disclosures.last().unwrap());
        disclosures.push(json!([SALT, [{"...": inner}]]));
    }
    let payload = json!({"a": [{"...": digest_of(disclosures.last().unwrap())}]});
    let shown: Vec<&Value> = disclosures.iter().collect();
    assert_eq!(parties.expand(payload, &shown), Err(SdJwtError::Json(JsonError::TooDeep { limit: 16 })));
}

#[test]
fn a_presentation_without_key_binding_is_refused() {
    let parties = Parties::new(Suite::P256);
    let compact = parties.issue().compact();
    let refused = parties.verify(&compact).unwrap_err();
    assert_eq!(refused, SdJwtError::NoKeyBinding);
    assert_eq!(Finding::from(refused).code, Reason::HolderMismatch);
    let unbound = Expected { binding: None, ..expected() };
    let verify = |text: &str| SdJwtText::parse(text).unwrap().verify(&parties.issuer.public_key(), &unbound);
    assert!(verify(&compact).is_ok());
    assert_eq!(verify(&parties.present(&[])).unwrap_err(), SdJwtError::UnexpectedKeyBinding);
}

/// W1: the nonce is signed and so is the audience; W14's other half: nobody else can show it.
#[test]
fn the_key_binding_token_is_the_holders_for_this_audience_and_nonce() {
    let parties = Parties::new(Suite::P256);
    let header = || json!({"typ": KEY_BINDING_TYPE});
    let bind = |change: &dyn Fn(&mut Map<String, Value>)| parties.bind(header(), change, &parties.holder);
    assert!(parties.verify(&bind(&|_| ())).is_ok());
    type Change<'a> = &'a dyn Fn(&mut Map<String, Value>);
    let cases: [(Change<'_>, SdJwtError, Reason); 12] = [
        (&|c| drop(c.insert("nonce".into(), "other".into())), SdJwtError::Nonce, Reason::WrongAudience),
        (&|c| drop(c.remove("nonce")), SdJwtError::Nonce, Reason::WrongAudience),
        (
            &|c| drop(c.insert("aud".into(), "https://g.example".into())),
            SdJwtError::Audience,
            Reason::WrongAudience,
        ),
        (&|c| drop(c.insert("aud".into(), json!([AUDIENCE]))), SdJwtError::Audience, Reason::WrongAudience),
        (&|c| drop(c.insert("sd_hash".into(), "x".into())), SdJwtError::BindingHash, Reason::HolderMismatch),
        (&|c| drop(c.remove("sd_hash")), SdJwtError::BindingHash, Reason::HolderMismatch),
        (
            &|c| drop(c.insert("iat".into(), at(116).seconds().into())),
            SdJwtError::BindingEarly,
            Reason::NotYetValid,
        ),
        (
            &|c| drop(c.insert("nbf".into(), at(116).seconds().into())),
            SdJwtError::BindingEarly,
            Reason::NotYetValid,
        ),
        (&|c| drop(c.insert("iat".into(), (ISSUED - 196).into())), SdJwtError::BindingOld, Reason::Expired),
        (
            &|c| drop(c.insert("exp".into(), at(105).seconds().into())),
            SdJwtError::BindingOld,
            Reason::Expired,
        ),
        (&|c| drop(c.remove("iat")), SdJwtError::KeyBinding(JwsError::Claim("iat")), Reason::BadEncoding),
        (
            &|c| drop(c.insert("iat".into(), "100".into())),
            SdJwtError::KeyBinding(JwsError::Claim("iat")),
            Reason::BadEncoding,
        ),
    ];
    for (change, error, reason) in cases {
        let refused = parties.verify(&bind(change)).unwrap_err();
        assert_eq!(refused, error);
        assert_eq!(Finding::from(refused).code, reason);
    }
    let edge = bind(&|c| drop(c.insert("iat".into(), (ISSUED - 195).into())));
    assert!(parties.verify(&edge).is_ok());

    let stolen = parties.bind(header(), |_| (), &parties.issuer);
    let refused = parties.verify(&stolen).unwrap_err();
    assert_eq!(refused, SdJwtError::KeyBinding(JwsError::BadSignature));
    assert_eq!(Finding::from(refused).code, Reason::HolderMismatch);
    let edwards = Parties::new(Suite::Ed25519).holder;
    let confused = parties.bind(header(), |_| (), &edwards);
    assert_eq!(parties.verify(&confused).unwrap_err(), SdJwtError::KeyBinding(JwsError::AlgorithmMismatch));
    let typed = parties.bind(json!({"typ": "JWT"}), |_| (), &parties.holder);
    let refused = parties.verify(&typed).unwrap_err();
    assert_eq!(refused, SdJwtError::KeyBinding(JwsError::WrongType(KEY_BINDING_TYPE.into())));
    assert_eq!(Finding::from(refused).code, Reason::WrongKind);
}

#[test]
fn key_binding_cannot_be_moved_to_other_disclosures() {
    let parties = Parties::new(Suite::Ed25519);
    let text = parties.present(&["result", "birth_date"]);
    let (front, binding) = text.rsplit_once('~').unwrap();
    let parts: Vec<&str> = front.split('~').collect();
    let fewer = format!("{}~{}~{binding}", parts[0], parts[1]);
    let swapped = format!("{}~{}~{}~{binding}", parts[0], parts[2], parts[1]);
    let all = format!("{}{binding}", parties.issue().compact());
    for moved in [fewer, swapped, all] {
        assert_eq!(parties.verify(&moved).unwrap_err(), SdJwtError::BindingHash);
    }
}

#[test]
fn a_credential_without_a_usable_holder_key_cannot_be_presented() {
    let parties = Parties::new(Suite::Ed25519);
    let mut private = parties.holder.public_key().to_jwk();
    private["d"] = "x".into();
    for (cnf, is_key_error) in [
        (json!({"kid": "1"}), false),
        (json!({"jwk": {"kty": "RSA"}}), true),
        (json!({"jwk": private}), true),
    ] {
        let front = parties.forge(&json!({"iss": "i", "vct": "v", "cnf": cnf}), &[]);
        let claims =
            json!({"aud": AUDIENCE, "nonce": NONCE, "iat": ISSUED, "sd_hash": digest(front.as_bytes())});
        let header = object(json!({"typ": KEY_BINDING_TYPE}));
        let text = front + &sign(header, claims.to_string().as_bytes(), &parties.holder);
        match parties.verify(&text).unwrap_err() {
            SdJwtError::HolderKey(_) => assert!(is_key_error),
            error => assert_eq!((error, is_key_error), (SdJwtError::Claim("cnf"), false)),
        }
    }
}

/// W4: a status mechanism that is not understood does not pass as "no status".
#[test]
fn an_unknown_status_mechanism_is_refused() {
    let parties = Parties::new(Suite::Ed25519);
    let payload = json!({"iss": "i", "vct": "v", "status": {"identifier_list": {}}});
    let text = SdJwtText::parse(&parties.forge(&payload, &[])).unwrap();
    let authentic = text.verify_issuer(&parties.issuer.public_key(), TYPE).unwrap();
    assert_eq!(authentic.status(), Err(SdJwtError::Claim("status")));
}
