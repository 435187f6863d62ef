//! Expressions of GitHub (`${{ … }}` and `if:`), evaluated as far as the event is known. What is not known stays unknown.

mod functions;
mod syntax;

use std::collections::BTreeMap;

use self::syntax::{Comparison, Term};

/// What an expression gives.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    /// A text of which only the beginning is known.
    Begins(String),
    List(Vec<Value>),
    /// Not known before it runs.
    Unknown,
}

/// Yes, no, or not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Certainty {
    No,
    Perhaps,
    Yes,
}

/// What is known when an expression is evaluated. A name that it does not have is not known, unless its context is closed.
#[derive(Debug, Clone, Default)]
pub(crate) struct KnownValues {
    /// `github.ref`, `inputs.environment`, `matrix.env`, `env.NAME`; in lower case.
    values: BTreeMap<String, Value>,
    /// Contexts whose other names are empty, as `inputs` of an event that has none.
    closed: Vec<String>,
}

impl KnownValues {
    pub fn set(&mut self, name: &str, value: Value) {
        self.values.insert(name.to_ascii_lowercase(), value);
    }

    pub fn close(&mut self, context: &str) {
        self.closed.push(context.to_ascii_lowercase());
    }

    /// Takes away what a context had.
    pub fn clear(&mut self, context: &str) {
        let start = format!("{}.", context.to_ascii_lowercase());
        self.values.retain(|name, _| !name.starts_with(&start));
        self.closed.retain(|closed| *closed != context);
    }

    fn get(&self, path: &str) -> Value {
        let path = path.to_ascii_lowercase();
        if let Some(value) = self.values.get(&path) {
            return value.clone();
        }
        let is_closed = self.closed.iter().any(|context| {
            path.strip_prefix(context.as_str()).is_some_and(|rest| rest.starts_with('.'))
        });
        if is_closed { Value::Null } else { Value::Unknown }
    }

    /// What an expression gives, without `${{`.
    pub fn value(&self, text: &str) -> Value {
        syntax::parse(text).map_or(Value::Unknown, |term| self.evaluate(&term))
    }

    /// Whether an `if:` holds in a run in which nothing fails.
    pub fn holds(&self, condition: &str) -> Certainty {
        let text = condition.trim();
        // A condition with text around its expression is a text, which is always true.
        if let Some(inner) = only_expression(text) {
            return self.value(inner).certainty();
        }
        if text.contains("${{") { Certainty::Perhaps } else { self.value(text).certainty() }
    }

    /// A text whose expressions are replaced. `None` if one is not known.
    pub fn fill(&self, text: &str) -> Option<String> {
        let mut filled = String::new();
        for piece in pieces(text) {
            match piece {
                TextPiece::Plain(plain) => filled.push_str(plain),
                TextPiece::Expression(expression) => {
                    filled.push_str(&self.value(expression).text()?);
                }
            }
        }
        Some(filled)
    }

    fn evaluate(&self, term: &Term) -> Value {
        match term {
            Term::Literal(value) => value.clone(),
            Term::Path(path) => self.get(path),
            Term::Call(name, arguments) => {
                let arguments: Vec<_> = arguments.iter().map(|term| self.evaluate(term)).collect();
                functions::call(name, &arguments)
            }
            Term::Not(term) => match self.evaluate(term).certainty() {
                Certainty::Yes => Value::Bool(false),
                Certainty::No => Value::Bool(true),
                Certainty::Perhaps => Value::Unknown,
            },
            Term::And(left, right) => self.and(left, right),
            Term::Or(left, right) => self.or(left, right),
            Term::Compare(how, left, right) => {
                compare(*how, &self.evaluate(left), &self.evaluate(right))
            }
        }
    }

    fn and(&self, left: &Term, right: &Term) -> Value {
        let left = self.evaluate(left);
        match left.certainty() {
            Certainty::No => left,
            Certainty::Yes => self.evaluate(right),
            Certainty::Perhaps => match self.evaluate(right).certainty() {
                Certainty::No => Value::Bool(false),
                Certainty::Perhaps | Certainty::Yes => Value::Unknown,
            },
        }
    }

    fn or(&self, left: &Term, right: &Term) -> Value {
        let left = self.evaluate(left);
        match left.certainty() {
            Certainty::Yes => left,
            Certainty::No => self.evaluate(right),
            Certainty::Perhaps => match self.evaluate(right) {
                Value::Bool(true) => Value::Bool(true),
                _ => Value::Unknown,
            },
        }
    }
}

impl Value {
    pub fn certainty(&self) -> Certainty {
        let is_true = match self {
            Self::Unknown => return Certainty::Perhaps,
            Self::Null => false,
            Self::Bool(value) => *value,
            Self::Number(number) => *number != 0.0 && !number.is_nan(),
            Self::Text(text) => !text.is_empty(),
            Self::Begins(text) if text.is_empty() => return Certainty::Perhaps,
            Self::Begins(_) | Self::List(_) => true,
        };
        if is_true { Certainty::Yes } else { Certainty::No }
    }

