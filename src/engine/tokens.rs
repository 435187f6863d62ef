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
use crate::domain::chain::Hash;
use crate::domain::token::{MadeToken, NewToken, Revocation, Token, TokenId, TokenRefusal};
use crate::store::KnownToken;

/// The last use of a token is written at most this often.
const USED: TimeDelta = TimeDelta::minutes(1);
/// How long a session is known after its end: longer than a link that it made, and not for ever, because there are some each
/// day for each person.
const TOLD: TimeDelta = TimeDelta::days(31);
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
    Create {
        new: NewToken,
        by: Caller,
        reply: oneshot::Sender<Result<MadeToken, CommandError>>,
    },
    /// A session for somebody who signed in by this ID token.
    OpenSession {
        new: NewToken,
        id_token: Hash,
        reply: oneshot::Sender<Result<MadeToken, CommandError>>,
    },
    Revoke {
        id: TokenId,
        by: Caller,
        reply: oneshot::Sender<Result<Token, CommandError>>,
    },
    Used {
        id: TokenId,
        at: DateTime<Utc>,
    },
}

fn is_told(token: &Token, now: DateTime<Utc>) -> bool {
    !token.session || token.expires.is_none_or(|end| now - end < TOLD)
}

impl Tokens {
    pub fn new(known: Vec<KnownToken>, now: DateTime<Utc>) -> Self {
        let known = known.into_iter().filter(|known| is_told(&known.token, now));
        let by_digest = known.map(|known| (known.digest.0, known.token));
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

    /// What `read` makes of the token with this text. It is found by its digest, from which nobody can tell the text.
    pub fn find<T>(&self, text: &str, read: impl FnOnce(&Token) -> T) -> Result<T, TokenRefusal> {
        let digest = Hash::of(text).0;
        let tokens = self.read();
        let found = tokens.get_key_value(&digest);
        let found = found.filter(|(known, _)| bool::from(known.as_slice().ct_eq(&digest)));
        found.map(|(_, token)| read(token)).ok_or(TokenRefusal::Unknown)
    }

    pub fn by_id(&self, id: TokenId) -> Option<Token> {
        self.read().values().find(|token| token.id == id).cloned()
    }

    pub fn insert(&self, known: KnownToken, now: DateTime<Utc>) {
        let mut tokens = self.write();
        tokens.retain(|_, token| is_told(token, now));
        tokens.insert(known.digest.0, known.token);
    }

    pub fn revoke(&self, ids: &[TokenId], revoked: &Revocation) {
        for token in self.write().values_mut().filter(|token| ids.contains(&token.id)) {
            token.revoked = Some(revoked.clone());
        }
        self.0.changed.send_replace(());
    }

    /// Whether a use is to be noted: the last one that was noted is long ago.
    pub fn is_use_due(token: &Token, now: DateTime<Utc>) -> bool {
        token.last_used.is_none_or(|last| (now - last).abs() >= USED)
    }

    /// Notes a use. True if the last one that was noted is long ago.
    pub fn note_use(&self, token: &Token, now: DateTime<Utc>) -> bool {
        let is_due = Self::is_use_due(token, now);
        if is_due && let Some(token) = self.write().values_mut().find(|known| known.id == token.id)
        {
            token.last_used = Some(now);
        }
        is_due
    }

    /// Whether the caller still has the access with which the request was admitted. A caller without a token has it.
    pub fn check(&self, caller: &Caller, now: DateTime<Utc>) -> Result<(), TokenRefusal> {
        let Via::Token { id, .. } = caller.via else { return Ok(()) };
        self.by_id(id).ok_or(TokenRefusal::Unknown)?.in_force(now)
    }

    fn in_force(&self, id: TokenId, now: DateTime<Utc>) -> bool {
        self.by_id(id).is_some_and(|token| token.in_force(now).is_ok())
    }

    /// Whether the links that somebody made with this token are over.
    pub fn is_revoked(&self, id: TokenId) -> bool {
        self.by_id(id).is_none_or(|token| token.revoked.is_some())
    }

    /// The other sessions of a person that are not revoked. Each renewal is a session of its own, and links of an older one hold.
    pub fn sessions_beside(&self, session: &Token) -> Vec<TokenId> {
        let is_other = |token: &&Token| {
            let of_the_same = token.session && token.person == session.person;
            of_the_same && token.id != session.id && token.revoked.is_none()
        };
        self.read().values().filter(is_other).map(|token| token.id).collect()
    }

    /// Whether what the caller came with opens the server now. A link outlives the token of its maker, unless that is
    /// revoked; a signed-in browser does not.
    fn still_opens(&self, via: &Via, now: DateTime<Utc>) -> bool {
        match *via {
            Via::Token { id, .. } => self.in_force(id, now),
            Via::Link { maker, expires } => {
                now < expires && maker.token().is_none_or(|id| !self.is_revoked(id))
            }
            Via::Browser { maker, expires } => {
                now < expires && maker.token().is_none_or(|id| self.in_force(id, now))
            }
            Via::Socket { .. } | Via::Process | Via::Nothing => true,
        }
    }

    /// Completes when the access of this caller is revoked or has expired; never for a caller who needs none.
    pub async fn ended(self, caller: Caller, clock: Arc<dyn Clock>) {
        if matches!(caller.via, Via::Socket { .. } | Via::Process | Via::Nothing) {
            return std::future::pending().await;
        }
        let mut changed = self.0.changed.subscribe();
        while self.still_opens(&caller.via, clock.now()) {
            let _either = tokio::time::timeout(LOOK, changed.changed()).await;
        }
    }
}
