mod documents;

use serde_json::{Map, Value, json};

use did_registry::{ClaimSpec, Genesis, NetworkId, SigningKey, Suite};

use super::*;

const TODAY: &str = "2021-06-15";

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

fn verifier(seed: u8) -> Did {
    let key = SigningKey::from_bytes(Suite::Ed25519, &[seed; 32]).unwrap().public_key();
    Genesis::new(NetworkId::new("test").unwrap(), key.clone(), key.commitment()).did()
}

fn schema() -> Schema {
    let claims = [
        ("name", ClaimKind::Text { max: 80 }),
        ("dose", ClaimKind::Integer { min: -5, max: 9 }),
        ("tested_on", ClaimKind::Date),
        ("negative", ClaimKind::Boolean),
        ("colour", ClaimKind::Code { of: ["green", "amber", "red"].map(str::to_owned).into() }),
    ];
    let claims = claims.map(|(name, kind)| (name.to_owned(), ClaimSpec { kind, required: false }));
    Schema {
        credential_type: CredentialType::new("HealthCertificate").unwrap(),
        version: 1,
        claims: claims.into(),
    }
}

fn claims(value: Value) -> Claims {
    let Value::Object(map) = value else { unreachable!() };
    schema().check_partial(&map).unwrap()
}

fn predicate(claim: &str, test: Test) -> Predicate {
    Predicate { claim: claim.into(), test }
}

fn policy(predicates: Vec<Predicate>) -> Policy {
    Policy {
        verifier: verifier(1),
        name: "entry-2021".into(),
        version: 4,
        purpose: "To let you in without quarantine".into(),
        credential_type: schema().credential_type,
        schema: schema().id(),
        predicates,
        retained: BTreeSet::new(),
        from: Timestamp::from_seconds(1_600_000_000).unwrap(),
        until: Timestamp::from_seconds(1_700_000_000).unwrap(),
        pass: Some(PassTerms { credential_type: CredentialType::new("Pass").unwrap(), hours: 24 }),
        proof: None,
    }
}

fn sensible() -> Policy {
    let mut policy = policy(vec![
        predicate("negative", Test::Equals(Operand::Boolean(true))),
        predicate("tested_on", Test::AtLeast(Operand::DaysFromToday(-7))),
    ]);
    policy.retained.insert("negative".into());
    policy
}

/// Whether one test holds on one claim's value.
fn holds(claim: &str, test: Test, value: Value) -> bool {
    let outcome = policy(vec![predicate(claim, test)])
        .evaluate(&claims(Map::from_iter([(claim.to_owned(), value)]).into()), date(TODAY));
    match outcome {
        Part::Good => true,
        Part::Bad(finding) => {
            assert_eq!(finding.code, Reason::RuleFailed);
            false
        }
        other => panic!("{other:?}"),
    }
}

