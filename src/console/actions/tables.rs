//! The tables of keys: for each place that keys are pressed in, which key does what.

use crate::console::actions::action::{
    DialogAction, Edit, HelpAction, InputAction, KeyAction, Move, PageAction,
};
use crate::console::actions::context::InputContext;
use crate::console::log::LogCommand;
use crate::console::model::pane::Pane;

/// One row: an action and its keys in one place.
#[derive(Debug, Clone)]
pub struct Entry {
    pub context: InputContext,
    pub action: KeyAction,
    /// Its name in a keymap file; it stands once in a table.
    pub name: &'static str,
    pub keys: &'static [&'static str],
    /// One word for the line of hints; empty where it needs no hint.
    pub hint: &'static str,
    /// Its line in the help; empty where it needs none.
    pub help: &'static str,
}

impl Entry {
    const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = hint;
        self
    }

    const fn help(mut self, help: &'static str) -> Self {
        self.help = help;
        self
    }
}

/// All tables, in the order of the help: first what changes something, then what looks, then what moves.
pub const ACTIONS: &[Entry] = &[
    lists(KeyAction::Promote, "promote", &["P"])
        .hint("promote")
        .help("promote the selected build to production"),
    lists(KeyAction::RollBack, "roll-back", &["R"])
        .hint("roll back")
        .help("roll production back: to the build before, or the history row"),
    everywhere(KeyAction::Emergency, "emergency", &["!"])
        .hint("emergency")
        .help("emergency: roll back after a countdown"),
    lists(KeyAction::Verify, "verify", &["V"])
        .hint("verify")
        .help("record that the selected build works in staging"),
    lists(KeyAction::Hold, "hold", &["H"])
        .hint("hold")
        .help("put production on hold, or release it"),
    lists(KeyAction::Freeze, "freeze", &["F"])
        .hint("freeze")
        .help("freeze production, or lift the freeze"),
    lists(KeyAction::Cancel, "cancel", &["X"])
        .hint("stop")
        .help("cancel the deployment that runs for the selection"),
    lists(KeyAction::Take, "take", &["i"])
        .hint("take")
        .help("take the open request for a promoter"),
    lists(KeyAction::Withdraw, "withdraw", &["u"])
        .hint("withdraw")
        .help("withdraw your own request for a promoter"),
    lists(KeyAction::NotRollBack, "not-roll-back", &["r"])
        .help("nothing, so that a slip of shift does no harm"),
    lists(KeyAction::Changes, "changes", &["d"])
        .hint("changes")
        .help("what would change: commits, authors, files"),
    lists(KeyAction::Preview, "preview", &["p"])
        .hint("preview")
        .help("read the plan of a promote, without acting"),
    lists(KeyAction::Open, "open", &["enter"])
        .hint("open")
        .help("open the service, or the log of the selected row"),
    lists(KeyAction::Back, "back", &["esc"]).help("one step back"),
    lists(KeyAction::Quit, "quit", &["q"]).help("one step back, and quit at the root"),
    lists(KeyAction::Filter, "filter", &["/"])
        .hint("filter")
        .help("filter the lists; in the log, search it"),
    lists(KeyAction::NextPane, "next-pane", &["tab"]).hint("pane").help("focus the next pane"),
    lists(KeyAction::PreviousPane, "previous-pane", &["shift-tab"]).help("focus the pane before"),
    lists(KeyAction::Focus(Pane::Staging), "staging", &["1"]).help("focus Staging"),
    lists(KeyAction::Focus(Pane::Production), "production", &["2"]).help("focus Production"),
    lists(KeyAction::Focus(Pane::Details), "details", &["3"]).help("focus Details"),
    lists(KeyAction::Focus(Pane::Log), "log", &["4"]).help("focus the log"),
    lists(KeyAction::Focus(Pane::Freeze), "freezes", &["5"]).help("focus the freezes"),
    lists(KeyAction::Focus(Pane::Activity), "activity", &["6"]).help("focus the activity"),
    lists(KeyAction::Zoom, "zoom", &["z"])
        .hint("zoom")
        .help("give the focused pane the whole screen, and back"),
    lists(KeyAction::NextStep, "next-step", &["]"]).help("the log of the next step"),
    lists(KeyAction::PreviousStep, "previous-step", &["["]).help("the log of the step before"),
    log(KeyAction::Log(LogCommand::Follow), "log-follow", &["f"])
        .hint("follow")
        .help("log: follow its end, or stop following"),
    log(KeyAction::Log(LogCommand::NextError), "next-error", &["e"])
        .hint("error")
        .help("log: to the next error"),
    log(KeyAction::Log(LogCommand::PreviousError), "previous-error", &["E"])
        .help("log: to the error before"),
    log(KeyAction::Log(LogCommand::NextMatch), "next-match", &["n"])
        .help("log: to the next match of the search"),
    log(KeyAction::Log(LogCommand::PreviousMatch), "previous-match", &["N"])
        .help("log: to the match before"),
    log(KeyAction::Log(LogCommand::Wrap), "log-wrap", &["w"])
        .hint("wrap")
        .help("log: wrap long lines, or cut them"),
    log(KeyAction::Log(LogCommand::Time), "log-time", &["t"])
        .hint("time")
        .help("log: no times, local, UTC or relative"),
    log(KeyAction::Log(LogCommand::Plain), "log-plain", &["x"])
        .help("log: only the text, to select with the mouse"),
    lists(KeyAction::Move(Move::Up), "up", &["k", "up"]).help("one row up"),
    lists(KeyAction::Move(Move::Down), "down", &["j", "down"]).help("one row down"),
    lists(KeyAction::Move(Move::PageUp), "page-up", &["ctrl-u", "pgup"]).help("half a page up"),
    lists(KeyAction::Move(Move::PageDown), "page-down", &["ctrl-d", "pgdn"])
        .help("half a page down"),
    lists(KeyAction::Move(Move::Top), "top", &["g", "home"]).help("to the first row"),
    lists(KeyAction::Move(Move::Bottom), "bottom", &["G", "end"]).help("to the last row"),
    lists(KeyAction::Services, "services", &["s"]).hint("services").help("switch the service"),
    lists(KeyAction::Refresh, "refresh", &["ctrl-r"]).help("refresh now"),
    lists(KeyAction::Pause, "pause", &["space"]).help("pause or resume updates"),
    lists(KeyAction::Messages, "messages", &["M"]).help("message history"),
    lists(KeyAction::CopyCommit, "copy-commit", &["y"]).help("copy the commit id of the selection"),
    lists(KeyAction::Help, "help", &["?", "f1"]).hint("help").help("this list"),
    everywhere(KeyAction::Redraw, "redraw", &["ctrl-l"]).help("redraw the screen"),
    everywhere(KeyAction::Suspend, "suspend", &["ctrl-z"]).help("suspend to the shell"),
    lists(KeyAction::Interrupt, "interrupt", &["ctrl-c"])
        .help("cancel what is open; pressed twice, quit"),
    filter(KeyAction::Input(InputAction::Accept), "accept", &["enter"]),
    filter(KeyAction::Input(InputAction::Cancel), "cancel", &["esc", "ctrl-c"]),
    filter(KeyAction::Move(Move::Up), "up", &["up"]),
    filter(KeyAction::Move(Move::Down), "down", &["down"]),
    search(KeyAction::Input(InputAction::Accept), "accept", &["enter"]),
    search(KeyAction::Input(InputAction::Cancel), "cancel", &["esc", "ctrl-c"]),
    text(Edit::Left, "left", &["left"]).help("text: one character to the left"),
    text(Edit::Right, "right", &["right"]).help("text: one character to the right"),
    text(Edit::Start, "start", &["home", "ctrl-a"]).help("text: to its start"),
    text(Edit::End, "end", &["end", "ctrl-e"]).help("text: to its end"),
    text(Edit::Backspace, "backspace", &["backspace"]).help("text: delete the character before"),
    text(Edit::Delete, "delete", &["del"]).help("text: delete the character at the cursor"),
    text(Edit::DeleteWord, "delete-word", &["ctrl-w"]).help("text: delete the word before"),
    text(Edit::Clear, "clear", &["ctrl-u"]).help("text: delete all of it"),
    help(KeyAction::InHelp(HelpAction::Run), "run", &["enter"]),
    help(KeyAction::InHelp(HelpAction::Close), "close", &["esc", "ctrl-c", "f1"]),
    help(KeyAction::InHelp(HelpAction::CloseIfEmpty), "close-if-empty", &["?"]),
    help(KeyAction::Move(Move::Up), "up", &["up", "shift-tab"]),
    help(KeyAction::Move(Move::Down), "down", &["down", "tab"]),
    help(KeyAction::Move(Move::PageUp), "page-up", &["pgup"]),
    help(KeyAction::Move(Move::PageDown), "page-down", &["pgdn"]),
    page(KeyAction::Page(PageAction::Close), "close", &["esc", "q", "ctrl-c", "d", "M", "enter"]),
    page(KeyAction::Move(Move::Up), "up", &["k", "up"]),
    page(KeyAction::Move(Move::Down), "down", &["j", "down"]),
    page(KeyAction::Move(Move::PageUp), "page-up", &["ctrl-u", "pgup"]),
    page(KeyAction::Move(Move::PageDown), "page-down", &["ctrl-d", "pgdn"]),
    page(KeyAction::Move(Move::Top), "top", &["g", "home"]),
    page(KeyAction::Move(Move::Bottom), "bottom", &["G", "end"]),
    dialog(DialogAction::Next, "next", &["tab", "down"])
        .help("dialog: the next field or button; a build number is typed 0-9"),
    dialog(DialogAction::Previous, "previous", &["shift-tab", "up"])
        .help("dialog: the field or button before"),
    dialog(DialogAction::Press, "press", &["enter"])
        .help("dialog: press the button; in a field, go on to the next one"),
    commits(DialogAction::Mark, "mark", &["space"])
        .help("dialog: mark the commit at the cursor, or take the mark away"),
    commits(DialogAction::NextCommit, "next-commit", &["down", "j"])
        .help("dialog: the next commit of the list"),
    commits(DialogAction::PreviousCommit, "previous-commit", &["up", "k"])
        .help("dialog: the commit before"),
    dialog(DialogAction::PageDown, "page-down", &["pgdn", "ctrl-d"])
        .help("dialog: scroll down what is above the fields"),
    dialog(DialogAction::PageUp, "page-up", &["pgup"])
        .help("dialog: scroll up what is above the fields"),
    buttons(DialogAction::PageUp, "page-up", &["ctrl-u"]),
    buttons(DialogAction::Next, "next", &["right"]),
    buttons(DialogAction::Previous, "previous", &["left"]),
    buttons(DialogAction::Changes, "changes", &["d"])
        .hint("changes")
        .help("dialog: the commits and files of its plan"),
    dialog(DialogAction::Close, "close", &["esc", "ctrl-c"])
        .help("dialog: close it; what was sent goes on"),
    buttons(DialogAction::PressClose, "press-close", &["q"])
        .help("dialog: press the button that closes it"),
    row(InputContext::Tiny, KeyAction::Quit, "quit", &["q"]),
    row(InputContext::Tiny, KeyAction::Back, "back", &["esc"]),
    row(InputContext::Tiny, KeyAction::Interrupt, "interrupt", &["ctrl-c"]),
];

