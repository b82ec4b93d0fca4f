//! Text forms: one spelling each, everything else refused.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use did_registry::{
    Date, Did, DidUrl, Digest, Genesis, NetworkId, PublicKey, SigningKey, Suite, Timestamp, digest,
};
use proptest::prelude::*;

fn did() -> Did {
    let key = SigningKey::from_bytes(Suite::Ed25519, &[1; 32]).unwrap().public_key();
    Genesis::new(NetworkId::new("demo").unwrap(), key.clone(), key.commitment()).did()
}

#[test]
fn a_did_reads_back() {
    let did = did();
    let text = did.to_string();
    assert_eq!(text.parse::<Did>().unwrap(), did);
    assert_eq!(serde_json::from_value::<Did>(serde_json::to_value(&did).unwrap()).unwrap(), did);
    assert_eq!(text, format!("did:causeway:demo:{}", bs58::encode(did.id().as_bytes()).into_string()));
    assert_eq!(did.network().as_str(), "demo");
    assert!(text.ends_with(did.short().trim_start_matches('…')) && did.short().chars().count() == 9);
}

#[test]
fn another_spelling_of_a_did_is_refused() {
    let text = did().to_string();
    let id = text.rsplit(':').next().unwrap();
    let bad = [
        String::new(),
        "did:causeway:demo:".into(),
        format!(" {text}"),
        format!("{text} "),
        format!("{text}#control"),
        format!("{text}:"),
        format!("did:Causeway:demo:{id}"),
        format!("did:key:demo:{id}"),
        format!("did:causeway:{id}"),
        format!("did:causeway::{id}"),
        format!("did:causeway:Demo:{id}"),
        format!("did:causeway:demo:1{id}"), // a leading zero byte more
        format!("did:causeway:demo:{}", id.get(3..).unwrap()),
        format!("did:causeway:demo:{}", id.replace(id.get(..1).unwrap(), "0")), // not in the alphabet
        format!("did:causeway:demo:{}", "2".repeat(100_000)),
    ];
    for text in bad {
        assert!(text.parse::<Did>().is_err(), "{}", text.get(..80).unwrap_or(&text));
    }
}

#[test]
fn networks_have_short_plain_names() {
    for good in ["a", "demo", "gd-mo-2", &"n".repeat(16)] {
        assert_eq!(NetworkId::new(good).unwrap().to_string(), good);
    }
    for bad in ["", "1a", "-a", "Demo", "a_b", "a:b", "网", &"n".repeat(17)] {
        assert!(NetworkId::new(bad).is_err(), "{bad:?}");
        assert!(serde_json::from_value::<NetworkId>(bad.into()).is_err(), "{bad:?}");
    }
}

#[test]
fn a_did_url_names_one_key() {
    let did = did();
    let url: DidUrl = did.url("assert-1").parse().unwrap();
    assert_eq!((url.did, url.fragment.as_str()), (did.clone(), "assert-1"));
    for bad in ["", "#", &did.to_string(), &did.url(""), &did.url("a#b"), &did.url("a b"), "#assert-1"] {
        assert!(bad.parse::<DidUrl>().is_err(), "{bad:?}");
    }
}

#[test]
fn a_digest_is_64_lower_case_digits() {
    let digest = Digest::sha256(b"");
    let text = digest.to_string();
    assert_eq!(text.parse::<Digest>().unwrap(), digest);
    for bad in ["", &text.to_uppercase(), &text[1..], &format!("{text}00"), &format!("0x{}", &text[2..])] {
        assert!(bad.parse::<Digest>().is_err(), "{bad}");
    }
}

