//! Reads many objects by one `git cat-file --batch`.

use super::process::Git;

/// The git that writes the contents of these objects, each named by a text without a line break.
pub(super) fn batch(names: impl IntoIterator<Item = impl AsRef<str>>) -> Git {
    let mut lines = String::new();
    for name in names {
        lines.push_str(name.as_ref());
        lines.push('\n');
    }
    Git::new("cat-file").args(["--batch"]).input(lines.into_bytes())
}

/// The contents in the output of a batch, in the order of their names; `None` for an object that is missing.
pub(super) fn contents(output: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    let mut rest = output;
    std::iter::from_fn(move || {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let head = str::from_utf8(&rest[..end]).unwrap_or_default();
        rest = &rest[end + 1..];
        // `id blob size`, or a line that ends in a word, such as `missing`.
        let Some(size) = head.rsplit(' ').next().and_then(|size| size.parse().ok()) else {
            return Some(None);
        };
        let (content, after) = rest.split_at_checked(size)?;
        rest = after.get(1..).unwrap_or_default();
        Some(Some(content))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_content_or_none() {
        let output =
            b"4d7a blob 3\na\nb\nHEAD:no such 12 missing\n4d7b blob 0\n\nHEAD:caf\xe9 missing\n";
        let found: Vec<_> = contents(output).collect();
        assert_eq!(found, [Some(&b"a\nb"[..]), None, Some(&b""[..]), None]);
        assert_eq!(contents(b"4d7a blob 9\ncut off").next(), None);
    }
}
