//! What narrows a list: words that a row has somewhere, and fields that it has to be: `is:failed by:raj pdf`.

use crate::console::model::pane::Pane;
use crate::console::model::text_input::TextInput;

/// What narrows a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListFilter {
    pub text: TextInput,
    /// Keys go into the text.
    pub typing: bool,
    /// The list of a service that it was typed in; no other list is narrowed by it.
    pub list: Option<Pane>,
}

/// The parts of a filter, in lower case. A row passes if it has all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilterQuery {
    words: Vec<String>,
    states: Vec<String>,
    people: Vec<String>,
}

/// What a filter looks at in a row.
#[derive(Debug, Clone, Copy)]
pub struct FilterRow<'a> {
    pub texts: &'a [&'a str],
    /// What it is, for `is:`.
    pub states: &'a [&'a str],
    /// Who it is by, for `by:`.
    pub people: &'a [&'a str],
}

impl FilterQuery {
    /// A word that begins with no known field is looked for as it stands.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut query = Self::default();
        for word in text.to_lowercase().split_whitespace() {
            if let Some(state) = word.strip_prefix("is:") {
                query.states.push(state.to_owned());
            } else if let Some(person) = word.strip_prefix("by:") {
                query.people.push(person.to_owned());
            } else {
                query.words.push(word.to_owned());
            }
        }
        query
    }

    #[must_use]
    pub fn passes(&self, row: FilterRow<'_>) -> bool {
        let has = |texts: &[&str], part: &String| {
            texts.iter().any(|text| text.to_lowercase().contains(part))
        };
        // As it is typed: `is:fail` is on its way to `is:failed`.
        let is = |state: &String| row.states.iter().any(|is| is.to_lowercase().starts_with(state));
        self.words.iter().all(|word| has(row.texts, word))
            && self.states.iter().all(is)
            && self.people.iter().all(|person| has(row.people, person))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_passes_that_has_every_word_and_every_field() {
        let row = FilterRow {
            texts: &["#30", "feat: invoice as PDF"],
            states: &["failed", "bad"],
            people: &["raj", "Kim Ode"],
        };
        for (text, passes) in [
            ("", true),
            ("pdf invoice", true),
            ("feat: invoice", true),
            ("is:failed", true),
            ("is:fail by:raj pdf", true),
            ("IS:BAD by:ode", true),
            ("is:", true),
            ("is:verified", false),
            ("is:ailed", false),
            ("by:ana", false),
            ("raj", false),
            ("is:failed #31", false),
        ] {
            assert_eq!(FilterQuery::parse(text).passes(row), passes, "{text:?}");
        }
    }
}
