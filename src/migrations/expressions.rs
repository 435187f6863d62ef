//! What the text of an expression shows: whether it is alike for all rows, may fail, or holds where columns are NULL.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator,
    Value, visit_expressions,
};

use super::names::key;

/// Functions that give another value for each row.
const DISTINCT: &[&str] = &[
    "nextval",
    "gen_random_uuid",
    "uuid_generate_v1",
    "uuid_generate_v1mc",
    "uuid_generate_v4",
    "uuid_generate_v7",
    "uuidv4",
    "uuidv7",
    "uuid",
    "uuid_v4",
    "uuid_v7",
    "uuid_short",
    "sys_guid",
    "gen_random_bytes",
    "randomblob",
];

/// Functions that pass a distinct value on as another distinct value.
const PASS_ON: &[&str] = &["encode", "replace", "hex", "lower", "upper", "concat", "uuid_to_bin"];

/// Functions that no value of a column lets fail.
const TOTAL: &[&str] = &[
    "array_to_string",
    "btrim",
    "cardinality",
    "char_length",
    "character_length",
    "coalesce",
    "concat",
    "concat_ws",
    "crc32",
    "date",
    "date_part",
    "date_trunc",
    "datetime",
    "greatest",
    "hashtext",
    "hex",
    "if",
    "ifnull",
    "instr",
    "json_extract",
    "json_unquote",
    "json_value",
    "jsonb_typeof",
    "json_typeof",
    "least",
    "left",
    "length",
    "lower",
    "ltrim",
    "md5",
    "nullif",
    "octet_length",
    "replace",
    "reverse",
    "right",
    "rtrim",
    "setweight",
    "sha1",
    "sha2",
    "sha256",
    "strftime",
    "substr",
    "substring",
    "to_tsvector",
    "translate",
    "trim",
    "typeof",
    "unaccent",
    "upper",
];

/// How an insert that leaves a column out fills it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    /// With the same value in each row.
    Constant,
    /// With another value in each row.
    Distinct,
    /// With a value that its text does not show.
    Computed,
}

/// How a default fills its column; `None` for NULL.
pub(super) fn fill(default: &Expr) -> Option<Fill> {
    if is_null(default) {
        None
    } else if is_distinct(default) {
        Some(Fill::Distinct)
    } else if is_constant(default) {
        Some(Fill::Constant)
    } else {
        Some(Fill::Computed)
    }
}

pub(super) fn is_null(value: &Expr) -> bool {
    match value {
        Expr::Value(value) => value.value == Value::Null,
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => is_null(inner),
        _ => false,
    }
}

fn is_distinct(value: &Expr) -> bool {
    match value {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => is_distinct(inner),
        Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } => {
            is_distinct(left) || is_distinct(right)
        }
        Expr::Function(function) => {
            let name = key(&function.name);
            DISTINCT.contains(&name.as_str())
                || PASS_ON.contains(&name.as_str())
                    && arguments(&function.args).is_some_and(|all| all.into_iter().any(is_distinct))
        }
        _ => false,
    }
}

pub(super) fn is_constant(value: &Expr) -> bool {
    match value {
        Expr::Value(_)
        | Expr::TypedString(_)
        | Expr::Array(_)
        | Expr::Identifier(_)
        | Expr::Prefixed { .. }
        | Expr::Interval(_) => true,
        Expr::Cast { expr, .. } | Expr::UnaryOp { expr, .. } | Expr::Nested(expr) => {
            is_constant(expr)
        }
        Expr::Function(function) => {
            let name = key(&function.name);
            ["now", "current_timestamp", "current_date"].contains(&name.as_str())
        }
        other => is_null(other),
    }
}

/// The plain arguments of a function; `None` if it has others.
fn arguments(arguments: &FunctionArguments) -> Option<Vec<&Expr>> {
    match arguments {
        FunctionArguments::None => Some(Vec::new()),
        FunctionArguments::List(list) if list.clauses.is_empty() => {
            let plain = |argument| match argument {
                &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref value)) => Some(value),
                _ => None,
            };
            list.args.iter().map(plain).collect()
        }
        _ => None,
    }
}

