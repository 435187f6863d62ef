//! Panics: injected by `TRUNKLINE_PANIC` in debug builds, so that tests cover every exit, and contained in parsers of hostile
//! text, where a panic is an error and does not end the program.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Where a panic can be injected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// Before the terminal is taken over.
    Start,
    /// Between two modes of the terminal.
    Enter,
    /// The event loop.
    Loop,
    /// The input stream of keys.
    Input,
    Update,
    /// In the middle of a frame.
    View,
    /// A task that asks the backend.
    Task,
    /// A dedicated thread.
    Thread,
    /// The reader of calendar feeds.
    Feed,
    /// While the terminal is given back.
    Drop,
    /// While a panic is reported.
    Exit,
}

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a parser of hostile text. `None` if it panicked. It must not leave shared state half changed.
pub fn contained<T>(read: impl FnOnce() -> T) -> Option<T> {
    let outer = CONTAINED.replace(true);
    let read = catch_unwind(AssertUnwindSafe(read));
    CONTAINED.set(outer);
    read.ok()
}

/// Whether a panic of this thread is contained now.
#[must_use]
pub fn is_contained() -> bool {
    CONTAINED.get()
}

/// Panics here when `TRUNKLINE_PANIC` names this layer: `view` at the first call, `view:3` at the third. Commas separate
/// several layers. In a release build this does nothing.
#[inline]
pub fn here(layer: Layer) {
    #[cfg(debug_assertions)]
    injected::panic_if_due(layer);
    #[cfg(not(debug_assertions))]
    let _ = layer;
}

#[cfg(debug_assertions)]
mod injected {
    use std::sync::{LazyLock, Mutex, PoisonError};

    use super::Layer;

    /// The layers to panic in, each with the number of calls until then.
    static INJECTED: LazyLock<Mutex<Vec<(String, u32)>>> =
        LazyLock::new(|| Mutex::new(read(&std::env::var("TRUNKLINE_PANIC").unwrap_or_default())));

    fn read(text: &str) -> Vec<(String, u32)> {
        let one = |entry: &str| match entry.split_once(':') {
            Some((layer, time)) => (layer.to_owned(), time.parse().unwrap_or(1)),
            None => (entry.to_owned(), 1),
        };
        text.split(',').filter(|entry| !entry.is_empty()).map(one).collect()
    }

    pub fn panic_if_due(layer: Layer) {
        let name = format!("{layer:?}").to_lowercase();
        assert!(!is_due(&name), "injected in {name}");
    }

    fn is_due(name: &str) -> bool {
        let mut injected = INJECTED.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, left)) = injected.iter_mut().find(|(layer, _)| layer == name) else {
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
    fn a_contained_panic_returns_none_and_ends_the_containment() {
        let outer = contained(|| {
            let inner = contained(|| assert!(!is_contained(), "always fails"));
            (inner, is_contained())
        });
        assert_eq!(outer, Some((None, true)));
        assert!(!is_contained());
        assert_eq!(contained(|| 7), Some(7));
    }
}
