//! The forms in which programs print a secret: as it is, line by line, quoted, escaped and encoded.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A shorter secret or form is not masked: it would hide too much of the log.
pub(super) const SHORTEST: usize = 8;
/// Of a longer secret only the lines are masked, and not its encoded forms.
const LONGEST_ENCODED: usize = 64 * 1024;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The forms of a value that are long enough to be masked. Line ends are left out of them, as a program may break a line
/// anywhere.
pub(super) fn of(value: &str) -> BTreeSet<Vec<u8>> {
    let mut forms = BTreeSet::new();
    let trimmed = value.trim();
    if trimmed.len() < SHORTEST {
        return forms;
    }
    let lines: Vec<_> = trimmed.lines().map(str::trim).collect();
    forms.extend(lines.iter().map(|line| line.as_bytes().to_vec()));
    if trimmed.len() <= LONGEST_ENCODED {
        let words: Vec<_> = trimmed.split_whitespace().collect();
        let joined = [lines.join(" "), words.join(" "), lines.join("\\n"), lines.join("\\r\\n")];
        forms.extend(joined.map(String::into_bytes));
        let whole = [value, trimmed].into_iter().filter(|whole| !lines.contains(whole));
        let lines = lines.iter().copied().filter(|line| line.len() >= SHORTEST);
        for text in whole.chain(lines) {
            forms.extend(escaped(text).map(String::into_bytes));
            forms.extend(encoded(text.as_bytes()));
        }
    }
    for form in std::mem::take(&mut forms) {
        let form: Vec<u8> =
            form.into_iter().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
        if form.len() >= SHORTEST {
            forms.insert(form);
        }
    }
    forms
}

/// The text in the quotes and escapes of shells, JSON and other languages, without the outer quotes.
fn escaped(text: &str) -> impl Iterator<Item = String> {
    let json = serde_json::Value::from(text).to_string();
    let json = json[1..json.len().max(2) - 1].to_owned();
    let ascii = json.chars().fold(String::new(), |mut ascii, c| {
        let mut units = [0; 2];
        if c.is_ascii() {
            ascii.push(c);
        } else {
            for unit in c.encode_utf16(&mut units) {
                let _memory = write!(ascii, "\\u{unit:04x}");
            }
        }
        ascii
    });
    let backslashed = |special: &str| {
        let mut escaped = String::new();
        for c in text.chars() {
            if special.contains(c) {
                escaped.push('\\');
            }
            escaped.push(c);
        }
        escaped
    };
    let html = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    [
        text.to_owned(),
        text.replace('\'', "'\\''"),
        text.replace('\'', "'\"'\"'"),
        text.replace('\\', "\\\\"),
        backslashed("'\\"),
        backslashed("\"\\$`"),
        // `printf %q`
        backslashed(" \t\"'\\$`!&|;<>()[]{}*?#~^"),
        ascii.to_uppercase_escapes(),
        json.replace('/', "\\/"),
        // JSON in a text of JSON.
        json.replace('\\', "\\\\").replace('"', "\\\""),
        ascii.replace('\\', "\\\\").replace('"', "\\\""),
        html.replace('"', "&quot;").replace('\'', "&#39;"),
        html.replace('"', "&quot;").replace('\'', "&#x27;"),
        html.replace('"', "&#34;").replace('\'', "&#39;"),
        url(text, "-_.~", "%20", true),
        url(text, "-_.~", "%20", false),
        url(text, "-_.~", "+", true),
        url(text, "-_.~", "+", false),
        url(text, "-_.~/", "%20", true),
        // `encodeURIComponent` and `encodeURI`
        url(text, "-_.!~*'()", "%20", true),
        url(text, "-_.!~*'();/?:@&=+$,#", "%20", true),
        json,
        ascii,
    ]
    .into_iter()
}

trait UppercaseEscapes {
    /// The same with the hexadecimal digits of `\u` escapes in capitals.
    fn to_uppercase_escapes(&self) -> String;
}

impl UppercaseEscapes for String {
    fn to_uppercase_escapes(&self) -> String {
        let mut parts = self.split("\\u");
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (digits, rest) = part.split_at(part.floor_char_boundary(4));
            let _memory = write!(text, "\\u{}{rest}", digits.to_uppercase());
        }
        text
    }
}

/// Percent-encoded: all but letters, digits and these.
fn url(text: &str, plain: &str, space: &str, capitals: bool) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        let c = char::from(byte);
        let _memory = match c {
            ' ' => write!(encoded, "{space}"),
            _ if c.is_ascii_alphanumeric() || plain.contains(c) => write!(encoded, "{c}"),
            _ if capitals => write!(encoded, "%{byte:02X}"),
            _ => write!(encoded, "%{byte:02x}"),
        };
    }
    encoded
}

/// Base64 in both alphabets at each of its three alignments, and hexadecimal.
fn encoded(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for before in 0..3 {
        let standard = base64(bytes, before);
        let safe = standard.iter().map(|c| match c {
            b'+' => b'-',
            b'/' => b'_',
            c => *c,
        });
        forms.push(safe.collect());
        forms.push(standard);
    }
    let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
        let _memory = write!(hex, "{byte:02x}");
        hex
    });
    forms.push(hex.to_uppercase().into_bytes());
    forms.push(hex.into_bytes());
    forms
}

/// The digits of base64 that these bytes alone decide, after this many other bytes of a group of three.
fn base64(bytes: &[u8], before: usize) -> Vec<u8> {
    let mut padded = vec![0; before];
    padded.extend_from_slice(bytes);
    let bits = padded.len() * 8;
    let (first, last) = ((before * 8).div_ceil(6), bits / 6);
    let bit = |at: usize| padded[at / 8] >> (7 - at % 8) & 1;
    let digit = |at: usize| {
        let value = (at * 6..at * 6 + 6).fold(0, |value, at| value << 1 | usize::from(bit(at)));
        BASE64[value]
    };
    (first..last).map(digit).collect()
}
