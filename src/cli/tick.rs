//! `trunkline tick` and `untick`: what a rollback left behind, as a list on its hold.

use clap::Args;

use super::context::Context;
use super::error::CliError;
use super::wording::{ago, sentence};
use super::{Acting, act};
use crate::domain::command::{Command, ItemOfHold};
use crate::domain::ids::{Environment, ServiceName};
use crate::domain::leftovers::{Leftover, Leftovers, STAYS_BEHIND};
use crate::domain::stops::Hold;

#[derive(Debug, Args)]
pub struct TickArgs {
    /// The number of the thing; without it the list is shown
    #[arg(value_name = "N")]
    item: Option<u32>,
    #[command(flatten)]
    acting: Acting,
}

#[derive(Debug, Args)]
pub struct UntickArgs {
    /// The number of the thing
    #[arg(value_name = "N")]
    item: u32,
    #[command(flatten)]
    acting: Acting,
}

pub async fn tick(context: &Context, arguments: TickArgs) -> Result<(), CliError> {
    let service = context.service().await?;
    match arguments.item {
        Some(item) => {
            let command = Command::Tick(of(item));
            act::run(context, &service, command, arguments.acting.key).await.map(drop)
        }
        None => list(context, &service).await,
    }
}

pub async fn untick(context: &Context, arguments: UntickArgs) -> Result<(), CliError> {
    let service = context.service().await?;
    let command = Command::Untick(of(arguments.item));
    act::run(context, &service, command, arguments.acting.key).await.map(drop)
}

/// No hold is named: a person types the number that the list has now, and a key makes a second try the same command.
fn of(item: u32) -> ItemOfHold {
    ItemOfHold { environment: Environment::Production, item, hold: None }
}

async fn list(context: &Context, service: &ServiceName) -> Result<(), CliError> {
    let snapshot = context.snapshot(service).await?;
    let Some(hold) = snapshot.holds.get(&Environment::Production) else {
        return context.out.line("production is not on hold");
    };
    let Some(left) = &hold.left else {
        return context.out.line("the hold on production has no list of what stays behind");
    };
    context.out.line(title(hold, left))?;
    context.out.lines(told(left))?;
    for (number, item) in left.numbered() {
        let (mark, by) = match &item.ticked {
            None => ("[ ]", String::new()),
            Some(mark) => {
                ("[x]", format!("  (ticked by {} {})", mark.by, ago(mark.at, snapshot.at)))
            }
        };
        context.out.line(format!("  {number:>2} {mark} {}{by}", item.what))?;
        context.out.lines(item.advice().map(|advice| format!("         {advice}")))?;
    }
    Ok(())
}

fn title(hold: &Hold, left: &Leftovers) -> String {
    let after = hold.rollback.map_or_else(String::new, |id| format!(" after {id}"));
    let count = left.count().map_or_else(String::new, |count| format!(" ({count})"));
    format!("{STAYS_BEHIND}{after}{count}")
}

/// What is said beside the list.
fn told(left: &Leftovers) -> impl Iterator<Item = String> {
    left.sentences().chain(left.doubt()).map(|text| format!("  {}", sentence(&text)))
}

/// What stays behind, for a plan.
pub fn in_plan(left: &Leftovers) -> Vec<String> {
    let mut lines = vec![format!("  {STAYS_BEHIND}")];
    lines.extend(left.sentences().map(|text| format!("             {}", sentence(&text))));
    lines.extend(left.numbered().flat_map(|(number, item)| of_plan(number, item)));
    lines.extend(left.doubt().map(|text| format!("             {text}")));
    lines
}

fn of_plan(number: u32, item: &Leftover) -> impl Iterator<Item = String> {
    let line = format!("             {number} {}", item.what);
    let advice = item.advice().map(|advice| format!("               {advice}"));
    std::iter::once(line).chain(advice)
}
