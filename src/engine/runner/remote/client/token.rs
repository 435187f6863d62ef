//! The token of an engine: read where the operator keeps it, kept for a while, and read again when the engine refuses it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::app::AppTokens;
use crate::config::engines::TokenSource;
use crate::domain::remote::EngineName;
use crate::engine::variables::printed;

/// How long a command may take that prints a token.
const TOKEN_COMMAND: Duration = Duration::from_secs(10);
/// The longest token.
const LONGEST_TOKEN: usize = 16 * 1024;
/// How long a token counts before it is read again.
const TOKEN_AGE: Duration = Duration::from_mins(1);
/// A token that is refused is read again at once, and the next time only after this.
const JUST_READ: Duration = Duration::from_secs(1);

/// How long before its end a token of an App is replaced.
const BEFORE_END: Duration = Duration::from_mins(5);
/// How long it may take to read a token, and to replace one that still counts.
const READ_WITHIN: Duration = Duration::from_mins(1);
const REPLACED_WITHIN: Duration = Duration::from_secs(5);
/// The pause after a token of an App could not be replaced.
const TRY_AGAIN: Duration = Duration::from_secs(30);

/// Where the token of an engine comes from, and the token as it was read last. One task at a time reads it.
pub struct Credential {
    engine: EngineName,
    source: CredentialSource,
    environment: Arc<BTreeMap<String, String>>,
    known: tokio::sync::Mutex<Option<EngineToken>>,
    /// The text of the token that is known.
    shown: Mutex<Option<String>>,
}

pub enum CredentialSource {
    /// The engine wants no token.
    None,
    Kept(TokenSource),
    App(AppTokens),
}

struct EngineToken {
    text: String,
    at: Instant,
    /// From then on it is to be replaced.
    until: Instant,
    /// When it ends, where that is known: until then it counts on if it cannot be replaced.
    ends: Option<Instant>,
    /// Whether it was read because the engine refused one.
    is_reread: bool,
}

impl Credential {
    pub fn new(
        engine: EngineName,
        source: CredentialSource,
        environment: Arc<BTreeMap<String, String>>,
    ) -> Self {
        let (known, shown) = (tokio::sync::Mutex::default(), Mutex::default());
        Self { engine, source, environment, known, shown }
    }

    /// The token to send, if the engine wants one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn token(&self) -> Result<Option<String>, String> {
        if matches!(self.source, CredentialSource::None) {
            return Ok(None);
        }
        let (mut known, now) = (self.known.lock().await, Instant::now());
        if let Some(known) = known.as_ref().filter(|known| known.until > now) {
            return Ok(Some(known.text.clone()));
        }
        let is_there = |known: &EngineToken| known.ends.is_some_and(|ends| ends > now);
        let within =
            if known.as_ref().is_some_and(is_there) { REPLACED_WITHIN } else { READ_WITHIN };
        let read = timeout(within, self.read(&mut known)).await;
        let read = read
            .unwrap_or_else(|_| Err(format!("the token of {} did not come in time", self.engine)));
        let still = known.as_mut().filter(|known| is_there(known));
        match (read, still) {
            (Err(why), Some(still)) => {
                self.warn(&why);
                still.until = now + TRY_AGAIN;
                Ok(Some(still.text.clone()))
            }
            (read, _) => read.map(Some),
        }
    }

    /// Reads the token as it is now, unless it says for how long it counts. If that fails, the one that is known counts on.
    pub async fn renew(&self) {
        let counts = match &self.source {
            CredentialSource::None | CredentialSource::App(_) => true,
            CredentialSource::Kept(source) => {
                matches!(source, TokenSource::Command { every: Some(_), .. })
            }
        };
        if counts {
            return;
        }
        let mut known = self.known.lock().await;
        if let Err(why) = self.read(&mut known).await {
            self.warn(&why);
        }
    }

    /// Another token than the one that the engine refused, if there is one now.
    pub async fn instead_of(&self, refused: &str) -> Option<String> {
        let mut known = self.known.lock().await;
        let is_refused = |known: &EngineToken| {
            known.text == refused && !(known.is_reread && known.at.elapsed() < JUST_READ)
        };
        if known.as_ref().is_none_or(is_refused) {
            self.read(&mut known).await.inspect_err(|why| self.warn(why)).ok()?;
            if let Some(known) = known.as_mut() {
                known.is_reread = true;
            }
        }
        known.as_ref().map(|known| known.text.clone()).filter(|text| text != refused)
    }

    /// The permission that the token lacks to start workflows, as far as it is known here.
    pub fn lacks(&self) -> Option<&'static str> {
        match &self.source {
            CredentialSource::App(app) => app.lacks(),
            CredentialSource::None | CredentialSource::Kept(_) => None,
        }
    }

    /// What the token lacks to change tags, releases and branches, as far as it is known here.
    pub fn lacks_writing(&self) -> Option<&'static str> {
        match &self.source {
            CredentialSource::App(app) => app.lacks_writing(),
            CredentialSource::None | CredentialSource::Kept(_) => None,
        }
    }

    /// The token that was read last, to hide it.
    pub fn shown(&self) -> Option<String> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn read(&self, known: &mut Option<EngineToken>) -> Result<String, String> {
        let read = match &self.source {
            CredentialSource::None => Err("it has none".to_owned()),
            CredentialSource::Kept(source) => {
                let counts = match source {
                    TokenSource::Command { every: Some(every), .. } => *every,
                    _ => TOKEN_AGE,
                };
                kept(source, &self.environment).await.map(|text| (text, counts, None))
            }
            CredentialSource::App(app) => {
                let made = app.token().await;
                made.map(|(text, lasts)| (text, counts_of(lasts), Some(lasts)))
            }
        };
        let read = read.and_then(|(text, counts, lasts)| Ok((token(&text)?, counts, lasts)));
        let (text, counts, lasts) =
            read.map_err(|why| format!("the token of {} cannot be used: {why}", self.engine))?;
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.clone());
        let at = Instant::now();
        let (until, ends) = (at + counts, lasts.map(|lasts| at + lasts));
        *known = Some(EngineToken { text: text.clone(), at, until, ends, is_reread: false });
        Ok(text)
    }

    fn warn(&self, why: &str) {
        let engine = &self.engine;
        tracing::warn!(%engine, why, "its token is the one that was read before");
    }
}

