//! Links to pages and the sessions of browsers: who makes them, and who comes with them.

use chrono::{DateTime, TimeDelta, Utc};

use super::Handle;
use crate::domain::caller::Caller;
use crate::domain::chain::Hash;
use crate::domain::command::Refusal;
use crate::domain::ids::{DeploymentId, ServiceName};
use crate::domain::link::{BROWSER_SESSION, LinkMaker, LinkRefusal, LinkTarget, SIGN_IN};
use crate::domain::sign_in::SignInRefusal;
use crate::domain::token::{MadeToken, NewToken, Token};
use crate::engine::commands::CommandError;
use crate::engine::links::LONGEST;

/// How long a link holds that names no end.
const USUAL: TimeDelta = TimeDelta::days(7);

impl Handle {
    /// Signs a link to one deployment: its text, and when it ends.
    ///
    /// # Errors
    /// When there is no such deployment for the caller, or the end is not possible.
    pub fn link_run(
        &self,
        caller: &Caller,
        service: &ServiceName,
        deployment: DeploymentId,
        expires: Option<DateTime<Utc>>,
    ) -> Result<(String, DateTime<Utc>), CommandError> {
        self.admit(service, caller)?;
        let is_there =
            self.read_service(service, |of| of.state.deployments.contains_key(&deployment))?;
        if !is_there {
            return Err(Refusal::not_found(format!("there is no deployment {deployment}")).into());
        }
        let now = self.0.clock.now();
        let expires = expires.unwrap_or(now + USUAL);
        if expires <= now || expires > now + LONGEST {
            let days = LONGEST.num_days();
            let why = format!("a link ends between now and {days} days from now");
            return Err(Refusal::invalid(why).into());
        }
        let target = LinkTarget::Run(service, deployment);
        let text = self.0.links.sign(target, expires, maker(caller)?, now);
        Ok((text.map_err(CommandError::Failed)?, expires))
    }

    /// The code by which one browser signs in as this caller, and until when.
    ///
    /// # Errors
    /// When the caller cannot sign a browser in.
    pub fn begin_sign_in(&self, caller: &Caller) -> Result<(String, DateTime<Utc>), CommandError> {
        let (now, maker) = (self.0.clock.now(), maker(caller)?);
        self.try_to_sign(maker).map_err(CommandError::Failed)?;
        let code = self.0.links.begin_sign_in(maker, caller.identity.name(), now);
        Ok((code.map_err(CommandError::Failed)?, now + SIGN_IN))
    }

    /// Who would sign in with this code.
    ///
    /// # Errors
    /// When the code opens nothing.
    pub fn who_signs_in(&self, code: &str) -> Result<String, LinkRefusal> {
        self.0.links.who_signs_in(code, self.0.clock.now())
    }

    /// Signs a browser in with its code, which then opens nothing more: the text of the session, and when it ends.
    ///
    /// # Errors
    /// When the code opens nothing, or the session cannot be signed.
    pub fn sign_in(&self, code: &str) -> Result<(String, DateTime<Utc>), LinkRefusal> {
        let maker = self.0.links.take_sign_in(code, self.0.clock.now())?;
        let session = self.session_of(maker)?;
        tracing::info!(%maker, "a browser was signed in");
        Ok(session)
    }

    /// Signs a browser in whose person signed in at the provider, by an ID token of this digest: the session, which is listed and
    /// revoked like every other, its text, and when it ends.
    ///
    /// # Errors
    /// As for [`Self::open_session`], and when the session cannot be signed.
    pub async fn sign_in_at_provider(
        &self,
        new: NewToken,
        id_token: Hash,
    ) -> Result<(Token, String, DateTime<Utc>), SignInRefusal> {
        self.try_to_sign(LinkMaker::User(0)).map_err(SignInRefusal::Unavailable)?;
        let MadeToken { token, .. } = self.open_session(new, id_token, None).await?;
        let signed = self.session_of(LinkMaker::Token(token.id));
        let (text, ends) = signed.map_err(|why| SignInRefusal::Unavailable(why.to_string()))?;
        let ends = token.expires.map_or(ends, |end| end.min(ends));
        Ok((token, text, ends))
    }

    /// Without keys no browser could be signed in, and its person would not learn why.
    fn try_to_sign(&self, maker: LinkMaker) -> Result<(), String> {
        let now = self.0.clock.now();
        self.0.links.sign(LinkTarget::Session, now, maker, now).map(drop)
    }

    /// A session for a browser, however its person proved who they are. It ends with the maker.
    fn session_of(&self, maker: LinkMaker) -> Result<(String, DateTime<Utc>), LinkRefusal> {
        let now = self.0.clock.now();
        let expires = now + BROWSER_SESSION;
        let text = self.0.links.sign(LinkTarget::Session, expires, maker, now).map_err(|why| {
            tracing::error!(why, "a browser cannot be signed in");
            LinkRefusal::Unknown
        })?;
        Ok((text, expires))
    }

    /// The caller who comes with a link to this deployment.
    ///
    /// # Errors
    /// When the link does not open it.
    pub fn of_link(
        &self,
        text: &str,
        service: &ServiceName,
        deployment: DeploymentId,
    ) -> Result<Caller, LinkRefusal> {
        let now = self.0.clock.now();
        let target = LinkTarget::Run(service, deployment);
        let (maker, expires) = self.0.links.check(text, target, now)?;
        if let LinkMaker::Token(id) = maker {
            let made_by = self.0.tokens.by_id(id).filter(|token| token.revoked.is_none());
            let made_by = made_by.map(|token| Caller::in_browser(&token, expires));
            if !made_by.is_some_and(|maker| maker.rights.reach(service)) {
                return Err(LinkRefusal::Revoked);
            }
        }
        Ok(Caller::with_link(service, maker, expires))
    }

    /// The caller of a browser that was signed in.
    ///
    /// # Errors
    /// When the session is over.
    pub fn of_browser(&self, text: &str) -> Result<Caller, LinkRefusal> {
        let now = self.0.clock.now();
        let checked = self.0.links.check(text, LinkTarget::Session, now);
        let (maker, expires) = checked.map_err(|_| LinkRefusal::SignedOut)?;
        match maker {
            LinkMaker::User(uid) => Ok(Caller::user_in_browser(uid, expires)),
            LinkMaker::Token(id) => {
                let token = self.0.tokens.by_id(id).filter(|token| token.in_force(now).is_ok());
                let token = token.ok_or(LinkRefusal::SignedOut)?;
                self.note_use(&token, now);
                Ok(Caller::in_browser(&token, expires))
            }
        }
    }
}

fn maker(caller: &Caller) -> Result<LinkMaker, Refusal> {
    caller.as_maker().ok_or_else(|| {
        let sentence = "links are made with a token or over the server's own socket".to_owned();
        Refusal::Policy { sentence, findings: Vec::new() }
    })
}
