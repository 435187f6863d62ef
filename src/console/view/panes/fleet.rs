//! All services, one row each: what is live, what waits, what runs, what stops it.

use ratatui::Frame;
use ratatui::layout::{Alignment, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Block;

use crate::console::age::age;
use crate::console::model::Model;
use crate::console::model::fleet::Attention;
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
use crate::domain::snapshot::alarm::Alarm;
use crate::domain::snapshot::{FleetRow, Running};
use crate::domain::target::differ;
use crate::domain::watch::{evidence, evidence_of, tone};
use crate::domain::words::counted;

pub fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    let theme = &model.options.theme;
    let rows = model.fleet_rows();
    let on_border = |role| frame::on_border(theme.style(role));
    let mut title = vec![Span::styled(" Services ", on_border(Role::Accent))];
    title.extend(counts(model).into_iter().map(|(text, role)| Span::styled(text, on_border(role))));
    let order = format!(" by {} ", model.fleet_order.name());
    let block = Block::bordered()
        .border_set(theme.symbols.border_focus)
        .border_style(theme.style(Role::BorderFocus))
        .title(Line::from(title))
        .title(Line::styled(order, on_border(Role::Muted)).alignment(Alignment::Right));
    let block = match frame::as_of(model) {
        Some(old) => block.title_bottom(old),
        None => block,
    };
    let offset = model.services.offset;
    let total = model.fleet.as_ref().map_or(0, |fleet| fleet.services.len());
    let height = usize::from(area.height.saturating_sub(3));
    let total = u32::try_from(total).unwrap_or(u32::MAX);
    let range = format!(" {} ", frame::range(offset, height, rows.len(), total));
    let range = Line::styled(range, on_border(Role::Muted)).alignment(Alignment::Right);
    let block = if rows.len() > height { block.title_bottom(range) } else { block };
    let inner = block.inner(area);
    frame.render_widget(block, area);
    if rows.is_empty() {
        let mut lines = nothing(model, inner.width);
        lines.extend(problems::lines(model, inner.width));
        return draw_lines(frame, inner, lines, 0);
    }
    let columns = FleetColumns::of(&rows, inner.width);
    let mut lines = vec![titles(model, &columns, inner.width)];
    let shown = rows.iter().skip(offset).take(height);
    lines.extend(shown.map(|row| line(model, row, &columns, inner.width)));
    lines.push(Line::default());
    lines.extend(problems::lines(model, inner.width));
    draw_lines(frame, inner, lines, 0);
    let at = model.services.row(&rows.iter().map(|r| r.service.clone()).collect::<Vec<_>>());
    let place = at.and_then(|at| u16::try_from(at + 1 - offset).ok());
    if let Some(down) = place.filter(|down| *down < inner.height && model.overlays.is_empty()) {
        let selected = Rect { y: inner.y + down, height: 1, ..inner };
        frame::mark(model, frame, selected);
    }
}

/// How many services need attention, how many are stopped, and how many deploy.
fn counts(model: &Model) -> Vec<(String, Role)> {
    let all = model.fleet.iter().flat_map(|fleet| &fleet.services);
    let all: Vec<_> = all.map(Attention::of).collect();
    let count = |is: &dyn Fn(Attention) -> bool| {
        all.iter().filter(|reasons| reasons.iter().any(|reason| is(*reason))).count()
    };
    let urgent = count(&Attention::is_urgent);
    let verb = if urgent == 1 { "needs" } else { "need" };
    let counts = [
        (urgent, format!("{verb} attention"), Role::Danger),
        (count(&|reason| reason == Attention::Held), "on hold".to_owned(), Role::Hold),
        (count(&|reason| reason == Attention::Frozen), "frozen".to_owned(), Role::Frozen),
        (count(&|reason| reason == Attention::Running), "deploying".to_owned(), Role::Running),
    ];
    let some = counts.into_iter().filter(|(count, ..)| *count > 0);
    some.map(|(count, what, role)| (format!(" {count} {what} "), role)).collect()
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

/// How wide the columns are; what is new gets the rest.
struct FleetColumns {
    service: usize,
    news: usize,
    /// The last rollback, where there is room.
    rollback: usize,
}

const MARK: usize = 2;
const LIVE: usize = 8;
const SINCE: usize = 7;
const AHEAD: usize = 6;
const STOPS: usize = 9;

impl FleetColumns {
    fn of(rows: &[&FleetRow], width: u16) -> Self {
        let width = usize::from(width);
        let most = if width < 100 { 16 } else { 28 };
        let service = frame::column(rows.iter().map(|row| row.service.to_string()), most);
        let service = service.max("service".len()) + 1;
        let rollback = if width < 110 { 0 } else { 14 };
        let taken = MARK + service + LIVE + SINCE + AHEAD + STOPS + rollback;
        Self { service, news: width.saturating_sub(taken + 1), rollback }
    }
}

fn titles(model: &Model, columns: &FleetColumns, width: u16) -> Line<'static> {
    let widths = [columns.service, LIVE, SINCE, AHEAD, STOPS, columns.news + 1, columns.rollback];
    let names = ["service", "live", "for", "ahead", "stops", "what is new", "last rollback"];
    let row = Row::new(&model.options.theme, width).gap(MARK);
    let cells = names.into_iter().zip(widths);
    cells.fold(row, |row, (name, width)| row.cell(name, width, Role::Muted)).line()
}

