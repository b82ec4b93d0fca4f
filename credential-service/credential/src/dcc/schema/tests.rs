use serde_json::json;

use super::*;

fn vaccination() -> Value {
    json!({
        "ver": "1.3.0", "nam": {"fnt": "DOE"}, "dob": "1958-11-11",
        "v": [{"tg": "840539006", "vp": "1119305005", "mp": "EU/1/20/1528", "ma": "ORG-100030215", "dn": 1, "sd": 2,
               "dt": "2021-02-18", "co": "AT", "is": "Ministry", "ci": "URN:UVCI:01:AT:1"}],
    })
}

/// `vaccination()` with the value at a JSON pointer replaced.
fn with(pointer: &str, value: Value) -> Value {
    let mut certificate = vaccination();
    *certificate.pointer_mut(pointer).expect("is in the example") = value;
    certificate
}

/// `vaccination()` without a member.
fn without(name: &str) -> Value {
    let mut certificate = vaccination();
    certificate.as_object_mut().expect("is an object").remove(name);
    certificate
}

fn reason(certificate: Value) -> Option<Reason> {
    read(certificate).err().map(|finding| finding.code)
}

#[test]
fn lenience_by_number() {
    let cases = [
        (
            "1 null",
            with("/v/0/is", json!("Ministry")).as_object().cloned().map(|mut object| {
                object.extend([("t".into(), Value::Null), ("r".into(), Value::Null)]);
                Value::Object(object)
            }),
        ),
        ("2 white space", Some(with("/v/0/ma", json!(" ORG-100030215\n")))),
        ("3 floats", Some(with("/v/0/dn", json!(1.0)))),
        ("4 dates: time", Some(with("/v/0/dt", json!("2021-03-18T22:54:00+02:00")))),
        ("4 dates: birth year", Some(with("/dob", json!("1958")))),
        ("4 dates: birth unknown", Some(with("/dob", json!("")))),
        ("4 dates: day unknown", Some(with("/dob", json!("1958-11-XX")))),
        ("4 dates: zone by name", Some(with("/v/0/dt", json!("2021-05-18T08:10:00+02:00[Europe/Vienna]")))),
        ("4 dates: separators", Some(with("/dob", json!("11.11.1958")))),
        ("4 dates: birth null", Some(with("/dob", Value::Null))),
        ("4 dates: birth absent", Some(without("dob"))),
        ("4 dates: birth day 00", Some(with("/dob", json!("1958-11-00")))),
        ("4 dates: birth month 00", Some(with("/dob", json!("1958-00-00T00:00:00")))),
        ("5 names", Some(with("/nam/fnt", json!("d'Ö 1")))),
        ("5 names: a forename", Some(with("/nam", json!({"fnt": null, "gnt": "JO"})))),
        ("5 names: as written", Some(with("/nam", json!({"fn": "Doe"})))),
        ("6 long texts", Some(with("/v/0/is", json!("ű".repeat(512))))),
        ("lines in a text", Some(with("/v/0/is", json!("Ministry\r\n\tof Health")))),
        (
            "7 empty lists",
            vaccination().as_object().cloned().map(|mut object| {
                object.extend([("t".into(), json!([])), ("r".into(), json!([]))]);
                Value::Object(object)
            }),
        ),
        ("8 no country", Some(with("/v/0/co", json!("")))),
        ("8 country", Some(with("/v/0/co", json!("at")))),
        ("9 version", Some(with("/ver", json!("1.0")))),
        ("9 version", Some(with("/ver", json!("1.3.0-rc1")))),
    ];
    for (name, certificate) in cases {
        let payload = read(certificate.expect("an object")).expect(name);
        let Entry::Vaccination(entry) = payload.entry() else { panic!("{name}: a vaccination") };
        assert_eq!((entry.dose, entry.doses, entry.maker.as_str()), (1, 2, "ORG-100030215"), "{name}");
    }
}

