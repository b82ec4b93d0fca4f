//! The form of an expression: what is wrong with one, and the tree that is evaluated.

use serde_json::{Map, Value};

use super::moment::Unit;
use super::whole;

/// Levels of the deepest expression.
const DEPTH: usize = 64;
/// Values in the largest expression.
const NODES: usize = 100_000;

/// Something that is wrong with an expression.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("{message}: {expression}")]
pub struct Issue {
    /// The part that is wrong.
    pub expression: Value,
    /// The rule that it breaks.
    pub message: String,
}

/// An expression of the right form.
#[derive(Clone, PartialEq, Debug)]
pub struct Expression(Node);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Comparison {
    Greater,
    Less,
    NotLess,
    NotGreater,
}

impl Comparison {
    pub(super) fn of_numbers(self) -> &'static str {
        match self {
            Self::Greater => ">",
            Self::Less => "<",
            Self::NotLess => ">=",
            Self::NotGreater => "<=",
        }
    }

    pub(super) fn of_times(self) -> &'static str {
        match self {
            Self::Greater => "after",
            Self::Less => "before",
            Self::NotLess => "not-before",
            Self::NotGreater => "not-after",
        }
    }

    const ALL: [Self; 4] = [Self::Greater, Self::Less, Self::NotLess, Self::NotGreater];
}

/// A literal or an operation.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Node {
    Boolean(bool),
    Integer(i64),
    Text(String),
    List(Vec<Node>),
    Var(String),
    If(Box<[Node; 3]>),
    Same(Box<[Node; 2]>),
    And(Vec<Node>),
    Not(Box<Node>),
    Numbers(Comparison, Vec<Node>),
    Times(Comparison, Vec<Node>),
    In(Box<[Node; 2]>),
    Plus(Box<[Node; 2]>),
    PlusTime(Box<Node>, i64, Unit),
    DateOfBirth(Box<Node>),
    Reduce(Box<[Node; 3]>),
    Fragment(Box<Node>, i64),
}

impl Expression {
    /// Checks the form.
    ///
    /// # Errors
    /// Every [`Issue`], from the outside to the inside.
    pub fn parse(expression: &Value) -> Result<Self, Vec<Issue>> {
        let mut reading = Reading { issues: Vec::new(), left: NODES, is_too_large: false };
        match (reading.node(expression, 0), reading.issues.is_empty()) {
            (Some(node), true) => Ok(Self(node)),
            _ => Err(reading.issues),
        }
    }

    pub(super) fn node(&self) -> &Node {
        &self.0
    }
}

/// What is being read, and what was found wrong.
struct Reading {
    issues: Vec<Issue>,
    left: usize,
    is_too_large: bool,
}

impl Reading {
    fn wrong(&mut self, expression: &Value, message: impl Into<String>) -> Option<Node> {
        self.issues.push(Issue { expression: expression.clone(), message: message.into() });
        None
    }

    fn node(&mut self, expression: &Value, depth: usize) -> Option<Node> {
        let Some(left) = self.left.checked_sub(1).filter(|_| depth < DEPTH) else {
            // Once: everything deeper would say it again.
            if !std::mem::replace(&mut self.is_too_large, true) {
                let message = format!("an expression has at most {DEPTH} levels and {NODES} values");
                self.issues.push(Issue { expression: Value::Null, message });
            }
            return None;
        };
        self.left = left;
        match expression {
            Value::Bool(yes) => Some(Node::Boolean(*yes)),
            Value::String(text) => Some(Node::Text(text.clone())),
            Value::Number(number) => match whole(number) {
                Some(number) => Some(Node::Integer(number)),
                None => self.wrong(expression, format!("{number} is a non-integer number")),
            },
            Value::Array(items) => self.nodes(items, depth).map(Node::List),
            Value::Null => self.wrong(expression, "invalid CertLogic expression"),
            Value::Object(members) => self.operation(expression, members, depth),
        }
    }

    fn nodes(&mut self, items: &[Value], depth: usize) -> Option<Vec<Node>> {
        let nodes: Vec<_> = items.iter().map(|item| self.node(item, depth + 1)).collect();
        nodes.into_iter().collect()
    }