    /// As it stands in a text. `None` if it is not known.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Null => Some(String::new()),
            Self::Bool(value) => Some(value.to_string()),
            Self::Number(number) => Some(number.to_string()),
            Self::Text(text) => Some(text.clone()),
            Self::Begins(_) | Self::List(_) | Self::Unknown => None,
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Null => Some(0.0),
            Self::Bool(value) => Some(f64::from(u8::from(*value))),
            Self::Number(number) => Some(*number),
            Self::Text(text) if text.trim().is_empty() => Some(0.0),
            Self::Text(text) => Some(text.trim().parse().unwrap_or(f64::NAN)),
            Self::Begins(_) | Self::List(_) | Self::Unknown => None,
        }
    }
}

/// Values of two kinds are compared as numbers, texts without their case.
fn compare(how: Comparison, left: &Value, right: &Value) -> Value {
    if let (Value::Text(left), Value::Text(right)) = (left, right) {
        let (left, right) = (left.to_lowercase(), right.to_lowercase());
        return Value::Bool(how.holds(left.partial_cmp(&right)));
    }
    if let (Value::Begins(start), Value::Text(text)) | (Value::Text(text), Value::Begins(start)) =
        (left, right)
    {
        let can_be = text.to_lowercase().starts_with(&start.to_lowercase());
        return match how {
            Comparison::Equal if !can_be => Value::Bool(false),
            Comparison::NotEqual if !can_be => Value::Bool(true),
            _ => Value::Unknown,
        };
    }
    match (left.number(), right.number()) {
        (Some(left), Some(right)) => Value::Bool(how.holds(left.partial_cmp(&right))),
        _ => Value::Unknown,
    }
}

/// A text as a list of plain parts and expressions.
pub(crate) enum TextPiece<'a> {
    Plain(&'a str),
    Expression(&'a str),
}

pub(crate) fn pieces(text: &str) -> Vec<TextPiece<'_>> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find("${{") {
        let inside = &rest[at + 3..];
        let Some(end) = end_of_expression(inside) else { break };
        if at > 0 {
            pieces.push(TextPiece::Plain(&rest[..at]));
        }
        pieces.push(TextPiece::Expression(&inside[..end]));
        rest = &inside[end + 2..];
    }
    if !rest.is_empty() {
        pieces.push(TextPiece::Plain(rest));
    }
    pieces
}

/// Where `}}` stands outside of quotes.
fn end_of_expression(text: &str) -> Option<usize> {
    let mut is_quoted = false;
    let bytes = text.as_bytes();
    bytes.iter().enumerate().find_map(|(at, byte)| {
        is_quoted ^= *byte == b'\'';
        (!is_quoted && *byte == b'}' && bytes.get(at + 1) == Some(&b'}')).then_some(at)
    })
}

/// The inside of a text that is one expression and nothing else.
pub(crate) fn only_expression(text: &str) -> Option<&str> {
    match pieces(text.trim())[..] {
        [TextPiece::Expression(inside)] => Some(inside),
        _ => None,
    }
}

/// Every term of every expression in a text. A text without `${{` is one expression if `is_condition`.
fn each_term(text: &str, is_condition: bool, mut take: impl FnMut(&Term)) {
    let mut expressions: Vec<&str> = Vec::new();
    for piece in pieces(text) {
        if let TextPiece::Expression(inside) = piece {
            expressions.push(inside);
        }
    }
    if expressions.is_empty() && is_condition {
        expressions.push(text);
    }
    for term in expressions.into_iter().filter_map(syntax::parse) {
        term.each(&mut take);
    }
}

/// The contexts that the expressions of a text name: `inputs.sha`, `github.ref`.
pub(crate) fn paths(text: &str) -> Vec<String> {
    let mut paths = Vec::new();
    each_term(text, false, |term| {
        if let Term::Path(path) = term {
            paths.push(path.to_ascii_lowercase());
        }
    });
    paths
}

/// The texts that a condition compares with one of these contexts: the branches that it asks for.
pub(crate) fn compared_with(text: &str, contexts: &[&str]) -> Vec<String> {
    let is_one = |term: &Term| matches!(term, Term::Path(path) if contexts.contains(&path.to_ascii_lowercase().as_str()));
    let literal = |term: &Term| match term {
        Term::Literal(Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let mut found = Vec::new();
    each_term(text, true, |term| match term {
        Term::Compare(_, left, right) if is_one(left) => found.extend(literal(right)),
        Term::Compare(_, left, right) if is_one(right) => found.extend(literal(left)),
        Term::Call(name, arguments) if name == "startswith" => {
            if let [first, second] = &arguments[..]
                && is_one(first)
            {
                found.extend(literal(second).map(|start| format!("{start}*")));
            }
        }
        Term::Call(name, arguments) if name == "contains" => {
            if let [Term::Call(_, list), second] = &arguments[..]
                && is_one(second)
                && let [Term::Literal(Value::Text(json))] = &list[..]
            {
                found.extend(serde_json::from_str::<Vec<String>>(json).unwrap_or_default());
            }
        }
        _ => {}
    });
    found
}
