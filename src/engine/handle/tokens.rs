//! Who has a token, and the tokens themselves for an admin.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

use super::Handle;
use crate::domain::caller::{AccessRole, Caller, Via};
use crate::domain::chain::Hash;
use crate::domain::command::Refusal;
use crate::domain::sign_in::SignInRefusal;
use crate::domain::token::{MadeToken, NewToken, Revocation, Token, TokenId, TokenRefusal};
use crate::engine::commands::CommandError;
use crate::engine::input::Input;
use crate::engine::tokens::{TokenInput, Tokens};

impl Handle {
    /// The caller whose token this text is, from this address.
    ///
    /// # Errors
    /// When the token is not in force here.
    pub fn authenticate(&self, text: &str, peer: IpAddr) -> Result<Caller, TokenRefusal> {
        let now = self.0.clock.now();
        let (caller, used) = self.0.tokens.find(text, |token| {
            token.in_force(now)?;
            let used = Tokens::is_use_due(token, now).then(|| token.clone());
            Ok((Caller::with_token(token, peer), used))
        })??;
        if let Some(token) = used {
            self.note_use(&token, now);
        }
        Ok(caller)
    }

    pub(super) fn note_use(&self, token: &Token, now: DateTime<Utc>) {
        if self.0.tokens.note_use(token, now) {
            let used = Input::Token(TokenInput::Used { id: token.id, at: now });
            // If the writer is busy, the next use after a minute is written.
            let _busy = self.0.gather.inputs.try_send(used);
        }
    }

    /// Completes when the access of this caller is revoked or has expired; never for a caller who needs none.
    pub fn token_ended(&self, caller: &Caller) -> impl Future<Output = ()> + Send + 'static {
        self.0.tokens.clone().ended(caller.clone(), self.0.clock.clone())
    }

    /// All tokens, oldest first.
    ///
    /// # Errors
    /// When the caller is no admin.
    pub fn tokens(&self, caller: &Caller) -> Result<Vec<Token>, Refusal> {
        may_manage(caller)?;
        Ok(self.0.tokens.list())
    }

    /// Makes a token. Its text is in the answer and nowhere else.
    ///
    /// # Errors
    /// When the caller is no admin, the token is not possible, or it cannot be written.
    pub async fn create_token(
        &self,
        caller: &Caller,
        new: NewToken,
    ) -> Result<MadeToken, CommandError> {
        may_manage(caller)?;
        let (reply, answer) = oneshot::channel();
        let by = caller.clone();
        self.send(Input::Token(TokenInput::Create { new, by, reply })).await?;
        answer.await.map_err(unanswered)?
    }

    /// Opens a session for somebody who signed in at a provider, by an ID token of this digest.
    ///
    /// # Errors
    /// When the ID token has opened one already, the session is not possible, the one before was revoked, or it cannot be
    /// written.
    pub async fn open_session(
        &self,
        new: NewToken,
        id_token: Hash,
        renews: Option<TokenId>,
    ) -> Result<MadeToken, SignInRefusal> {
        let before = renews.and_then(|id| self.0.tokens.by_id(id));
        if let Some(Revocation { by, .. }) = before.and_then(|token| token.revoked) {
            let why = format!("the session was revoked by {by}; sign in again");
            return Err(SignInRefusal::NoSession(why));
        }
        let (reply, answer) = oneshot::channel();
        let request = Input::Token(TokenInput::OpenSession { new, id_token, reply });
        let made = match self.send(request).await {
            Ok(()) => answer.await.map_err(unanswered).flatten(),
            Err(why) => Err(why),
        };
        made.map_err(|why| match why {
            CommandError::Refused(why) => SignInRefusal::Refused(why.to_string()),
            why => SignInRefusal::Unavailable(why.to_string()),
        })
    }

    /// The time by the engine's clock.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.0.clock.now()
    }

    /// Revokes a token: from now on it opens nothing. Everybody may end the own session.
    ///
    /// # Errors
    /// When the caller is no admin, there is no such token in force, or it cannot be written.
    pub async fn revoke_token(&self, caller: &Caller, id: TokenId) -> Result<Token, CommandError> {
        let is_own = matches!(caller.via, Via::Token { id: own, .. } if own == id);
        if !is_own || self.0.tokens.by_id(id).is_none_or(|token| !token.session) {
            may_manage(caller)?;
        }
        let (reply, answer) = oneshot::channel();
        let by = caller.clone();
        self.send(Input::Token(TokenInput::Revoke { id, by, reply })).await?;
        answer.await.map_err(unanswered)?
    }
}

fn unanswered(_: oneshot::error::RecvError) -> CommandError {
    CommandError::Unknown("the engine stopped before it answered".into())
}

fn may_manage(caller: &Caller) -> Result<(), Refusal> {
    let (name, has, needs) = (caller.identity.name(), caller.rights.role, AccessRole::Admin);
    if has >= needs {
        return Ok(());
    }
    tracing::warn!(%caller, "refused: only an admin manages tokens");
    let sentence = format!(
        "{name} has the role {has}, which does not manage tokens; ask somebody with the role {needs}"
    );
    Err(Refusal::Policy { sentence, findings: Vec::new() })
}
