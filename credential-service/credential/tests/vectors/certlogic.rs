//! CertLogic: published rules with their tests, and the language's own test files.

use std::path::PathBuf;

use credential::certlogic::{CertLogicError, Expression};
use serde_json::{Value, json};

fn root() -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../../../shared/data/certlogic")
}

fn read(path: &PathBuf) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

fn files(path: PathBuf) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_published_rule_decides_as_its_tests_say() {
    let (mut rules, mut tests) = (0, [0, 0]);
    for set in files(root().join("rules")).into_iter().filter(|path| path.is_dir()) {
        for rule in files(set) {
            let expression = Expression::parse(&read(&rule.join("rule.json"))["Logic"]).unwrap();
            rules += 1;
            for test in files(rule.join("tests")) {
                let case = read(&test);
                let document = json!({"payload": case["payload"], "external": case["external"]});
                let (value, expected) = (expression.evaluate(&document), &case["expected"]);
                assert_eq!(value.as_ref(), Ok(expected), "{}", test.display());
                tests[usize::from(expected == &Value::Bool(true))] += 1;
            }
        }
    }
    assert_eq!((rules, tests), (72, [154, 319]));
}

#[test]
fn the_languages_own_assertions_hold_extensions_among_them() {
    let mut count = 0;
    for file in files(root().join("testSuite")) {
        for case in read(&file)["cases"].as_array().unwrap() {
            for assertion in case["assertions"].as_array().unwrap() {
                let logic = assertion.get("certLogicExpression").unwrap_or(&case["certLogicExpression"]);
                let value = Expression::parse(logic).unwrap().evaluate(&assertion["data"]).unwrap();
                assert_eq!(value, assertion["expected"], "{}: {}: {assertion}", file.display(), case["name"]);
                count += 1;
            }
        }
    }
    assert_eq!(count, 103);
}

#[test]
fn what_is_wrong_with_a_form_is_said_of_the_part_that_is_wrong() {
    let mut count = 0;
    for file in files(root().join("validation-testSuite")) {
        for case in read(&file)["cases"].as_array().unwrap() {
            let found = Expression::parse(&case["certLogicExpression"]).err().unwrap_or_default();
            let found: Vec<Value> = found.into_iter().map(|issue| issue.expression).collect();
            let expected: Vec<Value> =
                case["issues"].as_array().unwrap().iter().map(|issue| issue["expr"].clone()).collect();
            assert_eq!(found, expected, "{case}");
            count += 1;
        }
    }
    assert_eq!(count, 11);
}

fn evaluated(logic: Value, document: Value) -> Result<Value, CertLogicError> {
    Expression::parse(&logic).unwrap().evaluate(&document)
}

#[test]
fn nothing_is_coerced_and_null_is_no_number() {
    let refused = [
        json!({">": [{"var": "x"}, 1]}),
        json!({"+": ["1", 1]}),
        json!({"after": ["2021-01-01", "2021-01-02"]}),
        json!({"plusTime": [{"plusTime": ["2021-01-01", 0, "day"]}, 1, "day"]}),
        json!({"plusTime": ["2022-13", 1, "day"]}),
        json!({"plusTime": ["2021-02-29", 1, "day"]}),
        json!({"plusTime": ["9999-12-31", 1, "year"]}),
        json!({"plusTime": ["2021-01-01", i64::MAX, "hour"]}),
        json!({"in": [1, "1"]}),
        json!({"reduce": ["text", 1, 1]}),
        json!({"if": [{"plusTime": ["2021-01-01", 0, "day"]}, 1, 2]}),
        json!({"!": [{"var": "half"}]}),
        json!({"+": [i64::MAX, 1]}),
        json!({"extractFromUVCI": [1, 1]}),
    ];
    for logic in refused {
        let value = evaluated(logic.clone(), json!({"half": 0.5}));
        assert!(value.is_err(), "{logic}: {value:?}");
    }
}

#[test]
fn dates_run_over_and_zones_are_added_first() {
    let plus = |text: &str, amount: i64, unit: &str| {
        evaluated(json!({"plusTime": [text, amount, unit]}), Value::Null).unwrap()
    };
    for (text, amount, unit, expected) in [
        ("2020-02-29", 1, "year", "2021-03-01T00:00:00.000Z"),
        ("2020-02-29", 1, "month", "2020-03-29T00:00:00.000Z"),
        ("2021-01-31", 1, "month", "2021-03-03T00:00:00.000Z"),
        ("2021-01-31", -11, "month", "2020-03-02T00:00:00.000Z"),
        ("2021", 0, "day", "2021-12-31T00:00:00.000Z"),
        ("2020-02", 0, "day", "2020-02-29T00:00:00.000Z"),
        ("2021-06-01T01:00:00.1239+0200", 0, "hour", "2021-05-31T23:00:00.123Z"),
        ("2021-06-01T01:00:00+2", 0, "hour", "2021-05-31T23:00:00.000Z"),
        ("2021-06-01T01:00:00-930", 0, "hour", "2021-06-01T10:30:00.000Z"),
        ("2021-06-01T01:00:00+5:30", 0, "hour", "2021-05-31T19:30:00.000Z"),
        ("1969-12-31T23:59:59", -1, "hour", "1969-12-31T22:59:59.000Z"),
    ] {
        assert_eq!(plus(text, amount, unit), expected, "{text} + {amount} {unit}");
    }
    for text in [
        "2021-6-01",
        "2021-06-01T24:00:00",
        "2021-06-01T01:00",
        "2021-06-01T01:00:00+",
        "21",
        "2021-06-01Z",
        "２０２１",
    ] {
        let logic = json!({"plusTime": [text, 0, "day"]});
        assert_eq!(evaluated(logic, Value::Null), Err(CertLogicError::Time(text.into())));
    }
}

#[test]
fn what_grows_without_end_is_stopped() {
    let many = json!({"x": vec![0; 2_000]});
    let each = json!({"reduce": [{"var": "x"}, {"reduce": [{"var": "data.x"}, {"+": [{"var": "accumulator"}, 1]}, 0]}, 0]});
    assert_eq!(evaluated(each, many.clone()), Err(CertLogicError::Steps));
    let few = json!({"x": vec![0; 60]});
    let doubling = json!({"reduce": [{"var": "x"}, [{"var": "accumulator"}, {"var": "accumulator"}], 1]});
    assert_eq!(evaluated(doubling, few), Err(CertLogicError::Steps), "written out it has 2⁶⁰ items");
    let text = json!({"x": vec![0; 16], "y": "a".repeat(100_000)});
    let copies =
        json!({"reduce": [{"var": "x"}, [{"var": "accumulator"}, {"var": "accumulator"}], {"var": "y"}]});
    assert_eq!(evaluated(copies, text), Err(CertLogicError::Steps), "2¹⁶ copies of a long text");
    for deeper in [json!([{"var": "accumulator"}]), json!({"var": ""})] {
        let nesting = json!({"reduce": [{"var": "x"}, deeper, 1]});
        assert!(matches!(evaluated(nesting, many.clone()), Err(CertLogicError::Bounds(_))));
    }
    let mut deep = json!(true);
    for _ in 0..100 {
        deep = json!({"!": [deep]});
    }
    assert_eq!(Expression::parse(&deep).unwrap_err().len(), 1);
}
