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

use super::formats::violations;
use super::{ROUTING_KEY, SECRET};

/// Where the receiver of webhooks is, below the address of the server.
const WEBHOOK: &str = "/address-canary?key=query-canary";

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

    /// What the operator's file says of it; `url` is where it listens.
    pub fn settings(self, url: &str) -> String {
        let (kind, more) = match self {
            Self::Discord => ("discord", "address = { env = \"ADDRESS\" }".to_owned()),
            Self::Mattermost => ("mattermost", "address = { env = \"ADDRESS\" }".to_owned()),
            Self::Teams => ("teams", "address = { env = \"ADDRESS\" }".to_owned()),
            Self::PagerDuty => {
                ("pagerduty", format!("url = \"{url}\"\ntoken = {{ env = \"TOKEN\" }}"))
            }
            Self::Webhook => {
                let both = "address = { env = \"ADDRESS\" }\ntoken = { env = \"TOKEN\" }";
                ("webhook", both.to_owned())
            }
        };
        format!("[notify.there]\nkind = \"{kind}\"\n{more}\nservices = [\"*\"]\n")
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
        let url = server.url() + WEBHOOK;
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

    /// What befalls the requests from now on, each asked for one.
    pub fn faults(&self, next: impl FnMut() -> DestinationFault + Send + 'static) {
        match self {
            Self::Discord(server, _) => server.faults(next),
            Self::Mattermost(server, _) => server.faults(next),
            Self::Teams(server, _) => server.faults(next),
            Self::PagerDuty(server, _) => server.faults(next),
            Self::Webhook(server, _) => server.faults(next),
        }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        match self {
            Self::Discord(server, _) => server.url(),
            Self::Mattermost(server, _) => server.url(),
            Self::Teams(server, _) => server.url(),
            Self::PagerDuty(server, _) => server.url(),
            Self::Webhook(server, _) => server.url(),
        }
    }

    /// Its secret address.
    pub fn address(&self) -> String {
        let path = match self {
            Self::Discord(..) => Discord::PATH,
            Self::Mattermost(..) => Mattermost::PATH,
            Self::Teams(..) => Teams::PATH,
            Self::PagerDuty(..) => "",
            Self::Webhook(..) => WEBHOOK,
        };
        self.url() + path
    }

    /// Its secret.
    pub fn token(&self) -> String {
        match self {
            Self::PagerDuty(..) => ROUTING_KEY.to_owned(),
            _ => SECRET.to_owned(),
        }
    }

    /// What people see of it now.
    pub fn texts(&self) -> Vec<String> {
        let owned = |all: Vec<&str>| all.into_iter().map(str::to_owned).collect();
        match self {
            Self::Discord(server, _) => server.see(|all| owned(all.texts())),
            Self::Mattermost(server, _) => server.see(|all| owned(all.texts())),
            Self::Teams(server, _) => server.see(Teams::texts),
            Self::PagerDuty(server, _) => server.see(|all| owned(all.summaries())),
            Self::Webhook(server, _) => server.see(WebhookReceiver::newest),
        }
    }

    /// Whether all that was asked is what the vendor describes.
    pub fn check_described(&self, kind: Kind) {
        for (asked, _) in self.asked() {
            let Some((file, part)) = kind.described(&asked) else { continue };
            let wrong = violations(file, &format!("#/$defs/{part}"), &asked.json());
            assert!(wrong.is_empty(), "{kind:?}: {wrong:?}");
        }
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