/// Attack W3: fields without names or separators.
#[test]
fn w3_parts_of_a_digest_do_not_run_together() {
    let cases: [(&str, &[&[u8]]); 10] = [
        ("l", &[b"ab", b"c"]),
        ("l", &[b"a", b"bc"]),
        ("l", &[b"abc"]),
        ("l", &[b"", b"abc"]),
        ("l", &[b"abc", b""]),
        ("l", &[]),
        ("l", &[b""]),
        ("l", &[b"", b""]),
        ("m", &[b"abc"]),
        ("la", &[b"bc"]),
    ];
    let digests: BTreeSet<_> = cases.iter().map(|(label, parts)| digest(label, parts)).collect();
    assert_eq!(digests.len(), cases.len());
}

/// Every domain-separation label is a word of its own, so no digest serves two uses.
#[test]
fn labels_are_distinct_and_versioned() {
    let source = include_str!("../src/label.rs");
    let labels: Vec<&str> =
        source.lines().filter_map(|line| line.strip_prefix("pub const ")?.split('"').nth(1)).collect();
    assert!(labels.len() >= 20, "the list is read");
    for label in &labels {
        let version = label.rsplit('/').next().unwrap();
        assert!(label.starts_with("causeway/") && version.parse::<u8>().is_ok(), "{label}");
    }
    assert_eq!(labels.iter().collect::<BTreeSet<_>>().len(), labels.len());
}

#[test]
fn times_and_dates_have_bounds() {
    let last = Timestamp::from_seconds(253_402_300_799).unwrap();
    assert_eq!(last.to_string(), "9999-12-31T23:59:59Z");
    assert_eq!((last.plus(1), last.plus(u64::MAX)), (last, last));
    assert!(Timestamp::from_seconds(253_402_300_800).is_err());
    let epoch = Timestamp::default();
    assert_eq!((epoch.minus(1), epoch.since(last), last.since(epoch)), (epoch, 0, last.seconds()));

    let (first, end): (Date, Date) = ("0000-01-01".parse().unwrap(), "9999-12-31".parse().unwrap());
    assert_eq!(
        (first.plus_days(-1), first.plus_days(i32::MIN), end.plus_days(i32::MAX)),
        (first, first, end)
    );
    assert!(Date::from_days(first.days() - 1).is_err() && Date::from_days(end.days() + 1).is_err());
    assert_eq!((first.midnight(), end.midnight().date(), last.date()), (epoch, end, end));
    let bad = ["", "2021-06-01", "2021-06-01T00:00:00", "1969-12-31T23:59:59Z", "2021-02-30T00:00:00Z"];
    for bad in bad.into_iter().chain([&*format!("2021-06-01T00:00:00.{}Z", "0".repeat(40))]) {
        assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn times_and_dates_read_back(seconds in 0..=253_402_300_799u64, days in -719_528..=2_932_896i32) {
        let time = Timestamp::from_seconds(seconds).unwrap();
        prop_assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
        prop_assert!(time.date().midnight() <= time && time.since(time.date().midnight()) < 86_400);
        let date = Date::from_days(days).unwrap();
        prop_assert_eq!(date.to_string().parse::<Date>().unwrap(), date);
    }

    /// Text from outside is read to something that prints the same, or refused.
    #[test]
    fn any_text_is_one_spelling_or_refused(text in "\\PC{0,60}|did:causeway:[a-z0-9-]{0,18}:[1-9A-Za-z]{40,46}|[0-9]{1,5}-[0-9]{1,3}-[0-9]{1,3}|z[1-9A-Za-z]{40,60}") {
        if let Ok(did) = text.parse::<Did>() {
            prop_assert_eq!(did.to_string(), text.as_str());
        }
        if let Ok(date) = text.parse::<Date>() {
            prop_assert_eq!(date.to_string(), text.as_str());
        }
        if let Ok(key) = PublicKey::from_multibase(&text) {
            prop_assert_eq!(key.to_multibase(), text.as_str());
        }
        if let Ok(url) = text.parse::<DidUrl>() {
            prop_assert_eq!(url.did.url(&url.fragment), text.as_str());
        }
        let _ = (text.parse::<Timestamp>(), text.parse::<Digest>());
    }
}
