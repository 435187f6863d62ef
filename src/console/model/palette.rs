//! The palette of commands and the menu of a row: what is listed, and where the cursor is.

use crate::console::actions::offer::{FoundOffer, Offer};
use crate::console::model::text_input::TextInput;

/// Every action by its name. The list changes only with the text: nothing moves under the cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandPalette {
    pub text: TextInput,
    pub found: Vec<FoundOffer>,
    pub row: usize,
    /// Which of the earlier runs the text is, counted from the last one.
    pub recalled: Option<usize>,
}

/// What can be done with the row that was selected when it was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowMenuPage {
    pub title: String,
    pub offers: Vec<Offer>,
    pub row: usize,
}
