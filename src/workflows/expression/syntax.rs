//! The grammar of GitHub's expressions: literals, contexts, calls, `! && || == != < <= > >=` and brackets.

use std::cmp::Ordering;

use super::Value;

/// The longest expression. GitHub's own limit.
const LONGEST: usize = 21_000;
/// The deepest nesting of brackets.
const DEEPEST: usize = 50;
/// The most values and calls.
const MOST_TERMS: usize = 500;

#[derive(Debug)]
pub(crate) enum Term {
    Literal(Value),
    /// `github.event.release.tag_name`; an index by a text is a name too.
    Path(String),
    Call(String, Vec<Term>),
    Not(Box<Term>),
    And(Box<Term>, Box<Term>),
    Or(Box<Term>, Box<Term>),
    Compare(Comparison, Box<Term>, Box<Term>),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Self::Equal => order == Some(Ordering::Equal),
            Self::NotEqual => order != Some(Ordering::Equal),
            Self::Less => order == Some(Ordering::Less),
            Self::Greater => order == Some(Ordering::Greater),
            Self::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Self::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }
}

impl Term {
    /// Hands each term to `take`, this one too.
    pub fn each(&self, take: &mut impl FnMut(&Term)) {
        take(self);
        match self {
            Self::Literal(_) | Self::Path(_) => {}
            Self::Call(_, terms) => terms.iter().for_each(|term| term.each(take)),
            Self::Not(term) => term.each(take),
            Self::And(left, right) | Self::Or(left, right) | Self::Compare(_, left, right) => {
                left.each(take);
                right.each(take);
            }
        }
    }
}

/// `None` for what is no expression.
pub(super) fn parse(text: &str) -> Option<Term> {
    if text.len() > LONGEST {
        return None;
    }
    let mut parser = ExpressionParser { rest: text, depth: 0, terms: 0 };
    let term = parser.or()?;
    parser.skip();
    parser.rest.is_empty().then_some(term)
}

struct ExpressionParser<'a> {
    rest: &'a str,
    depth: usize,
    terms: usize,
}

impl ExpressionParser<'_> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.skip();
        let after = self.rest.strip_prefix(token);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn or(&mut self) -> Option<Term> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let mut left = self.and()?;
        while self.eat("||") {
            left = Term::Or(Box::new(left), Box::new(self.and()?));
        }
        self.depth -= 1;
        Some(left)
    }

    fn and(&mut self) -> Option<Term> {
        let mut left = self.comparison()?;
        while self.eat("&&") {
            left = Term::And(Box::new(left), Box::new(self.comparison()?));
        }
        Some(left)
    }

    fn comparison(&mut self) -> Option<Term> {
        let left = self.unary()?;
        let signs = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        for (sign, how) in signs {
            if self.eat(sign) {
                return Some(Term::Compare(how, Box::new(left), Box::new(self.unary()?)));
            }
        }
        Some(left)
    }

    fn unary(&mut self) -> Option<Term> {
        let mut negations = 0;
        self.skip();
        while self.rest.starts_with('!') && !self.rest.starts_with("!=") && self.eat("!") {
            negations += 1;
            self.skip();
        }
        let mut term = self.primary()?;
        // `!!x` is the truth of `x`; more signs say no more.
        for _ in 0..if negations > 1 { 2 - negations % 2 } else { negations } {
            term = Term::Not(Box::new(term));
        }
        Some(term)
    }

    fn primary(&mut self) -> Option<Term> {
        self.terms += 1;
        if self.terms > MOST_TERMS {
            return None;
        }
        self.skip();
        if self.eat("(") {
            let term = self.or()?;
            return self.eat(")").then_some(term);
        }
        match self.rest.chars().next()? {
            '\'' => self.quoted().map(|text| Term::Literal(Value::Text(text))),
            c if c.is_ascii_digit() || "-+.".contains(c) => self.number(),
            c if c.is_ascii_alphabetic() || c == '_' => self.named(),
            _ => None,
        }
    }

    /// A text in single quotes; two of them are one.
    fn quoted(&mut self) -> Option<String> {
        let (mut text, mut inside) = (String::new(), self.rest.strip_prefix('\'')?);
        loop {
            let (before, after) = inside.split_once('\'')?;
            text.push_str(before);
            let Some(more) = after.strip_prefix('\'') else {
                self.rest = after;
                return Some(text);
            };
            text.push('\'');
            inside = more;
        }
    }

    fn word(&mut self, is_part: impl Fn(char) -> bool) -> String {
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_owned()
    }

    fn number(&mut self) -> Option<Term> {
        let word = self.word(|c| c.is_ascii_alphanumeric() || "-+.".contains(c));
        let hex = word.strip_prefix("0x").and_then(|hex| u32::from_str_radix(hex, 16).ok());
        let number = hex.map(f64::from).or_else(|| word.parse().ok())?;
        Some(Term::Literal(Value::Number(number)))
    }

    fn name(&mut self) -> String {
        self.word(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    }

    /// A literal word, a call, or a path.
    fn named(&mut self) -> Option<Term> {
        let name = self.name();
        if self.eat("(") {
            let arguments = self.arguments()?;
            let call = Term::Call(name.to_ascii_lowercase(), arguments);
            return self.beyond(call);
        }
        match name.as_str() {
            "true" => return Some(Term::Literal(Value::Bool(true))),
            "false" => return Some(Term::Literal(Value::Bool(false))),
            "null" => return Some(Term::Literal(Value::Null)),
            _ => {}
        }
        let mut path = name;
        loop {
            if self.eat(".") {
                self.skip();
                let part = if self.eat("*") { "*".to_owned() } else { self.name() };
                if part.is_empty() {
                    return None;
                }
                path = format!("{path}.{part}");
            } else if self.eat("[") {
                path = format!("{path}.{}", self.index()?);
            } else {
                return Some(Term::Path(path));
            }
        }
    }

    /// A text or number in brackets; anything else is a name that nobody knows.
    fn index(&mut self) -> Option<String> {
        let term = self.or()?;
        if !self.eat("]") {
            return None;
        }
        Some(match term {
            Term::Literal(value) => value.text().unwrap_or_else(|| "?".into()),
            _ => "?".into(),
        })
    }

    /// What a call gives may be indexed; that is not followed.
    fn beyond(&mut self, call: Term) -> Option<Term> {
        let mut is_indexed = false;
        loop {
            if self.eat(".") {
                is_indexed = true;
                self.skip();
                let _part = if self.eat("*") { String::new() } else { self.name() };
            } else if self.eat("[") {
                is_indexed = true;
                self.index()?;
            } else {
                let unknown = || Term::Path("?".into());
                return Some(if is_indexed { unknown() } else { call });
            }
        }
    }

    fn arguments(&mut self) -> Option<Vec<Term>> {
        let mut arguments = Vec::new();
        if self.eat(")") {
            return Some(arguments);
        }
        loop {
            arguments.push(self.or()?);
            if self.eat(")") {
                return Some(arguments);
            }
            if !self.eat(",") {
                return None;
            }
        }
    }
}
