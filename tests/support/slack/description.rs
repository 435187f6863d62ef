//! Whether a request is one that Slack published.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

static PUBLISHED: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("../../data/slack/methods.json");
    serde_json::from_str(text).expect("the file is JSON")
});

/// What a request says, or what is wrong with it.
pub(super) fn read(
    verb: &str,
    method: &str,
    kind: &str,
    query: Option<&str>,
    body: &[u8],
) -> Result<Value, String> {
    let known = &PUBLISHED["methods"][method];
    if known.is_null() {
        return Err("there is no such method".into());
    }
    if known["method"] != verb {
        return Err(format!("it is {}, not {verb}", known["method"]));
    }
    let said = if verb == "GET" {
        of_query(query.unwrap_or_default())
    } else {
        let takes =
            known["consumes"].as_array().is_some_and(|all| all.iter().any(|one| one == kind));
        if !takes {
            return Err(format!("it takes no {kind:?}"));
        }
        serde_json::from_slice(body).map_err(|why| why.to_string())?
    };
    let given = said.as_object().ok_or("it is no object")?;
    let (old, new) = (&known["parameters"], &PUBLISHED["since"][method]);
    for (name, value) in given {
        let of = [&old[name], &new[name]].into_iter().find(|of| !of.is_null());
        let of = of.ok_or_else(|| format!("it has no {name}"))?;
        if !fits(of["type"].as_str().unwrap_or_default(), value, verb == "GET") {
            return Err(format!("{name} is no {}: {value}", of["type"]));
        }
    }
    let needed = old.as_object().into_iter().flatten().filter(|(_, of)| of["required"] == true);
    for (name, _) in needed {
        if !given.contains_key(name) {
            return Err(format!("{name} is missing"));
        }
    }
    match said["text"].as_str() {
        Some(text) if text.chars().count() > 4_000 => Err("the text is too long".into()),
        Some("") => Err("there is no text".into()),
        _ => Ok(said),
    }
}

fn fits(kind: &str, value: &Value, is_text: bool) -> bool {
    let text = value.as_str();
    match kind {
        "string" => text.is_some(),
        "boolean" if is_text => matches!(text, Some("true" | "false" | "1" | "0")),
        "boolean" => value.is_boolean(),
        "integer" => text.is_some_and(|text| text.parse::<u64>().is_ok()),
        "number" => text.is_some_and(|text| text.parse::<f64>().is_ok()),
        "object" => value.is_object(),
        _ => false,
    }
}

fn of_query(query: &str) -> Value {
    let url = reqwest::Url::parse(&format!("http://slack.test/?{query}")).expect("it is a query");
    let pairs = url.query_pairs().map(|(name, value)| (name.into_owned(), json!(value)));
    Value::Object(pairs.collect::<Map<_, _>>())
}
