//! All services, one row each: what is live, what waits, what runs, what stops it.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Block;

use crate::console::age::age;
use crate::console::model::Model;
use crate::console::model::link::LinkState;
use crate::console::theme::Role;
use crate::console::view::parts::clock::clock;
use crate::console::view::parts::lines::{draw_lines, nothing_passes};
use crate::console::view::parts::row::Row;
use crate::console::view::parts::{frame, problems, progress, watch};
use crate::domain::deployment::DeploymentState;
use crate::domain::event::DeploymentKind;
use crate::domain::ids::Environment;
use crate::domain::incident::{Incident, IncidentStanding, PostmortemStanding};
use crate::domain::snapshot::FleetRow;
use crate::domain::snapshot::alarm::Alarm;
use crate::domain::target::differ;
use crate::domain::watch::{evidence, evidence_of, tone};

pub fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    let theme = &model.options.theme;
    let title = Line::from(Span::styled(" Services ", theme.style(Role::Accent)));
    let block = Block::bordered()
        .border_set(theme.symbols.border_focus)
        .border_style(theme.style(Role::BorderFocus))
        .title(title);
    let block = match frame::as_of(model) {
        Some(old) => block.title_bottom(old),
        None => block,
    };
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let rows = model.fleet_rows();
    if rows.is_empty() {
        let mut lines = nothing(model, inner.width);
        lines.extend(problems::lines(model, inner.width));
        return draw_lines(frame, inner, lines, 0);
    }
    let mut lines = vec![titles(model, inner.width)];
    lines.extend(rows.iter().skip(model.services.offset).map(|row| line(model, row, inner.width)));
    lines.push(Line::default());
    lines.extend(problems::lines(model, inner.width));
    draw_lines(frame, inner, lines, 0);
    let at = model.services.row(&rows.iter().map(|r| r.service.clone()).collect::<Vec<_>>());
    let place = at.and_then(|at| u16::try_from(at + 1 - model.services.offset).ok());
    if let Some(down) = place.filter(|down| *down < inner.height && model.overlays.is_empty()) {
        let selected = Rect { y: inner.y + down, height: 1, ..inner };
        frame::mark(model, frame, selected);
    }
}

fn nothing(model: &Model, width: u16) -> Vec<Line<'static>> {
    let row = || Row::new(&model.options.theme, width).gap(1);
    match &model.fleet {
        None => match &model.link.state {
            LinkState::Down { why, .. } => vec![
                row().own("nothing could be read yet:", Role::Text).line(),
                row().own(why.as_str(), Role::Warn).line(),
            ],
            _ => vec![row().own("connecting", Role::Muted).line()],
        },
        Some(fleet) if !fleet.services.is_empty() => {
            vec![row().own(nothing_passes(model), Role::Muted).line()]
        }
        Some(fleet) if !fleet.problems.is_empty() => {
            let text = "no service could be read yet:";
            vec![row().own(text, Role::Text).line(), Line::default()]
        }
        Some(_) => vec![
            row().own("no services yet", Role::Text).line(),
            row().own("to add one, run trunkline init in a repository", Role::Muted).line(),
        ],
    }
}

fn titles(model: &Model, width: u16) -> Line<'static> {
    let row = Row::new(&model.options.theme, width);
    cells(
        row.gap(2),
        ["service", "live", "for", "ahead", "now", "stops", "last rollback"]
            .map(|t| (t.into(), Role::Muted)),
    )
}

fn cells(row: Row<'_>, cells: [(String, Role); 7]) -> Line<'static> {
    let now = row.left().saturating_sub(16 + 7 + 7 + 6 + 9 + 14).max(10);
    let widths = [16, 7, 7, 6, now, 9, 14];
    cells
        .into_iter()
        .zip(widths)
        .fold(row, |row, ((text, role), width)| row.cell(text, width, role))
        .line()
}

fn line(model: &Model, fleet: &FleetRow, width: u16) -> Line<'static> {
    let theme = &model.options.theme;
    let cursor = model.services.selected.as_ref() == Some(&fleet.service);
    let row =
        Row::new(theme, width).cell(if cursor { theme.symbols.cursor } else { " " }, 2, Role::Text);
    let (live, since) = match &fleet.live {
        _ if differ(&fleet.targets) => ("differ".into(), "-".into()),
        Some(live) => (live.build.to_string(), age(model.since(live.since))),
        None if fleet.live_unknown => ("?".into(), "?".into()),
        None => ("-".into(), "-".into()),
    };
    let is_production = |alarm: &Alarm| alarm.environment() == Environment::Production;
    let is_wrong = fleet.alarms.iter().any(is_production);
    let live_role = if is_wrong { Role::Danger } else { Role::Live };
    let ahead = match fleet.ahead {
        _ if fleet.live_unknown => "?".into(),
        0 => "-".into(),
        ahead => format!("+{ahead}"),
    };
    let frozen = fleet.freeze.is_some() || fleet.calendar.is_some();
    let stops = match (&fleet.hold, frozen) {
        (Some(_), _) => ("ON HOLD", Role::Frozen),
        (None, true) => ("FROZEN", Role::Frozen),
        (None, false) => ("open", Role::Ok),
    };
    let last = fleet.last_rollback.map_or("-".into(), |at| format!("{} ago", age(model.since(at))));
    cells(
        row,
        [
            (fleet.service.to_string(), Role::Text),
            (live, live_role),
            (since, Role::Muted),
            (ahead, Role::Text),
            now(model, fleet),
            (stops.0.into(), stops.1),
            (last, Role::Muted),
        ],
    )
}

