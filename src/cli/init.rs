//! `trunkline init`: writes a commented `trunkline.toml`, unless one is there, and adds the repository to the user file:
//! the remote of this clone, so that what others push arrives. In a repository with workflows it proposes what these do.

mod checked;
mod proposed;
mod show;

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use color_eyre::eyre::Context as _;

use self::proposed::{InitProposal, proposed};
use super::error::CliError;
use super::output::{self, Output};
use super::{Global, context};
use crate::config::service_file::SERVICE_FILE;
use crate::config::user_file::NowWatched;
use crate::config::{ServiceFile, UserFile, Watched, sample};
use crate::domain::ids::ServiceName;
use crate::engine::clock::{Clock as _, SystemClock};
use crate::git::{LocalClone, default_branch_of, display_url};

#[derive(Debug, Args)]
pub struct InitArgs {
    /// The trunk branch; without it, the default branch that git reports
    #[arg(long, value_name = "BRANCH")]
    trunk: Option<String>,
    /// Watch this clone's own branch instead of its remote's
    #[arg(long)]
    clone: bool,
    #[command(flatten)]
    proposing: Proposing,
}

/// What is done with what the workflows propose.
#[derive(Debug, Args)]
struct Proposing {
    /// Write steps that run here, whatever the workflows say
    #[arg(long)]
    steps: bool,
    /// Do not ask before the proposed file is written
    #[arg(long, short = 'y')]
    yes: bool,
    /// Print the proposal as JSON; writes nothing without --yes
    #[arg(long)]
    json: bool,
}

/// What is set up.
struct Setup {
    name: ServiceName,
    trunk: String,
    /// The service file, from the top of the repository.
    file: String,
    is_new: bool,
    watched: Watched,
    /// The address that may be watched by now and is replaced.
    instead_of: Option<String>,
}

/// The service is named after the folder unless `--service` names it.
pub async fn run(global: &Global, arguments: &InitArgs) -> Result<(), CliError> {
    let here = std::env::current_dir().wrap_err("cannot read the current folder")?;
    let repository =
        PathBuf::from(git(&here, &["rev-parse", "--show-toplevel"]).ok_or_else(|| {
            CliError::usage("this folder is not in a git repository; run: git init")
        })?);
    let setup = setup(global, arguments, &here, &repository).await?;
    let (proposing, mut found) = (&arguments.proposing, None);
    if !proposing.steps && (setup.is_new || proposing.json) {
        found = Box::pin(proposed(&repository, &setup.name, &setup.trunk)).await?;
        if let Some(found) = &mut found {
            found.check(&context::places(global)?, SystemClock.now()).await;
        }
    }
    if proposing.json {
        output::json(&found)?;
    }
    if proposing.json && !proposing.yes {
        return Ok(());
    }
    if setup.is_new {
        let text = match &found {
            Some(found) => {
                if !proposing.json {
                    show::show(Output::new(), found)?;
                }
                if !show::is_confirmed(Output::new(), found, proposing.yes)? {
                    return Ok(());
                }
                found.text.clone().unwrap_or_default()
            }
            None => sample::service_file(&setup.name, &setup.trunk),
        };
        write(&here.join(SERVICE_FILE), &text)?;
    }
    let places = context::places(global)?;
    places.create()?;
    let user = places.user_file();
    let now = UserFile::watch(&user, &setup.watched, setup.instead_of.as_deref())?;
    if proposing.json {
        return Ok(());
    }
    report(&setup, &now, &repository, &user, found.as_ref())
}

