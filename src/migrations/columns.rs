//! Compares two definitions of a column, to judge what the change does to code that uses the earlier one.

use sqlparser::ast::{ColumnOption, DataType, EnumMember, Expr};

use super::Dialect;
use super::expressions::{Fill, fill};
use super::rule::Rule;
use super::tables::Reference;

/// The properties of a column that code depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// In lower case.
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) required: bool,
    /// How an insert that leaves it out fills it; `None` for NULL.
    pub(super) fill: Option<Fill>,
    /// True if it is computed from other columns.
    pub(super) derived: bool,
    pub(super) unique: bool,
    /// As text.
    pub(super) checks: Vec<String>,
    /// Other options, as sorted text: defaults, collations, generation expressions.
    pub(super) rest: Vec<String>,
    pub(super) reference: Option<Reference>,
}

/// A column type, with the kinds and widths that can be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// Text and its length limit in characters, if any.
    Text(Option<u64>),
    Whole {
        bits: u8,
        unsigned: bool,
    },
    /// Digits and those after the point; `None` without a limit.
    Decimal(Option<(u64, u64)>),
    /// The values, in their order.
    Enum(Vec<String>),
    Other(String),
}

impl Column {
    pub(super) fn new<'a>(
        name: &str,
        data_type: &DataType,
        options: &(impl Iterator<Item = &'a ColumnOption> + Clone),
        dialect: Dialect,
    ) -> Self {
        let any = |wanted: fn(&ColumnOption) -> bool| options.clone().any(wanted);
        let primary = any(|o| matches!(o, ColumnOption::PrimaryKey(_)));
        let serial = is_serial(data_type).then_some(Fill::Distinct);
        let mut rest = rest(options.clone());
        // In SQLite only this spelling makes the column the id of the row.
        if primary && data_type.to_string().eq_ignore_ascii_case("integer") {
            rest.push("ROWID".to_owned());
        }
        Self {
            name: name.to_lowercase(),
            shape: Shape::of(data_type, dialect),
            required: primary || serial.is_some() || any(|o| matches!(o, ColumnOption::NotNull)),
            fill: serial.or_else(|| options.clone().find_map(fills)),
            derived: options.clone().any(is_derived),
            unique: primary || any(|o| matches!(o, ColumnOption::Unique(_))),
            checks: options
                .clone()
                .filter_map(|option| match option {
                    ColumnOption::Check(check) => Some(check.expr.to_string()),
                    _ => None,
                })
                .collect(),
            rest,
            reference: options.clone().find_map(|option| match option {
                ColumnOption::ForeignKey(reference) => Some(Reference::of(reference)),
                _ => None,
            }),
        }
    }

    /// Sets or drops its default.
    pub(super) fn refill(&mut self, default: Option<&Expr>) {
        self.rest.retain(|option| !option.starts_with("DEFAULT "));
        self.fill = default.and_then(fill);
        self.rest.extend(default.map(|value| format!("DEFAULT {value}")));
        self.rest.sort();
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
        if self.fill.is_some() && next.fill.is_none() && next.required {
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
        if self.required && self.fill.is_none() { Rule::AddRequiredColumn } else { Rule::AddColumn }
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
        ) || matches!(option, ColumnOption::Default(value) if super::expressions::is_null(value))
    };
    let mut rest: Vec<_> =
        options.filter(|option| !has_field(option)).map(ToString::to_string).collect();
    rest.sort();
    rest
}

/// How the option fills the column in an insert that leaves it out.
fn fills(option: &ColumnOption) -> Option<Fill> {
    match option {
        ColumnOption::Default(value) => fill(value),
        ColumnOption::Generated { generation_expr: Some(_), .. } => Some(Fill::Computed),
        ColumnOption::Generated { .. } | ColumnOption::Identity(_) => Some(Fill::Distinct),
        ColumnOption::DialectSpecific(tokens) => tokens
            .iter()
            .any(|token| {
                let word = token.to_string().to_ascii_uppercase();
                word == "AUTO_INCREMENT" || word == "AUTOINCREMENT"
            })
            .then_some(Fill::Distinct),
        _ => None,
    }
}

/// True if the option computes the column from other columns.
pub(super) fn is_derived(option: &ColumnOption) -> bool {
    matches!(option, ColumnOption::Generated { generation_expr: Some(_), .. })
}

pub(super) fn is_serial(data_type: &DataType) -> bool {
    let name = data_type.to_string().to_ascii_lowercase();
    matches!(
        name.as_str(),
        "serial" | "bigserial" | "smallserial" | "serial4" | "serial8" | "serial2"
    )
}

