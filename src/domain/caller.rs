//! Who calls, as the connection proves it. A listener makes the caller; no request can.

use std::fmt;

/// One caller, for as long as its connection lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub identity: CallerIdentity,
    pub via: Via,
    pub rights: Rights,
}

/// What was authenticated. Each service resolves it to an actor by its own people, see
/// [`super::people::People::actor_of`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallerIdentity {
    /// A login name of the engine's machine.
    Login(String),
}

impl CallerIdentity {
    /// The text that stands for this identity in the digest of a recorded command. It must never change: a retry with
    /// the same idempotency key is compared by it, also with records of older versions.
    #[must_use]
    pub fn digest_name(&self) -> &str {
        match self {
            Self::Login(login) => login,
        }
    }
}

/// How the caller came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// The unix socket; the kernel told the user id.
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
    /// Somebody on the engine's own machine, with all rights.
    #[must_use]
    pub fn local(login: impl Into<String>, via: Via) -> Self {
        Self { identity: CallerIdentity::Login(login.into()), via, rights: Rights::Deployer }
    }

    /// The engine's own process, in the name of this login.
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
