//! The mirror over real repositories: what it sees, what it keeps, and that nothing from outside is ever obeyed.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use trunkline::domain::commit::{Commit, Range};
use trunkline::domain::ids::Sha;
use trunkline::domain::people::Identity;
use trunkline::git::{GitError, Mirror, Paths, local_identity};

use trunkline_testing::repository::Repository;
use trunkline_testing::write_script;

mod changed;
mod complete;
mod evidence;
mod fetching;
mod lfs;
mod reverts;
mod seal;
mod standing;
mod watch;

/// A mirror in a folder that lives as long as it.
struct Mirrored {
    mirror: Mirror,
    folder: TempDir,
}

impl Mirrored {
    async fn of(repository: &Repository) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mirror.git");
        let mirror = Mirror::open(&path, repository.address()).await.unwrap();
        mirror.fetch(None).await.unwrap();
        Self { mirror, folder }
    }

    async fn range(&self, from: Option<&Sha>, to: &Sha) -> Range {
        self.mirror.range(from, to, None, 100).await.unwrap()
    }

    async fn single(&self, sha: &Sha) -> Commit {
        let range = self.mirror.range(None, sha, None, 1).await.unwrap();
        range.commits.into_iter().next().unwrap()
    }

    /// Every folder in which a checkout was being made.
    fn unfinished(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.display().to_string().contains(".partial")).collect()
    }

    fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn who(name: &str, email: &str) -> Identity {
    Identity { name: name.into(), email: email.into() }
}

fn subjects(commits: &[Commit]) -> Vec<&str> {
    commits.iter().map(|commit| commit.subject.as_str()).collect()
}

/// A trunk of `one`, a merge of the branch commits `two` and `three`, and `four`; with the ids of the trunk.
fn trunk_with_a_merge(repository: &Repository) -> [Sha; 3] {
    let one = repository.commit("one");
    repository.branch("feature");
    repository.commit("two");
    repository.commit("three");
    repository.switch("main");
    let merge = repository.merge("feature", "merge feature");
    [one, merge, repository.commit("four")]
}

#[tokio::test]
async fn builds_are_the_first_parents_oldest_first() {
    let repository = Repository::new();
    let trunk = trunk_with_a_merge(&repository);
    let Mirrored { mirror, folder: _folder } = Mirrored::of(&repository).await;
    let [one, merge, four] = &trunk;
    assert_eq!(mirror.tip("main").await.unwrap().as_ref(), Some(four));
    assert_eq!(mirror.first_parents(None, four, None, 10).await.unwrap(), trunk);
    let since = mirror.first_parents(Some(one), four, None, 10).await.unwrap();
    assert_eq!(since, [merge.clone(), four.clone()]);
    let newest = mirror.first_parents(None, four, None, 1).await.unwrap();
    assert_eq!(newest, std::slice::from_ref(four));
    assert_eq!(mirror.count_first_parents(None, four, None).await.unwrap(), 3);
}

#[tokio::test]
async fn a_range_lists_what_a_merge_brought_newest_first() {
    let repository = Repository::new();
    let [one, merge, four] = trunk_with_a_merge(&repository);
    let mirrored = Mirrored::of(&repository).await;
    let range = mirrored.range(Some(&one), &four).await;
    assert_eq!(subjects(&range.commits), ["four", "merge feature", "three", "two"]);
    let parents: Vec<_> = range.commits.iter().map(|commit| commit.parents).collect();
    assert_eq!(parents, [1, 2, 1, 1]);
    assert_eq!(range.commits[0].files, ["four"]);
    assert!(range.commits[1].files.is_empty(), "an ordinary merge lists no files");
    assert_eq!(range.commits[1].sha, merge);
    assert_eq!(range.commits[0].author, who("Ann", "ann@example.com"));
    assert_eq!(range.commits[0].at.timestamp(), 1_750_000_300);
    assert_eq!((range.more, range.lost.len()), (0, 0));
}

#[tokio::test]
async fn what_is_beyond_the_limit_is_counted() {
    let repository = Repository::new();
    let [one, _, four] = trunk_with_a_merge(&repository);
    let mirrored = Mirrored::of(&repository).await;
    let range = mirrored.mirror.range(Some(&one), &four, None, 3).await.unwrap();
    assert_eq!((range.commits.len(), range.more), (3, 1));
    let range = mirrored.mirror.range(None, &four, None, 3).await.unwrap();
    assert_eq!((range.commits.len(), range.more), (3, 0));
}

