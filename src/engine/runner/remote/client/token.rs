//! The token of an engine: read where the operator keeps it, kept for a while, and read again when the engine refuses it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

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

/// Where the token of an engine is, and the token as it was read last. One task at a time reads it.
pub struct Credential {
    engine: EngineName,
    source: Option<TokenSource>,
    environment: Arc<BTreeMap<String, String>>,
    known: tokio::sync::Mutex<Option<KnownToken>>,
    /// The text of the token that is known.
    shown: Mutex<Option<String>>,
}

struct KnownToken {
    text: String,
    at: Instant,
    /// Whether it was read because the engine refused one.
    is_reread: bool,
}

impl Credential {
    pub fn new(
        engine: EngineName,
        source: Option<TokenSource>,
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
        self.not_older(TOKEN_AGE).await
    }

    /// Reads the token as it is now. If that fails, the one that is known counts on.
    pub async fn renew(&self) {
        if let Err(why) = self.not_older(Duration::ZERO).await {
            let engine = &self.engine;
            tracing::warn!(%engine, why, "its token is the one that was read before");
        }
    }

    /// Another token than the one that the engine refused, if there is one now.
    pub async fn instead_of(&self, refused: &str) -> Option<String> {
        let source = self.source.as_ref()?;
        let mut known = self.known.lock().await;
        let is_refused = |known: &KnownToken| {
            known.text == refused && !(known.is_reread && known.at.elapsed() < JUST_READ)
        };
        if known.as_ref().is_none_or(is_refused) {
            let read = self.read(source, &mut known).await;
            read.inspect_err(|why| tracing::warn!(why, "a token that was refused")).ok()?;
            if let Some(known) = known.as_mut() {
                known.is_reread = true;
            }
        }
        known.as_ref().map(|known| known.text.clone()).filter(|text| text != refused)
    }

    /// The token that was read last, to hide it.
    pub fn shown(&self) -> Option<String> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn not_older(&self, age: Duration) -> Result<Option<String>, String> {
        let Some(source) = &self.source else { return Ok(None) };
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.at.elapsed() < age) {
            return Ok(Some(known.text.clone()));
        }
        self.read(source, &mut known).await.map(Some)
    }

    async fn read(
        &self,
        source: &TokenSource,
        known: &mut Option<KnownToken>,
    ) -> Result<String, String> {
        let text = token(source, &self.environment).await;
        let text =
            text.map_err(|why| format!("the token of {} cannot be used: {why}", self.engine))?;
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.clone());
        *known = Some(KnownToken { text: text.clone(), at: Instant::now(), is_reread: false });
        Ok(text)
    }
}

/// Reads a token.
async fn token(
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
        TokenSource::Command(command) => {
            let program = command.first().cloned().unwrap_or_default();
            let printed = printed(command, TOKEN_COMMAND).await;
            printed.map_err(|why| format!("the command {program:?} {why}"))?
        }
    };
    let token = String::from_utf8(bytes).unwrap_or_default().trim().to_owned();
    let is_token = !token.is_empty() && token.len() <= LONGEST_TOKEN && token.is_ascii();
    if !is_token || token.contains(|c: char| c.is_ascii_control() || c == ' ') {
        return Err("it is empty or no token".into());
    }
    Ok(token)
}
