//! How somebody signs in to a server over the network: at the provider that the server trusts.

use std::fmt;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;

use super::chain::Hash;
use super::token::{TokenId, base64url};

/// How to sign in. A token of an admin always opens the server too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignInOffer {
    /// The provider of `OpenID` Connect, if the server trusts one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc: Option<OidcOffer>,
}

/// A provider, and what to ask of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OidcOffer {
    pub issuer: String,
    pub client_id: String,
    pub scopes: Vec<String>,
}

/// What somebody shows to get a session.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInRequest {
    /// The ID token that the provider gave for this. It opens one session.
    pub id_token: String,
    /// The session that this one follows. One that was revoked is followed by none: its person has to sign in anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renews: Option<TokenId>,
}

impl fmt::Debug for SignInRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why nobody is signed in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignInRefusal {
    #[error("this server knows no provider; sign in with a token of an admin")]
    NoProvider,
    /// The sentence says why, and what to do.
    #[error("{0}")]
    Refused(String),
    /// The session before was revoked, or the person has no role: the same again changes nothing.
    #[error("{0}")]
    NoSession(String),
    /// It cannot be told now.
    #[error("{0}")]
    Unavailable(String),
}

/// What a browser keeps while its person is at the provider. What the provider is told follows from it and does not tell it, so
/// that an answer counts in this browser alone.
#[derive(Clone, PartialEq, Eq)]
pub struct BrowserKey(String);

impl fmt::Debug for BrowserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl BrowserKey {
    /// The characters of its text.
    pub const LENGTH: usize = 43;

    /// The key of these random bytes.
    #[must_use]
    pub fn of(random: [u8; 32]) -> Self {
        Self(base64url(&random))
    }

    /// The key that a browser sent.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let is_key = text.len() == Self::LENGTH && text.chars().all(is_plain);
        is_key.then(|| Self(text.to_owned()))
    }

    /// The text, for the browser alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What comes back with the answer.
    #[must_use]
    pub fn state(&self) -> String {
        self.told("state")
    }

    /// What comes back in the ID token.
    #[must_use]
    pub fn nonce(&self) -> String {
        self.told("nonce")
    }

    /// What shows that whoever fetches the ID token asked for it, by PKCE.
    #[must_use]
    pub fn verifier(&self) -> String {
        self.told("verifier")
    }

    /// Whether an answer with this state is for the browser of this key.
    #[must_use]
    pub fn has_state(&self, shown: &str) -> bool {
        self.state().as_bytes().ct_eq(shown.as_bytes()).into()
    }

    fn told(&self, what: &str) -> String {
        base64url(&Hash::of(&format!("{what} of {}", self.0)).0)
    }
}

/// What a browser brings back from the provider.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderAnswer {
    pub key: BrowserKey,
    /// For this the provider gives the ID token, once.
    pub code: String,
    /// Who answers, where the provider says it.
    pub issuer: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_is_told_is_of_one_browser_and_does_not_tell_its_key() {
        let (key, other) = (BrowserKey::of([1; 32]), BrowserKey::of([2; 32]));
        assert_eq!(BrowserKey::parse(key.expose()), Some(key.clone()));
        assert!(key.has_state(&key.state()));
        for wrong in [other.state(), key.nonce(), key.verifier(), String::new()] {
            assert!(!key.has_state(&wrong), "{wrong}");
        }
        let all = [key.state(), key.nonce(), key.verifier(), key.expose().to_owned()];
        for (at, one) in all.iter().enumerate() {
            assert_eq!(one.len(), BrowserKey::LENGTH, "a verifier has 43 characters or more");
            assert!(!all[at + 1..].contains(one));
        }
        let short = &key.expose()[1..];
        for wrong in ["", short, &format!("{short};"), &format!("{}a", key.expose())] {
            assert_eq!(BrowserKey::parse(wrong), None, "{wrong}");
        }
        assert_eq!(format!("{key:?}"), "***");
    }
}
