//! Creates the demo's repository: the service, its scripts, its `trunkline.toml` and a history by several people.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Datelike as _, TimeDelta, Utc};

use super::git::{self, NewCommit};
use super::story::{Author, EVERYDAY, HISTORY, Merge, OPENING};
use crate::cli::error::CliError;
use crate::engine::clock::{Clock, SystemClock};

use crate::domain::people::Identity;

/// The time between two merges of the initial history.
const PACE: TimeDelta = TimeDelta::hours(5);

const SCRIPTS: &[(&str, &str)] = &[
    ("README.md", include_str!("../../../assets/demo/README.md")),
    ("deploy/environment.sh", include_str!("../../../assets/demo/environment.sh")),
    ("deploy/migrate.sh", include_str!("../../../assets/demo/migrate.sh")),
    ("deploy/release.sh", include_str!("../../../assets/demo/release.sh")),
    ("deploy/smoke.sh", include_str!("../../../assets/demo/smoke.sh")),
    ("deploy/watch.sh", include_str!("../../../assets/demo/watch.sh")),
    ("deploy/which.sh", include_str!("../../../assets/demo/which.sh")),
];
const SERVICE: &str = include_str!("../../../assets/demo/trunkline.toml");
const FREEZES: &str = include_str!("../../../assets/demo/freezes.toml");

/// The repository's path in the demo's folder.
pub fn path(demo: &Path) -> PathBuf {
    demo.join("checkout.git")
}

/// The text of a user file that watches only this repository.
pub fn user_file(repository: &Path) -> String {
    let repository = quoted(&repository.display().to_string());
    format!(
        "# The practice service of \"trunkline demo\".\npoll = \"1s\"\n\n[[services]]\nrepository = {repository}\n"
    )
}

/// Creates the repository with its initial history. Its steps deploy into the folder `servers`.
pub fn create(repository: &Path, servers: &Path) -> Result<(), CliError> {
    git::init(repository)?;
    let now = SystemClock.now();
    let merges = i32::try_from(HISTORY.len()).unwrap_or(i32::MAX);
    let begin = now - PACE * merges;
    let mut commits = vec![first(begin - PACE, servers, now)];
    for (index, merge) in HISTORY.iter().enumerate() {
        let age = PACE * i32::try_from(index).unwrap_or(i32::MAX);
        commits.push(commit(merge, index + 2, begin + age));
    }
    git::commit(repository, &commits)
}

/// Merges the next change of the story and returns it. `done` is the number of changes merged after the initial history.
pub fn merge_next(repository: &Path, done: usize) -> Result<&'static Merge, CliError> {
    let merge =
        OPENING.get(done).unwrap_or_else(|| &EVERYDAY[(done - OPENING.len()) % EVERYDAY.len()]);
    let version = HISTORY.len() + done + 2;
    git::commit(repository, &[commit(merge, version, SystemClock.now())])?;
    Ok(merge)
}

fn first(at: DateTime<Utc>, servers: &Path, now: DateTime<Utc>) -> NewCommit {
    let mut files: Vec<(String, String)> =
        SCRIPTS.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    files.push(("trunkline.toml".into(), service_file()));
    files.push(("freezes.toml".into(), freezes_file(now)));
    files.push(("deploy/servers".into(), format!("{}\n", servers.display())));
    files.push(("app/VERSION".into(), "1\n".into()));
    NewCommit {
        author: identity(Author::Sam),
        at,
        message: "feat: a shop that deploys with trunkline\n".into(),
        files,
    }
}

/// The commit of a merge. Its version equals the number of its build.
fn commit(merge: &Merge, version: usize, at: DateTime<Utc>) -> NewCommit {
    let mut message = format!("{}\n", merge.subject);
    if let Some(with) = merge.with.map(identity) {
        let Identity { name, email } = with;
        message = format!("{message}\nCo-authored-by: {name} <{email}>\n");
    }
    let text = merge
        .text
        .map_or_else(|| format!("{} (version {version})\n", merge.subject), str::to_owned);
    let files =
        vec![(merge.path.to_owned(), text), ("app/VERSION".to_owned(), format!("{version}\n"))];
    NewCommit { author: identity(merge.author), at, message, files }
}

