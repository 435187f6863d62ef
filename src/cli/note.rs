//! `trunkline note`: records a change that no deployment made.

use chrono::{DateTime, Utc};
use clap::Args;

use super::all_services::{self, ForService};
use super::context::Context;
use super::error::CliError;
use super::{Acting, act, zone};
use crate::domain::command::{Command, NewNote};
use crate::domain::event::NoteKind;

/// The name with which a note is for every service.
const ALL: &str = "all";

#[derive(Debug, Args)]
pub struct NoteArgs {
    /// What kind of thing was changed: flag, config, infra, data or external
    #[arg(value_name = "KIND")]
    kind: NoteKind,
    /// What was changed, as in "search-v2 to 100 %"
    #[arg(value_name = "TEXT")]
    text: String,
    /// How to undo it: a command or a sentence
    #[arg(long, value_name = "TEXT")]
    undo: Option<String>,
    /// Who changed it, if not you
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// The address of a page about it
    #[arg(long, value_name = "URL")]
    link: Option<String>,
    /// When it was changed, if a while ago: "20m" ago, or a time as in "2026-12-24 18:00"
    #[arg(long, value_name = "TIME", value_parser = zone::since)]
    at: Option<DateTime<Utc>>,
    #[command(flatten)]
    acting: Acting,
}

/// Notes it for one service; with `--service all` for each.
pub async fn run(context: &Context, arguments: NoteArgs) -> Result<(), CliError> {
    let NoteArgs { kind, text, undo, who, link, at, acting } = arguments;
    let note = NewNote { kind, what: text, who, undo, link, changed_at: at };
    if context.named().is_some_and(|name| name.as_str() == ALL) {
        let fleet = context.fleet().await?;
        if fleet.services.iter().all(|row| row.service.as_str() != ALL) {
            let of = |row: &crate::domain::snapshot::FleetRow| {
                (row.service.clone(), ForService::Send(Command::Note(note.clone())))
            };
            let wanted = fleet.services.iter().map(of).collect();
            return all_services::run(context, wanted, acting.key.as_ref()).await;
        }
    }
    let service = context.service().await?;
    act::run(context, &service, Command::Note(note), acting.key).await.map(drop)
}