#[tokio::test]
async fn a_folder_has_builds_and_ranges_of_its_own() {
    let repository = Repository::new();
    let one = repository.commit_by("Ann", "ann@example.com", "shop/a", "1", "shop");
    repository.commit_by("Ann", "ann@example.com", "other/a", "1", "other");
    repository.branch("feature");
    repository.commit_by("Bob", "bob@example.com", "shop/b", "1", "try");
    repository.git(["rm", "--quiet", "shop/b"]);
    repository.commit_all("Bob", "bob@example.com", "undo the try");
    repository.commit_by("Bob", "bob@example.com", "shop/c", "1", "for good");
    repository.switch("main");
    let merge = repository.merge("feature", "merge");
    let last = repository.commit_by("Ann", "ann@example.com", "other/a", "2", "other again");
    let Mirrored { mirror, folder: _folder } = Mirrored::of(&repository).await;
    let shop = Paths::folder("shop");
    let builds = mirror.first_parents(None, &last, Some(&shop), 10).await.unwrap();
    assert_eq!(builds, [one.clone(), merge.clone()]);
    assert_eq!(mirror.count_first_parents(None, &last, Some(&shop)).await.unwrap(), 2);
    let range = mirror.range(Some(&one), &merge, Some(&shop), 10).await.unwrap();
    assert_eq!(subjects(&range.commits), ["merge", "for good", "undo the try", "try", "other"]);
    assert_eq!(range.commits[1].files, ["shop/c"]);
    let beside: Vec<_> = range.beside().map(|commit| commit.subject.as_str()).collect();
    assert_eq!(beside, ["other"], "it ships too, and is marked");
    // A short list leaves out what is outside of the folder first, and never the build's own commit.
    let short = mirror.range(Some(&one), &merge, Some(&shop), 4).await.unwrap();
    assert_eq!(subjects(&short.commits), ["merge", "for good", "undo the try", "try"]);
    assert_eq!((short.more, short.more_beside, short.own_len()), (1, 1, 4));
    let outside = mirror.range(Some(&merge), &last, Some(&shop), 1).await.unwrap();
    assert_eq!((outside.own_len(), outside.beside_len()), (0, 1));
}

#[tokio::test]
async fn paths_and_patterns_say_what_makes_a_build() {
    let repository = Repository::new();
    let commit = |file: &str| repository.commit_by("Ann", "ann@example.com", file, "1", file);
    let [service, deep, odd, other] =
        ["services/shop/a", "libs/tax/vat", "apps/[id]/a", "library/a"].map(commit);
    repository.git(["commit", "--quiet", "--allow-empty", "--message", "nothing"]);
    let tip = repository.head();
    let Mirrored { mirror, folder: _folder } = Mirrored::of(&repository).await;
    let patterns = ["libs/**", "apps/[id]", "doc?/*.md"].map(str::to_owned);
    let file = "services/shop/trunkline.toml";
    let paths = Paths::of_service(Some("services/shop"), &patterns, file);
    let builds = mirror.first_parents(None, &tip, paths.as_ref(), 10).await.unwrap();
    assert_eq!(builds, [service, deep, odd], "an empty commit and {other} make none");
    assert_eq!(mirror.unmatched(&tip, &patterns).await.unwrap(), ["doc?/*.md"]);
    let top = Paths::of_service(None, &["libs/**".to_owned()], "trunkline.toml");
    let file = commit("trunkline.toml");
    mirror.fetch(None).await.unwrap();
    let builds = mirror.first_parents(Some(&tip), &file, top.as_ref(), 10).await.unwrap();
    assert_eq!(builds, [file], "a new service file makes a build, whatever it names");
}

#[tokio::test]
async fn a_force_push_shows_what_was_lost() {
    let repository = Repository::new();
    let one = repository.commit("one");
    let two = repository.commit("two");
    let mirrored = Mirrored::of(&repository).await;
    repository.rewrite(&one);
    let other = repository.commit("other");
    mirrored.mirror.fetch(None).await.unwrap();
    assert_eq!(mirrored.mirror.tip("main").await.unwrap(), Some(other.clone()));
    assert!(!mirrored.mirror.is_ancestor(&two, &other).await.unwrap());
    assert!(mirrored.mirror.is_ancestor(&one, &other).await.unwrap());
    let range = mirrored.range(Some(&two), &other).await;
    assert_eq!(subjects(&range.commits), ["other"]);
    assert_eq!(subjects(&range.lost), ["two"]);
}

