//! Answers that come, that come late, that are wrong, and that never come.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, test_kill_process};
use tempfile::TempDir;
use tokio::time::timeout;

use super::*;
use crate::config::operator_files::OperatorFiles;

/// A user file with these sources, and the service that it watches.
struct Desk {
    folder: TempDir,
    sources: Sources,
}

impl Desk {
    fn with(secrets: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = folder.path().join("config.toml");
        fs::write(&settings, secrets.replace("HERE", folder.path().to_str().unwrap())).unwrap();
        let files = OperatorFiles::new(&settings, None);
        Self { folder, sources: Sources::new(Some(files)) }
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.folder.path().join(file), text).unwrap();
    }

    async fn token(&self, ask: Ask) -> Result<String, String> {
        let values = self.sources.values(&service("shop"), ask, Instant::now()).await?;
        Ok(values["TOKEN"].clone())
    }
}

fn service(name: &str) -> Watched {
    Watched { repository: format!("/srv/{name}.git"), folder: None, trunk: None }
}

#[tokio::test]
async fn the_last_good_answer_of_a_command_counts_for_everybody() {
    let desk = Desk::with("[secrets]\ncommand = [\"cat\", \"HERE/vault\"]\n");
    let failed = desk.token(Ask::PROMOTE).await.unwrap_err();
    assert!(failed.contains("the command \"cat\" of [secrets] failed"), "{failed}");
    let asked_again = Ask::PROMOTE.never_young();
    desk.write("vault", "TOKEN=one\n");
    assert_eq!(desk.token(Ask::PROMOTE).await, Err(failed), "it is asked once a minute");
    assert_eq!(
        desk.token(Ask::ROLLBACK).await.unwrap(),
        "one",
        "a rollback does not wait for that"
    );
    assert_eq!(desk.token(asked_again).await.unwrap(), "one");
    fs::remove_file(desk.folder.path().join("vault")).unwrap();
    for ask in [asked_again, Ask::ROLLBACK.never_young(), Ask::WATCH] {
        assert_eq!(desk.token(ask).await.unwrap(), "one", "{ask:?}");
    }
}

#[tokio::test]
async fn a_mistake_in_a_file_stops_a_promote_and_no_rollback() {
    let desk = Desk::with("[secrets]\nenv_file = \"HERE/secrets\"\n");
    desk.write("secrets", "TOKEN\n");
    assert!(desk.token(Ask::ROLLBACK).await.is_err(), "nothing good was read so far");
    desk.write("secrets", "TOKEN=one\n");
    assert_eq!(desk.token(Ask::PROMOTE).await.unwrap(), "one");
    let good = fs::read_to_string(desk.folder.path().join("config.toml")).unwrap();
    for (file, text) in [("secrets", "TOKEN\n"), ("config.toml", "[secret")] {
        desk.write("secrets", "TOKEN=one\n");
        desk.write(file, text);
        let refused = desk.token(Ask::PROMOTE).await.unwrap_err();
        assert!(refused.contains(file), "{refused}");
        for ask in [Ask::ROLLBACK, Ask::BEGUN, Ask::WATCH_ROLLBACK] {
            assert_eq!(desk.token(ask).await.unwrap(), "one", "{file} {ask:?}");
        }
        assert!(desk.token(Ask::PROMOTE.begun()).await.is_err(), "a promote that is prepared");
    }
    desk.write("config.toml", &good);
    desk.write("secrets", "TOKEN=two\n");
    assert_eq!(desk.token(Ask::ROLLBACK).await.unwrap(), "two", "files are always read");
}

/// Whoever looks at all services reads what they have in common once, and sees a change in the next round.
#[tokio::test(start_paused = true)]
async fn what_only_looks_reads_a_file_once_in_a_round() {
    let desk = Desk::with("[secrets]\nenv_file = \"HERE/secrets\"\n");
    desk.write("secrets", "TOKEN=one\n");
    assert_eq!(desk.token(Ask::WATCH).await.unwrap(), "one");
    desk.write("secrets", "TOKEN=two\n");
    assert_eq!(desk.token(Ask::WATCH).await.unwrap(), "one");
    for (token, ask) in
        [("a", Ask::PROMOTE), ("b", Ask::ROLLBACK), ("c", Ask::BEGUN), ("d", Ask::MASKED)]
    {
        desk.write("secrets", &format!("TOKEN={token}\n"));
        assert_eq!(desk.token(ask).await.unwrap(), token);
    }
    desk.write("secrets", "TOKEN=three\n");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(desk.token(Ask::WATCH).await.unwrap(), "three");
}

#[tokio::test]
async fn for_all_services_each_source_is_asked_once() {
    let line = "echo >> HERE/asked; echo TOKEN=$(wc -l < HERE/asked)";
    let desk = Desk::with(&format!("[secrets]\ncommand = [\"sh\", \"-c\", '{line}']\n"));
    let all = ["shop", "search", "mail"].map(service);
    let asked_again = Ask::ROLLBACK.never_young();
    for round in ["1", "2"] {
        let values = desk.sources.values_of_all(&all, asked_again, Instant::now()).await;
        let tokens: Vec<_> = values.iter().map(|values| values["TOKEN"].trim()).collect();
        assert_eq!(tokens, [round; 3]);
    }
}

#[test]
fn a_file_that_never_answers_holds_nobody_up_and_is_read_once() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(a_file_that_never_answers());
    // A reader still waits.
    runtime.shutdown_background();
}

async fn a_file_that_never_answers() {
    let desk = Desk::with("[secrets]\nenv_file = \"HERE/secrets\"\n");
    desk.write("secrets", "TOKEN=one\n");
    assert_eq!(desk.token(Ask::PROMOTE).await.unwrap(), "one");
    let secrets = desk.folder.path().join("secrets");
    fs::remove_file(&secrets).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&secrets).status().unwrap();
    assert!(made.success());
    let short = Ask::ROLLBACK.within(Duration::from_millis(50));
    for _ in 0..5 {
        assert_eq!(desk.token(short).await.unwrap(), "one");
    }
    let refused = desk.token(Ask::PROMOTE.within(Duration::from_millis(50))).await.unwrap_err();
    assert!(refused.contains("secrets") && refused.contains("did not answer"), "{refused}");
    // The one reader that waits takes it; a second one would take it or wait for ever.
    let write = tokio::task::spawn_blocking(move || fs::write(&secrets, "TOKEN=two\n"));
    timeout(Duration::from_mins(1), write).await.expect("somebody reads").unwrap().unwrap();
    let arrives = async {
        while desk.token(short).await.as_deref() != Ok("two") {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_mins(1), arrives).await.expect("its answer counts");
}

#[tokio::test]
async fn a_command_that_hangs_ends_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let id = folder.path().join("id");
    let line = format!("sleep 3600 & echo $! > {}; wait", id.display());
    let command = ["sh".to_owned(), "-c".to_owned(), line];
    let running = run(&command, Duration::from_secs(2));
    let failed = running.await.unwrap_err();
    assert!(failed.contains("did not answer within 2 s"), "{failed}");
    let child: i32 = fs::read_to_string(&id).unwrap().trim().parse().unwrap();
    let gone = async {
        while test_kill_process(Pid::from_raw(child).unwrap()).is_ok() && !is_zombie(child) {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_mins(1), gone).await.expect("it ends");
}

/// Whether a process has ended and nobody has waited for it.
fn is_zombie(id: i32) -> bool {
    fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}
