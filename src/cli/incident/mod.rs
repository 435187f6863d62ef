//! `trunkline incident`: opens, updates, resolves and shows incidents.

mod act;
mod document;
mod show;

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};

use super::context::Context;
use super::error::CliError;
use super::{Acting, Global, Reading, recall, zone};
use crate::domain::ids::{DeploymentId, IncidentId};
use crate::domain::incident::UsersAffected;

#[derive(Debug, Subcommand)]
pub enum IncidentCommand {
    /// Open an incident; after a rollback it is about that one
    Open(IncidentOpenArgs),
    /// Say how an incident stands, or add a line of an earlier time
    Update(IncidentUpdateArgs),
    /// End an incident
    Resolve(IncidentResolveArgs),
    /// Open a resolved incident again
    Reopen(IncidentReopenArgs),
    /// State that users were not affected before a rollback
    NotAffected(NotAffectedArgs),
    /// List the incidents, those that need something first
    List(IncidentListArgs),
    /// Show one incident: its times with their evidence, and its timeline
    Show(IncidentShowArgs),
    /// Write the draft of its postmortem, or say where it is in the end
    Postmortem(IncidentPostmortemArgs),
}

#[derive(Debug, Args)]
pub struct IncidentOpenArgs {
    /// What is wrong, as in "checkout answers 500 to one in ten"
    #[arg(value_name = "TITLE")]
    title: String,
    /// How bad it is, as in SEV-2; if unsure, the worse one
    #[arg(long, value_name = "NAME")]
    severity: String,
    /// Whether users are affected: yes, no or unknown
    #[arg(long, value_name = "ANSWER", default_value = "unknown")]
    users_affected: UsersAffected,
    /// The rollback that it is about, as in d57; not needed for one of the last day
    #[arg(long, value_name = "DEPLOYMENT")]
    rollback: Option<DeploymentId>,
    /// It is about no rollback
    #[arg(long, conflicts_with = "rollback")]
    alone: bool,
    #[command(flatten)]
    acting: Acting,
}

#[derive(Debug, Args)]
pub struct IncidentUpdateArgs {
    /// What is new, as in "errors are down to 1 %"
    #[arg(value_name = "TEXT", default_value = "")]
    text: String,
    /// Which incident, as in i123; not needed if one is open
    #[arg(long, value_name = "INCIDENT")]
    id: Option<IncidentId>,
    /// When it happened, if a while ago: "20m" ago, or a time as in "2026-12-24 18:00"
    #[arg(long, value_name = "TIME", value_parser = zone::since)]
    at: Option<DateTime<Utc>>,
    /// This is when users began to be affected
    #[arg(long, conflicts_with_all = ["detected", "restored"])]
    began: bool,
    /// This is when it was noticed
    #[arg(long, conflicts_with = "restored")]
    detected: bool,
    /// This is when users were no longer affected
    #[arg(long)]
    restored: bool,
    /// The severity from now on
    #[arg(long, value_name = "NAME")]
    severity: Option<String>,
    /// Whether users are or were affected: yes, no or unknown
    #[arg(long, value_name = "ANSWER")]
    users_affected: Option<UsersAffected>,
    #[command(flatten)]
    acting: Acting,
}

#[derive(Debug, Args)]
pub struct IncidentResolveArgs {
    /// How it ended, as in "rolled back to #11; errors are gone"
    #[arg(value_name = "TEXT")]
    text: String,
    /// Which incident, as in i123; not needed if one is open
    #[arg(long, value_name = "INCIDENT")]
    id: Option<IncidentId>,
    /// When it was over, if a while ago: "20m" ago, or a time as in "2026-12-24 18:00"
    #[arg(long, value_name = "TIME", value_parser = zone::since)]
    at: Option<DateTime<Utc>>,
    #[command(flatten)]
    acting: Acting,
}

#[derive(Debug, Args)]
pub struct IncidentReopenArgs {
    /// The incident, as in i123
    #[arg(value_name = "INCIDENT")]
    id: IncidentId,
    /// Why it is not over
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    acting: Acting,
}

#[derive(Debug, Args)]
pub struct NotAffectedArgs {
    /// The rollback, as in d57, once for each; not needed where one is asked about
    #[arg(long, value_name = "DEPLOYMENT")]
    rollback: Vec<DeploymentId>,
    /// How you know, as in "the error rate never moved"
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    #[command(flatten)]
    acting: Acting,
}

#[derive(Debug, Args)]
pub struct IncidentListArgs {
    /// Show at most this many, the newest first
    #[arg(long, short = 'n', default_value_t = 20, value_name = "N")]
    limit: usize,
    #[command(flatten)]
    reading: Reading,
}

#[derive(Debug, Args)]
pub struct IncidentShowArgs {
    /// The incident, as in i123; not needed for the only open one or else the newest
    #[arg(value_name = "INCIDENT")]
    id: Option<IncidentId>,
    #[command(flatten)]
    reading: Reading,
}

#[derive(Debug, Args)]
pub struct IncidentPostmortemArgs {
    /// The incident, as in i123; not needed for the only open one or else the newest
    #[arg(value_name = "INCIDENT")]
    id: Option<IncidentId>,
    /// Write the draft to this file, which must not be there yet; otherwise it is printed
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// Use this template instead of the shipped one
    #[arg(long, value_name = "PATH")]
    template: Option<PathBuf>,
    /// The postmortem is written: say where it is
    #[arg(long, value_name = "PLACE", conflicts_with_all = ["file", "template", "dismiss"])]
    written: Option<String>,
    /// Open an issue with the draft, where [incidents.issues] of the engine says; it is opened once
    #[arg(long, conflicts_with_all = ["file", "template", "written", "dismiss"])]
    issue: bool,
    /// There will be no postmortem: say why
    #[arg(long, value_name = "REASON", conflicts_with_all = ["file", "template"])]
    dismiss: Option<String>,
    #[command(flatten)]
    acting: Acting,
}

pub async fn run(global: Global, command: IncidentCommand) -> Result<(), CliError> {
    let (connected, acting) = (Context::connect, recall::connect);
    match command {
        IncidentCommand::Open(arguments) => act::open(&acting(global).await?, arguments).await,
        IncidentCommand::Update(arguments) => act::update(&acting(global).await?, arguments).await,
        IncidentCommand::Resolve(arguments) => {
            act::resolve(&acting(global).await?, arguments).await
        }
        IncidentCommand::Reopen(arguments) => act::reopen(&acting(global).await?, arguments).await,
        IncidentCommand::NotAffected(arguments) => {
            act::not_affected(&acting(global).await?, arguments).await
        }
        IncidentCommand::Postmortem(arguments) => {
            document::run(&acting(global).await?, arguments).await
        }
        IncidentCommand::List(arguments) => show::list(&connected(global).await?, arguments).await,
        IncidentCommand::Show(arguments) => show::show(&connected(global).await?, arguments).await,
    }
}