#[tokio::test]
async fn the_mailmap_of_the_range_s_end_names_authors_and_co_authors() {
    let repository = Repository::new();
    let trailer = "change\n\nCo-authored-by: robert <bob@old.example>";
    let first = repository.commit_by("annie", "ann@old.example", "a", "1", trailer);
    let map = "Ann <ann@example.com> <ann@old.example>\nBob <bob@example.com> <bob@old.example>\n";
    let last = repository.commit_by("Ann", "ann@example.com", ".mailmap", map, "map");
    let mirrored = Mirrored::of(&repository).await;
    let range = mirrored.range(None, &last).await;
    assert_eq!(range.commits[1].author, who("Ann", "ann@example.com"));
    assert_eq!(range.commits[1].co_authors, [who("Bob", "bob@example.com")]);
    let before = mirrored.single(&first).await;
    assert_eq!(before.author, who("annie", "ann@old.example"), "that commit had no mailmap yet");
    assert_eq!(before.co_authors, [who("robert", "bob@old.example")]);
}

#[tokio::test]
async fn co_authors_are_read_from_hostile_lines_too() {
    let repository = Repository::new();
    let message = "change\n\nCo-authored-by: not a trailer, a paragraph\n\nmore\n\n\
        Signed-off-by: Sid <sid@example.com>\nCo-authored-by: Bob <bob@example.com>\n\
        co-AUTHORED-by: Cyd\n  <cyd@example.com>\nCo-authored-by: nobody\nCo-authored-by:\n\
        Co-authored-by: Dan <>\nCo-authored-by: <eve@example.com>\n\
        Co-authored-by: Ann <ANN@example.com>\nCo-authored-by: Bob <bob@example.com>\n\
        Co-authored-by: Fay <fay@x <fay@example.com>\nCo-authored-by: $(id) --stdin <-rf@example.com>\n";
    let sha = repository.commit_by("Ann", "ann@example.com", "a", "1", message);
    let commit = Mirrored::of(&repository).await.single(&sha).await;
    let expected = [
        who("Bob", "bob@example.com"),
        who("Cyd", "cyd@example.com"),
        who("nobody", ""),
        who("Dan", ""),
        who("", "eve@example.com"),
        who("Fay", "fay@x"),
        who("", "fay@example.com"),
        who("$(id) --stdin", "-rf@example.com"),
    ];
    assert_eq!(commit.co_authors, expected);
    assert_eq!(commit.subject, "change");
}

#[tokio::test]
async fn a_bot_that_rebases_is_not_the_author() {
    let repository = Repository::new();
    let sha = repository.commit("rebased");
    assert_eq!(repository.git(["log", "-1", "--format=%cn"]), "rebase-bot");
    let commit = Mirrored::of(&repository).await.single(&sha).await;
    assert_eq!(commit.author, who("Ann", "ann@example.com"));
    assert!(commit.co_authors.is_empty());
}

#[tokio::test]
async fn hostile_file_names_are_only_names() {
    let repository = Repository::new();
    let names = [
        "$(id)",
        "--upload-pack=id",
        "-rf",
        "\nfirst",
        "line\nbreak",
        "tab\t\"quoted\"",
        "ü\u{202e}x",
    ];
    for name in names {
        repository.write(name, "1");
    }
    let sha = repository.commit_all("Ann", "ann@example.com", "names");
    let mirrored = Mirrored::of(&repository).await;
    let mut expected: Vec<_> = names.map(str::to_owned).into();
    expected.sort();
    assert_eq!(mirrored.single(&sha).await.files, expected);
    for name in names {
        let text = mirrored.mirror.file(&sha, name).await.unwrap();
        assert_eq!(text.as_deref(), Some(&b"1"[..]), "{name:?}");
    }
}

#[tokio::test]
async fn hostile_branch_names_are_only_names() {
    let repository = Repository::new();
    let sha = repository.commit("one");
    let names = ["$(id)", "-rf", "--upload-pack=id", "a;b", "ü\u{202e}x"];
    for name in names {
        let name = format!("refs/heads/{name}");
        repository.git(["update-ref", &name, sha.as_str()]);
    }
    let mirrored = Mirrored::of(&repository).await;
    for name in names {
        assert_eq!(mirrored.mirror.tip(name).await.unwrap().as_ref(), Some(&sha), "{name}");
    }
    for name in ["*", "main~0", "main^{}", "..", "", "ma", "../heads/main", "main\0", "--all"] {
        assert_eq!(mirrored.mirror.tip(name).await.unwrap(), None, "{name:?}");
    }
}

