//! Compares two definitions of a column, to judge what the change does to code that uses the earlier one.

use sqlparser::ast::{ColumnOption, DataType, EnumMember, Expr, Value};

use super::Dialect;
use super::rule::Rule;

/// The properties of a column that code depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// In lower case.
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) required: bool,
    pub(super) default: bool,
    pub(super) unique: bool,
    /// As text.
    pub(super) checks: Vec<String>,
    /// Other options, as sorted text: defaults, collations, generation expressions.
    pub(super) rest: Vec<String>,
}

/// A column type, with the kinds and widths that can be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// Text and its length limit in characters, if any.
    Text(Option<u64>),
    /// An integer and its size in bits.
    Whole(u8),
    /// The values, in their order.
    Enum(Vec<String>),
    Other(String),
}

impl Column {
    pub(super) fn new<'a>(
        name: &str,
        data_type: &DataType,
        options: &(impl Iterator<Item = &'a ColumnOption> + Clone),
    ) -> Self {
        let any = |wanted: fn(&ColumnOption) -> bool| options.clone().any(wanted);
        let primary = any(|o| matches!(o, ColumnOption::PrimaryKey(_)));
        Self {
            name: name.to_lowercase(),
            shape: Shape::of(data_type),
            required: primary || any(|o| matches!(o, ColumnOption::NotNull)),
            default: is_serial(data_type) || options.clone().any(fills),
            unique: primary || any(|o| matches!(o, ColumnOption::Unique(_))),
            checks: options
                .clone()
                .filter(|option| matches!(option, ColumnOption::Check(_)))
                .map(ToString::to_string)
                .collect(),
            rest: rest(options.clone()),
        }
    }

    /// The rules for changing this column into `next`.
    pub(super) fn becoming(&self, next: &Self, dialect: Dialect) -> Vec<Rule> {
        let mut rules = Vec::new();
        rules.extend(self.shape.becoming(&next.shape, dialect));
        match (self.required, next.required) {
            (false, true) => rules.push(Rule::SetNotNull),
            (true, false) => rules.push(Rule::DropNotNull),
            _ => {}
        }
        if self.default && !next.default && next.required {
            rules.push(Rule::DropDefault);
        }
        match (self.unique, next.unique) {
            (false, true) => rules.push(Rule::AddUnique),
            (true, false) => rules.push(Rule::DropUniqueIndex),
            _ => {}
        }
        if next.checks.iter().any(|check| !self.checks.contains(check)) {
            rules.push(Rule::AddCheck);
        }
        if self.checks.iter().any(|check| !next.checks.contains(check)) {
            rules.push(Rule::DropConstraint);
        }
        rules
    }

    /// The rule for adding this column to a table with rows.
    pub(super) fn added(&self) -> Rule {
        if self.required && !self.default { Rule::AddRequiredColumn } else { Rule::AddColumn }
    }
}

/// The options that have no field of their own in `Column`.
fn rest<'a>(options: impl Iterator<Item = &'a ColumnOption>) -> Vec<String> {
    let has_field = |option: &&ColumnOption| {
        matches!(
            option,
            ColumnOption::Null
                | ColumnOption::NotNull
                | ColumnOption::PrimaryKey(_)
                | ColumnOption::Unique(_)
                | ColumnOption::Check(_)
                | ColumnOption::Comment(_)
        )
    };
    let mut rest: Vec<_> =
        options.filter(|option| !has_field(option)).map(ToString::to_string).collect();
    rest.sort();
    rest
}

/// True if the option gives the column a value in an insert that leaves it out.
pub(super) fn fills(option: &ColumnOption) -> bool {
    match option {
        ColumnOption::Default(value) => !is_null(value),
        ColumnOption::Generated { .. } | ColumnOption::Identity(_) => true,
        ColumnOption::DialectSpecific(tokens) => tokens.iter().any(|token| {
            let word = token.to_string().to_ascii_uppercase();
            word == "AUTO_INCREMENT" || word == "AUTOINCREMENT"
        }),
        _ => false,
    }
}

pub(super) fn is_null(value: &Expr) -> bool {
    match value {
        Expr::Value(value) => value.value == Value::Null,
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => is_null(inner),
        _ => false,
    }
}

pub(super) fn is_serial(data_type: &DataType) -> bool {
    let name = data_type.to_string().to_ascii_lowercase();
    matches!(
        name.as_str(),
        "serial" | "bigserial" | "smallserial" | "serial4" | "serial8" | "serial2"
    )
}

impl Shape {
    pub(super) fn of(data_type: &DataType) -> Self {
        if let DataType::Enum(members, _) = data_type {
            let value = |member: &EnumMember| match member {
                EnumMember::Name(name) | EnumMember::NamedValue(name, _) => name.clone(),
            };
            return Self::Enum(members.iter().map(value).collect());
        }
        let written = data_type.to_string().to_ascii_lowercase();
        let (name, size) = match written.split_once('(') {
            // A word after the width, such as `unsigned`, is part of the type.
            Some((_, size)) if !size.ends_with(')') => (written.as_str(), None),
            Some((name, size)) => (name.trim(), size.trim_end_matches(')').trim().parse().ok()),
            None => (written.as_str(), None),
        };
        match name {
            "varchar" | "character varying" | "nvarchar" | "char varying" => Self::Text(size),
            "text" => Self::Text(None),
            "tinyint" => Self::Whole(8),
            "smallint" | "int2" => Self::Whole(16),
            "mediumint" => Self::Whole(24),
            "int" | "integer" | "int4" => Self::Whole(32),
            "bigint" | "int8" => Self::Whole(64),
            _ => Self::Other(written),
        }
    }

    /// The rule for changing a known type; `None` when nothing changes.
    pub(super) fn becoming(&self, next: &Self, dialect: Dialect) -> Option<Rule> {
        match (self, next) {
            _ if self == next => None,
            (Self::Text(Some(before)), Self::Text(Some(after))) if after < before => {
                Some(Rule::ChangeType)
            }
            (Self::Text(None), Self::Text(Some(_))) => Some(Rule::ChangeType),
            (Self::Text(_), Self::Text(_)) => Some(wider_text(dialect)),
            (Self::Whole(before), Self::Whole(after)) if before < after => Some(Rule::WidenNumber),
            (Self::Enum(before), Self::Enum(after)) if after.starts_with(before) => {
                Some(Rule::AddEnumValue)
            }
            (Self::Enum(_), Self::Enum(_)) => Some(Rule::DropEnumValue),
            _ => Some(Rule::ChangeType),
        }
    }

    /// The rule for changing an unknown type into this one. If this type is the widest of its kind, the change may be a
    /// mere widening.
    pub(super) fn reached(&self) -> Rule {
        match self {
            Self::Text(None) | Self::Whole(64) => Rule::Unjudged,
            _ => Rule::ChangeType,
        }
    }
}

fn wider_text(dialect: Dialect) -> Rule {
    match dialect {
        Dialect::Mysql => Rule::LengthenText,
        _ => Rule::WidenText,
    }
}
