//! The policy as a document: its own rules, its identifier, its encodings.

use super::*;

fn check(change: impl FnOnce(&mut Policy)) -> Result<(), PolicyError> {
    let mut policy = sensible();
    change(&mut policy);
    policy.check()
}

#[test]
fn a_name_and_a_purpose_are_short_and_plain() {
    assert_eq!(check(|_| {}), Ok(()));
    for name in ["", "Entry", "entry 1", "entry_1", "é"] {
        assert_eq!(check(|policy| policy.name = name.into()), Err(PolicyError::Name), "{name:?}");
    }
    assert_eq!(check(|policy| policy.name = "a".repeat(64)), Ok(()));
    assert_eq!(check(|policy| policy.name = "a".repeat(65)), Err(PolicyError::Name));
    assert_eq!(check(|policy| policy.purpose.clear()), Err(PolicyError::Name));
    assert_eq!(check(|policy| policy.purpose = "入".repeat(280)), Ok(()));
    assert_eq!(check(|policy| policy.purpose = "入".repeat(281)), Err(PolicyError::Name));
}

#[test]
fn a_policy_has_one_to_eight_predicates() {
    let fill =
        |count| move |policy: &mut Policy| policy.predicates = vec![policy.predicates[0].clone(); count];
    assert_eq!(check(fill(1)), Ok(()));
    assert_eq!(check(fill(8)), Ok(()));
    assert_eq!(check(fill(9)), Err(PolicyError::Count));
    assert_eq!(check(|policy| policy.predicates.clear()), Err(PolicyError::Count));
}

#[test]
fn a_day_is_at_most_two_centuries_from_the_day_of_the_check() {
    let far = |days| {
        move |policy: &mut Policy| {
            policy.predicates[0].test = Test::AtMost(Operand::DaysFromToday(days));
        }
    };
    for days in [73_050, -73_050] {
        assert_eq!(check(far(days)), Ok(()));
    }
    for days in [73_051, -73_051, i32::MIN, i32::MAX] {
        assert_eq!(check(far(days)), Err(PolicyError::FarDay));
    }
}

#[test]
fn a_window_starts_before_it_ends() {
    assert_eq!(check(|policy| policy.until = policy.from), Err(PolicyError::EmptyWindow));
    assert_eq!(check(|policy| policy.until = policy.from.minus(1)), Err(PolicyError::EmptyWindow));
    assert_eq!(check(|policy| policy.until = policy.from.plus(1)), Ok(()));
}

#[test]
fn a_pass_lasts_one_to_720_hours() {
    for (hours, expected) in
        [(0, Err(PolicyError::PassHours)), (1, Ok(())), (720, Ok(())), (721, Err(PolicyError::PassHours))]
    {
        assert_eq!(check(|policy| policy.pass.as_mut().unwrap().hours = hours), expected, "{hours}");
    }
    assert_eq!(check(|policy| policy.pass = None), Ok(()));
}

#[test]
fn only_what_is_asked_for_is_retained() {
    let refused = Err(PolicyError::RetainedUnasked("name".into()));
    assert_eq!(check(|policy| policy.retained.extend(["name".into()])), refused);
}

#[test]
fn a_policy_names_its_schema() {
    assert_eq!(sensible().check_against(&schema()), Ok(()));
    let other = Schema { version: 2, ..schema() };
    assert_eq!(sensible().check_against(&other), Err(PolicyError::OtherSchema(schema().id())));
    let renamed = Policy { credential_type: CredentialType::new("Diploma").unwrap(), ..sensible() };
    assert_eq!(renamed.check_against(&schema()), Err(PolicyError::OtherSchema(schema().id())));
    let unknown = policy(vec![predicate("shoe_size", Test::AtLeast(Operand::Integer(40)))]);
    assert_eq!(unknown.check_against(&schema()), Err(PolicyError::UnknownClaim("shoe_size".into())));
    let senseless = Policy { name: String::new(), ..sensible() };
    assert_eq!(senseless.check_against(&schema()), Err(PolicyError::Name), "the cheap rules come first");
}

