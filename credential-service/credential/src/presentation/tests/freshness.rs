//! For this verifier, this challenge, just now; and on facts that are neither stale nor from the future.

use super::*;

#[test]
fn what_satisfies_the_policy_is_accepted_with_its_ages_and_source() {
    let world = World::new();
    for format in FORMATS {
        let terms = world.terms(format);
        let decision = world.decide(&terms);
        assert_faults(&decision, &[]);
        let ages = decision.ages.unwrap();
        assert_eq!((ages.keys, ages.rules, ages.status, ages.amber), (60, 60, Some(60), false));
        let source = decision.source.unwrap();
        assert_eq!((&source.issuer, source.status_epoch), (world.agency.did(), Some(3)));
        assert_eq!((source.issued, source.holder, source.status), (terms.issued, terms.holder, terms.status));
        let parts = decision.verdict.parts().map(|(name, part)| (name, *part == Part::Good));
        let good = |name| parts.contains(&(name, true));
        for name in ["integrity", "issuer", "validity", "status", "rule"] {
            assert!(good(name), "{format:?} {name}");
        }
        for name in ["holder", "freshness"] {
            assert_eq!(good(name), format != Printed, "{format:?} {name}");
        }
    }
    // Of the certificate, the policy's claims and no others.
    let claims = world.decide(&world.terms(SdJwtVc)).claims.unwrap();
    assert_eq!(claims.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["result", "sample_date"]);
}

/// W1: audience and nonce are signed.
#[test]
fn what_is_shown_to_one_verifier_for_one_challenge_is_good_for_no_other() {
    let world = World::new();
    for format in HELD {
        let text = world.shown(&world.terms(format));
        let asked = challenge(noon());
        for other in [
            Challenge { audience: "gate 8", ..asked },
            Challenge { audience: "", ..asked },
            Challenge { nonce: "9kJ3", ..asked },
            Challenge { nonce: "", ..asked },
        ] {
            let decision = world.verify(format, &text, &other);
            assert_faults(&decision, &["freshness WRONG_AUDIENCE"]);
            assert_eq!(decision.verdict.holder, Part::NotChecked, "nobody showed this here");
            assert_eq!(decision.verdict.rule, Part::Good, "the other parts are answered all the same");
        }
    }
}

#[test]
fn an_answer_takes_at_most_as_long_as_the_verifier_waits() {
    let world = World::new();
    for (format, last) in [(SdJwtVc, ANSWER + LEEWAY), (Pass, ANSWER)] {
        let text = world.shown(&world.terms(format));
        assert_faults(&world.verify(format, &text, &challenge(noon().plus(last))), &[]);
        let late = world.verify(format, &text, &challenge(noon().plus(last + 1)));
        assert_faults(&late, &["freshness EXPIRED"]);
    }
}

#[test]
fn an_answer_from_the_future_is_refused() {
    let world = World::new();
    for format in HELD {
        let terms = world.terms(format);
        let early =
            |seconds| world.verify(format, &world.shown_at(&terms, noon().plus(seconds)), &challenge(noon()));
        assert_faults(&early(LEEWAY), &[]);
        assert_faults(&early(LEEWAY + 1), &["freshness NOT_YET_VALID"]);
    }
}

#[test]
fn a_credential_is_accepted_from_its_start_to_its_end() {
    let world = World::new();
    for format in FORMATS {
        let window = |issued, expires| {
            let decision =
                world.decide_changed(format, |terms| (terms.issued, terms.expires) = (issued, expires));
            faults(&decision)
        };
        let (start, end) = (noon().minus(HOUR), noon().plus(HOUR));
        // The issuer's clock and the verifier's may differ by the leeway.
        assert_eq!(window(noon().plus(LEEWAY), end), [""; 0]);
        let early = window(noon().plus(LEEWAY + 1), end);
        assert!(!early.is_empty() && early.iter().all(|fault| fault.ends_with("NOT_YET_VALID")), "{early:?}");
        assert_eq!(window(start, noon().minus(LEEWAY - 1)), [""; 0]);
        assert_eq!(window(start, noon().minus(LEEWAY)), ["validity EXPIRED"]);
    }
}

/// P4: amber at 24 hours; at 72 nothing is decided.
#[test]
fn facts_grow_old_visibly_and_then_decide_nothing() {
    let world = World::new();
    let as_of = world.facts.as_of.time;
    for format in FORMATS {
        let terms = world.terms(format);
        let at = |age| world.decide_at(&terms, as_of.plus(age));
        for (age, amber) in [(DAY - 1, false), (DAY, true), (3 * DAY - 1, true)] {
            let decision = at(age);
            assert_faults(&decision, &[]);
            let ages = decision.ages.unwrap();
            assert_eq!((ages.keys, ages.amber), (age, amber), "{format:?}");
        }
        let stale = at(3 * DAY);
        assert_faults(&stale, &["freshness LIST_STALE?"]);
        assert_eq!(stale.ages, None);
        let strict = Challenge { limits: AgeLimits { amber: 10, refuse: 20 }, ..challenge(noon()) };
        let decision = world.verify(format, &world.shown(&terms), &strict);
        assert_faults(&decision, &["freshness LIST_STALE?"]);
    }
}

#[test]
fn stale_facts_excuse_nothing_that_is_bad_on_them() {
    let mut world = World::new();
    world.set_status(5, Status::Invalid);
    let now = world.facts.as_of.time.plus(4 * DAY);
    for format in FORMATS {
        let decision = world.decide_at(&world.terms(format), now);
        assert_faults(&decision, &["status REVOKED", "freshness LIST_STALE?"]);
    }
    // A replay is not turned into "try again later".
    for format in HELD {
        let text = world.shown_at(&world.terms(format), now);
        let replayed = world.verify(format, &text, &Challenge { nonce: "other", ..challenge(now) });
        assert_faults(&replayed, &["status REVOKED", "freshness WRONG_AUDIENCE"]);
    }
}

#[test]
fn a_clock_behind_the_facts_is_suspect() {
    let world = World::new();
    for format in FORMATS {
        let terms = world.terms(format);
        let behind = |seconds| world.decide_at(&terms, world.facts.as_of.time.minus(seconds));
        assert_faults(&behind(300), &[]);
        assert_faults(&behind(301), &["freshness CLOCK_SUSPECT?"]);
        let far = behind(30 * DAY);
        assert_eq!(far.verdict.overall(), Overall::Refuse, "nor does it bring back what has not begun");
        assert_eq!(far.ages, None);
    }
}
