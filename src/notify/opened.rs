//! A destination of the operator's file as it is used: with its secrets read, its templates and its way of writing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::destination::{Abilities, Destination};
use super::slack::{self, Slack};
use super::template::{RenderedNotice, Style, Templates};
use crate::config::engines::TokenSource;
use crate::config::notify::{DestinationKind, DestinationSettings, SLACK};
use crate::domain::notice::DestinationName;
use crate::domain::notice::view::NoticeView;
use crate::engine::variables::printed;

/// How long a command may take that prints a secret.
const PRINTED_WITHIN: Duration = Duration::from_secs(10);
/// The longest secret, in bytes.
const LONGEST_SECRET: usize = 16 * 1024;

/// A destination that can be told something.
#[derive(Debug)]
pub struct OpenDestination {
    pub name: DestinationName,
    pub settings: DestinationSettings,
    pub destination: Destination,
    /// The folder of its templates.
    folder: &'static str,
    style: Style,
    templates: Templates,
}

impl OpenDestination {
    /// Reads its secrets.
    ///
    /// # Errors
    /// With what to correct, and without any secret.
    pub async fn open(
        name: &DestinationName,
        settings: &DestinationSettings,
        environment: &Arc<BTreeMap<String, String>>,
    ) -> Result<Self, String> {
        let (destination, folder, style) = opened(name, settings, environment).await?;
        let templates = Templates { own: settings.templates.clone() };
        let (name, settings) = (name.clone(), settings.clone());
        Ok(Self { name, settings, destination, folder, style, templates })
    }

    #[must_use]
    pub fn abilities(&self) -> Abilities {
        self.destination.abilities()
    }

    /// What a notice says here.
    ///
    /// # Errors
    /// If no template renders it.
    pub fn render(&self, view: &NoticeView) -> Result<RenderedNotice, String> {
        self.templates.render(&format!("{}/{}", self.folder, view.kind), view, &self.style)
    }
}

async fn opened(
    name: &DestinationName,
    settings: &DestinationSettings,
    environment: &Arc<BTreeMap<String, String>>,
) -> Result<(Destination, &'static str, Style), String> {
    let DestinationSettings { kind, url, token, ca, channels, topic, people, .. } = settings;
    match kind {
        DestinationKind::Slack => {
            let token = secret(name, token.as_ref(), environment).await?;
            let url = url.as_deref().unwrap_or(SLACK);
            let slack = Slack::new(url, &token, ca.as_deref(), channels.clone(), *topic)?;
            Ok((Destination::Slack(slack), slack::TEMPLATES, slack::style(people.clone())))
        }
        other => Err(format!("trunkline cannot speak to {} yet", other.as_str())),
    }
}

/// A secret as it is now.
async fn secret(
    name: &DestinationName,
    source: Option<&TokenSource>,
    environment: &BTreeMap<String, String>,
) -> Result<String, String> {
    let unusable = |why: String| format!("the token of {name} cannot be used: {why}");
    let bytes = match source {
        None => return Err(unusable("there is none".into())),
        Some(TokenSource::Env(variable)) => {
            let value = environment.get(variable).cloned();
            let lacks = || format!("the engine of trunkline has no variable {variable}");
            value.ok_or_else(|| unusable(lacks()))?.into_bytes()
        }
        Some(TokenSource::File(path)) => {
            let read = tokio::fs::read(path).await;
            read.map_err(|why| unusable(format!("{}: {why}", path.display())))?
        }
        Some(TokenSource::Command { command, .. }) => {
            let program = command.first().cloned().unwrap_or_default();
            let printed = printed(command, PRINTED_WITHIN).await;
            printed.map_err(|why| unusable(format!("the command {program:?} {why}")))?
        }
        Some(TokenSource::App(_)) => return Err(unusable("only engines have an App".into())),
    };
    let text = String::from_utf8(bytes).unwrap_or_default().trim().to_owned();
    let is_one = !text.is_empty() && text.len() <= LONGEST_SECRET && text.is_ascii();
    if !is_one || text.contains(|c: char| c.is_ascii_control() || c == ' ') {
        return Err(unusable("it is empty or has a space".into()));
    }
    Ok(text)
}
