//! What a mirror finds where commits name each other by titles and numbers, and where clocks and texts cannot be trusted.

use trunkline::domain::commit::{Revert, RevertEvidence};
use trunkline::domain::ids::Sha;

use super::{Mirrored, subjects, who};
use trunkline_testing::repository::Repository;

/// A repository with `Add it (#11)` of two lines, followed by something else.
fn with_a_bad_commit() -> (Repository, Sha) {
    let repository = Repository::new();
    repository.commit("one");
    let bad = repository.commit_by("Ann", "ann@example.com", "banner", "a\nb\n", "Add it (#11)");
    repository.commit("two");
    (repository, bad)
}

async fn found(repository: &Repository, from: &Sha) -> Vec<Revert> {
    let mirrored = Mirrored::of(repository).await;
    mirrored.mirror.reverts(Some(from), &repository.head()).await.unwrap()
}

#[tokio::test]
async fn a_revert_is_found_by_title_and_number_and_is_sure_only_if_it_is_the_exact_opposite() {
    let messages = [
        ("Revert \"Add it (#11)\" (#12)\n\nReverts acme/shop#11", RevertEvidence::PullRequest),
        ("Revert \"Add it\" (#12)", RevertEvidence::Title),
        ("Take it away\n\nReverts merge request !11", RevertEvidence::PullRequest),
    ];
    for (message, evidence) in messages {
        let (repository, bad) = with_a_bad_commit();
        let before = repository.head();
        repository.git(["rm", "--quiet", "banner"]);
        let by = repository.commit_all("Ann", "ann@example.com", message);
        let sure = Revert::sure(by, bad);
        assert_eq!(found(&repository, &before).await, [sure], "{message:?}");

        let (repository, of) = with_a_bad_commit();
        let before = repository.head();
        let by = repository.commit_by("Ann", "ann@example.com", "banner", "a\n", message);
        let weak = Revert { by, of, evidence };
        assert_eq!(found(&repository, &before).await, [weak], "{message:?}, but only a part");
    }
}

#[tokio::test]
async fn a_title_that_nothing_has_and_a_number_of_another_project_revert_nothing() {
    let (repository, _) = with_a_bad_commit();
    let origin = "https://github.com/acme/shop.git";
    repository.git(["remote", "add", "origin", origin]);
    let before = repository.head();
    for message in ["Revert \"Add something\"", "x\n\nReverts #12", "x\n\nReverts other/repo#11"] {
        repository.commit_by("Ann", "ann@example.com", "x", message, message);
    }
    assert_eq!(found(&repository, &before).await, []);
}

#[tokio::test]
async fn a_revert_of_a_revert_is_found_by_its_title_too() {
    let (repository, _) = with_a_bad_commit();
    let away =
        repository.commit_by("Ann", "ann@example.com", "x", "1", "Revert \"Add it (#11)\" (#12)");
    let before = repository.head();
    let again =
        repository.commit_by("Ann", "ann@example.com", "x", "2", "Reapply \"Add it\" (#13)");
    let expected = Revert { by: again, of: away, evidence: RevertEvidence::Title };
    assert_eq!(found(&repository, &before).await, [expected]);
}

#[tokio::test]
async fn a_number_names_a_merge_with_all_that_it_merged() {
    let repository = Repository::new();
    repository.commit("one");
    repository.branch("feature");
    let inner = repository.commit("inner");
    repository.switch("main");
    let merge = repository.merge("feature", "Merge pull request #11 from ann/feature");
    repository.commit_by("Ann", "ann@example.com", "x", "1", "Revert \"feature\"\n\nReverts #11");
    let found = found(&repository, &merge).await;
    let of: Vec<_> = found.iter().map(|revert| &revert.of).collect();
    assert_eq!(of, [&merge, &inner]);
}

