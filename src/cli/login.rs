//! `trunkline login`, `logout` and `whoami`: signs in to the server of a team, and says as whom.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use super::error::CliError;
use super::kept::Kept;
use super::output::{self, Output};
use super::{Global, Reading, connection, credential, device_login};
use crate::backend::Backend as _;
use crate::config::places::Places;
use crate::config::profile::{Profile, check_url};
use crate::config::user_file::UserFile;
use crate::domain::caller::WhoAmI;
use crate::domain::ids::ServiceName;
use crate::domain::token::TokenSecret;
use crate::settings::name::check_service_name;
use crate::terminal::hidden_line;

/// The most bytes that are read of a token on standard input.
const LARGEST: u64 = 8 * 1024;

#[derive(Debug, Args)]
pub struct LoginArgs {
    /// The address of the server: https, a host and perhaps a port
    #[arg(value_name = "URL", value_parser = check_url)]
    url: String,
    /// The certificate of the authority that signed the server's, in PEM
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Use a token of an admin, also if the server signs people in at a provider
    #[arg(long)]
    token: bool,
}

/// Signs in, at the provider of the server if it has one, else by a token, and keeps the token for the profile.
pub async fn login(global: &Global, arguments: LoginArgs) -> Result<(), CliError> {
    let places = Places::discover()?;
    let (user, mistake) = UserFile::load_for_profile(&places.user_file())?;
    let LoginArgs { url, ca, token } = arguments;
    let ca = ca.map(std::fs::canonicalize).transpose()?;
    let name = name_of(global, &user, &url)?;
    let known = user.profiles.get(&name);
    if let (None, Some(mistake)) = (known, mistake) {
        // The new profile could not be written into the file.
        return Err(mistake.into());
    }
    if let Some(known) = known.filter(|known| known.url != url) {
        return Err(CliError::usage(format!(
            "the profile {name} is of {}; choose another name: --profile NAME",
            known.url
        )));
    }
    if known.is_some_and(|known| known.token_command.is_some()) {
        let sentence =
            format!("the profile {name} gets its token from token_command; renew it there");
        return Err(CliError::usage(sentence));
    }
    if let (Some(known), Some(ca)) = (known, &ca)
        && known.ca.as_ref() != Some(ca)
    {
        let sentence = format!("the profile {name} has another ca; change it in config.toml");
        return Err(CliError::usage(sentence));
    }
    let new = Profile { url, ca, token_command: None };
    let profile = known.unwrap_or(&new);
    let out = Output::new().regardless();
    let server = connection::entrance(profile)?;
    let kept = match if token { None } else { server.offer().await?.oidc } {
        Some(provider) => device_login::ask(&server, provider, out).await?,
        None => Kept { token: read_token()?, session: None },
    };
    let who = connection::remote(&name, profile, kept.token.clone(), None)?.who_am_i().await?;
    places.create()?;
    let file = credential::file(&places, &name, &profile.url);
    // A console that renews an old session meanwhile must not put that back.
    let _alone = file.lock().await?;
    file.write(&kept)?;
    let states = connection::states_of(&places, &name, profile);
    // What another person saw is not for this one.
    if states.person().as_ref() != Some(&who.name) {
        states.remove()?;
    }
    if known.is_none() {
        UserFile::add_profile(&places.user_file(), &name, profile)?;
    }
    out.line(format!("signed in to {} as {}", profile.url, in_words(&who)))?;
    out.line(format!("use it with: trunkline --profile {name}, or set TRUNKLINE_PROFILE={name}"))
}

/// The profile to sign in to: the named one, the one of this server, or one that is named after the host.
fn name_of(global: &Global, user: &UserFile, url: &str) -> Result<String, CliError> {
    if let Some(name) = global.profile.as_ref().filter(|name| !name.is_empty()) {
        let is_name = user.profiles.contains_key(name) || check_service_name(name).is_ok();
        return is_name.then(|| name.clone()).ok_or_else(|| {
            CliError::usage(format!(
                "{name:?} cannot name a profile; use small letters, digits and -"
            ))
        });
    }
    if let Some((name, _)) = user.profiles.iter().find(|(_, profile)| profile.url == url) {
        return Ok(name.clone());
    }
    let host = url.split("://").nth(1).unwrap_or_default();
    let label = host.split(['.', ':']).next().unwrap_or_default().to_lowercase();
    let is_name = !label.chars().all(|c| c.is_ascii_digit()) && check_service_name(&label).is_ok();
    if is_name {
        return Ok(label);
    }
    Err(CliError::usage("name the profile: --profile NAME"))
}

/// A token from the terminal, where it is not shown, or from standard input.
fn read_token() -> Result<TokenSecret, CliError> {
    let text = if io::stdin().is_terminal() {
        let typed = hidden_line::ask("token (it is not shown):")?;
        typed.ok_or_else(|| CliError::Interrupted("not signed in".into()))?
    } else {
        let mut line = String::new();
        io::stdin().lock().take(LARGEST).read_line(&mut line)?;
        line
    };
    TokenSecret::parse(text.trim()).map_err(|why| CliError::usage(why.to_string()))
}

/// Removes the token of the profile from this machine, and ends it if it is a session.
pub async fn logout(global: &Global) -> Result<(), CliError> {
    let places = Places::discover()?;
    let name = global.profile.as_deref();
    let name = name.ok_or_else(|| CliError::usage("name the profile: --profile NAME"))?;
    let user = connection::settings_for(&places, name)?.user;
    let profile = connection::profile(&user, name)?;
    let (file, url, out) =
        (credential::file(&places, name, &profile.url), &profile.url, Output::new());
    let _alone = file.lock().await?;
    connection::states_of(&places, name, profile).remove()?;
    // A file that cannot be used is removed too.
    let kept = file.read();
    if !file.remove()? {
        return out.line(format!("no token of {url} is kept on this machine"));
    }
    let Ok(Some(Kept { token, session: Some(session) })) = kept else {
        return out.line(format!(
            "the token of {url} is removed from this machine; it opens the server until it expires or an admin revokes it"
        ));
    };
    let ended = connection::remote(name, profile, token, None)?.revoke_token(session.id).await;
    device_login::forget(session).await;
    match ended {
        Ok(_) => out.line(format!("signed out of {url}")),
        Err(why) => out.line(format!(
            "the session is removed from this machine; {url} did not end it, so it ends by itself: {why}"
        )),
    }
}

/// Says who the user is to the engine, and what that allows.
pub async fn who_am_i(context: &Context, reading: Reading) -> Result<(), CliError> {
    let who = context.backend.who_am_i().await?;
    if reading.json {
        return output::json(&who);
    }
    context.out.line(in_words(&who))
}

fn in_words(who: &WhoAmI) -> String {
    let services = who.services.as_ref().map_or_else(
        || "all services".to_owned(),
        |services| services.iter().map(ServiceName::as_str).collect::<Vec<_>>().join(", "),
    );
    let expires = who.expires.map_or_else(String::new, |expires| {
        format!(", expires {}", expires.format("%Y-%m-%d %H:%M UTC"))
    });
    let WhoAmI { name, role, via, .. } = who;
    format!("{name}, {role} for {services} ({via}{expires})")
}