/// Types of `PostgreSQL` whose values cannot be compared, so that `SELECT DISTINCT *` fails.
pub(super) fn is_uncomparable(data_type: &DataType) -> bool {
    let name = data_type.to_string().to_ascii_lowercase();
    ["json", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle"]
        .contains(&name.trim_end_matches("[]"))
}

/// Names of types that mean another one.
const ALIASES: [(&str, &str); 27] = [
    ("timestamp with time zone", "timestamptz"),
    ("timestamp without time zone", "timestamp"),
    ("time with time zone", "timetz"),
    ("time without time zone", "time"),
    ("boolean", "bool"),
    ("double precision", "double"),
    ("float8", "double"),
    ("float4", "real"),
    ("character", "char"),
    ("bpchar", "char"),
    ("bit varying", "varbit"),
    ("character varying", "varchar"),
    ("char varying", "varchar"),
    ("nvarchar", "varchar"),
    ("int2", "smallint"),
    ("int4", "int"),
    ("int8", "bigint"),
    ("integer", "int"),
    ("integer unsigned", "int unsigned"),
    ("serial", "int"),
    ("serial4", "int"),
    ("bigserial", "bigint"),
    ("serial8", "bigint"),
    ("smallserial", "smallint"),
    ("decimal", "numeric"),
    ("dec", "numeric"),
    ("national varchar", "varchar"),
];

/// A type's name, and what stands in its brackets.
fn named(written: &str) -> (String, &str) {
    let (name, inside) = match (written.find('('), written.find(')')) {
        (Some(open), Some(close)) if open < close => {
            let name = format!("{}{}", &written[..open], &written[close + 1..]);
            (name, &written[open + 1..close])
        }
        _ => (written.to_owned(), ""),
    };
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
    (alias.map_or(name, |(_, meant)| (*meant).to_owned()), inside)
}

impl Shape {
    pub(super) fn of(data_type: &DataType, dialect: Dialect) -> Self {
        if let DataType::Enum(members, _) = data_type {
            let value = |member: &EnumMember| match member {
                EnumMember::Name(name) | EnumMember::NamedValue(name, _) => name.clone(),
            };
            return Self::Enum(members.iter().map(value).collect());
        }
        let written = data_type.to_string().to_ascii_lowercase();
        if dialect == Dialect::Sqlite {
            return Self::Other(affinity(&written).to_owned());
        }
        let (name, inside) = named(&written);
        let sizes: Vec<u64> =
            inside.split(',').filter_map(|size| size.trim().parse().ok()).collect();
        let unsigned = name.ends_with(" unsigned");
        let whole = |bits| Self::Whole { bits, unsigned };
        match (name.trim_end_matches(" unsigned"), dialect) {
            ("varchar", _) => Self::Text(sizes.first().copied()),
            // In bytes; a character has up to four.
            ("tinytext", Dialect::Mysql) => Self::Text(Some(63)),
            ("text", Dialect::Mysql) => Self::Text(Some(16_383)),
            ("mediumtext", Dialect::Mysql) => Self::Text(Some(4_194_303)),
            ("text", _) | ("longtext", Dialect::Mysql) => Self::Text(None),
            ("tinyint", _) | ("bool", Dialect::Mysql) => whole(8),
            ("smallint", _) => whole(16),
            ("mediumint", _) => whole(24),
            ("int", _) => whole(32),
            ("bigint", _) => whole(64),
            ("numeric", Dialect::Mysql) if sizes.is_empty() => Self::Decimal(Some((10, 0))),
            ("numeric", _) => {
                let scale = sizes.get(1).copied().unwrap_or_default();
                Self::Decimal(sizes.first().map(|digits| (*digits, scale)))
            }
            _ => Self::Other(format!("{name}({inside})")),
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
            (
                Self::Whole { bits: before, unsigned },
                Self::Whole { bits: after, unsigned: next },
            ) if before < after && (unsigned == next || !next) => Some(Rule::WidenNumber),
            (Self::Decimal(Some((before, scale))), Self::Decimal(Some((after, next))))
                if scale == next && before < after =>
            {
                Some(Rule::WidenNumber)
            }
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
            Self::Text(None) | Self::Whole { bits: 64, .. } => Rule::Unjudged,
            _ => Rule::ChangeType,
        }
    }
}

/// What `SQLite` keeps of a type: neither its length nor its exact name.
fn affinity(written: &str) -> &'static str {
    let has = |parts: &[&str]| parts.iter().any(|part| written.contains(part));
    if has(&["int"]) {
        "integer"
    } else if has(&["char", "clob", "text"]) {
        "text"
    } else if written.is_empty() || has(&["blob"]) {
        "blob"
    } else if has(&["real", "floa", "doub"]) {
        "real"
    } else {
        "numeric"
    }
}

fn wider_text(dialect: Dialect) -> Rule {
    match dialect {
        Dialect::Mysql => Rule::LengthenText,
        _ => Rule::WidenText,
    }
}
