//! Reads a commit message for what it reverts, in the words of git, of forges and of people.

use crate::domain::commit::RevertEvidence;
use crate::domain::pull_request::PullRequest;
use crate::git::names;

/// The sentence of `git revert`, at the start of a line. Whatever it names is reverted; other words only claim it.
const SENTENCES: [&str; 2] = ["This reverts commit ", "This reverts commits "];
/// The most reverts that are read from one message.
const MOST: usize = 50;
/// The most words of one sentence.
const MOST_WORDS: usize = 500;

/// Words that say a commit is reverted.
const VERBS: [&str; 14] = [
    "revert",
    "reverts",
    "reverted",
    "reverting",
    "rollback",
    "rollbacks",
    "rolls-back",
    "roll-back",
    "backout",
    "back-out",
    "backs-out",
    "backed-out",
    "undo",
    "undoes",
];
/// Words in a subject that say a revert is reverted.
const AGAIN: [&str; 6] = ["reapply", "re-apply", "reapplies", "reland", "re-land", "relands"];
/// Words that may stand before the verb.
const BEFORE: [&str; 10] =
    ["this", "it", "that", "which", "and", "also", "commit", "pr", "mr", "change"];
/// Words that may stand between the verb and what it names.
const BETWEEN: [&str; 25] = [
    "the",
    "a",
    "change",
    "changes",
    "from",
    "of",
    "in",
    "by",
    "made",
    "introduced",
    "commit",
    "commits",
    "changeset",
    "changesets",
    "revision",
    "revisions",
    "merge",
    "request",
    "requests",
    "pull",
    "pr",
    "prs",
    "mr",
    "mrs",
    "and",
];
const IN_PART: [&str; 6] = ["partially", "partly", "partial", "part", "parts", "half"];

/// What a message says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct MessageFacts {
    pub reverts: Vec<NamedRevert>,
    /// Without its link.
    pub pull_request: Option<PullRequest>,
}

/// A revert as a message names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedRevert {
    pub what: Reverted,
    /// How sure it is if nothing else is known.
    pub evidence: RevertEvidence,
    /// The parent that a reverted merge goes back to. The id may be abbreviated.
    pub back_to: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reverted {
    /// An id, perhaps abbreviated.
    Commit(String),
    /// A pull request or merge request, with its project if the message names one.
    Request { project: Option<String>, number: u32 },
    /// The subject of the commit.
    Title(String),
}

/// Reads a message.
pub fn read(message: &str) -> MessageFacts {
    let mut lines = message.lines();
    let subject = lines.next().unwrap_or_default().trim();
    let mut reverts: Vec<_> = of_subject(subject).into_iter().collect();
    let is_revert = !reverts.is_empty();
    let mut rest = message;
    while !rest.is_empty() && reverts.len() < MOST {
        let line = rest.split('\n').next().unwrap_or_default();
        if rest.len() < message.len() || reverts.is_empty() {
            for start in sentences(line) {
                let room = MOST.saturating_sub(reverts.len());
                reverts.extend(
                    of_sentence(&rest[start..], start == 0, is_revert).into_iter().take(room),
                );
            }
        }
        rest = rest.get(line.len() + 1..).unwrap_or_default();
    }
    let pull_request = message.lines().rev().find_map(|line| PullRequest::of_line(line, None));
    MessageFacts { reverts, pull_request }
}

/// The ids that a message says it fixes: `Fixes: 3f9ac21 ("Add it")`.
pub fn fixed(message: &str) -> Vec<String> {
    let of_line = |line: &str| {
        let mut words = line.split_whitespace();
        let verb = plain(words.next()?);
        let mut id_or_word = words.next()?;
        if plain(id_or_word) == "commit" {
            id_or_word = words.next()?;
        }
        let is_fix = ["fix", "fixes", "fixed", "fixup"].contains(&verb.as_str());
        id(id_or_word).filter(|_| is_fix)
    };
    message.lines().filter_map(of_line).take(MOST).collect()
}

/// Where sentences begin in a line. A quoted or empty line has none.
fn sentences(line: &str) -> Vec<usize> {
    let line = line.trim_end();
    if line.is_empty() || line.trim_start().starts_with(['>', '"', '\'', '\u{201c}']) {
        return Vec::new();
    }
    let after_stop = line.match_indices(". ").map(|(at, stop)| at + stop.len());
    std::iter::once(0).chain(after_stop).collect()
}

/// `Revert "Add a banner" (#12)`, `revert: add a banner`, `Revert #11`, `Reapply "Add a banner"`.
fn of_subject(subject: &str) -> Option<NamedRevert> {
    let subject = without_prefix(subject);
    let (verb, rest) = split_word(subject);
    let verb = verb.trim_end_matches(':').to_ascii_lowercase();
    let title = title(rest)?;
    let what = if AGAIN.contains(&verb.as_str()) {
        format!("Revert \"{title}\"")
    } else if VERBS.contains(&verb.as_str()) && of_sentence(subject, false, true).is_empty() {
        title
    } else {
        return None;
    };
    Some(NamedRevert {
        what: Reverted::Title(what),
        evidence: RevertEvidence::Title,
        back_to: None,
    })
}

