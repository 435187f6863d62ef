//! The signal that the server stops, for everything that waits.

use std::future::Future;

use tokio::sync::watch;

/// Sends the signal.
pub(super) struct Stop(watch::Sender<bool>);

/// Receives the signal.
#[derive(Clone)]
pub(super) struct StopSignal(watch::Receiver<bool>);

pub(super) fn channel() -> (Stop, StopSignal) {
    let (stop, stopping) = watch::channel(false);
    (Stop(stop), StopSignal(stopping))
}

impl Stop {
    pub(super) fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl StopSignal {
    /// Completes when the server begins to stop, or at once if it has begun.
    pub(super) fn begun(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stopping = self.0.clone();
        async move {
            // An error means that the server is gone already.
            let _ = stopping.wait_for(|stopping| *stopping).await;
        }
    }
}
