//! Finds the people whom a commit message names as its writers, in the forms that people and forges use.

use super::shorten;
use crate::domain::people::Identity;

/// The most people that are read from one message.
const MOST_PEOPLE: usize = 50;

/// Words before a person who wrote the change, without separators and in lower case. They count anywhere in a line.
const KEYS: [&str; 12] = [
    "coauthoredby",
    "coauthorby",
    "coauthoredwith",
    "coautoredby",
    "coauhtoredby",
    "codevelopedby",
    "codevelopedwith",
    "cowrittenby",
    "cocommittedby",
    "pairprogrammedwith",
    "mobprogrammedwith",
    "originallywrittenby",
];
/// Words that count only if they are all that stands before the colon.
const WHOLE_KEYS: [&str; 20] = [
    "coauthor",
    "coauthors",
    "coauthored",
    "codeveloper",
    "codevelopers",
    "codev",
    "author",
    "authors",
    "authoredby",
    "writtenby",
    "originalauthor",
    "originallyby",
    "pair",
    "pairs",
    "pairedwith",
    "pairingwith",
    "pairprogrammed",
    "patchby",
    "contributedby",
    "mobbedwith",
];

/// The people whom a message names, before the mailmap.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct CoAuthors {
    /// Without an address, the address is empty.
    pub(super) people: Vec<Identity>,
    /// There are more.
    pub(super) more: bool,
}

impl CoAuthors {
    pub(super) fn parse(message: &str) -> Self {
        let mut found = Self::default();
        let mut lines = message.lines().peekable();
        while let Some(line) = lines.next() {
            let mut values = values(line).into_iter().map(str::to_owned).collect::<Vec<_>>();
            let Some(last) = values.last_mut() else { continue };
            let begins_list = last.trim().is_empty();
            while let Some(more) = lines.next_if(|next| continues(last, next, begins_list)) {
                last.push(if begins_list { ',' } else { ' ' });
                last.push_str(more.trim_start_matches([' ', '\t', '-', '*', '+']));
            }
            for who in values.iter().flat_map(|value| people(value)) {
                found.add(who);
            }
        }
        found
    }

    fn add(&mut self, who: Identity) {
        if self.people.len() < MOST_PEOPLE {
            self.people.push(who);
        } else {
            self.more = true;
        }
    }
}

/// Whether the next line belongs to a value: it is indented, or an entry of a list that the value begins.
fn continues(value: &str, next: &str, begins_list: bool) -> bool {
    let is_indented = next.starts_with([' ', '\t']);
    let is_entry = begins_list && ["- ", "* ", "+ "].iter().any(|bullet| next.starts_with(bullet));
    let belongs = is_indented || is_entry || value.trim_end().ends_with(',');
    belongs && !next.trim().is_empty() && values(next).is_empty()
}

/// What stands after each key of a line.
fn values(line: &str) -> Vec<&str> {
    let letters: Vec<(usize, char)> = line
        .char_indices()
        .filter(|(_, c)| c.is_ascii_alphabetic())
        .map(|(at, c)| (at, c.to_ascii_lowercase()))
        .collect();
    let projected: String = letters.iter().map(|(_, letter)| *letter).collect();
    let mut ends: Vec<(usize, usize)> = Vec::new();
    for key in KEYS {
        let found = projected.match_indices(key);
        ends.extend(found.filter_map(|(at, _)| {
            let (begin, _) = letters[at];
            let (end, letter) = letters[at + key.len() - 1];
            let end = end + letter.len_utf8();
            is_key(line, begin, end).then_some((begin, end))
        }));
    }
    ends.extend(whole_key(line).map(|end| (0, end)));
    ends.sort_unstable();
    ends.dedup();
    let begins: Vec<_> = ends.iter().skip(1).map(|(begin, _)| *begin).chain([line.len()]).collect();
    ends.iter()
        .zip(begins)
        .filter(|((_, end), next)| end <= next)
        .map(|((_, end), next)| after_key(&line[*end..next]))
        .collect()
}

/// Whether the words of a key stand together and lead to a person: after a colon, or as the first words of the line.
fn is_key(line: &str, begin: usize, end: usize) -> bool {
    let (words, rest) = (&line[begin..end], line[end..].trim_start_matches(['*', '_', ' ', '\t']));
    let is_together = !words.contains([',', '.', ';', ':', '(', '<', '@']);
    let is_first = !line[..begin].contains(char::is_alphanumeric);
    let is_led = rest.starts_with([':', '\u{ff1a}', '=']) || is_first || rest.contains('@');
    let is_whole = line[end..].starts_with(' ') || !rest.starts_with(char::is_alphanumeric);
    is_together && is_led && is_whole
}

/// The end of a key that is all that stands before the first colon.
fn whole_key(line: &str) -> Option<usize> {
    let end = line.find([':', '\u{ff1a}'])?;
    let letters = line[..end].chars().filter(char::is_ascii_alphabetic);
    let key: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    let has_digit = line[..end].contains(|c: char| c.is_ascii_digit());
    (!has_digit && WHOLE_KEYS.contains(&key.as_str())).then_some(end)
}

