//! Bodies in the form of another receiver: templates that write JSON.

use std::path::PathBuf;

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};

use super::escape;
use super::webhook::WebhookBody;
use crate::gate;

/// The forms that come with the program.
const SHIPPED: [(&str, &str); 2] = [
    ("incident-io", include_str!("../../assets/notify/webhook/incident-io.json")),
    ("grafana-oncall", include_str!("../../assets/notify/webhook/grafana-oncall.json")),
];
/// How much work one template may do.
const FUEL: u64 = 50_000;
/// The largest file of a template, in bytes.
const LARGEST: u64 = 64 * 1024;

/// The form of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyTemplate {
    Shipped(&'static str, &'static str),
    /// A file of the operator, read each time.
    File(PathBuf),
}

impl BodyTemplate {
    /// A form of the program by its name, or the absolute path of a file.
    ///
    /// # Errors
    /// When it is neither.
    pub fn named(name: &str) -> Result<Self, String> {
        if let Some((name, text)) = SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
            return Ok(Self::Shipped(name, text));
        }
        let path = PathBuf::from(name);
        if path.is_absolute() {
            return Ok(Self::File(path));
        }
        let known = SHIPPED.map(|(name, _)| name).join(", ");
        Err(format!(
            "there is no body {name:?}; there are {known}, or write the path of a file from / on"
        ))
    }

    /// The body for what is told; `None` if the template writes nothing, since its receiver does not want it.
    ///
    /// # Errors
    /// When the template fails, or writes what is no JSON.
    pub fn render(&self, said: &WebhookBody) -> Result<Option<Vec<u8>>, String> {
        let text;
        let (name, text) = match self {
            Self::Shipped(name, text) => ((*name).to_owned(), *text),
            Self::File(path) => {
                text = read(path)?;
                (path.display().to_string(), text.as_str())
            }
        };
        let failed = |why: String| format!("the body {name} cannot be made: {}", gate::line(&why));
        let written = environment().render_named_str("body", text, Value::from(Serde(said)));
        let written = written.map_err(|why| failed(why.to_string()))?;
        if written.trim().is_empty() {
            return Ok(None);
        }
        let json: serde_json::Value = serde_json::from_str(&written)
            .map_err(|why| failed(format!("it is not JSON: {why}")))?;
        Ok(Some(json.to_string().into_bytes()))
    }
}

fn read(path: &PathBuf) -> Result<String, String> {
    let shown = path.display();
    let failed = |why: std::io::Error| format!("{shown}: {why}");
    if std::fs::metadata(path).map_err(failed)?.len() > LARGEST {
        return Err(format!("{shown} is larger than 64 KiB"));
    }
    std::fs::read_to_string(path).map_err(failed)
}

/// Whatever is printed is written as JSON: a text with its quotation marks.
fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Json);
    environment.remove_filter("safe");
    // For receivers that read a text as Markdown, in which a backslash makes any mark harmless.
    environment.add_filter("markdown", |text: String| {
        text.lines().map(escape::discord).collect::<Vec<_>>().join("\n")
    });
    environment
}
