//! What `trunkline serve` listens on besides its socket: the settings of server.toml and of the arguments.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::error::CliError;
use crate::config::places::Places;
use crate::config::server_file::{SERVER_FILE, ServerFile, TlsSettings, is_address};
use crate::server::{Certificates, ListenError, NetworkListener, NetworkOptions, TlsFiles};

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

    /// How the server listens on a port; `None` if it does not.
    ///
    /// # Errors
    /// When the server file has a mistake, or the certificate cannot be used.
    pub fn network(self, places: &Places) -> Result<Option<NetworkOptions>, CliError> {
        let Self { listen, behind_proxy, config } = self;
        let file = match config {
            Some(path) if !path.exists() => {
                return Err(CliError::usage(format!("there is no file {:?}", path.display())));
            }
            Some(path) => ServerFile::load(&path)?,
            None => ServerFile::load(&places.config.join(SERVER_FILE))?,
        };
        let Some(listen) = listen.or(file.listen) else { return Ok(None) };
        let certificates = file.tls.map(|TlsSettings { certificate, key }| {
            let loaded = Certificates::load(TlsFiles { certificate, key });
            loaded.map_err(|why| CliError::usage(why.to_string()))
        });
        let certificates = certificates.transpose()?;
        let proxies = if behind_proxy.is_empty() { file.behind_proxy } else { behind_proxy };
        Ok(Some(NetworkOptions { listen, certificates, proxies, hosts: file.hosts }))
    }
}

/// Opens the port.
pub async fn bind(options: NetworkOptions) -> Result<NetworkListener, CliError> {
    NetworkListener::bind(options).await.map_err(|why| match why {
        why @ ListenError::Plain { .. } => CliError::usage(why.to_string()),
        why => CliError::failed(why.to_string()),
    })
}

/// Checks all that `trunkline serve` reads before it listens, and says how it would listen.
pub async fn check(arguments: ListenArgs, places: &Places) -> Result<String, CliError> {
    let Some(options) = arguments.network(places)? else {
        return Ok("the server file is in order; it listens on the socket alone".into());
    };
    options.check().await.map_err(|why| CliError::usage(why.to_string()))?;
    let NetworkOptions { listen, certificates, .. } = options;
    let how = if certificates.is_some() { "with TLS" } else { "without TLS" };
    Ok(format!("the server file is in order; it listens on {listen} {how}"))
}

/// The certificate that is renewed while the server runs.
pub fn renewed(options: Option<&NetworkOptions>) -> Option<Arc<Certificates>> {
    options.and_then(|options| options.certificates.clone())
}
