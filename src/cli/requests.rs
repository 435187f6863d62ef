//! `trunkline requests`: who asks for a promoter, of what, and what became of it.

use chrono::{DateTime, Utc};
use clap::Args;

use super::context::Context;
use super::failure::Failure;
use super::say::ago;
use super::{Reading, output};
use crate::domain::request::Request;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    reading: Reading,
}

pub async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let service = context.service().await?;
    let snapshot = context.snapshot(&service).await?;
    if arguments.reading.json {
        return output::json(&snapshot.requests);
    }
    context.out.lines(snapshot.requests.iter().map(|request| line(request, snapshot.at)))
}

fn line(request: &Request, now: DateTime<Utc>) -> String {
    let Request { id, build, by, at, note, .. } = request;
    let note = if note.is_empty() { String::new() } else { format!(": {note}") };
    format!("{id} {build} by {by} {}{note}; {}", ago(*at, now), request.became(now))
}
