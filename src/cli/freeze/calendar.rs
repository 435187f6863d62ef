//! `trunkline freeze calendar`: a month with the frozen days marked, and the next freeze.

use chrono::{DateTime, Datelike as _, Months, NaiveDate, TimeDelta, Utc, Weekday};
use clap::Args;
use serde::Serialize;

use super::list::row;
use crate::backend::Backend as _;
use crate::calendar::zone::{Edge, midnight};
use crate::calendar::{Evaluation, FreezeState, FreezeWindow, Tz};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::wording::instant;
use crate::cli::{Reading, output, zone};
use crate::domain::ids::Environment;
use crate::domain::stops::Freeze;
use crate::domain::stops::evaluate_freezes;

/// How far ahead the next change is searched.
const AHEAD: TimeDelta = TimeDelta::days(400);

#[derive(Debug, Args)]
pub struct FreezeCalendarArgs {
    /// Which month, as in 2026-12; without it, this one
    #[arg(long, value_name = "MONTH", value_parser = month)]
    month: Option<NaiveDate>,
    #[command(flatten)]
    reading: Reading,
}

fn month(text: &str) -> Result<NaiveDate, String> {
    NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d")
        .ok()
        .filter(|month| (1970..=2200).contains(&month.year()))
        .ok_or_else(|| format!("{text:?} is not a month; write it as 2026-12"))
}

/// The document.
#[derive(Serialize)]
struct Month {
    at: DateTime<Utc>,
    state: FreezeState,
    /// The end of the freeze, or the start of the next one.
    until: Option<DateTime<Utc>>,
    /// The zone in which the days begin and end.
    zone: &'static str,
    days: Vec<Day>,
    freezes: Vec<Freeze>,
    windows: Vec<FreezeWindow>,
}

/// The most severe state of any part of a day.
#[derive(Serialize)]
struct Day {
    date: NaiveDate,
    state: FreezeState,
}

pub async fn run(context: &Context, arguments: FreezeCalendarArgs) -> Result<(), CliError> {
    let service = context.service().await?;
    let snapshot = context.snapshot(&service).await?;
    let (now, production) = (snapshot.at, Environment::Production);
    let ahead = context.backend.freezes(&service, production, now, now + AHEAD).await?;
    let standing = evaluate_freezes(&ahead, &snapshot.freezes, now);
    let zone = zone::local();
    let today = now.with_timezone(&zone).date_naive();
    let first = arguments.month.or_else(|| today.with_day(1)).unwrap_or(today);
    let next = first.checked_add_months(Months::new(1)).unwrap_or(first);
    let (from, until) = (midnight(zone, first, Edge::Start), midnight(zone, next, Edge::End));
    let windows = context.backend.freezes(&service, production, from, until).await?;
    let days = first.iter_days().take_while(|day| *day < next);
    let days = days.map(|date| Day { date, state: worst(&windows, &snapshot.freezes, zone, date) });
    let month = Month {
        at: now,
        state: standing.state,
        until: standing.until,
        zone: zone.name(),
        days: days.collect(),
        freezes: snapshot.freezes,
        windows,
    };
    if arguments.reading.json {
        return output::json(&month);
    }
    context.out.lines(grid(&month, first, today))?;
    context.out.line(change(&standing))?;
    context.out.table(&month.windows.iter().map(row).collect::<Vec<_>>())
}

fn worst(windows: &[FreezeWindow], by_hand: &[Freeze], zone: Tz, day: NaiveDate) -> FreezeState {
    let next = day.succ_opt().unwrap_or(day);
    let (start, end) = (midnight(zone, day, Edge::Start), midnight(zone, next, Edge::End));
    let overlaps = |from, until: Option<_>| from < end && until.is_none_or(|until| until > start);
    let by_calendar = windows.iter().filter(|window| overlaps(window.from, window.until));
    let by_calendar = by_calendar.map(|window| FreezeState::from(window.policy)).max();
    let by_hand = by_hand.iter().any(|freeze| overlaps(freeze.from, freeze.until));
    if by_hand { FreezeState::Frozen } else { by_calendar.unwrap_or_default() }
}

/// `#` marks a frozen day, `!` a day with a warning, brackets mark today.
fn grid(month: &Month, first: NaiveDate, today: NaiveDate) -> Vec<String> {
    let mut lines = vec![
        format!("{}, days in {}; # frozen, ! warning", first.format("%B %Y"), month.zone),
        " Mo   Tu   We   Th   Fr   Sa   Su".to_owned(),
    ];
    let mut line = "     ".repeat(first.weekday().num_days_from_monday() as usize);
    for Day { date, state } in &month.days {
        let mark = match state {
            FreezeState::Open => ' ',
            FreezeState::Warn => '!',
            FreezeState::Frozen => '#',
        };
        let (open, close) = if *date == today { ('[', ']') } else { (' ', ' ') };
        let number = date.day();
        line.extend([format!("{open}{number:>2}{mark}{close}")]);
        if date.weekday() == Weekday::Sun {
            lines.push(std::mem::take(&mut line).trim_end().to_owned());
        }
    }
    lines.push(line.trim_end().to_owned());
    lines.retain(|line| !line.is_empty());
    lines
}

fn change(standing: &Evaluation) -> String {
    let until = match standing.state {
        FreezeState::Frozen => standing.lasts_until,
        FreezeState::Open | FreezeState::Warn => standing.until,
    };
    match (standing.state, until) {
        (FreezeState::Open, Some(at)) => format!("open now; next freeze {}", instant(at)),
        (FreezeState::Open, None) => "open now; no freeze is planned".to_owned(),
        (state, Some(at)) => format!("{} now; ends {}", state.as_str(), instant(at)),
        (state, None) => format!("{} now; end unknown", state.as_str()),
    }
}
