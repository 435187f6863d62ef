//! A server for a team in this process: an engine behind TLS, and the people who sign in to it.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use tokio::sync::oneshot;
use trunkline::backend::embedded::EngineAccess;
use trunkline::backend::remote::{Remote, ServerAddress};
use trunkline::domain::caller::{AccessRole, Caller};
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
        let folder = tempfile::tempdir().unwrap();
        let files = Self::files_in(folder.path());
        put_pair(&files, pair, pair);
        let certificates = Some(Certificates::load(files).unwrap());
        let options = NetworkOptions { certificates, ..NetworkOptions::default() };
        Self::serve(folder, handle, options).await
    }

    /// Serves this engine with TLS.
    pub async fn new(handle: &Handle) -> Self {
        Self::with_pair(handle, "server").await
    }

    /// Serves this engine without TLS.
    pub async fn plain(handle: &Handle, options: NetworkOptions) -> Self {
        Self::serve(tempfile::tempdir().unwrap(), handle, options).await
    }

    async fn serve(folder: TempDir, handle: &Handle, options: NetworkOptions) -> Self {
        let certificates = options.certificates.clone();
        let options = NetworkOptions { listen: "127.0.0.1:0".into(), ..options };
        let port = NetworkListener::bind(options).await.unwrap();
        let address = port.address();
        let socket = server::bind(&folder.path().join("run/engine.sock")).unwrap();
        let (stop, stopped) = oneshot::channel();
        let listeners = ServerListeners { socket, group: None, port: Some(port) };
        tokio::spawn(server::serve_all(listeners, EngineAccess::new(handle.clone()), async {
            let _ = stopped.await;
        }));
        Self { folder, handle: handle.clone(), address, certificates, _stop: stop }
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

    /// Somebody who has signed in.
    pub async fn person(&self, person: &str, role: AccessRole) -> Remote {
        let made = self.token(person, role, &[]).await;
        self.remote(made.secret)
    }

    /// Whoever has this token.
    pub fn remote(&self, token: TokenSecret) -> Remote {
        let ca = Some(pem("ca.pem"));
        let (url, renew, profile) = (self.url(), None, None);
        Remote::at(ServerAddress { url, ca, token, renew, profile }).unwrap()
    }
}

fn uuid() -> String {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    format!("{:x}", now & 0xffff_ffff)
}
