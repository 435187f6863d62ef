//! Where the operator keeps the values of variables: a file or a command, which do not depend on the shell that happened to
//! start the engine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::settings::{self, Mistakes, Section, Setting};

/// `env_file` and `command` of `[secrets]`, or of `secrets` of one service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretSources {
    /// A file of `NAME=VALUE` lines.
    pub env_file: Option<PathBuf>,
    /// A program and its arguments, which prints such lines.
    pub command: Option<Vec<String>>,
}

/// Reads the setting `secrets`.
pub(super) fn read(setting: Option<Setting<'_>>, mistakes: &mut Mistakes<'_>) -> SecretSources {
    let section = setting.and_then(|entry| entry.section(mistakes));
    let Some(mut section) = section else { return SecretSources::default() };
    let env_file = section.take("env_file").and_then(|entry| absolute(&entry, mistakes));
    let command = command(&mut section, "command", mistakes);
    section.finish(mistakes);
    SecretSources { env_file, command }
}

/// An absolute path: the engine has another working directory.
pub(super) fn absolute(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<PathBuf> {
    let path = PathBuf::from(entry.text(mistakes)?);
    if path.is_absolute() {
        return Some(path);
    }
    entry.reject(mistakes, "is not an absolute path; write the path from / on");
    None
}

/// A program and its arguments, as a list.
pub(super) fn command(
    section: &mut Section<'_>,
    key: &'static str,
    mistakes: &mut Mistakes<'_>,
) -> Option<Vec<String>> {
    let entry = section.take(key)?;
    if !entry.is_list() {
        entry.reject(
            mistakes,
            "is not a list; write the program and its arguments as [\"a\", \"b\"]",
        );
        return None;
    }
    let words = entry.words(mistakes)?;
    if words.first().is_none_or(|program| program.trim().is_empty()) {
        entry.reject(mistakes, "names no program; start the list with one");
        return None;
    }
    Some(words.into_iter().map(str::to_owned).collect())
}

/// The values in a file or in what a command printed: `NAME=VALUE` lines. A value in quotes may have several lines; in double
/// quotes `\n`, `\"`, `\\` and `\$` are escapes. Blank lines and lines that start with `#` are skipped, and a leading `export`
/// is allowed.
///
/// # Errors
/// With the number of the first line that cannot be read, and none of its text.
pub fn read_values(bytes: Vec<u8>) -> Result<BTreeMap<String, String>, String> {
    let text = settings::text(bytes, "").map_err(|error| {
        let line = error.mistakes().first().map_or(1, |mistake| mistake.line);
        format!("line {line} is not UTF-8; write it in UTF-8")
    });
    text.and_then(|text| parse_values(&text))
}

fn parse_values(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut values = BTreeMap::new();
    let mut rest = text;
    while !rest.is_empty() {
        let number = text[..text.len() - rest.len()].matches('\n').count() + 1;
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            rest = after;
            continue;
        }
        let wrong = |what: &str| format!("line {number} {what}");
        let (name, value) = rest.split_once('=').ok_or_else(|| wrong("is not NAME=VALUE"))?;
        let name = name.trim();
        let name = name.strip_prefix("export ").unwrap_or(name).trim();
        let inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(inside) {
            return Err(wrong("is not NAME=VALUE"));
        }
        let (value, after) = value_at(value).ok_or_else(|| wrong("has a quote without its end"))?;
        values.insert(name.to_owned(), value);
        rest = after;
    }
    Ok(values)
}

/// The value at the start of a text, and what follows its line. `None` if a quote is not closed on its own.
fn value_at(text: &str) -> Option<(String, &str)> {
    let start = text.trim_start_matches([' ', '\t']);
    let (line, after) = start.split_once('\n').unwrap_or((start, ""));
    let (value, rest) = match start.chars().next() {
        Some('\'') => start[1..].split_once('\'').map(|(value, rest)| (value.to_owned(), rest))?,
        Some('"') => double_quoted(&start[1..])?,
        _ => return Some((line.trim().to_owned(), after)),
    };
    let (end, after) = rest.split_once('\n').unwrap_or((rest, ""));
    let end = end.trim();
    (end.is_empty() || end.starts_with('#')).then_some((value, after))
}

fn double_quoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut characters) = (String::new(), text.char_indices());
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                c @ ('"' | '\\' | '$') => value.push(c),
                other => value.extend(['\\', other]),
            },
            c => value.push(c),
        }
    }
    None
}

/// How to give variables to an engine, `them` or `it`.
#[must_use]
pub fn advice(them: &str, user_file: Option<&Path>) -> String {
    let file = user_file.map_or("config.toml".into(), |path| path.display().to_string());
    format!(
        "write {them} into a file and name it in {file} as [secrets] env_file = \"/PATH\", or export {them} and run: \
         trunkline engine restart"
    )
}

#[cfg(test)]
mod tests {
    use super::parse_values;

    #[test]
    fn values_are_plain_quoted_or_of_several_lines() {
        let text = "# comment\nexport A=1 # is part of it\n B = \"two\\nlines \\\"q\\\" \\$x\" # none\n\nC='-----BEGIN\nline=2\n-----END' \r\nD=\nE=a=b\r\nF=last";
        let values = parse_values(text).unwrap();
        let found: Vec<_> = values.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let expected = [
            ("A", "1 # is part of it"),
            ("B", "two\nlines \"q\" $x"),
            ("C", "-----BEGIN\nline=2\n-----END"),
            ("D", ""),
            ("E", "a=b"),
            ("F", "last"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_mistake_is_told_by_its_line_and_never_by_its_text() {
        let wrong = |text: &str| parse_values(text).unwrap_err();
        assert_eq!(wrong("A=1\n\nhunter2\n"), "line 3 is not NAME=VALUE");
        assert_eq!(wrong("A=1\nB='hunter2\n"), "line 2 has a quote without its end");
        assert_eq!(wrong("A=\"hunter2\" more"), "line 1 has a quote without its end");
        assert_eq!(wrong("hunter2 x=1"), "line 1 is not NAME=VALUE");
        assert_eq!(wrong("hunter2\nA=1"), "line 1 is not NAME=VALUE");
    }
}
