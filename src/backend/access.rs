//! Who may use a backend: tells callers apart by their tokens, and makes the backend of each.

use std::future::ready;
use std::net::IpAddr;
use std::pin::Pin;

use super::Backend;
use crate::domain::caller::Caller;
use crate::domain::delivery::{DeliveryResult, WebhookForge, WebhookNews};
use crate::domain::engine_metrics::EngineMetrics;
use crate::domain::ids::{DeploymentId, ServiceName};
use crate::domain::link::{BrowserSession, LinkRefusal};
use crate::domain::sign_in::{
    BrowserKey, ProviderAnswer, SignInOffer, SignInRefusal, SignInRequest,
};
use crate::domain::token::{MadeToken, Token, TokenRefusal};

/// Completes when a caller loses the access.
pub type AccessEnd = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The session of somebody who signs in.
pub type SigningIn = Pin<Box<dyn Future<Output = Result<MadeToken, SignInRefusal>> + Send>>;

/// What a browser keeps while its person signs in, and where that is.
pub type SendingAway =
    Pin<Box<dyn Future<Output = Result<(BrowserKey, String), SignInRefusal>> + Send>>;

/// The session of somebody who signs in by a browser, as a token that nobody has and as the browser's own.
pub type SigningBrowserIn =
    Pin<Box<dyn Future<Output = Result<(Token, BrowserSession), SignInRefusal>> + Send>>;

/// Whether the backend acts; else why not, in words that name nothing.
pub type Readiness = Pin<Box<dyn Future<Output = Result<(), &'static str>> + Send>>;

/// Tells callers apart and makes the backend of each.
pub trait Access: Send + Sync + 'static {
    type Backend: Backend;

    /// The backend for a caller.
    fn backend_for(&self, caller: Caller) -> Self::Backend;

    /// The caller whose token this is, from this address.
    ///
    /// # Errors
    /// When the token opens nothing.
    fn authenticate(&self, token: &str, peer: IpAddr) -> Result<Caller, TokenRefusal>;

    /// How somebody without a token signs in.
    fn offer(&self) -> SignInOffer;

    /// Opens a session for whoever shows this.
    fn sign_in(&self, shown: SignInRequest) -> SigningIn;

    /// Where browsers reach this server, and the provider at which they sign in, if they do.
    fn way_in(&self) -> Option<(&str, &str)> {
        None
    }

    /// Sends a browser to the provider.
    fn send_to_provider(&self) -> SendingAway {
        Box::pin(ready(Err(SignInRefusal::NoProvider)))
    }

    /// Signs a browser in that comes back from the provider.
    fn sign_browser_in(&self, _: ProviderAnswer) -> SigningBrowserIn {
        Box::pin(ready(Err(SignInRefusal::NoProvider)))
    }

    /// The caller who comes with a link to the page of this deployment.
    ///
    /// # Errors
    /// When the link does not open it.
    fn of_link(&self, _: &str, _: &ServiceName, _: DeploymentId) -> Result<Caller, LinkRefusal> {
        Err(LinkRefusal::Unknown)
    }

    /// The caller of a browser that was signed in.
    ///
    /// # Errors
    /// When the session is over.
    fn of_browser(&self, _: &str) -> Result<Caller, LinkRefusal> {
        Err(LinkRefusal::Unknown)
    }

    /// Whether browsers reach the pages over TLS alone.
    fn shows_pages_over_tls(&self) -> bool {
        true
    }

    /// Completes when the caller loses the access.
    fn ended(&self, caller: &Caller) -> AccessEnd;

    /// Takes a webhook whose signature is right.
    fn take_webhook(&self, _: WebhookNews) -> DeliveryResult {
        DeliveryResult::NotWatched
    }

    /// Notes a webhook that was refused or could not be read.
    fn note_delivery(&self, _: WebhookForge, _: DeliveryResult) {}

    /// Whether the backend acts.
    fn ready(&self) -> Readiness {
        Box::pin(ready(Ok(())))
    }

    /// The numbers of the backend, if it has some.
    fn metrics(&self) -> Option<EngineMetrics> {
        None
    }
}
