//! What `trunkline serve` listens on besides its socket: the settings of server.toml and of the arguments.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use clap::Args;
use color_eyre::eyre::WrapErr as _;

use tokio::net::UnixListener;

use super::error::CliError;
use crate::api::path;
use crate::backend::sign_in::Provider;
use crate::config::places::Places;
use crate::config::server_file::{
    HeadCopy, OidcSettings, SERVER_FILE, ServerFile, ServerPerson, SocketGroup, TlsSettings,
    host_of, is_address,
};
use crate::domain::caller::AccessRole;
use crate::domain::people::Person;
use crate::domain::time::say;
use crate::oidc::ClientSecret;
use crate::server::{
    self, Certificates, ListenError, NetworkListener, NetworkOptions, ServerListeners, TlsFiles,
    WebhookSecret,
};

#[derive(Debug, Clone, Default, Args)]
pub struct ListenArgs {
    /// Also listen on this address, for callers with a token
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    listen: Option<String>,
    /// The address of a proxy that ends TLS and says for whom it asks
    #[arg(long, value_name = "ADDRESS")]
    behind_proxy: Vec<IpAddr>,
    /// The server file; without this, server.toml beside config.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn address(text: &str) -> Result<String, String> {
    let wrong = || "write HOST:PORT such as 0.0.0.0:8443".to_owned();
    is_address(text).then(|| text.to_owned()).ok_or_else(wrong)
}

impl ListenArgs {
    /// The same with the server file that `--check` names.
    pub fn with_file(self, file: Option<PathBuf>) -> Self {
        Self { config: file.or(self.config), ..self }
    }

    /// The server file, if one is named.
    pub fn server_file(&self) -> Option<PathBuf> {
        // The engine may have another working directory.
        self.config.as_ref().and_then(|path| std::path::absolute(path).ok())
    }

    /// On what the server listens besides its socket.
    ///
    /// # Errors
    /// When the server file has a mistake, or the certificate cannot be used.
    pub fn read(self, places: &Places) -> Result<Listening, CliError> {
        let Self { listen, behind_proxy, config } = self;
        let file = match config {
            Some(path) if !path.exists() => {
                return Err(CliError::usage(format!("there is no file {:?}", path.display())));
            }
            Some(path) => ServerFile::load(&path)?,
            None => ServerFile::load(&places.config.join(SERVER_FILE))?,
        };
        let public_url = file.public_url;
        let group = file.socket_group;
        let group = group.map(|of| Ok::<_, CliError>((group_id(&of.group)?, of))).transpose()?;
        let people = file.people;
        let provider = file.oidc.map(|settings| provider(settings, people.clone())).transpose()?;
        let people = people.into_iter().map(|(name, one)| (name, one.person)).collect();
        let chain_head = file.chain_head;
        let mut listening =
            Listening { port: None, public_url: None, group, chain_head, provider, people };
        let Some(listen) = listen.or(file.listen) else { return Ok(listening) };
        let certificates = file.tls.map(|TlsSettings { certificate, key }| {
            let loaded = Certificates::load(TlsFiles { certificate, key });
            loaded.map_err(|why| CliError::usage(why.to_string()))
        });
        let certificates = certificates.transpose()?;
        let proxies = if behind_proxy.is_empty() { file.behind_proxy } else { behind_proxy };
        let secrets = file.webhooks.into_iter();
        let webhooks =
            secrets.map(|(forge, path)| Ok((forge, secret_of(&path, WebhookSecret::parse)?)));
        let webhooks = webhooks.collect::<Result<_, CliError>>()?;
        let (mut hosts, open_metrics) = (file.hosts, file.open_metrics);
        hosts.extend(public_url.as_deref().and_then(host_of).map(str::to_owned));
        let port = NetworkOptions { listen, certificates, proxies, hosts, webhooks, open_metrics };
        listening.port = Some(port);
        listening.public_url = public_url;
        Ok(listening)
    }
}

/// How long the look-up of a group may take.
const LOOKUP: Duration = Duration::from_secs(5);

/// The provider of these settings, with the secret that they name.
fn provider(
    settings: OidcSettings,
    people: BTreeMap<String, ServerPerson>,
) -> Result<Provider, CliError> {
    let parse = |text: &str| match text.trim() {
        "" => Err("it is empty".to_owned()),
        text => Ok(ClientSecret(text.to_owned())),
    };
    let secret = settings.browser.secret_file.as_ref().map(|path| secret_of(path, parse));
    let secret = secret.transpose()?;
    let provider = Provider::new(settings, people).map_err(|why| CliError::usage(why.to_string()));
    Ok(provider?.with_secret(secret))
}

