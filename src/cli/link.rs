//! `trunkline link`: makes a link to the page of one run, or signs a browser in.

use std::time::Duration;

use chrono::TimeDelta;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use super::context::Context;
use super::error::CliError;
use super::logs::{self, LogOf};
use super::wording::instant;
use super::{completions, output};
use crate::backend::Backend as _;
use crate::domain::link::{BROWSER_SESSION, MadeLink, NewLink, SIGN_IN};
use crate::domain::time::say;
use crate::engine::clock::{Clock as _, SystemClock};

#[derive(Debug, Args)]
pub struct LinkArgs {
    /// The deployment, as in d57, or the last one of a build, as in '#1290'; without it, the running one or else the
    /// last one
    #[arg(value_name = "RUN", conflicts_with = "browser", add = ArgValueCandidates::new(completions::deployments))]
    of: Option<LogOf>,
    /// After how long the link ends, at most 30d; without this, 7d
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, conflicts_with = "browser")]
    expires: Option<Duration>,
    /// Sign a browser in to read all pages: the address works once, and for a short time
    #[arg(long)]
    browser: bool,
}

pub async fn run(context: &Context, arguments: LinkArgs) -> Result<(), CliError> {
    let LinkArgs { of, expires, browser } = arguments;
    if browser {
        let MadeLink { url, .. } = context.backend.sign_in_link().await?;
        let (within, most) = (say(SIGN_IN), say(BROWSER_SESSION));
        output::note(&format!(
            "open this within {within}; it signs one browser in, to read, for {most} at most:"
        ));
        return context.out.line(url);
    }
    let service = context.service().await?;
    let run = logs::deployment(context, &service, of).await?;
    let expires = expires.map(|time| {
        let end = TimeDelta::from_std(time).ok();
        let end = end.and_then(|time| SystemClock.now().checked_add_signed(time));
        end.ok_or_else(|| CliError::usage("the time of --expires is too long"))
    });
    let new = NewLink { expires: expires.transpose()? };
    let MadeLink { url, expires } = context.backend.link_run(&service, run.id, new).await?;
    let until = instant(expires);
    output::note(&format!("whoever has this reads {} and its logs until {until}:", run.id));
    context.out.line(url)
}