fn service_file() -> String {
    let login = login();
    let emails = quoted(&you().email);
    let taken = ["moira", "sam", "raj", "lena"].contains(&login.as_str());
    let name = if taken { "you" } else { login.as_str() };
    let (name, login) = (quoted(name), quoted(&login));
    format!("{SERVICE}\n[people.{name}]\nlogins = [{login}]\nemails = [{emails}]\n")
}

/// The freezes of a demo created at `now`: one starts tomorrow and repeats every week.
fn freezes_file(now: DateTime<Utc>) -> String {
    let tomorrow = now + TimeDelta::days(1);
    FREEZES.replace("DAY", &tomorrow.weekday().to_string())
}

fn identity(author: Author) -> Identity {
    let (name, email) = match author {
        Author::Moira => ("Moira Byrne", "moira@checkout.example"),
        Author::Sam => ("Sam Okafor", "sam@checkout.example"),
        Author::Raj => ("Raj Patel", "raj@checkout.example"),
        Author::Bot => ("renovate[bot]", "bot@renovate.example"),
        Author::You => return you(),
    };
    Identity { name: name.into(), email: email.into() }
}

/// Your identity from the git configuration, or one made from your login.
fn you() -> Identity {
    crate::git::local_identity(None).unwrap_or_else(|| {
        let name = login();
        let email = format!("{name}@checkout.example");
        Identity { name, email }
    })
}

/// The name that this process's user logs in with.
fn login() -> String {
    crate::cli::own_login::own()
}