/// The worst open incident of a service, as `SEV-1 i12`, and how many more are open.
fn incident(row: &FleetRow) -> Option<(&IncidentStanding, String)> {
    let open: Vec<_> = row.incidents.iter().filter(|of| of.incident.is_open()).collect();
    let newest = open.first()?;
    let more = if open.len() == 1 { String::new() } else { format!(" +{}", open.len() - 1) };
    let Incident { id, severity, .. } = &newest.incident;
    Some((newest, format!("{severity} {id}{more}")))
}

/// What still asks something of people after all else: whether users were affected, and a postmortem.
fn unfinished(model: &Model, row: &FleetRow) -> Option<(String, Role)> {
    if row.users_question.is_some() {
        return Some(("users affected?".into(), Role::Warn));
    }
    let due = row.incidents.iter().find_map(|of| match of.postmortem {
        PostmortemStanding::Needed { due, .. } => due,
        _ => None,
    })?;
    let is_late = due <= model.now();
    Some(if is_late {
        ("postmortem OVERDUE".into(), Role::Danger)
    } else {
        (format!("postmortem {}", clock(model, due)), Role::Warn)
    })
}

/// What runs now, else what is wrong with what runs and how much else there is to say, else how many things are wrong.
fn now(model: &Model, row: &FleetRow) -> (String, Role) {
    let incident = incident(row);
    let Some(running) = &row.running else {
        if let Some((standing, words)) = incident {
            let age = age(model.since(standing.incident.opened_at));
            let is_due = standing.is_update_due(model.now());
            let due = if is_due { ", UPDATE DUE" } else { "" };
            return (format!("{words} open {age}{due}"), Role::Danger);
        }
        if let [worst, more @ ..] = row.alarms.as_slice() {
            let more = more.len() + row.problems as usize + usize::from(row.request.is_some());
            let more = if more == 0 { String::new() } else { format!(" +{more}") };
            return (format!("{}{more}", worst.short()), Role::Danger);
        }
        if let Some(request) = &row.request {
            return (format!("ASKED {} by {}", request.build, request.by), Role::Warn);
        }
        if let Some(asks) = unfinished(model, row).filter(|_| row.problems == 0) {
            return asks;
        }
        return match row.problems {
            0 if row.live_unknown => ("live not known".into(), Role::Warn),
            0 => match (&row.live, row.watch.as_deref()) {
                (None, _) => ("-".into(), Role::Muted),
                (live, watch) => {
                    let role = watch::of_tone(tone(evidence_of(live.as_ref(), watch, model.now())));
                    (evidence(live.as_ref(), watch, model.now()), role)
                }
            },
            1 => ("1 problem".into(), Role::Danger),
            count => (format!("{count} problems"), Role::Danger),
        };
    };
    let also = incident.map_or_else(String::new, |(_, words)| format!(", {words}"));
    let what = match running.kind {
        DeploymentKind::Rollback => format!("rollback to {}", running.build),
        _ => format!("{} to {}", running.build, running.environment),
    };
    if running.state == DeploymentState::Queued {
        return (format!("{what}, waiting{also}"), Role::Muted);
    }
    if let Some(wave) = row.wave.as_ref().filter(|wave| wave.deployment == running.deployment) {
        let (words, role) = (wave.short(model.now()), watch::of_wave(wave, model.now()));
        return (format!("{} {words}{also}", wave.build), role);
    }
    let (time, role) = progress::elapsed(model, running.since, running.waited, running.expected);
    (format!("{what} {time}{also}"), role)
}
