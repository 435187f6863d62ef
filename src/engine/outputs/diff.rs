//! The difference of two outputs, bounded. Pure.

use std::collections::HashMap;

/// The most lines of a difference, and the most characters of a line.
const MOST_LINES: usize = 40;
const LONGEST_LINE: usize = 200;
/// The most characters of a headline.
const LONGEST_HEADLINE: usize = 80;

/// The lines that are gone, after `-`, then those that are new, after `+`.
pub(super) fn diff(before: &str, after: &str) -> String {
    let (gone, new) = (only_in(before, after), only_in(after, before));
    let lines: Vec<_> = gone
        .into_iter()
        .map(|line| format!("-{}", cut(line, LONGEST_LINE)))
        .chain(new.into_iter().map(|line| format!("+{}", cut(line, LONGEST_LINE))))
        .collect();
    if lines.is_empty() {
        return "the same lines in another order, or other blanks".to_owned();
    }
    let more = lines.len().saturating_sub(MOST_LINES);
    let mut shown: Vec<_> = lines.into_iter().take(MOST_LINES).collect();
    if more > 0 {
        shown.push(format!("and {more} more lines"));
    }
    shown.join("\n")
}

/// The first line that is new, else the first that is gone.
pub(super) fn headline(diff: &str) -> String {
    let first = |mark: &str| diff.lines().find_map(|line| line.strip_prefix(mark));
    let line = match (first("+"), first("-")) {
        (Some(new), _) => new.trim().to_owned(),
        (None, Some(gone)) => format!("without {}", gone.trim()),
        (None, None) => diff.to_owned(),
    };
    cut(&line, LONGEST_HEADLINE)
}

/// The lines of one text that the other has not, or not so often.
fn only_in<'a>(one: &'a str, other: &str) -> Vec<&'a str> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for line in other.lines() {
        *counts.entry(line).or_default() += 1;
    }
    one.lines()
        .filter(|line| match counts.get_mut(line) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => true,
        })
        .collect()
}

fn cut(line: &str, most: usize) -> String {
    if line.chars().count() <= most {
        return line.to_owned();
    }
    let kept: String = line.chars().take(most).collect();
    format!("{kept}...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_what_is_gone_and_new_and_has_an_end() {
        let difference = diff("a=1\nb=1\nc=1\n", "a=1\nb=2\nc=1\nd=1\n");
        assert_eq!(difference, "-b=1\n+b=2\n+d=1");
        assert_eq!(headline(&difference), "b=2");
        assert_eq!(headline(&diff("a\nb\n", "a\n")), "without b");
        assert_eq!(diff("a\nb\n", "b\na\n"), "the same lines in another order, or other blanks");
        let lines = (0..1_000).map(|n| format!("{n}{}", "x".repeat(500)));
        let long = lines.collect::<Vec<_>>().join("\n");
        let difference = diff("", &long);
        assert_eq!(difference.lines().count(), MOST_LINES + 1);
        assert!(difference.len() < 10_000, "{}", difference.len());
    }
}
