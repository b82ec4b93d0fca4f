//! A policy as a CertLogic rule, for verifiers that have an engine for that language and none of ours.

use did_registry::Date;
use serde_json::{Value, json};

use super::{Operand, Policy, Predicate, Test};

impl Policy {
    /// The rule as an expression over `{"payload": claims, "external": {"validationClock": day}}`, with the day of the check
    /// as `YYYY-MM-DD`. It is true for exactly the claims that [`Policy::evaluate`] calls good.
    pub fn certlogic(&self) -> Value {
        let rules: Vec<Value> = self.predicates.iter().map(Predicate::certlogic).collect();
        match <[Value; 1]>::try_from(rules) {
            Ok([rule]) => rule,
            Err(rules) => json!({ "and": rules }),
        }
    }
}

fn day(of: &Value, days: i32) -> Value {
    json!({"plusTime": [of, days, "day"]})
}

fn fixed(date: Date) -> Value {
    day(&date.to_string().into(), 0)
}

impl Predicate {
    fn certlogic(&self) -> Value {
        let claim = json!({"var": format!("payload.{}", self.claim)});
        let bound = |operand: &Operand| match operand {
            Operand::Text(text) => json!(text),
            Operand::Integer(number) => json!(number),
            Operand::Boolean(yes) => json!(yes),
            Operand::Date(date) => fixed(*date),
            Operand::DaysFromToday(days) => day(&json!({"var": "external.validationClock"}), *days),
        };
        let is_day = |operand: &Operand| matches!(operand, Operand::Date(_) | Operand::DaysFromToday(_));
        // A missing claim is null, of which neither a day nor an order can be asked.
        let dated = |operator: &str, bounds: [&Value; 2]| {
            let [low, high] = bounds;
            json!({"if": [claim, {operator: [low, day(&claim, 0), high]}, false]})
        };
        let ordered = |operator: &str, operand: &Operand| {
            let missing = json!({"===": [claim, {"var": "external.nothing"}]});
            json!({"if": [missing, false, {operator: [claim, bound(operand)]}]})
        };
        match &self.test {
            Test::Equals(operand) if is_day(operand) => {
                let bound = bound(operand);
                dated("not-after", [&bound, &bound])
            }
            Test::Equals(operand) => json!({"===": [claim, bound(operand)]}),
            Test::OneOf(texts) => json!({"in": [claim, texts]}),
            Test::AtLeast(operand) if is_day(operand) => {
                json!({"if": [claim, {"not-before": [day(&claim, 0), bound(operand)]}, false]})
            }
            Test::AtMost(operand) if is_day(operand) => {
                json!({"if": [claim, {"not-after": [day(&claim, 0), bound(operand)]}, false]})
            }
            Test::AtLeast(operand) => ordered(">=", operand),
            Test::AtMost(operand) => ordered("<=", operand),
        }
    }
}