/// How long a token is used that lasts so long.
fn counts_of(lasts: Duration) -> Duration {
    lasts.saturating_sub(BEFORE_END).max(lasts / 2)
}

/// Reads what the operator keeps.
async fn kept(
    source: &TokenSource,
    environment: &BTreeMap<String, String>,
) -> Result<String, String> {
    let bytes = match source {
        TokenSource::Env(name) => {
            let value = environment.get(name).cloned();
            value
                .ok_or_else(|| format!("the engine of trunkline has no variable {name}"))?
                .into_bytes()
        }
        TokenSource::File(path) => {
            let read = tokio::fs::read(path).await;
            read.map_err(|why| format!("{}: {why}", path.display()))?
        }
        TokenSource::Command { command, .. } => {
            let program = command.first().cloned().unwrap_or_default();
            let printed = printed(command, TOKEN_COMMAND).await;
            printed.map_err(|why| format!("the command {program:?} {why}"))?
        }
        TokenSource::App(_) => return Err("GitHub makes it".into()),
    };
    Ok(String::from_utf8(bytes).unwrap_or_default())
}

fn token(text: &str) -> Result<String, String> {
    let token = text.trim().to_owned();
    let is_token = !token.is_empty() && token.len() <= LONGEST_TOKEN && token.is_ascii();
    if !is_token || token.contains(|c: char| c.is_ascii_control() || c == ' ') {
        return Err("it is empty or no token".into());
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::engines::AppKey;

    #[test]
    fn a_token_of_an_app_is_replaced_before_its_end() {
        let minutes = Duration::from_mins;
        assert_eq!(counts_of(minutes(60)), minutes(55));
        assert_eq!(counts_of(minutes(2)), minutes(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_of_an_app_counts_to_its_end_if_it_cannot_be_replaced() {
        let app =
            AppKey { app: 1, key: "/nowhere/key.pem".into(), installation: Some(1), writes: false };
        let http = super::super::connection("http://127.0.0.1:9", None).unwrap();
        let app = AppTokens::new(http, "http://127.0.0.1:9", &app, "acme", Vec::new());
        let name = "github".parse().unwrap();
        let credential = Credential::new(name, CredentialSource::App(app), Arc::default());
        let (at, ends) = (Instant::now(), Some(Instant::now() + Duration::from_mins(5)));
        let known = EngineToken { text: "ghs_a".into(), at, until: at, ends, is_reread: false };
        *credential.known.lock().await = Some(known);
        assert_eq!(credential.token().await, Ok(Some("ghs_a".into())));
        tokio::time::advance(Duration::from_mins(5)).await;
        let why = credential.token().await.unwrap_err();
        assert!(
            why.contains("the token of github cannot be used: the key /nowhere/key.pem"),
            "{why}"
        );
    }
}
