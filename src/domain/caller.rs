//! The caller, authenticated by the connection. Only a listener makes it, never a request.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::ServiceName;
use super::link::LinkMaker;
use super::token::{Token, TokenId};

/// The caller of one connection, or of one request where requests carry a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub identity: CallerIdentity,
    pub via: Via,
    pub rights: Rights,
}

/// The authenticated identity. Each service maps it to an actor with its own `[people]`, see
/// [`super::people::People::actor_of`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallerIdentity {
    /// A login name of the engine's machine.
    Login(String),
    /// A person whom the server names: an administrator wrote the name into the credential.
    Person {
        name: String,
        /// An address that the server knows to be this person's.
        email: Option<String>,
    },
}

impl CallerIdentity {
    /// The identity as text in the digest of a recorded command. It must never change: the engine compares a retry with
    /// the same idempotency key by this digest, also with records of older versions.
    #[must_use]
    pub fn digest_name(&self) -> String {
        match self {
            Self::Login(login) => login.clone(),
            // No login contains a colon.
            Self::Person { name, .. } => format!("person:{name}"),
        }
    }

    /// The name for people.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Login(name) | Self::Person { name, .. } => name,
        }
    }
}

/// How the caller connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// Over the unix socket; the user id is from the kernel.
    Socket { uid: u32 },
    /// The engine's own process.
    Process,
    /// Over the network, with a token.
    Token { id: TokenId, name: String, peer: IpAddr, expires: Option<DateTime<Utc>> },
    /// With a link to one page.
    Link { maker: LinkMaker, expires: DateTime<Utc> },
    /// In a browser that its person signed in.
    Browser { maker: LinkMaker, expires: DateTime<Utc> },
    /// Without any proof: for what everybody may see.
    Nothing,
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket { uid } => write!(f, "uid {uid}, unix socket"),
            Self::Process => f.write_str("in process"),
            Self::Token { id, name, peer, .. } => write!(f, "token {name} ({id}) from {peer}"),
            Self::Link { maker, .. } => write!(f, "link of {maker}"),
            Self::Browser { maker, .. } => write!(f, "browser of {maker}"),
            Self::Nothing => f.write_str("not signed in"),
        }
    }
}

/// What a caller may do. A later role may do everything that an earlier one may.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AccessRole {
    /// Read, change nothing.
    Viewer,
    /// Read and send commands.
    Deployer,
    /// Also manage tokens.
    Admin,
}

impl AccessRole {
    /// Its name, as in a file, an argument or on screen.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Deployer => "deployer",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for AccessRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The role of a caller, and the services that it is limited to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    pub role: AccessRole,
    /// `None` is all services.
    pub services: Option<BTreeSet<ServiceName>>,
}

impl Rights {
    /// A role for all services.
    #[must_use]
    pub fn everywhere(role: AccessRole) -> Self {
        Self { role, services: None }
    }

    /// Whether this service exists for the caller.
    #[must_use]
    pub fn reach(&self, service: &ServiceName) -> bool {
        self.services.as_ref().is_none_or(|services| services.contains(service))
    }
}

impl Caller {
    /// The owner of the engine on its own machine, with all rights.
    #[must_use]
    pub fn local(login: impl Into<String>, via: Via) -> Self {
        let identity = CallerIdentity::Login(login.into());
        Self { identity, via, rights: Rights::everywhere(AccessRole::Admin) }
    }

    /// A caller in the engine's own process, with this login.
    #[must_use]
    pub fn in_process(login: impl Into<String>) -> Self {
        Self::local(login, Via::Process)
    }

    /// The person of a token that connects from this address.
    #[must_use]
    pub fn with_token(token: &Token, peer: IpAddr) -> Self {
        let Token { id, name, person, email, role, services, expires, .. } = token;
        Self {
            identity: CallerIdentity::Person { name: person.clone(), email: email.clone() },
            via: Via::Token { id: *id, name: name.clone(), peer, expires: *expires },
            rights: Rights { role: *role, services: services.clone() },
        }
    }

    /// Whoever has a link to one run of a service.
    #[must_use]
    pub fn with_link(service: &ServiceName, maker: LinkMaker, expires: DateTime<Utc>) -> Self {
        let services = Some(BTreeSet::from([service.clone()]));
        Self {
            identity: CallerIdentity::Person { name: "somebody with a link".into(), email: None },
            via: Via::Link { maker, expires },
            rights: Rights { role: AccessRole::Viewer, services },
        }
    }

    /// The person of a token in a browser, where they only read.
    #[must_use]
    pub fn in_browser(token: &Token, expires: DateTime<Utc>) -> Self {
        let Token { id, person, email, services, .. } = token.clone();
        Self {
            identity: CallerIdentity::Person { name: person, email },
            via: Via::Browser { maker: LinkMaker::Token(id), expires },
            rights: Rights { role: AccessRole::Viewer, services },
        }
    }

    /// A user of the server's machine in a browser, where they only read.
    #[must_use]
    pub fn user_in_browser(uid: u32, expires: DateTime<Utc>) -> Self {
        Self {
            identity: CallerIdentity::Login(format!("uid-{uid}")),
            via: Via::Browser { maker: LinkMaker::User(uid), expires },
            rights: Rights::everywhere(AccessRole::Viewer),
        }
    }

    /// Whoever has no proof. No service exists for them.
    #[must_use]
    pub fn nobody() -> Self {
        Self {
            identity: CallerIdentity::Person { name: "nobody".into(), email: None },
            via: Via::Nothing,
            rights: Rights { role: AccessRole::Viewer, services: Some(BTreeSet::new()) },
        }
    }

    /// Who makes a link or a session that this caller asks for; `None` for one who may not.
    #[must_use]
    pub fn as_maker(&self) -> Option<LinkMaker> {
        match self.via {
            Via::Token { id, .. } => Some(LinkMaker::Token(id)),
            Via::Socket { uid } => Some(LinkMaker::User(uid)),
            Via::Process | Via::Link { .. } | Via::Browser { .. } | Via::Nothing => None,
        }
    }

    /// Who the caller is to the server, in a form for people and programs.
    #[must_use]
    pub fn who(&self) -> WhoAmI {
        let (email, token, expires) = match (&self.identity, &self.via) {
            (CallerIdentity::Person { email, .. }, Via::Token { name, expires, .. }) => {
                (email.clone(), Some(name.clone()), *expires)
            }
            _ => (None, None, None),
        };
        WhoAmI {
            name: self.identity.name().to_owned(),
            email,
            role: self.rights.role,
            services: self.rights.services.clone(),
            via: self.via.to_string(),
            token,
            expires,
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.identity.name(), self.via)
    }
}

/// Who a caller is to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhoAmI {
    /// The login on the engine's machine, or the person whom the credential names.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    pub role: AccessRole,
    /// The only services that exist for this caller; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services: Option<BTreeSet<ServiceName>>,
    /// How the caller connects, for people.
    pub via: String,
    /// The name of the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// When the token expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<DateTime<Utc>>,
}
