//! The document by which a provider describes itself.

use serde::Deserialize;

use super::web::{ProviderError, Web};

const PATH: &str = "/.well-known/openid-configuration";

/// What is used of the document.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Discovery {
    issuer: String,
    pub jwks_uri: String,
    pub authorization_endpoint: Option<String>,
    /// Whether an answer to a browser names the issuer, see RFC 9207.
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
    token_endpoint: Option<String>,
    /// How a client with a secret shows it.
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    pub device_authorization_endpoint: Option<String>,
    pub revocation_endpoint: Option<String>,
    #[serde(default)]
    pub code_challenge_methods_supported: Vec<String>,
}

impl Discovery {
    /// Where a client gets tokens.
    pub fn token_endpoint(&self) -> Result<&str, ProviderError> {
        let none = ProviderError::Ended("the provider names no address for tokens");
        self.token_endpoint.as_deref().ok_or(none)
    }

    /// Whether a client shows its secret in the form, and not in a header as by default.
    pub fn takes_secret_in_form(&self) -> bool {
        let has = |methods: &Vec<String>, name: &str| methods.iter().any(|method| method == name);
        self.token_endpoint_auth_methods_supported.as_ref().is_some_and(|methods| {
            has(methods, "client_secret_post") && !has(methods, "client_secret_basic")
        })
    }
}

/// Asks the provider for its document.
///
/// # Errors
/// When it does not come, or is that of another issuer.
pub(super) async fn discover(web: &Web, issuer: &str) -> Result<Discovery, ProviderError> {
    let url = format!("{}{PATH}", issuer.trim_end_matches('/'));
    let found: Discovery = web.get(&url).await?;
    if found.issuer == issuer {
        return Ok(found);
    }
    let named: String = found.issuer.chars().take(200).collect();
    let why = format!("it is of the issuer {named:?} and not of {issuer:?}");
    Err(ProviderError::Unusable { url, why })
}
