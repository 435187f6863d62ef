//! Where a remote's server is: at a unix socket, or at an address that takes a token.

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder, RequestBuilder, StatusCode};

use super::{CONNECT, IDLE};
use crate::api::problem::{ProblemDocument, ProblemKind};
use crate::backend::BackendError;
use crate::domain::token::TokenSecret;

/// How long it may take to connect to another machine: also a handshake and a slow network.
const CONNECT_FAR: Duration = Duration::from_secs(5);
/// How long an answer may take after the time that the server was asked to wait.
const SLACK: Duration = Duration::from_secs(5);

/// A server's place.
#[derive(Debug)]
pub(super) enum Server {
    /// The engine of this user.
    Socket(PathBuf),
    /// The engine of another user of this machine, at the socket of a group.
    OfGroup(PathBuf),
    Address {
        url: String,
        /// Nobody has signed in yet without one.
        token: Mutex<Option<TokenSecret>>,
        renew: Option<RenewToken>,
        profile: Option<String>,
        by_command: bool,
    },
}

/// Gets another token than this one, which the server does not take any more; `None` if there is none.
#[derive(Clone)]
pub struct RenewToken(pub Arc<dyn Fn(TokenSecret) -> RenewingToken + Send + Sync>);

pub type RenewingToken = Pin<Box<dyn Future<Output = Option<TokenSecret>> + Send>>;

impl fmt::Debug for RenewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RenewToken")
    }
}

/// How to reach a server over the network.
#[derive(Debug, Clone)]
pub struct ServerAddress {
    /// `https://HOST:PORT`, without a slash at its end.
    pub url: String,
    /// The certificates to trust, in PEM, instead of those of the system.
    pub ca: Option<Vec<u8>>,
    pub token: TokenSecret,
    /// Asked when the server does not take the token any more: its user may have signed in again since.
    pub renew: Option<RenewToken>,
    /// The profile that names the server, for what is said to its user.
    pub profile: Option<String>,
    /// The token comes from a program of the user's, so nobody signs in with ours.
    pub by_command: bool,
}

fn held(token: &Mutex<Option<TokenSecret>>) -> MutexGuard<'_, Option<TokenSecret>> {
    token.lock().expect("no code panics with the token")
}

/// A client that follows no redirect and asks no proxy: a token goes to its own server alone.
fn client() -> ClientBuilder {
    Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).pool_idle_timeout(IDLE)
}

impl Server {
    /// The client for the server at this socket.
    pub fn at_socket(socket: PathBuf) -> (Client, Self) {
        let client = client()
            .unix_socket(socket.clone())
            .tls_certs_only([])
            .connect_timeout(CONNECT)
            .build()
            .expect("a client without certificates needs nothing from the system");
        (client, Self::Socket(socket))
    }

    /// The client for the server at this address.
    ///
    /// # Errors
    /// When the certificates cannot be used.
    pub fn at_address(address: ServerAddress) -> Result<(Client, Self), String> {
        let ServerAddress { url, ca, token, renew, profile, by_command } = address;
        let client = Self::far_client(ca)?;
        let token = Mutex::new(Some(token));
        Ok((client, Self::Address { url, token, renew, profile, by_command }))
    }

    /// The same for somebody who has not signed in yet.
    ///
    /// # Errors
    /// When the certificates cannot be used.
    pub fn at_entrance(url: String, ca: Option<Vec<u8>>) -> Result<(Client, Self), String> {
        let (token, renew, profile) = (Mutex::new(None), None, None);
        let by_command = false;
        Ok((Self::far_client(ca)?, Self::Address { url, token, renew, profile, by_command }))
    }

    fn far_client(ca: Option<Vec<u8>>) -> Result<Client, String> {
        let client = client().connect_timeout(CONNECT_FAR);
        let client = match ca {
            None => client,
            Some(pem) => {
                let trusted = Certificate::from_pem_bundle(&pem).ok();
                let trusted = trusted.filter(|trusted| !trusted.is_empty());
                client.tls_certs_only(
                    trusted.ok_or("the ca of the profile has no certificate in PEM")?,
                )
            }
        };
        client.build().map_err(|why| format!("TLS cannot be set up: {why}"))
    }

