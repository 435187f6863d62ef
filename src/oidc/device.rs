//! How a client signs in: the device flow of RFC 8628. The user approves in a browser, on any device.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::discovery::{Discovery, discover};
use super::random;
use super::web::{ProviderError, Web};
use crate::domain::chain::Hash;
use crate::domain::sign_in::OidcOffer;
use crate::domain::token::base64url;

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// How long to wait between two questions, if the provider does not say.
const INTERVAL: u64 = 5;
/// By how much a provider makes this longer that is asked too often.
const SLOWER: u64 = 5;
/// The longest wait between two questions, and the longest time for the user, in seconds.
const LONGEST: (u64, u64) = (60, 1_800);

/// A client that signs in at a provider.
#[derive(Debug, Clone)]
pub struct DeviceLogin {
    web: Web,
    provider: Discovery,
    offer: OidcOffer,
}

/// The answer of the provider to a client that wants to sign somebody in.
#[derive(Deserialize)]
struct DeviceAuthorization {
    device_code: String,
    user_code: String,
    // One provider writes it so.
    #[serde(alias = "verification_url")]
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: u64,
    interval: Option<u64>,
}

/// A login that waits for its user, who has to open an address and enter a code. Both are the provider's words.
pub struct Waiting {
    login: DeviceLogin,
    device_code: String,
    verifier: Option<String>,
    until: Instant,
    interval: u64,
    pub user_code: String,
    pub address: String,
    /// The address with the code in it.
    pub whole_address: Option<String>,
}

/// What a provider gives to a client.
#[derive(Deserialize)]
pub struct ProviderTokens {
    pub id_token: Option<String>,
    /// By which the client gets another ID token without asking the user.
    pub refresh_token: Option<String>,
}

impl DeviceLogin {
    /// Asks the provider where it signs people in.
    ///
    /// # Errors
    /// When it does not say.
    pub async fn at(offer: OidcOffer) -> Result<Self, ProviderError> {
        let web = Web::of(&offer.issuer)?;
        let provider = discover(&web, &offer.issuer).await?;
        Ok(Self { web, provider, offer })
    }

    /// Begins a login.
    ///
    /// # Errors
    /// When the provider has no such login, or refuses.
    pub async fn begin(self) -> Result<Waiting, ProviderError> {
        let none = ProviderError::Ended("the provider has no login by a device code");
        let url = self.provider.device_authorization_endpoint.clone().ok_or(none)?;
        let scope = self.offer.scopes.join(" ");
        let mut form = vec![("client_id", self.offer.client_id.as_str()), ("scope", &scope)];
        let has_pkce = self.provider.code_challenge_methods_supported.iter().any(|m| m == "S256");
        let verifier = if has_pkce { Some(base64url(&random()?)) } else { None };
        let challenge = verifier.as_ref().map(|text| base64url(&Hash::of(text).0));
        if let Some(challenge) = &challenge {
            form.extend([
                ("code_challenge", challenge.as_str()),
                ("code_challenge_method", "S256"),
            ]);
        }
        let begun: DeviceAuthorization = self.web.post(&url, &form, None).await?;
        let (longest_interval, longest) = LONGEST;
        Ok(Waiting {
            login: self,
            device_code: begun.device_code,
            verifier,
            until: Instant::now() + Duration::from_secs(begun.expires_in.min(longest)),
            interval: begun.interval.unwrap_or(INTERVAL).clamp(1, longest_interval),
            user_code: begun.user_code,
            address: begun.verification_uri,
            whole_address: begun.verification_uri_complete,
        })
    }

    /// Another ID token, without asking the user.
    ///
    /// # Errors
    /// When the provider refuses: the user has to sign in again.
    pub async fn refresh(&self, refresh_token: &str) -> Result<ProviderTokens, ProviderError> {
        let client_id = self.offer.client_id.as_str();
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", client_id),
            ("refresh_token", refresh_token),
        ];
        self.web.post(self.provider.token_endpoint()?, &form, None).await
    }

    /// Makes a refresh token worthless, if the provider has a way to.
    pub async fn forget(&self, refresh_token: &str) {
        let Some(url) = &self.provider.revocation_endpoint else { return };
        let form = [("client_id", self.offer.client_id.as_str()), ("token", refresh_token)];
        // Its answer is empty.
        let _ended: Result<serde_json::Value, _> = self.web.post(url, &form, None).await;
    }
}

impl Waiting {
    /// Waits until the user has approved.
    ///
    /// # Errors
    /// When the user refuses, or does nothing in time.
    pub async fn approved(mut self) -> Result<ProviderTokens, ProviderError> {
        let url = self.login.provider.token_endpoint()?;
        let mut form = vec![
            ("grant_type", DEVICE_CODE),
            ("client_id", self.login.offer.client_id.as_str()),
            ("device_code", &self.device_code),
        ];
        if let Some(verifier) = &self.verifier {
            form.push(("code_verifier", verifier));
        }
        loop {
            let wait = Duration::from_secs(self.interval);
            if Instant::now() + wait >= self.until {
                return Err(ProviderError::Ended("the code was not entered in time"));
            }
            sleep(wait).await;
            match self.login.web.post(url, &form, None).await {
                Ok(tokens) => return Ok(tokens),
                Err(why) => self.interval = next(self.interval, why)?,
            }
        }
    }
}

/// How long to wait before the next question, or why there is none.
fn next(interval: u64, why: ProviderError) -> Result<u64, ProviderError> {
    let (longest, _) = LONGEST;
    match why {
        ProviderError::Refused { ref error, .. } => match error.as_str() {
            "authorization_pending" => Ok(interval),
            "slow_down" => Ok((interval + SLOWER).min(longest)),
            "access_denied" => Err(ProviderError::Ended("the login was refused in the browser")),
            "expired_token" => Err(ProviderError::Ended("the code was not entered in time")),
            _ => Err(why),
        },
        // The network is away for a while: ask less often.
        ProviderError::Unreachable { .. } => Ok((interval * 2).min(longest)),
        why => Err(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(error: &str) -> ProviderError {
        ProviderError::Refused { error: error.into(), words: None }
    }

    #[test]
    fn a_client_asks_as_often_as_the_provider_says_and_ends_when_the_user_refuses() {
        assert_eq!(next(5, refused("authorization_pending")), Ok(5));
        assert_eq!(next(5, refused("slow_down")), Ok(10));
        assert_eq!(next(58, refused("slow_down")), Ok(60));
        let away = ProviderError::Unreachable { url: "https://a".into(), why: "away".into() };
        assert_eq!(next(5, away), Ok(10));
        for ended in ["access_denied", "expired_token", "invalid_grant", "invalid_client"] {
            assert!(next(5, refused(ended)).is_err(), "{ended}");
        }
        let broken = ProviderError::Unusable { url: "https://a".into(), why: "no JSON".into() };
        assert!(next(5, broken).is_err());
    }
}
