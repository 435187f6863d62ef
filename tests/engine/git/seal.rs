//! The seal of a pristine checkout: whatever was changed in it, it is made again before anybody uses it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::Mirrored;
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
