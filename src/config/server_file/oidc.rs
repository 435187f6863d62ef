//! `[oidc]` of the server file: the provider at which people sign in, and what each may do here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::profile::is_loopback;
use crate::domain::caller::AccessRole;
use crate::domain::ids::ServiceName;
use crate::settings::name::check_service_name;
use crate::settings::{Mistakes, Section, Setting};

/// How long a session lasts.
const SESSION: Duration = Duration::from_hours(12);
/// The claim that has a person's groups at most providers.
const GROUPS: &str = "groups";

/// The provider, and the roles that it gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcSettings {
    /// Exactly as the provider writes it.
    pub issuer: String,
    pub client_id: String,
    /// For whom an ID token must be; without the setting, for the client.
    pub audience: String,
    /// What a client asks for besides `openid`, `email`, `profile` and `offline_access`.
    pub scopes: Vec<String>,
    pub session: Duration,
    /// The first that matches counts.
    pub roles: Vec<RoleRule>,
    pub browser: BrowserSettings,
}

/// By which client a browser signs in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BrowserSettings {
    /// One of its own; without it, the client of everybody else.
    pub client_id: Option<String>,
    /// The file of its secret, if it has one.
    pub secret_file: Option<PathBuf>,
}

/// What everybody may do whose claim has a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRule {
    /// The name of the claim, or a JSON pointer to it.
    pub claim: String,
    pub value: String,
    pub role: AccessRole,
    /// `None` is all services.
    pub services: Option<BTreeSet<ServiceName>>,
}

pub(super) fn read(
    mut section: Section<'_>,
    top: &[&str],
    folder: &Path,
    mistakes: &mut Mistakes<'_>,
) -> Option<OidcSettings> {
    let (at, path) = (section.at, section.path.clone());
    let [issuer, client_id] = ["issuer", "client_id"].map(|key| {
        let entry = section.take(key);
        if entry.is_none() {
            mistakes.add(at, &path, format!("signing in needs {key} = \"…\""));
        }
        entry
    });
    let issuer = issuer.and_then(|entry| self::issuer(&entry, mistakes));
    let client_id = client_id.and_then(|entry| entry.text(mistakes)).map(str::to_owned);
    let audience = section.take("audience").and_then(|entry| entry.text(mistakes));
    let audience = audience.map(str::to_owned).or_else(|| client_id.clone());
    let scopes = section.take("scopes").map(|entry| entry.items(mistakes)).unwrap_or_default();
    let scopes = scopes.iter().filter_map(|entry| scope(entry, mistakes)).collect();
    let session = section.take("session").and_then(|entry| entry.positive_duration(mistakes));
    let roles = section.take("roles").map(|entry| entry.sections(mistakes)).unwrap_or_default();
    if roles.is_empty() {
        let sentence = "nobody would be let in; add a [[oidc.roles]] with value and role";
        mistakes.add(at, &path, sentence);
    }
    let roles = roles.into_iter().filter_map(|section| rule(section, mistakes)).collect();
    let browser = section.take("browser").and_then(|entry| entry.section(mistakes));
    let browser = browser.map(|section| browser_client(section, folder, mistakes));
    section.finish_below(top, mistakes);
    let session = session.unwrap_or(SESSION);
    Some(OidcSettings {
        issuer: issuer?,
        client_id: client_id?,
        audience: audience?,
        scopes,
        session,
        roles,
        browser: browser.unwrap_or_default(),
    })
}

fn browser_client(
    mut section: Section<'_>,
    folder: &Path,
    mistakes: &mut Mistakes<'_>,
) -> BrowserSettings {
    let [client_id, secret_file] =
        ["client_id", "secret_file"].map(|key| section.take(key)?.text(mistakes));
    let (client_id, secret_file) =
        (client_id.map(str::to_owned), secret_file.map(|text| folder.join(text)));
    section.finish(mistakes);
    BrowserSettings { client_id, secret_file }
}

fn issuer(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let text = entry.text(mistakes)?;
    let host = |rest: &str| rest.split('/').next().unwrap_or_default().to_owned();
    let is_secret = match text.split_once("://") {
        Some(("https", rest)) => !host(rest).is_empty(),
        Some(("http", rest)) => is_loopback(&host(rest)),
        _ => false,
    };
    let is_plain = |c: char| c.is_ascii_graphic() && !"?#@\\\"'<>".contains(c);
    if is_secret && text.chars().all(is_plain) {
        return Some(text.to_owned());
    }
    let advice = "write it as the provider does, such as https://login.example.org";
    entry.reject(mistakes, format!("{text:?} is no issuer; {advice}"));
    None
}

fn scope(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let text = entry.text(mistakes)?;
    if text.chars().all(|c| c.is_ascii_graphic() && c != '"' && c != '\\') {
        return Some(text.to_owned());
    }
    entry.reject(mistakes, format!("{text:?} is no scope; write one word such as \"groups\""));
    None
}

fn rule(mut section: Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<RoleRule> {
    let (at, path) = (section.at, section.path.clone());
    let claim = section.take("claim").map(|entry| entry.text(mistakes));
    let value = section.take("value").map(|entry| entry.text(mistakes));
    let role = section.take("role").map(|entry| super::role(&entry, mistakes));
    for (key, is_missing) in [("value", value.is_none()), ("role", role.is_none())] {
        if is_missing {
            mistakes.add(at, &path, format!("a role needs {key}"));
        }
    }
    let (value, role) = (value.flatten(), role.flatten());
    let services = section.take("services");
    if let (Some(entry), Some(AccessRole::Admin)) = (&services, role) {
        entry.reject(mistakes, "an admin manages all services; take the role deployer");
    }
    let services = services.map(|entry| {
        let names: BTreeSet<_> =
            entry.items(mistakes).iter().filter_map(|item| service(item, mistakes)).collect();
        if names.is_empty() {
            entry.reject(mistakes, "names no service; name one, or leave it out for all");
        }
        names
    });
    section.finish(mistakes);
    let claim = claim.unwrap_or(Some(GROUPS))?.to_owned();
    Some(RoleRule { claim, value: value?.to_owned(), role: role?, services })
}

fn service(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<ServiceName> {
    let text = entry.text(mistakes)?;
    if let Err(why) = check_service_name(text) {
        entry.reject(mistakes, why.to_string());
    }
    text.parse().ok()
}
