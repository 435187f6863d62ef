//! The postmortem of an incident as Markdown: its report in the words of a template, with everything from outside escaped.

mod escape;
mod inert;
mod summary;
mod view;

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};

use self::view::DocumentView;
use crate::domain::incident::IncidentReport;

/// The shipped template.
pub const SHIPPED: &str = include_str!("../assets/postmortem.md");

/// The longest text of an issue, in bytes: GitHub takes 65 536 characters.
const LONGEST_ISSUE: usize = 60_000;

/// How much work the template may do: far more than for the longest timeline.
const FUEL: u64 = 5_000_000;

/// The document of an incident by this template.
///
/// # Errors
/// When the template is none, or fails.
pub fn markdown(report: &IncidentReport, template: &str) -> Result<String, String> {
    rendered(report, template, escape::inline)
}

/// The document for an issue at a forge, where nothing from outside names a person, an issue, a commit or a command. A long
/// one is cut, and says so.
///
/// # Errors
/// When the template fails.
pub fn issue(report: &IncidentReport) -> Result<String, String> {
    rendered(report, SHIPPED, inert::inline).map(|text| cut(&text, LONGEST_ISSUE))
}

fn rendered(
    report: &IncidentReport,
    template: &str,
    escape: fn(&str) -> String,
) -> Result<String, String> {
    let environment = environment(escape);
    let view = DocumentView::of(report);
    let rendered = environment
        .render_named_str("postmortem", template, Value::from(Serde(&view)))
        .map_err(|why| format!("the template of the postmortem failed: {}", cause(&why)))?;
    Ok(tidy(&rendered))
}

/// What is wrong, with what is behind it.
fn cause(why: &Error) -> String {
    let behind = std::error::Error::source(why).map(|why| format!(": {why}")).unwrap_or_default();
    crate::gate::line(&format!("{why}{behind}"))
}

/// No space at the end of a line, no two empty lines in a row outside of a log, and one line end at the end.
fn tidy(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    let mut fence: Option<&str> = None;
    for line in text.lines().map(str::trim_end) {
        let is_fence = line.starts_with("```");
        match fence {
            Some(open) if line == open => fence = None,
            None if is_fence => fence = Some(line),
            _ => {}
        }
        let is_second = line.is_empty() && lines.last().is_none_or(|last| last.is_empty());
        if fence.is_some() || !is_second {
            lines.push(line);
        }
    }
    lines.join("\n").trim().to_owned() + "\n"
}

/// The lines that fit, with the fence closed that is open where they end.
fn cut(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    let (mut kept, mut fence) = (String::new(), None);
    for line in text.lines() {
        if kept.len() + line.len() >= longest {
            break;
        }
        match fence {
            Some(open) if line == open => fence = None,
            None if line.starts_with("```") => fence = Some(line),
            _ => {}
        }
        kept.push_str(line);
        kept.push('\n');
    }
    if let Some(fence) = fence {
        kept.push_str(fence);
        kept.push('\n');
    }
    kept + "\nThe rest is missing: it is too long for an issue. `trunkline incident postmortem` has all of it.\n"
}

fn environment(escape: fn(&str) -> String) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // With an escape of some kind, what a block captures counts as escaped.
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_formatter(move |out, _, value| {
        let written = match value.as_str() {
            Some(text) if value.is_safe() => out.write_str(text),
            Some(text) => out.write_str(&escape(text)),
            None if value.is_undefined() || value.is_none() => Ok(()),
            None => out.write_str(&escape(&value.to_string())),
        };
        written.map_err(|_| Error::new(ErrorKind::WriteFailure, "no room"))
    });
    // Nothing marks text as harmless but what is here.
    environment.remove_filter("safe");
    environment.add_global("todo", Value::from_safe_string("**TO FILL IN**".to_owned()));
    environment.add_function("link", |address: String| match escape::link(&address) {
        Some(link) => Value::from_safe_string(link),
        None => Value::from(address),
    });
    environment.add_function("fenced", |lines: Vec<String>| {
        Value::from_safe_string(escape::fenced(&lines))
    });
    environment
}
