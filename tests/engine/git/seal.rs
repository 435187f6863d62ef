//! The seal of a pristine checkout: whatever was changed in it, it is made again before anybody uses it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::Mirrored;
use trunkline::domain::ids::Sha;
use trunkline_testing::repository::Repository;

/// Every name in a folder, with its mode and what is in it.
fn list(root: &Path, folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        let (path, about) = (entry.path(), entry.metadata().unwrap());
        // These have times in them.
        if [".git/index", ".git/logs", ".git/trunkline-seal"].iter().any(|own| path.ends_with(own))
        {
            continue;
        }
        let content = match about.file_type() {
            kind if kind.is_symlink() => fs::read_link(&path).unwrap().display().to_string(),
            kind if kind.is_file() => fs::read_to_string(&path).unwrap(),
            _ => String::new(),
        };
        let name = path.strip_prefix(root).unwrap().display();
        found.push(format!("{name} {:o} {content}", about.permissions().mode()));
        if about.is_dir() {
            list(root, &path, found);
        }
    }
}

fn listed(tree: &Path) -> Vec<String> {
    let mut found = Vec::new();
    list(tree, tree, &mut found);
    found.sort();
    found
}

type Change = fn(&Path) -> std::io::Result<()>;

const CHANGES: [(&str, Change); 9] = [
    ("other contents of the same size", |tree| fs::write(tree.join("settings"), "as commItted")),
    ("a file less", |tree| fs::remove_file(tree.join("folder/file"))),
    ("a file more", |tree| fs::write(tree.join("folder/more"), "")),
    ("an empty folder more", |tree| fs::create_dir(tree.join("dist"))),
    ("another name", |tree| fs::rename(tree.join("settings"), tree.join("folder/settings"))),
    ("another mode", |tree| {
        fs::set_permissions(tree.join("tool"), fs::Permissions::from_mode(0o644))
    }),
    ("another target of a link", |tree| {
        fs::remove_file(tree.join("link"))?;
        symlink("/etc/hosts", tree.join("link"))
    }),
    ("another commit", |tree| fs::write(tree.join(".git/HEAD"), "ref: refs/heads/main\n")),
    ("other settings of git", |tree| fs::write(tree.join(".git/config"), "[core]\nx = y\n")),
];

#[tokio::test]
async fn a_checkout_in_which_anything_was_changed_is_made_again() {
    let repository = Repository::new();
    repository.write("settings", "as committed");
    repository.write("folder/file", "1");
    repository.write_script("tool", "#!/bin/sh\n");
    symlink("settings", repository.path().join("link")).unwrap();
    let sha = repository.commit_all("Ann", "ann@example.com", "one");
    let mirrored = Mirrored::of(&repository).await;
    let place = mirrored.place("checkout");
    mirrored.mirror.checkout(&sha, &place).await.unwrap();
    let pristine = listed(&place);
    for (what, change) in CHANGES {
        change(&place).unwrap();
        assert_ne!(listed(&place), pristine, "{what}");
        mirrored.mirror.checkout(&sha, &place).await.unwrap();
        assert_eq!(listed(&place), pristine, "{what}");
    }
}

/// A checkout of a commit with a model, and where it is.
async fn with_model() -> (Repository, Mirrored, Sha, PathBuf) {
    let repository = Repository::new();
    repository.write("lib/model.bin", "a model");
    let sha = repository.commit_all("Ann", "ann@example.com", "one");
    let mirrored = Mirrored::of(&repository).await;
    let place = mirrored.place("checkout");
    mirrored.mirror.checkout(&sha, &place).await.unwrap();
    (repository, mirrored, sha, place)
}

/// A seal as an earlier version wrote it.
fn seal_as_before(tree: &Path) {
    let seal = Path::new(".git/trunkline-seal");
    let digest = trunkline::git::tree::digest(tree, seal).unwrap();
    fs::write(tree.join(seal), digest).unwrap();
}

