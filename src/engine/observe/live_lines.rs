//! Reads what a command prints about what runs: `TARGET COMMIT` lines, or one commit alone.

use super::live_answer::commit_of;
use crate::domain::ids::CommitPrefix;
use crate::domain::target::{MOST_TARGETS, TargetName};

/// The most characters of a line that is shown.
const LONGEST_SHOWN: usize = 60;

/// The answer of one target, or why there is none.
pub(super) type TargetHeard = (TargetName, Result<CommitPrefix, String>);

/// The answers in a text. A commit that stands alone is of the target `alone`.
///
/// # Errors
/// With what is wrong with all of it, as the end of a sentence.
pub(super) fn answers(text: &str, alone: &TargetName) -> Result<Vec<TargetHeard>, String> {
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if let [line] = lines.as_slice()
        && let Some(commit) = commit_of(line)
    {
        return Ok(vec![(alone.clone(), Ok(commit))]);
    }
    if lines.is_empty() {
        return Err("it prints nothing".to_owned());
    }
    if lines.len() > MOST_TARGETS {
        return Err(format!("it prints more than {MOST_TARGETS} lines"));
    }
    let mut all: Vec<TargetHeard> = Vec::new();
    for line in lines {
        let (name, commit) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let Ok(target) = name.parse::<TargetName>() else {
            return Err(format!("its line {:?} does not begin with a target's name", shown(line)));
        };
        if all.iter().any(|(known, _)| *known == target) {
            return Err(format!("it names {target} twice"));
        }
        all.push((target, commit_of(commit.trim()).ok_or_else(|| no_commit(commit.trim()))));
    }
    Ok(all)
}

fn no_commit(text: &str) -> String {
    if text.is_empty() {
        return "no commit is printed for it".to_owned();
    }
    format!("{:?} is printed for it, and no commit of 7 to 40 hex digits", shown(text))
}

fn shown(text: &str) -> String {
    text.chars().take(LONGEST_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A target, and its commit or why there is none.
    type Line = (String, Result<String, String>);

    fn read(text: &str) -> Result<Vec<Line>, String> {
        let text_of = |commit: CommitPrefix| commit.as_str().to_owned();
        let all = answers(text, &"production".parse().unwrap())?;
        Ok(all.into_iter().map(|(name, c)| (name.to_string(), c.map(text_of))).collect())
    }

    #[test]
    fn a_line_that_is_no_answer_is_said_and_never_taken_for_one() {
        let good = |name: &str, sha: &str| (name.to_owned(), Ok(sha.to_owned()));
        assert_eq!(read("3F2a9c1\n").unwrap(), [good("production", "3f2a9c1")]);
        let two = read("\n h1\t3f2a9c1 \nh2   3f2a9c1d\n").unwrap();
        assert_eq!(two, [good("h1", "3f2a9c1"), good("h2", "3f2a9c1d")]);
        for (line, why) in [
            ("h1", "no commit is printed for it"),
            ("h1 -", "\"-\" is printed for it, and no commit of 7 to 40 hex digits"),
            ("h1 v1.2", "\"v1.2\" is printed for it, and no commit of 7 to 40 hex digits"),
        ] {
            assert_eq!(read(line).unwrap(), [("h1".to_owned(), Err(why.to_owned()))]);
        }
        for (text, why) in [
            ("", "it prints nothing"),
            (" \n\n", "it prints nothing"),
            ("*** 3f2a9c1", "its line \"*** 3f2a9c1\" does not begin with a target's name"),
            ("h1 3f2a9c1\nh1 3f2a9c1", "it names h1 twice"),
            (
                "\u{1b}[2J 3f2a9c1",
                "its line \"\\u{1b}[2J 3f2a9c1\" does not begin with a target's name",
            ),
        ] {
            assert_eq!(read(text).unwrap_err(), why, "{text:?}");
        }
        let many: Vec<_> = (0..21).map(|at| format!("h{at} 3f2a9c1")).collect();
        assert_eq!(read(&many.join("\n")).unwrap_err(), "it prints more than 20 lines");
    }
}
