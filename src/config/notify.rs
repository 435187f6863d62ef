//! `[notify.NAME]` of the operator's files: the destinations that are told, with their addresses, tokens and channels; and
//! `[notify.NAME]` of a service file, which can only name one and a channel that the operator listed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::engines::{TokenSource, token};
use super::user_file::TOP_KEYS;
use super::{profile, secret_sources};
use crate::domain::lane::fits;
use crate::domain::notice::DestinationName;
use crate::settings::{Mistakes, Section, Setting};

/// The address of Slack's API.
pub const SLACK: &str = "https://slack.com/api";

/// The forms of a webhook's body that come with the program.
pub const WEBHOOK_BODIES: [&str; 2] = ["incident-io", "grafana-oncall"];

/// A destination, and who may use what of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationSettings {
    pub kind: DestinationKind,
    /// The address of an API, without a slash at its end; a kind may have one of its own.
    pub url: Option<String>,
    /// Where the address of an incoming webhook is kept: whoever knows it may post.
    pub address: Option<TokenSource>,
    /// Where the token, the signing secret or the routing key is kept.
    pub token: Option<TokenSource>,
    /// The certificates to trust, in PEM, instead of those of the system.
    pub ca: Option<PathBuf>,
    /// The channels that services may name, with what the destination calls them.
    pub channels: BTreeMap<String, String>,
    /// The channel of services that name none.
    pub channel: Option<String>,
    /// The services that are told here although their files do not say so; a `*` stands for any text.
    pub services: Vec<String>,
    /// What the destination calls a person, by the name in `[people]`.
    pub people: BTreeMap<String, String>,
    /// Whether the channel's topic says what is live.
    pub topic: bool,
    /// A folder whose templates come before the shipped ones.
    pub templates: Option<PathBuf>,
    /// The name of a shipped body, or the path of a file, for a webhook of another form.
    pub body: Option<String>,
    /// Until it is taken out, the secret before: both sign.
    pub old_token: Option<TokenSource>,
    /// Whether an incident calls somebody at a pager.
    pub incidents: bool,
}

/// What a destination is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DestinationKind {
    Slack,
    Webhook,
    Teams,
    Mattermost,
    Discord,
    PagerDuty,
}

impl DestinationKind {
    const ALL: [Self; 6] =
        [Self::Slack, Self::Webhook, Self::Teams, Self::Mattermost, Self::Discord, Self::PagerDuty];

    /// As the file writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Webhook => "webhook",
            Self::Teams => "teams",
            Self::Mattermost => "mattermost",
            Self::Discord => "discord",
            Self::PagerDuty => "pagerduty",
        }
    }

    /// Whether it has a secret address instead of an API and a token.
    #[must_use]
    pub fn has_address(self) -> bool {
        matches!(self, Self::Webhook | Self::Teams | Self::Mattermost | Self::Discord)
    }

    /// Whether it can write into several channels.
    #[must_use]
    pub fn has_channels(self) -> bool {
        matches!(self, Self::Slack | Self::Mattermost)
    }

    /// Whether it cannot be used without a token.
    #[must_use]
    pub fn needs_token(self) -> bool {
        matches!(self, Self::Slack | Self::Webhook | Self::PagerDuty)
    }
}

impl DestinationSettings {
    /// Whether a service is told here although its file does not name the destination.
    #[must_use]
    pub fn takes(&self, service: &str) -> bool {
        self.services.iter().any(|pattern| fits(pattern, service))
    }

    /// What the destination calls a channel, or why it cannot be used. A kind without channels has one, which has no name.
    ///
    /// # Errors
    /// If the operator does not list it, or none is named and there is no default.
    pub fn channel_of(&self, named: Option<&str>) -> Result<String, String> {
        if self.channels.is_empty() {
            return match named {
                Some(named) => Err(format!("channel {named:?} is not listed; add it to channels")),
                None => Ok(String::new()),
            };
        }
        let Some(name) = named.or(self.channel.as_deref()) else {
            return Err("no channel is named; add channel = \"NAME\"".to_owned());
        };
        let found = self.channels.get(name.strip_prefix('#').unwrap_or(name));
        found.cloned().ok_or_else(|| {
            let known = self.channels.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            format!("channel {name:?} is not listed; there are: {known}")
        })
    }
}

/// Reads the setting `notify` of an operator's file.
pub(super) fn read(
    setting: Option<Setting<'_>>,
    mistakes: &mut Mistakes<'_>,
) -> BTreeMap<DestinationName, DestinationSettings> {
    let section = setting.and_then(|entry| entry.section(mistakes));
    let entries = section.map(|section| section.all()).unwrap_or_default();
    let mut all = BTreeMap::new();
    for entry in entries {
        let Ok(name) = entry.name.parse() else {
            entry
                .reject(mistakes, "is not a name for a destination; use a-z, 0-9, \"-\" and \"_\"");
            continue;
        };
        let before = mistakes.count();
        let read = entry.section(mistakes).and_then(|section| destination(section, mistakes));
        // One with a mistake may mean another place.
        if let Some(read) = read.filter(|_| mistakes.count() == before) {
            all.insert(name, read);
        }
    }
    all
}

