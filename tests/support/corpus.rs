//! The corpus of hostile strings, read: each entry with its bytes and what its columns say must come of them.

use std::fs;

/// Entries up to this size are cut at every place.
pub const SHORT: usize = 300;

pub struct Entry {
    pub id: String,
    pub class: String,
    /// What becomes of it in a log and in a field: `keep`, `strip`, `show`, `split` or `flag`.
    pub log_policy: String,
    pub field_policy: String,
    /// The bytes as they arrive, read by read.
    pub reads: Vec<Vec<u8>>,
    pub log: Expected,
    pub field: Expected,
}

pub enum Expected {
    Text(String),
    /// How the escaped form begins and how long it is.
    Long {
        prefix: String,
        chars: usize,
    },
}

impl Entry {
    pub fn bytes(&self) -> Vec<u8> {
        self.reads.concat()
    }
}

pub fn corpus() -> Vec<Entry> {
    let text = fs::read_to_string("tests/data/hostile-strings.txt").unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let entries: Vec<Entry> = lines.map(entry).collect();
    assert!(entries.len() > 150, "the corpus was read");
    entries
}

fn entry(line: &str) -> Entry {
    let columns: Vec<&str> = line.split('\t').collect();
    let [id, class, log_policy, field_policy, input, log, field] = columns[..] else {
        panic!("{line:?}")
    };
    Entry {
        id: id.to_owned(),
        class: class.to_owned(),
        log_policy: log_policy.to_owned(),
        field_policy: field_policy.to_owned(),
        reads: input.split("{SPLIT}").map(unescape).collect(),
        log: expected(log),
        field: expected(field),
    }
}

fn expected(column: &str) -> Expected {
    let long = column.strip_suffix(" chars)").and_then(|rest| rest.rsplit_once("...(total "));
    match long {
        Some((prefix, chars)) => {
            Expected::Long { prefix: prefix.to_owned(), chars: chars.parse().unwrap() }
        }
        None => Expected::Text(String::from_utf8(unescape(column)).unwrap()),
    }
}

/// The corpus' escapes as bytes.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let taken = if let Some(hex) = rest.strip_prefix("\\x") {
            bytes.push(u8::from_str_radix(&hex[..2], 16).unwrap());
            4
        } else if let Some(hex) = rest.strip_prefix("\\u{") {
            let end = hex.find('}').unwrap();
            let c = char::from_u32(u32::from_str_radix(&hex[..end], 16).unwrap()).unwrap();
            bytes.extend(c.to_string().bytes());
            end + 4
        } else if let Some(repeat) = rest.strip_prefix("{REP:") {
            let end = repetition_end(repeat);
            let (what, times) = repeat[..end].rsplit_once(':').unwrap();
            bytes.extend(unescape(what).repeat(times.parse().unwrap()));
            end + 6
        } else if c == '\\' {
            bytes.push(match rest.as_bytes()[1] {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                other => other,
            });
            2
        } else {
            bytes.extend(c.to_string().bytes());
            c.len_utf8()
        };
        rest = &rest[taken..];
    }
    bytes
}

/// Where a repetition closes: the brace right after the digits, not the one of a code point.
fn repetition_end(repeat: &str) -> usize {
    let closes = |at: &usize| {
        let digits = repeat[..*at].rsplit_once(':').map(|(_, digits)| digits);
        digits.is_some_and(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
    };
    repeat.match_indices('}').map(|(at, _)| at).find(closes).unwrap()
}

/// The corpus' own writing of a text, as far as its long columns use it.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("\\n"),
            '\\' => escaped.push_str("\\\\"),
            ' '..='~' => escaped.push(c),
            _ => escaped
                .push_str(&c.escape_unicode().to_string().to_uppercase().replace("\\U", "\\u")),
        }
    }
    escaped
}

impl Expected {
    /// Asserts that this is what came out.
    pub fn check(&self, id: &str, what: &str, got: &str) {
        match self {
            Self::Text(text) => assert_eq!(got, text, "{id} {what}"),
            Self::Long { prefix, chars } => {
                let escaped = escape(got);
                assert!(escaped.starts_with(prefix.as_str()), "{id} {what}: {escaped:.200}");
                assert_eq!(escaped.len(), *chars, "{id} {what}");
            }
        }
    }
}
