//! The engine that a command speaks to: the one of this machine, or the server of a profile.

use std::path::PathBuf;
use std::sync::Arc;

use super::credential;
use super::error::CliError;
use super::{Global, engine_process};
use crate::backend::remote::{Remote, RenewToken, ServerAddress};
use crate::config::places::Places;
use crate::config::profile::Profile;
use crate::config::user_file::UserFile;
use crate::domain::token::TokenSecret;

/// A connection, and where commands are saved until their answers come.
pub struct Connected {
    pub backend: Remote,
    pub intents: PathBuf,
}

/// Connects to the engine of this machine and starts it if it is not running.
pub async fn local(places: &Places, global: &Global) -> Result<Connected, CliError> {
    let backend = engine_process::ensure_running(places, global).await?;
    Ok(Connected { backend, intents: places.intents() })
}

/// Connects to the server of a profile. Nothing is started on this machine.
pub async fn of_profile(
    places: &Places,
    user: &UserFile,
    name: &str,
) -> Result<Connected, CliError> {
    let profile = profile(user, name)?;
    let backend = if let Some(socket) = profile.socket() {
        Remote::of_group(socket)
    } else {
        let token = credential::token(places, name, profile).await?;
        let renew = renewing(places.clone(), name.to_owned(), profile.clone());
        remote(name, profile, token, Some(renew))?
    };
    Ok(Connected { backend, intents: places.profile(name).join("intents") })
}

/// Reads the token of a profile again, for a console that stays open while its user signs in anew.
fn renewing(places: Places, name: String, profile: Profile) -> RenewToken {
    let kept = Arc::new((places, name, profile));
    RenewToken(Arc::new(move || {
        let kept = kept.clone();
        Box::pin(async move { credential::token(&kept.0, &kept.1, &kept.2).await.ok() })
    }))
}

/// The profile of this name.
pub fn profile<'a>(user: &'a UserFile, name: &str) -> Result<&'a Profile, CliError> {
    user.profiles.get(name).ok_or_else(|| {
        let known: Vec<_> = user.profiles.keys().map(String::as_str).collect();
        CliError::usage(match known.as_slice() {
            [] => {
                format!("there is no profile {name:?}; run: trunkline login URL --profile {name}")
            }
            known => format!("there is no profile {name:?}; there are: {}", known.join(", ")),
        })
    })
}

/// The server of a profile, for the person of the token.
pub fn remote(
    name: &str,
    profile: &Profile,
    token: TokenSecret,
    renew: Option<RenewToken>,
) -> Result<Remote, CliError> {
    let ca = profile.ca.as_ref().map(|path| {
        let unreadable = |why| CliError::usage(format!("cannot read ca {}: {why}", path.display()));
        std::fs::read(path).map_err(unreadable)
    });
    let (url, ca, profile) = (profile.url.clone(), ca.transpose()?, Some(name.to_owned()));
    let address = ServerAddress { url, ca, token, renew, profile };
    Remote::at(address).map_err(CliError::usage)
}
