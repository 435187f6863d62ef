//! A backup under load, a restore beside what ran since, and a restore that was killed.

use std::fs;
use std::path::{Path, PathBuf};

use trunkline::domain::command::{Action, Command};
use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::ids::Environment;
use trunkline::domain::people::Actor;
use trunkline::engine::clock::{Clock as _, SystemClock};
use trunkline::engine::replace::{PresentRecord, Replaced, Replacement};
use trunkline::store::Reader;

use trunkline_testing::engine::World;

/// How many backups are taken while commands run.
const BACKUPS: usize = 5;

fn database(world: &World) -> PathBuf {
    world.data().join("trunkline.db")
}

fn backup(world: &World, name: &str) -> PathBuf {
    let file = world.folder().join(name);
    Reader::open(&database(world)).unwrap().copy_to(&file).unwrap();
    file
}

fn replace(data: &Path, file: &Path) -> Replaced {
    let by = Actor::Person("ann".into());
    Replacement::draft(data, file).unwrap().commit(&by, SystemClock.now()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_taken_while_commands_run_restores_to_a_record_that_verifies() {
    let (mut world, _) = World::with_build().await;
    let (from, folder) = (database(&world), world.folder().to_owned());
    let copying = tokio::task::spawn_blocking(move || {
        let copy = |count| {
            let file = folder.join(format!("backup-{count}"));
            let head = Reader::open(&from).unwrap().copy_to(&file).unwrap();
            (file, head)
        };
        (0..BACKUPS).map(copy).collect::<Vec<_>>()
    });
    let mut commands = 0;
    while !copying.is_finished() || commands == 0 {
        let (environment, reason) = (Environment::Production, "load".to_owned());
        world.command("ann", Command::Hold { environment, reason }).await.unwrap();
        let (bad, hold, reason) = (None, None, "load".to_owned());
        let release = Command::Release { environment, reason, bad, hold, leave_open: Vec::new() };
        world.command("ann", release).await.unwrap();
        commands += 1;
    }
    let backups = copying.await.unwrap();
    world.stop().await;
    let record = Reader::open(&database(&world)).unwrap();
    for (file, head) in backups {
        assert_eq!(record.walk(Some(&head)).unwrap().broken, None, "it is a part of the record");
        let data = world.folder().join("elsewhere");
        fs::create_dir(&data).unwrap();
        let replaced = replace(&data, &file);
        assert_eq!(replaced.head.rows, head.rows + 1, "that it was restored is recorded");
        let restored = Reader::open(&data.join("trunkline.db")).unwrap();
        assert_eq!(restored.check().unwrap(), replaced.head);
        assert_eq!(replaced.aside, None, "nothing was there");
        fs::remove_dir_all(data).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ran_at_the_time_of_a_backup_runs_no_second_time() {
    let (mut world, promote) = World::with_running_promote().await;
    let file = backup(&world, "backup");
    world.stop().await;

    let by = Actor::Person("ann".into());
    let replacement = Replacement::draft(&world.data(), &file).unwrap();
    let refused = replacement.commit(&by, SystemClock.now()).unwrap_err().to_string();
    assert!(refused.contains(&format!("a step of {promote} still runs")), "{refused}");
    assert!(!world.data().join("restore.draft").exists(), "nothing is left of it");
    world.start().await;
    world.open_gate();
    assert_eq!(world.ended(promote).await.state(), DeploymentState::Succeeded, "it went on");
    world.stop().await;

    let ran = world.ran();
    let keys = world.data().join("link.keys");
    fs::write(&keys, "what signed links of the record").unwrap();
    let replacement = Replacement::draft(&world.data(), &file).unwrap();
    let present = replacement.present();
    assert!(matches!(present, PresentRecord::Newer { events: 1.., .. }), "{present:?}");
    let replaced = replacement.commit(&by, SystemClock.now()).unwrap();
    let aside = replaced.aside.unwrap();
    assert!(aside.join("runs").join(promote.0.to_string()).is_dir(), "its log is kept");
    let signs = "tokens get the same numbers again: a link of before must open nothing";
    assert!(!keys.exists() && aside.join("link.keys").exists(), "{signs}");
    world.start().await;
    assert_eq!(world.deployment(promote).state(), DeploymentState::Interrupted);
    let next = world.verified("goes on").await;
    world.promote(next).await;
    world
        .until("the next build is live", |s| {
            s.live.get(&Environment::Production).filter(|live| live.build == next).map(drop)
        })
        .await;
    let promotes = |ran: &[String]| ran.iter().filter(|line| line.contains("promote")).count();
    assert_eq!(promotes(&world.ran()), promotes(&ran) + 1, "{:?}", world.ran());
    let plan = world.plan("ann", Action::Rollback { to: None }).await;
    assert!(plan.is_err(), "nothing was live before: {plan:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_finishes_a_restore_that_was_killed() {
    let (mut world, build) = World::with_build().await;
    let file = backup(&world, "backup");
    world.live(build).await;
    world.stop().await;
    let ready = world.data().join("restoring-20260101T000000Z");
    fs::create_dir(&ready).unwrap();
    Reader::open(&file).unwrap().copy_to(&ready.join("trunkline.db")).unwrap();
    let newer = Reader::open(&database(&world)).unwrap().check().unwrap();
    world.start().await;
    assert_eq!(world.live_now(), None, "it works on the copy");
    assert!(!ready.exists());
    let aside = world.data().join("before-restore-20260101T000000Z");
    let kept = Reader::open(&aside.join("trunkline.db")).unwrap().check().unwrap();
    assert_eq!(kept, newer, "nothing is lost");
}
