//! Finds nested effects: rows that a query writes and functions that it calls.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, ObjectName, Statement, TableFactor, Visit, Visitor};

use super::super::rule::Rule;

/// Built-in functions that change nothing.
const HARMLESS: &[&str] = &[
    "abs",
    "array_agg",
    "array_length",
    "array_to_string",
    "avg",
    "btrim",
    "ceil",
    "ceiling",
    "char_length",
    "coalesce",
    "concat",
    "concat_ws",
    "count",
    "current_date",
    "current_database",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "date",
    "date_add",
    "date_format",
    "date_part",
    "date_sub",
    "date_trunc",
    "datetime",
    "decode",
    "dense_rank",
    "encode",
    "floor",
    "format",
    "from_unixtime",
    "gen_random_uuid",
    "generate_series",
    "greatest",
    "group_concat",
    "if",
    "ifnull",
    "initcap",
    "instr",
    "json_agg",
    "json_array",
    "json_array_elements",
    "json_build_object",
    "json_each",
    "json_extract",
    "json_object",
    "jsonb_agg",
    "jsonb_array_elements",
    "jsonb_build_object",
    "jsonb_each",
    "jsonb_set",
    "lag",
    "last_insert_id",
    "lead",
    "least",
    "left",
    "length",
    "localtimestamp",
    "lower",
    "lpad",
    "ltrim",
    "max",
    "md5",
    "min",
    "mod",
    "now",
    "nullif",
    "power",
    "random",
    "rank",
    "regexp_replace",
    "replace",
    "right",
    "round",
    "row_number",
    "row_to_json",
    "rpad",
    "rtrim",
    "set_config",
    "split_part",
    "strftime",
    "string_agg",
    "string_to_array",
    "substr",
    "substring",
    "sum",
    "to_char",
    "to_date",
    "to_json",
    "to_jsonb",
    "to_regclass",
    "to_timestamp",
    "total",
    "trim",
    "unix_timestamp",
    "unnest",
    "upper",
    "uuid",
    "version",
];

/// The worst nested effect of a part of a statement.
pub(super) fn worst_inside(part: &impl Visit) -> Rule {
    let mut effects = NestedEffects { worst: Rule::NoChange };
    let _ = part.visit(&mut effects);
    effects.worst
}

struct NestedEffects {
    worst: Rule,
}

impl NestedEffects {
    fn call(&mut self, name: &ObjectName) {
        self.worst = self.worst.max(called(name));
    }
}

/// A function with a schema may be user-defined, even with a built-in's name.
fn called(name: &ObjectName) -> Rule {
    let parts: Option<Vec<_>> = name.0.iter().map(|part| part.as_ident()).collect();
    let written = match parts.as_deref() {
        Some([function]) => function.value.to_lowercase(),
        Some([schema, function]) if schema.value == "pg_catalog" => function.value.to_lowercase(),
        _ => return Rule::Unjudged,
    };
    match written.as_str() {
        "setval" | "nextval" => Rule::WriteData,
        known if HARMLESS.contains(&known) => Rule::NoChange,
        _ => Rule::Unjudged,
    }
}

impl Visitor for NestedEffects {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            self.call(&function.name);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } =
            factor
        {
            self.call(name);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        if !matches!(statement, Statement::Query(_)) {
            self.worst = self.worst.max(Rule::WriteData);
        }
        ControlFlow::Continue(())
    }
}
