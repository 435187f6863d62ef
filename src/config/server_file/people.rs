//! `[people]` of the server file: whom the server knows in all services.

use std::collections::BTreeMap;

use crate::config::service_file::people::Directory;
use crate::domain::people::Person;
use crate::domain::token::check_person;
use crate::settings::{Mistakes, Setting};

/// A person whom the server knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerPerson {
    pub person: Person,
    /// By which the provider knows this person, whatever the address.
    pub subjects: Vec<String>,
}

/// Reads the setting `people`.
pub(super) fn read(
    setting: Option<Setting<'_>>,
    top: &[&str],
    mistakes: &mut Mistakes<'_>,
) -> BTreeMap<String, ServerPerson> {
    let section = setting.and_then(|entry| entry.section(mistakes));
    let entries = section.map(|section| section.all()).unwrap_or_default();
    let (mut people, mut emails) = (BTreeMap::new(), Directory::default());
    let [mut logins, mut owners] = [BTreeMap::new(), BTreeMap::new()];
    for entry in entries {
        if let Err(why) = check_person(&entry.name) {
            mistakes.add(entry.key_at, &entry.path, why);
        }
        let Some(mut section) = entry.section(mistakes) else { continue };
        let mut one = ServerPerson::default();
        if let Some(list) = section.take("emails") {
            for email in list.texts(mistakes) {
                one.person.emails.extend(emails.email(&entry.name, &list, &email, mistakes));
            }
        }
        let mut owned =
            |key, owners: &mut BTreeMap<String, String>, mistakes: &mut Mistakes<'_>| {
                let Some(list) = section.take(key) else { return Vec::new() };
                own(&entry.name, &list, owners, mistakes)
            };
        one.person.forge_logins = owned("forge_logins", &mut logins, mistakes);
        one.subjects = owned("subjects", &mut owners, mistakes);
        section.finish_below(top, mistakes);
        people.insert(entry.name, one);
    }
    people
}

/// The texts of a list, each of which is of one person alone.
fn own(
    person: &str,
    list: &Setting<'_>,
    owners: &mut BTreeMap<String, String>,
    mistakes: &mut Mistakes<'_>,
) -> Vec<String> {
    let mut texts = Vec::new();
    for text in list.texts(mistakes) {
        let owner = owners.entry(text.value.to_owned()).or_insert_with(|| person.to_owned());
        if owner == person {
            texts.push(text.value.to_owned());
        } else {
            let sentence =
                format!("{:?} belongs to {owner:?} already; give it to one of them", text.value);
            mistakes.add(text.at, &list.path, sentence);
        }
    }
    texts
}