#[test]
fn what_stays_refused() {
    for (name, certificate) in [
        ("not a map", json!("certificate")),
        ("no entry", json!({"ver": "1.3.0", "nam": {"fnt": "DOE"}, "dob": ""})),
        ("an entry that is not in a list", with("/v", json!({}))),
        ("an entry that is not a map", with("/v/0", json!("v"))),
        ("null for a required field", with("/v/0/ci", Value::Null)),
        ("a number for a text", with("/v/0/tg", json!(840_539_006))),
        ("a text for a number", with("/v/0/dn", json!("1"))),
        ("dose zero", with("/v/0/dn", json!(0))),
        ("dose minus one", with("/v/0/dn", json!(-1))),
        ("dose one and a half", with("/v/0/sd", json!(1.5))),
        ("dose without end", with("/v/0/sd", json!(1e300))),
        ("no date", with("/v/0/dt", json!(""))),
        ("not a date", with("/v/0/dt", json!("yesterday"))),
        ("not a birth date", with("/dob", json!("unknown"))),
        ("a long date", with("/dob", json!("1".repeat(65)))),
        ("a day that is none", with("/v/0/dt", json!("2021-02-30"))),
        ("a month that is none", with("/v/0/dt", json!("2021-13-01"))),
        ("a day that is none, with a time", with("/v/0/dt", json!("2021-02-30T08:10:00Z"))),
        ("a day 00", with("/v/0/dt", json!("2021-02-00"))),
        ("a birth day that is none", with("/dob", json!("1958-02-29"))),
        ("a birth month that is none", with("/dob", json!("1958-13-00"))),
        ("no country at all", with("/v/0/co", Value::Null)),
        ("a birth date that is no text", with("/dob", json!(1958))),
        ("what JSON cannot say for a birth date", with("/dob", json!({}))),
        ("what JSON cannot say for a text", with("/v/0/is", json!({}))),
        ("what JSON cannot say for a list", with("/v", json!({}))),
        ("a very long text", with("/v/0/is", json!("a".repeat(513)))),
        ("a control character", with("/v/0/is", json!("a\u{1b}[31mb"))),
        ("version", with("/ver", json!("v1.3.0"))),
        ("version", with("/ver", json!(""))),
        ("no version", without("ver")),
        ("names that are not a map", with("/nam", json!("DOE"))),
        ("no name", with("/nam", json!({}))),
        ("names that are null", with("/nam", json!({"fnt": null, "gn": null}))),
        ("a name that is no text", with("/nam", json!({"fnt": 1, "gn": "Jo"}))),
    ] {
        assert_eq!(reason(certificate), Some(Reason::Schema), "{name}");
    }
}

#[test]
fn exactly_one_entry() {
    let entry = vaccination()["v"][0].clone();
    assert_eq!(reason(with("/v", json!([entry, entry]))), Some(Reason::MultipleEntries));
    assert_eq!(reason(with("/v", json!([entry, {}]))), Some(Reason::Schema), "the schema is asked first");
    let mut two_kinds = vaccination();
    two_kinds["r"] = json!([{"tg": "840539006", "fr": "2021-02-20", "df": "2021-04-04", "du": "2021-10-04",
                             "co": "AT", "is": "Ministry", "ci": "URN:UVCI:01:AT:2"}]);
    assert_eq!(kinds(&two_kinds), [Kind::Vaccination, Kind::Recovery]);
    assert_eq!(reason(two_kinds), Some(Reason::MultipleEntries));
}

#[test]
fn json_comes_back_plain() {
    let mut lenient = with("/v/0/dn", json!(1.0));
    lenient["t"] = Value::Null;
    lenient["v"][0]["co"] = json!(" AT ");
    lenient["v"][0]["unknown"] = json!({"a": 1});
    assert_eq!(read(lenient).expect("fits").to_json(), vaccination());
    let unnamed = read(with("/nam", json!({"gn": "Jo"}))).expect("fits").to_json();
    assert_eq!(unnamed["nam"], json!({"gn": "Jo"}));
    assert_eq!(read(without("dob")).expect("fits").to_json()["dob"], "");
}

#[test]
fn findings_and_debug_hold_no_values() {
    let finding = read(with("/v/0/dt", json!("SECRET"))).expect_err("not a date");
    assert_eq!(finding.detail, "v.dt is a date");
    let printed = format!("{:?}", read(vaccination()).expect("fits"));
    for value in ["DOE", "1958", "ORG", "Ministry", "UVCI"] {
        assert!(!printed.contains(value), "{printed}");
    }
}
