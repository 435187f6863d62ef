//! `trunkline audit export`: writes the selected events as JSON lines or CSV.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::csv;
use super::filter::Filter;
use super::row::{COLUMNS, cells};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::{Global, output, record};
use crate::domain::event::Event;

#[derive(Debug, Args)]
pub struct AuditExportArgs {
    #[command(flatten)]
    filter: Filter,
    #[arg(long, value_enum)]
    format: Format,
    /// Write to this file instead of standard output; a failed export writes no file
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long, requires = "output")]
    force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON document on each line
    Jsonl,
    /// One row for each event, per RFC 4180
    Csv,
}

/// An export in progress.
struct Export<'a> {
    context: &'a Context,
    filter: Filter,
    format: Format,
}

pub async fn run(global: Global, arguments: AuditExportArgs) -> Result<(), CliError> {
    let AuditExportArgs { filter, format, output, force } = arguments;
    let context = Context::connect(global).await?;
    let export = Export { context: &context, filter, format };
    match output {
        Some(path) => export.to_file(&path, force).await,
        None => export.to_output().await,
    }
}

impl Export<'_> {
    /// Writes to standard output, safe for a terminal: control characters and line ends within a cell are escaped. A
    /// file keeps them.
    async fn to_output(&self) -> Result<(), CliError> {
        let out = &self.context.out;
        let csv = |cells: &[String]| out.line(csv::line(cells).trim_end_matches("\r\n"));
        if self.format == Format::Csv {
            csv(&COLUMNS.map(str::to_owned))?;
        }
        let show = async |page: Vec<Event>| match self.format {
            Format::Jsonl => page.iter().try_for_each(output::json_line),
            Format::Csv => self.rows(&page).await?.iter().try_for_each(|row| csv(row)),
        };
        self.filter.each_page(self.context, show).await
    }

    /// The rows of a table, with the hashes of the chain.
    async fn rows(&self, page: &[Event]) -> Result<Vec<[String; COLUMNS.len()]>, CliError> {
        let hashes = record::hashes(&self.context.backend, page).await?;
        let row = |event: &Event| cells(event, hashes.get(&event.seq).copied());
        Ok(page.iter().map(row).collect())
    }

    async fn to_file(&self, path: &Path, force: bool) -> Result<(), CliError> {
        let named = |why| CliError::failed(format!("cannot write \"{}\": {why}", path.display()));
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let part = PathBuf::from(name);
        let file = OpenOptions::new().write(true).create_new(true).open(&part).map_err(named)?;
        let written = match self.write(file).await {
            Ok(()) => publish(&part, path, force).map_err(named),
            failed => failed,
        };
        // Fails after a rename, when the file has its final name.
        let _ = fs::remove_file(&part);
        written
    }

    async fn write(&self, file: File) -> Result<(), CliError> {
        let mut file = BufWriter::new(file);
        if self.format == Format::Csv {
            file.write_all(csv::line(&COLUMNS.map(str::to_owned)).as_bytes())?;
        }
        let put = async |page: Vec<Event>| {
            match self.format {
                Format::Jsonl => {
                    for event in &page {
                        serde_json::to_writer(&mut file, event).map_err(io::Error::from)?;
                        file.write_all(b"\n")?;
                    }
                }
                Format::Csv => {
                    for row in self.rows(&page).await? {
                        file.write_all(csv::line(&row).as_bytes())?;
                    }
                }
            }
            Ok(())
        };
        self.filter.each_page(self.context, put).await?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(file.sync_all()?)
    }
}

/// Gives the file its final name. A hard link fails if the name is taken; a rename replaces it.
fn publish(part: &Path, path: &Path, force: bool) -> io::Result<()> {
    if force {
        return fs::rename(part, path);
    }
    match fs::hard_link(part, path) {
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {
            Err(io::Error::other("it already exists; add --force to replace it"))
        }
        linked => linked,
    }
}
