//! The line that survives at every size: what is live, what stops or threatens it, who you are, how old the data is.

mod length;
mod production;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::widgets::Paragraph;

use self::length::{LENGTHS, LONGEST_NAME, Length, SHORT_NAME, SHORTEST_NAME};
use self::production::named;
pub use self::production::production;
use crate::calendar::FreezeState;
use crate::console::actions::action::KeyAction;
use crate::console::age::age;
use crate::console::model::link::{FromDisk, LinkState};
use crate::console::model::{Model, Screen};
use crate::console::theme::Role;
use crate::console::view::parts::clock::clock;
use crate::console::view::parts::incidents::LONGEST_SEVERITY;
use crate::console::view::parts::row::Row;
use crate::console::view::parts::{progress, verdict};
use crate::domain::deployment::DeploymentState;
use crate::domain::event::DeploymentKind;
use crate::domain::ids::Environment;
use crate::domain::needs::{NeedStanding, NeedState};
use crate::domain::snapshot::alarm::Alarm;
use crate::domain::snapshot::{DeploymentRow, RollbackPreview, ServiceSnapshot};
use crate::domain::time::say;
use crate::domain::tried::Trust;
use crate::gate;

/// The columns that are kept for who you are.
const LEAST_NAME: usize = 6;
/// The most columns of why it is frozen.
const LONGEST_REASON: usize = 24;

/// How much is said of how old the data is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum DataAge {
    Long,
    /// Without when it is asked for again.
    Short,
    /// Of old data only how old it is.
    Shortest,
}

pub fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    let theme = &model.options.theme;
    let row = || Row::new(theme, area.width);
    let left = match (&model.screen, &model.service) {
        (Screen::Fleet, _) => {
            row().own(" trunkline ", Role::Accent).own(fleet_count(model), Role::Muted)
        }
        (Screen::Service, None) => {
            let name = model.services.selected.as_ref().map_or("", |name| name.as_str());
            row()
                .own(" PROD ", Role::EnvProduction)
                .own(name, Role::Text)
                .own(" loading", Role::Muted)
        }
        (Screen::Service, Some(service)) => {
            return draw_service(model, service, frame, area);
        }
    };
    let right = state(model, row(), LONGEST_NAME);
    frame.render_widget(Paragraph::new(left.then_right(right, area.width).line()), area);
}

/// How long a name is, foreign text, never decides what else stands here: it only takes what is left.
fn draw_service(model: &Model, service: &ServiceSnapshot, frame: &mut Frame, area: Rect) {
    let width = usize::from(area.width);
    let at = |length, name| {
        // As long as it wants to be, to see whether it fits.
        let row = Row::new(&model.options.theme, u16::MAX);
        let row = stopped(model, named(model, row, length, name), length);
        let row = incident(model, rollback(model, row, service, length), length);
        staging(model, row, length)
    };
    let row = || Row::new(&model.options.theme, area.width);
    let right = |most| state(model, row(), most);
    let fixed = right(0).taken();
    let fits = |taken: usize| {
        let room = width.saturating_sub(taken);
        LENGTHS.iter().copied().find(|length| at(*length, SHORT_NAME).taken() <= room)
    };
    let Some(length) = fits(fixed + LEAST_NAME) else {
        // Who you are and what you may give way before what is so.
        let right = |age| aged(model, row().own(" ", Role::Text), age).own(" ", Role::Text);
        let ages = [DataAge::Short, DataAge::Shortest];
        let found = ages.into_iter().find_map(|age| Some((fits(right(age).taken())?, age)));
        let (left, right) = if let Some((length, age)) = found {
            (at(length, SHORT_NAME), right(age))
        } else {
            let right = right(DataAge::Shortest);
            let rest = at(Length::Bare, 0).taken() + right.taken();
            let name = width.saturating_sub(rest).clamp(SHORTEST_NAME, SHORT_NAME);
            (at(Length::Bare, name), right)
        };
        return frame
            .render_widget(Paragraph::new(left.then_right(right, area.width).line()), area);
    };
    let full = at(Length::Full, SHORT_NAME);
    let whole = full.taken() + right(LONGEST_NAME).taken() <= width;
    let left = if length == Length::NoReason && whole { full } else { at(length, SHORT_NAME) };
    let name = width.saturating_sub(left.taken() + fixed).clamp(LEAST_NAME, LONGEST_NAME);
    frame.render_widget(Paragraph::new(left.then_right(right(name), area.width).line()), area);
}

