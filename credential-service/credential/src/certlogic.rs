//! CertLogic, the language that rules for EU certificates are written in (specification 1.3.3).
//!
//! **What.** [`Expression::parse`] checks the form and says all that is wrong with it; [`Expression::evaluate`] gives the value for
//! one JSON document. There are no loops and no calls out: an evaluation ends, and within [`STEPS`].
//!
//! ```text
//! literals     true, false, a whole number, a text, [items]
//! operations   {"op": [operands]}    var if === and ! > < >= <= in + after before not-after not-before
//!                                    plusTime dccDateOfBirth reduce extractFromUVCI
//! ```
//! Nothing is coerced: a wrong kind of operand is an error, and who decides by a rule treats an error as not fulfilled.
//! Two things are as the EU's own engines have them, beyond the specification: `in` is false for a list that is missing,
//! and within `reduce` the outer document is `data`.

mod form;
mod moment;

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Map, Number, Value};

use form::{Comparison, Node};
pub use form::{Expression, Issue};
use moment::Moment;

/// Steps of the longest evaluation: operations, items of lists that are searched, and bytes of texts that are read or written.
pub const STEPS: usize = 1_000_000;
/// Levels of the deepest value, in a document or made on the way.
const LEVELS: usize = 256;

/// Why an expression has no value for a document.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertLogicError {
    /// An operand of a kind that the operation does not take.
    #[error("{operation} takes {takes}")]
    Operand {
        /// Which operation.
        operation: &'static str,
        /// What it takes.
        takes: &'static str,
    },
    /// A text that is no day or time.
    #[error("{0:?} is no day and no time")]
    Time(String),
    /// A number or time out of bounds.
    #[error("{0} gives a value out of bounds")]
    Bounds(&'static str),
    /// More steps than allowed.
    #[error("a rule is evaluated in {STEPS} steps")]
    Steps,
}

/// A value; times exist within an evaluation only.
#[derive(Clone, Debug)]
enum Datum {
    Null,
    Boolean(bool),
    Integer(i64),
    /// A number that is not whole, or too large: it may lie in a document, and no operation takes it.
    Fraction(Number),
    Text(Rc<str>),
    /// With the levels below it.
    List(Rc<[Datum]>, usize),
    /// With the levels below it.
    Object(Rc<BTreeMap<String, Datum>>, usize),
    Time(Moment),
}

/// The whole number that a JSON number is, however it is spelt.
fn whole(number: &Number) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2⁵³, up to which doubles are whole numbers one by one
    number.as_i64().or_else(|| {
        let double = number.as_f64().filter(|it| it.fract() == 0.0 && it.abs() <= EXACT)?;
        #[allow(clippy::cast_possible_truncation, reason = "whole and at most 2⁵³")]
        Some(double as i64)
    })
}

impl Datum {
    fn read(value: &Value) -> Result<Self, CertLogicError> {
        Ok(match value {
            Value::Null => Self::Null,
            Value::Bool(yes) => Self::Boolean(*yes),
            Value::Number(number) => {
                whole(number).map_or_else(|| Self::Fraction(number.clone()), Self::Integer)
            }
            Value::String(text) => Self::Text(text.as_str().into()),
            Value::Array(items) => Self::list(items.iter().map(Self::read).collect::<Result<_, _>>()?)?,
            Value::Object(members) => {
                let members = members.iter().map(|(name, value)| Ok((name.clone(), Self::read(value)?)));
                Self::object(members.collect::<Result<_, _>>()?)?
            }
        })
    }

    fn list(items: Vec<Self>) -> Result<Self, CertLogicError> {
        let levels = above(items.iter())?;
        Ok(Self::List(items.into(), levels))
    }

    fn object(members: BTreeMap<String, Self>) -> Result<Self, CertLogicError> {
        let levels = above(members.values())?;
        Ok(Self::Object(Rc::new(members), levels))
    }

    /// Whether it counts as true: fractions and times as neither.
    fn is_truthy(&self, operation: &'static str) -> Result<bool, CertLogicError> {
        Ok(match self {
            Self::Null => false,
            Self::Boolean(yes) => *yes,
            Self::Integer(number) => *number != 0,
            Self::Text(text) => !text.is_empty(),
            Self::List(items, _) => !items.is_empty(),
            Self::Object(members, _) => !members.is_empty(),
            Self::Fraction(_) | Self::Time(_) => {
                return Err(operand(operation, "no fraction and no time as a condition"));
            }
        })
    }

