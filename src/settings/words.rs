//! Parts of error messages: the nearest known word, and lists of words.

/// `; did you mean "x"?` with the nearest known word, if one is near.
#[must_use]
pub fn did_you_mean(written: &str, known: &[&str]) -> Option<String> {
    let furthest = (written.chars().count() / 3).max(1);
    known
        .iter()
        .map(|word| (strsim::osa_distance(&written.to_lowercase(), word), word))
        .filter(|(distance, _)| *distance <= furthest)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| format!("; did you mean {word:?}?"))
}

/// Words in quotes: `"a", "b" and "c"`.
#[must_use]
pub fn list(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("{word:?}")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
        None => "nothing".into(),
    }
}
