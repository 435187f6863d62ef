//! A line of text that is typed: its text and its cursor.

use unicode_segmentation::UnicodeSegmentation;

use crate::console::actions::action::Edit;

/// The longest text, in characters as people see them.
const MOST_CHARACTERS: usize = 200;
/// The longest text in bytes: a character can carry any number of marks.
const MOST_BYTES: usize = 4 * MOST_CHARACTERS;

/// A line of text with a cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextInput {
    text: String,
    /// The byte after the cursor; always between two characters.
    cursor: usize,
}

impl TextInput {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// What is before the cursor, the character at it (empty at the end), and what is after that.
    #[must_use]
    pub fn parts(&self) -> (&str, &str, &str) {
        let (before, rest) = self.text.split_at(self.cursor);
        let (at, after) = rest.split_at(rest.graphemes(true).next().map_or(0, str::len));
        (before, at, after)
    }

    /// Adds what is typed or pasted at the cursor, as far as there is room. Control characters are dropped.
    pub fn insert(&mut self, text: &str) {
        let after = self.text.split_off(self.cursor);
        let fits = |text: &str| {
            let length = text.len() + after.len();
            length <= MOST_BYTES
                && format!("{text}{after}").graphemes(true).count() <= MOST_CHARACTERS
        };
        for letter in text.chars().filter(|letter| !letter.is_control()) {
            self.text.push(letter);
            if !fits(&self.text) {
                self.text.pop();
                break;
            }
        }
        let typed = self.text.len();
        self.text.push_str(&after);
        // A mark joins the character that it is typed after, and one at the end of the text joins what comes.
        let mut ends = self.text.grapheme_indices(true).map(|(at, of)| at + of.len());
        self.cursor = if typed == 0 { 0 } else { ends.find(|end| *end >= typed).unwrap_or(typed) };
    }

    /// Adds a letter, where a key types one.
    pub fn type_letter(&mut self, letter: Option<char>) {
        if let Some(letter) = letter {
            self.insert(letter.encode_utf8(&mut [0; 4]));
        }
    }

    pub fn edit(&mut self, edit: Edit) {
        let (before, at, _) = self.parts();
        let left = self.cursor - before.graphemes(true).next_back().map_or(0, str::len);
        let right = self.cursor + at.len();
        match edit {
            Edit::Left => self.cursor = left,
            Edit::Right => self.cursor = right,
            Edit::Start => self.cursor = 0,
            Edit::End => self.cursor = self.text.len(),
            Edit::Backspace => self.delete(left, self.cursor),
            Edit::Delete => self.delete(self.cursor, right),
            Edit::DeleteWord => self.delete(word_start(before), self.cursor),
            Edit::Clear => self.clear(),
        }
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    fn delete(&mut self, from: usize, to: usize) {
        self.text.replace_range(from..to, "");
        let ends = self.text.grapheme_indices(true).map(|(at, _)| at).take_while(|at| *at <= from);
        self.cursor =
            if from >= self.text.len() { self.text.len() } else { ends.last().unwrap_or(0) };
    }
}

/// Where the last word of a text begins.
fn word_start(text: &str) -> usize {
    text.trim_end().rfind(' ').map_or(0, |space| space + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str, edits: &[Edit]) -> TextInput {
        let mut input = TextInput::default();
        input.insert(text);
        for edit in edits {
            input.edit(*edit);
        }
        input
    }

    #[test]
    fn text_goes_in_at_the_cursor_and_out_around_it() {
        let mut input = typed("so bad", &[Edit::Start, Edit::Right, Edit::Right, Edit::Right]);
        input.insert("very ");
        assert_eq!(input.parts(), ("so very ", "b", "ad"));
        input.edit(Edit::DeleteWord);
        assert_eq!(input.parts(), ("so ", "b", "ad"));
        input.edit(Edit::Backspace);
        input.edit(Edit::Delete);
        assert_eq!(input.parts(), ("so", "a", "d"));
        input.edit(Edit::End);
        assert_eq!(input.parts(), ("soad", "", ""));
        input.edit(Edit::Clear);
        assert!(input.is_empty());
    }

    #[test]
    fn at_its_ends_nothing_is_left_to_move_over_or_delete() {
        let before = [Edit::Start, Edit::Left, Edit::Backspace, Edit::DeleteWord];
        assert_eq!(typed("ab", &before).parts(), ("", "a", "b"));
        let after = [Edit::End, Edit::Right, Edit::Delete];
        assert_eq!(typed("ab", &after).parts(), ("ab", "", ""));
    }

    #[test]
    fn the_cursor_never_stands_inside_a_character() {
        let family = "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F466}";
        let input = typed(&format!("a{family}e\u{301}"), &[Edit::Left, Edit::Left]);
        assert_eq!(input.parts(), ("a", family, "e\u{301}"));
        let mut input = typed("ab", &[Edit::Left]);
        input.insert("\u{301}");
        assert_eq!(input.parts(), ("a\u{301}", "b", ""));
        assert_eq!(typed(&format!("a{family}"), &[Edit::Backspace]).as_str(), "a");
    }

    #[test]
    fn a_text_is_one_line_of_at_most_200_characters() {
        assert_eq!(typed("a\r\nb\tc\x1b", &[]).as_str(), "abc");
        assert_eq!(typed(&"e\u{301}".repeat(300), &[]).as_str(), "e\u{301}".repeat(200));
        assert!(typed(&format!("e{}", "\u{301}".repeat(9_000)), &[]).as_str().len() <= MOST_BYTES);
        let mut full = typed(&"x".repeat(200), &[Edit::Start]);
        full.insert("y");
        assert_eq!(full.as_str(), "x".repeat(200));
    }
}
