//! `trunkline audit verify` and `audit head`: the chain as it is here, and a row of it to check against later.

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::cli::Global;
use crate::cli::context::places;
use crate::cli::error::CliError;
use crate::cli::output::{self, Output};
use crate::domain::ids::Seq;
use crate::store::{Break, Head, Reader, Walk};

/// A head is a few hundred bytes; what is longer is something else.
const HEAD_BYTES: u64 = 4_096;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Also prove that the row of this file, written by "audit head", is still in the chain
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
    /// Print what was found as JSON, also when the chain is broken
    #[arg(long)]
    json: bool,
}

/// What a walk found, as a document.
#[derive(Debug, Serialize)]
struct Document<'a> {
    rows: u64,
    head: Option<&'a Head>,
    broken: Option<Broken<'a>>,
}

#[derive(Debug, Serialize)]
struct Broken<'a> {
    seq: Seq,
    why: &'a str,
}

#[derive(Debug, Args)]
pub struct HeadArguments {
    /// Write to this new file instead of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub fn run(global: &Global, arguments: &Arguments) -> Result<(), CliError> {
    let before = arguments.head.as_deref().map(read).transpose()?;
    let Walk { rows, head, broken } = walk(global, before.as_ref())?;
    let json = arguments.json;
    if json {
        let broken = broken.as_ref().map(|Break { seq, why }| Broken { seq: *seq, why });
        output::json(&Document { rows, head: head.as_ref(), broken })?;
    }
    if let Some(Break { seq, why }) = broken {
        let sentence = format!("event {seq} is broken: {why}; {rows} rows before it hold");
        return Err(CliError::failed(sentence));
    }
    if json {
        return Ok(());
    }
    let out = Output::new();
    let Some(head) = head else { return out.line("the record is empty") };
    out.line(format!("{rows} rows hold; the head is event {} {}", head.seq, head.hash))?;
    if let Some(before) = before {
        out.line(format!("event {} is still the one of {}", before.seq, before.at))?;
    }
    Ok(())
}

pub fn head(global: &Global, arguments: HeadArguments) -> Result<(), CliError> {
    let Walk { head, broken, .. } = walk(global, None)?;
    if let Some(Break { seq, why }) = broken {
        let sentence = format!("event {seq} is broken: {why}; a broken chain has no head to keep");
        return Err(CliError::failed(sentence));
    }
    let head = head.ok_or_else(|| CliError::failed("the record is empty; there is no head yet"))?;
    let Some(path) = arguments.output else { return output::json(&head) };
    let named = |why| CliError::failed(format!("cannot write \"{}\": {why}", path.display()));
    let text = serde_json::to_string(&head).map_err(std::io::Error::from)?;
    let mut file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(named)?;
    writeln!(file, "{text}").and_then(|()| file.sync_all()).map_err(|why| {
        // Half a head would be taken for one that was tampered with.
        let _ = fs::remove_file(&path);
        named(why)
    })
}

fn walk(global: &Global, before: Option<&Head>) -> Result<Walk, CliError> {
    let path = places(global)?.database();
    if !path.exists() {
        return Err(CliError::failed(format!(
            "there is no database at \"{}\"; the chain can be walked only on the machine of its engine",
            path.display()
        )));
    }
    let walked = Reader::open(&path).and_then(|reader| reader.walk(before));
    walked.map_err(|error| CliError::failed(error.to_string()))
}

fn read(path: &Path) -> Result<Head, CliError> {
    let named = |why: String| CliError::usage(format!("cannot read \"{}\": {why}", path.display()));
    let file = fs::File::open(path).map_err(|why| named(why.to_string()))?;
    let mut text = String::new();
    file.take(HEAD_BYTES).read_to_string(&mut text).map_err(|why| named(why.to_string()))?;
    let head: Head = serde_json::from_str(&text).map_err(|why| named(why.to_string()))?;
    if head.seq.0 == 0 || head.rows != head.seq.0 {
        return Err(named("its seq and rows do not agree; write it with \"audit head\"".into()));
    }
    Ok(head)
}