async fn setup(
    global: &Global,
    arguments: &InitArgs,
    here: &Path,
    repository: &Path,
) -> Result<Setup, CliError> {
    let there = existing(global, here)?;
    let name = match (&there, &global.service) {
        (Some(file), _) => file.name.clone(),
        (None, Some(name)) => name.clone(),
        (None, None) => name_from(here)?,
    };
    let declared = there.as_ref().and_then(|file| file.trunk.clone());
    let wanted = arguments.trunk.clone().or_else(|| declared.clone());
    let own = || trunk(repository);
    let clone = LocalClone::of(repository, wanted.clone().or_else(own).as_deref()).await;
    let remote = clone.remote.as_ref();
    let watched = remote.filter(|_| !arguments.clone);
    let default = match watched {
        Some(remote) => match default_branch_of(&remote.url).await {
            Ok(default) => default,
            Err(error) => {
                CliError::warn(&format!(
                    "git cannot read {remote} without a question: {error}. Fix that; the engine tries again by itself. To \
                     watch this clone instead, run: trunkline init --clone"
                ));
                None
            }
        },
        None => None,
    };
    let trunk = wanted
        .or_else(|| default.clone())
        .or_else(own)
        .ok_or_else(|| CliError::usage("git reports no default branch; add --trunk BRANCH"))?;
    let place = repository.display().to_string();
    let folder = folder(repository, here);
    // The engine finds the default branch and what its service file declares. Any other trunk it has to be told.
    let is_found = |trunk: &String| match &default {
        Some(default) => default == trunk,
        None => declared.is_none() || declared.as_ref() == Some(trunk),
    };
    let watched = Watched {
        repository: watched.map_or_else(|| place.clone(), |remote| remote.url.clone()),
        folder,
        trunk: Some(trunk.clone()).filter(|trunk| !is_found(trunk)),
    };
    let other = remote.map(|remote| remote.url.clone());
    let instead_of = if watched.repository == place { other } else { Some(place) };
    let file = watched.service_file();
    Ok(Setup { name, trunk, file, is_new: there.is_none(), watched, instead_of })
}

/// The service file that is there, as when a second person joins.
fn existing(global: &Global, here: &Path) -> Result<Option<ServiceFile>, CliError> {
    let path = here.join(SERVICE_FILE);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(CliError::failed(format!("{}: {error}", path.display()))),
    };
    let file = ServiceFile::of_bytes(bytes, &path.display().to_string())?;
    match &global.service {
        Some(wanted) if *wanted != file.name => Err(CliError::usage(format!(
            "{} is there already and names its service {}; trunkline does not overwrite it",
            path.display(),
            file.name
        ))),
        _ => Ok(Some(file)),
    }
}

fn report(
    setup: &Setup,
    now: &NowWatched,
    repository: &Path,
    user: &Path,
    found: Option<&InitProposal>,
) -> Result<(), CliError> {
    let Setup { name, trunk, file, is_new, watched, .. } = setup;
    let (out, user) = (Output::new(), user.display());
    let shown = display_url(&watched.repository);
    out.line(if *is_new {
        format!("wrote {file} for {name}")
    } else {
        format!("{file} is there already, for {name}; it is used as it is")
    })?;
    out.line(match now {
        NowWatched::Newly => format!("{user} watches {trunk} of {shown} from now on"),
        NowWatched::Already => format!("{user} watches {trunk} of {shown} already"),
        NowWatched::InsteadOf(old) => {
            format!("{user} watches {trunk} of {shown} from now on, not {}", display_url(old))
        }
    })?;
    let mut steps = Vec::new();
    match found {
        _ if !is_new => {}
        Some(found) => {
            steps.extend(show::to_do(found, file));
            let repository = found.repository.as_deref().unwrap_or("OWNER/NAME");
            steps.push(format!(
                "give {user} an [engines.github] with a token and may = [{repository:?}]"
            ));
        }
        None => {
            steps.push(format!(
                "edit {file}: put your own steps in; for now they only print a line"
            ));
        }
    }
    if *is_new || !is_on_trunk(repository, trunk, file) {
        let push = if Path::new(&watched.repository) == repository { "" } else { " && git push" };
        steps.push(format!(
            "bring it to {trunk}: git add {SERVICE_FILE} && git commit -m \"Deploy with trunkline\"{push}"
        ));
    }
    steps.push("trunkline".to_owned());
    out.line("next:")?;
    out.lines(steps.iter().enumerate().map(|(at, step)| format!("  {}. {step}", at + 1)))
}

/// Whether the trunk has the service file, as far as this clone knows.
fn is_on_trunk(repository: &Path, trunk: &str, file: &str) -> bool {
    let remote = git(repository, &["config", "--get", &format!("branch.{trunk}.remote")]);
    let remote = remote.unwrap_or_else(|| "origin".to_owned());
    [format!("refs/remotes/{remote}/{trunk}:{file}"), format!("refs/heads/{trunk}:{file}")]
        .iter()
        .any(|object| git(repository, &["rev-parse", "--verify", "--quiet", object]).is_some())
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
    let text = git_output(folder, arguments)?.trim().to_owned();
    Some(text).filter(|text| !text.is_empty())
}

/// What git writes, as it is.
fn git_output(folder: &Path, arguments: &[&str]) -> Option<String> {
    let mut git = Command::new("git");
    git.current_dir(folder).args(arguments).stdin(Stdio::null());
    let output = git.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
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
