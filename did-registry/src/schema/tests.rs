use super::*;

fn spec(kind: ClaimKind, required: bool) -> ClaimSpec {
    ClaimSpec { kind, required }
}

fn codes(of: &[&str]) -> ClaimKind {
    ClaimKind::Code { of: of.iter().map(|code| (*code).to_owned()).collect() }
}

fn schema_of(claims: impl IntoIterator<Item = (String, ClaimSpec)>) -> Schema {
    Schema {
        credential_type: CredentialType::new("TestResult").unwrap(),
        version: 1,
        claims: claims.into_iter().collect(),
    }
}

fn schema() -> Schema {
    schema_of([
        ("name".to_owned(), spec(ClaimKind::Text { max: 5 }, true)),
        ("dose".to_owned(), spec(ClaimKind::Integer { min: -1, max: 9 }, true)),
        ("tested_on".to_owned(), spec(ClaimKind::Date, true)),
        ("resident".to_owned(), spec(ClaimKind::Boolean, false)),
        ("result".to_owned(), spec(codes(&["positive", "negative"]), true)),
    ])
}

fn claims() -> Map<String, Value> {
    let value = json!({"name": "陳大文", "dose": 2, "tested_on": "2021-05-30", "resident": true, "result": "negative"});
    value.as_object().unwrap().clone()
}

fn with(name: &str, value: Value) -> Map<String, Value> {
    let mut claims = claims();
    claims.insert(name.into(), value);
    claims
}

fn without(name: &str) -> Map<String, Value> {
    let mut claims = claims();
    claims.remove(name);
    claims
}

#[test]
fn a_whole_credential_reads_back() {
    let accepted = schema().check_full(&claims()).unwrap();
    assert_eq!(accepted.to_json(), claims());
    assert_eq!(accepted.get("dose"), Some(&ClaimValue::Integer(2)));
    assert_eq!(accepted.get("tested_on"), Some(&ClaimValue::Date("2021-05-30".parse().unwrap())));
    assert_eq!(accepted.iter().count(), 5);
}

#[test]
fn a_whole_credential_has_every_required_claim() {
    for name in ["name", "dose", "tested_on", "result"] {
        assert_eq!(schema().check_full(&without(name)), Err(SchemaError::Missing(name.into())));
        assert!(schema().check_partial(&without(name)).is_ok(), "a disclosure may leave out {name}");
    }
    assert!(schema().check_full(&without("resident")).is_ok(), "an optional claim");
    assert!(schema().check_partial(&Map::new()).is_ok());
}

#[test]
fn unknown_claims_are_refused_in_whole_and_in_part() {
    for name in ["colour", "Name", "name ", "", "iss", "_sd"] {
        let refused = Err(SchemaError::UnknownClaim(name.into()));
        assert_eq!(schema().check_full(&with(name, json!("x"))), refused);
        let only = Map::from_iter([(name.to_owned(), json!("x"))]);
        assert_eq!(schema().check_partial(&only), refused);
    }
}

#[test]
fn values_keep_to_their_kind_and_bounds() {
    let good = [
        ("name", json!("x")),
        ("name", json!("12345")),
        ("name", json!("五個漢字呀")),
        ("dose", json!(-1)),
        ("dose", json!(9)),
        ("tested_on", json!("2024-02-29")),
        ("resident", json!(false)),
        ("result", json!("positive")),
    ];
    for (name, value) in good {
        assert!(schema().check_full(&with(name, value.clone())).is_ok(), "{name} {value}");
    }
    let bad = [
        ("name", json!("")),
        ("name", json!("123456")),
        ("name", json!("a\nb")),
        ("name", json!(7)),
        ("name", json!(null)),
        ("name", json!(["x"])),
        ("dose", json!(-2)),
        ("dose", json!(10)),
        ("dose", json!(1.5)),
        ("dose", json!("2")),
        ("dose", json!(u64::MAX)),
        ("tested_on", json!("2023-02-29")),
        ("tested_on", json!("2021-5-30")),
        ("tested_on", json!("2021-05-30T00:00:00Z")),
        ("tested_on", json!(18_777)),
        ("resident", json!("true")),
        ("resident", json!(1)),
        ("result", json!("Negative")),
        ("result", json!("")),
        ("result", json!({"of": "negative"})),
    ];
    for (name, value) in bad {
        let only = Map::from_iter([(name.to_owned(), value.clone())]);
        for refused in [schema().check_full(&with(name, value.clone())), schema().check_partial(&only)] {
            assert!(
                matches!(refused, Err(SchemaError::BadValue { claim, .. }) if claim == name),
                "{name} {value}"
            );
        }
    }
}

#[test]
fn refusals_and_claims_print_no_value() {
    let secret = "Chan Tai Man";
    let refused = schema().check_full(&with("name", json!(secret))).unwrap_err();
    let accepted = schema().check_full(&claims()).unwrap();
    for text in [refused.to_string(), format!("{refused:?}")] {
        assert!(text.contains("name") && !text.contains(secret), "{text}");
    }
    for text in [format!("{accepted:?}"), format!("{:?}", accepted.get("name"))] {
        assert!(!text.contains("陳大文"), "{text}");
    }
    assert_eq!(refused.to_string(), "claim \"name\" must be text of 1 to 5 characters");
}

