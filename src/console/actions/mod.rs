//! The one table of everything that a key can do: dispatch, hints and help are three readings of it.

pub(crate) mod available;
pub mod keys;
pub mod remedy;

use crate::console::log::LogCommand;
use crate::console::model::Model;
use crate::console::model::pane::Pane;

/// Something that a key can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Promote,
    RollBack,
    Emergency,
    Verify,
    Hold,
    Freeze,
    Cancel,
    Take,
    Withdraw,
    NotRollBack,
    Changes,
    Preview,
    Open,
    Back,
    Quit,
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    NextPane,
    PreviousPane,
    Focus(Pane),
    Zoom,
    NextStep,
    PreviousStep,
    Log(LogCommand),
    Filter,
    Services,
    Refresh,
    Pause,
    Messages,
    CopyCommit,
    Help,
    Redraw,
    Suspend,
    Interrupt,
    /// What a key does in a dialog only; it cannot be run from elsewhere.
    InDialog,
}

/// One line of the table.
#[derive(Debug, Clone)]
pub struct Entry {
    pub action: Action,
    /// By this it is rebound.
    pub name: &'static str,
    pub keys: &'static [&'static str],
    /// One word for the line of hints; empty for what needs no hint.
    pub hint: &'static str,
    pub help: &'static str,
    /// Says why it is off right now.
    pub available: fn(&Model) -> Result<(), String>,
}

/// The line of the table for an action.
///
/// # Panics
/// Never: a test holds the table complete.
#[must_use]
pub fn entry(action: &Action) -> &'static Entry {
    ACTIONS.iter().find(|entry| entry.action == *action).expect("the table has every action")
}

/// What a key does.
#[must_use]
pub fn bound(key: &str) -> Option<&'static Entry> {
    ACTIONS.iter().find(|entry| entry.keys.contains(&key))
}

const fn act(
    action: Action,
    name: &'static str,
    keys: &'static [&'static str],
    hint: &'static str,
    help: &'static str,
    available: fn(&Model) -> Result<(), String>,
) -> Entry {
    Entry { action, name, keys, hint, help, available }
}

/// In the order of the help: what changes the world first, then what looks, then what moves.
pub const ACTIONS: &[Entry] = &[
    act(
        Action::Promote,
        "promote",
        &["P"],
        "promote",
        "promote the selected build to production",
        available::promote,
    ),
    act(
        Action::RollBack,
        "roll-back",
        &["R"],
        "roll back",
        "roll production back: to the build before, or the history row",
        available::roll_back,
    ),
    act(
        Action::Emergency,
        "emergency",
        &["!"],
        "emergency",
        "emergency: roll back after a countdown; Enter at once, Esc not",
        available::emergency,
    ),
    act(
        Action::Verify,
        "verify",
        &["V"],
        "verify",
        "record that the selected build was seen good in staging",
        available::verify,
    ),
    act(
        Action::Hold,
        "hold",
        &["H"],
        "hold",
        "put production on hold, or release it",
        available::hold,
    ),
    act(
        Action::Freeze,
        "freeze",
        &["F"],
        "freeze",
        "freeze production, or lift the freeze",
        available::freeze,
    ),
    act(
        Action::Cancel,
        "cancel",
        &["X"],
        "stop",
        "cancel the deployment that runs for the selection",
        available::cancel,
    ),
    act(
        Action::Take,
        "take",
        &["i"],
        "take",
        "take the open request: the plan, as it is for you",
        available::take,
    ),
    act(
        Action::Withdraw,
        "withdraw",
        &["u"],
        "withdraw",
        "withdraw your own request for a promoter",
        available::withdraw,
    ),
    act(
        Action::NotRollBack,
        "not-roll-back",
        &["r"],
        "",
        "nothing: R rolls back",
        available::always,
    ),
    act(
        Action::Changes,
        "changes",
        &["d"],
        "changes",
        "what would change: commits, authors, files",
        available::changes,
    ),
    act(
        Action::Preview,
        "preview",
        &["p"],
        "preview",
        "read the plan of a promote without a button to press",
        available::preview,
    ),
    act(
        Action::Open,
        "open",
        &["enter"],
        "open",
        "open the service, or the log of the selected row",
        available::always,
    ),
    act(Action::Back, "back", &["esc"], "", "one step back", available::always),
    act(Action::Quit, "quit", &["q"], "", "one step back, and quit at the root", available::always),
    act(
        Action::Filter,
        "filter",
        &["/"],
        "filter",
        "narrow the lists; in the log, search it",
        available::always,
    ),
    act(
        Action::NextPane,
        "next-pane",
        &["tab"],
        "pane",
        "focus the next pane",
        available::in_service,
    ),
    act(
        Action::PreviousPane,
        "previous-pane",
        &["shift-tab"],
        "",
        "focus the pane before",
        available::in_service,
    ),
    act(
        Action::Focus(Pane::Staging),
        "staging",
        &["1"],
        "",
        "focus Staging",
        available::in_service,
    ),
    act(
        Action::Focus(Pane::Production),
        "production",
        &["2"],
        "",
        "focus Production",
        available::in_service,
    ),
    act(
        Action::Focus(Pane::Details),
        "details",
        &["3"],
        "",
        "focus Details",
        available::in_service,
    ),
    act(Action::Focus(Pane::Log), "log", &["4"], "", "focus the log", available::in_service),
    act(
        Action::Focus(Pane::Freeze),
        "freezes",
        &["5"],
        "",
        "focus the freezes",
        available::in_service,
    ),
    act(
        Action::Focus(Pane::Activity),
        "activity",
        &["6"],
        "",
        "focus the activity",
        available::in_service,
    ),
    act(
        Action::Zoom,
        "zoom",
        &["z"],
        "zoom",
        "give the focused pane the whole screen, and back",
        available::in_service,
    ),
    act(Action::NextStep, "next-step", &["]"], "", "the log of the next step", available::steps),
    act(
        Action::PreviousStep,
        "previous-step",
        &["["],
        "",
        "the log of the step before",
        available::steps,
    ),
    act(
        Action::Log(LogCommand::Follow),
        "log-follow",
        &["f"],
        "follow",
        "log: follow its end, or stop following",
        available::in_log,
    ),
    act(
        Action::Log(LogCommand::NextError),
        "next-error",
        &["e"],
        "error",
        "log: to the next error",
        available::in_log,
    ),
    act(
        Action::Log(LogCommand::PreviousError),
        "previous-error",
        &["E"],
        "",
        "log: to the error before",
        available::in_log,
    ),
    act(
        Action::Log(LogCommand::NextMatch),
        "next-match",
        &["n"],
        "",
        "log: to the next match of the search",
        available::in_log,
    ),
    act(
        Action::Log(LogCommand::PreviousMatch),
        "previous-match",
        &["N"],
        "",
        "log: to the match before",
        available::in_log,
    ),
    act(
        Action::Log(LogCommand::Wrap),
        "log-wrap",
        &["w"],
        "wrap",
        "log: wrap long lines, or cut them",
        available::in_log,
    ),
    act(
        Action::Log(LogCommand::Time),
        "log-time",
        &["t"],
        "time",
        "log: no times, local, UTC or relative",
        available::in_log,
    ),
    act(
        Action::Log(LogCommand::Plain),
        "log-plain",
        &["x"],
        "",
        "log: nothing but the text, to select with the mouse",
        available::in_log,
    ),
    act(Action::Up, "up", &["k", "up"], "", "one row up", available::always),
    act(Action::Down, "down", &["j", "down"], "", "one row down", available::always),
    act(Action::PageUp, "page-up", &["ctrl-u", "pgup"], "", "half a page up", available::always),
    act(
        Action::PageDown,
        "page-down",
        &["ctrl-d", "pgdn"],
        "",
        "half a page down",
        available::always,
    ),
    act(Action::Top, "top", &["g", "home"], "", "to the first row", available::always),
    act(Action::Bottom, "bottom", &["G", "end"], "", "to the last row", available::always),
    act(
        Action::Services,
        "services",
        &["s"],
        "services",
        "switch the service",
        available::services,
    ),
    act(
        Action::Refresh,
        "refresh",
        &["ctrl-r"],
        "",
        "ask for the newest state now",
        available::always,
    ),
    act(
        Action::Pause,
        "pause",
        &["space"],
        "",
        "hold the screen still, and let it live again",
        available::in_service,
    ),
    act(Action::Messages, "messages", &["M"], "", "everything that was said", available::always),
    act(
        Action::CopyCommit,
        "copy-commit",
        &["y"],
        "",
        "copy the commit id of the selection",
        available::commit,
    ),
    act(Action::Help, "help", &["?", "f1"], "help", "this list", available::always),
    act(Action::Redraw, "redraw", &["ctrl-l"], "", "draw the screen anew", available::always),
    act(Action::Suspend, "suspend", &["ctrl-z"], "", "suspend to the shell", available::always),
    act(
        Action::Interrupt,
        "interrupt",
        &["ctrl-c"],
        "",
        "cancel the innermost thing; pressed twice at the root, quit",
        available::always,
    ),
];

