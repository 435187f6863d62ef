//! Text from outside in Markdown: it stays text, whatever it says.

use crate::gate;

/// Text in a line: it begins no heading, list, link, picture, table cell, HTML or code, and nothing in it becomes a link by
/// itself.
pub(super) fn inline(text: &str) -> String {
    let line = gate::line(text);
    let mut written = String::with_capacity(line.len() + 8);
    let mut before = String::new();
    for c in line.chars() {
        let word = before.to_ascii_lowercase();
        let begins = before.is_empty() && written.is_empty();
        let is_mark = match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '#' | '|' | '~' | '@' | '$'
            | '!' => true,
            // Only these begin something at the beginning of a line.
            '-' | '+' | '=' | ':' if begins => true,
            // `1.` and `1)` there begin a list.
            '.' | ')' if !before.is_empty() && written == before => {
                before.bytes().all(|b| b.is_ascii_digit()) || word == "www"
            }
            '.' => word.ends_with("www"),
            ':' => ["http", "https", "ftp", "mailto", "xmpp"]
                .iter()
                .any(|scheme| word.ends_with(scheme)),
            _ => false,
        };
        if is_mark {
            written.push('\\');
        }
        written.push(c);
        if c.is_ascii_alphanumeric() {
            before.push(c);
        } else {
            before.clear();
        }
    }
    written
}

/// The longest address that becomes a link.
const LONGEST_LINK: usize = 500;

/// An address as a link that shows where it goes; `None` if a character of it could say something else.
pub(super) fn link(address: &str) -> Option<String> {
    let rest = address.strip_prefix("https://")?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_host = |c: char| c.is_ascii_alphanumeric() || "-.:".contains(c);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~/?=%+,;:#".contains(c);
    let is_link = !host.is_empty()
        && host.chars().all(is_host)
        && rest.chars().all(is_plain)
        && address.len() <= LONGEST_LINK;
    is_link.then(|| format!("<{address}>"))
}

/// Lines of a log in a fence that none of them can close.
pub(super) fn fenced(lines: &[String]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| gate::line(line)).collect();
    let longest = lines.iter().map(|line| longest_run(line)).max().unwrap_or(0);
    let fence = "`".repeat(3.max(longest + 1));
    format!("{fence}\n{}\n{fence}", lines.join("\n"))
}

/// The most backticks in a row.
fn longest_run(line: &str) -> usize {
    line.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_text_and_plain_words_stay_as_they_are() {
        for (text, written) in [
            ("promote of #12 (d57) failed: exit 1", "promote of \\#12 (d57) failed: exit 1"),
            ("# heading", "\\# heading"),
            ("- item", "\\- item"),
            ("1. item", "1\\. item"),
            ("12) item", "12\\) item"),
            ("took 1.5 s", "took 1.5 s"),
            ("[a](https://evil.example)", "\\[a\\](https\\://evil.example)"),
            ("see https://evil.example", "see https\\://evil.example"),
            ("see www.evil.example", "see www\\.evil.example"),
            ("www.evil.example", "www\\.evil.example"),
            ("me@evil.example", "me\\@evil.example"),
            ("<b>&amp;", "\\<b\\>\\&amp;"),
            ("a\n# b", "a^J\\# b"),
            ("a | b", "a \\| b"),
            ("====", "\\===="),
        ] {
            assert_eq!(inline(text), written);
        }
    }

    #[test]
    fn only_a_plain_https_address_is_a_link() {
        let run = "https://github.example/acme/shop/actions/runs/881?attempt=2";
        assert_eq!(link(run), Some(format!("<{run}>")));
        for wrong in [
            "http://github.example/1",
            "javascript:alert(1)",
            "https://",
            "https:///1",
            "https://me@evil.example/1",
            "https://a.example/>](x)",
            "https://a.example/ b",
            "https://a.example/|",
            "https://a.example/&lt;",
            "https://a.example/\n# b",
            "https://a.ex\u{430}mple/",
        ] {
            assert_eq!(link(wrong), None, "{wrong}");
        }
        assert_eq!(link(&format!("https://a.example/{}", "a".repeat(500))), None);
    }

    #[test]
    fn a_log_cannot_close_its_fence() {
        let lines = ["ok".to_owned(), "````".to_owned(), "# no heading".to_owned()];
        assert_eq!(fenced(&lines), "`````\nok\n````\n# no heading\n`````");
    }
}
