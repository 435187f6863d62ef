//! People with their logins and git addresses, bots, and the actor of an event.

mod likeness;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::likeness::{Likeness, Traits, named_in_subject};
use super::caller::{Caller, CallerIdentity};

/// The author of a commit as git has it. It is not authenticated.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct Identity {
    pub name: String,
    pub email: String,
}

/// Who does something: trunkline itself, a person by the name in `[people]` or else the login, or someone at another
/// engine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    System,
    Person(String),
    /// Someone at another engine, by their login there.
    External {
        login: String,
        engine: String,
    },
}

impl Actor {
    /// Whether it is the person of this name.
    #[must_use]
    pub fn is_person(&self, name: &str) -> bool {
        matches!(self, Self::Person(own) if own == name)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.pad("trunkline"),
            Self::Person(name) => f.pad(name),
            Self::External { login, engine } => f.pad(&format!("{login} at {engine}")),
        }
    }
}

/// One entry of `[people]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Person {
    /// The login names by which this person connects.
    pub logins: Vec<String>,
    /// The addresses in this person's commits, compared without regard to case.
    pub emails: Vec<String>,
    /// The names in this person's git configuration, if it is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// The logins at forges. Nobody connects by them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forge_logins: Vec<String>,
}

/// The people that a service knows, by name, and the address patterns of its bots.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct People {
    pub people: BTreeMap<String, Person>,
    /// Patterns for the e-mail address of a commit; `*` matches any characters.
    pub bots: Vec<String>,
}

impl People {
    /// The actor of a caller in this service.
    #[must_use]
    pub fn actor_of(&self, caller: &Caller) -> Actor {
        match &caller.identity {
            CallerIdentity::Login(login) => self.actor_of_login(login),
            CallerIdentity::Person { name, email } => {
                Actor::Person(self.named(name, email.as_deref()).to_owned())
            }
        }
    }

    /// The actor of a login: the person whose entry has it, else the login itself. If the login equals the name of a
    /// person with other logins, the actor is `login NAME` instead of that person.
    #[must_use]
    pub fn actor_of_login(&self, login: &str) -> Actor {
        let known = self.people.iter().find(|(name, person)| {
            person.logins.iter().any(|l| l == login) || (person.logins.is_empty() && *name == login)
        });
        Actor::Person(match known {
            Some((name, _)) => name.clone(),
            None if self.people.contains_key(login) => format!("login {login}"),
            None => login.to_owned(),
        })
    }

    /// These people and those that the server knows. Where an address is of somebody here, the person of the server is
    /// that one; an address keeps its owner here.
    #[must_use]
    pub fn with_server(mut self, server: &BTreeMap<String, Person>) -> Self {
        for (name, person) in server {
            let named = if self.people.contains_key(name) {
                name.clone()
            } else {
                let owner = person.emails.iter().find_map(|email| self.owner_of_address(email));
                owner.unwrap_or(name).to_owned()
            };
            let is_free = |email: &&String| self.owner_of_address(email).is_none();
            let emails: Vec<_> = person.emails.iter().filter(is_free).cloned().collect();
            let known = self.people.entry(named).or_default();
            known.emails.extend(emails);
            known.forge_logins.extend(person.forge_logins.iter().cloned());
        }
        self
    }

    /// The entry of a person whom the server names: the one of this name, else the one with this address. The name
    /// itself if there is neither.
    fn named<'a>(&'a self, name: &'a str, email: Option<&str>) -> &'a str {
        if self.people.contains_key(name) {
            return name;
        }
        let owner = email.and_then(|email| self.owner_of_address(email));
        owner.unwrap_or(name)
    }

    /// Whether it can be known which commits this actor wrote: `[people]` has at least one address for them.
    #[must_use]
    pub fn knows(&self, actor: &Actor) -> bool {
        match actor {
            Actor::System => true,
            Actor::Person(name) => self.people.get(name).is_some_and(|p| !p.emails.is_empty()),
            Actor::External { .. } => false,
        }
    }

    /// The name in `[people]` of the person who has this address.
    #[must_use]
    pub fn owner_of(&self, identity: &Identity) -> Option<&str> {
        self.owner_of_address(&identity.email)
    }

