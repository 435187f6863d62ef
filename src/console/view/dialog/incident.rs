//! The dialog about an incident: what it is about, and the rows of options above its text.

use ratatui::text::Line;

use crate::console::age::age;
use crate::console::model::Model;
use crate::console::model::dialog::Confirm;
use crate::console::model::dialog::incident::{IncidentForm, IncidentSubject, PickRow};
use crate::console::model::dialog::progress::Focus;
use crate::console::theme::Role;
use crate::console::view::dialog::paragraph;
use crate::console::view::parts::row::Row;
use crate::domain::ids::{Environment, IncidentId};

/// How wide the names on the left are, as those of fields.
const NAME: usize = 21;
/// The most columns of an option.
const LONGEST_OPTION: usize = 20;

pub fn title(form: &IncidentForm) -> String {
    match form.subject() {
        IncidentSubject::Question(_) => "Were users affected?".to_owned(),
        IncidentSubject::Open { id, severity, .. } => format!("Incident {id} {severity}"),
        IncidentSubject::New => "Open an incident".to_owned(),
    }
}

/// What it is about, in a sentence or two.
pub fn about(model: &Model, form: &IncidentForm, width: u16) -> Vec<Line<'static>> {
    match form.subject() {
        IncidentSubject::Question(asked) => {
            let text = "closing this leaves the question open";
            let mut lines = paragraph(model, width, &asked.sentence(), Role::Text);
            lines.extend(paragraph(model, width, text, Role::Muted));
            lines
        }
        IncidentSubject::Open { id, .. } => open(model, *id, width),
        IncidentSubject::New => {
            let live = model.service.as_ref().and_then(|s| s.live.get(&Environment::Production));
            let what = live.map_or_else(
                || "nothing is known to be live".to_owned(),
                |live| format!("{} is live since {}", live.build, age(model.since(live.since))),
            );
            let text = format!("{what}; everybody sees the incident until it is resolved");
            paragraph(model, width, &text, Role::Text)
        }
    }
}

fn open(model: &Model, id: IncidentId, width: u16) -> Vec<Line<'static>> {
    let Some(standing) = model.incidents().find(|of| of.incident.id == id) else {
        return Vec::new();
    };
    let incident = &standing.incident;
    let (since, users) = (age(model.since(incident.opened_at)), incident.users_affected.in_words());
    let text = format!("{}; open {since}, by {}, {users}", incident.title, incident.by);
    let mut lines = paragraph(model, width, &text, Role::Text);
    if let Some(last) = incident.updates.iter().rfind(|update| !update.text.is_empty()) {
        let ago = age(model.since(last.written_at));
        let text = format!("last: {} {ago} ago: {}", last.by, last.text);
        lines.extend(paragraph(model, width, &text, Role::Muted));
    }
    if let Some(words) = model.update_in_words(standing) {
        let is_due = standing.is_update_due(model.now());
        let role = if is_due { Role::Danger } else { Role::Muted };
        lines.extend(paragraph(model, width, &words, role));
    }
    lines
}

/// The rows of options, each with what is picked.
pub fn lines(model: &Model, confirm: &Confirm, width: u16) -> Vec<Line<'static>> {
    let Some(form) = confirm.dialog.incident() else { return Vec::new() };
    let mut lines = Vec::new();
    for (at, row) in form.rows().into_iter().enumerate() {
        let focused = confirm.progress.focus() == Focus::Pick(at);
        lines.push(options(model, form, row, focused, width));
        let meaning = form.meaning();
        if row == PickRow::Severity && !meaning.is_empty() {
            let below = Row::new(&model.options.theme, width).gap(2 + NAME);
            lines.push(below.name(&meaning, Role::Muted).line());
        }
    }
    lines
}

fn options(
    model: &Model,
    form: &IncidentForm,
    row: PickRow,
    focused: bool,
    width: u16,
) -> Line<'static> {
    let theme = &model.options.theme;
    let name = if focused { Role::Key } else { Role::Muted };
    let line = Row::new(theme, width)
        .gap(1)
        .cell(if focused { theme.symbols.cursor } else { " " }, 1, Role::Key)
        .cell(row.label(), NAME, name);
    let (options, picked) = (form.options(row), form.picked(row));
    let all = options.iter().map(|option| option.chars().count().min(LONGEST_OPTION) + 6);
    if all.sum::<usize>() <= line.left() {
        return options
            .iter()
            .enumerate()
            .fold(line, |line, (at, option)| {
                let (sign, role) = sign(picked == Some(at));
                let line = line.own(sign, role);
                line.called_within(option, LONGEST_OPTION, role).gap(2)
            })
            .line();
    }
    // Where they do not fit beside each other, only the picked one is shown.
    let Some(at) = picked else {
        return line.own(format!("none of {} is picked", options.len()), Role::Warn).line();
    };
    let (sign, role) = sign(true);
    let line = line.own(sign, role).called_within(&options[at], LONGEST_OPTION, role);
    line.own(format!("  {} of {}", at + 1, options.len()), Role::Muted).line()
}

fn sign(picked: bool) -> (&'static str, Role) {
    if picked { ("(x) ", Role::Accent) } else { ("( ) ", Role::Text) }
}
