//! Whom a text or an event of a calendar names. Nobody is guessed: a member of `[people]` is found by an address or by the
//! whole of a name or login, and everything else stays the text that it is.

use std::collections::BTreeSet;

use crate::calendar::{EventPeople, NamedAddress, Occurrence};
use crate::domain::people::{People, Person};

/// What stands between the parts of a summary, as in `On Call - Raj Patel - Checkout`, `[L1] raj` and `raj, kim`.
const BETWEEN: [&str; 13] =
    [" - ", " – ", " — ", ": ", ", ", "; ", " / ", " & ", " and ", "(", ")", "[", "]"];
/// What a part says besides whom it names, also before or after the name.
const ABOUT: [&str; 9] =
    ["on call", "on-call", "oncall", "primary", "secondary", "is", "l1", "l2", "l3"];
/// The most characters of a text that is shown for a person.
const LONGEST: usize = 80;

/// A name to show, and whether `[people]` has it.
pub(super) type Named = (String, bool);

/// The member whom a text is: their name, an address or a login of theirs, the whole of it.
pub(super) fn named_in(text: &str, people: &People) -> Named {
    match member(text, people) {
        Some(name) => (name.to_owned(), true),
        None => (text.trim().chars().take(LONGEST).collect(), false),
    }
}

/// Whom an event names: the members in its summary, unless the addresses of attendees say otherwise; else the attendees; else
/// what the summary says, and the organizer only where that is no more than that somebody is on call.
pub(super) fn named_by(event: &Occurrence, people: &People) -> Vec<Named> {
    let parts = parts(&event.summary);
    let members = members_of(&parts, people);
    let EventPeople { attendees, organizer } = &*event.people;
    let invited: BTreeSet<_> =
        attendees.iter().filter_map(|one| by_address(&one.email, people)).collect();
    let is_told = match members.as_slice() {
        [] => false,
        // Others may be invited too.
        [one] => invited.is_empty() || invited.contains(one),
        _ => invited.is_empty(),
    };
    if is_told {
        return members.into_iter().map(|name| (name.to_owned(), true)).collect();
    }
    match (attendees.as_slice(), organizer) {
        ([], Some(organizer)) if parts.is_empty() => vec![addressed(organizer, people)],
        ([], _) => vec![(text_of(&event.summary, &parts, people), false)],
        (attendees, _) => {
            let mut named: Vec<Named> = Vec::new();
            for one in attendees.iter().map(|one| addressed(one, people)) {
                if !named.contains(&one) {
                    named.push(one);
                }
            }
            named
        }
    }
}

/// The member who has this address, else the name that the calendar has for it.
fn addressed(one: &NamedAddress, people: &People) -> Named {
    let shown = || one.name.as_ref().unwrap_or(&one.email).chars().take(LONGEST).collect();
    by_address(&one.email, people).map_or_else(|| (shown(), false), |name| (name.to_owned(), true))
}

/// The parts of a summary without what only says that somebody is on call.
fn parts(summary: &str) -> Vec<&str> {
    let mut parts = vec![summary];
    for between in BETWEEN {
        parts = parts.iter().flat_map(|part| part.split(between)).collect();
    }
    parts.into_iter().map(bare).filter(|part| !part.is_empty()).collect()
}

/// `On call: raj` and `raj on-call` without the words around the name.
fn bare(part: &str) -> &str {
    let mut bare = part.trim_matches(|c: char| c.is_whitespace() || c == ':' || c == '-');
    while let Some(rest) = ABOUT.iter().find_map(|word| without(bare, word)) {
        bare = rest.trim_matches(|c: char| c.is_whitespace() || c == ':' || c == '-');
    }
    bare
}

/// The text without a word at its beginning or end, if it has it there.
fn without<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let is = |part: Option<&str>| part.is_some_and(|part| part.eq_ignore_ascii_case(word));
    let is_edge = |beside: Option<char>| beside.is_none_or(|c| !c.is_alphanumeric());
    if is(text.get(..word.len())) && is_edge(text[word.len()..].chars().next()) {
        return Some(&text[word.len()..]);
    }
    let at = text.len().checked_sub(word.len())?;
    let is_last = is(text.get(at..)) && is_edge(text[..at].chars().next_back());
    is_last.then(|| &text[..at])
}

/// The members whom the parts of a summary name: one, or several if each part does. Whoever else a summary of several
/// names together may stand there for another reason.
fn members_of<'a>(parts: &[&str], people: &'a People) -> Vec<&'a str> {
    let mut members: Vec<&str> = Vec::new();
    let found: Vec<_> = parts.iter().map(|part| member(part, people)).collect();
    for name in found.iter().flatten() {
        if !members.contains(name) {
            members.push(name);
        }
    }
    let is_each = found.iter().all(Option::is_some);
    if members.len() > 1 && !is_each { Vec::new() } else { members }
}

/// What is shown of a summary that names no member: its first part, which is where the name stands. All of it if a part is
/// a member: to show that one alone would be a guess.
fn text_of(summary: &str, parts: &[&str], people: &People) -> String {
    let is_unclear = parts.iter().any(|part| member(part, people).is_some());
    let first = parts.first().filter(|_| !is_unclear);
    first.map_or(summary.trim(), |first| *first).chars().take(LONGEST).collect()
}

fn by_address<'a>(email: &str, people: &'a People) -> Option<&'a str> {
    member_with(people, |name, person| {
        let is = |one: &String| one.eq_ignore_ascii_case(email);
        person.emails.iter().any(is) || name.eq_ignore_ascii_case(email)
    })
}

/// The member with this name, address or login. Two who differ only in case are told apart by the exact name alone.
fn member<'a>(text: &str, people: &'a People) -> Option<&'a str> {
    let text = text.trim();
    if let Some((name, _)) = people.people.get_key_value(text) {
        return Some(name);
    }
    let lower = text.to_lowercase();
    member_with(people, |name, person| {
        let is = |one: &String| one.to_lowercase() == lower;
        let all = [&person.emails, &person.logins, &person.forge_logins, &person.names];
        is(name) || all.into_iter().flatten().any(is)
    })
}

/// The only member of whom it holds.
fn member_with(people: &People, holds: impl Fn(&String, &Person) -> bool) -> Option<&str> {
    let mut found = people.people.iter().filter(|(name, person)| holds(name, person));
    let (name, _) = found.next()?;
    found.next().is_none().then_some(name)
}
