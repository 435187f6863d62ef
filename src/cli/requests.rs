//! `trunkline requests`: lists the requests for a promoter and their state.

use chrono::{DateTime, Utc};
use clap::Args;
use serde::Serialize;

use super::context::Context;
use super::error::CliError;
use super::wording::ago;
use super::{Reading, output};
use crate::domain::request::{Request, RequestState};

#[derive(Debug, Args)]
pub struct RequestsArgs {
    #[command(flatten)]
    reading: Reading,
}

pub async fn run(context: &Context, arguments: RequestsArgs) -> Result<(), CliError> {
    let service = context.service().await?;
    let snapshot = context.snapshot(&service).await?;
    if arguments.reading.json {
        let documents = snapshot.requests.iter();
        let documents: Vec<_> = documents.map(|r| RequestsDocument::of(r, snapshot.at)).collect();
        return output::json(&documents);
    }
    context.out.lines(snapshot.requests.iter().map(|request| line(request, snapshot.at)))
}

/// A request with its state now: no other field says that it has expired.
#[derive(Debug, Serialize)]
struct RequestsDocument<'a> {
    #[serde(flatten)]
    request: &'a Request,
    state: RequestState,
}

impl<'a> RequestsDocument<'a> {
    fn of(request: &'a Request, now: DateTime<Utc>) -> Self {
        Self { request, state: request.state(now) }
    }
}

fn line(request: &Request, now: DateTime<Utc>) -> String {
    let Request { id, build, by, at, note, .. } = request;
    let note = if note.is_empty() { String::new() } else { format!(": {note}") };
    format!("{id} {build} by {by} {}{note}; {}", ago(*at, now), request.became(now))
}
