//! A destination of the operator's file as it is used: with its secrets read, its templates and its way of writing.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::destination::{Abilities, Destination};
use super::discord::Discord;
use super::mattermost::Mattermost;
use super::pagerduty::{self, PAGERDUTY, PagerDuty};
use super::slack::{self, Slack};
use super::style;
use super::teams::Teams;
use super::template::{RenderedNotice, Style, Templates};
use super::webhook::Webhook;
use crate::config::engines::TokenSource;
use crate::config::notify::{
    DestinationKind, DestinationSettings, SLACK, ServiceDestination, StagingNotices,
};
use crate::domain::notice::view::NoticeView;
use crate::domain::notice::{DestinationName, Notice, NoticeAbout};
use crate::engine::variables::printed;

/// How long a command may take that prints a secret.
const PRINTED_WITHIN: Duration = Duration::from_secs(10);
/// The longest secret, in bytes.
const LONGEST_SECRET: usize = 16 * 1024;

/// A destination as the operator's file describes it: enough to write down what it is to be told.
#[derive(Debug)]
pub struct KnownDestination {
    pub name: DestinationName,
    pub settings: DestinationSettings,
    /// The folder of its templates.
    folder: &'static str,
    style: Style,
    templates: Templates,
}

/// A destination that can be told something.
#[derive(Debug)]
pub struct OpenDestination {
    known: Rc<KnownDestination>,
    pub destination: Destination,
}

impl Deref for OpenDestination {
    type Target = KnownDestination;

    fn deref(&self) -> &KnownDestination {
        &self.known
    }
}

impl OpenDestination {
    /// Reads its secrets.
    ///
    /// # Errors
    /// With what to correct, and without any secret.
    pub async fn open(
        known: Rc<KnownDestination>,
        environment: &Arc<BTreeMap<String, String>>,
    ) -> Result<Self, String> {
        let destination = opened(&known.name, &known.settings, environment).await?;
        Ok(Self { known, destination })
    }
}

impl KnownDestination {
    #[must_use]
    pub fn new(name: &DestinationName, settings: &DestinationSettings) -> Self {
        let (folder, style) = match settings.kind {
            DestinationKind::Slack => (slack::TEMPLATES, slack::style(settings.people.clone())),
            DestinationKind::Webhook | DestinationKind::PagerDuty => (style::PLAIN, style::plain()),
            DestinationKind::Teams => (style::PLAIN, style::teams()),
            DestinationKind::Mattermost => (style::MARKDOWN, style::mattermost()),
            DestinationKind::Discord => (style::MARKDOWN, style::discord()),
        };
        let templates = Templates { own: settings.templates.clone() };
        let (name, settings) = (name.clone(), settings.clone());
        Self { name, settings, folder, style, templates }
    }

    #[must_use]
    pub fn abilities(&self) -> Abilities {
        Destination::abilities_of(self.settings.kind)
    }

    /// Whether its kind hears of this at all: a pager only of what changes production, and of incidents if it is to call.
    #[must_use]
    pub fn hears(&self, notice: &Notice) -> bool {
        let is_change =
            matches!(notice.about, NoticeAbout::Deployment { .. } | NoticeAbout::Test { .. });
        let is_alert = match &notice.about {
            NoticeAbout::Incident { .. } => true,
            NoticeAbout::Detail(detail) => pagerduty::ALERTS.contains(&detail.kind),
            _ => false,
        };
        is_change
            || self.settings.kind != DestinationKind::PagerDuty
            || (is_alert && self.settings.incidents)
    }

    /// Whether this calls somebody here, or says that nobody need come.
    #[must_use]
    pub fn calls(&self, notice: &Notice) -> bool {
        let is_of_incident = match &notice.about {
            NoticeAbout::Incident { .. } => true,
            NoticeAbout::Detail(detail) => detail.incident.is_some(),
            _ => false,
        };
        self.settings.kind == DestinationKind::PagerDuty && is_of_incident
    }

    /// Whether people are told here of incidents.
    #[must_use]
    pub fn is_told_incidents(&self) -> bool {
        self.settings.kind != DestinationKind::PagerDuty
    }

    /// Which deployments of staging are told here.
    #[must_use]
    pub fn staging(&self, of: Option<&ServiceDestination>) -> StagingNotices {
        match self.settings.kind {
            DestinationKind::PagerDuty => StagingNotices::None,
            _ => of.map(|of| of.staging).unwrap_or_default(),
        }
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
) -> Result<Destination, String> {
    let DestinationSettings { kind, url, token, ca, channels, topic, .. } = settings;
    let ca = ca.as_deref();
    let address = || secret(name, "address", settings.address.as_ref(), environment);
    match kind {
        DestinationKind::Slack => {
            let token = secret(name, "token", token.as_ref(), environment).await?;
            let url = url.as_deref().unwrap_or(SLACK);
            let slack = Slack::new(url, &token, ca, channels.clone(), *topic)?;
            Ok(Destination::Slack(slack))
        }
        DestinationKind::Webhook => {
            let mut secrets = vec![secret(name, "token", token.as_ref(), environment).await?];
            if let Some(old) = &settings.old_token {
                secrets.push(secret(name, "old_token", Some(old), environment).await?);
            }
            let webhook = Webhook::new(&address().await?, &secrets, settings.body.as_deref(), ca)?;
            Ok(Destination::Webhook(webhook))
        }
        DestinationKind::Teams => Ok(Destination::Teams(Teams::new(&address().await?, ca)?)),
        DestinationKind::Mattermost => {
            Ok(Destination::Mattermost(Mattermost::new(&address().await?, ca)?))
        }
        DestinationKind::Discord => Ok(Destination::Discord(Discord::new(&address().await?, ca)?)),
        DestinationKind::PagerDuty => {
            let key = secret(name, "token", token.as_ref(), environment).await?;
            let pager = PagerDuty::new(url.as_deref().unwrap_or(PAGERDUTY), &key, ca)?;
            Ok(Destination::PagerDuty(pager))
        }
    }
}

/// A secret as it is now.
pub(super) async fn secret(
    name: &(impl Display + ?Sized + Sync),
    what: &'static str,
    source: Option<&TokenSource>,
    environment: &BTreeMap<String, String>,
) -> Result<String, String> {
    let unusable = |why: String| format!("the {what} of {name} cannot be used: {why}");
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
