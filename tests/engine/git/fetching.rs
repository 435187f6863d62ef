//! A repository whose branches all together take too long: the trunk alone is fetched, and nothing else is different.

use std::fs;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use trunkline::git::{GitError, Mirror};
use trunkline_testing::git_server::GitServer;
use trunkline_testing::repository::Repository;

/// A repository with one commit behind a server, and its mirror in a folder.
async fn served() -> (GitServer, Repository, TempDir, Mirror) {
    let (server, repository, folder) =
        (GitServer::start(), Repository::new(), tempfile::tempdir().unwrap());
    repository.commit("one");
    let mirror = Mirror::open(&folder.path().join("m.git"), &server.url(&repository)).await;
    (server, repository, folder, mirror.unwrap())
}

#[tokio::test]
async fn a_fetch_of_the_trunk_alone_copes_with_what_a_fetch_of_everything_copes_with() {
    let (server, repository, _folder, mirror) = served().await;
    for _ in 0..2 {
        assert!(!mirror.fetch(Some("main")).await.unwrap(), "everything was fetched");
    }
    server.fall_silent();
    let a_minute_passes = async {
        server.until_asked(1).await;
        server.answer_again();
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(61)).await;
        tokio::time::resume();
    };
    let (alone, ()) = tokio::join!(mirror.fetch(Some("main")), a_minute_passes);
    assert!(alone.unwrap(), "only the trunk was fetched");

    let two = repository.commit("two");
    let lock = mirror.path().join("refs/heads/main.lock");
    let file = fs::File::create(&lock).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_mins(10)).unwrap();
    assert!(mirror.fetch(Some("main")).await.unwrap(), "for a while it stays the trunk alone");
    assert_eq!(mirror.tip("main").await.unwrap(), Some(two.clone()));
    assert!(!lock.exists());

    repository.branch("other");
    fs::remove_dir_all(mirror.path()).unwrap();
    assert!(!mirror.fetch(Some("main")).await.unwrap(), "a new mirror gets everything");
    assert_eq!(mirror.tip("main").await.unwrap(), Some(two.clone()));
    assert_eq!(mirror.tip("other").await.unwrap(), Some(two));
}

#[tokio::test]
async fn a_fetch_that_was_stopped_may_take_longer_the_next_time() {
    let (server, _repository, _folder, mirror) = served().await;
    for _ in 0..2 {
        mirror.fetch(Some("main")).await.unwrap();
    }
    let mut limits = Vec::new();
    for attempts in [4, 1] {
        server.fall_silent();
        tokio::time::pause();
        for _ in 0..attempts {
            match mirror.fetch(Some("main")).await {
                Err(GitError::TimedOut { after, .. }) => limits.push(after.as_secs()),
                other => panic!("{other:?}"),
            }
        }
        tokio::time::resume();
        server.answer_again();
        mirror.fetch(Some("main")).await.unwrap();
    }
    assert_eq!(limits, [20, 80, 300, 300, 20]);
}

#[tokio::test]
async fn whoever_waits_for_the_trunk_gets_it_whatever_the_other_branches_are() {
    let (repository, folder) = (Repository::new(), tempfile::tempdir().unwrap());
    repository.commit("one");
    let mirror = Mirror::open(&folder.path().join("m.git"), repository.address()).await.unwrap();
    mirror.fetch(None).await.unwrap();
    repository.branch("broken");
    let other = repository.commit("other").to_string();
    repository.switch("main");
    let two = repository.commit("two");
    let object = format!(".git/objects/{}/{}", &other[..2], &other[2..]);
    fs::remove_file(repository.path().join(object)).unwrap();
    mirror.fetch(Some("main")).await.unwrap_err();
    mirror.fetch_trunk_now("main").await.unwrap();
    assert_eq!(mirror.tip("main").await.unwrap(), Some(two));
    assert!(!mirror.is_fetching());
}
