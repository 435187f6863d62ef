//! `trunkline stats`: the four measures of DORA and the rework rate of a service.

use clap::Args;

use super::context::Context;
use super::error::CliError;
use super::wording::instant;
use super::{Reading, appearance, output, zone};
use crate::backend::Backend as _;
use crate::domain::stats::{DAYS, DeliveryStats};
use crate::domain::words::measures::{self, ASCII_BLOCKS, BLOCKS, BY_WEEK};
use crate::terminal::capabilities::Charset;

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
    let blocks = match appearance::terminal().charset {
        Charset::Unicode => BLOCKS,
        Charset::Ascii => ASCII_BLOCKS,
    };
    let bars = context.out.is_terminal().then(|| measures::bars(&stats.weeks, &blocks));
    let (from, until) = (instant(stats.from), instant(stats.until));
    context.out.line(format!("{service} from {from} until {until}"))?;
    context.out.table(&rows(&stats, bars.as_deref()))?;
    if let Some(note) = measures::shortened(&stats, zone::local()) {
        output::note(&note);
    }
    Ok(())
}

/// A row for each measure. The bars of the weeks stand behind their numbers.
fn rows(stats: &DeliveryStats, bars: Option<&str>) -> Vec<Vec<String>> {
    let row = |(name, text): (&str, String)| {
        let bars =
            bars.filter(|_| name == BY_WEEK).map_or(String::new(), |bars| format!(" {bars}"));
        vec![name.to_owned(), format!("{text}{bars}")]
    };
    measures::rows(stats).into_iter().map(row).collect()
}