fn destination(
    mut section: Section<'_>,
    mistakes: &mut Mistakes<'_>,
) -> Option<DestinationSettings> {
    let kinds = DestinationKind::ALL.map(|kind| (kind.as_str(), kind));
    let kind = if let Some(entry) = section.take("kind") {
        entry.choice(&kinds, mistakes)
    } else {
        let sentence = "a destination needs kind = \"slack\" or another kind";
        mistakes.add(section.at, &section.path, sentence);
        None
    };
    let url = section.take("url").and_then(|entry| address(&entry, mistakes));
    let ca = section.take("ca").and_then(|entry| secret_sources::absolute(&entry, mistakes));
    let [address, token, old_token] =
        ["address", "token", "old_token"].map(|key| section.take(key));
    let [address, token, old_token] =
        [address, token, old_token].map(|entry| entry.and_then(|entry| secret(&entry, mistakes)));
    let channels = names(section.take("channels"), mistakes);
    let people = names(section.take("people"), mistakes);
    let default = section.take("channel");
    let channel = default.as_ref().and_then(|entry| entry.text(mistakes)).map(str::to_owned);
    let services = section.take("services").map(|entry| entry.texts(mistakes));
    let services = services.into_iter().flatten().map(|name| name.value.to_owned()).collect();
    let topic = section.take("topic").and_then(|entry| entry.flag(mistakes)).unwrap_or_default();
    let incidents = section.take("incidents").and_then(|entry| entry.flag(mistakes));
    let templates =
        section.take("templates").and_then(|entry| secret_sources::absolute(&entry, mistakes));
    let body = section.take("body").and_then(|entry| entry.text(mistakes)).map(str::to_owned);
    let (at, path) = (section.at, section.path.clone());
    section.finish_below(&TOP_KEYS, mistakes);
    let kind = kind?;
    let settings = DestinationSettings {
        kind,
        url,
        address,
        token,
        ca,
        channels,
        channel,
        services,
        people,
        topic,
        templates,
        body,
        old_token,
        incidents: incidents.unwrap_or_default(),
    };
    if let Some(why) = lacks(&settings) {
        mistakes.add(at, &path, why);
    } else if let (Some(entry), Err(why)) = (default, settings.channel_of(None)) {
        entry.reject(mistakes, why);
    }
    Some(settings)
}

/// What a destination cannot be used without.
fn lacks(settings: &DestinationSettings) -> Option<String> {
    let kind = settings.kind.as_str();
    if settings.kind.has_address() && settings.address.is_none() {
        return Some(format!("a destination of kind {kind} needs address = {{ env = \"NAME\" }}"));
    }
    if settings.kind.needs_token() && settings.token.is_none() {
        return Some(format!("a destination of kind {kind} needs token = {{ env = \"NAME\" }}"));
    }
    if settings.kind == DestinationKind::Slack && settings.channels.is_empty() {
        let sentence = "needs channels = { deploys = \"C0123ABCD\" }: the channels that services may name, with their ids";
        return Some(format!("a destination of kind {kind} {sentence}"));
    }
    if !settings.kind.has_channels() && !settings.channels.is_empty() {
        let sentence = "writes where its address leads; take channels out";
        return Some(format!("a destination of kind {kind} {sentence}"));
    }
    if settings.incidents && settings.kind != DestinationKind::PagerDuty {
        return Some(format!("incidents is for kind = \"pagerduty\"; {kind} hears of them anyway"));
    }
    let body = settings.body.as_deref()?;
    if settings.kind != DestinationKind::Webhook {
        return Some(format!("body is for kind = \"webhook\", and not for {kind}"));
    }
    if !WEBHOOK_BODIES.contains(&body) && !body.starts_with('/') {
        let known = WEBHOOK_BODIES.join(", ");
        return Some(format!(
            "there is no body {body:?}; there are {known}, or write the path of a file from / on"
        ));
    }
    None
}

