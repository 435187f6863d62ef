//! The words of a notice: templates that the operator may replace, with everything from outside escaped.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};

use crate::domain::notice::view::NoticeView;
use crate::gate;

/// The shipped templates, by their names.
const SHIPPED: &[(&str, &str)] = &[
    ("slack/deployment", include_str!("../../assets/notify/slack/deployment.txt")),
    ("slack/incident", include_str!("../../assets/notify/slack/incident.txt")),
    ("slack/request", include_str!("../../assets/notify/slack/request.txt")),
    ("slack/hold", include_str!("../../assets/notify/slack/hold.txt")),
    ("slack/freeze", include_str!("../../assets/notify/slack/freeze.txt")),
    ("slack/topic", include_str!("../../assets/notify/slack/topic.txt")),
    ("slack/dropped", include_str!("../../assets/notify/slack/dropped.txt")),
    ("slack/test", include_str!("../../assets/notify/slack/test.txt")),
    ("slack/detail", include_str!("../../assets/notify/slack/detail.txt")),
    ("markdown/deployment", include_str!("../../assets/notify/markdown/deployment.txt")),
    ("markdown/incident", include_str!("../../assets/notify/markdown/incident.txt")),
    ("markdown/request", include_str!("../../assets/notify/markdown/request.txt")),
    ("markdown/hold", include_str!("../../assets/notify/markdown/hold.txt")),
    ("markdown/freeze", include_str!("../../assets/notify/markdown/freeze.txt")),
    ("markdown/dropped", include_str!("../../assets/notify/markdown/dropped.txt")),
    ("markdown/test", include_str!("../../assets/notify/markdown/test.txt")),
    ("markdown/detail", include_str!("../../assets/notify/markdown/detail.txt")),
    ("plain/deployment", include_str!("../../assets/notify/plain/deployment.txt")),
    ("plain/incident", include_str!("../../assets/notify/plain/incident.txt")),
    ("plain/request", include_str!("../../assets/notify/plain/request.txt")),
    ("plain/hold", include_str!("../../assets/notify/plain/hold.txt")),
    ("plain/freeze", include_str!("../../assets/notify/plain/freeze.txt")),
    ("plain/dropped", include_str!("../../assets/notify/plain/dropped.txt")),
    ("plain/test", include_str!("../../assets/notify/plain/test.txt")),
    ("plain/detail", include_str!("../../assets/notify/plain/detail.txt")),
];

/// How much work one template may do.
const FUEL: u64 = 50_000;
/// The largest file of a template, in bytes.
const LARGEST: u64 = 64 * 1024;

/// How a kind of destination writes things.
#[derive(Debug, Clone)]
pub struct Style {
    /// Makes any text harmless.
    pub escape: fn(&str) -> String,
    /// A mention of somebody whom the destination knows by this id, which has no character that could end it.
    pub mention: fn(&str) -> String,
    /// A link with a text, both harmless already.
    pub link: fn(&str, &str) -> String,
    /// What the destination calls a person, by the name in `[people]`.
    pub people: Arc<BTreeMap<String, String>>,
}

/// The templates of one destination.
#[derive(Debug, Clone, Default)]
pub struct Templates {
    /// The operator's folder.
    pub own: Option<PathBuf>,
}

/// What a template made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedNotice {
    pub text: String,
    /// Why the operator's own template was not used.
    pub trouble: Option<String>,
}

impl Templates {
    /// Renders a notice by the template of this name, such as `slack/deployment`: the operator's own one, and the shipped one
    /// if that fails.
    ///
    /// # Errors
    /// If the shipped one fails or there is none.
    pub fn render(
        &self,
        name: &str,
        view: &NoticeView,
        style: &Style,
    ) -> Result<RenderedNotice, String> {
        let own = self.own(name).map(|text| text.and_then(|text| render(name, &text, view, style)));
        let trouble = match own {
            Some(Ok(text)) => return Ok(RenderedNotice { text, trouble: None }),
            Some(Err(why)) => Some(why),
            None => None,
        };
        let shipped = SHIPPED.iter().find(|(shipped, _)| *shipped == name);
        let (_, text) = shipped.ok_or_else(|| format!("there is no template {name}"))?;
        Ok(RenderedNotice { text: render(name, text, view, style)?, trouble })
    }

    fn own(&self, name: &str) -> Option<Result<String, String>> {
        let path = self.own.as_ref()?.join(format!("{name}.txt"));
        let about = std::fs::metadata(&path).ok()?;
        let shown = path.display();
        if about.len() > LARGEST {
            return Some(Err(format!("{shown} is larger than 64 KiB")));
        }
        Some(std::fs::read_to_string(&path).map_err(|why| format!("{shown}: {why}")))
    }
}

/// The names of the shipped templates.
pub fn shipped() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, _)| *name)
}

fn render(name: &str, text: &str, view: &NoticeView, style: &Style) -> Result<String, String> {
    let environment = environment(style);
    let rendered = environment.render_named_str(name, text, Value::from(Serde(view)));
    let rendered =
        rendered.map_err(|why| format!("the template {name} failed: {}", cause(&why)))?;
    // A template has its lines for its readers.
    let lines: Vec<_> = rendered.lines().map(str::trim_end).collect();
    Ok(lines.join("\n").trim().to_owned())
}

/// What is wrong, with what is behind it.
fn cause(why: &Error) -> String {
    let behind = std::error::Error::source(why).map(|why| format!(": {why}")).unwrap_or_default();
    gate::line(&format!("{why}{behind}"))
}

fn environment(style: &Style) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("these marks are the usual ones"));
    // With an escape of some kind, what a block captures counts as escaped.
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let escape = style.escape;
    environment.set_formatter(move |out, _, value| {
        let written = match value.as_str() {
            Some(text) if value.is_safe() => out.write_str(text),
            Some(text) => out.write_str(&escape(&gate::line(text))),
            None if value.is_undefined() || value.is_none() => Ok(()),
            None => out.write_str(&escape(&gate::line(&value.to_string()))),
        };
        written.map_err(|_| Error::new(ErrorKind::WriteFailure, "no room"))
    });
    // Nothing marks text as harmless but what is here.
    environment.remove_filter("safe");
    let (mention, people) = (style.mention, style.people.clone());
    environment.add_function("mention", move |name: String| {
        Value::from_safe_string(match people.get(&name) {
            Some(id) => mention(id),
            None => escape(&gate::line(&name)),
        })
    });
    let link = style.link;
    environment.add_function("link", move |url: String, text: String| {
        let (is_page, text) = (is_page(&url), escape(&gate::line(&text)));
        Value::from_safe_string(if is_page { link(&url, &text) } else { text })
    });
    environment
}

/// Whether it is an address that can stand in a link as it is.
fn is_page(url: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c);
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    is_web && url.len() < 2_000 && url.chars().all(is_plain)
}
