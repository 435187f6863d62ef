//! Weak evidence that an author whom nobody in `[people]` owns is a person in it.

use std::collections::BTreeSet;
use std::fmt;

use super::{Identity, People, Person};

/// Why an author may be a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// Another form of an address in `[people]`: with `+tag`, or with other dots at Gmail.
    Mailbox,
    /// The address that a forge makes for a login.
    ForgeLogin,
    /// The part of the address before the `@`.
    LocalPart,
    Name,
}

impl fmt::Display for Likeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Mailbox => "same mailbox",
            Self::ForgeLogin => "same login at a forge",
            Self::LocalPart => "same name in the address",
            Self::Name => "same name",
        })
    }
}

/// Local parts that many people have.
const SHARED: [&str; 8] = ["admin", "dev", "git", "hello", "info", "mail", "noreply", "root"];
/// Hosts at which dots in an address mean nothing.
const DOTLESS: [&str; 2] = ["gmail.com", "googlemail.com"];

/// What is known of one person besides the addresses.
pub struct Traits<'a> {
    person: &'a Person,
    names: BTreeSet<Vec<String>>,
    logins: BTreeSet<String>,
}

impl<'a> Traits<'a> {
    /// The traits of a person in `people`. `seen` are authors of commits: whose address is this person's tells a name.
    #[must_use]
    pub fn of(
        people: &'a People,
        name: &str,
        seen: impl Iterator<Item = &'a Identity>,
    ) -> Option<Self> {
        let person = people.people.get(name)?;
        let mine = seen.filter(|who| people.owner_of(who) == Some(name)).map(|who| &*who.name);
        let all = person.logins.iter().chain(&person.forge_logins);
        let mut logins: BTreeSet<_> = all.map(|login| login.to_lowercase()).collect();
        logins.insert(name.to_lowercase());
        logins.extend(person.emails.iter().filter_map(|email| {
            let mailbox = Mailbox::of(email)?;
            Some(mailbox.forge_login().unwrap_or(mailbox.local))
        }));
        let known = person.names.iter().map(String::as_str).chain(mine);
        let known = known.chain(logins.iter().map(String::as_str)).map(words);
        let names = known.filter(|words| !words.is_empty()).collect();
        Some(Self { person, names, logins })
    }

    /// Why an author may be this person; `None` if nothing says so.
    #[must_use]
    pub fn resemble(&self, who: &Identity) -> Option<Likeness> {
        if let Some(mailbox) = Mailbox::of(&who.email) {
            let mut mine = self.person.emails.iter().filter_map(|email| Mailbox::of(email));
            if mine.any(|known| known == mailbox) {
                return Some(Likeness::Mailbox);
            }
            if let Some(login) = mailbox.forge_login() {
                if self.logins.contains(&login) {
                    return Some(Likeness::ForgeLogin);
                }
            } else if self.logins.contains(&mailbox.local) && !SHARED.contains(&&*mailbox.local) {
                return Some(Likeness::LocalPart);
            }
        }
        self.has_name(who).then_some(Likeness::Name)
    }

    fn has_name(&self, who: &Identity) -> bool {
        let found = words(&who.name);
        // Who is named without an address may be named by the first name alone.
        let is_first = |known: &Vec<String>| match found.as_slice() {
            [one] => who.email.is_empty() && known.contains(one),
            _ => false,
        };
        self.names.contains(&found) || self.names.iter().any(is_first)
    }
}

/// The parts of an address that tell mailboxes apart.
#[derive(PartialEq, Eq)]
struct Mailbox {
    local: String,
    host: String,
}

impl Mailbox {
    fn of(email: &str) -> Option<Self> {
        let (local, host) = email.trim().rsplit_once('@')?;
        let (mut local, host) = (local.to_lowercase(), host.to_lowercase());
        // The number in a forge's address stands before the sign, not a tag behind it.
        let is_numbered = local.starts_with(|c: char| c.is_ascii_digit());
        if let Some(at) = local.find('+').filter(|at| *at > 0 && !is_numbered) {
            local.truncate(at);
        }
        if DOTLESS.contains(&&*host) {
            local.retain(|c| c != '.');
        }
        Some(Self { local, host })
    }

    /// The login in `12345+login@users.noreply.github.com` or `12345-login@users.noreply.gitlab.com`.
    fn forge_login(&self) -> Option<String> {
        self.host.split('.').any(|part| part == "noreply" || part == "no-reply").then_some(())?;
        let rest = self.local.trim_start_matches(|c: char| c.is_ascii_digit());
        let is_numbered = rest.len() < self.local.len();
        let login = rest.strip_prefix(['+', '-']).filter(|_| is_numbered);
        Some(login.unwrap_or(&self.local).to_owned())
    }
}

/// The words of a name, sorted and in lower case. An initial does not count beside two other words.
fn words(name: &str) -> Vec<String> {
    let parts = name.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty());
    let mut words: Vec<_> = parts.map(str::to_lowercase).collect();
    if words.iter().filter(|word| word.chars().count() > 1).count() >= 2 {
        words.retain(|word| word.chars().count() > 1);
    }
    words.sort();
    words
}

/// The names in the brackets of a subject, as people who work in pairs write them: `[ann/bob] Fix it`, `Fix it (ann & bob)`,
/// `ann/bob: fix it`. Most brackets name something else, so these only count when they name a person in `[people]`.
#[must_use]
pub fn named_in_subject(subject: &str) -> Vec<Identity> {
    let mut groups: Vec<&str> = subject
        .split(['[', '(', '<', '{'])
        .skip(1)
        .filter_map(|rest| rest.split([']', ')', '>', '}']).next())
        .collect();
    groups.extend(subject.strip_prefix('|').and_then(|rest| rest.split('|').next()));
    let before_colon = subject.split_once(':').map(|(before, _)| before);
    groups.extend(before_colon.filter(|before| before.contains(['/', '&', '+', ','])));
    let is_separator = |c: char| "/,&+|;".contains(c);
    let names = groups.into_iter().flat_map(|group| group.split(is_separator));
    let names =
        names.flat_map(|part| part.split(" and ")).map(|name| name.trim_matches(['@', ' ', '#']));
    let names = names.filter(|name| !name.is_empty() && name.split_whitespace().count() <= 3);
    names.map(|name| Identity { name: name.to_owned(), email: String::new() }).collect()
}