    fn owner_of_address(&self, address: &str) -> Option<&str> {
        let owns =
            |person: &Person| person.emails.iter().any(|email| email.eq_ignore_ascii_case(address));
        self.people.iter().find(|(_, person)| owns(person)).map(|(name, _)| name.as_str())
    }

    /// Whether an address is a bot's. An address in `[people]` is a person's even if it matches a bot pattern.
    #[must_use]
    pub fn is_bot(&self, identity: &Identity) -> bool {
        let email = identity.email.to_lowercase();
        let is_named = self.bots.iter().any(|pattern| matches(&pattern.to_lowercase(), &email));
        is_named && self.owner_of(identity).is_none()
    }

    /// The name of an author on screen: the one in `[people]`, else the one in git.
    #[must_use]
    pub fn call<'a>(&'a self, identity: &'a Identity) -> &'a str {
        self.owner_of(identity).unwrap_or(&identity.name)
    }
}

/// Whether `text` matches a pattern in which `*` matches any characters.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, mut rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    while let Some((middle, tail)) = rest.split_once('*') {
        let Some(at) = text.find(middle) else {
            return false;
        };
        text = &text[at + middle.len()..];
        rest = tail;
    }
    text.ends_with(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::caller::{AccessRole, Rights, Via};

    fn actor(name: &str, email: Option<&str>) -> String {
        let entry = |logins: &[&str], email: &str| Person {
            logins: logins.iter().map(|&login| login.to_owned()).collect(),
            emails: vec![email.to_owned()],
            ..Person::default()
        };
        let people = [
            ("Raj Patel", entry(&["raj"], "raj@example.org")),
            ("kim", entry(&[], "kim@example.org")),
        ];
        let people = people.map(|(name, entry)| (name.to_owned(), entry)).into();
        let people = People { people, bots: Vec::new() };
        let (name, email) = (name.to_owned(), email.map(str::to_owned));
        let identity = CallerIdentity::Person { name, email };
        let rights = Rights::everywhere(AccessRole::Deployer);
        people.actor_of(&Caller { identity, via: Via::Process, rights }).to_string()
    }

    #[test]
    fn a_person_of_the_server_is_found_by_name_then_by_address_never_by_login() {
        assert_eq!(actor("Raj Patel", None), "Raj Patel");
        assert_eq!(actor("R. Patel", Some("RAJ@example.org")), "Raj Patel");
        assert_eq!(actor("kim", Some("raj@example.org")), "kim", "the name goes first");
        assert_eq!(actor("raj", None), "raj", "a login is no name");
        assert_eq!(actor("sam", Some("sam@example.org")), "sam");
    }

    #[test]
    fn a_person_of_the_server_is_the_one_of_the_service_who_has_an_address_in_common() {
        let of = |emails: &[&str], forge_logins: &[&str]| Person {
            emails: emails.iter().map(|&email| email.to_owned()).collect(),
            forge_logins: forge_logins.iter().map(|&login| login.to_owned()).collect(),
            ..Person::default()
        };
        let all = |entries: &[(&str, Person)]| -> BTreeMap<String, Person> {
            entries.iter().map(|(name, person)| ((*name).to_owned(), person.clone())).collect()
        };
        let people =
            all(&[("jane", of(&["jane@example.org"], &[])), ("raj", of(&["r@x.org"], &[]))]);
        let server = all(&[
            ("Jane Doe", of(&["j@private.org", "JANE@example.org"], &["jdoe"])),
            ("raj", of(&["raj@example.org", "jane@example.org"], &[])),
            ("Kim", of(&["kim@example.org"], &["kimk"])),
        ]);
        let merged = People { people, bots: Vec::new() }.with_server(&server);
        let who = |email: &str| merged.owner_of_address(email);
        for address in ["jane@example.org", "j@private.org"] {
            assert_eq!(who(address), Some("jane"), "{address}: the service names her");
        }
        assert_eq!((who("r@x.org"), who("raj@example.org")), (Some("raj"), Some("raj")));
        assert_eq!(merged.people["jane"].forge_logins, ["jdoe"]);
        assert_eq!(who("kim@example.org"), Some("Kim"));
        let actor = merged.named("Jane Doe", Some("jane@example.org"));
        assert_eq!(actor, "jane", "and finds her when she has signed in");
    }
}