type KeyNames = &'static [&'static str];

const fn row(
    context: InputContext,
    action: KeyAction,
    name: &'static str,
    keys: KeyNames,
) -> Entry {
    Entry { context, action, name, keys, hint: "", help: "" }
}

const fn everywhere(action: KeyAction, name: &'static str, keys: KeyNames) -> Entry {
    row(InputContext::Everywhere, action, name, keys)
}

const fn lists(action: KeyAction, name: &'static str, keys: KeyNames) -> Entry {
    row(InputContext::Lists, action, name, keys)
}

const fn log(action: KeyAction, name: &'static str, keys: KeyNames) -> Entry {
    row(InputContext::Log, action, name, keys)
}

const fn filter(action: KeyAction, name: &'static str, keys: KeyNames) -> Entry {
    row(InputContext::Filter, action, name, keys)
}

const fn search(action: KeyAction, name: &'static str, keys: KeyNames) -> Entry {
    row(InputContext::Search, action, name, keys)
}

const fn help(action: KeyAction, name: &'static str, keys: KeyNames) -> Entry {
    row(InputContext::Help, action, name, keys)
}

const fn page(action: KeyAction, name: &'static str, keys: KeyNames) -> Entry {
    row(InputContext::Page, action, name, keys)
}

const fn text(edit: Edit, name: &'static str, keys: KeyNames) -> Entry {
    row(InputContext::Text, KeyAction::Edit(edit), name, keys)
}

const fn dialog(action: DialogAction, name: &'static str, keys: KeyNames) -> Entry {
    row(InputContext::Dialog, KeyAction::Dialog(action), name, keys)
}

const fn buttons(action: DialogAction, name: &'static str, keys: KeyNames) -> Entry {
    row(InputContext::Buttons, KeyAction::Dialog(action), name, keys)
}

const fn commits(action: DialogAction, name: &'static str, keys: KeyNames) -> Entry {
    row(InputContext::Commits, KeyAction::Dialog(action), name, keys)
}
