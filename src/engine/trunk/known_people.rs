//! Whom the engine knows besides the people of a service file.

use std::collections::BTreeMap;

use crate::domain::people::{Actor, Identity, People, Person};

/// The owner of the machine, and the people of the server.
pub struct KnownPeople {
    /// The login of who runs the engine.
    pub owner: Option<String>,
    /// The people of the server file, by name.
    pub people: BTreeMap<String, Person>,
}

impl KnownPeople {
    /// The people of a service file, those of the server, and the git name and address of the machine's owner; the address
    /// only if it belongs to nobody else.
    pub fn beside(&self, people: &People, git: Option<&Identity>) -> People {
        let mut people = people.clone().with_server(&self.people);
        let (Some(login), Some(git)) = (&self.owner, git) else { return people };
        let owner = (people.owner_of(git).map(str::to_owned), people.actor_of_login(login));
        let ((Some(name), _) | (None, Actor::Person(name))) = owner else { return people };
        let is_new = people.owner_of(git).is_none();
        let fresh = || Person { logins: vec![login.clone()], ..Person::default() };
        let person = people.people.entry(name).or_insert_with(fresh);
        person.emails.extend(is_new.then(|| git.email.clone()));
        person.names.push(git.name.clone());
        people
    }
}