#[test]
fn a_test_fits_its_claims_kind() {
    let operands = [
        Operand::Text("a".into()),
        Operand::Integer(1),
        Operand::Boolean(true),
        Operand::Date(date(TODAY)),
        Operand::DaysFromToday(1),
    ];
    let mut fitting = Vec::new();
    for claim in ["name", "colour", "dose", "negative", "tested_on"] {
        let mut tests = vec![("one of", Test::OneOf(texts(&["a"])))];
        for operand in &operands {
            tests.push(("equals", Test::Equals(operand.clone())));
            tests.push(("at least", Test::AtLeast(operand.clone())));
            tests.push(("at most", Test::AtMost(operand.clone())));
        }
        for (word, test) in tests {
            match policy(vec![predicate(claim, test)]).check_against(&schema()) {
                Ok(()) => fitting.push((claim, word)),
                Err(refusal) => assert_eq!(refusal, PolicyError::WrongKind(claim.into())),
            }
        }
    }
    let expected = [
        ("name", vec!["one of", "equals"]),
        ("colour", vec!["one of", "equals"]),
        ("dose", vec!["equals", "at least", "at most"]),
        ("negative", vec!["equals"]),
        ("tested_on", vec!["equals", "at least", "at most", "equals", "at least", "at most"]), // a day, fixed or counted
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .flat_map(|(claim, words)| words.into_iter().map(move |word| (claim, word)))
        .collect();
    assert_eq!(fitting, expected);
}

#[test]
fn the_identifier_changes_with_every_field() {
    let changes: [fn(&mut Policy); 14] = [
        |policy| policy.verifier = verifier(2),
        |policy| policy.name = "entry-2022".into(),
        |policy| policy.version += 1,
        |policy| policy.purpose.push('!'),
        |policy| policy.credential_type = CredentialType::new("Other").unwrap(),
        |policy| policy.schema = Digest::from_bytes([1; 32]),
        |policy| policy.predicates.reverse(),
        |policy| policy.predicates[1].claim = "dose".into(),
        |policy| policy.predicates[1].test = Test::AtLeast(Operand::DaysFromToday(-8)),
        |policy| policy.predicates[1].test = Test::AtMost(Operand::DaysFromToday(-7)),
        |policy| policy.retained.clear(),
        |policy| policy.from = policy.from.plus(1),
        |policy| policy.until = policy.until.plus(1),
        |policy| policy.pass = None,
    ];
    let mut ids = BTreeSet::from([sensible().id()]);
    for (index, change) in changes.into_iter().enumerate() {
        let mut policy = sensible();
        change(&mut policy);
        assert!(ids.insert(policy.id()), "change {index}");
    }
    let other = CredentialType::new("P").unwrap();
    for pass in [
        PassTerms { hours: 25, ..sensible().pass.unwrap() },
        PassTerms { credential_type: other, ..sensible().pass.unwrap() },
    ] {
        let policy = Policy { pass: Some(pass), ..sensible() };
        assert!(ids.insert(policy.id()));
    }
    assert_eq!(sensible().id(), sensible().id());
}

#[test]
fn json_and_bytes_come_back_the_same() {
    let tests = [
        Test::Equals(Operand::Text("x".into())),
        Test::Equals(Operand::Integer(-3)),
        Test::Equals(Operand::Boolean(false)),
        Test::OneOf(texts(&["a", "b"])),
        Test::AtLeast(Operand::Date(date(TODAY))),
        Test::AtMost(Operand::DaysFromToday(-7)),
    ];
    let whole = policy(tests.into_iter().map(|test| predicate("name", test)).collect());
    for policy in [whole, sensible(), Policy { pass: None, ..sensible() }] {
        let text = serde_json::to_string(&policy).unwrap();
        let read: Policy = serde_json::from_str(&text).unwrap();
        assert_eq!((&read, read.id()), (&policy, policy.id()));
        let bytes = encode(&policy);
        assert_eq!(did_registry::canonical::decode::<Policy>(&bytes, bytes.len()), Ok(policy));
    }
}

#[test]
fn json_with_unknown_members_is_refused() {
    let mut value = serde_json::to_value(sensible()).unwrap();
    assert!(serde_json::from_value::<Policy>(value.clone()).is_ok());
    value["surprise"] = json!(1);
    assert!(serde_json::from_value::<Policy>(value.clone()).is_err());
    value.as_object_mut().unwrap().remove("surprise");
    value["predicates"][0]["surprise"] = json!(1);
    assert!(serde_json::from_value::<Policy>(value).is_err());
}
