//! What a tree holds, how it differs from another, and where a name is still used.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;

use trunkline::domain::ids::Sha;
use trunkline::git::{BoundedList, ChangedFile, FileText};
use trunkline::migrations::FileChange::{self, Added, Deleted, Edited};

use super::Mirrored;
use trunkline_testing::repository::Repository;

const HOSTILE: [&str; 6] = ["-rf", "a\nb", ":(exclude)x", "*", "tab\there", "db/\u{202e}gpj.sql"];

fn files(listed: &BoundedList<ChangedFile>) -> Vec<(FileChange, &str)> {
    assert_eq!(listed.more, 0);
    listed.listed.iter().map(|file| (file.change, file.path.as_str())).collect()
}

fn commit_all(repository: &Repository, message: &str) -> trunkline::domain::ids::Sha {
    repository.commit_all("Ann", "ann@example.com", message)
}

#[tokio::test]
async fn a_file_is_added_edited_or_deleted_and_a_renamed_one_both() {
    let repository = Repository::new();
    for file in ["db/edited", "db/deleted", "db/old", "elsewhere"] {
        repository.write(file, "the same long enough text to be found again");
    }
    let one = commit_all(&repository, "one");
    repository.git(["mv", "db/old", "db/renamed"]);
    repository.git(["rm", "-q", "db/deleted"]);
    repository.write("db/edited", "edited");
    repository.write("elsewhere", "edited");
    let two = commit_all(&repository, "two");
    let Mirrored { mirror, folder: _folder } = Mirrored::of(&repository).await;
    let changed = mirror.changed_files(Some(&one), &two, Some("db")).await.unwrap();
    let expected = [
        (Deleted, "db/deleted"),
        (Edited, "db/edited"),
        (Deleted, "db/old"),
        (Added, "db/renamed"),
    ];
    assert_eq!(files(&changed), expected);
    let all = mirror.changed_files(Some(&one), &two, None).await.unwrap();
    assert_eq!(files(&all).last(), Some(&(Edited, "elsewhere")));
    let begun = mirror.changed_files(None, &two, Some("db")).await.unwrap();
    assert_eq!(files(&begun), [(Added, "db/edited"), (Added, "db/renamed")]);
    assert_eq!(files(&mirror.changed_files(Some(&two), &two, None).await.unwrap()), []);
}

#[tokio::test]
async fn hostile_paths_are_listed_and_read_like_others() {
    let repository = Repository::new();
    let one = repository.commit("one");
    for path in HOSTILE {
        repository.write(path, &format!("content of {path}"));
    }
    let two = commit_all(&repository, "two");
    let Mirrored { mirror, folder: _folder } = Mirrored::of(&repository).await;
    let changed = mirror.changed_files(Some(&one), &two, None).await.unwrap();
    let mut listed: Vec<_> = changed.listed.into_iter().map(|file| file.path).collect();
    let texts = mirror.texts(&two, &listed).await.unwrap();
    listed.sort();
    let mut expected = HOSTILE.map(str::to_owned);
    expected.sort();
    assert_eq!(listed, expected);
    let read = |path: &str| (path.to_owned(), FileText::Read(format!("content of {path}")));
    assert_eq!(texts, HOSTILE.map(read).into_iter().collect::<BTreeMap<_, _>>());
}

#[tokio::test]
async fn only_regular_files_of_a_bearable_size_are_read() {
    let repository = Repository::new();
    let submodule = repository.commit("first");
    repository.write("large.sql", &"x".repeat(1024 * 1024 + 1));
    repository.write("limit.sql", &"x".repeat(1024 * 1024));
    repository.write("empty.sql", "");
    std::fs::write(repository.path().join("latin.sql"), b"caf\xe9").unwrap();
    symlink("/etc/passwd", repository.path().join("link.sql")).unwrap();
    repository.write("folder/inside.sql", "inside");
    let module = format!("160000,{submodule},module");
    repository.git(["update-index", "--add", "--cacheinfo", &module]);
    std::fs::create_dir(repository.path().join("module")).unwrap();
    let tip = commit_all(&repository, "second");
    let Mirrored { mirror, folder: _folder } = Mirrored::of(&repository).await;
    let asked =
        ["large.sql", "limit.sql", "empty.sql", "latin.sql", "link.sql", "folder", "module"];
    let strange = ["missing", "../outside", "/etc/passwd", "", "a//b", "folder/inside.sql"];
    let asked: Vec<_> = asked.into_iter().chain(strange).map(str::to_owned).collect();
    let texts = mirror.texts(&tip, &asked).await.unwrap();
    let expected = [
        ("large.sql", FileText::TooLarge),
        ("limit.sql", FileText::Read("x".repeat(1024 * 1024))),
        ("empty.sql", FileText::Read(String::new())),
        ("latin.sql", FileText::NotUtf8),
        ("folder/inside.sql", FileText::Read("inside".into())),
    ];
    assert_eq!(texts, expected.map(|(path, text)| (path.to_owned(), text)).into());
    let paths = mirror.paths(&tip, None).await.unwrap().listed;
    assert!(
        paths.contains(&"module".to_owned()) && paths.contains(&"folder/inside.sql".to_owned())
    );
    assert_eq!(mirror.paths(&tip, Some("folder")).await.unwrap().listed, ["folder/inside.sql"]);
}