    /// How long an answer may take on its way, without the time that the server was asked to wait. Over the network the
    /// connection comes first: an attempt to connect must end as one, since nothing was sent then.
    pub fn slack(&self) -> Duration {
        match self {
            Self::Socket(_) | Self::OfGroup(_) => SLACK,
            Self::Address { .. } => SLACK + CONNECT_FAR,
        }
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        match self {
            Self::Socket(_) | Self::OfGroup(_) => format!("http://trunkline{path}"),
            Self::Address { url, .. } => format!("{url}{path}"),
        }
    }

    /// The request with the token that the server needs.
    pub fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::Socket(_) | Self::OfGroup(_) => request,
            Self::Address { token, .. } => match &*held(token) {
                Some(token) => request.bearer_auth(token.expose()),
                None => request,
            },
        }
    }

    /// Whether there is another token since the last request was signed.
    pub async fn renewed(&self) -> bool {
        let Self::Address { token, renew: Some(RenewToken(renew)), .. } = self else {
            return false;
        };
        let Some(refused) = held(token).clone() else { return false };
        let Some(new) = renew(refused.clone()).await else { return false };
        let is_other = new != refused;
        *held(token) = Some(new);
        is_other
    }

    /// The problem with what to do about it here: nobody restarts the engine of another machine.
    pub fn explain(&self, problem: ProblemDocument) -> ProblemDocument {
        let Self::Address { url, profile, token, by_command, .. } = self else { return problem };
        if held(token).is_none() {
            return problem;
        }
        let profile =
            profile.as_ref().map_or_else(String::new, |name| format!(" --profile {name}"));
        let (kind, detail) = match problem.kind {
            ProblemKind::NotSignedIn | ProblemKind::NoSession if *by_command => {
                let advice =
                    "the token is what token_command of the profile prints; renew it there";
                (problem.kind, format!("{}: {advice}", problem.detail))
            }
            ProblemKind::NotSignedIn => {
                (problem.kind, format!("{}: trunkline login {url}{profile}", problem.detail))
            }
            ProblemKind::NoSuchPath => {
                let why = format!("{}; {url} is older than this program", problem.detail);
                (ProblemKind::Failed, format!("{why}, ask whoever runs it for an update"))
            }
            _ => return problem,
        };
        ProblemDocument { kind, detail, ..problem }
    }

    /// What is said of a server that speaks another version, or that is none.
    pub fn explain_version(
        &self,
        why: BackendError,
        status: StatusCode,
        is_read: bool,
    ) -> BackendError {
        match (self, why) {
            // A proxy answers so while the server behind it restarts.
            (Self::Address { url, .. }, BackendError::Incompatible(_))
                if is_read && matches!(status.as_u16(), 502..=504) =>
            {
                let what = format!("the server behind {url} does not answer ({status})");
                BackendError::Unreachable(format!("{what}; ask whoever runs it"))
            }
            (Self::Address { url, .. }, BackendError::Incompatible(_)) => {
                let what = format!("{url} is no trunkline server of the version of this program");
                let advice = "look at the address, or install the version that it runs";
                BackendError::Incompatible(format!("{what}; {advice}"))
            }
            (_, why) => why,
        }
    }

    /// Why nobody answers at an address.
    pub fn unreachable(url: &str, why: &str) -> String {
        let in_words = TLS_ERRORS.iter().find(|(sign, _)| why.contains(sign));
        match in_words {
            Some((_, words)) => format!("{url} is not trusted: {words}"),
            None => format!(
                "{url} does not answer ({why}); check the network, then ask whoever runs it"
            ),
        }
    }
}

/// What an error of TLS says, and the same in words.
const TLS_ERRORS: &[(&str, &str)] = &[
    (
        "UnknownIssuer",
        "nobody whom this machine knows has signed its certificate; set ca of the profile in config.toml to the \
         certificate of your authority",
    ),
    ("certificate expired", "its certificate has expired; ask whoever runs it to renew it"),
    ("not valid yet", "its certificate is not valid yet; compare the clocks of both machines"),
    ("not valid for", "its certificate is of another host; use a name that is in the certificate"),
    (
        "CaUsedAsEndEntity",
        "its certificate is that of an authority; whoever runs it has to sign one for the server with it",
    ),
    ("certificate revoked", "its certificate was revoked; ask whoever runs it"),
    ("invalid peer certificate", "its certificate is not valid; ask whoever runs it"),
    ("InvalidContentType", "it does not speak TLS; look at the address and the port"),
];