/// The keys of dialogs, for the help: they mean something else outside of them.
pub const IN_DIALOGS: &[Entry] = &[
    in_dialog(
        "next-stop",
        &["tab", "shift-tab"],
        "dialog: the next field or button, the one before",
    ),
    in_dialog("press", &["enter"], "dialog: press the button; in a field, go on to the next stop"),
    in_dialog("mark", &["space"], "dialog: mark the commit at the cursor, or take the mark away"),
    in_dialog(
        "build-number",
        &["0-9"],
        "dialog: the number of the build, typed where it is asked for",
    ),
    in_dialog("read-on", &["pgdn", "pgup"], "dialog: scroll what stands above the fields"),
    in_dialog("plan-changes", &["d"], "dialog: the commits and files of its plan"),
    in_dialog("leave", &["esc", "q"], "dialog: close it; what was sent goes on"),
];

const fn in_dialog(name: &'static str, keys: &'static [&'static str], help: &'static str) -> Entry {
    act(Action::InDialog, name, keys, "", help, available::in_dialog)
}

/// The lines of the table that a search of the help leaves.
#[must_use]
pub fn matching(search: &str) -> Vec<&'static Entry> {
    let wanted = search.to_lowercase();
    let hit = |entry: &&Entry| {
        let key = entry.keys.contains(&search);
        key || entry.name.contains(&wanted) || entry.help.to_lowercase().contains(&wanted)
    };
    ACTIONS.iter().chain(IN_DIALOGS).filter(hit).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_key_and_no_name_is_used_twice() {
        let (mut keys, mut names) = (BTreeSet::new(), BTreeSet::new());
        for entry in ACTIONS {
            assert!(
                names.insert(entry.name),
                "the name {:?} stands twice in the table",
                entry.name
            );
            for key in entry.keys {
                assert!(keys.insert(key), "the key {key:?} stands twice in the table");
            }
        }
    }

    #[test]
    fn only_the_seven_upper_case_acts_change_the_world() {
        let acts: Vec<_> = ACTIONS.iter().take(7).flat_map(|entry| entry.keys).collect();
        assert_eq!(acts, [&"P", &"R", &"!", &"V", &"H", &"F", &"X"]);
    }
}
