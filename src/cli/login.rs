//! `trunkline login`, `logout` and `whoami`: signs in to the server of a team, and says as whom.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use super::error::CliError;
use super::output::{self, Output};
use super::{Global, Reading, connection, credential};
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
}

/// Reads a token, tries it at the server, and keeps both for the profile.
pub async fn login(global: &Global, arguments: LoginArgs) -> Result<(), CliError> {
    let places = Places::discover()?;
    let user = UserFile::load(&places.user_file())?;
    let LoginArgs { url, ca } = arguments;
    let ca = ca.map(std::fs::canonicalize).transpose()?;
    let name = name_of(global, &user, &url)?;
    let known = user.profiles.get(&name);
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
    let token = read_token()?;
    let who = connection::remote(&name, profile, token.clone(), None)?.who_am_i().await?;
    places.create()?;
    credential::keep(&places, &name, &token)?;
    if known.is_none() {
        UserFile::add_profile(&places.user_file(), &name, profile)?;
    }
    let out = Output::new().regardless();
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

/// Removes the token of the profile from this machine.
pub fn logout(global: &Global) -> Result<(), CliError> {
    let places = Places::discover()?;
    let name = global.profile.as_deref();
    let name = name.ok_or_else(|| CliError::usage("name the profile: --profile NAME"))?;
    let user = UserFile::load(&places.user_file())?;
    let profile = connection::profile(&user, name)?;
    let out = Output::new();
    match std::fs::remove_file(credential::file(&places, name)) {
        Ok(()) => out.line(format!(
            "the token of {} is removed from this machine; it opens the server until an admin revokes it",
            profile.url
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            out.line(format!("no token of {} is kept on this machine", profile.url))
        }
        Err(error) => Err(error.into()),
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