/// A secret: in a variable, a file, or printed by a command.
pub(super) fn secret(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<TokenSource> {
    let source = token::read(entry, None, mistakes)?;
    if matches!(source, TokenSource::App(_)) {
        entry.reject(mistakes, "is of an App, which only engines have; use env, file or command");
        return None;
    }
    Some(source)
}

/// The address of an API, to which no token goes in the clear.
pub(super) fn address(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let text = entry.text(mistakes)?;
    let (server, path) = match text.split_once("://") {
        Some((scheme, rest)) => {
            let at = rest.find('/').unwrap_or(rest.len());
            (format!("{scheme}://{}", &rest[..at]), rest[at..].trim_end_matches('/'))
        }
        None => (text.to_owned(), ""),
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if !path.chars().all(is_plain) || path.split('/').any(|part| part == "..") {
        entry.reject(mistakes, format!("{path:?} is no path of a server; write https://HOST/PATH"));
        return None;
    }
    let checked = profile::check_url(&server);
    checked.map(|server| server + path).map_err(|why| entry.reject(mistakes, why)).ok()
}

/// A table of texts.
fn names(entry: Option<Setting<'_>>, mistakes: &mut Mistakes<'_>) -> BTreeMap<String, String> {
    let section = entry.and_then(|entry| entry.section(mistakes));
    let entries = section.map(|section| section.all()).unwrap_or_default();
    let mut all = BTreeMap::new();
    for entry in entries {
        let Some(text) = entry.text(mistakes) else { continue };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.@:/".contains(c);
        if text.is_empty() || text.len() > 200 || !text.chars().all(is_plain) {
            entry.reject(mistakes, "is no id; write it as the destination shows it");
            continue;
        }
        all.insert(entry.name.strip_prefix('#').unwrap_or(&entry.name).to_owned(), text.to_owned());
    }
    all
}

/// Where a service is told, by its own file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceDestination {
    /// As the operator's file calls it.
    pub channel: Option<String>,
    pub staging: StagingNotices,
}

/// Which deployments of staging are told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StagingNotices {
    #[default]
    All,
    /// Those that did not succeed.
    Failures,
    None,
}

/// Reads the setting `notify` of a service file.
pub(super) fn read_of_service(
    setting: Option<Setting<'_>>,
    mistakes: &mut Mistakes<'_>,
) -> BTreeMap<DestinationName, ServiceDestination> {
    let section = setting.and_then(|entry| entry.section(mistakes));
    let entries = section.map(|section| section.all()).unwrap_or_default();
    let mut all = BTreeMap::new();
    for entry in entries {
        let Ok(name) = entry.name.parse() else {
            entry
                .reject(mistakes, "is not a name for a destination; use a-z, 0-9, \"-\" and \"_\"");
            continue;
        };
        let Some(mut section) = entry.section(mistakes) else { continue };
        let channel = section.take("channel").and_then(|entry| entry.text(mistakes));
        let choices = [
            ("all", StagingNotices::All),
            ("failures", StagingNotices::Failures),
            ("none", StagingNotices::None),
        ];
        let staging = section.take("staging").and_then(|entry| entry.choice(&choices, mistakes));
        let (channel, staging) = (channel.map(str::to_owned), staging.unwrap_or_default());
        section.finish(mistakes);
        all.insert(name, ServiceDestination { channel, staging });
    }
    all
}

#[cfg(test)]
mod tests {
    use crate::config::user_file::UserFile;

    #[test]
    fn a_destination_has_only_what_its_kind_can_use() {
        let read = |kind: &str, more: &str| {
            let secrets = "address = { env = \"A\" }\ntoken = { file = \"/t\" }\n";
            let text = format!("[notify.there]\nkind = \"{kind}\"\n{secrets}{more}\n");
            UserFile::parse(&text, "config.toml").map(drop).map_err(|why| why.to_string())
        };
        for (kind, more) in [
            ("webhook", "body = \"incident-io\""),
            ("webhook", "body = \"/etc/own.json\"\nold_token = { env = \"B\" }"),
            ("mattermost", "channels = { deploys = \"town-square\" }"),
            ("discord", ""),
            ("teams", ""),
            ("pagerduty", "url = \"https://events.eu.pagerduty.com\"\nincidents = true"),
        ] {
            assert_eq!(read(kind, more), Ok(()), "{kind} {more}");
        }
        for (kind, more, said) in [
            ("webhook", "body = \"incident\"", "there are incident-io, grafana-oncall"),
            ("webhook", "body = \"own.json\"", "from / on"),
            ("teams", "body = \"incident-io\"", "is for kind = \"webhook\""),
            ("discord", "channels = { deploys = \"1\" }", "take channels out"),
            ("pagerduty", "url = \"http://events.pagerduty.com\"", "in the clear"),
            ("slack", "channels = { a = \"C1\" }\nincidents = true", "hears of them anyway"),
            ("irc", "", "kind"),
        ] {
            let why = read(kind, more).unwrap_err();
            assert!(why.contains(said) && why.contains("config.toml:"), "{kind} {more}: {why}");
        }
        let why = UserFile::parse("[notify.there]\nkind = \"teams\"\n", "config.toml");
        assert!(why.unwrap_err().to_string().contains("needs address"));
    }
}
