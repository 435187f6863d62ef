//! `trunkline audit verify` and `audit head`: checks the hash chain, and prints its last row for a later check.

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::cli::context::{Context, places};
use crate::cli::error::CliError;
use crate::cli::output::{self, Output};
use crate::cli::{Global, record};
use crate::domain::chain::{ChainBreak, ChainHead, ChainWalk};
use crate::store::StoreError;

/// The most that is read of a head file. A head is a few hundred bytes.
const HEAD_BYTES: u64 = 4_096;

#[derive(Debug, Args)]
pub struct AuditVerifyArgs {
    /// Check this database file instead: a copy, or the record of a stopped engine
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Also prove that the row of this file, written by "audit head", is still in the chain
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
    /// Print the result as JSON, also if the chain is broken
    #[arg(long)]
    json: bool,
}

/// The result of a walk, as `--json` prints it.
#[derive(Debug, Serialize)]
struct VerifyDocument<'a> {
    rows: u64,
    head: Option<&'a ChainHead>,
    broken: Option<&'a ChainBreak>,
}

#[derive(Debug, Args)]
pub struct AuditHeadArgs {
    /// Read this database file instead: a copy, or the record of a stopped engine
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Write to this new file instead of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub async fn run(global: Global, arguments: AuditVerifyArgs) -> Result<(), CliError> {
    let before = arguments.head.as_deref().map(read).transpose()?;
    let file = arguments.file.as_deref();
    let database = places(&global)?.database();
    let ChainWalk { rows, head, broken } = walk(global, file, before.as_ref()).await?;
    let unread = |error: StoreError| CliError::failed(error.to_string());
    if let (None, None, Some(head)) = (file, &broken, &head)
        && !record::is_of_engine(&database, head).map_err(unread)?
    {
        return Err(CliError::failed(record::not_of_engine(&database)));
    }
    let database = file.unwrap_or(&database);
    let fault = record::fault(database).map_err(unread)?;
    let json = arguments.json;
    if json {
        output::json(&VerifyDocument { rows, head: head.as_ref(), broken: broken.as_ref() })?;
    }
    if let Some(ChainBreak { seq, why }) = broken {
        let sentence = format!("event {seq} is broken: {why}; {rows} rows before it are intact");
        return Err(CliError::failed(sentence));
    }
    if let Some(fault) = fault {
        let sentence =
            format!("the chain is intact, but {} is damaged: {fault}", database.display());
        return Err(CliError::failed(sentence));
    }
    if json {
        return Ok(());
    }
    let out = Output::new();
    let Some(head) = head else { return out.line("the record is empty") };
    out.line(format!("{rows} rows are intact; the head is event {} {}", head.seq, head.hash))?;
    if let Some(before) = before {
        out.line(format!("event {} of {} is unchanged", before.seq, before.at))?;
    }
    Ok(())
}

pub async fn head(global: Global, arguments: AuditHeadArgs) -> Result<(), CliError> {
    let ChainWalk { head, broken, .. } = walk(global, arguments.file.as_deref(), None).await?;
    if let Some(ChainBreak { seq, why }) = broken {
        let sentence = format!("event {seq} is broken: {why}; a broken chain has no valid head");
        return Err(CliError::failed(sentence));
    }
    let head = head.ok_or_else(|| CliError::failed("the record is empty; there is no head yet"))?;
    let Some(path) = arguments.output else { return output::json(&head) };
    let named = |why| CliError::failed(format!("cannot write \"{}\": {why}", path.display()));
    let text = serde_json::to_string(&head).map_err(std::io::Error::from)?;
    let mut file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(named)?;
    writeln!(file, "{text}").and_then(|()| file.sync_all()).map_err(|why| {
        // An incomplete head would look tampered with.
        let _ = fs::remove_file(&path);
        named(why)
    })
}

/// Walks the chain of the engine, which is started if none runs, or of a file without an engine.
async fn walk(
    global: Global,
    file: Option<&Path>,
    kept: Option<&ChainHead>,
) -> Result<ChainWalk, CliError> {
    if let Some(file) = file {
        if !file.exists() {
            return Err(CliError::failed(format!("there is no record at \"{}\"", file.display())));
        }
        let walked = record::walk_file(file, kept);
        return walked.map_err(|error| CliError::failed(error.to_string()));
    }
    let database = places(&global)?.database();
    let context =
        Context::connect(global).await.map_err(|error| without_engine(error, &database))?;
    Ok(record::walk(&context.backend, kept).await?)
}

/// Adds how to check the record if the engine does not start.
fn without_engine(error: CliError, database: &Path) -> CliError {
    match error {
        CliError::Failed(report) => CliError::failed(format!(
            "{report:#}\nto check the record without an engine, run: trunkline audit verify {}",
            database.display()
        )),
        other => other,
    }
}

/// Reads the file of a head.
///
/// # Errors
/// When it cannot be read or is none.
pub fn read(path: &Path) -> Result<ChainHead, CliError> {
    let named = |why: String| CliError::usage(format!("cannot read \"{}\": {why}", path.display()));
    let file = fs::File::open(path).map_err(|why| named(why.to_string()))?;
    let mut text = String::new();
    file.take(HEAD_BYTES).read_to_string(&mut text).map_err(|why| named(why.to_string()))?;
    let head: ChainHead = serde_json::from_str(&text).map_err(|why| named(why.to_string()))?;
    if head.seq.0 == 0 || head.rows != head.seq.0 {
        return Err(named("seq and rows differ; write it with: trunkline audit head".into()));
    }
    Ok(head)
}
