//! How the service is delivered: the four measures of DORA and the rework rate, a line each.

use ratatui::text::Line;

use crate::console::model::Model;
use crate::console::theme::Role;
use crate::console::view::parts::clock::clock;
use crate::console::view::parts::row::Row;
use crate::domain::stats::{DAYS, DeliveryStats};
use crate::domain::words::measures::{MeasureInWords, bars, measures};

/// How wide the names on the left are.
const NAME: usize = 16;

/// The measures with the time that they are about; nothing before they were read.
pub fn lines(model: &Model, width: u16) -> Vec<Line<'static>> {
    let row = || Row::new(&model.options.theme, width).gap(1);
    let (stats, failure) = (model.measures.stats.as_deref(), model.measures.failure.as_deref());
    let title = |what: String| row().own(what, Role::Muted);
    let Some(stats) = stats else {
        let failed = failure.map(|why| title("delivery not known: ".into()).own(why, Role::Warn));
        return failed.map(Row::line).into_iter().collect();
    };
    let head = title(period(model, stats));
    // What is on screen then is of before.
    let head = if failure.is_some() { head.own(", not read again", Role::Warn) } else { head };
    let symbols = &model.options.theme.symbols;
    let mut rows: Vec<_> = measures(stats)
        .into_iter()
        .map(|MeasureInWords { name, short, .. }| {
            row().cell(name, NAME, Role::Muted).own(short, Role::Text)
        })
        .collect();
    let bars = bars(&stats.weeks, &symbols.bars);
    if let Some(first) = rows.first_mut()
        && first.left() > bars.chars().count()
        && stats.deployments.is_some()
    {
        *first = first.clone().gap(1).own(bars, Role::Accent);
    }
    std::iter::once(head).chain(rows).map(Row::line).collect()
}

/// The days before now, or those of them that the record knows of.
fn period(model: &Model, stats: &DeliveryStats) -> String {
    match stats.recorded_since.filter(|since| *since > stats.from) {
        Some(since) => format!("delivery since {}", clock(model, since)),
        None => format!("delivery in {} days", DAYS.0),
    }
}
