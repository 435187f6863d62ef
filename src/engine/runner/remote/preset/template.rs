//! Fills the templates of a preset. Each value is encoded for its place: it cannot change what is asked for.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::data::{INPUTS, PresetData, RequestData};
use crate::domain::remote::filled;
use crate::engine::runner::remote::order::Order;

/// What the placeholders stand for.
#[derive(Clone)]
pub(super) struct TemplateValues<'a> {
    order: &'a Order,
    data: &'a PresetData,
    own: BTreeMap<&'static str, String>,
}

impl<'a> TemplateValues<'a> {
    pub fn new(order: &'a Order, data: &'a PresetData) -> Self {
        Self { order, data, own: BTreeMap::new() }
    }

    #[must_use]
    pub fn with(&self, name: &'static str, value: impl Into<String>) -> Self {
        let mut more = self.clone();
        more.own.insert(name, value.into());
        more
    }

    /// A path with its query.
    pub fn path(&self, template: &str) -> String {
        filled(template, |name| match name {
            "job" => self.job(),
            name => encoded(&self.value(name)),
        })
    }

    /// The path of a request, with what it tells behind it.
    pub fn path_of(&self, request: &RequestData) -> String {
        let (path, named) = (self.path(&request.path), &request.query);
        let fixed = named.iter().filter(|(name, _)| *name != INPUTS);
        let fixed = fixed.map(|(name, template)| (name, self.text(template)));
        // What the preset itself tells wins.
        let inputs = named.contains_key(INPUTS).then(|| self.inputs()).into_iter().flatten();
        let inputs = inputs.filter(|(name, _)| !named.contains_key(*name));
        let query = fixed.chain(inputs.map(|(name, value)| (name, value.clone())));
        let query: Vec<_> =
            query.map(|(name, value)| format!("{}={}", encoded(name), encoded(&value))).collect();
        match (query.is_empty(), path.contains('?')) {
            (true, _) => path,
            (false, true) => format!("{path}&{}", query.join("&")),
            (false, false) => format!("{path}?{}", query.join("&")),
        }
    }

    /// A body, or any other value of the preset.
    pub fn json(&self, template: &Value) -> Value {
        match template {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(all) => all.iter().map(|one| self.json(one)).collect(),
            Value::Object(members) => {
                let inputs = members.contains_key(INPUTS).then(|| self.inputs());
                let inputs = inputs.into_iter().flatten();
                let mut filled: serde_json::Map<_, _> = inputs
                    .map(|(name, value)| (name.clone(), Value::String(value.clone())))
                    .collect();
                // What the preset itself tells wins.
                let fixed = members.iter().filter(|(name, _)| *name != INPUTS);
                filled.extend(fixed.map(|(name, value)| (name.clone(), self.json(value))));
                Value::Object(filled)
            }
            other => other.clone(),
        }
    }

    /// A text for a place where any text is a value.
    pub fn text(&self, template: &str) -> String {
        filled(template, |name| self.value(name))
    }

    /// The address of a page for people.
    pub fn page(&self, template: &str, url: &str) -> String {
        filled(template, |name| match name {
            "url" => url.to_owned(),
            "job" => self.job(),
            name => encoded(&self.value(name)),
        })
    }

    /// The inputs that the preset does not take for itself.
    fn inputs(&self) -> impl Iterator<Item = (&'a String, &'a String)> {
        let (inputs, takes) = (&self.order.inputs, &self.data.takes);
        inputs.iter().filter(|(name, _)| !takes.contains_key(*name))
    }

    fn value(&self, name: &str) -> String {
        if let Some(value) = self.own.get(name) {
            return value.clone();
        }
        if name == "job" {
            return self.order.job.call.job().to_owned();
        }
        match self.data.takes.get(name) {
            Some(usual) => self.order.inputs.get(name).unwrap_or(usual).clone(),
            None => self.order.value(name),
        }
    }

    /// The parts of the job's name, as parts of an address.
    fn job(&self) -> String {
        let parts: Vec<_> = self.order.job.call.job().split('/').map(encoded).collect();
        parts.join(&self.data.job_between)
    }
}

/// As part of an address: nothing in it means anything there.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing into a text cannot fail.
            let _infallible = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
