//! Finds nested effects: rows that a query writes and functions that it calls.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, ObjectName, Statement, TableFactor, Visit, Visitor};

use super::super::names::key;
use super::super::rule::Rule;

/// Built-in functions that change nothing, in words.
const HARMLESS: &str = "\
    abs adddate age any_value array array_agg array_append array_cat array_fill array_length array_lower \
    array_ndims array_position array_remove array_to_json array_to_string array_upper ascii avg bin_to_uuid \
    bit_and bit_length bit_or bool_and bool_or btrim cardinality cast ceil ceiling changes char char_length \
    character_length chr clock_timestamp coalesce col_description concat concat_ws convert convert_tz count \
    crc32 crypt cume_dist curdate current_database current_date current_schema current_setting current_time \
    current_timestamp current_user curtime date date_add date_bin date_diff date_format date_part date_sub \
    date_trunc datediff datetime dayname dayofmonth dayofweek dayofyear decode degrees dense_rank digest div \
    encode every exp extract field find_in_set first_value floor format format_type from_base64 from_unixtime \
    gen_random_bytes gen_random_uuid gen_salt generate_series generate_subscripts glob greatest group_concat \
    has_table_privilege hashtext hashtextextended hex hour hstore if ifnull iif in_set inet_aton initcap instr \
    isfinite isnull json json_agg json_array json_array_elements json_array_elements_text json_array_length \
    json_arrayagg json_build_array json_build_object json_contains json_each json_each_text json_extract \
    json_group_array json_group_object json_insert json_keys json_length json_object json_object_agg \
    json_object_keys json_objectagg json_patch json_quote json_remove json_replace json_search json_set \
    json_table json_tree json_type json_typeof json_unquote json_valid json_value jsonb_agg jsonb_array_elements \
    jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text \
    jsonb_insert jsonb_object jsonb_object_agg jsonb_object_keys jsonb_path_query jsonb_pretty jsonb_set \
    jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_typeof julianday justify_interval lag last_day \
    last_insert_id last_insert_rowid last_value lcase lead least left length ln localtime localtimestamp locate \
    log log10 lower lpad ltrim make_date make_interval make_timestamp makedate maketime max md5 mid min minute \
    mod month monthname now nth_value ntile nullif num_nonnulls num_nulls obj_description octet_length ord \
    overlay percent_rank pg_get_constraintdef pg_get_serial_sequence pg_get_viewdef pg_notify \
    pg_table_is_visible pg_total_relation_size pg_typeof pi plainto_tsquery position pow power printf quarter \
    quote quote_ident quote_literal radians rand random randomblob rank regexp_like regexp_match regexp_matches \
    regexp_replace regexp_split_to_array regexp_split_to_table regexp_substr repeat replace reverse right round \
    row row_number row_to_json rpad rtrim second set_config setweight sha1 sha2 sha256 sha512 shobj_description \
    sign similarity sin soundex space split_part sqlite_version sqrt starts_with statement_timestamp stddev \
    str_to_date strcmp strftime string_agg string_to_array strpos subdate substr substring substring_index sum \
    sysdate time timediff timestamp timestampadd timestampdiff timezone to_base64 to_char to_date to_days to_hex \
    to_json to_jsonb to_number to_regclass to_regtype to_timestamp to_tsquery to_tsvector total \
    transaction_timestamp translate trim trunc truncate ts_rank txid_current typeof ucase unaccent unhex unicode \
    unix_timestamp unixepoch unnest upper utc_timestamp uuid uuid_generate_v1 uuid_generate_v4 uuid_generate_v7 \
    uuid_short uuid_to_bin uuid_v4 uuid_v7 uuidv4 uuidv7 var_pop variance version websearch_to_tsquery week \
    weekday width_bucket xpath year zeroblob";

/// The worst nested effect of a part of a statement.
pub(super) fn worst_inside(part: &impl Visit) -> Rule {
    inside(part).worst
}

/// How many statements in a part of a statement, itself included, write rows.
pub(in super::super) fn writes_inside(part: &impl Visit) -> usize {
    inside(part).writes
}

/// The last names of the functions in a part of a statement that are not built in or write rows.
pub(in super::super) fn other_calls(part: &impl Visit) -> Vec<String> {
    inside(part).others
}

fn inside(part: &impl Visit) -> NestedEffects {
    let mut effects = NestedEffects { worst: Rule::NoChange, writes: 0, others: Vec::new() };
    let _ = part.visit(&mut effects);
    effects
}

struct NestedEffects {
    worst: Rule,
    writes: usize,
    others: Vec<String>,
}

impl NestedEffects {
    fn call(&mut self, name: &ObjectName) {
        let rule = called(name);
        self.worst = self.worst.max(rule);
        if rule != Rule::NoChange {
            self.others.push(key(name));
        }
    }
}

/// True if a function is built in and changes nothing.
pub(super) fn is_harmless(function: &str) -> bool {
    HARMLESS.split(' ').any(|known| known == function)
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
        known if is_harmless(known) => Rule::NoChange,
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
            self.writes += 1;
        }
        ControlFlow::Continue(())
    }
}
