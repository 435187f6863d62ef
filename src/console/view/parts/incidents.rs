//! Incidents: the line that is shown while one is open or a rollback asks, and what the details say of each.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::console::actions::action::KeyAction;
use crate::console::age::age;
use crate::console::model::Model;
use crate::console::theme::Role;
use crate::console::view::parts::clock::clock;
use crate::console::view::parts::fact::fact;
use crate::console::view::parts::row::Row;
use crate::domain::ids::{BuildNumber, DeploymentId};
use crate::domain::incident::{
    IncidentStanding, IncidentTurn, LinkedRollback, PostmortemStanding, UsersQuestion,
};
use crate::gate;

/// The most columns of the name of a severity.
pub const LONGEST_SEVERITY: usize = 12;
/// The most incidents in the details.
const LISTED: usize = 3;
/// The most lines of a text that somebody wrote.
const MOST_LINES: usize = 2;

/// `SEV-2 i123 open 12m, update due in 3m: checkout answers 500`, or what a rollback asks, and the key that answers it.
pub fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    let theme = &model.options.theme;
    let row = || Row::new(theme, area.width);
    let warn = format!(" {} ", theme.symbols.warn);
    let (left, does) = match (model.worst_incident(), model.users_question()) {
        (Some(standing), asked) => {
            let others = model.open_incidents().count() - 1 + usize::from(asked.is_some());
            let more = if others == 0 { String::new() } else { format!(" +{others}") };
            let left = head(model, row().own(warn, Role::Danger), standing).own(more, Role::Warn);
            let left = match model.update_in_words(standing) {
                Some(words) => left.own(format!(", {words}"), of_reminder(model, standing)),
                None => left,
            };
            (left.own(": ", Role::Muted).name(&standing.incident.title, Role::Text), " updates")
        }
        (None, Some(asked)) => {
            let text = format!("USERS AFFECTED? before {}", in_words(asked));
            let ago = format!(", {} ago", age(model.since(asked.at)));
            (row().own(warn, Role::Warn).own(text, Role::Warn).own(ago, Role::Muted), " answers")
        }
        (None, None) => return,
    };
    let right = row().gap(2);
    let right = if model.may_act() {
        right.own(model.key(&KeyAction::Incident), Role::Key).own(does, Role::Muted).gap(1)
    } else {
        right
    };
    frame.render_widget(Paragraph::new(left.then_right(right, area.width).line()), area);
}

/// `rollback d57 of #12 (d50) to #11`.
fn in_words(asked: &UsersQuestion) -> String {
    let all: Vec<_> = asked.rollbacks.iter().map(LinkedRollback::in_words).collect();
    all.join(" and ")
}

fn of_reminder(model: &Model, standing: &IncidentStanding) -> Role {
    if standing.is_update_due(model.now()) { Role::Danger } else { Role::Muted }
}

/// `SEV-2 i123 open 12m`, `SEV-2 i123 resolved 2h ago`.
pub fn head<'t>(model: &Model, row: Row<'t>, standing: &IncidentStanding) -> Row<'t> {
    let incident = &standing.incident;
    let role = if incident.is_open() { Role::Danger } else { Role::Text };
    let row = row.called_within(&incident.severity, LONGEST_SEVERITY, role);
    let row = row.own(format!(" {}", incident.id), role);
    match &incident.resolved {
        None => row.own(format!(" open {}", age(model.since(incident.opened_at))), role),
        Some(end) => row.own(format!(" resolved {} ago", age(model.since(end.written_at))), role),
    }
}

/// The question, the open incidents, and those that lack their postmortem; nothing where there is none.
pub fn lines(model: &Model, width: u16) -> Vec<Line<'static>> {
    let mut lines: Vec<_> =
        model.users_question().iter().flat_map(|asked| question(model, asked, width)).collect();
    let unfinished: Vec<_> = model.incidents().filter(|of| of.is_unfinished()).collect();
    for standing in unfinished.iter().take(LISTED) {
        lines.extend(listed(model, standing, width));
    }
    let more = unfinished.len().saturating_sub(LISTED);
    let more = (more > 0).then(|| format!("and {more} more"));
    lines.extend(more.map(|more| fact(model, width, "").own(more, Role::Warn).line()));
    lines
}

fn question(model: &Model, asked: &UsersQuestion, width: u16) -> Vec<Line<'static>> {
    let key = model.key(&KeyAction::Incident);
    let text = format!("affected before {}? {key} answers", in_words(asked));
    wrapped(model, width, "users", (&text, Role::Warn))
}

