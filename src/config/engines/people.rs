//! `[engines.github.people.NAME]`: the people in whose own names something is done at an engine.

use std::collections::BTreeMap;

use super::EngineKind;
use super::token::{self, TokenSource};
use crate::settings::{Mistakes, Section, Setting};

/// What begins the identity of somebody whom the server names, see `CallerIdentity::digest_name`.
const NAMED_BY_SERVER: &str = "person:";

/// Somebody who acts at an engine with a token of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnginePerson {
    /// The logins of this machine by which this person connects. Empty: the name is the login.
    pub logins: Vec<String>,
    /// The login at the engine, to which the token has to belong.
    pub login: Option<String>,
    /// Without one, the token of the engine counts if it belongs to that login.
    pub token: Option<TokenSource>,
}

impl EnginePerson {
    /// Whether somebody connects as this person, who is called `name` in the file.
    fn is(&self, name: &str, presser: &str) -> bool {
        match presser.strip_prefix(NAMED_BY_SERVER) {
            Some(person) => person == name,
            None if self.logins.is_empty() => presser == name,
            None => self.logins.iter().any(|login| login == presser),
        }
    }
}

/// The entry of whoever connects with this identity.
pub(super) fn of<'a>(
    people: &'a BTreeMap<String, EnginePerson>,
    presser: &str,
) -> Option<(&'a str, &'a EnginePerson)> {
    let mut all = people.iter().filter(|(name, person)| person.is(name, presser));
    all.next().map(|(name, person)| (name.as_str(), person))
}

/// Reads the setting `people` of an engine.
pub(super) fn read(
    setting: Option<Setting<'_>>,
    kind: Option<EngineKind>,
    mistakes: &mut Mistakes<'_>,
) -> BTreeMap<String, EnginePerson> {
    let Some(setting) = setting else { return BTreeMap::new() };
    if kind == Some(EngineKind::Http) {
        setting.reject(mistakes, "is for kind = \"github\"");
        return BTreeMap::new();
    }
    let section = setting.section(mistakes);
    let (mut people, mut owners) = (BTreeMap::new(), BTreeMap::new());
    for entry in section.map(|section| section.all()).unwrap_or_default() {
        let Some(person) =
            entry.section(mistakes).and_then(|of| person(&entry, of, kind, mistakes))
        else {
            continue;
        };
        let own = vec![entry.name.clone()];
        let logins = if person.logins.is_empty() { &own } else { &person.logins };
        for login in logins {
            let owner = owners.entry(login.clone()).or_insert_with(|| entry.name.clone());
            if *owner != entry.name {
                let sentence = format!(
                    "the login {login:?} belongs to {owner:?} already; give it to one of them"
                );
                entry.reject(mistakes, sentence);
            }
        }
        people.insert(entry.name.clone(), person);
    }
    people
}

fn person(
    entry: &Setting<'_>,
    mut section: Section<'_>,
    kind: Option<EngineKind>,
    mistakes: &mut Mistakes<'_>,
) -> Option<EnginePerson> {
    let logins = section.take("logins").map(|list| list.texts(mistakes)).unwrap_or_default();
    let logins = logins.into_iter().map(|login| login.value.to_owned()).collect();
    let login = section.take("login").and_then(|entry| entry.text(mistakes)).map(str::to_owned);
    let token_at = section.take("token");
    let token = token_at.as_ref().and_then(|entry| token::read(entry, kind, mistakes));
    if let (Some(entry), Some(TokenSource::App(_))) = (&token_at, &token) {
        entry.reject(
            mistakes,
            "is that of an App, which no person is; write a token of this person",
        );
    }
    section.finish(mistakes);
    if login.is_none() && token_at.is_none() {
        let sentence = "needs token = { … }, or login = \"LOGIN\" where the engine's own token is this person's";
        entry.reject(mistakes, sentence);
        return None;
    }
    Some(EnginePerson { logins, login, token })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_of_the_machine_is_not_somebody_whom_the_server_names() {
        let with = |logins: &[&str]| EnginePerson {
            logins: logins.iter().map(|&login| login.to_owned()).collect(),
            ..EnginePerson::default()
        };
        let people: BTreeMap<_, _> =
            [("bob".to_owned(), with(&["robert"])), ("kim".to_owned(), with(&[]))].into();
        for (presser, is) in [
            ("person:bob", Some("bob")),
            ("robert", Some("bob")),
            ("bob", None),
            ("kim", Some("kim")),
            ("person:kim", Some("kim")),
            ("person:robert", None),
            ("", None),
        ] {
            assert_eq!(of(&people, presser).map(|(name, _)| name), is, "{presser}");
        }
    }
}