#[tokio::test]
async fn hostile_messages_and_authors_are_only_text() {
    let repository = Repository::new();
    let subject = format!("\u{1b}[31m$(id) `id` %H %x00 {}", "x".repeat(2000));
    let sha = repository.commit_by("%aN \u{202e}", "--help@example.com", "a", "1", &subject);
    let commit = Mirrored::of(&repository).await.single(&sha).await;
    assert_eq!(commit.author, who("%aN \u{202e}", "--help@example.com"));
    assert!(commit.subject.starts_with("\u{1b}[31m$(id) `id` %H %x00 xxx"));
    assert_eq!(commit.subject.chars().count(), 1000);
}

#[tokio::test]
async fn bytes_that_are_no_text_are_shown_by_their_values() {
    let repository = Repository::new();
    repository.commit("one");
    let tree = repository.git(["write-tree"]);
    let mut raw = format!("tree {tree}\nauthor ").into_bytes();
    raw.extend(b"Ren\xe9 <rene@example.com> 99999999999999999999 +0000\n");
    raw.extend(b"committer Bot <bot@example.com> 1 +0000\n\ncaf\xe9\n");
    fs::write(repository.path().join("raw"), raw).unwrap();
    let made = ["hash-object", "-t", "commit", "-w", "--literally", "raw"];
    let sha: Sha = repository.git(made).parse().unwrap();
    repository.rewrite(&sha);
    let commit = Mirrored::of(&repository).await.single(&sha).await;
    assert_eq!(commit.subject, "caf<E9>");
    assert_eq!(commit.author, who("Ren<E9>", "rene@example.com"));
}

#[tokio::test]
async fn a_commit_lists_at_most_two_hundred_files() {
    let repository = Repository::new();
    for number in 0..250 {
        repository.write(&format!("f{number}"), "1");
    }
    repository.commit_all("Ann", "ann@example.com", "many");
    let last = repository.commit("one more");
    let range = Mirrored::of(&repository).await.range(None, &last).await;
    assert_eq!(range.commits[1].files.len(), 200);
    assert_eq!(range.commits[0].files, ["one more"]);
}

/// The numbers from 1 to 20, one a line, with another text for some.
fn numbers(other: &[(u32, &str)]) -> String {
    let text = |number| other.iter().find(|(at, _)| *at == number).map(|(_, text)| *text);
    (1..=20).map(|n| text(n).map_or(format!("{n}\n"), |text| format!("{text}\n"))).collect()
}

/// Changes the file `numbers` on a branch and on main, and begins to merge the branch.
fn diverge(repository: &Repository, branch: &[(u32, &str)], main: &[(u32, &str)]) {
    let write = |content: &str, message: &str| {
        repository.commit_by("Ann", "ann@example.com", "shop/numbers", content, message)
    };
    write(&numbers(&[]), "begin");
    repository.branch("topic");
    write(&numbers(branch), "branch");
    repository.switch("main");
    write(&numbers(main), "main");
    repository.begin_merge("topic");
}

/// The files that the newest commit, a merge, lists.
async fn merge_files(repository: &Repository) -> Vec<String> {
    let mirrored = Mirrored::of(repository).await;
    let range = mirrored.mirror.range(None, &repository.head(), None, 100).await.unwrap();
    assert_eq!(range.commits[0].parents, 2);
    assert_eq!(range.commits[1].files, ["shop/numbers"]);
    range.commits[0].files.clone()
}

#[tokio::test]
async fn a_merge_that_git_makes_by_itself_lists_no_files() {
    let repository = Repository::new();
    diverge(&repository, &[(1, "one")], &[(20, "twenty")]);
    repository.commit_all("Raj", "raj@example.com", "merge");
    let nothing: [&str; 0] = [];
    assert_eq!(merge_files(&repository).await, nothing);
    let differs = repository.git(["diff-tree", "-c", "--name-only", "--no-commit-id", "HEAD"]);
    assert_eq!(differs, "shop/numbers", "it is neither parent's, and yet nobody's own");
}