fn listed(model: &Model, standing: &IncidentStanding, width: u16) -> Vec<Line<'static>> {
    let incident = &standing.incident;
    let row = head(model, fact(model, width, "incident"), standing);
    let row = row.own(" by ", Role::Muted).called_within(&incident.by.to_string(), 14, Role::Muted);
    let mut lines = vec![row.line()];
    lines.extend(wrapped(model, width, "", (&incident.title, Role::Text)));
    let users = incident.users_affected.in_words();
    lines.push(fact(model, width, "").own(users, Role::Text).line());
    let last = incident.updates.iter().rfind(|update| !update.text.is_empty());
    if let Some(last) = last {
        let turn = match last.turn {
            Some(IncidentTurn::Resolved) => "resolved: ",
            Some(IncidentTurn::Reopened) => "open again: ",
            None => "",
        };
        let ago = age(model.since(last.written_at));
        let text = format!("{} {ago} ago: {turn}{}", last.by, last.text);
        lines.extend(wrapped(model, width, "last", (&text, Role::Text)));
    }
    if let Some(words) = model.update_in_words(standing) {
        lines.push(fact(model, width, "").own(words, of_reminder(model, standing)).line());
    }
    if let Some((text, role)) = document(model, standing) {
        lines.extend(wrapped(model, width, "", (&text, role)));
    }
    lines
}

/// Whether its postmortem is needed, and until when.
fn document(model: &Model, standing: &IncidentStanding) -> Option<(String, Role)> {
    match &standing.postmortem {
        PostmortemStanding::Needed { why, due: None } => {
            Some((format!("needs a postmortem: {why}"), Role::Muted))
        }
        PostmortemStanding::Needed { why, due: Some(due) } if *due <= model.now() => {
            let late = age(model.since(*due));
            Some((format!("POSTMORTEM OVERDUE for {late}: {why}"), Role::Danger))
        }
        PostmortemStanding::Needed { why, due: Some(due) } => {
            Some((format!("postmortem due {}: {why}", clock(model, *due)), Role::Warn))
        }
        PostmortemStanding::Optional { why } => {
            Some((format!("postmortem optional: {why}"), Role::Muted))
        }
        PostmortemStanding::NotNeeded
        | PostmortemStanding::Written
        | PostmortemStanding::Dismissed => None,
    }
}

/// The incident that a deployment of production belongs to, or what it asks.
pub fn of_deployment(model: &Model, id: DeploymentId, width: u16) -> Vec<Line<'static>> {
    let asked = model.users_question().filter(|asked| asked.is_of(id));
    match (model.incident_of(id), asked) {
        (Some(standing), _) => linked(model, standing, width),
        (None, Some(asked)) => question(model, asked, width),
        (None, None) => Vec::new(),
    }
}

/// The incident whose rollback took a build away.
pub fn of_build(model: &Model, build: BuildNumber, width: u16) -> Vec<Line<'static>> {
    let standing = model.incident_of_build(build);
    standing.map_or_else(Vec::new, |standing| linked(model, standing, width))
}

fn linked(model: &Model, standing: &IncidentStanding, width: u16) -> Vec<Line<'static>> {
    let mut lines = vec![head(model, fact(model, width, "incident"), standing).line()];
    // The rest of one that is unfinished stands below anyway.
    if !standing.is_unfinished() {
        lines.extend(wrapped(model, width, "", (&standing.incident.title, Role::Text)));
    }
    lines
}

/// What belongs to the hold of a rollback: `i123 SEV-2`, or the open question.
#[must_use]
pub fn of_hold(model: &Model, rollback: Option<DeploymentId>) -> Option<String> {
    let rollback = rollback?;
    let key = model.key(&KeyAction::Incident);
    if let Some(standing) = model.incident_of(rollback) {
        return Some(format!("{} {}", standing.incident.id, standing.incident.severity));
    }
    let is_asked = model.users_question().is_some_and(|asked| asked.is_of(rollback));
    is_asked.then(|| format!("users affected? ({key})"))
}

fn wrapped(
    model: &Model,
    width: u16,
    name: &'static str,
    (text, role): (&str, Role),
) -> Vec<Line<'static>> {
    let text = gate::sentence(text).wrap(fact(model, width, "").left().saturating_sub(1));
    let names = std::iter::once(name).chain(std::iter::repeat(""));
    let lines = text.iter().take(MOST_LINES + 1).zip(names);
    lines.map(|(line, name)| fact(model, width, name).safe(line, role).line()).collect()
}
