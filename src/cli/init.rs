//! `trunkline init`: writes a commented `trunkline.toml` and adds the repository to the user file.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use color_eyre::eyre::Context as _;

use super::error::CliError;
use super::output::Output;
use super::{Global, context};
use crate::config::service_file::SERVICE_FILE;
use crate::config::{ConfigError, UserFile, Watched, sample};
use crate::domain::ids::ServiceName;

#[derive(Debug, Args)]
pub struct InitArgs {
    /// The trunk branch; without it, the default branch that git reports
    #[arg(long, value_name = "BRANCH")]
    trunk: Option<String>,
}

/// The service is named after the folder unless `--service` names it.
pub fn run(global: &Global, arguments: &InitArgs) -> Result<(), CliError> {
    let here = std::env::current_dir().wrap_err("cannot read the current folder")?;
    let repository =
        PathBuf::from(git(&here, &["rev-parse", "--show-toplevel"]).ok_or_else(|| {
            CliError::usage("this folder is not in a git repository; run: git init")
        })?);
    let name = match &global.service {
        Some(name) => name.clone(),
        None => name_from(&here)?,
    };
    let trunk = arguments
        .trunk
        .clone()
        .or_else(|| trunk(&repository))
        .ok_or_else(|| CliError::usage("git reports no default branch; add --trunk BRANCH"))?;
    write(&here.join(SERVICE_FILE), &sample::service_file(&name, &trunk))?;
    let places = context::places(global)?;
    places.create()?;
    let folder = folder(&repository, &here);
    let watched = Watched {
        repository: repository.display().to_string(),
        folder: folder.clone(),
        trunk: None,
    };
    match UserFile::add(&places.user_file(), &watched) {
        Ok(()) | Err(ConfigError::WatchedAlready { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let file = folder.map_or(SERVICE_FILE.to_owned(), |folder| format!("{folder}/{SERVICE_FILE}"));
    next_steps(&name, &trunk, &file, &places.user_file())
}

fn next_steps(name: &ServiceName, trunk: &str, file: &str, user: &Path) -> Result<(), CliError> {
    let out = Output::new();
    out.line(format!("wrote {file} for {name} and added it to {}", user.display()))?;
    out.line("next:")?;
    out.line(format!("  1. edit {file}: put your own steps in; for now they only print a line"))?;
    out.line(format!(
        "  2. git add {SERVICE_FILE} && git commit -m \"Deploy with trunkline\", on {trunk}"
    ))?;
    out.line("  3. trunkline")
}

/// A service name made from the folder's name.
fn name_from(folder: &Path) -> Result<ServiceName, CliError> {
    let folder = folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    let name: String = folder.chars().map(|c| if allowed(c) { c } else { '-' }).take(40).collect();
    let name = name.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    name.parse().map_err(|_| {
        CliError::usage(format!("{folder:?} cannot be a service name; add --service NAME"))
    })
}

/// The service's folder in the repository; `None` is the whole repository.
fn folder(repository: &Path, here: &Path) -> Option<String> {
    // Git returns the real path, so links must be followed here too.
    let here = here.canonicalize().ok()?;
    let folder = here.strip_prefix(repository.canonicalize().ok()?).ok()?;
    Some(folder.display().to_string()).filter(|folder| !folder.is_empty())
}

fn trunk(repository: &Path) -> Option<String> {
    let remote =
        git(repository, &["symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD"]);
    let remote = remote.and_then(|branch| branch.strip_prefix("origin/").map(str::to_owned));
    remote.or_else(|| git(repository, &["symbolic-ref", "--quiet", "--short", "HEAD"]))
}

fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let mut git = Command::new("git");
    git.current_dir(folder).args(arguments).stdin(Stdio::null());
    let output = git.output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    Some(text).filter(|text| !text.is_empty())
}

/// Writes a new file.
fn write(path: &Path, text: &str) -> Result<(), CliError> {
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => Ok(file.write_all(text.as_bytes())?),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(CliError::usage(
            format!("{} already exists; trunkline does not overwrite it", path.display()),
        )),
        Err(error) => Err(color_eyre::Report::new(error)
            .wrap_err(format!("cannot write {}", path.display()))
            .into()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::name_from;

    #[test]
    fn a_service_name_is_made_from_the_folder_name_if_possible() {
        for (folder, name) in
            [("/x/Shop", "shop"), ("/x/my shop!", "my-shop"), ("/x/.dot_files", "dot_files")]
        {
            assert_eq!(name_from(Path::new(folder)).unwrap().as_str(), name);
        }
        assert!(name_from(Path::new("/x/日本")).is_err());
        assert!(name_from(Path::new("/")).is_err());
    }
}