/// The subject without `[hotfix]` and `fix(shop):` before a verb.
fn without_prefix(subject: &str) -> &str {
    let subject = match subject.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((_, rest)) => rest.trim_start(),
        None => subject,
    };
    let is_verb = |word: &str| {
        let word = word.trim_end_matches(':').to_ascii_lowercase();
        VERBS.contains(&word.as_str()) || AGAIN.contains(&word.as_str())
    };
    match subject.split_once(": ") {
        Some((kind, rest)) if !kind.contains(' ') && is_verb(split_word(rest).0) => rest,
        _ => subject,
    }
}

fn split_word(text: &str) -> (&str, &str) {
    let lower = text.to_ascii_lowercase();
    let two = ["back out", "roll back", "backed out"].iter().find(|two| lower.starts_with(*two));
    if let Some(two) = two {
        // The verbs above have a hyphen there, or nothing.
        let verb = if *two == "backed out" { "backed-out" } else { "rollback" };
        return (verb, text[two.len()..].trim_start());
    }
    text.split_once(char::is_whitespace)
        .map_or((text, ""), |(word, rest)| (word, rest.trim_start()))
}

/// The quoted title, or all of the text without `(#12)` at its end.
fn title(rest: &str) -> Option<String> {
    const QUOTES: [(char, char); 4] =
        [('"', '"'), ('\'', '\''), ('\u{201c}', '\u{201d}'), ('`', '`')];
    for (open, close) in QUOTES {
        if let Some(quoted) = rest.strip_prefix(open) {
            let end = quoted.rfind(close).unwrap_or(quoted.len());
            return Some(quoted[..end].to_owned()).filter(|title| !title.is_empty());
        }
    }
    let title = without_number(rest);
    (!title.is_empty()).then(|| title.to_owned())
}

/// A subject without the pull request that a forge adds at its end.
fn without_number(subject: &str) -> &str {
    let Some((title, number)) = subject.trim_end().rsplit_once(" (") else { return subject };
    let number = number.strip_suffix(')').and_then(|n| n.strip_prefix(['#', '!']));
    let is_number = number.is_some_and(|n| n.bytes().all(|byte| byte.is_ascii_digit()));
    if is_number { title.trim_end() } else { subject }
}

/// Whether a title names the commit of a subject. Numbers of pull requests may be left out, but may not differ.
pub fn is_title_of(title: &str, subject: &str) -> bool {
    let (outer, other) = (without_number(title), without_number(subject));
    if outer == other {
        return title == outer || subject == other || title == subject;
    }
    let bare = without_numbers(title);
    bare == title && bare == without_numbers(subject)
}

/// A subject without the numbers at its end and at the ends of quotes in it.
pub fn without_numbers(subject: &str) -> String {
    let mut parts: Vec<_> = subject.split('"').map(str::to_owned).collect();
    for part in &mut parts {
        *part = without_number(part).to_owned();
    }
    parts.join("\"").trim_end().to_owned()
}

/// Reads the sentence at the start of a text, up to the end of its paragraph. `refs` may name it in a revert's message.
fn of_sentence(text: &str, is_line: bool, is_revert: bool) -> Vec<NamedRevert> {
    let is_gits = is_line && SENTENCES.iter().any(|sentence| text.starts_with(sentence));
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let mut words = paragraph.split_whitespace().take(MOST_WORDS).peekable();
    while words.next_if(|word| matches!(*word, "*" | "-" | "+")).is_some() {}
    words.next_if(|word| BEFORE.contains(&plain(word).as_str()));
    let mut in_part = words.next_if(|word| IN_PART.contains(&plain(word).as_str())).is_some();
    let is_verb = |word: &&str| {
        let word = plain(word);
        VERBS.contains(&word.as_str()) || is_revert && matches!(word.as_str(), "refs" | "ref")
    };
    let Some(verb) = words.next_if(is_verb) else { return Vec::new() };
    let evidence = if is_gits { RevertEvidence::Sure } else { RevertEvidence::Message };
    let mut found: Vec<NamedRevert> = Vec::new();
    while let Some(word) = words.next() {
        if word.starts_with('(') && !found.is_empty() {
            skip_brackets(word, &mut words);
        } else if IN_PART.contains(&plain(word).as_str()) && found.is_empty() {
            in_part = true;
        } else if plain(word) == "reversing" {
            let back_to = words.nth(3).and_then(id);
            found.last_mut().into_iter().for_each(|last| last.back_to.clone_from(&back_to));
            break;
        } else if let Some(what) = reference(word) {
            let evidence = match (&what, in_part) {
                (_, true) => RevertEvidence::Part,
                (Reverted::Request { .. }, _) => RevertEvidence::PullRequest,
                _ => evidence,
            };
            found.push(NamedRevert { what, evidence, back_to: None });
            if found.len() == MOST || word.ends_with('.') {
                break;
            }
        } else if !BETWEEN.contains(&plain(word).as_str()) && !plain(word).is_empty() {
            // "Revert abc1234 if it breaks" reverts nothing.
            if plain(verb) == "revert" {
                return Vec::new();
            }
            break;
        }
    }
    found
}

