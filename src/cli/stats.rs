//! `trunkline stats`: the four measures of DORA and the rework rate of a service.

use clap::Args;

use super::context::Context;
use super::error::CliError;
use super::wording::instant;
use super::{Reading, output};
use crate::backend::Backend as _;
use crate::domain::stats::{DAYS, DeliveryStats, LeadTime, RestoreTime, Share, StatsWeek};
use crate::domain::time::say;
use crate::terminal::capabilities::{self, Charset, ColourChoice};

const UNICODE: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];
const UNKNOWN: &str = "not known";

#[derive(Debug, Args)]
pub struct StatsArgs {
    /// How many days back from now
    #[arg(long, default_value_t = DAYS.0, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=DAYS.1.into()))]
    days: u32,
    #[command(flatten)]
    reading: Reading,
}

pub async fn run(context: &Context, arguments: StatsArgs) -> Result<(), CliError> {
    let service = context.service().await?;
    let stats = context.backend.stats(&service, arguments.days).await?;
    if arguments.reading.json {
        return output::json(&stats);
    }
    let charset = capabilities::detect(ColourChoice::Auto).charset;
    let bars = context.out.is_terminal().then(|| sparkline(&stats.weeks, charset));
    let (from, until) = (instant(stats.from), instant(stats.until));
    context.out.line(format!("{service} from {from} until {until}"))?;
    context.out.table(&rows(&stats, bars))?;
    if let Some(note) = shortened(&stats) {
        output::note(&note);
    }
    Ok(())
}

fn rows(stats: &DeliveryStats, bars: Option<String>) -> Vec<Vec<String>> {
    let row = |name: &str, text: String| vec![name.to_owned(), text];
    let by_week: Vec<_> = stats.weeks.iter().map(count).collect();
    let by_week = by_week.into_iter().chain(bars).collect::<Vec<_>>().join(" ");
    vec![
        row("deployments", deployments(stats)),
        row("by week", by_week),
        row("lead time", lead_time(&stats.lead_time)),
        row("failed changes", share(stats.change_failures, "promotes")),
        row("time to restore", restore(&stats.restore)),
        row("rework", share(stats.rework, "deployments")),
    ]
}

/// What has to be said if the record does not reach back to the beginning of the period.
fn shortened(stats: &DeliveryStats) -> Option<String> {
    let since = stats.recorded_since.filter(|since| *since > stats.from)?;
    Some(format!("the record begins {}; what was before is not known", instant(since)))
}

fn count(week: &StatsWeek) -> String {
    week.deployments.map_or("?".to_owned(), |count| count.to_string())
}

fn deployments(stats: &DeliveryStats) -> String {
    let Some(count) = stats.deployments else {
        return format!("{UNKNOWN}: nothing is recorded of production");
    };
    let rate = match stats.per_day() {
        // The week says more than a rate that rounds to nothing.
        Some(rate) if rate < 1.0 => format!("{:.1} a week", 7.0 * rate),
        Some(rate) => format!("{rate:.1} a day"),
        None => "the record is younger than a day".to_owned(),
    };
    format!("{count} to production, {rate}; rollbacks and the same build again do not count")
}

fn lead_time(lead: &LeadTime) -> String {
    let Some(median) = lead.median else {
        return format!("{UNKNOWN}: no change went to production for the first time");
    };
    let p90 = lead.p90.map_or("nine of ten: not known of so few".to_owned(), |p90| {
        format!("nine of ten within {}", say(p90))
    });
    let counted = [
        (lead.commits, "commits from their committer's time"),
        (lead.builds, "builds from when they were seen"),
    ];
    let counted = counted.iter().filter(|(count, _)| *count > 0);
    let counted: Vec<_> = counted.map(|(count, what)| format!("{count} {what}")).collect();
    let unlisted = match lead.unlisted {
        0 => String::new(),
        more => format!("; {more} more commits are not listed in the record"),
    };
    format!("median {}, {p90} ({}{unlisted})", say(median), counted.join(", "))
}

fn share(share: Share, what: &str) -> String {
    let Share { count, of, percent } = share;
    match percent {
        Some(0) if count > 0 => format!("less than 1 % ({count} of {of} {what})"),
        Some(percent) => format!("{percent} % ({count} of {of} {what})"),
        None if of == 0 => format!("{UNKNOWN}: no {what} in this time"),
        None => format!("{UNKNOWN} of so few: {count} of {of} {what}"),
    }
}

fn restore(restore: &RestoreTime) -> String {
    let RestoreTime { median, restored, open } = restore;
    let open = match open {
        0 => String::new(),
        open => format!("; {open} not restored yet"),
    };
    match median {
        Some(median) => format!("median {} of {restored}{open}", say(*median)),
        None => format!("{UNKNOWN}: nothing was restored{open}"),
    }
}

/// One block for each week, the tallest for the most deployments. A week that is not known is a question mark.
fn sparkline(weeks: &[StatsWeek], charset: Charset) -> String {
    let blocks = match charset {
        Charset::Unicode => UNICODE,
        Charset::Ascii => ASCII,
    };
    let most = weeks.iter().filter_map(|week| week.deployments).max().unwrap_or(0).max(1);
    let block = |week: &StatsWeek| {
        let Some(count) = week.deployments else { return '?' };
        let steps = u64::from(count) * (blocks.len() as u64 - 1);
        let step = usize::try_from(steps.div_ceil(most.into())).unwrap_or(0);
        blocks[step.min(blocks.len() - 1)]
    };
    weeks.iter().map(block).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::DateTime;

    use super::*;

    #[test]
    fn a_week_is_a_block_also_without_unicode_and_an_unknown_one_is_none() {
        let week = |deployments| StatsWeek { from: DateTime::UNIX_EPOCH, deployments };
        let weeks = [None, Some(0), Some(1), Some(7), Some(14)].map(week);
        assert_eq!(sparkline(&weeks, Charset::Unicode), "?▁▂▅█");
        assert_eq!(sparkline(&weeks, Charset::Ascii), "?_.=#");
        assert_eq!(sparkline(&[week(Some(0))], Charset::Unicode), "▁");
        assert_eq!(sparkline(&[], Charset::Unicode), "");
    }

    #[test]
    fn what_is_not_known_is_no_number() {
        let of = |count, of, percent| share(Share { count, of, percent }, "promotes");
        assert_eq!(of(0, 0, None), "not known: no promotes in this time");
        assert_eq!(of(0, 4, None), "not known of so few: 0 of 4 promotes");
        assert_eq!(of(0, 9, Some(0)), "0 % (0 of 9 promotes)");
        assert_eq!(of(1, 300, Some(0)), "less than 1 % (1 of 300 promotes)");
        assert!(lead_time(&LeadTime::default()).starts_with("not known"));
        let (median, restored) = (Some(Duration::from_mins(5)), 2);
        assert_eq!(
            restore(&RestoreTime { median, restored, open: 1 }),
            "median 5m of 2; 1 not restored yet"
        );
        let open = RestoreTime { open: 1, ..RestoreTime::default() };
        assert_eq!(restore(&open), "not known: nothing was restored; 1 not restored yet");
    }
}