#[test]
fn a_schema_has_1_to_16_claims_with_plain_names() {
    assert_eq!(schema().check(), Ok(()));
    let many = |count: usize| {
        schema_of((0..count).map(|i| (format!("c{i}"), spec(ClaimKind::Boolean, false)))).check()
    };
    assert_eq!(many(16), Ok(()));
    for count in [0, 17] {
        assert!(matches!(many(count), Err(SchemaError::Senseless(_))), "{count}");
    }
    let named = |name: &str| schema_of([(name.to_owned(), spec(ClaimKind::Boolean, true))]).check();
    for good in ["a", "tested_on", "2fa", &"n".repeat(48)] {
        assert_eq!(named(good), Ok(()), "{good}");
    }
    for bad in ["", "Name", "date of birth", "naïve", "a.b", "a\0", &"n".repeat(49)] {
        assert!(matches!(named(bad), Err(SchemaError::Senseless(_))), "{bad:?}");
    }
    for reserved in RESERVED {
        assert!(matches!(named(reserved), Err(SchemaError::Senseless(_))), "{reserved}");
    }
}

#[test]
fn kinds_that_no_value_satisfies_are_refused() {
    let check = |kind: ClaimKind| schema_of([("x".to_owned(), spec(kind, true))]).check();
    let integer = |min, max| ClaimKind::Integer { min, max };
    let exact: i64 = 1 << 53; // JSON numbers beyond lose their value elsewhere
    let many: Vec<String> = (0..257).map(|i| format!("code-{i}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for good in [ClaimKind::Text { max: 1_024 }, integer(3, 3), integer(-exact, exact), codes(&many[..256])] {
        assert_eq!(check(good.clone()), Ok(()), "{good:?}");
    }
    let bad = [
        ClaimKind::Text { max: 0 },
        ClaimKind::Text { max: 1_025 },
        integer(4, 3),
        integer(-exact - 1, 0),
        integer(0, exact + 1),
        codes(&[]),
        codes(&[""]),
        codes(&[&"c".repeat(65)]),
        codes(&many),
    ];
    for kind in bad {
        assert!(matches!(check(kind.clone()), Err(SchemaError::Senseless(_))), "{kind:?}");
    }
}

#[test]
fn the_identifier_changes_with_every_field() {
    let base = schema();
    let claim = |name: &str, changed: ClaimSpec| {
        let mut schema = base.clone();
        schema.claims.insert(name.into(), changed);
        schema
    };
    let mut renamed = base.clone();
    let moved = renamed.claims.remove("dose").unwrap();
    renamed.claims.insert("doses".into(), moved);
    let changed = [
        base.clone(),
        Schema { credential_type: CredentialType::new("TestResults").unwrap(), ..base.clone() },
        Schema { version: 2, ..base.clone() },
        renamed,
        claim("extra", spec(ClaimKind::Boolean, false)),
        claim("name", spec(ClaimKind::Text { max: 6 }, true)),
        claim("name", spec(ClaimKind::Text { max: 5 }, false)),
        claim("name", spec(ClaimKind::Date, true)),
        claim("dose", spec(ClaimKind::Integer { min: 0, max: 9 }, true)),
        claim("dose", spec(ClaimKind::Integer { min: -1, max: 8 }, true)),
        claim("result", spec(codes(&["positive", "negative", "void"]), true)),
    ];
    let ids: BTreeSet<_> = changed.iter().map(Schema::id).collect();
    assert_eq!(ids.len(), changed.len());
    assert_eq!(schema().id(), base.id(), "the same content, the same identifier");
}

#[test]
fn tables_give_typed_values() {
    let read = |kind: ClaimKind, text: &str| kind.value_of_text(text);
    assert_eq!(read(ClaimKind::Integer { min: 0, max: 9 }, "7"), json!(7));
    assert_eq!(
        read(ClaimKind::Integer { min: 0, max: 9 }, "seven"),
        json!("seven"),
        "refused later, by the schema"
    );
    assert_eq!(read(ClaimKind::Boolean, "true"), json!(true));
    assert_eq!(read(ClaimKind::Boolean, "yes"), json!("yes"));
    for kind in [ClaimKind::Text { max: 9 }, ClaimKind::Date, codes(&["7"])] {
        assert_eq!(read(kind, "7"), json!("7"));
    }
}

#[test]
fn the_json_schema_states_the_same_rules() {
    let json = schema().to_json_schema();
    assert_eq!(json["$id"], format!("urn:causeway:schema:{}", schema().id()));
    assert_eq!(json["required"], json!(["dose", "name", "result", "tested_on"]));
    assert_eq!(json["additionalProperties"], json!(false));
    assert_eq!(json["properties"]["name"], json!({"type": "string", "minLength": 1, "maxLength": 5}));
    assert_eq!(json["properties"]["dose"], json!({"type": "integer", "minimum": -1, "maximum": 9}));
    assert_eq!(json["properties"]["result"], json!({"enum": ["negative", "positive"]}));
}

#[test]
fn schemas_read_back_from_json_and_refuse_unknown_members() {
    let json = serde_json::to_value(schema()).unwrap();
    assert_eq!(serde_json::from_value::<Schema>(json.clone()).unwrap(), schema());
    let mut extra = json.clone();
    extra["comment"] = "hello".into();
    assert!(serde_json::from_value::<Schema>(extra).is_err());
    let mut extra = json;
    extra["claims"]["name"]["optional"] = true.into();
    assert!(serde_json::from_value::<Schema>(extra).is_err());
}
