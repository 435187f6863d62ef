//! The retention of logs: what goes, what never goes, and what is said of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use std::{fs, io};

use chrono::{DateTime, TimeDelta, Utc};
use trunkline::backend::Backend as _;
use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::event::Fact;
use trunkline::domain::ids::{DeploymentId, Environment, Seq};
use trunkline::domain::log::{LogFrom, Stream};
use trunkline::domain::people::Actor;
use trunkline::engine::clock::{Clock, SystemClock};
use trunkline_testing::engine::{QUICK, World};
use trunkline_testing::home::until;

/// A clock that is ahead of the machine's.
struct Ahead(TimeDelta);

impl Clock for Ahead {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + self.0
    }
}

fn runs(world: &World, id: DeploymentId) -> PathBuf {
    world.data().join("runs").join(id.0.to_string())
}

/// The deployments to an environment, oldest first.
fn all(world: &World, environment: Environment) -> Vec<DeploymentId> {
    let found = world.handle().history(&world.service, environment, None, 100).unwrap();
    found.into_iter().rev().map(|deployment| deployment.id).collect()
}

async fn log(world: &World, id: DeploymentId) -> (Stream, String) {
    let page = world.handle().log(&world.service, id, 0, LogFrom::End, 1_000, Duration::ZERO);
    let page = page.await.unwrap();
    assert!(page.ended);
    let line = page.lines().last().unwrap();
    (line.stream, String::from_utf8(line.text).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn old_logs_go_and_are_told_and_what_could_be_rolled_back_to_stays() {
    let mut world = World::open(QUICK).await;
    for title in ["one", "two", "three"] {
        let build = world.verified(title).await;
        world.live(build).await;
    }
    let (staging, production) =
        (all(&world, Environment::Staging), all(&world, Environment::Production));
    let (last, old) = staging.split_last().unwrap();
    world.stop().await;
    world.start_by(Arc::new(Ahead(TimeDelta::days(181)))).await;
    let raj = world.backend("raj");
    let removed = async {
        let mut after = Seq(0);
        loop {
            for event in raj.events(None, after, 100, Duration::from_secs(20)).await.unwrap() {
                after = event.seq;
                if let Fact::RunsRemoved { deployments, .. } = event.fact {
                    assert_eq!(event.actor, Actor::System);
                    return deployments;
                }
            }
        }
    };
    let removed = tokio::time::timeout(Duration::from_mins(1), removed).await.unwrap();
    assert_eq!(removed, old);
    // The record comes first: a log is never gone without a word.
    for id in old {
        gone(&runs(&world, *id));
    }
    for kept in production.iter().chain([last]) {
        assert!(runs(&world, *kept).is_dir(), "{kept}");
    }
    let (stream, text) = log(&world, old[0]).await;
    assert_eq!(stream, Stream::Note);
    assert!(text.starts_with(&format!("the log of {} was removed on ", old[0])), "{text}");
    assert!(text.ends_with(" by the retention of 180d"), "{text}");
    assert_eq!(log(&world, production[0]).await.1, "released");
    assert_eq!(world.deployment(old[0]).state(), DeploymentState::Succeeded, "it is in the record");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_not_there_is_not_an_empty_log() {
    let (world, build) = World::with_build().await;
    world.live(build).await;
    let [id] = all(&world, Environment::Production).try_into().unwrap();
    fs::remove_dir_all(runs(&world, id)).unwrap();
    let (stream, text) = log(&world, id).await;
    assert_eq!(stream, Stream::Note);
    assert!(text.contains("is not in the data folder"), "{text}");
}

/// Makes a folder and all that is in it look as if nothing was written there for a month.
fn make_all_old(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            make_all_old(&path)?;
        } else {
            make_old(&path)?;
        }
    }
    make_old(folder)
}

fn make_old(path: &Path) -> io::Result<()> {
    let month = Duration::from_hours(24 * 30);
    let long_ago = std::time::SystemTime::now() - month;
    fs::File::open(path)?.set_modified(long_ago)
}

/// Waits until a folder that is old is gone. A git of the engine before may still write into it.
fn gone(path: &Path) {
    let is_gone = || make_all_old(path).is_err() && !path.exists();
    tokio::task::block_in_place(|| until("what nobody watches is gone", is_gone));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_watches_goes_after_its_time_and_nothing_else() {
    const SETTINGS: &str = "[retention]\nunwatched = \"7d\"\nlogs_size = \"1 MiB\"\n";
    let mut world = World::with_file(QUICK);
    world.start_by_file(SETTINGS).await;
    world.verified("earlier").await;
    let build = world.verified("a change").await;
    world.live(build).await;
    let removable = runs(&world, all(&world, Environment::Staging)[0]);
    world.stop().await;
    let of_another = runs(&world, DeploymentId(1));
    fs::create_dir(&of_another).unwrap();
    fs::write(of_another.join("log"), vec![b'x'; 2 << 20]).unwrap();
    let (mirrors, checkouts) =
        (world.data().join("mirrors"), world.data().join("checkouts/checkout"));
    let asked = world.data().join("asked/checkout");
    fs::create_dir_all(asked.join("tree")).unwrap();
    let unused = |name: &str| {
        fs::create_dir(mirrors.join(name)).unwrap();
        mirrors.join(name)
    };
    let watched = fs::read_dir(&mirrors).unwrap().next().unwrap().unwrap().path();
    let (old, young) = (unused("old.git"), unused("young.git"));
    make_all_old(&watched).unwrap();
    make_old(&old).unwrap();
    make_old(&checkouts).unwrap();
    make_old(&asked).unwrap();
    world.start_by_file_as_it_is().await;
    gone(&old);
    assert!(young.exists() && watched.exists() && checkouts.exists() && asked.exists());
    let dated = fs::metadata(&checkouts).unwrap().modified().unwrap();
    assert!(
        dated > SystemTime::now() - Duration::from_hours(24),
        "it gets old once nobody watches"
    );
    assert!(removable.exists(), "the log of what is not known takes the room of no other");
    assert!(of_another.exists());

    world.stop().await;
    fs::write(world.user_file(), SETTINGS).unwrap();
    make_old(&checkouts).unwrap();
    make_old(&asked).unwrap();
    world.start_by_file_as_it_is().await;
    gone(&watched);
    gone(&checkouts);
    gone(&asked);
    assert!(young.exists());
}
