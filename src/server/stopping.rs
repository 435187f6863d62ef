//! The signal that the server stops, for everything that waits.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;

/// Sends the signal.
pub(super) struct Stop(watch::Sender<bool>);

/// Receives the signal. Each request has clones, so they are cheap.
#[derive(Clone)]
pub(super) struct StopSignal(Arc<watch::Receiver<bool>>);

pub(super) fn channel() -> (Stop, StopSignal) {
    let (stop, stopping) = watch::channel(false);
    (Stop(stop), StopSignal(Arc::new(stopping)))
}

impl Stop {
    pub(super) fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl StopSignal {
    /// Completes when the server begins to stop, or at once if it has begun.
    pub(super) fn begun(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stopping = watch::Receiver::clone(&self.0);
        async move {
            // An error means that the server is gone already.
            let _ = stopping.wait_for(|stopping| *stopping).await;
        }
    }
}