    /// `===`: of the same kind and the same value. Lists and objects are equal to nothing.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Boolean(one), Self::Boolean(other)) => one == other,
            (Self::Integer(one), Self::Integer(other)) => one == other,
            (Self::Fraction(one), Self::Fraction(other)) => match (one.as_u64(), other.as_u64()) {
                (None, None) => one.as_f64() == other.as_f64(),
                (one, other) => one == other,
            },
            (Self::Text(one), Self::Text(other)) => one == other,
            (Self::Time(one), Self::Time(other)) => one == other,
            _ => false,
        }
    }

    /// Bytes of a text, which is compared byte by byte.
    fn length(&self) -> usize {
        if let Self::Text(text) = self { text.len() } else { 0 }
    }

    /// What lies at a path: null where there is nothing.
    fn at(&self, path: &str) -> Self {
        if path.is_empty() {
            return self.clone();
        }
        path.split('.').fold(self.clone(), |datum, step| {
            let found = match &datum {
                Self::Object(members, _) => members.get(step).cloned(),
                Self::List(items, _) if step.bytes().all(|byte| byte.is_ascii_digit()) => {
                    step.parse::<usize>().ok().and_then(|place| items.get(place).cloned())
                }
                _ => None,
            };
            found.unwrap_or(Self::Null)
        })
    }
}

/// Levels of what holds these, or that they are too many.
fn above<'a>(held: impl Iterator<Item = &'a Datum>) -> Result<usize, CertLogicError> {
    let levels = held.map(|datum| match datum {
        Datum::List(_, levels) | Datum::Object(_, levels) => *levels,
        _ => 0,
    });
    let levels = levels.max().unwrap_or(0) + 1;
    if levels > LEVELS { Err(CertLogicError::Bounds("a list or object in another")) } else { Ok(levels) }
}

fn operand(operation: &'static str, takes: &'static str) -> CertLogicError {
    CertLogicError::Operand { operation, takes }
}

impl Expression {
    /// The value for a document.
    ///
    /// # Errors
    /// [`CertLogicError`].
    pub fn evaluate(&self, document: &Value) -> Result<Value, CertLogicError> {
        let mut evaluation = Evaluation { left: STEPS };
        let value = evaluation.of(self.node(), &Datum::read(document)?)?;
        evaluation.write(&value)
    }

    /// Whether a document fulfils the rule: its value is `true` and nothing else.
    ///
    /// # Errors
    /// [`CertLogicError`].
    pub fn holds(&self, document: &Value) -> Result<bool, CertLogicError> {
        let value = Evaluation { left: STEPS }.of(self.node(), &Datum::read(document)?)?;
        Ok(matches!(value, Datum::Boolean(true)))
    }
}

/// One evaluation and the steps that are left to it.
struct Evaluation {
    left: usize,
}

impl Evaluation {
    fn step(&mut self, steps: usize) -> Result<(), CertLogicError> {
        self.left = self.left.checked_sub(steps).ok_or(CertLogicError::Steps)?;
        Ok(())
    }

