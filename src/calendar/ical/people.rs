//! Whom an event names by address: its attendees and its organizer.

use icalendar::parser::{Component, ParseString, Property};

use super::event::plain;
use crate::feed::{EventPeople, NamedAddress};

/// The most attendees of an event that are read.
const MOST: usize = 20;
/// The most characters of a name or an address.
const LONGEST: usize = 200;
/// The kinds of attendees that are no single person.
const NO_PERSON: [&str; 3] = ["GROUP", "RESOURCE", "ROOM"];

pub(super) fn named_by(component: &Component<'_>) -> EventPeople {
    let attendees = component.properties.iter().filter(|one| one.name == "ATTENDEE");
    let attendees = attendees.filter(|one| comes(one)).filter_map(address).take(MOST);
    EventPeople {
        attendees: attendees.collect(),
        organizer: component.find_prop("ORGANIZER").and_then(address),
    }
}

/// Whether an attendee is a person who did not decline.
fn comes(attendee: &Property<'_>) -> bool {
    let is = |key, word: &str| {
        parameter(attendee, key).is_some_and(|value| value.eq_ignore_ascii_case(word))
    };
    !is("PARTSTAT", "DECLINED") && !NO_PERSON.iter().any(|kind| is("CUTYPE", kind))
}

/// Some programs write an address without `mailto:`.
fn address(property: &Property<'_>) -> Option<NamedAddress> {
    let text = property.val.as_str().trim();
    let email = match text.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("mailto") => rest,
        _ => text,
    };
    let email = short(email);
    let is_address = email.contains('@') && !email.contains(char::is_whitespace);
    let name = parameter(property, "CN").map(|name| short(name.trim_matches('"')));
    let name = name.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case(&email));
    is_address.then_some(NamedAddress { name, email })
}

fn parameter<'a>(property: &'a Property<'_>, key: &str) -> Option<&'a str> {
    let found = property.params.iter().find(|one| one.key.as_str().eq_ignore_ascii_case(key))?;
    found.val.as_ref().map(ParseString::as_str)
}

fn short(text: &str) -> String {
    plain(text).chars().take(LONGEST).collect()
}