pub fn draw_problem(model: &Model, frame: &mut Frame, area: Rect) {
    let troubles = model.troubles();
    let Some(problem) = troubles.first() else { return };
    let symbols = &model.options.theme.symbols;
    let more = match troubles.len() {
        1 => String::new(),
        count => {
            format!("1 of {count}, {} shows all: ", model.key(&KeyAction::Messages))
        }
    };
    // Before all else, as a long reason leaves no room after it.
    let is_away = model.from_disk().is_some() || matches!(model.link.state, LinkState::Down { .. });
    let by_hand = model
        .by_hand()
        .filter(|_| is_away)
        .map_or_else(String::new, |_| format!("{}: by hand  ", model.key(&KeyAction::ByHand)));
    let row = Row::new(&model.options.theme, area.width)
        .own(format!(" {} ", symbols.warn), Role::Danger)
        .own(by_hand, Role::Key)
        .own(more, Role::Muted)
        .own(format!("{} ", problem.what), Role::Danger)
        .own(format!("{} {}", symbols.arrow, problem.remedy), Role::Text);
    frame.render_widget(Paragraph::new(row.line()), area);
}

fn fleet_count(model: &Model) -> String {
    match model.fleet.as_ref().map(|fleet| fleet.services.len()) {
        None => String::new(),
        Some(1) => "1 service".into(),
        Some(count) => format!("{count} services"),
    }
}

/// What is live, what stops a promote, and the open incident, where there is room for nothing else but how old that is.
pub fn in_brief<'t>(model: &'t Model, row: Row<'t>) -> Row<'t> {
    let of = |row, length| stopped(model, named(model, row, length, SHORT_NAME), length);
    if model.worst_incident().is_none() {
        return stopped(model, production(model, row), Length::NoReason);
    }
    let with = |row, length| incident(model, of(row, length), length);
    let wide = || Row::new(&model.options.theme, u16::MAX);
    let room = row.left().saturating_sub(freshness(model, wide()).taken() + 1);
    let length = LENGTHS.into_iter().find(|length| with(wide(), *length).taken() <= room);
    with(row, length.unwrap_or(Length::Bare))
}

fn stopped<'t>(model: &Model, row: Row<'t>, length: Length) -> Row<'t> {
    let Some(service) = &model.service else { return row };
    let (row, standing) = (apart(row, length), model.standing());
    if let Some(hold) = service.holds.get(&Environment::Production) {
        let row = row.own("ON HOLD", Role::Frozen);
        let row = if length < Length::NoEnd {
            let by = hold.by.to_string();
            row.own(" by ", Role::Muted).called_within(&by, LONGEST_NAME, Role::Muted)
        } else {
            row
        };
        // After a release the freeze still applies.
        let frozen = standing.state == FreezeState::Frozen && length < Length::NoArrow;
        return if frozen { row.own(", FROZEN", Role::Frozen) } else { row };
    }
    let (word, role, without_end) = match standing.state {
        FreezeState::Open => return row.own("OPEN", Role::Ok),
        FreezeState::Warn => ("WARN", Role::Warn, ""),
        FreezeState::Frozen => ("FROZEN", Role::Frozen, " until lifted"),
    };
    let row = row.own(word, role);
    if length >= Length::NoEnd {
        return row;
    }
    let row = match standing.lasts_until {
        Some(until) => row.own(format!(" to {}", clock(model, until)), role),
        // Only what was set by hand can be lifted.
        None if model.frozen().is_some() => row.own(without_end, role),
        None => row,
    };
    match standing.longest() {
        Some(found) if length < Length::NoReason => {
            let wide = gate::field(&found.reason).width().min(LONGEST_REASON);
            row.gap(1).outside(&found.reason, wide, Role::Muted)
        }
        _ => row,
    }
}

