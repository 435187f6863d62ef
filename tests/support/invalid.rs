//! Folders of files that must be refused, each of which says in its first lines how.

use std::fmt::{Display, Write as _};
use std::fs;
use std::path::Path;

/// Every file is refused in the words of its first lines, which begin with `#! `. Answers how many there are.
pub fn each_is_refused_in_its_own_words<T, E: Display>(
    folder: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> usize {
    let files = fs::read_dir(Path::new(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.collect();
    files.sort();
    let mut wrong = String::new();
    for path in &files {
        let text = fs::read_to_string(path).unwrap();
        let expected: Vec<_> = text.lines().map_while(|line| line.strip_prefix("#! ")).collect();
        let said = match parse(&text) {
            Ok(_) => "it was accepted".to_owned(),
            Err(error) => error.to_string(),
        };
        if said != expected.join("\n") {
            writeln!(wrong, "{}\n{said}", path.display()).unwrap();
        }
    }
    assert!(wrong.is_empty(), "said something else:\n{wrong}");
    files.len()
}