    fn of(&mut self, node: &Node, data: &Datum) -> Result<Datum, CertLogicError> {
        self.step(1)?;
        Ok(match node {
            Node::Boolean(yes) => Datum::Boolean(*yes),
            Node::Integer(number) => Datum::Integer(*number),
            Node::Text(text) => {
                self.step(text.len())?;
                Datum::Text(text.as_str().into())
            }
            Node::List(items) => {
                let items = items.iter().map(|item| self.of(item, data));
                Datum::list(items.collect::<Result<_, _>>()?)?
            }
            Node::Var(path) => {
                self.step(path.len())?;
                data.at(path)
            }
            Node::If(parts) => {
                let [guard, then, otherwise] = &**parts;
                let chosen = if self.of(guard, data)?.is_truthy("if")? { then } else { otherwise };
                self.of(chosen, data)?
            }
            Node::Same(parts) => {
                let [one, other] = &**parts;
                let (one, other) = (self.of(one, data)?, self.of(other, data)?);
                self.step(one.length())?;
                Datum::Boolean(one.is_same(&other))
            }
            Node::And(parts) => {
                let mut last = Datum::Null;
                for part in parts {
                    last = self.of(part, data)?;
                    if !last.is_truthy("and")? {
                        break;
                    }
                }
                last
            }
            Node::Not(part) => Datum::Boolean(!self.of(part, data)?.is_truthy("!")?),
            Node::Numbers(comparison, parts) => {
                let mut numbers = Vec::with_capacity(parts.len());
                for part in parts {
                    numbers.push(self.integer(part, data, comparison.of_numbers(), "whole numbers")?);
                }
                Datum::Boolean(comparison.holds(&numbers))
            }
            Node::Times(comparison, parts) => {
                let mut times = Vec::with_capacity(parts.len());
                for part in parts {
                    match self.of(part, data)? {
                        Datum::Time(moment) => times.push(moment),
                        _ => return Err(operand(comparison.of_times(), "times, as plusTime makes them")),
                    }
                }
                Datum::Boolean(comparison.holds(&times))
            }
            Node::In(parts) => {
                let [item, list] = &**parts;
                let item = self.of(item, data)?;
                match self.of(list, data)? {
                    Datum::Null => Datum::Boolean(false),
                    Datum::List(items, _) => {
                        self.step(items.len().saturating_mul(item.length() + 1))?;
                        Datum::Boolean(items.iter().any(|one| one.is_same(&item)))
                    }
                    _ => return Err(operand("in", "a list as its second operand")),
                }
            }
            Node::Plus(parts) => {
                let [one, other] = &**parts;
                let mut number = |part| self.integer(part, data, "+", "two whole numbers");
                let sum = number(one)?.checked_add(number(other)?);
                Datum::Integer(sum.ok_or(CertLogicError::Bounds("+"))?)
            }
            Node::PlusTime(text, amount, unit) => {
                let moment = self.moment(text, data)?;
                Datum::Time(moment.plus(*amount, *unit).ok_or(CertLogicError::Bounds("plusTime"))?)
            }
            Node::DateOfBirth(text) => match self.of(text, data)? {
                Datum::Text(text) => {
                    let day = Moment::of_birth(&text);
                    Datum::Time(day.ok_or_else(|| CertLogicError::Time(text.as_ref().to_owned()))?)
                }
                _ => return Err(operand("dccDateOfBirth", "a text: YYYY, YYYY-MM or YYYY-MM-DD")),
            },
            Node::Reduce(parts) => {
                let [list, each, start] = &**parts;
                let list = self.of(list, data)?;
                let start = self.of(start, data)?;
                match list {
                    Datum::Null => start,
                    Datum::List(items, _) => items.iter().try_fold(start, |accumulator, item| {
                        let members =
                            [("current", item.clone()), ("accumulator", accumulator), ("data", data.clone())];
                        let members = members.map(|(name, datum)| (name.to_owned(), datum));
                        self.of(each, &Datum::object(members.into())?)
                    })?,
                    _ => return Err(operand("reduce", "a list as its first operand")),
                }
            }
            Node::Fragment(text, place) => match self.of(text, data)? {
                Datum::Null => Datum::Null,
                Datum::Text(text) => {
                    self.step(text.len())?;
                    let plain = text.strip_prefix("URN:UVCI:").unwrap_or(&text);
                    let place = usize::try_from(*place).ok();
                    let fragment = place.and_then(|place| plain.split(['/', '#', ':']).nth(place));
                    fragment.map_or(Datum::Null, |fragment| Datum::Text(fragment.into()))
                }
                _ => return Err(operand("extractFromUVCI", "a text or null")),
            },
        })
    }

    /// The value as JSON: a time as a text with milliseconds, in UTC. What is shared within it is written out, so this counts
    /// too.
    fn write(&mut self, datum: &Datum) -> Result<Value, CertLogicError> {
        self.step(1)?;
        Ok(match datum {
            Datum::Null => Value::Null,
            Datum::Boolean(yes) => Value::Bool(*yes),
            Datum::Integer(number) => (*number).into(),
            Datum::Fraction(number) => Value::Number(number.clone()),
            Datum::Text(text) => {
                self.step(text.len())?;
                Value::String(text.as_ref().to_owned())
            }
            Datum::List(items, _) => {
                Value::Array(items.iter().map(|item| self.write(item)).collect::<Result<_, _>>()?)
            }
            Datum::Object(members, _) => {
                let mut written = Map::new();
                for (name, datum) in members.iter() {
                    self.step(name.len())?;
                    written.insert(name.clone(), self.write(datum)?);
                }
                Value::Object(written)
            }
            Datum::Time(moment) => Value::String(moment.to_string()),
        })
    }

    fn integer(
        &mut self,
        node: &Node,
        data: &Datum,
        operation: &'static str,
        takes: &'static str,
    ) -> Result<i64, CertLogicError> {
        match self.of(node, data)? {
            Datum::Integer(number) => Ok(number),
            _ => Err(operand(operation, takes)),
        }
    }

    fn moment(&mut self, node: &Node, data: &Datum) -> Result<Moment, CertLogicError> {
        match self.of(node, data)? {
            Datum::Text(text) => {
                Moment::parse(&text).ok_or_else(|| CertLogicError::Time(text.as_ref().to_owned()))
            }
            _ => Err(operand("plusTime", "a text with a day or time")),
        }
    }
}

impl Comparison {
    /// Whether each holds with its neighbour.
    fn holds<T: Ord>(self, values: &[T]) -> bool {
        values.is_sorted_by(|one, other| match self {
            Self::Greater => one > other,
            Self::Less => one < other,
            Self::NotLess => one >= other,
            Self::NotGreater => one <= other,
        })
    }
}
