//! What a commit needs beside its own files: a checkout has it, or is refused.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::{Mirrored, git_in};
use trunkline::domain::ids::Sha;
use trunkline_testing::git_server::GitServer;
use trunkline_testing::repository::Repository;

/// A pointer of Git LFS whose content nobody has.
pub const POINTER: &str =
    "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";

/// A repository with a submodule at `lib`, which a server has.
struct WithSubmodule {
    server: GitServer,
    library: Repository,
    repository: Repository,
}

impl WithSubmodule {
    fn new() -> Self {
        let (server, library, repository) =
            (GitServer::start(), Repository::new(), Repository::new());
        let code = library.commit("code");
        repository.add_submodule("lib", &server.url(&library), &code);
        repository.commit_all("Ann", "ann@example.com", "a submodule");
        Self { server, library, repository }
    }

    /// A commit with the newest commit of the library.
    fn renewed(&self) -> Sha {
        self.repository.move_submodule("lib", &self.library.head());
        self.repository.commit_all("Ann", "ann@example.com", "the library as it is now")
    }
}

async fn refusal(repository: &Repository) -> String {
    let mirrored = Mirrored::of(repository).await;
    let place = mirrored.place("checkout");
    let refused = mirrored.mirror.checkout(&repository.head(), &place).await.unwrap_err();
    assert!(!place.exists(), "nothing half stands there");
    refused.to_string()
}

#[tokio::test]
async fn a_submodule_that_cannot_be_filled_is_refused_with_its_cause() {
    let WithSubmodule { server, library, repository } = WithSubmodule::new();
    let unknown: Sha = "0123456789".repeat(4).parse().unwrap();
    let cannot_be_filled = |refused: &str, why: &str| {
        let said =
            refused.contains("the submodule lib (") && refused.contains("cannot be filled: ");
        assert!(said && refused.contains(why), "{why}: {refused}");
    };
    repository.move_submodule("lib", &unknown);
    repository.commit_all("Ann", "ann@example.com", "a commit that nobody has");
    cannot_be_filled(&refusal(&repository).await, "not our ref");
    fs::rename(library.path(), library.path().with_extension("gone")).unwrap();
    cannot_be_filled(&refusal(&repository).await, "repository not exported");
    fs::rename(library.path().with_extension("gone"), library.path()).unwrap();
    let modules = fs::read_to_string(repository.path().join(".gitmodules")).unwrap();
    let local = modules.replace(&server.url(&library), library.address());
    repository.write(".gitmodules", &local);
    repository.commit_all("Ann", "ann@example.com", "an address that only a person may name");
    cannot_be_filled(&refusal(&repository).await, "transport 'file' not allowed");
    repository.git(["rm", "--quiet", "--force", ".gitmodules"]);
    repository.commit_all("Ann", "ann@example.com", "forgotten");
    cannot_be_filled(&refusal(&repository).await, "no entry for it in .gitmodules");
    repository.write(".gitmodules", &format!("{modules}\tupdate = none\n"));
    repository.commit_all("Ann", "ann@example.com", "it stays empty");
    let mirrored = Mirrored::of(&repository).await;
    let place = mirrored.place("checkout");
    mirrored.mirror.checkout(&repository.head(), &place).await.unwrap();
    assert!(place.join("lib").is_dir(), "the commit says that nobody needs it");
}

#[tokio::test]
async fn a_submodule_is_filled_with_its_tags_and_branches() {
    let WithSubmodule { library, repository, server: _server } = WithSubmodule::new();
    library.git(["tag", "v1"]);
    let mirrored = Mirrored::of(&repository).await;
    let place = mirrored.place("checkout");
    mirrored.mirror.checkout(&repository.head(), &place).await.unwrap();
    assert_eq!(fs::read_to_string(place.join("lib/code")).unwrap(), "code");
    assert_eq!(git_in(&place.join("lib"), &["describe", "--tags"]), "v1");
    assert_eq!(git_in(&place, &["status", "--short"]), "");
}

/// The one copy of a submodule's repository.
fn copy(mirrored: &Mirrored) -> std::path::PathBuf {
    let copies = fs::read_dir(mirrored.mirror.path().with_extension("submodules")).unwrap();
    let copies: Vec<_> = copies.map(|entry| entry.unwrap().path()).collect();
    copies.into_iter().find(|path| path.extension().is_some_and(|e| e == "git")).unwrap()
}