#[tokio::test]
async fn more_paths_than_git_takes_at_once_are_all_read() {
    let repository = Repository::new();
    let paths: Vec<_> = (0..450).map(|number| format!("db/{number}.sql")).collect();
    for path in &paths {
        repository.write(path, path);
    }
    let tip = commit_all(&repository, "many");
    let Mirrored { mirror, folder: _folder } = Mirrored::of(&repository).await;
    let texts = mirror.texts(&tip, &paths).await.unwrap();
    assert!(paths.iter().all(|path| texts[path] == FileText::Read(path.clone())));
}

#[tokio::test]
async fn a_name_is_used_where_code_has_it_as_a_whole_word() {
    let repository = Repository::new();
    repository.write("migrations/1.sql", "CREATE TABLE legacy_total ()");
    repository.write("db/schema.rb", "create_table \"legacy_total\"");
    repository.write("db/structure.sql", "CREATE TABLE legacy_total ()");
    repository.write("shop/trunkline.toml", "name = \"legacy_total\"");
    repository.write("freezes.toml", "id = \"legacy_total\"");
    repository.write("src/other.rs", "let legacy_totals = not_legacy_total;");
    let none = commit_all(&repository, "none");
    repository.write("src/code.rs", "select LEGACY_TOTAL from orders");
    let used = commit_all(&repository, "used");
    std::fs::rename(repository.path().join("src/code.rs"), repository.path().join("src/schema.rb"))
        .unwrap();
    let renamed = commit_all(&repository, "renamed");
    let Mirrored { mirror, folder: _folder } = Mirrored::of(&repository).await;
    let all = [none.clone(), used.clone(), renamed.clone()];
    let except = ["migrations/1.sql".to_owned()];
    let found_in = async |word, folder, except: &[String]| {
        let mut users: Vec<_> =
            mirror.uses(word, &all, folder, except).await.unwrap().into_iter().collect();
        users.sort_by_key(|(sha, _)| all.iter().position(|other| other == sha));
        users
    };
    let by = |sha: &Sha, path: &str| (sha.clone(), Some(path.to_owned()));
    let found = found_in("legacy_total", None, &except).await;
    assert_eq!(found, [by(&used, "src/code.rs"), by(&renamed, "src/schema.rb")]);
    let found = found_in("legacy_total", None, &[]).await;
    assert_eq!(found, all.each_ref().map(|sha| by(sha, "migrations/1.sql")));
    for (word, folder) in [("legacy_total", Some("db")), ("nowhere", None), ("--help", None)] {
        assert_eq!(found_in(word, folder, &except).await, [], "{word}");
    }
    for word in ["", "nowhere\nlegacy"] {
        assert_eq!(
            found_in(word, None, &except).await,
            all.each_ref().map(|sha| (sha.clone(), None))
        );
    }
}

#[tokio::test]
async fn the_first_build_with_a_commit_is_the_one_that_merged_it() {
    let repository = Repository::new();
    let [one, merge, four] = super::trunk_with_a_merge(&repository);
    let two = repository.git(["rev-parse", "feature~1"]).parse().unwrap();
    repository.branch("unmerged");
    let unmerged = repository.commit("unmerged");
    let Mirrored { mirror, folder: _folder } = Mirrored::of(&repository).await;
    let builds = [one.clone(), merge, four.clone()];
    for (commit, place) in [(&one, Some(0)), (&two, Some(1)), (&four, Some(2)), (&unmerged, None)] {
        assert_eq!(mirror.first_with(commit, &builds).await.unwrap(), place);
    }
    assert_eq!(mirror.first_with(&one, &[]).await.unwrap(), None);
}
