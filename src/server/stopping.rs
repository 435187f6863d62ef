//! The word that the server stops, for everyone who waits for something else.

use std::future::Future;

use tokio::sync::watch;

/// Says it.
pub(super) struct Stop(watch::Sender<bool>);

/// Hears it.
#[derive(Clone)]
pub(super) struct Stopping(watch::Receiver<bool>);

pub(super) fn channel() -> (Stop, Stopping) {
    let (stop, stopping) = watch::channel(false);
    (Stop(stop), Stopping(stopping))
}

impl Stop {
    pub(super) fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stopping {
    /// Ends when the server begins to stop, or did before.
    pub(super) fn begun(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stopping = self.0.clone();
        async move {
            // An error means that the server is gone, which is as good as its word.
            let _ = stopping.wait_for(|stopping| *stopping).await;
        }
    }
}