#[tokio::test]
async fn a_conflict_resolved_by_hand_is_the_merge_s_own() {
    let repository = Repository::new();
    diverge(&repository, &[(10, "ten")], &[(10, "TEN")]);
    repository.write("shop/numbers", &numbers(&[(10, "Ten")]));
    repository.commit_all("Raj", "raj@example.com", "merge");
    assert_eq!(merge_files(&repository).await, ["shop/numbers"]);
}

#[tokio::test]
async fn what_a_merge_smuggles_in_is_its_own() {
    let repository = Repository::new();
    diverge(&repository, &[(1, "one")], &[(20, "twenty")]);
    let own = ["\nfirst", "0123456789012345678901234567890123456789", "more"];
    for name in own {
        repository.write(name, "1");
    }
    repository.commit_all("Raj", "raj@example.com", "merge");
    assert_eq!(merge_files(&repository).await, own);
}

#[tokio::test]
async fn a_merge_of_many_lists_what_no_parent_has() {
    let repository = Repository::new();
    repository.commit("one");
    for name in ["left", "right"] {
        repository.branch(name);
        repository.commit(name);
        repository.switch("main");
    }
    repository.commit("two");
    repository.git(["merge", "--quiet", "--no-commit", "left", "right"]);
    repository.write("own", "1");
    let merge = repository.commit_all("Raj", "raj@example.com", "merge");
    let commit = Mirrored::of(&repository).await.single(&merge).await;
    assert_eq!((commit.parents, commit.files), (3, vec!["own".to_owned()]));
}

#[tokio::test]
async fn a_missing_branch_is_no_error_and_a_missing_commit_is() {
    let repository = Repository::new();
    let sha = repository.commit("one");
    let Mirrored { mirror, folder: _folder } = Mirrored::of(&repository).await;
    assert_eq!(mirror.tip("nowhere").await.unwrap(), None);
    let unknown: Sha = "0123456789".repeat(4).parse().unwrap();
    assert!(mirror.range(Some(&unknown), &sha, None, 10).await.is_err());
    assert!(mirror.is_ancestor(&unknown, &sha).await.is_err());
    assert!(mirror.file(&unknown, "one").await.is_err());
    assert!(mirror.keep(&unknown).await.is_err());
}

#[tokio::test]
async fn a_repository_that_is_gone_is_said_and_what_was_fetched_stays() {
    let repository = Repository::new();
    let sha = repository.commit("one");
    let mirrored = Mirrored::of(&repository).await;
    let address = repository.address().to_owned();
    drop(repository);
    let gone = mirrored.mirror.fetch(None).await.unwrap_err();
    assert!(matches!(gone, GitError::Failed { what: "fetch", .. }), "{gone}");
    assert!(gone.to_string().contains(&address), "{gone}");
    assert_eq!(mirrored.mirror.tip("main").await.unwrap(), Some(sha));
}

#[tokio::test]
async fn no_password_stands_in_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let url = "http://me:hush@127.0.0.1:1/shop.git";
    let mirror = Mirror::open(&folder.path().join("m"), url).await.unwrap();
    let refused = mirror.fetch(None).await.unwrap_err().to_string();
    assert!(refused.contains("127.0.0.1"), "{refused}");
    assert!(!refused.contains("hush"), "{refused}");
}

#[tokio::test]
async fn no_program_is_started_by_the_name_of_a_repository() {
    let folder = tempfile::tempdir().unwrap();
    let touched = folder.path().join("touched");
    let url = format!("ext::touch {}", touched.display());
    let mirror = Mirror::open(&folder.path().join("m"), &url).await.unwrap();
    let refused = mirror.fetch(None).await.unwrap_err().to_string();
    assert!(refused.contains("'ext' not allowed"), "{refused}");
    assert!(!touched.exists());
}

#[tokio::test]
async fn an_empty_repository_is_fetched_and_has_no_trunk_yet() {
    let repository = Repository::new();
    let Mirrored { mirror, folder: _folder } = Mirrored::of(&repository).await;
    assert_eq!(mirror.tip("main").await.unwrap(), None);
    let refused = mirror.default_branch().await.unwrap_err();
    assert!(matches!(refused, GitError::NoTrunk { .. }), "{refused}");
}

