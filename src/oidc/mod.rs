//! `OpenID` Connect: what the server checks of an ID token, how a client gets one by the device flow, and a server for a browser.

mod browser;
mod device;
mod discovery;
mod id_token;
mod keys;
mod web;

pub use self::browser::{BrowserClient, ClientSecret};
pub use self::device::{DeviceLogin, ProviderTokens, Waiting};
pub use self::id_token::{Audience, IdToken, IdTokenRefusal};
pub use self::keys::ProviderKeys;
pub use self::web::ProviderError;

fn random() -> Result<[u8; 32], ProviderError> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|_| ProviderError::Ended("the system gives no random"))?;
    Ok(random)
}
