//! `trunkline status`: shows what is live, what is running and what blocks a promote.

use clap::Args;

use super::context::Context;
use super::error::CliError;
use super::status_line::LineStyle;
use super::{Reading, output, remedy, zone};
use crate::domain::ids::Environment;
use crate::domain::remedy::Remedy;
use crate::domain::snapshot::{FleetRow, FleetSnapshot, Problem, ServiceSnapshot};
use crate::domain::words::standing::{self, LIVE_UNKNOWN, StandingLine, WAVE};

#[derive(Debug, Args)]
pub struct StatusArgs {
    /// One short line for tmux or a prompt, within 100 ms and without starting an engine
    #[arg(
        long,
        value_name = "STYLE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "plain",
        conflicts_with = "json"
    )]
    pub line: Option<LineStyle>,
    #[command(flatten)]
    reading: Reading,
}

/// Prints one service with `--service`, else the fleet.
pub async fn run(context: &Context, arguments: StatusArgs) -> Result<(), CliError> {
    if let Some(service) = context.named() {
        let snapshot = context.snapshot(service).await?;
        return if arguments.reading.json {
            output::json(&snapshot)
        } else {
            context.out.lines(service_lines(&snapshot))
        };
    }
    let fleet = context.fleet().await?;
    if arguments.reading.json {
        return output::json(&fleet);
    }
    context.out.lines(problem_lines(&fleet.problems))?;
    if let [only] = fleet.services.as_slice() {
        let snapshot = context.snapshot(&only.service).await?;
        return context.out.lines(service_lines(&snapshot));
    }
    let rows: Vec<_> = fleet.services.iter().map(|row| fleet_row(row, &fleet)).collect();
    context.out.table(&rows)
}

fn fleet_row(row: &FleetRow, fleet: &FleetSnapshot) -> Vec<String> {
    let words = standing::in_fleet(row, fleet, zone::local());
    std::iter::once(row.service.to_string()).chain(words).collect()
}

fn service_lines(snapshot: &ServiceSnapshot) -> Vec<String> {
    let first =
        format!("{} ({} of {})", snapshot.service, snapshot.trunk_in_words(), snapshot.repository);
    let adopt = remedy::after(Some(&Remedy::Adopt { commit: None }));
    let going_on = snapshot.wave.as_ref().map(|wave| Remedy::Continue {
        deployment: wave.deployment,
        wave: wave.wait.number,
        needs_reason: !wave.against(snapshot.at).is_empty(),
    });
    let going_on = remedy::after(going_on.as_ref());
    let line = |(about, text): StandingLine| {
        let is_unknown = about == Environment::Production.as_str() && text == LIVE_UNKNOWN;
        let instead = match about {
            _ if is_unknown => adopt.as_str(),
            WAVE => going_on.as_str(),
            _ => "",
        };
        format!("  {about:<12}{text}{instead}")
    };
    let lines = standing::lines(snapshot, zone::local());
    std::iter::once(first).chain(lines.into_iter().map(line)).collect()
}

fn problem_lines(problems: &[Problem]) -> Vec<String> {
    let line =
        |problem| format!("  {:<12}{}", "problem", standing::problem(problem, zone::local()));
    problems.iter().map(line).collect()
}