/// True if an expression over columns may fail for a row that its table accepts.
pub(super) fn may_fail(expr: &Expr) -> bool {
    !is_total(expr)
}

fn is_total(expr: &Expr) -> bool {
    match expr {
        Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::Value(_)
        | Expr::TypedString(_)
        | Expr::Interval(_)
        | Expr::Prefixed { .. } => true,
        Expr::Nested(inner)
        | Expr::Collate { expr: inner, .. }
        | Expr::IsNull(inner)
        | Expr::IsNotNull(inner)
        | Expr::IsTrue(inner)
        | Expr::IsNotTrue(inner)
        | Expr::IsFalse(inner)
        | Expr::IsNotFalse(inner)
        | Expr::UnaryOp { op: UnaryOperator::Not, expr: inner }
        | Expr::Extract { expr: inner, .. }
        | Expr::Trim { expr: inner, trim_what: None, .. } => is_total(inner),
        Expr::Cast { expr, data_type, .. } => {
            is_constant(expr) || is_text(data_type) && is_total(expr)
        }
        Expr::AtTimeZone { timestamp, time_zone } => is_total(timestamp) && is_constant(time_zone),
        Expr::Substring { expr, substring_from, substring_for, .. } => {
            let sides = [substring_from, substring_for];
            is_total(expr) && sides.into_iter().flatten().all(|side| is_constant(side))
        }
        Expr::BinaryOp { left, op, right } => {
            is_total_operator(op) && is_total(left) && is_total(right)
        }
        Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
            is_total(left) && is_total(right)
        }
        Expr::InList { expr, list, .. } => is_total(expr) && list.iter().all(is_total),
        Expr::AnyOp { left, right, .. } => is_total(left) && is_total(right),
        Expr::Array(array) => array.elem.iter().all(is_total),
        Expr::Between { expr, low, high, .. } => is_total(expr) && is_total(low) && is_total(high),
        Expr::Like { expr, pattern, .. } | Expr::ILike { expr, pattern, .. } => {
            is_total(expr) && is_constant(pattern)
        }
        Expr::Case { operand, conditions, else_result, .. } => {
            let parts = conditions.iter().flat_map(|when| [&when.condition, &when.result]);
            let around = [operand, else_result].into_iter().flatten().map(AsRef::as_ref);
            parts.chain(around).all(is_total)
        }
        Expr::Function(function) => {
            TOTAL.contains(&key(&function.name).as_str())
                && arguments(&function.args).is_some_and(|all| all.into_iter().all(is_total))
        }
        _ => false,
    }
}

fn is_total_operator(op: &BinaryOperator) -> bool {
    use BinaryOperator as Op;
    matches!(
        op,
        Op::StringConcat
            | Op::Eq
            | Op::NotEq
            | Op::Gt
            | Op::GtEq
            | Op::Lt
            | Op::LtEq
            | Op::Spaceship
            | Op::And
            | Op::Or
            | Op::Arrow
            | Op::LongArrow
            | Op::HashArrow
            | Op::HashLongArrow
            | Op::AtArrow
            | Op::ArrowAt
            | Op::Question
    )
}

/// Text without a limit: every value can be cast to it.
fn is_text(data_type: &DataType) -> bool {
    let name = data_type.to_string().to_ascii_lowercase();
    ["text", "varchar", "character varying", "regconfig", "char"].contains(&name.as_str())
}

