//! The engine that a command speaks to: the one of this machine, or the server of a profile.

use std::path::PathBuf;
use std::sync::Arc;

use super::context::Settings;
use super::credential;
use super::device_login;
use super::error::CliError;
use super::{Global, engine_process};
use crate::backend::engine_place::EnginePlace;
use crate::backend::last_state::LastStates;
use crate::backend::remote::{Remote, RenewToken, ServerAddress};
use crate::config::places::Places;
use crate::config::profile::Profile;
use crate::config::user_file::UserFile;
use crate::domain::token::TokenSecret;

/// A connection, and where commands are saved until their answers come.
pub struct Connected {
    pub backend: Remote,
    pub intents: PathBuf,
    /// What was seen last of the engine.
    pub states: LastStates,
}

/// What was seen last of the engine of this machine.
pub fn local_states(places: &Places, global: &Global) -> LastStates {
    let address = places.data.display().to_string();
    let place = EnginePlace { profile: None, address, demo: global.demo };
    LastStates::in_folder(places.last_states(), place)
}

/// What was seen last of the server of a profile.
pub fn states_of(places: &Places, name: &str, profile: &Profile) -> LastStates {
    let (profile, address) = (Some(name.to_owned()), profile.url.clone());
    let folder = places.profile(name, &address).join("last");
    LastStates::in_folder(folder, EnginePlace { profile, address, demo: false })
}

/// Connects to the engine of this machine and starts it if it is not running.
pub async fn local(places: &Places, global: &Global) -> Result<Connected, CliError> {
    let backend = engine_process::ensure_running(places, global).await?;
    let states = local_states(places, global);
    Ok(Connected { backend, intents: places.intents(), states })
}

/// The same for an engine that could not be started. It is tried again.
pub fn local_as_it_is(places: &Places, global: &Global, why: &CliError) -> Connected {
    let backend = engine_process::not_running(places, global, why);
    Connected { backend, intents: places.intents(), states: local_states(places, global) }
}

/// The user file for the server of a profile, and what is wrong in it about something else.
pub fn settings_for(places: &Places, name: &str) -> Result<Settings, CliError> {
    let (user, mistake) = UserFile::load_for_profile(&places.user_file())?;
    match mistake {
        Some(mistake) if !user.profiles.contains_key(name) => Err(mistake.into()),
        mistake => {
            // The repositories that this machine watches are not those of the server.
            let user = UserFile { services: Vec::new(), ..user };
            Ok(Settings { user, mistake: mistake.map(|mistake| mistake.to_string()) })
        }
    }
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
    let intents = places.profile(name, &profile.url).join("intents");
    Ok(Connected { backend, intents, states: states_of(places, name, profile) })
}

/// Gets another token for a profile: its user may have signed in anew while a console is open, or a session is renewed.
fn renewing(places: Places, name: String, profile: Profile) -> RenewToken {
    let kept = Arc::new((places, name, profile));
    RenewToken(Arc::new(move |refused| {
        let kept = kept.clone();
        Box::pin(async move {
            let (places, name, profile) = &*kept;
            let renewed = if profile.token_command.is_some() {
                credential::token(places, name, profile).await
            } else {
                let file = credential::file(places, name, &profile.url);
                device_login::renewed(&entrance(profile).ok()?, &file, &refused).await
            };
            renewed.inspect_err(|why| tracing::warn!(why = why.sentence(), "no other token")).ok()
        })
    }))
}

/// The server of a profile, for somebody who has not signed in yet.
pub fn entrance(profile: &Profile) -> Result<Remote, CliError> {
    Remote::at_entrance(profile.url.clone(), ca(profile)?).map_err(CliError::usage)
}

fn ca(profile: &Profile) -> Result<Option<Vec<u8>>, CliError> {
    let read = |path: &PathBuf| {
        let unreadable = |why| CliError::usage(format!("cannot read ca {}: {why}", path.display()));
        std::fs::read(path).map_err(unreadable)
    };
    profile.ca.as_ref().map(read).transpose()
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
    let by_command = profile.token_command.is_some();
    let (url, ca, profile) = (profile.url.clone(), ca(profile)?, Some(name.to_owned()));
    let address = ServerAddress { url, ca, token, renew, profile, by_command };
    Remote::at(address).map_err(CliError::usage)
}
