//! The people in a service file: their emails and logins, and the patterns of bots.

use std::collections::BTreeMap;

use crate::domain::people::{Identity, People, Person};
use crate::settings::{Located, Mistakes, Section, Setting};

pub(super) fn read(top: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> People {
    let bots = top.take("bots");
    let mut directory = Directory::default();
    let section = top.take("people").and_then(|entry| entry.section(mistakes));
    for entry in section.iter().flat_map(Section::all) {
        directory.add(&entry, mistakes);
    }
    let mut people = People { people: directory.people, bots: Vec::new() };
    if let Some(entry) = bots {
        people.bots = patterns(&entry, &people, mistakes);
    }
    people
}

/// The people so far, and the owner of each email and login.
#[derive(Default)]
pub(in crate::config) struct Directory {
    people: BTreeMap<String, Person>,
    email_owners: BTreeMap<String, String>,
    login_owners: BTreeMap<String, String>,
    forge_login_owners: BTreeMap<String, String>,
}

impl Directory {
    fn add(&mut self, entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) {
        let Some(mut section) = entry.section(mistakes) else { return };
        let mut person = Person::default();
        if let Some(list) = section.take("emails") {
            for email in list.texts(mistakes) {
                person.emails.extend(self.email(&entry.name, &list, &email, mistakes));
            }
        }
        let logins = section.take("logins");
        if let Some(list) = &logins {
            for login in list.texts(mistakes) {
                let owners = &mut self.login_owners;
                person.logins.extend(owned(owners, &entry.name, list, &login, mistakes));
            }
        } else {
            let own = Located { value: entry.name.as_str(), at: entry.key_at };
            owned(&mut self.login_owners, &entry.name, entry, &own, mistakes);
        }
        if let Some(list) = section.take("forge_logins") {
            for login in list.texts(mistakes) {
                let owners = &mut self.forge_login_owners;
                person.forge_logins.extend(owned(owners, &entry.name, &list, &login, mistakes));
            }
        }
        section.finish_below(&super::TOP, mistakes);
        self.people.insert(entry.name.clone(), person);
    }

    pub(in crate::config) fn email(
        &mut self,
        person: &str,
        list: &Setting<'_>,
        email: &Located<&str>,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<String> {
        let address = email.value;
        if !address.contains('@') || address.contains(['<', '>', ' ']) {
            let sentence =
                format!("{address:?} is not an address; write it as git shows it, without < and >");
            mistakes.add(email.at, &list.path, sentence);
            return None;
        }
        let owner =
            self.email_owners.entry(address.to_lowercase()).or_insert_with(|| person.to_owned());
        if owner != person {
            let sentence =
                format!("{address:?} belongs to {owner:?} already; give it to one of them");
            mistakes.add(email.at, &list.path, sentence);
            return None;
        }
        Some(address.to_owned())
    }
}

/// A login, which is of one person alone.
fn owned(
    owners: &mut BTreeMap<String, String>,
    person: &str,
    list: &Setting<'_>,
    login: &Located<&str>,
    mistakes: &mut Mistakes<'_>,
) -> Option<String> {
    let owner = owners.entry(login.value.to_owned()).or_insert_with(|| person.to_owned());
    if owner != person {
        let sentence = format!(
            "the login {:?} belongs to {owner:?} already; give it to one of them",
            login.value
        );
        mistakes.add(login.at, &list.path, sentence);
        return None;
    }
    Some(login.value.to_owned())
}

/// Reads the patterns of bots. A pattern must not match a person: the author guard ignores bots.
fn patterns(entry: &Setting<'_>, people: &People, mistakes: &mut Mistakes<'_>) -> Vec<String> {
    let mut patterns = Vec::new();
    for pattern in entry.texts(mistakes) {
        let text = pattern.value;
        if !text.contains(|c: char| c.is_alphanumeric()) {
            let sentence = format!("{text:?} matches everyone; write a narrower pattern");
            mistakes.add(pattern.at, &entry.path, sentence);
        } else if let Some(name) = person_caught(text, people) {
            let sentence = format!("{text:?} makes a bot of {name:?}; write a narrower pattern");
            mistakes.add(pattern.at, &entry.path, sentence);
        } else {
            patterns.push(text.to_owned());
        }
    }
    patterns
}

fn person_caught<'a>(pattern: &str, people: &'a People) -> Option<&'a str> {
    let alone = People { people: BTreeMap::new(), bots: vec![pattern.to_owned()] };
    let caught =
        |email: &String| alone.is_bot(&Identity { name: String::new(), email: email.clone() });
    let (name, _) = people.people.iter().find(|(_, person)| person.emails.iter().any(caught))?;
    Some(name)
}