/// A secret, from a file that nobody else can read.
fn secret_of<T>(path: &Path, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, CliError> {
    let wrong = |why: String| CliError::usage(format!("the secret_file {}: {why}", path.display()));
    let metadata = std::fs::metadata(path).map_err(|why| wrong(why.to_string()))?;
    if metadata.mode() & 0o077 != 0 {
        return Err(wrong("others can read it; give it the mode 600".to_owned()));
    }
    let text = std::fs::read_to_string(path).map_err(|why| wrong(why.to_string()))?;
    parse(&text).map_err(wrong)
}

/// The number of a group.
fn group_id(name: &str) -> Result<u32, CliError> {
    let mut look_up = Command::new("getent");
    look_up.args(["group", name]).stdin(Stdio::null());
    let (answers, answer) = mpsc::channel();
    // It may ask a directory server that does not answer.
    std::thread::spawn(move || answers.send(look_up.output()));
    let line = match answer.recv_timeout(LOOKUP) {
        Ok(Ok(found)) => String::from_utf8_lossy(&found.stdout).into_owned(),
        // A system without this program has the groups in this file.
        Ok(Err(_)) => std::fs::read_to_string("/etc/group").unwrap_or_default(),
        Err(_) => {
            let limit = say(LOOKUP);
            return Err(CliError::failed(format!(
                "the group {name:?} is not found: getent does not answer within {limit}"
            )));
        }
    };
    let mut groups = line.lines().map(|line| line.split(':'));
    let id = groups.find_map(|mut group| {
        (group.next() == Some(name)).then(|| group.nth(1)?.parse().ok()).flatten()
    });
    id.ok_or_else(|| CliError::usage(format!("there is no group {name:?} on this machine")))
}

/// What a server listens on besides its socket.
#[derive(Default)]
pub struct Listening {
    port: Option<NetworkOptions>,
    /// Where people reach the pages over the port.
    public_url: Option<String>,
    /// The socket of a group, and the group's number.
    group: Option<(u32, SocketGroup)>,
    /// Where the head of the record's chain is written.
    pub chain_head: Option<HeadCopy>,
    /// Where people sign in.
    provider: Option<Provider>,
    /// Whom the server knows.
    people: BTreeMap<String, Person>,
}

impl Listening {
    /// The people whom the server knows, by name.
    pub fn people(&self) -> BTreeMap<String, Person> {
        self.people.clone()
    }

    /// The provider at which people sign in.
    pub fn provider(&mut self) -> Option<Provider> {
        self.provider.take()
    }

    /// The certificate that is renewed while the server runs.
    pub fn certificates(&self) -> Option<Arc<Certificates>> {
        self.port.as_ref().and_then(|port| port.certificates.clone())
    }

    pub fn public_url(&self) -> Option<String> {
        self.public_url.clone()
    }

    /// Opens the engine's own socket, and then what else can be opened; for the rest, why it cannot.
    ///
    /// # Errors
    /// When the own socket cannot be opened.
    pub async fn bind(self, socket: &Path) -> Result<Bound, CliError> {
        let socket = server::bind(socket).wrap_err("cannot listen")?;
        let (mut unopened, mut late, mut port) = (Vec::new(), None, None);
        let webhooks = self.port.as_ref().map(|port| port.webhooks.clone()).unwrap_or_default();
        if let Some(options) = self.port {
            match NetworkListener::bind(options.clone()).await {
                Ok(listener) => port = Some(listener),
                Err(why @ ListenError::Io { .. }) => {
                    late = Some((CliError::failed(why.to_string()), options));
                }
                Err(why @ ListenError::Plain { .. }) => {
                    unopened.push(CliError::usage(why.to_string()));
                }
                Err(why @ ListenError::Tls(_)) => unopened.push(CliError::failed(why.to_string())),
            }
        }
        let group = self.group.and_then(|of| bind_group(of).map_err(|w| unopened.push(w)).ok());
        let listeners = ServerListeners { socket, group, port, late: None, webhooks };
        Ok(Bound { listeners, unopened, late })
    }
}

/// What was opened of that on which a server listens.
pub struct Bound {
    pub listeners: ServerListeners,
    /// Why something else cannot be opened.
    pub unopened: Vec<CliError>,
    /// A port that may be opened later, and why it is not open.
    pub late: Option<(CliError, NetworkOptions)>,
}

/// Opens the socket of a group.
fn bind_group(
    (id, SocketGroup { path, group, role }): (u32, SocketGroup),
) -> Result<(UnixListener, AccessRole), CliError> {
    let shown = path.display();
    let listener = server::bind_for_group(&path, id).wrap_err_with(|| {
        format!("cannot listen on {shown} for the group {group}; this user must be in it")
    })?;
    Ok((listener, role))
}

/// Checks all that `trunkline serve` reads before it listens, and says how it would listen.
pub async fn check(arguments: ListenArgs, places: &Places) -> Result<String, CliError> {
    let Listening { port, group, provider, public_url, .. } = arguments.read(places)?;
    let at = provider.map_or_else(String::new, |at| {
        let back = public_url.map(|url| format!("{url}{}", path::SIGN_IN_ANSWER));
        let back = back.map_or_else(String::new, |url| {
            format!(", where {url} must be registered as the address for browsers to come back to")
        });
        format!("; people sign in at {}{back}", at.issuer())
    });
    let of = group.map_or_else(String::new, |(_, SocketGroup { path, group, .. })| {
        format!(", and on {} for the group {group}", path.display())
    });
    let Some(options) = port else {
        return Ok(format!("the server file is in order; it listens on its socket{of}{at}"));
    };
    options.check().await.map_err(|why| CliError::usage(why.to_string()))?;
    let NetworkOptions { listen, certificates, .. } = options;
    let in_time = certificates.as_ref().map(|certificates| certificates.in_time()).transpose();
    in_time.map_err(|why| CliError::usage(why.to_string()))?;
    let how = if certificates.is_some() { "with TLS" } else { "without TLS" };
    Ok(format!("the server file is in order; it listens on {listen} {how}{of}{at}"))
}
