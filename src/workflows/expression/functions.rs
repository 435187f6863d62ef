//! The functions of GitHub's expressions that can be known from a file.

use super::Value;

/// What a call gives. The functions of the state are those of a run in which nothing fails.
pub(super) fn call(name: &str, arguments: &[Value]) -> Value {
    match (name, arguments) {
        ("success" | "always", _) => Value::Bool(true),
        ("failure" | "cancelled", _) => Value::Bool(false),
        ("startswith", [Value::Begins(known), Value::Text(start)]) => begins(known, start),
        ("startswith", [text, start]) => texts(text, start, |text, start| text.starts_with(start)),
        ("endswith", [text, end]) => texts(text, end, |text, end| text.ends_with(end)),
        ("contains", [Value::List(items), item]) => among(items, item),
        ("contains", [text, part]) => texts(text, part, |text, part| text.contains(part)),
        ("fromjson", [Value::Text(text)]) => from_json(text),
        ("format", [Value::Text(format), arguments @ ..]) => formatted(format, arguments),
        ("join", [list, rest @ ..]) => join(list, rest.first()),
        _ => Value::Unknown,
    }
}

fn texts(left: &Value, right: &Value, holds: fn(&str, &str) -> bool) -> Value {
    match (left.text(), right.text()) {
        (Some(left), Some(right)) => {
            Value::Bool(holds(&left.to_lowercase(), &right.to_lowercase()))
        }
        // Everything begins with nothing, and holds it.
        (None, Some(right)) if right.is_empty() => Value::Bool(true),
        _ => Value::Unknown,
    }
}

/// A text that begins with `known` may go on with what `start` asks for.
fn begins(known: &str, start: &str) -> Value {
    let (known, start) = (known.to_lowercase(), start.to_lowercase());
    if known.starts_with(&start) {
        return Value::Bool(true);
    }
    if start.starts_with(&known) { Value::Unknown } else { Value::Bool(false) }
}

fn among(items: &[Value], item: &Value) -> Value {
    let Some(wanted) = item.text().map(|text| text.to_lowercase()) else { return Value::Unknown };
    let known: Vec<_> = items.iter().map(Value::text).collect();
    if known.iter().flatten().any(|text| text.to_lowercase() == wanted) {
        return Value::Bool(true);
    }
    if known.iter().all(Option::is_some) { Value::Bool(false) } else { Value::Unknown }
}

fn from_json(text: &str) -> Value {
    let value = |json: &serde_json::Value| match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => number.as_f64().map_or(Value::Unknown, Value::Number),
        serde_json::Value::String(text) => Value::Text(text.clone()),
        serde_json::Value::Array(_) | serde_json::Value::Object(_) => Value::Unknown,
    };
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(serde_json::Value::Array(items)) => Value::List(items.iter().map(value).collect()),
        Ok(json) => value(&json),
        Err(_) => Value::Unknown,
    }
}

/// `{0}` is the first argument, `{{` a brace.
fn formatted(format: &str, arguments: &[Value]) -> Value {
    let (mut text, mut rest) = (String::new(), format);
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let after = &rest[at..];
        if after.starts_with("{{") || after.starts_with("}}") {
            text.push_str(&after[..1]);
            rest = &after[2..];
            continue;
        }
        let Some((number, behind)) = after[1..].split_once('}') else { return Value::Unknown };
        let argument = number.parse::<usize>().ok().and_then(|at| arguments.get(at));
        let Some(argument) = argument.and_then(Value::text) else { return Value::Unknown };
        text.push_str(&argument);
        rest = behind;
    }
    text.push_str(rest);
    Value::Text(text)
}

fn join(list: &Value, separator: Option<&Value>) -> Value {
    let separator = separator.map_or(Some(",".to_owned()), Value::text);
    match (list, separator) {
        (Value::List(items), Some(separator)) => {
            let texts: Option<Vec<_>> = items.iter().map(Value::text).collect();
            texts.map_or(Value::Unknown, |texts| Value::Text(texts.join(&separator)))
        }
        (Value::Text(text), _) => Value::Text(text.clone()),
        _ => Value::Unknown,
    }
}
