//! Who has a token, and the tokens themselves for an admin.

use std::net::IpAddr;

use tokio::sync::oneshot;

use super::Handle;
use crate::domain::caller::{AccessRole, Caller, Via};
use crate::domain::command::Refusal;
use crate::domain::token::{MadeToken, NewToken, Token, TokenId, TokenRefusal};
use crate::engine::commands::CommandError;
use crate::engine::input::Input;
use crate::engine::tokens::TokenInput;

impl Handle {
    /// The caller whose token this text is, from this address.
    ///
    /// # Errors
    /// When the token is not in force here.
    pub fn authenticate(&self, text: &str, peer: IpAddr) -> Result<Caller, TokenRefusal> {
        let now = self.clock.now();
        let token = self.tokens.find(text)?;
        token.in_force(now)?;
        if self.tokens.note_use(&token, now) {
            let used = Input::Token(TokenInput::Used { id: token.id, at: now });
            // If the writer is busy, the next use after a minute is written.
            let _busy = self.gather.inputs.try_send(used);
        }
        Ok(Caller::with_token(&token, peer))
    }

    /// Completes when the token of this caller is revoked or has expired; never for a caller without one.
    pub fn token_ended(&self, caller: &Caller) -> impl Future<Output = ()> + Send + 'static {
        self.tokens.clone().ended(caller.clone(), self.clock.clone())
    }

    /// Whether the token of this caller opens the server now. What it was asked may have taken a while.
    ///
    /// # Errors
    /// With the reason, if it does not. A caller without a token is not concerned.
    pub(super) fn is_still_signed_in(&self, caller: &Caller) -> Result<(), Refusal> {
        let Via::Token { id, .. } = caller.via else { return Ok(()) };
        let found = self.tokens.by_id(id).ok_or(TokenRefusal::Unknown);
        found.and_then(|token| token.in_force(self.clock.now())).map_err(|why| {
            let sentence = format!("{why}; nothing was done, sign in again");
            Refusal::Policy { sentence, findings: Vec::new() }
        })
    }

    /// All tokens, oldest first.
    ///
    /// # Errors
    /// When the caller is no admin.
    pub fn tokens(&self, caller: &Caller) -> Result<Vec<Token>, Refusal> {
        may_manage(caller)?;
        Ok(self.tokens.list())
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
        let by = caller.identity.name().to_owned();
        self.send(Input::Token(TokenInput::Create { new, by, reply })).await?;
        answer.await.map_err(unanswered)?
    }

    /// Revokes a token: from now on it opens nothing.
    ///
    /// # Errors
    /// When the caller is no admin, there is no such token in force, or it cannot be written.
    pub async fn revoke_token(&self, caller: &Caller, id: TokenId) -> Result<Token, CommandError> {
        may_manage(caller)?;
        let (reply, answer) = oneshot::channel();
        let by = caller.identity.name().to_owned();
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