/// True if an expression calls a function that neither gives distinct values nor is one of these.
pub(super) fn calls_others(expr: &Expr, is_known: impl Fn(&str) -> bool) -> bool {
    let called = visit_expressions(expr, |part| match part {
        Expr::Function(function) => {
            let name = key(&function.name);
            if is_known(&name) || DISTINCT.contains(&name.as_str()) {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        }
        _ => ControlFlow::Continue(()),
    });
    called.is_break()
}

/// The columns that an expression names, in lower case; `None` if it may use others.
pub(super) fn columns_of(expr: &Expr) -> Option<Vec<String>> {
    let mut columns = Vec::new();
    let unclear = visit_expressions(expr, |part| {
        match part {
            Expr::Identifier(name) => columns.push(name.value.to_lowercase()),
            Expr::CompoundIdentifier(parts) => {
                columns.extend(parts.last().map(|name| name.value.to_lowercase()));
            }
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => {
                return ControlFlow::Break(());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
    unclear.is_continue().then_some(columns)
}

/// What is certain of a value where each column is NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Certain {
    Null,
    True,
    False,
    NotNull,
    Nothing,
}

/// True if a check accepts a row in which all its columns are NULL.
pub(super) fn holds_for_nulls(check: &Expr) -> bool {
    matches!(of_nulls(check), Certain::Null | Certain::True)
}

/// Functions that give NULL for a NULL argument.
const STRICT: &[&str] = &[
    "abs",
    "array_length",
    "cardinality",
    "char_length",
    "character_length",
    "json_array_length",
    "json_typeof",
    "json_valid",
    "jsonb_array_length",
    "jsonb_typeof",
    "length",
    "lower",
    "octet_length",
    "pg_column_size",
    "regexp_like",
    "trim",
    "upper",
];

fn of_nulls(expr: &Expr) -> Certain {
    use Certain::{False, NotNull, Nothing, Null, True};
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => Null,
        Expr::Value(value) => match value.value {
            Value::Null => Null,
            Value::Boolean(true) => True,
            Value::Boolean(false) => False,
            _ => NotNull,
        },
        Expr::Nested(inner)
        | Expr::Cast { expr: inner, .. }
        | Expr::Collate { expr: inner, .. } => of_nulls(inner),
        Expr::IsNull(inner) => match of_nulls(inner) {
            Null => True,
            Nothing => Nothing,
            _ => False,
        },
        Expr::IsNotNull(inner) => match of_nulls(inner) {
            Null => False,
            Nothing => Nothing,
            _ => True,
        },
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => match of_nulls(expr) {
            True => False,
            False => True,
            Null => Null,
            _ => Nothing,
        },
        Expr::BinaryOp { left, op, right } => pair_of_nulls(op, of_nulls(left), of_nulls(right)),
        Expr::InList { expr: inner, .. }
        | Expr::Between { expr: inner, .. }
        | Expr::Like { expr: inner, .. }
        | Expr::ILike { expr: inner, .. }
        | Expr::SimilarTo { expr: inner, .. }
        | Expr::RLike { expr: inner, .. }
        | Expr::AnyOp { left: inner, .. }
        | Expr::UnaryOp { expr: inner, .. }
        | Expr::Trim { expr: inner, .. }
        | Expr::Substring { expr: inner, .. }
        | Expr::Extract { expr: inner, .. }
        | Expr::Floor { expr: inner, .. }
        | Expr::Ceil { expr: inner, .. } => null_or_nothing(of_nulls(inner)),
        Expr::Function(function) if STRICT.contains(&key(&function.name).as_str()) => {
            let all = arguments(&function.args).unwrap_or_default();
            let is_null = all.into_iter().any(|argument| of_nulls(argument) == Null);
            if is_null { Null } else { Nothing }
        }
        _ => Nothing,
    }
}

fn null_or_nothing(inner: Certain) -> Certain {
    if inner == Certain::Null { Certain::Null } else { Certain::Nothing }
}

fn pair_of_nulls(op: &BinaryOperator, left: Certain, right: Certain) -> Certain {
    use Certain::{False, Nothing, Null, True};
    match (op, left, right) {
        (BinaryOperator::And, False, _) | (BinaryOperator::And, _, False) => False,
        (BinaryOperator::And, True, other) | (BinaryOperator::And, other, True) => other,
        (BinaryOperator::Or, True, _) | (BinaryOperator::Or, _, True) => True,
        (BinaryOperator::Or, False, other) | (BinaryOperator::Or, other, False) => other,
        (BinaryOperator::And | BinaryOperator::Or, Null, Null) => Null,
        (BinaryOperator::And | BinaryOperator::Or | BinaryOperator::Spaceship, ..) => Nothing,
        (BinaryOperator::Xor, ..) => Nothing,
        (_, Null, _) | (_, _, Null) => Null,
        _ => Nothing,
    }
}
