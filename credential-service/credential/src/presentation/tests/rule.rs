//! The schema, then the anchored policy, on what is disclosed.

use super::*;

/// The detail of the rule's fault.
fn detail(decision: &Decision) -> &str {
    match &decision.verdict.rule {
        Part::Bad(finding) | Part::Open(finding) => &finding.detail,
        part => panic!("the rule was answered with {part:?}"),
    }
}

/// An issuer's signature does not make a claim one of the schema's, however little of it is shown.
#[test]
fn a_partially_disclosed_credential_that_breaks_its_schema_is_refused() {
    let world = World::new();
    for (name, value) in [
        ("result", json!("inconclusive")),
        ("result", json!("Negative")),
        ("result", json!(true)),
        ("sample_date", json!("2021-02-30")),
        ("sample_date", json!("31/05/2021")),
        ("sample_date", json!(18_778)),
        ("sample_date", json!(["2021-05-31"])),
    ] {
        let decision =
            world.decide_changed(SdJwtVc, |terms| drop(terms.claims.insert(name.into(), value.clone())));
        assert_faults(&decision, &["rule SCHEMA"]);
        assert!(detail(&decision).contains(name), "it names the claim");
        let text = value.as_str().unwrap_or("18778");
        assert!(!detail(&decision).contains(text) || text == "Negative", "and not its value");
        assert!(decision.claims.is_none());
    }
}

#[test]
fn claims_that_nobody_asked_for_are_held_to_the_schema_when_they_are_shown() {
    let world = World::new();
    let show = |claims: Value, names: &[&str]| {
        let mut terms = world.terms(SdJwtVc);
        terms.claims.extend(object(claims));
        let names = names.iter().copied().chain(["result", "sample_date"]).collect();
        let text = sd_jwt::present(&terms.sd_jwt(), &names, &world.es256, AUDIENCE, NONCE, noon()).unwrap();
        world.decide_text(SdJwtVc, &text)
    };
    assert_faults(&show(json!({"dose": 2}), &["dose", "full_name"]), &[]);
    for (claims, name) in [
        (json!({"dose": 99}), "dose"),
        (json!({"dose": "2"}), "dose"),
        (json!({"full_name": ""}), "full_name"),
        (json!({"full_name": "a name of more than twenty letters"}), "full_name"),
        (json!({"full_name": "line\nbreak"}), "full_name"),
        (json!({"passport_number": "MA1234567"}), "passport_number"),
    ] {
        let decision = show(claims.clone(), &[name]);
        assert_faults(&decision, &["rule SCHEMA"]);
        assert!(!detail(&decision).contains("MA1234567"));
        // Not shown, it is not known; the signature still holds.
        assert_faults(&show(claims, &[]), &[]);
    }
}

#[test]
fn a_pass_or_page_whose_claims_break_its_schema_is_refused() {
    let world = World::new();
    let with = |format, name: &str, value: Value| {
        world.decide_changed(format, |terms| drop(terms.claims.insert(name.into(), value)))
    };
    assert_faults(&with(Pass, "colour", json!("purple")), &["rule SCHEMA"]);
    assert_faults(&with(Pass, "full_name", json!("陳")), &["rule SCHEMA"]);
    assert_faults(&with(Pass, "verdict", json!("refuse")), &["rule SCHEMA"]);
    assert_faults(&with(Printed, "result", json!("maybe")), &["rule SCHEMA"]);
    assert_faults(&with(Printed, "note", json!("x")), &["rule SCHEMA"]);
    // A page shows everything, so what is required must be there.
    let lacking = world.decide_changed(Printed, |terms| drop(terms.claims.remove("full_name")));
    assert_faults(&lacking, &["rule SCHEMA"]);
    assert!(detail(&lacking).contains("full_name") && lacking.claims.is_none(), "{lacking:?}");
}

/// Invariant 18 on paper: without a rule that the ledger holds, and that says yes, nothing is accepted.
#[test]
fn a_page_is_held_to_the_policy_like_everything_else() {
    let mut world = World::new();
    let positive =
        world.decide_changed(Printed, |terms| drop(terms.claims.insert("result".into(), "positive".into())));
    assert_faults(&positive, &["rule RULE_FAILED"]);
    let page = world.shown(&world.terms(Printed));
    let under = |world: &World, policy: &Digest| {
        verify_printed(&page, policy, &world.facts, noon(), AgeLimits::default())
    };
    assert_faults(&under(&world, &world.gate.id()), &["rule WRONG_KIND"]);
    world.facts.policies.clear();
    assert_faults(&under(&world, &world.entry.id()), &["rule RULE_OPEN?"]);
}