fn line(model: &Model, fleet: &FleetRow, columns: &FleetColumns, width: u16) -> Line<'static> {
    let theme = &model.options.theme;
    let cursor = model.services.selected.as_ref() == Some(&fleet.service);
    let is_urgent = Attention::of(fleet).first().is_some_and(|reason| reason.is_urgent());
    let (live, since) = match &fleet.live {
        _ if differ(&fleet.targets) => ("differ".into(), "-".into()),
        Some(live) => (live.build.to_string(), age(model.since(live.since))),
        None if fleet.live_unknown => ("?".into(), "?".into()),
        None => ("-".into(), "-".into()),
    };
    let is_production = |alarm: &Alarm| alarm.environment() == Environment::Production;
    let is_wrong = fleet.alarms.iter().any(is_production);
    let ahead = match fleet.ahead {
        _ if fleet.live_unknown => "?".into(),
        0 => "-".into(),
        ahead => format!("+{ahead}"),
    };
    let (stops, stops_role) = match (&fleet.hold, is_frozen(fleet)) {
        (Some(_), _) => ("ON HOLD", Role::Hold),
        (None, true) => ("FROZEN", Role::Frozen),
        (None, false) => ("open", Role::Muted),
    };
    let last = fleet.last_rollback.map_or("-".into(), |at| format!("{} ago", age(model.since(at))));
    let row = Row::new(theme, width)
        .own(if cursor { theme.symbols.cursor } else { " " }, Role::Text)
        .own(if is_urgent { theme.symbols.warn } else { " " }, Role::Danger)
        .cell(fleet.service.as_str(), columns.service - 1, Role::Text)
        .gap(1)
        .cell(live, LIVE, if is_wrong { Role::Danger } else { Role::Live })
        .cell(since, SINCE, Role::Muted)
        .cell(ahead, AHEAD, Role::Text)
        .own(stops, stops_role)
        .gap(STOPS - stops.len());
    let end = row.taken() + columns.news + 1;
    let row = told(model, row, &news(model, fleet), columns.news);
    let rest = end.saturating_sub(row.taken());
    row.gap(rest).cell(last, columns.rollback, Role::Muted).line()
}

fn is_frozen(fleet: &FleetRow) -> bool {
    fleet.freeze.is_some() || fleet.calendar.is_some()
}

/// As much of it as so many columns have room for, the first always, and how much more there is.
fn told<'t>(model: &Model, row: Row<'t>, news: &[(String, Role)], room: usize) -> Row<'t> {
    let end = row.taken() + room;
    let mut row = row;
    for (at, (text, role)) in news.iter().enumerate() {
        let rest = news.len() - at - 1;
        let more = if rest == 0 { String::new() } else { format!(" +{rest}") };
        let left = end.saturating_sub(row.taken() + more.len());
        let wide = Row::new(&model.options.theme, u16::MAX).own(text, *role).taken();
        if at > 0 && wide + 2 > left {
            let worst = news[at..].iter().map(|(_, role)| *role).min_by_key(|role| loudness(*role));
            return row.own(format!(" +{}", rest + 1), worst.unwrap_or(Role::Muted));
        }
        let row_before = if at == 0 { row } else { row.own(", ", Role::Muted) };
        row = row_before.cell(text, wide.min(left), *role);
    }
    row
}

fn loudness(role: Role) -> usize {
    [Role::Danger, Role::Warn].iter().position(|loud| *loud == role).unwrap_or(2)
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

/// Everything that is new or wrong, the most urgent first; else how what is live does.
fn news(model: &Model, row: &FleetRow) -> Vec<(String, Role)> {
    let mut news = Vec::new();
    let in_production =
        row.running.as_ref().filter(|running| running.environment == Environment::Production);
    news.extend(in_production.map(|running| of_running(model, row, running)));
    if let Some((standing, words)) = incident(row) {
        let age = age(model.since(standing.incident.opened_at));
        let due = if standing.is_update_due(model.now()) { ", UPDATE DUE" } else { "" };
        news.push((format!("{words} open {age}{due}"), Role::Danger));
    }
    news.extend(row.alarms.iter().map(|alarm| (alarm.short(), Role::Danger)));
    if row.live_unknown {
        news.push(("live not known".into(), Role::Warn));
    }
    if row.problems > 0 {
        let count = usize::try_from(row.problems).unwrap_or(usize::MAX);
        news.push((counted(count, "problem"), Role::Danger));
    }
    if let Some(request) = &row.request {
        news.push((format!("ASKED {} by {}", request.build, request.by), Role::Warn));
    }
    news.extend(unfinished(model, row));
    if row.hold.is_some() && is_frozen(row) {
        news.push(("FROZEN".into(), Role::Frozen));
    }
    let elsewhere = row.running.as_ref().filter(|_| in_production.is_none());
    news.extend(elsewhere.map(|running| of_running(model, row, running)));
    if news.is_empty() {
        let (live, watch) = (row.live.as_ref(), row.watch.as_deref());
        let role = watch::of_tone(tone(evidence_of(live, watch, model.now())));
        news.push(match live {
            None => ("-".into(), Role::Muted),
            Some(_) => (evidence(live, watch, model.now()), role),
        });
    }
    news
}

fn of_running(model: &Model, row: &FleetRow, running: &Running) -> (String, Role) {
    let what = match running.kind {
        DeploymentKind::Rollback => format!("rollback to {}", running.build),
        _ => format!("{} to {}", running.build, running.environment),
    };
    if running.state == DeploymentState::Queued {
        return (format!("{what}, waiting"), Role::Muted);
    }
    if let Some(wave) = row.wave.as_ref().filter(|wave| wave.deployment == running.deployment) {
        let (words, role) = (wave.short(model.now()), watch::of_wave(wave, model.now()));
        return (format!("{} {words}", wave.build), role);
    }
    let (time, role) = progress::elapsed(model, running.since, running.waited, running.expected);
    (format!("{what} {time}"), role)
}
