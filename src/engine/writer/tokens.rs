//! Makes and revokes tokens, and writes when they were used.

use super::Writer;
use crate::domain::caller::Caller;
use crate::domain::chain::Hash;
use crate::domain::command::Refusal;
use crate::domain::token::{MadeToken, NewToken, Revocation, Token, TokenId, TokenSecret};
use crate::engine::commands::CommandError;
use crate::engine::tokens::TokenInput;

/// The most tokens in force.
const MOST: usize = 1_000;
/// The most sessions in force, of all people and of one.
const MOST_SESSIONS: (usize, usize) = (5_000, 50);
/// Who makes a session.
const BY_SIGNING_IN: &str = "sign-in";

impl Writer {
    pub(super) fn token(&mut self, input: TokenInput) {
        match input {
            TokenInput::Create { new, by, reply } => {
                let made = self.still_admitted(&by);
                let made = made.and_then(|()| self.create_token(new, by.identity.name()));
                let _gone = reply.send(made);
            }
            TokenInput::OpenSession { new, id_token, reply } => {
                let made = self.sign_in(new, id_token);
                let _gone = reply.send(made);
            }
            TokenInput::Revoke { id, by, reply } => {
                let revoked = self.still_admitted(&by);
                let by = by.identity.name().to_owned();
                let revoked = revoked.and_then(|()| self.revoke_token(id, by));
                let _gone = reply.send(revoked);
            }
            TokenInput::Used { id, at } => {
                if let Err(error) = self.store.token_used(id, at) {
                    tracing::warn!(%error, "when a token was used is not on disk");
                }
            }
        }
    }

    /// Refuses what waited while the token of its caller ended.
    pub(super) fn still_admitted(&self, caller: &Caller) -> Result<(), CommandError> {
        self.tokens.check(caller, self.clock.now()).map_err(|why| {
            let sentence = format!("{why}; nothing was done, sign in again");
            Refusal::Policy { sentence, findings: Vec::new() }.into()
        })
    }

    fn create_token(&mut self, mut new: NewToken, by: &str) -> Result<MadeToken, CommandError> {
        let now = self.clock.now();
        // A service may call a person of the server otherwise, and knows them by the address.
        let known = self.known.people.get(&new.person).and_then(|person| person.emails.first());
        new.email = new.email.or_else(|| known.cloned());
        new.check(now).map_err(Refusal::invalid)?;
        let in_force = self.in_force(false);
        if in_force.iter().any(|token| token.name == new.name) {
            let why = format!("there is a token {:?} already; revoke it first", new.name);
            return Err(Refusal::invalid(why).into());
        }
        if in_force.len() >= MOST {
            let why = format!("there are {MOST} tokens already; revoke some first");
            return Err(Refusal::invalid(why).into());
        }
        self.make_token(new, None, by)
    }

    fn sign_in(&mut self, new: NewToken, id_token: Hash) -> Result<MadeToken, CommandError> {
        new.check(self.clock.now()).map_err(Refusal::invalid)?;
        if self.store.has_session_of(id_token)? {
            return Err(Refusal::invalid("this ID token has opened a session already").into());
        }
        let in_force = self.in_force(true);
        let (all, own) = MOST_SESSIONS;
        let of_one = in_force.iter().filter(|token| token.person == new.person).count();
        if in_force.len() >= all || of_one >= own {
            let why = format!(
                "{} has {of_one} sessions, of {} of all people",
                new.person,
                in_force.len()
            );
            let advice = format!("at most {own} and {all} are allowed; an admin can revoke some");
            return Err(Refusal::invalid(format!("{why}; {advice}")).into());
        }
        self.make_token(new, Some(id_token), BY_SIGNING_IN)
    }

    /// The sessions in force, or the other tokens.
    fn in_force(&self, sessions: bool) -> Vec<Token> {
        let now = self.clock.now();
        let is_meant = |token: &Token| token.session == sessions && token.in_force(now).is_ok();
        self.tokens.list().into_iter().filter(is_meant).collect()
    }

    fn make_token(
        &mut self,
        new: NewToken,
        id_token: Option<Hash>,
        by: &str,
    ) -> Result<MadeToken, CommandError> {
        let now = self.clock.now();
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|error| {
            CommandError::failed(format!("the system gives no random: {error}"))
        })?;
        let secret = TokenSecret::of(random);
        let known = self.store.add_token(new, secret.digest(), id_token, by, now)?;
        let token = known.token.clone();
        tracing::info!(by, id = %token.id, name = token.name, person = token.person, role = %token.role, "a token was made");
        self.tokens.insert(known, now);
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
        // Whose session somebody else ends is out everywhere. Who signs out ends that session alone.
        let is_sent_out = token.session && by != token.person;
        let beside = if is_sent_out { self.tokens.sessions_beside(&token) } else { Vec::new() };
        let ids: Vec<_> = beside.into_iter().chain([id]).collect();
        let revoked = Revocation { by, at: now };
        self.store.revoke_tokens(&ids, &revoked)?;
        let beside = ids.len() - 1;
        tracing::info!(by = revoked.by, %id, name = token.name, beside, "a token was revoked");
        self.tokens.revoke(&ids, &revoked);
        Ok(Token { revoked: Some(revoked), ..token })
    }
}