#[test]
fn a_rule_that_says_no_is_named_with_its_version_and_predicate() {
    let world = World::new();
    let positive =
        world.decide_changed(SdJwtVc, |terms| drop(terms.claims.insert("result".into(), "positive".into())));
    assert_faults(&positive, &["rule RULE_FAILED"]);
    assert_eq!(detail(&positive), "entry v4 predicate 1: result is negative");
    let old = world.decide_changed(SdJwtVc, |terms| {
        drop(terms.claims.insert("sample_date".into(), "2021-05-24".into()))
    });
    assert_faults(&old, &["rule RULE_FAILED"]);
    assert!(detail(&old).contains("predicate 2") && !detail(&old).contains("2021-05-24"));
    let red = world.decide_changed(Pass, |terms| drop(terms.claims.insert("colour".into(), "red".into())));
    assert_faults(&red, &["rule SCHEMA"]); // a red pass is not issued, so there is no such pass
}

/// The same credential, decided on another day.
#[test]
fn a_rule_that_counts_from_today_is_counted_from_the_verifiers_day() {
    let world = World::new();
    let mut terms = world.terms(SdJwtVc);
    terms.claims.insert("sample_date".into(), "2021-05-26".into());
    let at = |days| {
        let now = noon().plus(days * DAY);
        let limits = AgeLimits { amber: 30 * DAY, refuse: 60 * DAY };
        faults(&world.verify(SdJwtVc, &world.shown_at(&terms, now), &Challenge { limits, ..challenge(now) }))
    };
    assert_eq!((at(0), at(1)), (vec![], vec![]));
    assert_eq!(at(2), ["rule RULE_FAILED"]);
}

#[test]
fn what_is_kept_back_leaves_the_rule_open() {
    let world = World::new();
    let terms = world.terms(SdJwtVc);
    let show = |terms: &Terms, names: &[&str]| {
        let names = names.iter().copied().collect();
        let text = sd_jwt::present(&terms.sd_jwt(), &names, &world.es256, AUDIENCE, NONCE, noon()).unwrap();
        world.decide_text(SdJwtVc, &text)
    };
    let decision = show(&terms, &["result"]);
    assert_faults(&decision, &["rule RULE_OPEN?"]);
    assert_eq!(detail(&decision), "entry v4 needs claim sample_date");
    assert_faults(&show(&terms, &[]), &["rule RULE_OPEN?"]);
    let mut positive = terms;
    positive.claims.insert("result".into(), "positive".into());
    assert_faults(&show(&positive, &["result"]), &["rule RULE_FAILED"]);
}

/// W6: the rule is the verifier's and the ledger's; what is shown cannot name another.
#[test]
fn a_rule_that_the_facts_lack_decides_nothing() {
    let mut world = World::new();
    let text = world.shown(&world.terms(SdJwtVc));
    let under = |world: &World, policy: &Digest| {
        verify_presentation(&text, policy, &world.facts, &challenge(noon()), None)
    };
    let mut easier = world.entry.clone();
    easier.predicates.truncate(1);
    assert_faults(&under(&world, &easier.id()), &["rule RULE_OPEN?"]);
    world.facts.schemas.remove(&world.entry.schema);
    assert_faults(&under(&world, &world.entry.id()), &["rule RULE_OPEN?"]);
    world.facts.policies.clear();
    let decision = under(&world, &world.entry.id());
    assert_faults(&decision, &["rule RULE_OPEN?"]);
    assert_eq!(detail(&decision), "the policy is not in the trust bundle");
}

#[test]
fn a_rule_applies_from_its_start_to_its_end() {
    for format in FORMATS {
        let within = |from, until| {
            let mut world = World::new();
            let policy = if format == Pass { &mut world.gate } else { &mut world.entry };
            (policy.from, policy.until) = (from, until);
            world.facts.policies.insert(policy.id(), policy.clone());
            faults(&world.decide(&world.terms(format)))
        };
        let (start, end) = (noon().minus(DAY), noon().plus(DAY));
        assert_eq!((within(start, end), within(noon(), end)), (vec![], vec![]));
        assert_eq!(within(noon().plus(1), end), ["rule RULE_OPEN?"]);
        assert_eq!(within(start, noon()), ["rule RULE_OPEN?"]);
    }
}

#[test]
fn another_version_of_the_schema_is_another_kind() {
    let mut world = World::new();
    for format in FORMATS {
        let old = if format == Pass { pass_schema(&kind("HealthPass")) } else { test_schema() };
        let newer = Schema { version: 2, ..old };
        world.facts.schemas.insert(newer.id(), newer.clone());
        let name = type_name(&newer.credential_type, &newer.id());
        let decision = world.decide_changed(format, |terms| terms.kind = name);
        assert_faults(&decision, &["rule WRONG_KIND"]);
        assert!(decision.claims.is_none(), "claims of another schema say nothing");
    }
}
