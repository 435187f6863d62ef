//! The four measures of DORA and the rework rate of a service, in words: for the command line, the pages and the console. What
//! is not known is no number.

use crate::calendar::Tz;
use crate::domain::instant::local;
use crate::domain::stats::{DeliveryStats, LeadTime, RestoreTime, Share, StatsWeek};
use crate::domain::time::say;

const UNKNOWN: &str = "not known";
/// Eight blocks of a sparkline, the lowest first.
pub const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The same where there is no Unicode.
pub const ASCII_BLOCKS: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];
/// The name of the row with a number for each week.
pub const BY_WEEK: &str = "by week";

/// The number alone, and the whole sentence.
type InWords = (String, String);

/// A measure in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasureInWords {
    pub name: &'static str,
    /// The number alone, for where there is little room.
    pub short: String,
    pub full: String,
}

/// The five measures.
#[must_use]
pub fn measures(stats: &DeliveryStats) -> [MeasureInWords; 5] {
    let of = |name, (short, full)| MeasureInWords { name, short, full };
    [
        of("deployments", deployments(stats)),
        of("lead time", lead_time(&stats.lead_time)),
        of("failed changes", share(stats.change_failures, "promotes")),
        of("time to restore", restore(&stats.restore)),
        of("rework", share(stats.rework, "deployments")),
    ]
}

/// The measures in full with their names, and the deployments of each week.
#[must_use]
pub fn rows(stats: &DeliveryStats) -> Vec<(&'static str, String)> {
    let by_week: Vec<_> = stats.weeks.iter().map(count).collect();
    let mut rows: Vec<_> = measures(stats).into_iter().map(|one| (one.name, one.full)).collect();
    rows.insert(1, (BY_WEEK, by_week.join(" ")));
    rows
}

/// One block for each week, the tallest for the most deployments. A week that is not known is a question mark.
#[must_use]
pub fn bars(weeks: &[StatsWeek], blocks: &[char; 8]) -> String {
    let most = weeks.iter().filter_map(|week| week.deployments).max().unwrap_or(0).max(1);
    let block = |week: &StatsWeek| {
        let Some(count) = week.deployments else { return '?' };
        let steps = u64::from(count) * (blocks.len() as u64 - 1);
        let step = usize::try_from(steps.div_ceil(most.into())).unwrap_or(0);
        blocks[step.min(blocks.len() - 1)]
    };
    weeks.iter().map(block).collect()
}

/// What has to be said if the record does not reach back to the beginning of the period.
#[must_use]
pub fn shortened(stats: &DeliveryStats, zone: Tz) -> Option<String> {
    let since = stats.recorded_since.filter(|since| *since > stats.from)?;
    Some(format!("the record begins {}; what was before is not known", local(since, zone)))
}

fn count(week: &StatsWeek) -> String {
    week.deployments.map_or("?".to_owned(), |count| count.to_string())
}

/// A measure that is not known, and why.
fn unknown(why: &str) -> InWords {
    (UNKNOWN.to_owned(), format!("{UNKNOWN}: {why}"))
}

fn deployments(stats: &DeliveryStats) -> InWords {
    let Some(count) = stats.deployments else {
        return unknown("nothing is recorded of production");
    };
    let rate = stats.per_day().map(|rate| {
        // The week says more than a rate that rounds to nothing.
        if rate < 1.0 { format!("{:.1} a week", 7.0 * rate) } else { format!("{rate:.1} a day") }
    });
    let short = rate.as_ref().map_or(count.to_string(), |rate| format!("{count}, {rate}"));
    let rate = rate.unwrap_or_else(|| "the record is younger than a day".to_owned());
    let full =
        format!("{count} to production, {rate}; rollbacks and the same build again do not count");
    (short, full)
}

fn lead_time(lead: &LeadTime) -> InWords {
    let Some(median) = lead.median else {
        return unknown("no change went to production for the first time");
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
    let short = format!("median {}", say(median));
    let full = format!("{short}, {p90} ({}{unlisted})", counted.join(", "));
    (short, full)
}

fn share(share: Share, what: &str) -> InWords {
    let Share { count, of, percent } = share;
    let percent = match percent {
        Some(0) if count > 0 => "less than 1 %".to_owned(),
        Some(percent) => format!("{percent} %"),
        None if of == 0 => return unknown(&format!("no {what} in this time")),
        None => {
            let short = format!("{UNKNOWN} of so few");
            let full = format!("{short}: {count} of {of} {what}");
            return (short, full);
        }
    };
    let full = format!("{percent} ({count} of {of} {what})");
    (format!("{percent} ({count} of {of})"), full)
}

fn restore(restore: &RestoreTime) -> InWords {
    let RestoreTime { median, restored, open } = restore;
    let (yet, not_yet) = match open {
        0 => (String::new(), String::new()),
        open => (format!("; {open} not yet"), format!("; {open} not restored yet")),
    };
    let (short, full) = match median {
        Some(median) => {
            let median = format!("median {}", say(*median));
            let full = format!("{median} of {restored}");
            (median, full)
        }
        None => unknown("nothing was restored"),
    };
    (format!("{short}{yet}"), format!("{full}{not_yet}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_not_known_is_no_number() {
        let of = |count, of, percent| share(Share { count, of, percent }, "promotes").1;
        assert_eq!(of(0, 0, None), "not known: no promotes in this time");
        assert_eq!(of(0, 4, None), "not known of so few: 0 of 4 promotes");
        assert_eq!(of(0, 9, Some(0)), "0 % (0 of 9 promotes)");
        assert_eq!(of(1, 300, Some(0)), "less than 1 % (1 of 300 promotes)");
        assert!(lead_time(&LeadTime::default()).1.starts_with("not known"));
        let (median, restored) = (Some(Duration::from_mins(5)), 2);
        assert_eq!(
            restore(&RestoreTime { median, restored, open: 1 }),
            ("median 5m; 1 not yet".to_owned(), "median 5m of 2; 1 not restored yet".to_owned())
        );
        let open = RestoreTime { open: 1, ..RestoreTime::default() };
        let (short, full) = restore(&open);
        assert_eq!(full, "not known: nothing was restored; 1 not restored yet");
        assert_eq!(short, "not known; 1 not yet");
        let few = share(Share { count: 0, of: 4, percent: None }, "promotes");
        assert_eq!(few.0, "not known of so few");
    }

    #[test]
    fn a_week_is_a_block_also_without_unicode_and_an_unknown_one_is_none() {
        let week = |deployments| StatsWeek { from: chrono::DateTime::UNIX_EPOCH, deployments };
        let weeks = [None, Some(0), Some(1), Some(7), Some(14)].map(week);
        assert_eq!(bars(&weeks, &BLOCKS), "?▁▂▅█");
        assert_eq!(bars(&weeks, &ASCII_BLOCKS), "?_.=#");
        assert_eq!(bars(&[week(Some(0))], &BLOCKS), "▁");
        assert_eq!(bars(&[], &BLOCKS), "");
    }
}