#[tokio::test]
async fn the_trunk_of_a_local_clone_is_not_the_branch_that_happens_to_be_checked_out() {
    let repository = Repository::new();
    repository.commit("one");
    repository.branch("feature");
    let Mirrored { mirror, folder: _folder } = Mirrored::of(&repository).await;
    assert_eq!(mirror.default_branch().await.unwrap(), "main");
    repository.git(["branch", "--move", "main", "develop"]);
    assert_eq!(mirror.default_branch().await.unwrap(), "feature");
    let head = repository.head();
    repository.git(["update-ref", "refs/remotes/origin/develop", head.as_str()]);
    let origin = ["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/develop"];
    repository.git(origin);
    assert_eq!(mirror.default_branch().await.unwrap(), "develop");
}

#[tokio::test]
async fn the_trunk_of_a_url_is_its_default_branch() {
    let repository = Repository::new();
    repository.commit("one");
    repository.branch("develop");
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", repository.address());
    let mirror = Mirror::open(&folder.path().join("m"), &url).await.unwrap();
    assert_eq!(mirror.default_branch().await.unwrap(), "develop");
}

#[tokio::test]
async fn a_file_is_read_at_a_commit() {
    let repository = Repository::new();
    let first = repository.commit_by("Ann", "ann@example.com", "shop/trunkline.toml", "old", "1");
    std::os::unix::fs::symlink("/etc/passwd", repository.path().join("link")).unwrap();
    let second = repository.commit_by("Ann", "ann@example.com", "shop/trunkline.toml", "new", "2");
    let Mirrored { mirror, folder: _folder } = Mirrored::of(&repository).await;
    let text = |sha: Sha, path: &'static str| {
        let mirror = mirror.clone();
        async move { mirror.file(&sha, path).await.unwrap() }
    };
    assert_eq!(text(first, "shop/trunkline.toml").await.as_deref(), Some(&b"old"[..]));
    assert_eq!(text(second.clone(), "shop/trunkline.toml").await.as_deref(), Some(&b"new"[..]));
    for other in ["shop", "link", "missing"] {
        assert_eq!(text(second.clone(), other).await, None, "{other}");
    }
}

#[tokio::test]
async fn a_file_beyond_all_reason_is_refused() {
    let repository = Repository::new();
    let large = "x".repeat(1024 * 1024 + 1);
    let sha = repository.commit_by("Ann", "ann@example.com", "trunkline.toml", &large, "large");
    let refused = Mirrored::of(&repository).await.mirror.file(&sha, "trunkline.toml").await;
    assert!(matches!(refused, Err(GitError::TooMuch { .. })), "{refused:?}");
}

#[tokio::test]
async fn no_hook_ever_runs() {
    let repository = Repository::new();
    let mirrored = Mirrored::of(&repository).await;
    let (hooks, touched) = (mirrored.mirror.path().join("hooks"), mirrored.place("touched"));
    fs::create_dir(&hooks).unwrap();
    let hook = hooks.join("reference-transaction");
    write_script(&hook, &format!("#!/bin/sh\ntouch '{}'\n", touched.display()));
    let sha = repository.commit("one");
    mirrored.mirror.fetch(None).await.unwrap();
    mirrored.mirror.keep(&sha).await.unwrap();
    assert!(!touched.exists());
}

#[tokio::test]
async fn a_checkout_is_clean_and_made_once() {
    let repository = Repository::new();
    let one = repository.commit_by("Ann", "ann@example.com", "a/b", "1", "one");
    repository.commit_by("Ann", "ann@example.com", "a/b", "2", "two");
    let mirrored = Mirrored::of(&repository).await;
    drop(repository);
    let into = mirrored.place("checkouts").join("one");
    mirrored.mirror.checkout(&one, &into).await.unwrap();
    assert_eq!(fs::read_to_string(into.join("a/b")).unwrap(), "1");
    let file = || std::os::unix::fs::MetadataExt::ino(&fs::metadata(into.join("a/b")).unwrap());
    let made = file();
    mirrored.mirror.checkout(&one, &into).await.unwrap();
    assert_eq!(file(), made, "it was left as it was");
    assert_eq!(git_in(&into, &["status", "--porcelain"]), "");
    assert_eq!(git_in(&into, &["rev-parse", "HEAD"]), one.as_str());

    fs::write(into.join("not of the commit"), "").unwrap();
    mirrored.mirror.checkout(&one, &into).await.unwrap();
    assert!(!into.join("not of the commit").exists(), "it was made again");
    assert_eq!(fs::read_dir(mirrored.place("checkouts")).unwrap().count(), 1);
}

