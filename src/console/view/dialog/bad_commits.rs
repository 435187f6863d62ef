//! The commits that a rollback took away, as a list to mark the bad ones in.

use ratatui::text::Line;

use crate::console::actions::action::{DialogAction, KeyAction};
use crate::console::model::Model;
use crate::console::model::dialog::Confirm;
use crate::console::model::dialog::bad_commits::{CommitChoice, ListedCommit};
use crate::console::model::dialog::progress::Focus;
use crate::console::theme::Role;
use crate::console::view::parts::row::{Row, called_width};

/// The most lines of the list that are shown at once.
const MOST_ROWS: usize = 8;
/// The lines of a dialog around the list: its title, what is cut of it, a reason, the buttons and spaces.
const AROUND: u16 = 9;

/// The list with the line of the cursor in it; nothing where no commit has to be named.
pub fn lines(model: &Model, confirm: &Confirm, width: u16, height: u16) -> Vec<Line<'static>> {
    let Some(choice) = confirm.dialog.commit_choice() else { return Vec::new() };
    let focused = confirm.progress.focus() == Focus::Commits;
    let theme = &model.options.theme;
    let title = if focused { Role::Key } else { Role::Muted };
    let key = model.key(&KeyAction::Dialog(DialogAction::Mark));
    let text = format!("which commits were bad? {key} marks");
    let mut lines = vec![Row::new(theme, width).gap(2).own(text, title).line()];
    let all = choice.commits.len() + 1;
    let room = usize::from(height.saturating_sub(AROUND)).clamp(1, MOST_ROWS);
    let first = choice.row.saturating_sub(room - 1).min(all.saturating_sub(room));
    for at in first..all.min(first + room) {
        let cursor = focused && at == choice.row;
        lines.push(match at.checked_sub(1) {
            None => none(model, choice, cursor, width),
            Some(at) => commit(model, &choice.commits[at], cursor, width),
        });
    }
    if let Some(text) = cut(choice, all.saturating_sub(room)) {
        lines.push(Row::new(theme, width).gap(2).own(text, Role::Muted).line());
    }
    lines.push(Line::default());
    lines
}

/// What the list does not show.
fn cut(choice: &CommitChoice, hidden: usize) -> Option<String> {
    let marked = choice.commits.iter().filter(|listed| listed.marked).count();
    match (choice.oldest, hidden, choice.more) {
        (None, 0, 0) => None,
        (None, hidden, 0) => Some(format!("{hidden} more lines, {marked} marked; arrows move")),
        (None, _, more) => Some(format!(
            "{marked} marked; {more} more commits are not listed: trunkline quarantine add names them"
        )),
        (Some(oldest), _, _) => Some(format!(
            "{marked} marked; those before {oldest} are not listed: trunkline quarantine add"
        )),
    }
}

fn none(model: &Model, choice: &CommitChoice, cursor: bool, width: u16) -> Line<'static> {
    marked(model, choice.none, cursor, width).own("none of them was bad", Role::Text).line()
}

fn commit(model: &Model, listed: &ListedCommit, cursor: bool, width: u16) -> Line<'static> {
    let commit = &listed.commit;
    let people = model.service.as_ref().map(|service| &service.people);
    let author = people.map_or(commit.author.name.as_str(), |p| p.call(&commit.author));
    let row = marked(model, listed.marked, cursor, width)
        .own(format!("{} ", listed.build), Role::Accent)
        .cell(commit.sha.short(), 8, Role::Muted);
    let wide = called_width(author).min(14);
    let room = row.left().saturating_sub(wide + 3);
    row.outside(&commit.subject, room, Role::Text)
        .gap(1)
        .called(author, wide, Role::AuthorOther)
        .line()
}

/// The cursor and the box of a line.
fn marked(model: &Model, is_marked: bool, cursor: bool, width: u16) -> Row<'_> {
    let theme = &model.options.theme;
    let (sign, role) = if is_marked { ("[x] ", Role::Warn) } else { ("[ ] ", Role::Text) };
    Row::new(theme, width)
        .gap(1)
        .cell(if cursor { theme.symbols.cursor } else { " " }, 1, Role::Key)
        .gap(1)
        .own(sign, role)
}
