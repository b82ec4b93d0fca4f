use proptest::prelude::*;
use serde_json::json;

use super::*;

const LIMITS: Limits = Limits::of(4096);

fn read(text: &str) -> Result<Value, JsonError> {
    parse(text.as_bytes(), LIMITS)
}

#[test]
fn a_member_named_twice_is_refused_at_any_level() {
    for text in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"\u0061":2}}]"#] {
        assert_eq!(read(text), Err(JsonError::DuplicateMember), "{text}");
    }
}

#[test]
fn depth_is_bounded_and_hostile_nesting_does_not_overflow_the_stack() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(&nested(16)).is_ok());
    assert_eq!(read(&nested(17)), Err(JsonError::TooDeep { limit: 16 }));
    let hostile = "[".repeat(1_000_000);
    assert_eq!(parse(hostile.as_bytes(), Limits::of(1 << 21)), Err(JsonError::TooDeep { limit: 16 }));
    let wide_open = Limits { depth: usize::MAX, ..Limits::of(1 << 21) };
    assert!(matches!(parse(hostile.as_bytes(), wide_open), Err(JsonError::Malformed { .. })));
}

#[test]
fn size_and_number_of_values_are_bounded() {
    assert_eq!(parse(b"[1]", Limits::of(2)), Err(JsonError::TooLarge { limit: 2, got: 3 }));
    let four = Limits { nodes: 4, ..LIMITS };
    assert!(parse(b"[1,2,3]", four).is_ok());
    assert_eq!(parse(b"[1,2,3,4]", four), Err(JsonError::TooMany { limit: 4 }));
}

#[test]
fn broken_text_is_refused_with_its_place() {
    assert_eq!(parse(b"\"\xff\"", LIMITS), Err(JsonError::NotUtf8));
    assert_eq!(read("{}\n{}"), Err(JsonError::Malformed { line: 2, column: 1 }));
    for text in ["", "{", "01", "1e999", "\"\\ud800\"", "[1,]", "nul", "'a'", "{\"a\":1,}", "\"\t\""] {
        assert!(matches!(read(text), Err(JsonError::Malformed { .. })), "{text}");
    }
    assert_eq!(parse_object(b"[]", LIMITS), Err(JsonError::NotObject));
}

#[test]
fn integers_that_a_double_rounds_are_refused() {
    for text in ["9007199254740992", "-9007199254740992", "18446744073709551615"] {
        assert_eq!(read(text), Err(JsonError::InexactInteger), "{text}");
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(check(&json!([value]), LIMITS), Err(JsonError::InexactInteger), "{text}");
    }
    for text in ["9007199254740991", "-9007199254740991", "1e30", "0.1"] {
        assert!(read(text).is_ok(), "{text}");
    }
}

/// Over 64 bits they arrive as doubles, like numbers that were written as such.
#[test]
fn integers_over_64_bits_are_refused_and_doubles_are_not() {
    for number in [
        "18446744073709551616",
        "18446744073709551617",
        "-9223372036854775809",
        "-18446744073709551617",
        "1000000000000000000000000000000",
    ] {
        for text in [
            number.to_owned(),
            format!("[1E30,{number}]"),
            format!("{{\"a\":{number}}}"),
            format!(r#"["\"",{number},"\\"]"#),
            format!("[true,false,null,{number}\n]"),
        ] {
            assert_eq!(read(&text), Err(JsonError::InexactInteger), "{text}");
        }
    }
    for text in [
        "1E30",
        "-1e+30",
        "18446744073709551617.0",
        "18446744073709551617e0",
        "[1e30,1]",
        r#"[1e30,"18446744073709551617"]"#,
        r#"[1e30,"\",18446744073709551617"]"#,
        r#"{"18446744073709551617":1e30}"#,
        r#"[1e30,"\\",0.18446744073709551617]"#,
    ] {
        assert!(read(text).is_ok(), "{text}");
    }
    assert!(matches!(read("[18446744073709551617"), Err(JsonError::Malformed { .. })));
}

/// RFC 8785, appendix B: bits of a double, and its canonical form, which reads back as the same double.
#[test]
fn numbers_are_written_as_in_appendix_b_of_rfc_8785() {
    for (bits, text) in [
        (0x0000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ] {
        let number = f64::from_bits(bits);
        assert_eq!(String::from_utf8(canonical(&json!(number))).unwrap(), text);
        let value = parse_rounding(text.as_bytes(), LIMITS).unwrap();
        assert_eq!(value.as_f64().map(f64::to_bits), Some(bits), "{text}");
        assert_eq!(String::from_utf8(canonical(&value)).unwrap(), text);
    }
    assert_eq!(canonical(&json!(-0.0)), b"0");
    // What the strict reader keeps apart.
    let rounded = |text: &str| canonical(&parse_rounding(text.as_bytes(), LIMITS).unwrap());
    assert_eq!(rounded("9007199254740993"), rounded("9007199254740992"));
    assert_eq!(rounded("-9007199254740993"), rounded("-9007199254740992"));
    assert_eq!(rounded("18446744073709551617"), rounded("18446744073709551616"));
    for text in ["[1,]", r#"{"a":1,"a":1}"#, "1e999"] {
        assert_eq!(parse_rounding(text.as_bytes(), LIMITS), read(text), "{text}");
    }
}

#[test]
fn a_value_made_elsewhere_is_held_to_the_same_limits() {
    let mut deep = json!(1);
    for _ in 0..17 {
        deep = json!({"a": deep});
    }
    assert_eq!(check(&deep, LIMITS), Err(JsonError::TooDeep { limit: 16 }));
    assert_eq!(check(&deep["a"], LIMITS), Ok(()));
    assert_eq!(check(&json!([1, 2]), Limits { nodes: 2, ..LIMITS }), Err(JsonError::TooMany { limit: 2 }));
    assert_eq!(check(&json!({"ab": "cd"}), Limits::of(3)), Err(JsonError::TooLarge { limit: 3, got: 4 }));
}

/// The example of RFC 8785 §3.2.2 and its sorting example of §3.2.3.
#[test]
fn canonical_form_is_that_of_the_rfc() {
    let value = r#"{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],
        "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#;
    let expected = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\
                    \"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
    assert_eq!(String::from_utf8(canonical(&read(value).unwrap())).unwrap(), expected);
    let names =
        json!({"\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7});
    let sorted =
        "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}";
    assert_eq!(String::from_utf8(canonical(&names)).unwrap(), sorted);
}

/// Any value within the limits.
pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-(1i64 << 53) + 1..1i64 << 53).prop_map(Value::from),
        proptest::num::f64::NORMAL.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: proptest::test_runner::RngSeed::Fixed(7), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn printing_and_reading_gives_the_value_back(value in any_value()) {
        let limits = Limits::of(1 << 20);
        prop_assert_eq!(parse(value.to_string().as_bytes(), limits), Ok(value.clone()));
        prop_assert_eq!(check(&value, limits), Ok(()));
    }

    #[test]
    fn canonical_bytes_are_the_reference_implementations(value in any_value(), name in "[\u{0}-\u{10ffff}]{0,3}") {
        let reference = |value: &Value| serde_json_canonicalizer::to_vec(value).unwrap();
        prop_assert_eq!(canonical(&value), reference(&value));
        let object = json!({name: value, "\u{1f600}": -0.0, "\u{fb33}": 1e21, "": u64::MAX});
        prop_assert_eq!(canonical(&object), reference(&object));
        prop_assert_eq!(canonical_object(object.as_object().unwrap()), reference(&object));
    }
}
