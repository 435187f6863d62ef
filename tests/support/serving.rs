//! A server over any backend on a socket of its own, for as long as the value lives.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::sync::oneshot;
use trunkline::backend::Backend;
use trunkline::domain::caller::Caller;
use trunkline::server;

pub struct Serving {
    folder: TempDir,
    /// The server stops when this is dropped.
    _stop: oneshot::Sender<()>,
}

impl Serving {
    /// Serves with the backend that is made for each caller.
    pub fn new<B: Backend>(
        backend_for: impl Fn(Caller) -> B + Clone + Send + Sync + 'static,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = server::bind(&socket(folder.path())).unwrap();
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(server::serve(listener, backend_for, async {
            let _ = stopped.await;
        }));
        Self { folder, _stop: stop }
    }

    pub fn socket(&self) -> PathBuf {
        socket(self.folder.path())
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("run/engine.sock")
}