#[tokio::test]
async fn a_killed_git_spoils_no_copy_of_a_submodule() {
    let shop = WithSubmodule::new();
    let mirrored = Mirrored::of(&shop.repository).await;
    let one = shop.repository.head();
    mirrored.mirror.checkout(&one, &mirrored.place("one")).await.unwrap();

    // It left a lock that keeps a branch where it is.
    let newest = shop.library.commit("more code");
    let two = shop.renewed();
    let lock = copy(&mirrored).join("refs/heads/main.lock");
    let file = fs::File::create(&lock).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_mins(10)).unwrap();
    mirrored.mirror.fetch(None).await.unwrap();
    let place = mirrored.place("two");
    mirrored.mirror.checkout(&two, &place).await.unwrap();
    assert!(!lock.exists());
    assert_eq!(git_in(&place.join("lib"), &["rev-parse", "origin/main"]), newest.as_str());

    // It brought a commit and none of its files.
    let newest = shop.library.commit("even more code");
    let three = shop.renewed();
    let object = |path: &Path| path.join("objects").join(&newest.as_str()[..2]);
    let bare = object(&copy(&mirrored));
    fs::create_dir_all(&bare).unwrap();
    let name = &newest.as_str()[2..];
    fs::copy(object(&shop.library.path().join(".git")).join(name), bare.join(name)).unwrap();
    mirrored.mirror.fetch(None).await.unwrap();
    let place = mirrored.place("three");
    mirrored.mirror.checkout(&three, &place).await.unwrap();
    assert!(place.join("lib/even more code").exists());

    // It had not even finished making the copy.
    fs::remove_file(copy(&mirrored).join("HEAD")).unwrap();
    let place = mirrored.place("four");
    mirrored.mirror.checkout(&three, &place).await.unwrap();
    assert!(place.join("lib/even more code").exists());
}

#[tokio::test]
async fn a_broken_ref_in_a_copy_of_a_submodule_hides_no_commit() {
    let shop = WithSubmodule::new();
    let mirrored = Mirrored::of(&shop.repository).await;
    let one = shop.repository.head();
    mirrored.mirror.checkout(&one, &mirrored.place("one")).await.unwrap();
    let copy = copy(&mirrored);
    fs::write(copy.join("refs/heads/main"), "what a dying disk left").unwrap();
    shop.server.fall_silent();
    let place = mirrored.place("again");
    let made = mirrored.mirror.checkout(&one, &place);
    let made = tokio::time::timeout(Duration::from_mins(1), made).await;
    made.expect("the network is not needed").unwrap();
    assert!(place.join("lib/code").exists());
    shop.server.answer_again();
    shop.library.commit("more code");
    let two = shop.renewed();
    mirrored.mirror.fetch(None).await.unwrap();
    let place = mirrored.place("two");
    mirrored.mirror.checkout(&two, &place).await.expect("a new commit is fetched all the same");
    assert!(place.join("lib/more code").exists());
}

#[tokio::test]
async fn no_checkout_waits_for_the_network_of_another_one() {
    let shop = WithSubmodule::new();
    let mirrored = Mirrored::of(&shop.repository).await;
    let one = shop.repository.head();
    mirrored.mirror.checkout(&one, &mirrored.place("before")).await.unwrap();
    shop.library.commit("more code");
    let two = shop.renewed();
    mirrored.mirror.fetch(None).await.unwrap();
    shop.server.fall_silent();
    let hanging = [mirrored.place("two"), mirrored.place("again")].map(|place| {
        let (mirror, two) = (mirrored.mirror.clone(), two.clone());
        tokio::spawn(async move { mirror.checkout(&two, &place).await })
    });
    shop.server.until_asked(2).await;
    // Its submodule is in the copy that the other two fetch into.
    let place = mirrored.place("one");
    let made = mirrored.mirror.checkout(&one, &place);
    let made = tokio::time::timeout(Duration::from_mins(1), made).await;
    made.expect("a rollback needs no network").unwrap();
    assert!(place.join("lib/code").exists());
    for hanging in hanging {
        hanging.abort();
        assert!(hanging.await.unwrap_err().is_cancelled());
    }
}

#[tokio::test]
async fn a_rollback_waits_for_nobody_who_makes_the_same_checkout() {
    let shop = WithSubmodule::new();
    let mirrored = Mirrored::of(&shop.repository).await;
    let one = shop.repository.head();
    let place = mirrored.place("one");
    shop.server.fall_silent();
    let hanging = tokio::spawn({
        let (mirror, one, place) = (mirrored.mirror.clone(), one.clone(), place.clone());
        async move { mirror.checkout(&one, &place).await }
    });
    shop.server.until_asked(1).await;
    shop.server.answer_again();
    let made = mirrored.mirror.checkout_for_rollback(&one, &place);
    let made = tokio::time::timeout(Duration::from_mins(1), made).await;
    made.expect("it makes its own").unwrap();
    assert!(place.join("lib/code").exists());
    assert_eq!(mirrored.unfinished().len(), 1, "what the other one makes stays");
    hanging.abort();
    assert!(hanging.await.unwrap_err().is_cancelled());
    fs::write(place.join("more"), "").unwrap();
    mirrored.mirror.checkout(&one, &place).await.unwrap();
    assert!(!place.join("more").exists());
    assert!(mirrored.unfinished().is_empty(), "nobody makes it any more");
}

