//! A server for a team in this process: an engine behind TLS, and the people who sign in to it.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client};
use tempfile::TempDir;
use tokio::sync::oneshot;
use trunkline::backend::embedded::EngineAccess;
use trunkline::backend::remote::{Remote, ServerAddress};
use trunkline::backend::sign_in::Provider;
use trunkline::domain::caller::{AccessRole, Caller};
use trunkline::domain::chain::Hash;
use trunkline::domain::ids::ServiceName;
use trunkline::domain::token::{MadeToken, NewToken, TokenSecret};
use trunkline::engine::Handle;
use trunkline::server::{
    self, Certificates, NetworkListener, NetworkOptions, ServerListeners, TlsFiles,
};

/// The certificates of the tests.
const PAIRS: &str = "tests/data/tls";

/// A test certificate or key, as it is in the repository.
pub fn pem(file: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read(root.join(PAIRS).join(file)).unwrap()
}

/// Puts a pair of the tests where a server reads it, with the mode that a key needs.
pub fn put_pair(files: &TlsFiles, certificate: &str, key: &str) {
    fs::write(&files.certificate, pem(&format!("{certificate}.pem"))).unwrap();
    fs::write(&files.key, pem(&format!("{key}.key"))).unwrap();
    fs::set_permissions(&files.key, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A client that trusts the authority of the tests, and follows no redirect by itself.
pub fn client() -> Client {
    let ca = Certificate::from_pem_bundle(&pem("ca.pem")).unwrap();
    let client = Client::builder().no_proxy().tls_certs_only(ca).redirect(Policy::none());
    client.timeout(Duration::from_mins(2)).build().unwrap()
}

/// What a session of somebody is made from who may only read, for ever.
pub fn new_session(person: &str) -> NewToken {
    NewToken {
        name: format!("session-{}", uuid()),
        person: person.to_owned(),
        email: None,
        role: AccessRole::Viewer,
        services: None,
        expires: None,
    }
}

/// The server runs as long as the value lives.
pub struct TeamServer {
    folder: TempDir,
    handle: Handle,
    pub address: SocketAddr,
    pub certificates: Option<Arc<Certificates>>,
    _stop: oneshot::Sender<()>,
}

impl TeamServer {
    /// Serves this engine with TLS and this pair of the tests.
    pub async fn with_pair(handle: &Handle, pair: &str) -> Self {
        Self::with_tls(handle, pair, None).await
    }

    /// Serves this engine with TLS, and trusts a provider.
    pub async fn trusting(handle: &Handle, provider: Provider) -> Self {
        Self::with_tls(handle, "server", Some(provider)).await
    }

    /// Serves this engine with TLS.
    pub async fn new(handle: &Handle) -> Self {
        Self::with_pair(handle, "server").await
    }

    /// Serves this engine without TLS.
    pub async fn plain(handle: &Handle, options: NetworkOptions) -> Self {
        Self::serve(tempfile::tempdir().unwrap(), handle, options, None).await
    }

    async fn with_tls(handle: &Handle, pair: &str, provider: Option<Provider>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = Self::files_in(folder.path());
        put_pair(&files, pair, pair);
        let certificates = Some(Certificates::load(files).unwrap());
        let options = NetworkOptions { certificates, ..NetworkOptions::default() };
        Self::serve(folder, handle, options, provider).await
    }

    async fn serve(
        folder: TempDir,
        handle: &Handle,
        options: NetworkOptions,
        provider: Option<Provider>,
    ) -> Self {
        let (certificates, webhooks) = (options.certificates.clone(), options.webhooks.clone());
        let options = NetworkOptions { listen: "127.0.0.1:0".into(), ..options };
        let port = NetworkListener::bind(options).await.unwrap();
        let address = port.address();
        let (stop, stopped) = oneshot::channel();
        let team = Self { folder, handle: handle.clone(), address, certificates, _stop: stop };
        let socket = server::bind(&team.socket()).unwrap();
        let listeners =
            ServerListeners { port: Some(port), webhooks, ..ServerListeners::of_socket(socket) };
        let access = EngineAccess::new(handle.clone()).at(Some(team.url())).trusting(provider);
        tokio::spawn(server::serve_all(listeners, access, async {
            let _ = stopped.await;
        }));
        team
    }

    fn files_in(folder: &Path) -> TlsFiles {
        TlsFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem") }
    }

    /// The files that the server reads.
    pub fn files(&self) -> TlsFiles {
        Self::files_in(self.folder.path())
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("run/engine.sock")
    }

    pub fn url(&self) -> String {
        let scheme = if self.certificates.is_some() { "https" } else { "http" };
        format!("{scheme}://localhost:{}", self.address.port())
    }

    /// A new token for somebody.
    pub async fn token(&self, person: &str, role: AccessRole, services: &[&str]) -> MadeToken {
        let names = services.iter().map(|name| name.parse::<ServiceName>().unwrap()).collect();
        let new = NewToken {
            name: format!("{person}-{role}-{}", uuid()),
            person: person.to_owned(),
            email: None,
            role,
            services: (!services.is_empty()).then_some(names),
            expires: None,
        };
        self.handle.create_token(&Caller::in_process("moira"), new).await.unwrap()
    }

    /// The session of somebody who signed in by an ID token of this digest.
    pub async fn session(&self, person: &str, role: AccessRole, id_token: [u8; 32]) -> MadeToken {
        let expires = Some(self.handle.now() + chrono::TimeDelta::hours(1));
        let new = NewToken { role, expires, ..new_session(person) };
        self.handle.open_session(new, Hash(id_token), None).await.unwrap()
    }

    /// Somebody who has a token.
    pub async fn person(&self, person: &str, role: AccessRole) -> Remote {
        let made = self.token(person, role, &[]).await;
        self.remote(made.secret)
    }

    /// Whoever has this token.
    pub fn remote(&self, token: TokenSecret) -> Remote {
        remote_at(self.url(), token)
    }
}

/// Whoever has this token at a server that the authority of the tests has signed.
pub fn remote_at(url: String, token: TokenSecret) -> Remote {
    let ca = Some(pem("ca.pem"));
    let (renew, profile) = (None, None);
    Remote::at(ServerAddress { url, ca, token, renew, profile, by_command: false }).unwrap()
}

fn uuid() -> String {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    format!("{:x}", now & 0xffff_ffff)
}