/// Where one key would put production back, and how that would go.
fn rollback<'t>(model: &Model, row: Row<'t>, service: &ServiceSnapshot, length: Length) -> Row<'t> {
    let row = apart(row, length).own(model.key(&KeyAction::RollBack), Role::Key);
    let arrow = model.options.theme.symbols.arrow;
    let Some(target) = &service.rollback else {
        let (word, short, role) = match service.skipped.as_slice() {
            [] if service.live_unknown => ("not known", "not known", Role::Muted),
            [] => ("no earlier build", "none", Role::Muted),
            _ => ("no good build", "no good", Role::Danger),
        };
        return if length < Length::NoArrow {
            row.own(format!(" {arrow} {word}"), role)
        } else {
            row.own(format!(" {short}"), role)
        };
    };
    let row = if length < Length::NoArrow { row.own(format!(" {arrow}"), Role::Text) } else { row };
    let row = row.own(format!(" {}", target.to), Role::Text);
    let row = match target.expected {
        Some(time) if length < Length::NoTook => row.own(format!(" ~{}", say(time)), Role::Text),
        _ => row,
    };
    let (word, role) = match (target.under_way, &target.blocked) {
        (Some(_), _) => ("UNDER WAY", Role::Warn),
        (None, Some(_)) => ("BLOCKED", Role::Danger),
        (None, None) if target.is_only_unchecked() => ("UNCHECKED", Role::Warn),
        (None, None) => verdict::word(target.verdict.outlook),
    };
    let row = tried(model, row.gap(1).own(word, role), target, length);
    let row = lacks(row, target, length);
    match service.skipped.as_slice() {
        [first, more @ ..] if length < Length::NoAge => {
            let more = if more.is_empty() { String::new() } else { format!(" +{}", more.len()) };
            row.own(format!(" skips {}{more}", first.build), Role::Warn)
        }
        _ => row,
    }
}

/// Whether that way back was tried. What failed is said as long as there is room.
fn tried<'t>(model: &Model, row: Row<'t>, target: &RollbackPreview, length: Length) -> Row<'t> {
    let tried = target.tried.as_ref().filter(|_| target.under_way.is_none());
    let Some(tried) = tried else { return row };
    let role = verdict::tried_role(model, tried);
    let ago = tried.last.as_ref().map_or_else(String::new, |last| age(model.since(last.at)));
    match tried.trust(model.now()) {
        // On the smallest screens production's own state says it.
        Trust::Failed if length >= Length::Bare => row,
        Trust::Failed if length >= Length::OnlyRed => row.own(", FAILED", role),
        Trust::Failed => row.own(format!(", {}", tried.in_words(&ago)), role),
        _ if length < Length::NoTried => row.own(format!(", {}", tried.in_words(&ago)), role),
        _ => row,
    }
}

/// What its steps need and is missing.
fn lacks<'t>(row: Row<'t>, target: &RollbackPreview, length: Length) -> Row<'t> {
    let is_missing = |need: &&NeedStanding| need.state == NeedState::Missing;
    match target.needs.iter().find(is_missing).filter(|_| length < Length::NoArrow) {
        Some(need) => {
            row.own(", no ", Role::Danger).called_within(&need.name, SHORT_NAME, Role::Danger)
        }
        None => row,
    }
}