/// Skips what stands in brackets after an id: its title and date.
fn skip_brackets<'a>(first: &str, words: &mut impl Iterator<Item = &'a str>) {
    let depth = |word: &str| {
        let count = |sign| i32::try_from(word.matches(sign).count()).unwrap_or(i32::MAX);
        count('(') - count(')')
    };
    let mut open = depth(first);
    while open > 0 {
        let Some(word) = words.next() else { return };
        open += depth(word);
    }
}

/// A word without the signs around it, in lower case.
fn plain(word: &str) -> String {
    word.trim_matches(|c: char| !c.is_alphanumeric()).to_ascii_lowercase()
}

/// What a word names: `3f9ac21`, `#11`, `!11`, `acme/shop#11`, or the address of one of them.
fn reference(word: &str) -> Option<Reverted> {
    let word = word.trim_matches(|c: char| ".,;:()[]<>\"'`*".contains(c));
    if let Some(id) = id(word) {
        return Some(Reverted::Commit(id));
    }
    if word.starts_with("https://") || word.starts_with("http://") {
        return of_address(word);
    }
    let (project, number) = word.rsplit_once(['#', '!'])?;
    let is_project = project.is_empty() || project.contains('/');
    let project = (!project.is_empty()).then(|| project.to_owned());
    is_project.then_some(())?;
    Some(Reverted::Request { project, number: request_number(number)? })
}

fn of_address(address: &str) -> Option<Reverted> {
    let path = address.split("://").nth(1)?.split(['?', '#']).next()?;
    let (before, last) = path.trim_end_matches('/').rsplit_once('/')?;
    let (project, kind) = before.rsplit_once('/')?;
    let project = project.split_once('/').map(|(_, path)| path.trim_end_matches("/-").to_owned());
    match kind {
        "commit" | "commits" => Some(Reverted::Commit(id(last)?)),
        "pull" | "pulls" | "pull-requests" | "merge_requests" | "pullrequest" => {
            Some(Reverted::Request { project, number: request_number(last)? })
        }
        _ => None,
    }
}

fn request_number(text: &str) -> Option<u32> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_number && *number > 0)
}

