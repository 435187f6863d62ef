//! `[profiles.NAME]` of the user file: the servers of teams that a person signs in to.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use super::secret_sources;
use super::user_file::TOP_KEYS;
use crate::settings::name::check_service_name;
use crate::settings::{Mistakes, Section, Setting};

/// How the address of a socket begins.
const SOCKET: &str = "unix:";

/// A server, and how to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// `https://HOST:PORT`, without a slash at its end, or `unix:/PATH` for the socket of a group.
    pub url: String,
    /// The certificates to trust, in PEM, instead of those of the system.
    pub ca: Option<PathBuf>,
    /// A program and its arguments, which prints the token.
    pub token_command: Option<Vec<String>>,
}

impl Profile {
    /// The socket of a group, if that is the server.
    #[must_use]
    pub fn socket(&self) -> Option<PathBuf> {
        self.url.strip_prefix(SOCKET).map(PathBuf::from)
    }
}

/// Reads the setting `profiles`.
pub(super) fn read(
    setting: Option<Setting<'_>>,
    mistakes: &mut Mistakes<'_>,
) -> BTreeMap<String, Profile> {
    let section = setting.and_then(|entry| entry.section(mistakes));
    let entries = section.map(|section| section.all()).unwrap_or_default();
    let mut profiles = BTreeMap::new();
    for entry in entries {
        if check_service_name(&entry.name).is_err() {
            entry.reject(mistakes, "is not a name for a profile; use a-z, 0-9, \"-\" and \"_\"");
            continue;
        }
        let before = mistakes.count();
        let profile = entry.section(mistakes).and_then(|section| profile(section, mistakes));
        // One with a mistake may mean another server, or trust others.
        if let Some(profile) = profile.filter(|_| mistakes.count() == before) {
            profiles.insert(entry.name, profile);
        }
    }
    profiles
}

/// The tables of profiles in a text of which the rest is not TOML.
pub(super) fn tables(text: &str) -> String {
    let mut is_profile = false;
    let lines = text.split_inclusive('\n').filter(|line| {
        if line.trim_start().starts_with('[') {
            is_profile = line.trim_start().starts_with("[profiles.");
        }
        is_profile
    });
    lines.collect()
}

fn profile(mut section: Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<Profile> {
    let url = if let Some(entry) = section.take("url") {
        url(&entry, mistakes)
    } else {
        mistakes.add(section.at, &section.path, "a profile needs url = \"https://HOST\"");
        None
    };
    let ca = section.take("ca").and_then(|entry| secret_sources::absolute(&entry, mistakes));
    let token_command = secret_sources::command(&mut section, "token_command", mistakes);
    section.finish_below(&TOP_KEYS, mistakes);
    Some(Profile { url: url?, ca, token_command })
}

fn url(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let text = entry.text(mistakes)?;
    if text.strip_prefix(SOCKET).is_some_and(|path| path.starts_with('/')) {
        return Some(text.to_owned());
    }
    let checked = check_url(text);
    checked.map_err(|why| entry.reject(mistakes, why)).ok()
}

/// The address of a server, without a slash at its end.
///
/// # Errors
/// When it is none, or a token would go over the network in the clear.
pub fn check_url(text: &str) -> Result<String, String> {
    let wrong = |why: &str| Err(format!("{text:?} {why}"));
    let Some((scheme, rest)) = text.split_once("://") else {
        return wrong("is not the address of a server; write https://HOST");
    };
    let host = rest.strip_suffix('/').unwrap_or(rest);
    let is_bare = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    if host.is_empty() || !host.chars().all(is_bare) {
        return wrong("is more than the address of a server; write https://HOST:PORT alone");
    }
    match scheme {
        "https" => {}
        "http" if is_loopback(host) => {}
        "http" => return wrong("would send the token in the clear; write https://"),
        _ => return wrong("is not the address of a server; write https://HOST"),
    }
    Ok(format!("{scheme}://{host}"))
}

pub(super) fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_nowhere_in_the_clear() {
        let taken = [
            ("https://deploys.example.org", "https://deploys.example.org"),
            ("https://deploys.example.org:8443/", "https://deploys.example.org:8443"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://[::1]:8080/", "http://[::1]:8080"),
        ];
        for (text, url) in taken {
            assert_eq!(check_url(text).as_deref(), Ok(url));
        }
        let refused = [
            "deploys.example.org",
            "http://deploys.example.org",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "https://raj:secret@deploys.example.org",
            "https://deploys.example.org/path",
            "https://deploys.example.org?token=x",
            "ftp://localhost",
            "https://",
        ];
        for text in refused {
            assert!(check_url(text).is_err(), "{text}");
        }
    }
}
