//! Panics: on purpose, where a debug build is told to by `TRUNKLINE_PANIC` so that tests walk every way out, and those of
//! readers of hostile text, which are an answer and not the end of the program.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Where a panic can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// Before the terminal is taken over.
    Start,
    /// Between two modes of the terminal.
    Enter,
    /// The event loop.
    Loop,
    /// The stream of keys.
    Input,
    Update,
    /// In the middle of a frame.
    View,
    /// A task that asks the backend.
    Task,
    /// A thread of its own.
    Thread,
    /// The reader of calendar feeds.
    Feed,
    /// While the terminal is given back.
    Drop,
    /// While a panic is told.
    Exit,
}

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Runs what reads text from outside with code that others wrote; `None` when it panicked. It must leave nothing half
/// changed behind.
pub fn contained<T>(read: impl FnOnce() -> T) -> Option<T> {
    let outer = CONTAINED.replace(true);
    let read = catch_unwind(AssertUnwindSafe(read));
    CONTAINED.set(outer);
    read.ok()
}

/// Whether a panic of this thread, now, ends nothing but what was tried.
#[must_use]
pub fn is_contained() -> bool {
    CONTAINED.get()
}

/// Panics here when `TRUNKLINE_PANIC` names this layer: `view` the first time that it gets here, `view:3` the third time.
/// Several layers are divided by commas. In a release build this is nothing at all.
#[inline]
pub fn here(layer: Layer) {
    #[cfg(debug_assertions)]
    injected::panic_if_due(layer);
    #[cfg(not(debug_assertions))]
    let _never = layer;
}

#[cfg(debug_assertions)]
mod injected {
    use std::sync::{LazyLock, Mutex, PoisonError};

    use super::Layer;

    /// The layers that are asked for, and how many times each is still passed unharmed.
    static ASKED: LazyLock<Mutex<Vec<(String, u32)>>> =
        LazyLock::new(|| Mutex::new(read(&std::env::var("TRUNKLINE_PANIC").unwrap_or_default())));

    fn read(asked: &str) -> Vec<(String, u32)> {
        let one = |asked: &str| match asked.split_once(':') {
            Some((layer, time)) => (layer.to_owned(), time.parse().unwrap_or(1)),
            None => (asked.to_owned(), 1),
        };
        asked.split(',').filter(|asked| !asked.is_empty()).map(one).collect()
    }

    pub fn panic_if_due(layer: Layer) {
        let name = format!("{layer:?}").to_lowercase();
        assert!(!is_due(&name), "injected in {name}");
    }

    fn is_due(name: &str) -> bool {
        let mut asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, left)) = asked.iter_mut().find(|(layer, _)| layer == name) else {
            return false;
        };
        let due = *left == 1;
        *left = left.saturating_sub(1);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::{contained, is_contained};

    #[test]
    fn a_contained_panic_is_an_answer_and_contains_nothing_after_it() {
        let outer = contained(|| {
            let inner = contained(|| assert!(!is_contained(), "always fails"));
            (inner, is_contained())
        });
        assert_eq!(outer, Some((None, true)));
        assert!(!is_contained());
        assert_eq!(contained(|| 7), Some(7));
    }
}