    fn operation(&mut self, expression: &Value, members: &Map<String, Value>, depth: usize) -> Option<Node> {
        let mut all = members.iter();
        let (Some((operator, operands)), None) = (all.next(), all.next()) else {
            let message =
                format!("expression object must have exactly one key, but it has {}", members.len());
            return self.wrong(expression, message);
        };
        if operator == "var" {
            return match operands {
                Value::String(path) if is_path(path) => Some(Node::Var(path.clone())),
                Value::String(_) => self.wrong(expression, "a path has steps between its dots"),
                _ => self.wrong(expression, "not of the form { \"var\": \"<path>\" }"),
            };
        }
        let Value::Array(operands) = operands else {
            return self.wrong(expression, "operation not of the form { \"<operator>\": [ <values...> ] }");
        };
        let counts = match operator.as_str() {
            "!" | "dccDateOfBirth" => 1..=1,
            "===" | "in" | "+" | "extractFromUVCI" => 2..=2,
            "if" | "plusTime" | "reduce" => 3..=3,
            "and" => 2..=usize::MAX,
            ">" | "<" | ">=" | "<=" | "after" | "before" | "not-after" | "not-before" => 2..=3,
            _ => return self.wrong(expression, format!("unrecognised operator: {operator:?}")),
        };
        if !counts.contains(&operands.len()) {
            let counts = match (counts.start(), counts.end()) {
                (least, &usize::MAX) => format!("at least {least}"),
                (least, most) if least == most => least.to_string(),
                (least, most) => format!("{least} to {most}"),
            };
            return self.wrong(expression, format!("{operator:?} takes {counts} operands"));
        }
        match (operator.as_str(), operands.as_slice()) {
            ("plusTime", [text, amount, unit]) => {
                let text = self.node(text, depth + 1);
                let amount = self.literal(amount, "the amount of plusTime is a whole number");
                let known = unit.as_str().and_then(Unit::named);
                if known.is_none() {
                    let _none = self.wrong(unit, "the unit of plusTime is year, month, day or hour");
                }
                Some(Node::PlusTime(Box::new(text?), amount?, known?))
            }
            ("extractFromUVCI", [text, place]) => {
                let text = self.node(text, depth + 1);
                let place = self.literal(place, "the place in extractFromUVCI is a whole number");
                Some(Node::Fragment(Box::new(text?), place?))
            }
            (operator, operands) => {
                let nodes = self.nodes(operands, depth)?;
                simple(operator, nodes)
            }
        }
    }

    fn literal(&mut self, value: &Value, rule: &str) -> Option<i64> {
        let number = match value {
            Value::Number(number) => whole(number),
            _ => None,
        };
        if number.is_none() {
            let _none = self.wrong(value, rule);
        }
        number
    }
}

fn is_path(path: &str) -> bool {
    path.is_empty() || path.split('.').all(|step| !step.is_empty())
}

/// An operation whose operands are any expressions; their number is right.
fn simple(operator: &str, nodes: Vec<Node>) -> Option<Node> {
    fn boxed<const N: usize>(nodes: Vec<Node>) -> Option<Box<[Node; N]>> {
        nodes.try_into().map(Box::new).ok()
    }
    let comparison = |name: fn(Comparison) -> &'static str| {
        Comparison::ALL.into_iter().find(|comparison| name(*comparison) == operator)
    };
    Some(match operator {
        "if" => Node::If(boxed(nodes)?),
        "===" => Node::Same(boxed(nodes)?),
        "and" => Node::And(nodes),
        "!" => Node::Not(Box::new(nodes.into_iter().next()?)),
        "in" => Node::In(boxed(nodes)?),
        "+" => Node::Plus(boxed(nodes)?),
        "dccDateOfBirth" => Node::DateOfBirth(Box::new(nodes.into_iter().next()?)),
        "reduce" => Node::Reduce(boxed(nodes)?),
        _ => match (comparison(Comparison::of_numbers), comparison(Comparison::of_times)) {
            (Some(comparison), _) => Node::Numbers(comparison, nodes),
            (None, comparison) => Node::Times(comparison?, nodes),
        },
    })
}