fn texts(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn equals_takes_the_same_value_only() {
    let text = || Test::Equals(Operand::Text("green".into()));
    assert!(holds("colour", text(), json!("green")));
    assert!(!holds("colour", text(), json!("red")));
    assert!(!holds("name", Test::Equals(Operand::Text("Ana".into())), json!("ana")));
    assert!(!holds("name", Test::Equals(Operand::Text("Ana".into())), json!("Ana ")));
    for (value, expected) in [(1, false), (2, true), (3, false)] {
        assert_eq!(holds("dose", Test::Equals(Operand::Integer(2)), json!(value)), expected);
    }
    for (value, expected) in [(true, true), (false, false)] {
        assert_eq!(holds("negative", Test::Equals(Operand::Boolean(true)), json!(value)), expected);
        assert_eq!(holds("negative", Test::Equals(Operand::Boolean(false)), json!(value)), !expected);
    }
    for (day, expected) in [("2021-06-09", false), ("2021-06-10", true), ("2021-06-11", false)] {
        assert_eq!(holds("tested_on", Test::Equals(Operand::Date(date("2021-06-10"))), json!(day)), expected);
        assert_eq!(holds("tested_on", Test::Equals(Operand::DaysFromToday(-5)), json!(day)), expected);
    }
}

#[test]
fn one_of_takes_listed_texts_only() {
    let test = || Test::OneOf(texts(&["green", "amber"]));
    for (colour, expected) in [("green", true), ("amber", true), ("red", false)] {
        assert_eq!(holds("colour", test(), json!(colour)), expected, "{colour}");
    }
    assert!(!holds("name", test(), json!("greens")));
    assert!(!holds("name", Test::OneOf(BTreeSet::new()), json!("anything")));
}

#[test]
fn at_least_and_at_most_include_their_bound() {
    for (dose, least, most) in [(1, false, true), (2, true, true), (3, true, false), (-5, false, true)] {
        assert_eq!(holds("dose", Test::AtLeast(Operand::Integer(2)), json!(dose)), least, "{dose}");
        assert_eq!(holds("dose", Test::AtMost(Operand::Integer(2)), json!(dose)), most, "{dose}");
    }
    let days = [("2021-06-07", false, true), ("2021-06-08", true, true), ("2021-06-09", true, false)];
    for (day, least, most) in days {
        assert_eq!(
            holds("tested_on", Test::AtLeast(Operand::Date(date("2021-06-08"))), json!(day)),
            least,
            "{day}"
        );
        assert_eq!(
            holds("tested_on", Test::AtMost(Operand::Date(date("2021-06-08"))), json!(day)),
            most,
            "{day}"
        );
        // Seven days before the day of the check is the same day.
        assert_eq!(holds("tested_on", Test::AtLeast(Operand::DaysFromToday(-7)), json!(day)), least, "{day}");
        assert_eq!(holds("tested_on", Test::AtMost(Operand::DaysFromToday(-7)), json!(day)), most, "{day}");
    }
}

#[test]
fn relative_days_move_with_the_day_of_the_check() {
    let rule = policy(vec![predicate("tested_on", Test::AtLeast(Operand::DaysFromToday(-7)))]);
    let tested = claims(json!({"tested_on": "2021-06-08"}));
    for (today, good) in
        [("2021-06-08", true), ("2021-06-14", true), ("2021-06-15", true), ("2021-06-16", false)]
    {
        assert_eq!(rule.evaluate(&tested, date(today)) == Part::Good, good, "{today}");
    }
    // Across a leap day and a year's end.
    for (tested, today, good) in [
        ("2024-02-28", "2024-03-06", true),
        ("2024-02-28", "2024-03-07", false),
        ("2020-12-28", "2021-01-04", true),
        ("2020-12-27", "2021-01-04", false),
    ] {
        assert_eq!(
            rule.evaluate(&claims(json!({"tested_on": tested})), date(today)) == Part::Good,
            good,
            "{tested} {today}"
        );
    }
    let coming = policy(vec![predicate("tested_on", Test::AtMost(Operand::DaysFromToday(0)))]);
    for (day, good) in [("2021-06-14", true), (TODAY, true), ("2021-06-16", false)] {
        assert_eq!(
            coming.evaluate(&claims(json!({"tested_on": day})), date(TODAY)) == Part::Good,
            good,
            "{day}"
        );
    }
    let extreme = policy(vec![predicate("tested_on", Test::AtLeast(Operand::DaysFromToday(i32::MIN)))]);
    assert_eq!(extreme.evaluate(&tested, date(TODAY)), Part::Good);
}

#[test]
fn a_missing_claim_leaves_the_rule_open() {
    let Part::Open(finding) = sensible().evaluate(&claims(json!({"negative": true})), date(TODAY)) else {
        panic!()
    };
    assert_eq!(finding.code, Reason::RuleOpen);
    assert!(finding.detail.contains("tested_on"), "{}", finding.detail);
}

#[test]
fn a_failure_outweighs_what_is_open() {
    let failing = claims(json!({"negative": false}));
    for predicates in [sensible().predicates, sensible().predicates.into_iter().rev().collect()] {
        let Part::Bad(finding) = policy(predicates).evaluate(&failing, date(TODAY)) else { panic!() };
        assert_eq!(finding.code, Reason::RuleFailed);
    }
}

#[test]
fn findings_name_the_first_failing_predicate_and_no_value() {
    let failing = claims(json!({"negative": true, "tested_on": "2020-02-29"}));
    let Part::Bad(finding) = sensible().evaluate(&failing, date(TODAY)) else { panic!() };
    assert_eq!(finding.detail, "entry-2021 v4 predicate 2: tested on is on or after the day 7 days ago");
    assert!(!finding.detail.contains("2020"), "the holder's date stays out");
}

#[test]
fn all_predicates_count() {
    let good = json!({"negative": true, "tested_on": "2021-06-15"});
    assert_eq!(sensible().evaluate(&claims(good), date(TODAY)), Part::Good);
    // Two conditions on one claim make a window.
    let window = policy(vec![
        predicate("dose", Test::AtLeast(Operand::Integer(2))),
        predicate("dose", Test::AtMost(Operand::Integer(3))),
    ]);
    for (dose, good) in [(1, false), (2, true), (3, true), (4, false)] {
        assert_eq!(
            window.evaluate(&claims(json!({"dose": dose})), date(TODAY)) == Part::Good,
            good,
            "{dose}"
        );
    }
}

#[test]
fn values_of_the_wrong_kind_fail_closed() {
    let values = [
        ("name", json!("2021-06-15")),
        ("dose", json!(1)),
        ("tested_on", json!(TODAY)),
        ("negative", json!(true)),
    ];
    let tests = [
        ("name", Test::Equals(Operand::Text(TODAY.into()))),
        ("name", Test::OneOf(texts(&[TODAY, "1", "true"]))),
        ("dose", Test::Equals(Operand::Integer(1))),
        ("dose", Test::AtLeast(Operand::Integer(i64::MIN))),
        ("dose", Test::AtMost(Operand::Integer(i64::MAX))),
        ("tested_on", Test::Equals(Operand::Date(date(TODAY)))),
        ("tested_on", Test::AtLeast(Operand::Date(date("0000-01-01")))),
        ("tested_on", Test::AtMost(Operand::Date(date("9999-12-31")))),
        ("negative", Test::Equals(Operand::Boolean(true))),
    ];
    for (fits, test) in &tests {
        for (claim, value) in &values {
            assert_eq!(holds(claim, test.clone(), value.clone()), claim == fits, "{test:?} on {claim}");
        }
    }
    // Texts and booleans have no order, even against themselves.
    for operand in [Operand::Text("a".into()), Operand::Boolean(true)] {
        for (claim, value) in &values {
            assert!(!holds(claim, Test::AtLeast(operand.clone()), value.clone()));
            assert!(!holds(claim, Test::AtMost(operand.clone()), value.clone()));
        }
    }
}

#[test]
fn a_policy_applies_within_its_window() {
    let rule = sensible();
    for (seconds, applies) in
        [(1_599_999_999, false), (1_600_000_000, true), (1_699_999_999, true), (1_700_000_000, false)]
    {
        assert_eq!(rule.applies_at(Timestamp::from_seconds(seconds).unwrap()), applies, "{seconds}");
    }
}

#[test]
fn it_asks_for_its_claims_and_no_others() {
    assert_eq!(sensible().claims(), BTreeSet::from(["negative", "tested_on"]));
}

#[test]
fn the_rule_reads_as_sentences() {
    let rule = policy(vec![
        predicate("tested_on", Test::AtLeast(Operand::DaysFromToday(-7))),
        predicate("tested_on", Test::AtMost(Operand::DaysFromToday(0))),
        predicate("tested_on", Test::AtMost(Operand::DaysFromToday(3))),
        predicate("dose", Test::AtLeast(Operand::Integer(2))),
        predicate("dose", Test::AtMost(Operand::Integer(3))),
        predicate("negative", Test::Equals(Operand::Boolean(true))),
        predicate("colour", Test::OneOf(texts(&["amber", "green"]))),
        predicate("tested_on", Test::AtMost(Operand::Date(date("2021-12-31")))),
    ]);
    let sentences = [
        "tested on is on or after the day 7 days ago",
        "tested on is on or before today",
        "tested on is on or before the day in 3 days",
        "dose is at least 2",
        "dose is at most 3",
        "negative is yes",
        "colour is one of amber, green",
        "tested on is on or before 2021-12-31",
    ];
    assert_eq!(rule.explain(), sentences);
}