/// `SEV-1 i123 open 12m`, or that a rollback asks whether users were affected. It gets shorter and is never left out.
fn incident<'t>(model: &Model, row: Row<'t>, length: Length) -> Row<'t> {
    let Some(standing) = model.worst_incident() else {
        return asked(model, row, length);
    };
    let incident = &standing.incident;
    let (id, since) = (incident.id, age(model.since(incident.opened_at)));
    let row = apart(row, length).called_within(&incident.severity, LONGEST_SEVERITY, Role::Danger);
    let row = match length {
        _ if length < Length::NoEnd => row.own(format!(" {id} open {since}"), Role::Danger),
        _ if length < Length::Bare => row.own(format!(" {id} {since}"), Role::Danger),
        _ => row.own(format!(" {id}"), Role::Danger),
    };
    let others = model.open_incidents().count() - 1;
    let row = if others == 0 { row } else { row.own(format!(" +{others}"), Role::Danger) };
    let is_due = standing.is_update_due(model.now()) && length < Length::NoTook;
    if is_due { row.own(", UPDATE DUE", Role::Danger) } else { row }
}

fn asked<'t>(model: &Model, row: Row<'t>, length: Length) -> Row<'t> {
    if model.users_question().is_none() {
        return row;
    }
    let words = if length == Length::Full { "users affected? " } else { "USERS? " };
    let key = model.key(&KeyAction::Incident);
    apart(row, length).own(words, Role::Warn).own(key, Role::Key)
}

/// `STG #30 FAILED smoke 2m`: what staging is about now, and whether it lacks the newest build.
fn staging<'t>(model: &Model, row: Row<'t>, length: Length) -> Row<'t> {
    let newest = model.newest_in_staging();
    let mut alarms = model.service.iter().flat_map(|service| &service.alarms);
    let lacks = alarms.find_map(|alarm| match alarm {
        Alarm::NotInStaging { build, .. } => Some(*build),
        _ => None,
    });
    let is_told = |row: &DeploymentRow, build| row.deployment.request.build == build;
    let lacks = lacks.filter(|build| !newest.is_some_and(|row| is_told(row, *build)));
    match (newest, lacks) {
        (None, None) => row,
        (Some(newest), None) => of_staging(model, row, newest, length),
        (Some(newest), Some(build)) if is_red(newest.state) => {
            let also = if length < Length::NoArrow {
                format!(", lacks {build}")
            } else {
                " +1".to_owned()
            };
            of_staging(model, row, newest, length).own(also, Role::Danger)
        }
        (_, Some(build)) => apart(row, length)
            .own("STG ", Role::EnvStaging)
            .own(format!("lacks {build}"), Role::Danger),
    }
}

/// Whether it is wrong that a deployment to staging is as it is.
fn is_red(state: DeploymentState) -> bool {
    use DeploymentState::{Cancelled, Failed, Interrupted};
    matches!(state, Cancelled | Failed | Interrupted)
}

fn of_staging<'t>(model: &Model, row: Row<'t>, newest: &DeploymentRow, length: Length) -> Row<'t> {
    let deployment = &newest.deployment;
    let symbols = &model.options.theme.symbols;
    let (glyph, word, role) = match newest.state {
        DeploymentState::Queued => (symbols.queued, "queued", Role::Muted),
        DeploymentState::Running if deployment.request.kind == DeploymentKind::Rehearsal => {
            (symbols.running, "REHEARSING", Role::Running)
        }
        DeploymentState::Running => (symbols.running, "DEPLOYING", Role::Running),
        DeploymentState::Succeeded => (symbols.live, "live", Role::Live),
        DeploymentState::Cancelled => (symbols.superseded, "CANCELLED", Role::Warn),
        DeploymentState::Failed => (symbols.failed, "FAILED", Role::Danger),
        DeploymentState::Interrupted => (symbols.warn, "INTERRUPTED", Role::Danger),
    };
    let is_unknown = model.service.as_ref().is_some_and(|service| service.staging_unknown)
        && newest.state == DeploymentState::Succeeded;
    let (word, glyph, role) =
        if is_unknown { ("NOT KNOWN", symbols.warn, Role::Warn) } else { (word, glyph, role) };
    let red = is_red(newest.state) || is_unknown;
    let word = if red || length < Length::StagingGlyph { word } else { glyph };
    if length >= Length::OnlyRed && !red {
        return row;
    }
    let row = apart(row, length).own("STG ", Role::EnvStaging);
    let row = row.own(format!("{} ", deployment.request.build), Role::Text).own(word, role);
    let step = deployment.failed_step().filter(|_| red && length < Length::NoStep);
    let row = match step {
        Some(step) => row.gap(1).called_within(step, SHORT_NAME, role),
        None => row,
    };
    let time = match (&deployment.ended, newest.state) {
        (Some(ended), _) => age(model.since(ended.at)),
        (None, DeploymentState::Running) => progress::of(model, newest).0,
        (None, _) => return row,
    };
    if length < Length::NoStagingAge { row.gap(1).own(time, Role::Muted) } else { row }
}

