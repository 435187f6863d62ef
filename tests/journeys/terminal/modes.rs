//! Which modes of a terminal a stream of bytes leaves set.

use std::collections::BTreeMap;

/// What the bytes set and did not undo, in the order of its names; empty for a terminal that is as it was found.
pub fn left_set(bytes: &[u8]) -> Vec<String> {
    let mut private = BTreeMap::new();
    let (mut titles, mut keyboards) = (0, 0);
    for (parameters, last) in sequences(bytes) {
        match (parameters.as_slice(), last) {
            ([b'?', modes @ ..], b'h' | b'l') => {
                for mode in String::from_utf8_lossy(modes).split(';') {
                    private.insert(mode.to_owned(), last == b'h');
                }
            }
            (b"22;2" | b"22;0", b't') => titles += 1,
            (b"23;2" | b"23;0", b't') => titles -= 1,
            ([b'>', ..], b'u') => keyboards += 1,
            ([b'<', ..], b'u') => keyboards -= 1,
            _ => {}
        }
    }
    // The cursor and the wrapping of lines are what a terminal begins with.
    let begins = |mode: &str| matches!(mode, "25" | "7");
    let wrong = private.into_iter().filter(|(mode, set)| *set != begins(mode));
    let mut wrong: Vec<_> = wrong.map(|(mode, set)| format!("?{mode} {set}")).collect();
    if titles != 0 {
        wrong.push(format!("{titles} titles kept"));
    }
    if keyboards != 0 {
        wrong.push(format!("{keyboards} keyboards kept"));
    }
    wrong
}

/// What was written after the main screen came back, or all of it where it never went away.
pub fn afterwards(bytes: &[u8]) -> &[u8] {
    const MAIN_SCREEN: &[u8] = b"\x1b[?1049l";
    let at = bytes.windows(MAIN_SCREEN.len()).rposition(|part| part == MAIN_SCREEN);
    at.map_or(bytes, |at| &bytes[at + MAIN_SCREEN.len()..])
}

/// The control sequences: what stands between `ESC [` and the last byte, and that byte.
fn sequences(bytes: &[u8]) -> impl Iterator<Item = (Vec<u8>, u8)> {
    bytes.split(|byte| *byte == 0x1b).skip(1).filter_map(|part| {
        let inner = part.strip_prefix(b"[")?;
        let end = inner.iter().position(|byte| (0x40..=0x7e).contains(byte))?;
        Some((inner[..end].to_vec(), inner[end]))
    })
}

#[test]
fn what_is_left_set_is_found() {
    let taken = b"\x1b[22;2t\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[?1004hx\x1b[31my";
    let kept = ["?1004 true", "?1049 true", "?2004 true", "?25 false", "1 titles kept"];
    assert_eq!(left_set(taken), kept);
    let back = b"\x1b[?1004l\x1b[?2004l\x1b[?25h\x1b[?1049l\x1b[23;2tbye";
    assert_eq!(left_set(&[&taken[..], back].concat()), Vec::<String>::new());
    assert_eq!(afterwards(back), b"\x1b[23;2tbye");
}
