//! Which commits are taken back by which others, out of messages that anybody may have written.

use trunkline::domain::commit::{Revert, RevertEvidence};
use trunkline::domain::ids::Sha;

use super::Mirrored;
use trunkline_testing::repository::Repository;

fn revert(by: &Sha, of: &Sha) -> Revert {
    Revert::sure(by.clone(), of.clone())
}

#[tokio::test]
async fn a_revert_names_what_it_takes_back_and_comes_in_the_order_of_the_range() {
    let repository = Repository::new();
    let [one, bad] = [repository.commit("one"), repository.commit("bad")];
    let away = repository.commit(&format!("Revert \"bad\"\n\nThis reverts commit {bad}.\n"));
    let again = repository.commit(&format!("Reland\n\nThis reverts commit {}.", away.short()));
    let Mirrored { mirror, folder: _folder } = Mirrored::of(&repository).await;
    let reverts = mirror.reverts(Some(&one), &again).await.unwrap();
    assert_eq!(reverts, [revert(&away, &bad), revert(&again, &away)]);
    assert_eq!(mirror.reverts(None, &away).await.unwrap(), [revert(&away, &bad)]);
    let range = mirror.range(Some(&one), &again, None, 100).await.unwrap();
    let listed: Vec<_> = range.commits.iter().map(|commit| commit.reverts.as_slice()).collect();
    assert_eq!(listed, [std::slice::from_ref(&away), std::slice::from_ref(&bad), &[]]);
}

#[tokio::test]
async fn a_reverted_merge_names_what_came_with_it_and_not_where_it_goes_back_to() {
    let repository = Repository::new();
    let [one, merge, four] = super::trunk_with_a_merge(&repository);
    let came = repository.git(["rev-list", &format!("{merge}^1..{merge}^2")]);
    repository.git(["revert", "--no-edit", "--mainline=1", merge.as_str()]);
    let away = repository.head();
    let Mirrored { mirror, folder: _folder } = Mirrored::of(&repository).await;
    let mut expected = vec![revert(&away, &merge)];
    expected.extend(came.lines().map(|of| revert(&away, &of.parse().unwrap())));
    assert!(expected.len() > 1, "something came with it: {expected:?}");
    assert_eq!(mirror.reverts(Some(&one), &away).await.unwrap(), expected);
    assert_eq!(mirror.reverts(Some(&one), &four).await.unwrap(), []);
}

#[tokio::test]
async fn a_reverted_merge_takes_back_the_side_that_its_message_names() {
    let repository = Repository::new();
    let base = repository.commit("one").to_string();
    repository.branch("feature");
    let side = repository.commit("two").to_string();
    repository.switch("main");
    let trunk = repository.commit("three").to_string();
    let merge = repository.merge("feature", "merge feature");
    let body = |back: &str| {
        format!("undo\n\nThis reverts commit {merge}, reversing\nchanges made to {back}.\n")
    };
    let other = repository.commit(&body(&side));
    let stranger = repository.commit(&body(&base));
    let silent = repository.commit(&format!("undo\n\nThis reverts commit {merge}.\n"));
    let Mirrored { mirror, folder: _folder } = Mirrored::of(&repository).await;
    let reverts = mirror.reverts(Some(&merge), &silent).await.unwrap();
    let of = |by: &Sha| -> Vec<_> {
        reverts.iter().filter(|r| r.by == *by).map(|r| r.of.to_string()).collect()
    };
    assert_eq!(of(&other), [merge.to_string(), trunk], "the side of the trunk");
    assert_eq!(of(&stranger), [merge.to_string()], "what is no parent of it tells nothing");
    assert_eq!(of(&silent), [merge.to_string()]);
}

