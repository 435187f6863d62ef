//! The caller, authenticated by the connection. Only a listener makes it, never a request.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::ServiceName;
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
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket { uid } => write!(f, "uid {uid}, unix socket"),
            Self::Process => f.write_str("in process"),
            Self::Token { id, name, peer, .. } => write!(f, "token {name} ({id}) from {peer}"),
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
        let Token { id, name, person, email, role, services, expires, .. } = token.clone();
        Self {
            identity: CallerIdentity::Person { name: person, email },
            via: Via::Token { id, name, peer, expires },
            rights: Rights { role, services },
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
