//! The caller, authenticated by the connection. Only a listener makes it, never a request.

use std::fmt;

/// The caller of one connection.
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
}

impl CallerIdentity {
    /// The identity as text in the digest of a recorded command. It must never change: the engine compares a retry with
    /// the same idempotency key by this digest, also with records of older versions.
    #[must_use]
    pub fn digest_name(&self) -> &str {
        match self {
            Self::Login(login) => login,
        }
    }
}

/// How the caller connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// Over the unix socket; the user id is from the kernel.
    Socket { uid: u32 },
    /// The engine's own process.
    Process,
}

/// What the caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Read everything, change nothing.
    Viewer,
    /// Read and change everything. Every caller on the engine's own machine has this.
    Deployer,
}

impl Caller {
    /// A caller on the engine's own machine, with all rights.
    #[must_use]
    pub fn local(login: impl Into<String>, via: Via) -> Self {
        Self { identity: CallerIdentity::Login(login.into()), via, rights: Rights::Deployer }
    }

    /// A caller in the engine's own process, with this login.
    #[must_use]
    pub fn in_process(login: impl Into<String>) -> Self {
        Self::local(login, Via::Process)
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CallerIdentity::Login(login) = &self.identity;
        match self.via {
            Via::Socket { uid } => write!(f, "{login} (uid {uid}, unix socket)"),
            Via::Process => write!(f, "{login} (in process)"),
        }
    }
}