fn id(word: &str) -> Option<String> {
    let word = word.trim_matches(|c: char| ".,;:()[]<>\"'`*".contains(c));
    let is_hex = word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_id = is_hex && (names::SHORTEST..=64).contains(&word.len());
    is_id.then(|| word.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a message names, one word each: an id, `#11`, `acme/shop#11` or `"title"`, with `?` unless it is sure.
    fn named(message: &str) -> String {
        let one = |revert: &NamedRevert| {
            let what = match &revert.what {
                Reverted::Commit(id) => id.clone(),
                Reverted::Request { project, number } => {
                    format!("{}#{number}", project.as_deref().unwrap_or_default())
                }
                Reverted::Title(title) => format!("{title:?}"),
            };
            let back = revert.back_to.as_ref().map_or(String::new(), |to| format!(" to {to}"));
            let sure = if revert.evidence == RevertEvidence::Sure { "" } else { "?" };
            format!("{what}{back}{sure}")
        };
        read(message).reverts.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_revert_is_read_in_the_words_of_git_and_of_every_forge() {
        for (message, expected) in [
            ("x\n\nThis reverts commit 3f9ac21.", "3f9ac21"),
            ("x\n\nThis reverts commit 3F9AC21 (Add it (#11), 2026-11-28).", "3f9ac21"),
            ("x\n\nThis reverts commits 3f9ac21, abcdef0 and 1234567.", "3f9ac21 abcdef0 1234567"),
            ("x\n\nThis reverts commit 3f9ac21 and commit abcdef0 as both fail", "3f9ac21 abcdef0"),
            (
                "x\n\nThis reverts commit 3f9ac21, reversing\nchanges made to abcdef0.",
                "3f9ac21 to abcdef0",
            ),
            ("Revert \"Add it\" (#12)\n\nReverts acme/shop#11", "\"Add it\"? acme/shop#11?"),
            ("Revert \"Add it (#11)\" (#12)", "\"Add it (#11)\"?"),
            ("Revert \"Add it\"\n\nThis reverts merge request !11", "\"Add it\"? #11?"),
            ("x\n\nReverts merge request group/shop!11", "group/shop#11?"),
            ("Revert \"Add it\" (pull request #12)", "\"Add it\"?"),
            ("x\n\nReverts pull request #11, #13.", "#11? #13?"),
            ("x\n\nReverts https://github.com/acme/shop/pull/11", "acme/shop#11?"),
            ("x\n\nReverts https://gitlab.com/a/shop/-/merge_requests/11.", "a/shop#11?"),
            ("x\n\nReverts https://github.com/acme/shop/commit/3f9ac21", "3f9ac21?"),
            ("Revert #11", "#11?"),
            ("Revert 3f9ac21", "3f9ac21?"),
            (
                "revert: feat: add it\n\nRefs: 3f9ac21, abcdef0",
                "\"feat: add it\"? 3f9ac21? abcdef0?",
            ),
            ("fix(shop): revert \"Add it\"", "\"Add it\"?"),
            ("[hotfix] Revert 'Add it'", "\"Add it\"?"),
            ("Back out \"Add it\"", "\"Add it\"?"),
            ("Rollback Add it (#12)", "\"Add it\"?"),
            ("Reapply \"Add it\" (#13)", "\"Revert \\\"Add it\\\"\"?"),
            ("Revert \"Revert \"Add it\"\"", "\"Revert \\\"Add it\\\"\"?"),
            ("x\n\n  This reverts commit 3f9ac21.", "3f9ac21?"),
            ("x\n\n* this reverts commit 3f9ac21", "3f9ac21?"),
            ("x\n\nIt broke. This reverts commit 3f9ac21.", "3f9ac21?"),
            ("x\n\nThis partially reverts commit 3f9ac21.", "3f9ac21?"),
            ("x\n\nReverts part of #11", "#11?"),
        ] {
            assert_eq!(named(message), expected, "{message:?}");
        }
    }

    #[test]
    fn what_only_speaks_of_a_revert_reverts_nothing() {
        for message in [
            "x\n\n> This reverts commit 3f9ac21.",
            "x\n\n\"This reverts commit 3f9ac21.\" is what git writes",
            "x\n\nThis does not revert commit 3f9ac21.",
            "x\n\nTo undo it, revert 3f9ac21.",
            "x\n\nRevert 3f9ac21 if it breaks.",
            "x\n\nThis reverts commit cafe12.",
            "x\n\nThis reverts commit 3f9ac21xyz.",
            "x\n\nThis reverts commit --all; $(reboot)",
            "x\n\nRefs: 3f9ac21",
            "Reverts",
            "",
        ] {
            assert_eq!(named(message), "", "{message:?}");
        }
    }

    #[test]
    fn a_fix_names_the_commit_that_it_fixes_by_its_id() {
        let fixed = |message| fixed(message).join(" ");
        assert_eq!(fixed("x\n\nFixes: 3f9ac21 (\"Add it\")"), "3f9ac21");
        assert_eq!(fixed("Fix commit abcdef01"), "abcdef01");
        assert_eq!(fixed("Fixes #20"), "");
        assert_eq!(fixed("Prefixes 3f9ac21"), "");
    }

    #[test]
    fn one_message_names_fifty_reverts_and_no_more() {
        let lines: Vec<_> = (1..=1000).map(|n| format!("This reverts commit {n:040x}.")).collect();
        assert_eq!(read(&format!("x\n\n{}", lines.join("\n"))).reverts.len(), 50);
    }

    #[test]
    fn a_subject_loses_the_number_that_a_forge_adds() {
        assert_eq!(without_number("Add it (#11)"), "Add it");
        assert_eq!(without_number("Add it (!11) "), "Add it");
        assert_eq!(without_number("Add it (again)"), "Add it (again)");
        assert_eq!(without_numbers("Revert \"Add it (#11)\" (#12)"), "Revert \"Add it\"");
    }

    #[test]
    fn a_title_names_a_subject_whose_number_does_not_differ() {
        for (title, subject, is_same) in [
            ("Add it", "Add it", true),
            ("Add it", "Add it (#11)", true),
            ("Add it (#11)", "Add it", true),
            ("Add it (#11)", "Add it (#11)", true),
            ("Add it (#11)", "Add it (#12)", false),
            ("Revert \"Add it\"", "Revert \"Add it (#11)\" (#12)", true),
            ("Revert \"Add it (#11)\"", "Revert \"Add it (#11)\" (#12)", true),
            ("Revert \"Add it (#13)\"", "Revert \"Add it (#11)\" (#12)", false),
            ("Add it", "Add it again", false),
        ] {
            assert_eq!(is_title_of(title, subject), is_same, "{title:?} and {subject:?}");
        }
    }
}
