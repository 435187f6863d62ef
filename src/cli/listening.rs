//! What `trunkline serve` listens on besides its socket: the settings of server.toml and of the arguments.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use clap::Args;
use color_eyre::eyre::WrapErr as _;

use tokio::net::UnixListener;

use super::error::CliError;
use crate::config::places::Places;
use crate::config::server_file::{SERVER_FILE, ServerFile, SocketGroup, TlsSettings, is_address};
use crate::domain::caller::AccessRole;
use crate::server::{
    self, Certificates, ListenError, NetworkListener, NetworkOptions, ServerListeners, TlsFiles,
};

#[derive(Debug, Clone, Args)]
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
        let group = file.socket_group;
        let group = group.map(|of| Ok::<_, CliError>((group_id(&of.group)?, of))).transpose()?;
        let Some(listen) = listen.or(file.listen) else {
            return Ok(Listening { port: None, group });
        };
        let certificates = file.tls.map(|TlsSettings { certificate, key }| {
            let loaded = Certificates::load(TlsFiles { certificate, key });
            loaded.map_err(|why| CliError::usage(why.to_string()))
        });
        let certificates = certificates.transpose()?;
        let proxies = if behind_proxy.is_empty() { file.behind_proxy } else { behind_proxy };
        let port = NetworkOptions { listen, certificates, proxies, hosts: file.hosts };
        Ok(Listening { port: Some(port), group })
    }
}

/// The number of a group.
fn group_id(name: &str) -> Result<u32, CliError> {
    let found = Command::new("getent").args(["group", name]).stdin(Stdio::null()).output();
    let line = match found {
        Ok(found) => String::from_utf8_lossy(&found.stdout).into_owned(),
        // A system without this program has the groups in this file.
        Err(_) => std::fs::read_to_string("/etc/group").unwrap_or_default(),
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
    /// The socket of a group, and the group's number.
    group: Option<(u32, SocketGroup)>,
}

impl Listening {
    /// The certificate that is renewed while the server runs.
    pub fn certificates(&self) -> Option<Arc<Certificates>> {
        self.port.as_ref().and_then(|port| port.certificates.clone())
    }

    /// Opens the engine's own socket, and then what else can be opened; for the rest, why it cannot.
    ///
    /// # Errors
    /// When the own socket cannot be opened.
    pub async fn bind(self, socket: &Path) -> Result<(ServerListeners, Vec<CliError>), CliError> {
        let socket = server::bind(socket).wrap_err("cannot listen")?;
        let mut trouble = Vec::new();
        let mut opened = |why| trouble.push(why);
        let port = match self.port {
            Some(options) => bind(options).await.map_err(&mut opened).ok(),
            None => None,
        };
        let group = self.group.and_then(|of| bind_group(of).map_err(&mut opened).ok());
        Ok((ServerListeners { socket, group, port }, trouble))
    }
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

/// Opens the port.
async fn bind(options: NetworkOptions) -> Result<NetworkListener, CliError> {
    NetworkListener::bind(options).await.map_err(|why| match why {
        why @ ListenError::Plain { .. } => CliError::usage(why.to_string()),
        why => CliError::failed(why.to_string()),
    })
}

/// Checks all that `trunkline serve` reads before it listens, and says how it would listen.
pub async fn check(arguments: ListenArgs, places: &Places) -> Result<String, CliError> {
    let Listening { port, group } = arguments.read(places)?;
    let of = group.map_or_else(String::new, |(_, SocketGroup { path, group, .. })| {
        format!(", and on {} for the group {group}", path.display())
    });
    let Some(options) = port else {
        return Ok(format!("the server file is in order; it listens on its socket{of}"));
    };
    options.check().await.map_err(|why| CliError::usage(why.to_string()))?;
    let NetworkOptions { listen, certificates, .. } = options;
    let how = if certificates.is_some() { "with TLS" } else { "without TLS" };
    Ok(format!("the server file is in order; it listens on {listen} {how}{of}"))
}