#[tokio::test]
async fn a_checkout_of_an_earlier_version_is_made_again_only_if_it_has_pointers() {
    let (_repository, mirrored, sha, place) = with_model().await;
    let (mirror, away) = (mirrored.place("mirror.git"), mirrored.place("away"));
    fs::rename(&mirror, &away).unwrap();
    seal_as_before(&place);
    mirrored.mirror.checkout(&sha, &place).await.expect("it is as good as one of today");
    fs::write(place.join("lib/model.bin"), super::complete::POINTER).unwrap();
    seal_as_before(&place);
    mirrored.mirror.checkout_for_rollback(&sha, &place).await.expect("it was deployed like that");
    let refused = mirrored.mirror.checkout(&sha, &place).await.unwrap_err().to_string();
    let why =
        "left pointers of Git LFS in the place of lib/model.bin, and making it again failed: ";
    assert!(refused.contains(why), "{refused}");
    mirrored.mirror.checkout_for_rollback(&sha, &place).await.expect("it is still there");
    fs::rename(&away, &mirror).unwrap();
    mirrored.mirror.checkout(&sha, &place).await.unwrap();
    assert_eq!(fs::read_to_string(place.join("lib/model.bin")).unwrap(), "a model");
    assert!(mirrored.unfinished().is_empty());
}

#[tokio::test]
async fn a_checkout_that_several_make_again_at_once_is_there_for_all() {
    let (_repository, mirrored, sha, place) = with_model().await;
    fs::write(place.join("lib/model.bin"), super::complete::POINTER).unwrap();
    seal_as_before(&place);
    let making = [(); 4].map(|()| {
        let (mirror, sha, place) = (mirrored.mirror.clone(), sha.clone(), place.clone());
        tokio::spawn(async move { mirror.checkout(&sha, &place).await.map(drop) })
    });
    for making in making {
        making.await.unwrap().unwrap();
        assert_eq!(fs::read_to_string(place.join("lib/model.bin")).unwrap(), "a model");
    }
    assert!(mirrored.unfinished().is_empty());
}

#[tokio::test]
async fn a_checkout_that_cannot_be_read_is_not_called_changed() {
    let repository = Repository::new();
    let sha = repository.commit("settings");
    let mirrored = Mirrored::of(&repository).await;
    let place = mirrored.place("checkout");
    mirrored.mirror.checkout(&sha, &place).await.unwrap();
    let (mirror, away) = (mirrored.place("mirror.git"), mirrored.place("away"));
    fs::rename(&mirror, &away).unwrap();
    let refused = async || mirrored.mirror.checkout(&sha, &place).await.unwrap_err().to_string();
    fs::write(place.join("more"), "").unwrap();
    let changed = refused().await;
    assert!(changed.contains("was changed since it was made, and making it"), "{changed}");
    fs::remove_file(place.join("more")).unwrap();
    let seal = place.join(".git/trunkline-seal");
    let (kept, noted) = (place.join("../kept"), fs::read(&seal).unwrap());
    fs::rename(&seal, &kept).unwrap();
    fs::create_dir(&seal).unwrap();
    let unread = refused().await;
    assert!(unread.contains("cannot be read ("), "{unread}");
    fs::remove_dir(&seal).unwrap();
    fs::write(&seal, noted).unwrap();
    mirrored.mirror.checkout(&sha, &place).await.expect("it was not thrown away");
}

#[tokio::test]
async fn a_changed_checkout_stays_where_it_is_until_it_can_be_made_again() {
    let repository = Repository::new();
    repository.write("settings", "as committed");
    let sha = repository.commit_all("Ann", "ann@example.com", "one");
    let mirrored = Mirrored::of(&repository).await;
    let place = mirrored.place("checkout");
    mirrored.mirror.checkout(&sha, &place).await.unwrap();
    fs::write(place.join("settings"), "as somebody left it").unwrap();
    let (mirror, away) = (mirrored.place("mirror.git"), mirrored.place("away"));
    fs::rename(&mirror, &away).unwrap();
    mirrored.mirror.checkout(&sha, &place).await.unwrap_err();
    assert_eq!(fs::read_to_string(place.join("settings")).unwrap(), "as somebody left it");
    fs::rename(&away, &mirror).unwrap();
    mirrored.mirror.checkout(&sha, &place).await.unwrap();
    assert_eq!(fs::read_to_string(place.join("settings")).unwrap(), "as committed");
}
