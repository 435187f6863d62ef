//! Who may use a backend: tells callers apart by their tokens, and makes the backend of each.

use std::net::IpAddr;
use std::pin::Pin;

use super::Backend;
use crate::domain::caller::Caller;
use crate::domain::token::TokenRefusal;

/// Completes when a caller loses the access.
pub type AccessEnd = Pin<Box<dyn Future<Output = ()> + Send>>;

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

    /// Completes when the caller loses the access.
    fn ended(&self, caller: &Caller) -> AccessEnd;
}