#[tokio::test]
async fn a_fetch_from_a_dead_network_keeps_no_checkout_waiting() {
    let repository = Repository::new();
    let one = repository.commit("one");
    let mirrored = Mirrored::of(&repository).await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/shop.git", silent.local_addr().unwrap());
    let mirror = Mirror::open(mirrored.mirror.path(), &url).await.unwrap();
    let fetching = tokio::spawn({
        let mirror = mirror.clone();
        async move { mirror.fetch(None).await }
    });
    let _hanging = silent.accept().await.unwrap();
    let into = mirrored.place("one");
    let made = tokio::time::timeout(std::time::Duration::from_mins(2), async {
        mirror.keep(&one).await.unwrap();
        mirror.checkout(&one, &into).await.unwrap();
    });
    made.await.expect("a rollback needs no network");
    fetching.abort();
}

#[tokio::test]
async fn a_half_made_checkout_and_a_strange_folder_are_made_again() {
    let repository = Repository::new();
    let one = repository.commit("one");
    let mirrored = Mirrored::of(&repository).await;
    fs::create_dir_all(mirrored.place(".one.partial-before/.git")).unwrap();
    mirrored.mirror.checkout(&one, &mirrored.place("one")).await.unwrap();
    assert!(mirrored.place("one/one").exists() && mirrored.unfinished().is_empty());

    fs::create_dir(mirrored.place("strange")).unwrap();
    mirrored.mirror.checkout(&one, &mirrored.place("strange")).await.unwrap();
    assert!(mirrored.place("strange/one").exists() && mirrored.unfinished().is_empty());

    let unknown: Sha = "0123456789".repeat(4).parse().unwrap();
    assert!(mirrored.mirror.checkout(&unknown, &mirrored.place("unknown")).await.is_err());
    assert!(!mirrored.place("unknown").exists() && mirrored.unfinished().is_empty());
}

#[tokio::test]
async fn a_lock_of_a_git_that_was_killed_is_removed_once_it_is_old() {
    let repository = Repository::new();
    repository.commit("one");
    let mirrored = Mirrored::of(&repository).await;
    let two = repository.commit("two");
    let lock = mirrored.mirror.path().join("refs/heads/main.lock");
    let file = fs::File::create(&lock).unwrap();
    let refused = mirrored.mirror.fetch(None).await.unwrap_err().to_string();
    assert!(refused.contains("main.lock") && lock.exists(), "it may still be held: {refused}");
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_mins(10);
    file.set_modified(long_ago).unwrap();
    mirrored.mirror.fetch(None).await.unwrap();
    assert_eq!(mirrored.mirror.tip("main").await.unwrap(), Some(two));
}

#[tokio::test]
async fn a_kept_commit_survives_a_rewrite_and_a_clean_up() {
    let repository = Repository::new();
    repository.commit("one");
    let [kept, dropped] = ["kept", "dropped"].map(|name| {
        repository.switch("main");
        repository.branch(name);
        repository.commit(name)
    });
    let mirrored = Mirrored::of(&repository).await;
    mirrored.mirror.keep(&kept).await.unwrap();
    mirrored.mirror.keep(&kept).await.unwrap();
    repository.switch("main");
    repository.git(["branch", "--quiet", "-D", "kept", "dropped"]);
    mirrored.mirror.fetch(None).await.unwrap();
    git_in(mirrored.mirror.path(), &["gc", "--quiet", "--prune=now"]);
    assert_eq!(mirrored.mirror.tip("kept").await.unwrap(), None);
    mirrored.mirror.checkout(&kept, &mirrored.place("kept")).await.unwrap();
    assert!(mirrored.mirror.file(&dropped, "dropped").await.is_err());
}

#[tokio::test]
async fn the_identity_of_a_repository_is_found() {
    let repository = Repository::new();
    repository.git(["config", "user.name", "Ann"]);
    repository.git(["config", "user.email", "ann@example.com"]);
    let found = local_identity(Some(repository.path()));
    assert_eq!(found, Some(who("Ann", "ann@example.com")));
    assert_eq!(local_identity(Some(Path::new("/nowhere/at/all"))), None);
}

fn git_in(folder: &Path, arguments: &[&str]) -> String {
    let git = std::process::Command::new("git").args(arguments).current_dir(folder).output();
    let output = git.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
