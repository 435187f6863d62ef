//! Turns bytes from git into text, so that different bytes stay different.

/// The text of some bytes. Each byte that is not UTF-8 becomes `<FF>` with its value, as on screen: with one sign for all of
/// them, two names would look alike.
pub(super) fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("<{byte:02X}>")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn names_that_differ_in_one_invalid_byte_stay_different() {
        assert_eq!(text(b"Ann\xff"), "Ann<FF>");
        assert_eq!(text(b"Ann\xfe"), "Ann<FE>");
        assert_eq!(text("Zo\u{eb} \u{fffd}".as_bytes()), "Zo\u{eb} \u{fffd}");
        assert_eq!(text(b"\xf0\x9f!"), "<F0><9F>!");
    }
}