fn apart(row: Row<'_>, length: Length) -> Row<'_> {
    if length < Length::Bare { row.own(" | ", Role::Border) } else { row.gap(1) }
}

/// Practice or not, who you are, what you may, how old the data is.
fn state<'t>(model: &Model, row: Row<'t>, most: usize) -> Row<'t> {
    let demo = model.options.demo || model.description.as_ref().is_some_and(|d| d.demo);
    let row = row.own("  ", Role::Text);
    let row = if demo { row.own("DEMO ", Role::Accent) } else { row };
    let row = match &model.options.profile {
        Some(profile) => row.called_within(profile, most, Role::Accent).gap(1),
        // Only where it could be taken for that of a profile.
        None if !model.options.engines.is_empty() => row.own("local ", Role::Accent),
        None => row,
    };
    let row = match &model.service {
        Some(service) => {
            row.called_within(&service.me.actor.to_string(), most, Role::AuthorMe).gap(1)
        }
        None => row,
    };
    let row = row.own(if model.may_act() { "RW " } else { "READ-ONLY " }, Role::Muted);
    freshness(model, row).own(" ", Role::Text)
}

/// `AS OF 03:12 (4h ago)`.
fn as_of(model: &Model, disk: FromDisk) -> String {
    format!("AS OF {} ({} ago)", clock(model, disk.seen), say(disk.age(model.at)))
}

/// How old the data is, in words that cannot be missed once nothing may be done on it.
pub fn freshness<'t>(model: &Model, row: Row<'t>) -> Row<'t> {
    aged(model, row, DataAge::Long)
}

fn aged<'t>(model: &Model, row: Row<'t>, length: DataAge) -> Row<'t> {
    let retry = model.link.retry_in(model.at).filter(|_| length == DataAge::Long);
    let retry = retry.map_or_else(String::new, |wait| {
        format!(", retry in {}s", wait.as_millis().div_ceil(1_000))
    });
    if let Some(disk) = model.from_disk() {
        let off = if length < DataAge::Short { ", actions off" } else { "" };
        return row.own(format!("{}{off}", as_of(model, disk)), Role::Stale);
    }
    if let Some(old) = model.stale() {
        let off = if length < DataAge::Shortest { ", actions off" } else { "" };
        return row.own(format!("STALE {}{retry}{off}", say(old)), Role::Stale);
    }
    match &model.link.state {
        LinkState::Connecting => row.own("connecting", Role::Muted),
        LinkState::Down { .. } => {
            let age = say(model.at.saturating_duration_since(model.link.last_answer));
            let long = if length == DataAge::Long { " for" } else { "" };
            row.own(format!("no answer{long} {age}{retry}"), Role::Warn)
        }
        LinkState::Up if model.is_paused() => row.own("PAUSED", Role::Stale),
        LinkState::Up => row.own("fresh", Role::Muted),
    }
}
