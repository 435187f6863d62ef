//! The tokens of the server: the writer keeps them in the record's database, everybody else asks this copy.

use std::collections::HashMap;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use subtle::ConstantTimeEq as _;
use tokio::sync::{oneshot, watch};

use super::clock::Clock;
use super::commands::CommandError;
use crate::domain::caller::{Caller, Via};
use crate::domain::token::{MadeToken, NewToken, Token, TokenId, TokenRefusal, TokenSecret};
use crate::store::KnownToken;

/// The last use of a token is written at most this often.
const USED: TimeDelta = TimeDelta::minutes(1);
/// How often an open stream looks whether its token has expired.
const LOOK: Duration = Duration::from_secs(2);

/// The tokens as readers see them. Clones share them.
#[derive(Clone)]
pub(super) struct Tokens(Arc<SharedTokens>);

struct SharedTokens {
    by_digest: RwLock<HashMap<[u8; 32], Token>>,
    changed: watch::Sender<()>,
}

/// What the writer does with tokens. It says by whom, for the table.
pub(super) enum TokenInput {
    Create { new: NewToken, by: String, reply: oneshot::Sender<Result<MadeToken, CommandError>> },
    Revoke { id: TokenId, by: String, reply: oneshot::Sender<Result<Token, CommandError>> },
    Used { id: TokenId, at: DateTime<Utc> },
}

impl Tokens {
    pub fn new(known: Vec<KnownToken>) -> Self {
        let by_digest = known.into_iter().map(|known| (known.digest.0, known.token));
        let by_digest = RwLock::new(by_digest.collect());
        Self(Arc::new(SharedTokens { by_digest, changed: watch::channel(()).0 }))
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<[u8; 32], Token>> {
        self.0.by_digest.read().expect("no code panics with the tokens")
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<[u8; 32], Token>> {
        self.0.by_digest.write().expect("no code panics with the tokens")
    }

    /// All tokens, oldest first.
    pub fn list(&self) -> Vec<Token> {
        let mut all: Vec<_> = self.read().values().cloned().collect();
        all.sort_by_key(|token| token.id);
        all
    }

    /// The token with this text. It is found by its digest, from which nobody can tell the text.
    pub fn find(&self, text: &str) -> Result<Token, TokenRefusal> {
        let secret = TokenSecret::parse(text).map_err(|_| TokenRefusal::Unknown)?;
        let digest = secret.digest().0;
        let tokens = self.read();
        let found = tokens.get_key_value(&digest);
        let found = found.filter(|(known, _)| bool::from(known.as_slice().ct_eq(&digest)));
        found.map(|(_, token)| token.clone()).ok_or(TokenRefusal::Unknown)
    }

    pub fn by_id(&self, id: TokenId) -> Option<Token> {
        self.read().values().find(|token| token.id == id).cloned()
    }

    pub fn insert(&self, known: KnownToken) {
        self.write().insert(known.digest.0, known.token);
    }

    pub fn change(&self, id: TokenId, change: impl FnOnce(&mut Token)) {
        if let Some(token) = self.write().values_mut().find(|token| token.id == id) {
            change(token);
        }
        self.0.changed.send_replace(());
    }

    /// Notes a use. True if the last one that was noted is long ago.
    pub fn note_use(&self, token: &Token, now: DateTime<Utc>) -> bool {
        let is_due = token.last_used.is_none_or(|last| (now - last).abs() >= USED);
        if is_due && let Some(token) = self.write().values_mut().find(|known| known.id == token.id)
        {
            token.last_used = Some(now);
        }
        is_due
    }

    fn in_force(&self, id: TokenId, now: DateTime<Utc>) -> bool {
        self.by_id(id).is_some_and(|token| token.in_force(now).is_ok())
    }

    /// Completes when the token of this caller is revoked or has expired; never for a caller without one.
    pub async fn ended(self, caller: Caller, clock: Arc<dyn Clock>) {
        let Via::Token { id, .. } = caller.via else { return std::future::pending().await };
        let mut changed = self.0.changed.subscribe();
        while self.in_force(id, clock.now()) {
            let _either = tokio::time::timeout(LOOK, changed.changed()).await;
        }
    }
}
