//! `trunkline backup`: copies the record into one file, also while the engine runs.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use super::Global;
use super::context::places;
use super::error::CliError;
use super::output::Output;
use crate::config::places::Places;
use crate::domain::chain::ChainHead;
use crate::store::Reader;

#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The file to write, on another disk or machine than the record
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
}

pub fn run(global: &Global, arguments: &BackupArgs) -> Result<(), CliError> {
    on_this_machine(global, "backup")?;
    let places = places(global)?;
    let database = places.database();
    if !database.exists() {
        let sentence = format!("there is no record at \"{}\" yet", database.display());
        return Err(CliError::failed(sentence));
    }
    let file = std::path::absolute(&arguments.file)?;
    check_target(&places, &file, arguments.force)?;
    let mut name = file.clone().into_os_string();
    name.push(format!(".{}.partial", std::process::id()));
    let partial = PathBuf::from(name);
    let head = copy(&database, &partial).and_then(|head| {
        put_in_place(&partial, &file, arguments.force).map_err(|why| match why.kind() {
            io::ErrorKind::AlreadyExists => exists(&file),
            _ => CliError::failed(format!("cannot write \"{}\": {why}", file.display())),
        })?;
        Ok(head)
    });
    let head = head.inspect_err(|_| drop(fs::remove_file(&partial)))?;
    let ChainHead { seq, hash, at, rows } = head;
    Output::new().lines([
        format!("\"{}\" has {rows} rows; the head is event {seq} {hash} of {at}", file.display()),
        "it has the events, receipts, known services and hashes of tokens; keep it private".into(),
        format!(
            "it does not have the logs of steps, checkouts, mirrors, settings and secrets; the settings are in \"{}\"",
            places.config.display()
        ),
    ])
}

/// Refuses what concerns the files of an engine for a server that is elsewhere.
pub fn on_this_machine(global: &Global, command: &str) -> Result<(), CliError> {
    let Some(profile) = global.of_profile() else { return Ok(()) };
    Err(CliError::usage(format!(
        "the record of profile {profile:?} is on its server; run there, without a profile: trunkline {command} FILE"
    )))
}

fn check_target(places: &Places, file: &Path, force: bool) -> Result<(), CliError> {
    let shown = file.display();
    let folder = file.parent().unwrap_or(file);
    let folder = folder
        .canonicalize()
        .map_err(|why| CliError::failed(format!("cannot write \"{shown}\": {why}")))?;
    if places.data.canonicalize().is_ok_and(|data| folder.starts_with(data)) {
        let sentence = format!("\"{shown}\" is in the data folder; keep a backup outside of it");
        return Err(CliError::usage(sentence));
    }
    match fs::symlink_metadata(file) {
        Ok(_) if !force => Err(exists(file)),
        Ok(found) if !found.is_file() => {
            Err(CliError::usage(format!("\"{shown}\" is not a file; name another one")))
        }
        _ => Ok(()),
    }
}

fn exists(file: &Path) -> CliError {
    let shown = file.display();
    CliError::usage(format!("\"{shown}\" exists; name another file, or replace it with --force"))
}

fn copy(database: &Path, partial: &Path) -> Result<ChainHead, CliError> {
    // A killed backup of a process with the same id left it.
    let _there_is_none = fs::remove_file(partial);
    let copied = Reader::open(database).and_then(|record| record.copy_to(partial));
    copied.map_err(|why| CliError::failed(format!("{why}; there is no new backup")))
}

/// Gives the checked copy its name. Without force the name must be new also at this moment. A kill in between leaves no other
/// file under that name.
fn put_in_place(partial: &Path, file: &Path, force: bool) -> io::Result<()> {
    if force {
        fs::rename(partial, file)?;
    } else {
        match fs::hard_link(partial, file) {
            Ok(()) => fs::remove_file(partial)?,
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => return Err(why),
            // Not every file system has links. That there was no such file is checked.
            Err(_) => fs::rename(partial, file)?,
        }
    }
    File::open(file.parent().unwrap_or(file))?.sync_all()
}
