//! The watch of what production runs: a line for each check with a bar for each minute, and what it says.

use chrono::{DateTime, Utc};
use ratatui::text::Line;

use crate::console::model::Model;
use crate::console::theme::{Role, Theme};
use crate::console::view::parts::row::Row;
use crate::domain::ids::Environment;
use crate::domain::watch::{
    CheckBar, CheckState, LiveEvidence, SampleVerdict, WatchState, WatchTone, evidence_of, tone,
};
use crate::domain::wave::WaveStanding;
use crate::domain::words::watch::{check_line, of_live};
use crate::gate;

/// The most bars of a check.
const BARS: usize = 20;
/// How wide the names on the left are.
const NAME: usize = 12;

/// The role of what is said of the live build of production.
#[must_use]
pub fn role(model: &Model) -> Role {
    let production = Environment::Production;
    let is = model.service.as_ref().map(|service| {
        evidence_of(service.live.get(&production), service.watches.get(&production), model.now())
    });
    is.map_or(Role::Muted, |is| of_tone(tone(is)))
}

/// The role of words that are so loud.
#[must_use]
pub fn of_tone(tone: WatchTone) -> Role {
    match tone {
        WatchTone::Calm => Role::Muted,
        WatchTone::Good => Role::Ok,
        WatchTone::Warn => Role::Warn,
        WatchTone::Danger => Role::Danger,
    }
}

/// The role of what is said of a deployment between two waves.
#[must_use]
pub fn of_wave(wave: &WaveStanding, now: DateTime<Utc>) -> Role {
    match wave.evidence(now) {
        LiveEvidence::Bad => Role::Danger,
        _ if !wave.against(now).is_empty() => Role::Warn,
        _ => Role::Running,
    }
}

/// What a check is judged as.
fn of_verdict(verdict: SampleVerdict) -> Role {
    match verdict {
        SampleVerdict::Good => Role::Ok,
        SampleVerdict::Unknown => Role::Warn,
        SampleVerdict::Bad => Role::Danger,
    }
}

/// The lines of the watch; none where what is live is not watched.
pub fn lines(model: &Model, width: u16) -> Vec<Line<'static>> {
    if let Some(wave) = model.service.as_deref().and_then(|service| service.wave.as_deref()) {
        return lines_of_wave(model, wave, width);
    }
    let Some(watch) = model.service.as_deref().and_then(of_live) else { return Vec::new() };
    let (theme, now) = (&model.options.theme, model.now());
    let service = model.service.as_deref();
    let words = service.map_or_else(String::new, |service| {
        service.evidence_in_words(Environment::Production, now)
    });
    let head = Row::new(theme, width).gap(1).own(format!("{} ", watch.build), Role::Accent);
    let mut lines = vec![head.own(words, role(model)).line()];
    let is_bad = watch.judged(SampleVerdict::Bad).next().is_some();
    if let Some(then) = watch.decided_in_words().filter(|_| is_bad) {
        lines.extend(wrapped(theme, width, (&then, Role::Danger), 5));
    }
    lines.extend(checks(model, watch, width));
    lines
}

/// How a deployment stands between two waves, and its checks.
fn lines_of_wave(model: &Model, wave: &WaveStanding, width: u16) -> Vec<Line<'static>> {
    let now = model.now();
    let text = gate::sentence(&wave.in_words(now));
    let (role, room) = (of_wave(wave, now), usize::from(width).saturating_sub(2));
    let row = |line| Row::new(&model.options.theme, width).gap(1).safe(line, role).line();
    let mut lines: Vec<_> = text.wrap(room).iter().map(row).collect();
    lines.extend(wave.watch.iter().flat_map(|watch| checks(model, watch, width)));
    lines
}

fn checks(model: &Model, watch: &WatchState, width: u16) -> Vec<Line<'static>> {
    let (theme, now) = (&model.options.theme, model.now());
    let mut lines = Vec::new();
    for check in &watch.checks {
        let row = Row::new(theme, width).gap(1).cell(&check.name, NAME, Role::Muted);
        lines.push(bars(row, check, &theme.symbols.bars).line());
        let text = check_line(check, now);
        lines.extend(wrapped(theme, width, (&text, of_verdict(check.verdict)), 3));
    }
    lines
}

/// A text in at most so many lines.
fn wrapped(
    theme: &Theme,
    width: u16,
    (text, role): (&str, Role),
    most: usize,
) -> Vec<Line<'static>> {
    let room = usize::from(width).saturating_sub(4);
    let text = gate::sentence(text);
    let lines = text.wrap(room);
    let line = |line| Row::new(theme, width).gap(3).safe(line, role).line();
    lines.iter().take(most).map(line).collect()
}

/// A bar for each summary: as high as its number, or by what was seen where there are none.
fn bars<'t>(row: Row<'t>, check: &CheckState, blocks: &[char; 8]) -> Row<'t> {
    let spare = check.bars.len().saturating_sub(BARS);
    let shown = &check.bars[spare..];
    let value = |bar: &CheckBar| bar.value.as_ref().and_then(|value| value.parse::<f64>().ok());
    let highest = shown.iter().filter_map(value).fold(0.0_f64, f64::max);
    shown.iter().fold(row, |row, bar| {
        let height = match (value(bar), bar.worst) {
            (_, SampleVerdict::Unknown) => None,
            (Some(value), _) if highest > 0.0 => Some(value / highest),
            (_, SampleVerdict::Good) => Some(0.0),
            _ => Some(1.0),
        };
        let block = height.map_or('?', |height| blocks[index(height)]);
        row.own(block.to_string(), of_verdict(bar.worst))
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is 0 to 7")]
fn index(height: f64) -> usize {
    (height.clamp(0.0, 1.0) * 7.0).round() as usize
}
