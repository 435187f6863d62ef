//! Text from outside, written so that it stays text where it is shown: no link, no markup, nobody is pinged.

use crate::gate;

/// What Markdown of Discord acts on. A backslash before one of these shows the character alone.
const DISCORD: &[char] = &[
    '\\', '*', '_', '~', '`', '|', '<', '>', '#', '-', '+', '[', ']', '(', ')', '@', ':', '{', '}',
];
/// What Mattermost shows alone after a backslash.
const MATTERMOST: &[char] =
    &['\\', '`', '*', '{', '}', '[', ']', '(', ')', '#', '+', '-', '.', '!', '_', '>', '~', '|'];

/// For Discord, in a message whose `allowed_mentions` are empty.
#[must_use]
pub fn discord(text: &str) -> String {
    let text = gate::line(text);
    let mut written = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let is_number = text[..at].ends_with(|c: char| c.is_ascii_digit());
        if DISCORD.contains(&c) || c == '.' && is_number && is_list(&text[..at]) {
            written.push('\\');
        }
        written.push(c);
    }
    written
}

/// A number at the start of a line makes a list.
fn is_list(before: &str) -> bool {
    before.trim_start().bytes().all(|byte| byte.is_ascii_digit())
}

/// For Mattermost. It has no escape for `@`, `<` and `:`, which mention, link and draw: their wide forms stand for them.
#[must_use]
pub fn mattermost(text: &str) -> String {
    let text = gate::line(text);
    let mut written = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            '@' => written.push('＠'),
            '<' => written.push('＜'),
            ':' if acts(&text, at) => written.push('：'),
            c => {
                if MATTERMOST.contains(&c) {
                    written.push('\\');
                }
                written.push(c);
            }
        }
    }
    written
}

/// Whether a colon begins or ends an emoji, or is that of an address. One between digits is that of a time.
fn acts(text: &str, at: usize) -> bool {
    let (before, after) = (&text[..at], &text[at + 1..]);
    let is_digit = |c: char| c.is_ascii_digit();
    let is_time = before.ends_with(is_digit) && after.starts_with(is_digit);
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_+-/".contains(c);
    !is_time && (after.starts_with(is_name) || before.ends_with(is_name) && before.contains(':'))
}

/// For a run of text in an adaptive card, which knows no Markdown, but dates and times after two braces.
#[must_use]
pub fn card(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for c in gate::line(text).chars() {
        if c == '{' && written.ends_with('{') {
            written.push(' ');
        }
        written.push(c);
    }
    written
}

/// At most so many units of UTF-16, the count of whoever counts most; a text that is longer ends with `…`.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    let units = |text: &str| text.encode_utf16().count();
    if units(text) <= most {
        return text.to_owned();
    }
    let (mut kept, mut room) = (String::new(), most.saturating_sub(1));
    for c in text.chars() {
        let Some(left) = room.checked_sub(c.len_utf16()) else { break };
        room = left;
        kept.push(c);
    }
    // What is cut off may be what a backslash stood before.
    let slashes = kept.len() - kept.trim_end_matches('\\').len();
    if slashes % 2 == 1 {
        kept.pop();
    }
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_markup_a_link_or_a_mention_at_discord() {
        for (text, written) in [
            ("plain text, as ever", "plain text, as ever"),
            ("@everyone <@123> <#4> <:a:5>", "\\@everyone \\<\\@123\\> \\<\\#4\\> \\<\\:a\\:5\\>"),
            ("[safe](https://evil.example)", "\\[safe\\]\\(https\\://evil.example\\)"),
            (
                "**b** __u__ ~~s~~ ||x|| `c`",
                "\\*\\*b\\*\\* \\_\\_u\\_\\_ \\~\\~s\\~\\~ \\|\\|x\\|\\| \\`c\\`",
            ),
            ("1. one", "1\\. one"),
            ("v1.2", "v1.2"),
            ("a\nb", "a^Jb"),
        ] {
            assert_eq!(discord(text), written, "{text:?}");
        }
    }

    #[test]
    fn nothing_is_markup_a_link_or_a_mention_at_mattermost() {
        for (text, written) in [
            ("plain text, as ever", "plain text, as ever"),
            ("@channel <!here> <https://a|b>", "＠channel ＜\\!here\\> ＜https：//a\\|b\\>"),
            ("[safe](https://evil.example)", "\\[safe\\]\\(https：//evil\\.example\\)"),
            ("www.evil.example", "www\\.evil\\.example"),
            (":white_check_mark: live", "：white\\_check\\_mark： live"),
            ("at 14:22:30", "at 14:22:30"),
            ("fix: the cart", "fix: the cart"),
            ("~town-square #tag", "\\~town\\-square \\#tag"),
            ("ana@example.org", "ana＠example\\.org"),
        ] {
            assert_eq!(mattermost(text), written, "{text:?}");
        }
    }

    #[test]
    fn a_card_has_no_dates_of_others() {
        assert_eq!(
            card("{{DATE(2026-01-01T00:00:00Z)}} *b*"),
            "{ {DATE(2026-01-01T00:00:00Z)}} *b*"
        );
        assert_eq!(card("{{{{TIME(x)"), "{ { { {TIME(x)");
    }

    #[test]
    fn a_cut_text_ends_with_dots_and_no_half_escape() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("a\\*b", 3), "a…", "the backslash would escape the dots");
        assert_eq!(cut("\\\\\\\\", 3), "\\\\…");
        assert_eq!(cut("😀😀😀", 4), "😀…");
        assert_eq!(cut("😀", 0), "…");
    }
}