/// The text as a TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::{Command, Output};

    use chrono::{DateTime, TimeDelta, Utc};

    use super::{HISTORY, OPENING, create, freezes_file, merge_next, service_file, user_file};
    use crate::calendar::{FreezeState, FreezesFile};
    use crate::config::{ServiceFile, UserFile};

    fn ran(folder: &Path, program: &str, arguments: &[&str]) -> Output {
        ran_in("staging", folder, program, arguments)
    }

    fn ran_in(environment: &str, folder: &Path, program: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.current_dir(folder).args(arguments);
        command.env("TRUNKLINE_ENVIRONMENT", environment).env("TRUNKLINE_KIND", "auto");
        command.env("TRUNKLINE_BUILD", "7").env("TRUNKLINE_SHA", "0123456");
        command.output().unwrap()
    }

    fn output_of(folder: &Path, program: &str, arguments: &[&str]) -> String {
        let output = ran(folder, program, arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A demo after this many merges, with a checkout in `work`.
    fn demo(merges: usize) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let repository = folder.path().join("checkout.git");
        create(&repository, &folder.path().join("servers")).unwrap();
        for done in 0..merges {
            merge_next(&repository, done).unwrap();
        }
        output_of(folder.path(), "git", &["clone", "--quiet", "checkout.git", "work"]);
        folder
    }

    #[test]
    fn the_history_has_several_authors_and_a_build_for_each_merge() {
        let folder = demo(OPENING.len() + 1);
        let work = folder.path().join("work");
        let subjects = output_of(&work, "git", &["log", "--first-parent", "--format=%s"]);
        assert_eq!(subjects.lines().count(), 1 + HISTORY.len() + OPENING.len() + 1);
        let authors = output_of(&work, "git", &["shortlog", "-s", "HEAD"]);
        assert!(authors.lines().count() >= 4, "{authors}");
        let trailers = output_of(&work, "git", &["log", "--format=%(trailers:key=Co-authored-by)"]);
        assert!(trailers.contains("Raj Patel"), "{trailers}");
    }

    #[test]
    fn the_demo_writes_configuration_that_trunkline_reads() {
        let service = ServiceFile::parse(&service_file(), "trunkline.toml").unwrap();
        assert_eq!(service.people.people.len(), 5);
        let user =
            UserFile::parse(&user_file(Path::new("/tmp/o\"dd/x.git")), "config.toml").unwrap();
        assert_eq!(user.services[0].repository, "/tmp/o\"dd/x.git");
    }

    #[test]
    fn a_freeze_starts_tomorrow_whenever_the_demo_is_made_and_none_is_in_force_now() {
        for hours in 0..8 * 24 {
            let now = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::hours(490_000 + hours);
            let rules = FreezesFile::parse(&freezes_file(now), "freezes.toml").unwrap().rules;
            let found = rules.promote_to_production("checkout", now);
            assert_eq!(found.state, FreezeState::Open, "made at {now}");
            let tomorrow = (now + TimeDelta::days(1)).date_naive();
            assert_eq!(found.until.map(|start| start.date_naive()), Some(tomorrow), "at {now}");
            let next_week = now + TimeDelta::days(8);
            assert!(rules.promote_to_production("checkout", next_week).next_change.is_some());
        }
    }

    #[test]
    fn a_good_build_deploys_and_the_broken_one_fails_its_smoke_test() {
        let broken = OPENING.iter().position(|merge| merge.subject.contains("cache the price"));
        let broken = broken.unwrap() + 1;
        for (merges, works) in [(broken - 1, true), (broken, false), (broken + 2, true)] {
            let folder = demo(merges);
            let work = folder.path().join("work");
            output_of(&work, "sh", &["deploy/migrate.sh"]);
            output_of(&work, "sh", &["deploy/release.sh"]);
            let smoke = ran(&work, "sh", &["deploy/smoke.sh"]);
            assert_eq!(smoke.status.success(), works, "after {merges} merges: {smoke:?}");
            let current = folder.path().join("servers/staging/current/VERSION");
            let version = std::fs::read_to_string(current).unwrap();
            assert_eq!(version.trim(), (HISTORY.len() + merges + 1).to_string());
        }
    }
    /// What a script prints in production, and its exit code.
    fn in_production(work: &Path, script: &str) -> (String, Option<i32>) {
        let output = ran_in("production", work, "sh", &[script]);
        (String::from_utf8(output.stdout).unwrap(), output.status.code())
    }

    #[test]
    fn free_delivery_leaves_an_instance_behind_and_the_next_release_reaches_it() {
        let folder = demo(OPENING.len());
        let work = folder.path().join("work");
        assert_eq!(in_production(&work, "deploy/which.sh"), (String::new(), Some(0)));
        for serving in ["i1 0123456\ni2 0123456\n", "i1 0123456\ni2 0123456\ni3 0123456\n"] {
            let (log, code) = in_production(&work, "deploy/release.sh");
            assert_eq!(code, Some(0), "{log}");
            assert_eq!(in_production(&work, "deploy/which.sh").0, serving, "{log}");
        }
    }

    #[test]
    fn the_order_list_is_slow_until_the_cache_of_its_new_query_is_full() {
        let new = OPENING.iter().position(|merge| merge.subject.contains("one total")).unwrap();
        let folder = demo(new);
        let work = folder.path().join("work");
        let watched = || in_production(&work, "deploy/watch.sh");
        in_production(&work, "deploy/release.sh");
        assert_eq!(watched(), ("the order list takes 40 ms\n".to_owned(), Some(0)));
        merge_next(&folder.path().join("checkout.git"), new).unwrap();
        output_of(&work, "git", &["pull", "--quiet"]);
        in_production(&work, "deploy/release.sh");
        let codes: Vec<_> = (0..17).map(|_| watched().1).collect();
        assert_eq!(codes[..15], [Some(1); 15]);
        assert_eq!(codes[15..], [Some(0); 2]);
    }
}
