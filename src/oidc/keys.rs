//! The keys with which a provider signs. They are asked for anew when they are old, or when a token is signed with one that is
//! not known, but seldom.

use std::time::Duration;

use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::discovery::{Discovery, discover};
use super::web::{ProviderError, Web};

/// How long keys are used: one that the provider withdrew opens nothing after this time.
const FRESH: Duration = Duration::from_hours(1);
/// How long to wait before the provider is asked again for a key that is not known.
const AGAIN: Duration = Duration::from_mins(1);
/// How long to wait before a provider that gave none is asked again.
const AFTER_NONE: Duration = Duration::from_secs(10);
/// The most keys of a provider.
const MOST: usize = 100;
const LATER: &str = "the provider did not answer a moment ago; try again";

/// The keys of one provider.
pub struct ProviderKeys {
    issuer: String,
    pub(super) web: Web,
    known: Mutex<KnownKeys>,
}

#[derive(Default)]
struct KnownKeys {
    keys: Vec<Jwk>,
    /// Where else the provider answers. It came with the keys.
    provider: Option<Discovery>,
    /// When they came.
    since: Option<Instant>,
    /// When the provider was asked for a key that was not among them.
    again: Option<Instant>,
    /// When it gave none, and why.
    trouble: Option<(Instant, ProviderError)>,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

impl ProviderKeys {
    /// # Errors
    /// When the issuer is no address for this, or TLS cannot be set up.
    pub fn of(issuer: &str) -> Result<Self, ProviderError> {
        let (issuer, web) = (issuer.to_owned(), Web::of(issuer)?);
        Ok(Self { issuer, web, known: Mutex::default() })
    }

    /// The keys, after the provider was asked if they are old.
    ///
    /// # Errors
    /// When there are none that are fresh.
    pub async fn known(&self) -> Result<Vec<Jwk>, ProviderError> {
        self.keys(false).await
    }

    /// The keys, after the provider was asked again, unless that was a moment ago.
    ///
    /// # Errors
    /// When there are none that are fresh.
    pub async fn asked_again(&self) -> Result<Vec<Jwk>, ProviderError> {
        self.keys(true).await
    }

    /// Where else the provider answers, as known as its keys are.
    ///
    /// # Errors
    /// When it does not say.
    pub(super) async fn provider(&self) -> Result<Discovery, ProviderError> {
        self.keys(false).await?;
        let known = self.known.lock().await.provider.clone();
        known.ok_or(ProviderError::Ended(LATER))
    }

    /// One caller asks the provider; others wait for that.
    async fn keys(&self, again: bool) -> Result<Vec<Jwk>, ProviderError> {
        let mut known = self.known.lock().await;
        let is_recent = |at: Option<Instant>, time| at.is_some_and(|at| at.elapsed() < time);
        let is_fresh = is_recent(known.since, FRESH);
        if is_fresh && (!again || is_recent(known.again, AGAIN)) {
            return Ok(known.keys.clone());
        }
        if let Some((at, why)) = &known.trouble
            && at.elapsed() < AFTER_NONE
        {
            return if is_fresh { Ok(known.keys.clone()) } else { Err(why.clone()) };
        }
        let begun = Instant::now();
        if again {
            known.again = Some(begun);
        }
        // A caller that goes away meanwhile has asked too.
        known.trouble = Some((begun, ProviderError::Ended(LATER)));
        let found = self.ask().await;
        known.trouble = found.as_ref().err().map(|why| (Instant::now(), why.clone()));
        match found {
            Ok((provider, keys)) => {
                (known.provider, known.keys, known.since) = (Some(provider), keys, Some(begun));
            }
            Err(why) if !is_fresh => return Err(why),
            Err(why) => tracing::warn!(%why, "the keys of the provider were not renewed"),
        }
        Ok(known.keys.clone())
    }

    async fn ask(&self) -> Result<(Discovery, Vec<Jwk>), ProviderError> {
        let provider = discover(&self.web, &self.issuer).await?;
        let found: KeySet = self.web.get(&provider.jwks_uri).await?;
        if found.keys.len() > MOST {
            let (url, why) = (provider.jwks_uri, format!("it has more than {MOST} keys"));
            return Err(ProviderError::Unusable { url, why });
        }
        // A key of a kind that is not known here belongs to another program.
        let known = found.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
        Ok((provider, known.collect()))
    }
}

#[cfg(test)]
impl ProviderKeys {
    /// As if everything had happened so much earlier.
    pub(super) async fn let_time_pass(&self, time: Duration) {
        let mut known = self.known.lock().await;
        let earlier =
            |at: &mut Instant| *at = at.checked_sub(time).expect("the machine runs for longer");
        let KnownKeys { since, again, .. } = &mut *known;
        since.iter_mut().chain(again).for_each(earlier);
    }
}
