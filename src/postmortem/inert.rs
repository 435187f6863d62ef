//! Text from outside in an issue at a forge. There a mark that is escaped still names a person, an issue or a commit, as the
//! forge looks at the text that Markdown made; only code is left alone.

use super::escape;
use crate::gate;

/// What begins the name of something, if a character follows.
const MARKS: &str = "@#!$%~&^*[{";
/// Digits in a row that may name a commit.
const COMMIT: usize = 7;

/// Text in a line, of which each word that could name something is code.
pub(super) fn inline(text: &str) -> String {
    let line = gate::line(text);
    let words =
        line.split(' ').map(|word| if is_name(word) { code(word) } else { escape::inline(word) });
    words.collect::<Vec<_>>().join(" ")
}

fn is_name(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    let follows = |at: usize| word[at..].chars().nth(1).is_some();
    let has_mark = word.char_indices().any(|(at, c)| MARKS.contains(c) && follows(at));
    has_mark
        || word.starts_with(['/', ':'])
        || lower.contains("www.")
        || has_scheme(word)
        || has_ticket(word)
        || word.split(|c: char| !c.is_ascii_hexdigit()).any(|run| run.len() >= COMMIT)
}

/// `https:…`, and any other scheme: GitLab makes links of all.
fn has_scheme(word: &str) -> bool {
    word.match_indices(':').any(|(at, _)| {
        let before = word[..at].chars().next_back();
        before.is_some_and(|c| c.is_ascii_alphabetic()) && at + 1 < word.len()
    })
}

/// `GH-12`, and the ticket of another tracker.
fn has_ticket(word: &str) -> bool {
    word.match_indices('-').any(|(at, _)| {
        let before = word[..at].chars().next_back();
        let after = word[at + 1..].chars().next();
        before.is_some_and(|c| c.is_ascii_alphanumeric())
            && word[..at].contains(|c: char| c.is_ascii_alphabetic())
            && after.is_some_and(|c| c.is_ascii_digit())
    })
}

/// As code that nothing in it can end, also in a cell of a table.
fn code(word: &str) -> String {
    let longest = word.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if longest > 0 { " " } else { "" };
    format!("{fence}{space}{}{space}{fence}", word.replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_name_something_is_code_and_plain_words_stay_as_they_are() {
        for (text, written) in [
            ("ping @sam now", "ping `@sam` now"),
            ("fixes #12, acme/ops#3 and GH-4", "fixes `#12,` `acme/ops#3` and `GH-4`"),
            ("see https://evil.example and ssh://x", "see `https://evil.example` and `ssh://x`"),
            ("www.evil.example", "`www.evil.example`"),
            ("!7 $8 &9 %\"a b\" ~bug", "`!7` `$8` `&9` `%\"a` b\" `~bug`"),
            ("since 3f9ac21d", "since `3f9ac21d`"),
            ("/close", "`/close`"),
            ("[TOC] [[wiki]]", "`[TOC]` `[[wiki]]`"),
            ("<!-- {{x}} -->", "`<!--` `{{x}}` -->".replace("-->", "\\--\\>").as_str()),
            ("`@sam`", "`` `@sam` ``"),
            ("``@a|b", "``` ``@a\\|b ```"),
            ("2026-11-30 02:51:07 UTC: failed, 1 %", "2026-11-30 02:51:07 UTC: failed, 1 %"),
            ("# heading", "\\# heading"),
        ] {
            assert_eq!(inline(text), written, "{text}");
        }
    }
}
