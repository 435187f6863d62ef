//! Writes the head of the record's chain to a second place now and then, so that a record that was changed, cut off or replaced
//! shows.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use super::audit::read_head;
use super::{own_login, record};
use crate::backend::Backend;
use crate::backend::embedded::Embedded;
use crate::config::server_file::{HeadCopy, HeadTarget};
use crate::domain::caller::Caller;
use crate::domain::chain::{ChainBreak, ChainFrom, ChainHead};
use crate::domain::ids::Seq;
use crate::engine::Handle;
use crate::git::ChildGroup;

/// How long the program may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The source of the problem that the engine shows.
const PROBLEM: &str = "chain head";

/// Writes it until the task is ended. What goes wrong is a problem of the engine.
pub async fn keep(handle: Handle, HeadCopy { to, every }: HeadCopy) {
    let backend = Embedded::new(handle.clone(), Caller::in_process(own_login::own()));
    let mut written = None;
    loop {
        let trouble = write_new(&backend, &to, &mut written).await.err();
        if let Some(why) = &trouble {
            tracing::error!(why, "the head of the record is in no second place");
        }
        let remedy = match &to {
            HeadTarget::File(file) => format!(
                "run: trunkline audit verify --head '{}'; if you restored the record yourself, move the file away",
                file.display()
            ),
            HeadTarget::Command(_) => {
                "correct [chain_head] of server.toml or its program".to_owned()
            }
        };
        handle.tell(PROBLEM, trouble, &remedy).await;
        tokio::time::sleep(every).await;
    }
}

/// Writes the head if it is not the one that is there. The one that is there must still be in the chain. `written` is the last
/// one that the program got.
async fn write_new(
    backend: &impl Backend,
    to: &HeadTarget,
    written: &mut Option<ChainHead>,
) -> Result<(), String> {
    let there = match to {
        HeadTarget::File(file) => in_file(file)?,
        HeadTarget::Command(_) => written.clone(),
    };
    let before = |there: &ChainHead| ChainFrom { seq: Seq(there.seq.0 - 1), hash: None };
    let from = there.as_ref().map_or_else(ChainFrom::default, before);
    let walk = record::walk_on(backend, from, there.as_ref()).await;
    let walk = walk.map_err(|why| format!("the record cannot be read: {why}"))?;
    if let Some(ChainBreak { seq, why }) = walk.broken {
        let since = there.map_or_else(String::new, |there| {
            format!(" since its head of {}, event {}, was written elsewhere", there.at, there.seq)
        });
        return Err(format!("the record was changed{since}: event {seq}: {why}"));
    }
    let Some(head) = walk.head.filter(|head| Some(head) != there.as_ref()) else { return Ok(()) };
    let text = serde_json::to_string(&head).map_err(|why| why.to_string())?;
    match to {
        HeadTarget::File(file) => put(file, &text).map_err(|why| {
            format!("the head of the record cannot be written to {}: {why}", file.display())
        })?,
        HeadTarget::Command(command) => {
            let given = timeout(PATIENCE, give(command, &text)).await;
            let given = given.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            let program = command.first();
            given
                .map_err(|why| format!("the head of the record got lost at {program:?}: {why}"))?;
        }
    }
    *written = Some(head);
    Ok(())
}

/// The head in a file, if there is one.
fn in_file(file: &Path) -> Result<Option<ChainHead>, String> {
    match fs::symlink_metadata(file) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        _ => read_head(file).map(Some).map_err(|error| error.sentence()),
    }
}

/// Replaces the file as a whole: a head that is cut off would look tampered with.
fn put(file: &Path, text: &str) -> io::Result<()> {
    let beside = file.with_extension(format!("new.{}", std::process::id()));
    let write = || {
        let mut new = File::create(&beside)?;
        writeln!(new, "{text}")?;
        new.sync_all()?;
        fs::rename(&beside, file)
    };
    write().inspect_err(|_| drop(fs::remove_file(&beside)))
}

/// Gives a line to a program, which must end well.
async fn give(command: &[String], text: &str) -> io::Result<()> {
    let [program, arguments @ ..] = command else { return Ok(()) };
    let mut command = Command::new(program);
    command.args(arguments).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    // Dropped when the time is over, it ends all that the program has started.
    let mut group = ChildGroup::of(&child);
    let written = match child.stdin.take() {
        Some(mut stdin) => stdin.write_all(format!("{text}\n").as_bytes()).await,
        None => Ok(()),
    };
    let status = child.wait().await?;
    group.ended();
    // A program that has failed may not have read it. Its status says more.
    if status.success() { written } else { Err(io::Error::other(status.to_string())) }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use chrono::DateTime;

    use super::*;
    use crate::backend::scripted::{SERVICE, Scripted};

    fn grow(backend: &Scripted) {
        backend.change(|world| world.verified_build(&SERVICE.parse().unwrap(), "ada"));
    }

    async fn write(backend: &Scripted, to: &HeadTarget) -> Result<(), String> {
        write_new(backend, to, &mut None).await
    }

    #[tokio::test]
    async fn the_head_in_a_file_goes_on_with_the_record_and_never_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("head.json");
        let to = HeadTarget::File(file.clone());
        let backend = Scripted::new(DateTime::UNIX_EPOCH);
        grow(&backend);
        write(&backend, &to).await.unwrap();
        let first = read_head(&file).unwrap();
        let walk = record::walk(&backend, Some(&first)).await.unwrap();
        assert_eq!(walk.head.as_ref(), Some(&first), "audit verify takes it");
        write(&backend, &to).await.unwrap();
        assert_eq!(read_head(&file).unwrap(), first);
        grow(&backend);
        write(&backend, &to).await.unwrap();
        let second = read_head(&file).unwrap();
        assert!(second.rows > first.rows);

        let shorter = Scripted::new(DateTime::UNIX_EPOCH);
        grow(&shorter);
        let told = write(&shorter, &to).await.unwrap_err();
        assert!(told.contains("cut off"), "{told}");
        assert_eq!(read_head(&file).unwrap(), second, "the proof stays");
        fs::write(&file, "{").unwrap();
        assert!(write(&backend, &to).await.unwrap_err().contains("cannot read"));
        let nowhere = HeadTarget::File(folder.path().join("missing/head.json"));
        assert!(write(&backend, &nowhere).await.unwrap_err().contains("cannot be written"));
    }

    #[tokio::test]
    async fn a_program_gets_each_new_head_once_and_its_failure_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let heads: PathBuf = folder.path().join("heads");
        let script = format!("cat >> '{}'", heads.display());
        let to = HeadTarget::Command(["sh", "-c", &script].map(str::to_owned).into());
        let backend = Scripted::new(DateTime::UNIX_EPOCH);
        let mut written = None;
        for _ in 0..2 {
            grow(&backend);
            for _ in 0..2 {
                write_new(&backend, &to, &mut written).await.unwrap();
            }
        }
        let text = fs::read_to_string(&heads).unwrap();
        let all: Vec<_> =
            text.lines().map(|line| serde_json::from_str::<ChainHead>(line).unwrap()).collect();
        assert_eq!((all.len(), all.last()), (2, written.as_ref()));
        let failing = HeadTarget::Command(vec!["false".to_owned()]);
        let told = write(&backend, &failing).await.unwrap_err();
        assert!(told.contains("false") && told.contains("exit status: 1"), "{told}");
    }
}
