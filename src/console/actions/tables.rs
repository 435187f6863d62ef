//! The tables of keys: for each place that keys are pressed in, which key does what.

use crate::console::actions::action::{
    ChangedAction, ChecklistAction, ChoiceAction, DialogAction, Edit, HelpAction, InputAction,
    KeyAction, MenuAction, Move, PageAction, PaletteAction,
};
use crate::console::actions::context::InputContext::{
    self, Buttons, Changed, Checklist, Choice, Commits, Dialog, Everywhere, Filter, Help, Lists,
    Log, Menu, Page, Palette, Picks, Search, Text, Tiny,
};
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
    row(Lists, KeyAction::Promote, "promote", &["P"])
        .hint("promote")
        .help("promote the selected build to production"),
    row(Lists, KeyAction::RollBack, "roll-back", &["R"])
        .hint("roll back")
        .help("roll production back: to the good build before, or the history row"),
    row(Everywhere, KeyAction::Emergency, "emergency", &["!"])
        .hint("emergency")
        .help("emergency: roll back after a countdown"),
    row(Lists, KeyAction::Verify, "verify", &["V"])
        .hint("verify")
        .help("record that the selected build works in staging"),
    row(Lists, KeyAction::Hold, "hold", &["H"])
        .hint("hold")
        .help("put production on hold, or release it"),
    row(Lists, KeyAction::Freeze, "freeze", &["F"])
        .hint("freeze")
        .help("freeze production, or lift the freeze"),
    row(Lists, KeyAction::Cancel, "cancel", &["X"])
        .hint("stop")
        .help("cancel the deployment that runs for the selection"),
    row(Lists, KeyAction::Continue, "continue", &["C"])
        .hint("continue")
        .help("let the next wave begin of what waits between two"),
    row(Lists, KeyAction::Retry, "retry", &["T"])
        .hint("retry")
        .help("deploy again what failed: the build, or the history row"),
    row(Lists, KeyAction::Incident, "incident", &["I"])
        .hint("incident")
        .help("incident: open, update, resolve; were users affected?"),
    row(Lists, KeyAction::Take, "take", &["i"])
        .hint("take")
        .help("take the open request for a promoter"),
    row(Lists, KeyAction::Withdraw, "withdraw", &["u"])
        .hint("withdraw")
        .help("withdraw your own request for a promoter"),
    row(Lists, KeyAction::NotRollBack, "not-roll-back", &["r"])
        .help("nothing, so that a slip of shift does no harm"),
    row(Lists, KeyAction::Changes, "changes", &["d"])
        .hint("changes")
        .help("what would change: commits, authors, files"),
    row(Lists, KeyAction::ByHand, "by-hand", &["b"])
        .hint("by hand")
        .help("the commands that roll production back without trunkline"),
    row(Lists, KeyAction::Checklist, "checklist", &["l"])
        .hint("left behind")
        .help("what a rollback left behind, to be ticked off"),
    row(Lists, KeyAction::Preview, "preview", &["p"])
        .hint("preview")
        .help("read the plan of a promote, without acting"),
    row(Lists, KeyAction::Open, "open", &["enter"])
        .hint("open")
        .help("open the service, the log of the selected row, or in the log a line that is cut"),
    row(Lists, KeyAction::Back, "back", &["esc"]).help("one step back"),
    row(Lists, KeyAction::Quit, "quit", &["q"]).help("one step back, and quit at the root"),
    row(Lists, KeyAction::Filter, "filter", &["/"])
        .hint("filter")
        .help("filter the focused list; in the log, search it"),
    row(Lists, KeyAction::NextPane, "next-pane", &["tab"]).hint("pane").help("focus the next pane"),
    row(Lists, KeyAction::PreviousPane, "previous-pane", &["shift-tab"])
        .help("focus the pane before"),
    row(Lists, KeyAction::Focus(Pane::Staging), "staging", &["1"]).help("focus Staging"),
    row(Lists, KeyAction::Focus(Pane::Production), "production", &["2"]).help("focus Production"),
    row(Lists, KeyAction::Focus(Pane::Details), "details", &["3"]).help("focus Details"),
    row(Lists, KeyAction::Focus(Pane::Log), "log", &["4"]).help("focus the log"),
    row(Lists, KeyAction::Focus(Pane::Freeze), "freezes", &["5"]).help("focus the freezes"),
    row(Lists, KeyAction::Focus(Pane::Activity), "activity", &["6"]).help("focus the activity"),
    row(Lists, KeyAction::Changed, "changed", &["7"])
        .help("what changed in all services: deployments, notes, flags, holds"),
    row(Lists, KeyAction::Zoom, "zoom", &["z"])
        .hint("zoom")
        .help("give the focused pane the whole screen, and back"),
    row(Lists, KeyAction::Grow, "grow", &["+"]).help("make the focused pane larger"),
    row(Lists, KeyAction::Shrink, "shrink", &["_"]).help("make the focused pane smaller"),
    row(Lists, KeyAction::Sort, "sort", &["."])
        .hint("sort")
        .help("list of services: by attention, name, builds ahead, newest live"),
    row(Lists, KeyAction::LatestLog, "latest-log", &["L"]).help("the log of what started last"),
    row(Lists, KeyAction::NextStep, "next-step", &["]"]).help("the log of the next step"),
    row(Lists, KeyAction::PreviousStep, "previous-step", &["["]).help("the log of the step before"),
    row(Log, KeyAction::Log(LogCommand::Follow), "log-follow", &["f"])
        .hint("follow")
        .help("log: follow its end, or stop following"),
    row(Log, KeyAction::Log(LogCommand::NextError), "next-error", &["e"])
        .hint("error")
        .help("log: to the next error"),
    row(Log, KeyAction::Log(LogCommand::PreviousError), "previous-error", &["E"])
        .help("log: to the error before"),
    row(Log, KeyAction::Log(LogCommand::NextMatch), "next-match", &["n"])
        .help("log: to the next match of the search"),
    row(Log, KeyAction::Log(LogCommand::PreviousMatch), "previous-match", &["N"])
        .help("log: to the match before"),
    row(Log, KeyAction::Log(LogCommand::AskFilter), "log-filter", &["&"])
        .hint("only lines")
        .help("log: only lines with a text, /regex/, or without it: !text"),
    row(Log, KeyAction::Log(LogCommand::MoreAround), "more-around", &[">"])
        .help("log: more lines around those of a filter"),
    row(Log, KeyAction::Log(LogCommand::LessAround), "less-around", &["<"])
        .help("log: fewer lines around those of a filter"),
    row(Log, KeyAction::Log(LogCommand::Select), "log-select", &["v"])
        .hint("select")
        .help("log: begin to select lines, or end it"),
    row(Log, KeyAction::Log(LogCommand::AskSave), "log-save", &["S"])
        .help("log: save it, or the selected lines, to a new file"),
    row(Log, KeyAction::Log(LogCommand::Mark), "log-mark", &["m"])
        .help("log: mark a line, or take its mark away"),
    row(Log, KeyAction::Log(LogCommand::NextMark), "next-mark", &["'"])
        .help("log: to the next mark"),
    row(Log, KeyAction::Log(LogCommand::Left), "log-left", &["left"])
        .help("log: what is left of lines that are cut"),
    row(Log, KeyAction::Log(LogCommand::Right), "log-right", &["right"])
        .help("log: what is right of lines that are cut"),
    row(Log, KeyAction::Log(LogCommand::Wrap), "log-wrap", &["w"])
        .hint("wrap")
        .help("log: wrap long lines, or cut them"),
    row(Log, KeyAction::Log(LogCommand::Time), "log-time", &["t"])
        .hint("time")
        .help("log: no times, local, UTC or relative"),
    row(Log, KeyAction::Log(LogCommand::Plain), "log-plain", &["x"])
        .help("log: only its text on the whole screen, to select with the mouse"),
    row(Lists, KeyAction::Move(Move::Up), "up", &["k", "up"]).help("one row up"),
    row(Lists, KeyAction::Move(Move::Down), "down", &["j", "down"]).help("one row down"),
    row(Lists, KeyAction::Move(Move::PageUp), "page-up", &["ctrl-u", "pgup"])
        .help("half a page up"),
    row(Lists, KeyAction::Move(Move::PageDown), "page-down", &["ctrl-d", "pgdn"])
        .help("half a page down"),
    row(Lists, KeyAction::Move(Move::Top), "top", &["g", "home"]).help("to the first row"),
    row(Lists, KeyAction::Move(Move::Bottom), "bottom", &["G", "end"]).help("to the last row"),
    row(Lists, KeyAction::Services, "services", &["s"]).hint("services").help("switch the service"),
    row(Lists, KeyAction::Engines, "engines", &["c"])
        .hint("servers")
        .help("switch to the server of another profile, or to the engine of this machine"),
    row(Lists, KeyAction::Themes, "themes", &[","]).help("themes: choose how the console looks"),
    row(Lists, KeyAction::Refresh, "refresh", &["ctrl-r"]).help("refresh now"),
    row(Lists, KeyAction::Pause, "pause", &["space"]).help("pause or resume updates"),
    row(Lists, KeyAction::Messages, "messages", &["M"]).help("message history"),
    row(Lists, KeyAction::CopyCommit, "copy-commit", &["y"])
        .help("copy the commit id of the selected row, or the text of the focused pane"),
    row(Lists, KeyAction::CopyLink, "copy-link", &["Y"])
        .help("copy the address of the page of the selected row"),
    row(Lists, KeyAction::ShowLink, "show-link", &["o"])
        .help("show the address of the page of the selected row, to open in a browser"),
    row(Lists, KeyAction::CommandLines, "command-lines", &["@"])
        .help("what this console did, as command lines to copy"),
    row(Lists, KeyAction::RowMenu, "actions", &["a"])
        .hint("actions")
        .help("what can be done with the selected row"),
    row(Lists, KeyAction::Palette, "commands", &[":"])
        .hint("commands")
        .help("every action by its name"),
    row(Lists, KeyAction::Help, "help", &["?", "f1"]).hint("help").help("this list"),
    row(Everywhere, KeyAction::Redraw, "redraw", &["ctrl-l"]).help("redraw the screen"),
    row(Everywhere, KeyAction::Suspend, "suspend", &["ctrl-z"]).help("suspend to the shell"),
    row(Lists, KeyAction::Interrupt, "interrupt", &["ctrl-c"])
        .help("cancel what is open; pressed twice, quit"),
    row(Filter, KeyAction::Input(InputAction::Accept), "accept", &["enter"]),
    row(Filter, KeyAction::Input(InputAction::Cancel), "cancel", &["esc", "ctrl-c"]),
    row(Filter, KeyAction::Move(Move::Up), "up", &["up"]),
    row(Filter, KeyAction::Move(Move::Down), "down", &["down"]),
    row(Search, KeyAction::Input(InputAction::Accept), "accept", &["enter"]),
    row(Search, KeyAction::Input(InputAction::Cancel), "cancel", &["esc", "ctrl-c"]),
    text(Edit::Left, "left", &["left"]).help("text: one character to the left"),
    text(Edit::Right, "right", &["right"]).help("text: one character to the right"),
    text(Edit::Start, "start", &["home", "ctrl-a"]).help("text: to its start"),
    text(Edit::End, "end", &["end", "ctrl-e"]).help("text: to its end"),
    text(Edit::Backspace, "backspace", &["backspace"]).help("text: delete the character before"),
    text(Edit::Delete, "delete", &["del"]).help("text: delete the character at the cursor"),
    text(Edit::DeleteWord, "delete-word", &["ctrl-w"]).help("text: delete the word before"),
    text(Edit::Clear, "clear", &["ctrl-u"]).help("text: delete all of it"),
    row(Help, KeyAction::InHelp(HelpAction::Run), "run", &["enter"]),
    row(Help, KeyAction::InHelp(HelpAction::Close), "close", &["esc", "ctrl-c", "f1"]),
    row(Help, KeyAction::InHelp(HelpAction::CloseIfEmpty), "close-if-empty", &["?"]),
    row(Help, KeyAction::Move(Move::Up), "up", &["up", "shift-tab"]),
    row(Help, KeyAction::Move(Move::Down), "down", &["down", "tab"]),
    row(Help, KeyAction::Move(Move::PageUp), "page-up", &["pgup"]),
    row(Help, KeyAction::Move(Move::PageDown), "page-down", &["pgdn"]),
    row(Palette, KeyAction::InPalette(PaletteAction::Run), "run", &["enter"])
        .help("commands: run the one at the cursor"),
    row(Palette, KeyAction::InPalette(PaletteAction::Complete), "complete", &["tab"])
        .help("commands: type the one at the cursor, to choose a build, a service or a person"),
    row(Palette, KeyAction::InPalette(PaletteAction::Earlier), "earlier", &["ctrl-p"])
        .help("commands: what was run before"),
    row(Palette, KeyAction::InPalette(PaletteAction::Later), "later", &["ctrl-n"])
        .help("commands: what was run after that"),
    row(Palette, KeyAction::InPalette(PaletteAction::Close), "close", &["esc", "ctrl-c"]),
    row(Palette, KeyAction::Move(Move::Up), "up", &["up", "shift-tab"]),
    row(Palette, KeyAction::Move(Move::Down), "down", &["down"]),
    row(Palette, KeyAction::Move(Move::PageUp), "page-up", &["pgup"]),
    row(Palette, KeyAction::Move(Move::PageDown), "page-down", &["pgdn"]),
    row(Menu, KeyAction::InMenu(MenuAction::Run), "run", &["enter"]),
    row(Menu, KeyAction::InMenu(MenuAction::Close), "close", &["esc", "q", "ctrl-c", "a"]),
    row(Menu, KeyAction::Move(Move::Up), "up", &["k", "up"]),
    row(Menu, KeyAction::Move(Move::Down), "down", &["j", "down"]),
    row(Menu, KeyAction::Move(Move::Top), "top", &["home"]),
    row(Menu, KeyAction::Move(Move::Bottom), "bottom", &["end"]),
    row(Choice, KeyAction::Choice(ChoiceAction::Switch), "switch", &["enter"]),
    row(Choice, KeyAction::Choice(ChoiceAction::Close), "close", &["esc", "ctrl-c"]),
    row(Choice, KeyAction::Move(Move::Up), "up", &["up", "shift-tab"]),
    row(Choice, KeyAction::Move(Move::Down), "down", &["down", "tab"]),
    row(Choice, KeyAction::Move(Move::PageUp), "page-up", &["pgup"]),
    row(Choice, KeyAction::Move(Move::PageDown), "page-down", &["pgdn"]),
    row(
        Page,
        KeyAction::Page(PageAction::Close),
        "close",
        &["esc", "q", "ctrl-c", "d", "M", "b", "@", "enter"],
    ),
    row(Page, KeyAction::Page(PageAction::Copy), "copy", &["y"])
        .help("page of commands: copy all of it; of command lines, the one at the cursor"),
    row(Page, KeyAction::Move(Move::Up), "up", &["k", "up"]),
    row(Page, KeyAction::Move(Move::Down), "down", &["j", "down"]),
    row(Page, KeyAction::Move(Move::PageUp), "page-up", &["ctrl-u", "pgup"]),
    row(Page, KeyAction::Move(Move::PageDown), "page-down", &["ctrl-d", "pgdn"]),
    row(Page, KeyAction::Move(Move::Top), "top", &["g", "home"]),
    row(Page, KeyAction::Move(Move::Bottom), "bottom", &["G", "end"]),
    row(Changed, KeyAction::InChanged(ChangedAction::Wider), "wider", &["+", "="])
        .help("what changed: further back, a day and two weeks"),
    row(Changed, KeyAction::InChanged(ChangedAction::Narrower), "narrower", &["_", "-"])
        .help("what changed: less far back"),
    row(Changed, KeyAction::InChanged(ChangedAction::Open), "open", &["enter"])
        .help("what changed: all of an entry, and back"),
    row(Changed, KeyAction::Page(PageAction::Close), "close", &["esc", "q", "ctrl-c", "7"]),
    row(Checklist, KeyAction::InChecklist(ChecklistAction::Tick), "tick", &["space"])
        .help("what stays behind: tick the item at the cursor, or take its tick back"),
    row(Checklist, KeyAction::Page(PageAction::Close), "close", &["esc", "q", "ctrl-c", "l"]),
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
    row(Picks, KeyAction::Dialog(DialogAction::PickNext), "pick-next", &["right", "space"])
        .help("dialog: the next option of the row; a letter picks by name"),
    row(Picks, KeyAction::Dialog(DialogAction::PickPrevious), "pick-previous", &["left"])
        .help("dialog: the option before"),
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
    buttons(DialogAction::ByHand, "by-hand", &["b"])
        .hint("by hand")
        .help("dialog: the commands that do a rollback without trunkline"),
    buttons(DialogAction::TrunkSteps, "trunk-steps", &["t"])
        .help("dialog: roll back with the trunk's steps, or with those of the build again"),
    buttons(DialogAction::BuildBefore, "build-before", &["o"])
        .help("dialog: after a rollback that failed, the good build before instead"),
    dialog(DialogAction::Close, "close", &["esc", "ctrl-c"])
        .help("dialog: close it; what was sent goes on"),
    buttons(DialogAction::PressClose, "press-close", &["q"])
        .help("dialog: press the button that closes it"),
    row(Tiny, KeyAction::Quit, "quit", &["q"]),
    row(Tiny, KeyAction::Back, "back", &["esc"]),
    row(Tiny, KeyAction::Interrupt, "interrupt", &["ctrl-c"]),
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

const fn text(edit: Edit, name: &'static str, keys: KeyNames) -> Entry {
    row(Text, KeyAction::Edit(edit), name, keys)
}

const fn dialog(action: DialogAction, name: &'static str, keys: KeyNames) -> Entry {
    row(Dialog, KeyAction::Dialog(action), name, keys)
}

const fn buttons(action: DialogAction, name: &'static str, keys: KeyNames) -> Entry {
    row(Buttons, KeyAction::Dialog(action), name, keys)
}

const fn commits(action: DialogAction, name: &'static str, keys: KeyNames) -> Entry {
    row(Commits, KeyAction::Dialog(action), name, keys)
}