fn after_key(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '*', '_', ':', '\u{ff1a}', '=', '-'])
}

/// The people in a value: `Ann <ann@x>`, `Ann ann@x`, `Ann (ann@x)`, `@ann`, `Ann`, and several of them.
fn people(value: &str) -> Vec<Identity> {
    let value = spelled_out(value);
    let mut found: Vec<Identity> = Vec::new();
    let mut begin = 0;
    for (at, token) in tokens(&value) {
        let Some(email) = address(token) else { continue };
        let name = &value[begin..at];
        // In `Kim, Ola <ola@x>` the first one has no address.
        let mut names: Vec<_> = name.split(SEPARATORS).map(clean).collect();
        let own = names.pop().unwrap_or_default();
        let is_one =
            names.iter().all(String::is_empty) || names.len() == 1 && is_surname(&clean(name));
        if is_one {
            found.push(Identity { name: clean(name), email: shorten(&email) });
        } else {
            found.extend(names.into_iter().filter(|name| is_name(name)).map(nameless));
            found.push(Identity { name: own, email: shorten(&email) });
        }
        begin = at + token.len();
    }
    let rest = &value[begin..];
    // What follows an address names a person only after a separator.
    let is_list =
        begin == 0 || rest.trim_start_matches(['>', ')', ']', ' ']).starts_with(SEPARATORS);
    if is_list {
        let names = rest.split(SEPARATORS).flat_map(|part| part.split(" and ")).map(clean);
        found.extend(names.filter(|name| is_name(name)).map(nameless));
    }
    found
}

const SEPARATORS: [char; 6] = [',', ';', '&', '+', '/', '|'];

/// `Operator, Ola <ola@x>` is one person: two single words.
fn is_surname(name: &str) -> bool {
    name.split(',').count() == 2 && name.split(',').all(|part| part.split_whitespace().count() == 1)
}

fn nameless(name: String) -> Identity {
    Identity { name, email: String::new() }
}

/// `ola at example dot com` and `ola (at) example.com` with the signs that they stand for.
fn spelled_out(value: &str) -> String {
    let value: String = value.chars().filter(|c| !c.is_control() || *c == '\t').collect();
    if value.contains('@') {
        return value;
    }
    let mut value = value;
    for at in [" (at) ", "(at)", " [at] ", "[at]", " at ", " AT "] {
        value = value.replace(at, "@");
    }
    if value.contains('@') {
        value = value.replace(" dot ", ".").replace(" DOT ", ".");
    }
    value
}

/// The words of a text between spaces, brackets and separators, with their place.
fn tokens(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_end = |c: char| c.is_whitespace() || "<>()[]{},;\"'`|".contains(c);
    let mut at = 0;
    text.split_inclusive(is_end).filter_map(move |piece| {
        let begin = at;
        at += piece.len();
        let token = piece.trim_end_matches(is_end);
        (!token.is_empty()).then_some((begin, token))
    })
}

fn address(token: &str) -> Option<String> {
    let token =
        token.strip_prefix("mailto:").unwrap_or(token).trim_end_matches(['.', ':', '!', '?']);
    let (local, host) = token.rsplit_once('@')?;
    (!local.is_empty() && !host.is_empty()).then(|| token.to_owned())
}

fn clean(name: &str) -> String {
    let is_around = |c: char| c.is_whitespace() || "<>()[]{},;:\"'`*_&+/|-.".contains(c);
    let name = name.trim_matches(is_around);
    let name = name.strip_prefix("and ").unwrap_or(name);
    let name = name.strip_suffix(" and").unwrap_or(name);
    shorten(&name.chars().filter(|c| !"<>".contains(*c)).collect::<String>())
}

