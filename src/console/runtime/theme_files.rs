//! Reads themes and keeps the name of one, off the loop: a disk may be slow.

use std::path::PathBuf;

use tokio::sync::mpsc::Sender;
use tokio::task::spawn_blocking;

use crate::config::appearance::{ThemeName, keep_theme};
use crate::console::message::Message;
use crate::console::theme::library::{SeenFile, ThemeLibrary};

/// All themes, for the list.
pub fn list(library: ThemeLibrary, inbox: Sender<Message>) {
    answer(inbox, move || Some(Message::Themes(library.offers())));
}

/// The theme in use, if one of its files is not as it was found.
pub fn look(library: ThemeLibrary, name: ThemeName, files: Vec<SeenFile>, inbox: Sender<Message>) {
    answer(inbox, move || {
        let has_changed = files.iter().any(SeenFile::has_changed);
        has_changed.then(|| Message::ThemeRead { answer: library.load(&name).map(Box::new), name })
    });
}

/// Writes the name of the theme into the user file.
pub fn keep(file: PathBuf, name: ThemeName, inbox: Sender<Message>) {
    answer(inbox, move || {
        let kept = keep_theme(&file, &name).map_err(|why| why.in_one_line());
        Some(Message::ThemeKept { name, answer: kept.map(|()| file) })
    });
}

fn answer(inbox: Sender<Message>, work: impl FnOnce() -> Option<Message> + Send + 'static) {
    spawn_blocking(move || {
        if let Some(message) = work() {
            let _console_is_gone = inbox.blocking_send(message);
        }
    });
}
