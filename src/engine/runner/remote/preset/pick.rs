//! Finds in the answers of an engine what a preset names: places, conditions, states.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::data::{Condition, LookData};
use super::template::TemplateValues;
use crate::domain::remote::RunKey;
use crate::engine::runner::remote::answers::RunState;

/// The longest id.
const LONGEST_ID: usize = 100;

/// What stands at a place, which is a JSON pointer. A `*` in it stands for the first member.
pub(super) fn at<'v>(value: &'v Value, place: &str) -> Option<&'v Value> {
    let mut here = value;
    for part in place.split('/').skip(1) {
        here = match (here, part) {
            (Value::Object(members), "*") => members.values().next()?,
            (Value::Array(all), "*") => all.first()?,
            (Value::Object(members), name) => members.get(name)?,
            (Value::Array(all), index) => all.get(index.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(here)
}

/// A text, a number or a truth value as text.
pub(super) fn text(value: &Value, place: &str) -> Option<String> {
    match at(value, place)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is) => Some(is.to_string()),
        _ => None,
    }
}

/// The list at a place.
pub(super) fn list<'v>(value: &'v Value, place: &str) -> &'v [Value] {
    at(value, place).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// An id, which can be part of an address.
pub(super) fn id(value: &Value, place: &str) -> Option<String> {
    text(value, place).filter(|id| is_id(id))
}

pub(super) fn is_id(id: &str) -> bool {
    let is_inside = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    !id.is_empty() && id.len() <= LONGEST_ID && id.chars().all(is_inside)
}

pub(super) fn holds(condition: &Condition, value: &Value, values: &TemplateValues<'_>) -> bool {
    let there = at(value, &condition.at).filter(|there| !there.is_null());
    match &condition.is {
        Some(wanted) => there == Some(&values.json(wanted)),
        None => there.is_some(),
    }
}

/// Whether the key stands somewhere in this, as a word of its own.
pub(super) fn has_key(value: &Value, key: &RunKey) -> bool {
    match value {
        Value::String(text) => is_word_of(key.as_str(), text),
        Value::Array(all) => all.iter().any(|one| has_key(one, key)),
        Value::Object(members) => members.values().any(|one| has_key(one, key)),
        _ => false,
    }
}

fn is_word_of(key: &str, text: &str) -> bool {
    let is_inside = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    text.match_indices(key).any(|(at, found)| {
        let (before, after) = (&text[..at], &text[at + found.len()..]);
        !before.ends_with(is_inside) && !after.starts_with(is_inside)
    })
}

/// How a run, or a part of it, stands: its state, and the word for it.
pub(super) fn state(
    look: &LookData,
    run: &Value,
    values: &TemplateValues<'_>,
) -> (RunState, String) {
    let word = text(run, &look.word).unwrap_or_default();
    let known = look.words.get(&word).map(String::as_str);
    let is_queued = look.queued.as_ref().is_some_and(|queued| holds(queued, run, values));
    let is_over = holds(&look.over, run, values);
    match known {
        Some("running") => (RunState::Running, word),
        Some("queued") => (RunState::Queued, word),
        _ if !is_over && is_queued => (RunState::Queued, word),
        _ if !is_over => (RunState::Running, word),
        Some("succeeded") => (RunState::Succeeded, word),
        Some("failed") => (RunState::Failed, "failed".into()),
        Some("cancelled") => (RunState::Cancelled, word),
        // What is said of an end that is no success. A word that nobody knows is none either.
        other => (RunState::Failed, other.map_or(word, str::to_owned)),
    }
}

/// How a run stands whose parts stand like this: it is over when all are, and has succeeded if all have.
pub(super) fn combined(parts: Vec<(RunState, String)>) -> (RunState, String) {
    let order = |state: RunState| match state {
        RunState::Running => 0,
        RunState::Queued => 1,
        RunState::Failed => 2,
        RunState::Cancelled => 3,
        RunState::Succeeded => 4,
    };
    let worst = parts.into_iter().min_by_key(|(state, _)| order(*state));
    worst.unwrap_or((RunState::Queued, String::new()))
}

/// RFC 3339, or seconds or milliseconds since 1970.
pub(super) fn instant(value: &Value, place: &str) -> Option<DateTime<Utc>> {
    /// No second of these centuries has so high a number.
    const MILLISECONDS: i64 = 100_000_000_000;
    match at(value, place)? {
        Value::String(text) => Some(DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc)),
        Value::Number(number) => match number.as_i64()? {
            milliseconds if milliseconds > MILLISECONDS => {
                DateTime::from_timestamp_millis(milliseconds)
            }
            seconds => DateTime::from_timestamp(seconds, 0),
        },
        _ => None,
    }
}