/// Whether a text without an address may be the name of a person: one word, or a few of which the first and the last are
/// written as names are.
fn is_name(text: &str) -> bool {
    let words: Vec<_> = text.split_whitespace().collect();
    let is_named =
        |word: Option<&&str>| word.is_some_and(|word| !word.starts_with(char::is_lowercase));
    let are_named = words.len() == 1 || is_named(words.first()) && is_named(words.last());
    let is_short = (1..=4).contains(&words.len());
    is_short && are_named && text.contains(char::is_alphabetic) && !text.contains("://")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Name <address>` of everybody whom a message names.
    fn named(message: &str) -> String {
        let all = CoAuthors::parse(message).people;
        let all: Vec<_> = all.iter().map(|who| format!("{} <{}>", who.name, who.email)).collect();
        all.join("; ")
    }

    #[test]
    fn a_co_author_counts_wherever_the_line_stands_and_however_it_is_spelled() {
        let ola = "Ola Operator <ola@example.com>";
        for message in [
            "T\n\nCo-authored-by: Ola Operator <ola@example.com>",
            "T\n\nCO-AUTHORED-BY: Ola Operator <ola@example.com>\n",
            "T\n\nCo-authored-by: Ola Operator ola@example.com",
            "T\n\nCo-authored-by: Ola Operator (ola@example.com)",
            "T\n\nCo-authored-by: Ola Operator <mailto:ola@example.com>.",
            "T\n\nCo-authored-by: Ola Operator <ola at example dot com>",
            "T\n\nCo-authored-by: \"Ola Operator\" <ola@example.com> (Acme)",
            "T\n\n* First\n\nCo-authored-by: Ola Operator <ola@example.com>\n\n* Second\n\nSigned-off-by: J <j@x>",
            "T\n\nFix it.\nCo-authored-by: Ola Operator <ola@example.com>",
            "T\n\nFix it.Co-authored-by:Ola Operator<ola@example.com>",
            "T\\n\\nCo-authored-by: Ola Operator <ola@example.com>",
            "T\nCo-authored-by: Ola Operator <ola@example.com>",
            "T\n\nbody\n---\nCo-authored-by: Ola Operator <ola@example.com>",
            "T\n\n    Co-authored-by: Ola Operator <ola@example.com>",
            "T\n\n> Co-authored-by: Ola Operator <ola@example.com>",
            "T\n\n- **Co-authored-by:** Ola Operator <ola@example.com>",
            "T\r\n\r\nCo-authored-by: Ola Operator <ola@example.com>\r\n",
            "T\n\nCo-authored-by : Ola Operator <ola@example.com>",
            "T\n\nCo-authored-by\u{ff1a} Ola Operator <ola@example.com>",
            "T\n\nCo\u{2011}authored\u{2011}by: Ola Operator <ola@example.com>",
            "T\n\nCo_authored_by: Ola Operator <ola@example.com>",
            "T\n\nCo authored by: Ola Operator <ola@example.com>",
            "T\n\nCoauthored-By Ola Operator <ola@example.com>",
            "T\n\nCo-author: Ola Operator <ola@example.com>",
            "T\n\nCo-Authors: Ola Operator <ola@example.com>",
            "T\n\nCo-developed-by: Ola Operator <ola@example.com>\nSigned-off-by: Ola <o@x>",
            "T\n\nPair-programmed-with: Ola Operator <ola@example.com>",
            "T\n\nPair: Ola Operator <ola@example.com>",
            "T\n\nCo-authored-by: Ola Operator\n  <ola@example.com>",
            "T\n\nCo-authors:\n- Ola Operator <ola@example.com>",
            "T\n\nCo-authored-by: Ola Operator <ola@example.com",
        ] {
            assert_eq!(named(message), ola, "{message:?}");
        }
    }

    #[test]
    fn one_line_names_several_people() {
        let two = "Kim <kim@x>; Ola <ola@x>";
        for value in [
            "Kim <kim@x>, Ola <ola@x>",
            "Kim <kim@x>; Ola <ola@x>",
            "Kim <kim@x> and Ola <ola@x>",
            "Kim <kim@x> & Ola <ola@x>",
            "Kim kim@x, Ola ola@x",
            "Kim <kim@x>,\n  Ola <ola@x>",
            "Kim <kim@x> Co-authored-by: Ola <ola@x>",
            "\n- Kim <kim@x>\n- Ola <ola@x>",
        ] {
            assert_eq!(named(&format!("T\n\nCo-authored-by: {value}")), two, "{value:?}");
        }
        let named = |value: &str| named(&format!("T\n\nCo-authored-by: {value}"));
        assert_eq!(named("Kim, Ola"), "Kim <>; Ola <>");
        assert_eq!(named("@kim and @ola"), "@kim <>; @ola <>");
        assert_eq!(named("Kim <kim@x>, Ola"), "Kim <kim@x>; Ola <>");
        assert_eq!(named("Operator, Ola <ola@x>"), "Operator, Ola <ola@x>");
        assert_eq!(named("Ola Operator"), "Ola Operator <>");
        assert_eq!(named("Ann <a@x> and more"), "Ann <a@x>");
        assert_eq!(named("<a@x>"), " <a@x>");
    }

    #[test]
    fn other_lines_name_nobody() {
        for message in [
            "Author page: show the avatar",
            "Pair the keys with their values",
            "T\n\nReviewed-by: Kim <kim@x>\nSigned-off-by: Kim <kim@x>",
            "T\n\nWe co-authored, by chance, the same fix",
            "T\n\nauthors[0]: Kim",
            "T\n\nCo-authored-by:",
            "T\n\nCo-authored-by: <>",
        ] {
            assert_eq!(named(message), "", "{message:?}");
        }
    }

    #[test]
    fn beyond_fifty_people_it_is_said_that_there_are_more() {
        let lines = |count| "Co-authored-by: A <a@x>\n".repeat(count);
        let (all, cut) = (CoAuthors::parse(&lines(50)), CoAuthors::parse(&lines(51)));
        assert_eq!((all.people.len(), all.more), (50, false));
        assert_eq!((cut.people.len(), cut.more), (50, true));
    }
}