#[tokio::test]
async fn checkouts_of_the_same_submodule_can_be_made_at_the_same_time() {
    let shop = WithSubmodule::new();
    let head = shop.repository.head();
    let mirrored = Mirrored::of(&shop.repository).await;
    // The last two want the same place.
    let names = ["a", "b", "c", "c"];
    let making = names.map(|name| {
        let (mirror, head, place) = (mirrored.mirror.clone(), head.clone(), mirrored.place(name));
        tokio::spawn(async move { mirror.checkout(&head, &place).await })
    });
    for (name, making) in names.iter().zip(making) {
        making.await.unwrap().unwrap();
        assert!(mirrored.place(name).join("lib/code").exists(), "{name}");
    }
    assert!(mirrored.unfinished().is_empty());
}

#[tokio::test]
async fn a_pointer_of_git_lfs_is_never_taken_for_the_file() {
    let repository = Repository::new();
    repository.write(".gitattributes", "*.bin filter=lfs -text\n");
    for file in ["model.bin", "docs/film.bin", "docs/old/film.bin"] {
        repository.write(file, POINTER);
    }
    repository.write("plain.bin", "not a pointer");
    repository.write("hawser.bin", &POINTER.replace("git-lfs.github", "hawser.github"));
    // What `.lfsconfig` says, and the pointers that are missed all the same.
    let cases = [
        ("", "docs/film.bin, docs/old/film.bin, hawser.bin and 1 more"),
        ("fetchexclude = docs", "hawser.bin, model.bin"),
        ("fetchexclude = docs/old/, /hawser.bin", "docs/film.bin, model.bin"),
        ("fetchexclude = film", "docs/film.bin, docs/old/film.bin, hawser.bin and 1 more"),
        ("fetchinclude = docs/**\n\tfetchexclude = old", "docs/film.bin"),
        ("fetchinclude = model.bin", "model.bin"),
        ("fetchexclude = *", ""),
        ("fetchexclude = docs,*.bin", ""),
    ];
    for (settings, missed) in cases {
        repository.write(".lfsconfig", &format!("[lfs]\n\t{settings}\n"));
        repository.commit_all("Ann", "ann@example.com", settings);
        if missed.is_empty() {
            let mirrored = Mirrored::of(&repository).await;
            let place = mirrored.place("checkout");
            mirrored.mirror.checkout(&repository.head(), &place).await.unwrap();
            assert_eq!(fs::read_to_string(place.join("model.bin")).unwrap(), POINTER);
            continue;
        }
        let refused = refusal(&repository).await;
        let said = format!("git lfs failed: {missed} are pointers of Git LFS: ");
        assert!(refused.starts_with(&said), "{settings}: {refused}");
    }
}

#[tokio::test]
async fn a_pointer_in_a_submodule_is_refused_too() {
    let shop = WithSubmodule::new();
    shop.library.write(".gitattributes", "*.bin filter=lfs -text\n");
    shop.library.commit_by("Ann", "ann@example.com", "model.bin", POINTER, "a model");
    shop.renewed();
    let refused = refusal(&shop.repository).await;
    let said = "cannot be filled: git lfs failed: model.bin are pointers of Git LFS: ";
    assert!(refused.contains("the submodule lib (") && refused.contains(said), "{refused}");
}

#[tokio::test]
async fn a_checkout_has_the_tags_and_branches_of_a_clone() {
    let repository = Repository::new();
    let one = repository.commit("one");
    repository.git(["tag", "v1.2.3"]);
    repository.git(["tag", "--annotate", "--message", "signed off", "v1.2.4"]);
    let mirrored = Mirrored::of(&repository).await;
    let place = mirrored.place("checkout");
    mirrored.mirror.checkout(&one, &place).await.unwrap();
    let git = |arguments: &[&str]| git_in(&place, arguments);
    assert_eq!(git(&["describe", "--tags"]), "v1.2.4");
    assert_eq!(git(&["rev-parse", "origin/main"]), one.as_str());
    assert_eq!(git(&["status", "--short"]), "");
    repository.git(["tag", "later"]);
    mirrored.mirror.fetch(None).await.unwrap();
    mirrored.mirror.renew_refs(&place).await.unwrap();
    assert!(git(&["tag"]).contains("later"), "a release may be tagged after its first deployment");
}
