//! Makes and revokes tokens, and writes when they were used.

use super::Writer;
use crate::domain::command::Refusal;
use crate::domain::token::{MadeToken, NewToken, Revocation, Token, TokenId, TokenSecret};
use crate::engine::commands::CommandError;
use crate::engine::tokens::TokenInput;

/// The most tokens in force.
const MOST: usize = 1_000;

impl Writer {
    pub(super) fn token(&mut self, input: TokenInput) {
        match input {
            TokenInput::Create { new, by, reply } => {
                let made = self.create_token(new, &by);
                let _gone = reply.send(made);
            }
            TokenInput::Revoke { id, by, reply } => {
                let revoked = self.revoke_token(id, by);
                let _gone = reply.send(revoked);
            }
            TokenInput::Used { id, at } => {
                if let Err(error) = self.store.token_used(id, at) {
                    tracing::warn!(%error, "when a token was used is not on disk");
                }
            }
        }
    }

    fn create_token(&mut self, new: NewToken, by: &str) -> Result<MadeToken, CommandError> {
        let now = self.clock.now();
        new.check(now).map_err(Refusal::invalid)?;
        let in_force = self.tokens.list().into_iter().filter(|token| token.in_force(now).is_ok());
        let in_force: Vec<_> = in_force.collect();
        if in_force.iter().any(|token| token.name == new.name) {
            let why = format!("there is a token {:?} already; revoke it first", new.name);
            return Err(Refusal::invalid(why).into());
        }
        if in_force.len() >= MOST {
            let why = format!("there are {MOST} tokens already; revoke some first");
            return Err(Refusal::invalid(why).into());
        }
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|error| {
            CommandError::failed(format!("the system gives no random: {error}"))
        })?;
        let secret = TokenSecret::of(random);
        let known = self.store.add_token(new, secret.digest(), by, now)?;
        let token = known.token.clone();
        tracing::info!(by, id = %token.id, name = token.name, person = token.person, role = %token.role, "a token was made");
        self.tokens.insert(known);
        Ok(MadeToken { token, secret })
    }

    fn revoke_token(&mut self, id: TokenId, by: String) -> Result<Token, CommandError> {
        let now = self.clock.now();
        let token = self.tokens.by_id(id);
        let token = token.ok_or_else(|| Refusal::not_found(format!("there is no token {id}")))?;
        if let Some(Revocation { by, .. }) = &token.revoked {
            let why = format!("the token {:?} was revoked already, by {by}", token.name);
            return Err(Refusal::invalid(why).into());
        }
        let revoked = Revocation { by, at: now };
        self.store.revoke_token(id, &revoked)?;
        tracing::info!(by = revoked.by, %id, name = token.name, "a token was revoked");
        self.tokens.change(id, |token| token.revoked = Some(revoked.clone()));
        Ok(Token { revoked: Some(revoked), ..token })
    }
}