#[tokio::test]
async fn only_gits_own_sentence_at_the_beginning_of_a_line_is_sure() {
    let repository = Repository::new();
    let one = repository.commit("one");
    for line in [
        format!("> This reverts commit {one}."),
        format!("No, This reverts commit {one}."),
        "This reverts commit cafe12.".to_owned(),
        "This reverts commit 0000000.".to_owned(),
        format!("This reverts commit {one}0000."),
        format!("This reverts commit {one}xyz."),
        "This reverts commit --all; $(reboot)".to_owned(),
    ] {
        repository.commit(&format!("quoted\n\n{line}\n"));
    }
    let before = repository.head();
    let mirrored = Mirrored::of(&repository).await;
    assert_eq!(mirrored.mirror.reverts(Some(&one), &before).await.unwrap(), []);
    for line in [format!("  This reverts commit {one}."), format!("this reverts commit {one}.")] {
        repository.commit(&format!("claimed\n\n{line}\n"));
    }
    let mirrored = Mirrored::of(&repository).await;
    let claimed = mirrored.mirror.reverts(Some(&before), &repository.head()).await.unwrap();
    let evidence: Vec<_> = claimed.iter().map(|revert| revert.evidence).collect();
    assert_eq!(evidence, [RevertEvidence::Message; 2]);
}

#[tokio::test]
async fn one_commit_is_believed_to_revert_fifty_others_and_no_more() {
    let repository = Repository::new();
    let one = repository.commit("one");
    let lines: Vec<_> = (1..=1000).map(|n| format!("This reverts commit {n:040x}.")).collect();
    let lines = lines.join("\n");
    repository.commit_by("Ann", "ann@example.com", "two", "two", &format!("two\n\n{lines}"));
    let Mirrored { mirror, folder: _folder } = Mirrored::of(&repository).await;
    assert_eq!(mirror.reverts(Some(&one), &repository.head()).await.unwrap().len(), 50);
}

#[tokio::test]
async fn a_revert_that_changes_nothing_in_the_folder_counts() {
    let repository = Repository::new();
    let one = repository.commit("shop/one");
    let bad = repository.commit_by("Ann", "ann@example.com", "lib/bad", "bad", "bad");
    let message = format!("Revert\n\nThis reverts commit {bad}.");
    let away = repository.commit_by("Ann", "ann@example.com", "lib/bad", "good", &message);
    let Mirrored { mirror, folder: _folder } = Mirrored::of(&repository).await;
    assert_eq!(mirror.reverts(Some(&one), &away).await.unwrap(), [revert(&away, &bad)]);
}

#[tokio::test]
async fn an_abbreviation_resolves_to_its_commit_and_nothing_else_does() {
    let repository = Repository::new();
    let one = repository.commit("one");
    let beginning = &repository.commit("two").as_str()[..8].to_owned();
    repository.git(["branch", "abcdef12", one.as_str()]);
    let Mirrored { mirror, folder: _folder } = Mirrored::of(&repository).await;
    assert_eq!(mirror.resolve(beginning).await.unwrap(), Some(repository.head()));
    assert_eq!(mirror.resolve(one.as_str()).await.unwrap(), Some(one));
    for text in ["abcdef12", "main", "HEAD", "", "a", "@{-1}", "--help", "x\ny", "00000000"] {
        assert_eq!(mirror.resolve(text).await.unwrap(), None, "{text:?}");
    }
}

#[tokio::test]
async fn a_local_clone_shows_pull_requests_where_it_was_cloned_from() {
    let repository = Repository::new();
    let origin = "https://raj:hush@github.com/acme/shop.git";
    repository.git(["remote", "add", "origin", origin]);
    let one = repository.commit("one");
    repository.commit("fix: retry (#12)");
    let Mirrored { mirror, folder: _folder } = Mirrored::of(&repository).await;
    let range = mirror.range(Some(&one), &repository.head(), None, 100).await.unwrap();
    let link = range.commits[0].pull_request.as_ref().and_then(|request| request.link.clone());
    assert_eq!(link.as_deref(), Some("https://github.com/acme/shop/pull/12"));
}

#[tokio::test]
async fn a_commit_names_its_pull_request_in_its_subject_or_its_body() {
    let repository = Repository::new();
    let one = repository.commit("one");
    repository.commit("fix: retry (#12)");
    repository.commit("Merge branch 'x' into 'main'\n\nFix\n\nSee merge request shop/web!34\n");
    repository.commit("no number\n\n> See merge request shop/web!5");
    let Mirrored { mirror, folder: _folder } = Mirrored::of(&repository).await;
    let range = mirror.range(Some(&one), &repository.head(), None, 100).await.unwrap();
    let requests = range.commits.into_iter().map(|commit| commit.pull_request);
    let numbers: Vec<_> = requests.map(|request| request.map(|request| request.number)).collect();
    assert_eq!(numbers, [None, Some(34), Some(12)]);
}