#[tokio::test]
async fn what_fixes_or_reverts_a_build_later_is_listed() {
    let (repository, bad) = with_a_bad_commit();
    let two = repository.head();
    let message = format!("Round up\n\nFixes: {} (\"Add it\")", bad.short());
    let fix = repository.commit_by("Ann", "ann@example.com", "banner", "c", &message);
    repository.git(["revert", "--no-edit", fix.as_str()]);
    let mirrored = Mirrored::of(&repository).await;
    let later = mirrored.mirror.later(&two, &repository.head()).await.unwrap();
    let said: Vec<_> = later.iter().map(|later| (&later.by, &later.of, later.is_fix)).collect();
    assert_eq!(said, [(&repository.head(), &fix, false), (&fix, &bad, true)]);
}

/// A commit with the clock of its committer off by some days.
fn skewed(repository: &Repository, message: &str, days: i64) -> Sha {
    let date = format!("{} +0000", 1_750_000_000 + days * 86_400);
    let status = std::process::Command::new("git")
        .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com"])
        .args(["commit", "--quiet", "--allow-empty", "--message", message])
        .current_dir(repository.path())
        .env("GIT_COMMITTER_DATE", date)
        .status();
    assert!(status.unwrap().success());
    repository.head()
}

#[tokio::test]
async fn clocks_that_are_off_by_days_do_not_change_what_a_commit_reaches() {
    let repository = Repository::new();
    for number in 0..20 {
        skewed(&repository, &format!("old {number}"), 0);
    }
    let live = repository.head();
    repository.git(["branch", "side", "HEAD~15"]);
    skewed(&repository, "ahead", 10);
    repository.switch("side");
    skewed(&repository, "side", -20);
    repository.switch("main");
    let merge = repository.merge("side", "merge");
    for number in 0..20 {
        skewed(&repository, &format!("behind {number}"), -10);
    }
    let tip = repository.head();
    let mirrored = Mirrored::of(&repository).await;
    mirrored.mirror.index_history(&tip).await;
    let range = mirrored.range(Some(&live), &tip).await;
    assert_eq!((range.commits.len(), range.lost.len()), (23, 0), "{:?}", subjects(&range.lost));
    let back = mirrored.range(Some(&tip), &live).await;
    assert_eq!((back.commits.len(), back.lost.len()), (0, 23), "{:?}", subjects(&back.commits));
    let builds = mirrored.mirror.first_parents(Some(&merge), &tip, None, 100).await.unwrap();
    assert_eq!(builds.len(), 20);
    assert_eq!(mirrored.mirror.count_first_parents(Some(&live), &tip, None).await.unwrap(), 22);
}

#[tokio::test]
async fn a_mailmap_of_more_than_a_mebibyte_is_not_applied() {
    let repository = Repository::new();
    let line = "Anna <anna@example.com> <ann@example.com>\n";
    repository.write(".mailmap", line);
    let small = repository.commit_all("Ann", "ann@example.com", "small");
    repository.write(".mailmap", &line.repeat(30_000));
    let large = repository.commit_all("Ann", "ann@example.com", "large");
    let mirrored = Mirrored::of(&repository).await;
    assert_eq!(mirrored.single(&small).await.author, who("Anna", "anna@example.com"));
    assert_eq!(mirrored.single(&large).await.author, who("Ann", "ann@example.com"));
    assert!(mirrored.mirror.has_large_mailmap(&large).await.unwrap());
    assert!(!mirrored.mirror.has_large_mailmap(&small).await.unwrap());
}

#[tokio::test]
async fn a_message_that_is_too_long_to_read_leaves_its_people_unread() {
    let repository = Repository::new();
    let message = format!("change\n\n{}\nCo-authored-by: Bob <bob@x>", "long ".repeat(20_000));
    repository.write("message", &message);
    repository.git(["add", "--all"]);
    repository.git(["commit", "--quiet", "--file", "message"]);
    let commit = Mirrored::of(&repository).await.single(&repository.head()).await;
    assert_eq!((commit.subject.as_str(), commit.has_unread_people), ("change", true));
    assert_eq!(commit.co_authors, []);
}
