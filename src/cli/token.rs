//! `trunkline token`: lists, makes and revokes the tokens that open a server over the network.

use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum};

use super::Reading;
use super::context::Context;
use super::error::CliError;
use super::output::{self, Cell, Paint};
use super::wording::ago;
use crate::backend::Backend as _;
use crate::domain::caller::AccessRole;
use crate::domain::ids::ServiceName;
use crate::domain::token::{MadeToken, NewToken, Token, TokenId, TokenRefusal};
use crate::engine::clock::{Clock as _, SystemClock};

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it, once
    Create(TokenCreateArgs),
    /// List all tokens with their last use
    List {
        #[command(flatten)]
        reading: Reading,
    },
    /// Revoke a token: it opens nothing from now on. With a session, its person's other sessions are revoked too
    Revoke {
        /// Its name, or its number as t3
        #[arg(value_name = "NAME")]
        token: String,
    },
}

#[derive(Debug, Args)]
pub struct TokenCreateArgs {
    /// What it is for, such as raj-laptop
    #[arg(value_name = "NAME")]
    name: String,
    /// What it allows: read; also deploy; also manage tokens
    #[arg(long, value_enum)]
    role: RoleArg,
    /// Whose it is: the name in the people table of the services
    #[arg(long = "as", value_name = "PERSON")]
    person: String,
    /// The person's address in commits, for services that do not list the name
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// After how long it expires, such as 90d
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    expires: Option<Duration>,
    /// The only services that exist for it; without this, all
    #[arg(long, value_name = "NAME")]
    service: Vec<ServiceName>,
}

/// A role as an argument.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum RoleArg {
    Viewer,
    Deployer,
    Admin,
}

impl From<RoleArg> for AccessRole {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Viewer => Self::Viewer,
            RoleArg::Deployer => Self::Deployer,
            RoleArg::Admin => Self::Admin,
        }
    }
}

pub async fn run(context: &Context, command: TokenCommand) -> Result<(), CliError> {
    match command {
        TokenCommand::Create(arguments) => create(context, arguments).await,
        TokenCommand::List { reading } => {
            let tokens = context.backend.tokens().await?;
            if reading.json {
                return output::json(&tokens);
            }
            let now = SystemClock.now();
            let rows: Vec<_> = tokens.iter().map(|token| row(token, now)).collect();
            context.out.table(&rows)
        }
        TokenCommand::Revoke { token } => {
            let id = find(&context.backend.tokens().await?, &token)?;
            let Token { name, person, session, revoked, .. } =
                context.backend.revoke_token(id).await?;
            let is_sent_out = session && revoked.is_some_and(|revoked| revoked.by != person);
            let besides =
                if is_sent_out { ", and all other sessions of the same person" } else { "" };
            let out = context.out.regardless();
            out.line(format!("the token {name} of {person} is revoked{besides}"))
        }
    }
}

async fn create(context: &Context, arguments: TokenCreateArgs) -> Result<(), CliError> {
    let TokenCreateArgs { name, role, person, email, expires, service } = arguments;
    let expires = expires.map(|time| {
        let end = chrono::TimeDelta::from_std(time).ok();
        let end = end.and_then(|time| SystemClock.now().checked_add_signed(time));
        end.ok_or_else(|| CliError::usage("the time of --expires is too long"))
    });
    let services = (!service.is_empty()).then(|| service.into_iter().collect());
    let (role, expires) = (role.into(), expires.transpose()?);
    let new = NewToken { name, person, email, role, services, expires };
    let MadeToken { token, secret } = context.backend.create_token(new).await?;
    let Token { name, person, role, .. } = token;
    // Standard output has the token alone, so that it can go straight into a secret store.
    output::note(&format!(
        "the token {name} of {person}, {role}; it is shown only now, so hand it over safely:"
    ));
    context.out.regardless().line(secret.expose())
}

/// The token of this name that is not revoked, or of this number.
fn find(tokens: &[Token], asked: &str) -> Result<TokenId, CliError> {
    let named = tokens.iter().rfind(|token| token.name == asked && token.revoked.is_none());
    let numbered = || {
        let id = asked.parse().ok()?;
        tokens.iter().find(|token| token.id == id)
    };
    let found = named.or_else(numbered);
    found.map(|token| token.id).ok_or_else(|| {
        CliError::failed(format!("there is no token {asked:?}; run: trunkline token list"))
    })
}

fn row(token: &Token, now: DateTime<Utc>) -> Vec<Cell> {
    let state = match token.in_force(now) {
        Ok(()) => match token.expires {
            Some(expires) => format!("expires {}", expires.format("%Y-%m-%d %H:%M UTC")).into(),
            None => "never expires".to_owned().into(),
        },
        Err(TokenRefusal::Expired(..)) => Paint::Quiet.cell("expired"),
        Err(_) => Paint::Quiet.cell("revoked"),
    };
    let services = token.services.as_ref().map_or_else(
        || "all services".to_owned(),
        |services| services.iter().map(ServiceName::as_str).collect::<Vec<_>>().join(", "),
    );
    let used =
        token.last_used.map_or("never used".to_owned(), |at| format!("used {}", ago(at, now)));
    let Token { id, name, person, role, .. } = token;
    let texts = [id.to_string(), name.clone(), person.clone(), role.to_string(), services, used];
    texts.into_iter().map(Cell::from).chain([state]).collect()
}
