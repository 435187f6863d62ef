//! A kind of destination with its double.

use serde_json::Value;
use trunkline::domain::notice::view::NoticeView;
use trunkline::notify::destination::{Delivery, SendOutcome};
use trunkline::notify::template::Templates;
use trunkline::notify::{discord, mattermost, pagerduty, style, teams, webhook};
use trunkline_testing::destinations::{
    AskedDestination, DestinationFault, DestinationServer, Discord, Mattermost, PagerDuty, Teams,
    WebhookReceiver,
};

use super::{ROUTING_KEY, SECRET};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Discord,
    Mattermost,
    Teams,
    PagerDuty,
    Webhook,
}

impl Kind {
    pub const ALL: [Self; 5] =
        [Self::Discord, Self::Mattermost, Self::Teams, Self::PagerDuty, Self::Webhook];

    /// What the shipped templates make of a notice.
    pub fn words(self, view: &NoticeView) -> String {
        let (folder, style) = match self {
            Self::Discord => (style::MARKDOWN, style::discord()),
            Self::Mattermost => (style::MARKDOWN, style::mattermost()),
            Self::Teams => (style::PLAIN, style::teams()),
            Self::PagerDuty | Self::Webhook => (style::PLAIN, style::plain()),
        };
        let name = format!("{folder}/{}", view.kind);
        Templates::default().render(&name, view, &style).unwrap().text
    }

    /// What its vendor describes of a request, if one does: the file, and the part of it.
    pub fn described(self, asked: &AskedDestination) -> Option<(&'static str, String)> {
        match self {
            Self::Discord => Some(("discord", asked.method.clone())),
            Self::Mattermost => Some(("mattermost", asked.method.clone())),
            Self::Teams => Some(("teams", asked.method.clone())),
            Self::PagerDuty => Some(("pagerduty", asked.path.replace('/', "~1"))),
            Self::Webhook => None,
        }
    }
}

/// A destination with who speaks to it.
pub enum Pair {
    Discord(DestinationServer<Discord>, discord::Discord),
    Mattermost(DestinationServer<Mattermost>, mattermost::Mattermost),
    Teams(DestinationServer<Teams>, teams::Teams),
    PagerDuty(DestinationServer<PagerDuty>, pagerduty::PagerDuty),
    Webhook(DestinationServer<WebhookReceiver>, webhook::Webhook),
}

impl Pair {
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::Discord => {
                let server = DestinationServer::new(Discord::default());
                let url = server.url() + Discord::PATH;
                Self::Discord(server, discord::Discord::new(&url, None).unwrap())
            }
            Kind::Mattermost => {
                let server = DestinationServer::new(Mattermost::default());
                let url = server.url() + Mattermost::PATH;
                Self::Mattermost(server, mattermost::Mattermost::new(&url, None).unwrap())
            }
            Kind::Teams => {
                let server = DestinationServer::new(Teams::default());
                let url = server.url() + Teams::PATH;
                Self::Teams(server, teams::Teams::new(&url, None).unwrap())
            }
            Kind::PagerDuty => {
                let server = DestinationServer::new(PagerDuty::of(ROUTING_KEY));
                let client = pagerduty::PagerDuty::new(&server.url(), ROUTING_KEY, None);
                Self::PagerDuty(server, client.unwrap())
            }
            Kind::Webhook => Self::webhook(&[SECRET], None),
        }
    }

    pub fn webhook(secrets: &[&str], body: Option<&str>) -> Self {
        let server = DestinationServer::new(WebhookReceiver::default());
        let url = server.url() + "/address-canary?key=query-canary";
        Self::Webhook(server, webhook::Webhook::new(&url, secrets, body, None).unwrap())
    }

    pub async fn send(&self, delivery: &Delivery) -> SendOutcome {
        match self {
            Self::Discord(_, client) => client.send(delivery).await,
            Self::Mattermost(_, client) => client.send(delivery).await,
            Self::Teams(_, client) => client.send(delivery).await,
            Self::PagerDuty(_, client) => client.send(delivery).await,
            Self::Webhook(_, client) => client.send(delivery).await,
        }
    }

    pub fn asked(&self) -> Vec<(AskedDestination, DestinationFault)> {
        match self {
            Self::Discord(server, _) => server.asked(),
            Self::Mattermost(server, _) => server.asked(),
            Self::Teams(server, _) => server.asked(),
            Self::PagerDuty(server, _) => server.asked(),
            Self::Webhook(server, _) => server.asked(),
        }
    }

    /// What befalls all requests from now on.
    pub fn always(&self, fault: DestinationFault) {
        match self {
            Self::Discord(server, _) => server.always(fault),
            Self::Mattermost(server, _) => server.always(fault),
            Self::Teams(server, _) => server.always(fault),
            Self::PagerDuty(server, _) => server.always(fault),
            Self::Webhook(server, _) => server.always(fault),
        }
    }

    /// Who speaks to it, while nobody listens any more.
    pub fn without_server(self) -> Self {
        match &self {
            Self::Discord(server, _) => server.stop(),
            Self::Mattermost(server, _) => server.stop(),
            Self::Teams(server, _) => server.stop(),
            Self::PagerDuty(server, _) => server.stop(),
            Self::Webhook(server, _) => server.stop(),
        }
        self
    }

    /// How much people saw of it.
    pub fn told(&self) -> usize {
        match self {
            Self::Discord(server, _) => server.see(|all| all.messages.len()),
            Self::Mattermost(server, _) => server.see(|all| all.posts.len()),
            Self::Teams(server, _) => server.see(|all| all.cards.len()),
            Self::PagerDuty(server, _) => server.see(|all| all.changes.len()),
            Self::Webhook(server, _) => server.see(|all| all.taken.len()),
        }
    }

    /// The bodies of all that was asked.
    pub fn bodies(&self) -> Vec<Value> {
        self.asked().iter().map(|(asked, _)| asked.json()).collect()
    }
}
