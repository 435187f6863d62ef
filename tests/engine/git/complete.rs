//! What a commit needs beside its own files: a checkout has it, or is refused.

use super::Mirrored;
use trunkline_testing::repository::Repository;

/// A repository with a submodule at `lib`, of another repository.
fn with_submodule() -> (Repository, Repository) {
    let (library, repository) = (Repository::new(), Repository::new());
    library.commit("code");
    repository.commit("one");
    let allowed = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add"];
    repository.git(allowed.into_iter().chain([library.address(), "lib"]));
    repository.commit_all("Ann", "ann@example.com", "a submodule");
    (library, repository)
}

async fn refusal(repository: &Repository) -> String {
    let mirrored = Mirrored::of(repository).await;
    let place = mirrored.place("checkout");
    let refused = mirrored.mirror.checkout(&repository.head(), &place).await.unwrap_err();
    assert!(!place.exists(), "nothing half stands there");
    refused.to_string()
}

#[tokio::test]
async fn a_submodule_that_cannot_be_filled_is_refused_and_never_an_empty_folder() {
    let (library, repository) = with_submodule();
    let text = std::fs::read_to_string(repository.path().join(".gitmodules")).unwrap();
    std::fs::rename(library.path(), library.path().with_extension("gone")).unwrap();
    let refused = refusal(&repository).await;
    assert!(
        refused.contains("the submodule lib") && refused.contains("cannot be filled"),
        "{refused}"
    );
    repository.git(["rm", "--quiet", ".gitmodules"]);
    repository.commit_all("Ann", "ann@example.com", "forgotten");
    let refused = refusal(&repository).await;
    assert!(refused.contains("no entry for it in .gitmodules"), "{refused}");
    repository.write(".gitmodules", &format!("{text}\tupdate = none\n"));
    repository.commit_all("Ann", "ann@example.com", "it stays empty");
    let mirrored = Mirrored::of(&repository).await;
    let place = mirrored.place("checkout");
    mirrored.mirror.checkout(&repository.head(), &place).await.unwrap();
    assert!(place.join("lib").is_dir(), "the commit says that nobody needs it");
    std::fs::rename(library.path().with_extension("gone"), library.path()).unwrap();
}

#[tokio::test]
async fn a_pointer_of_git_lfs_is_never_taken_for_the_file() {
    let repository = Repository::new();
    repository.write(".gitattributes", "*.bin filter=lfs -text\n");
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    repository.write("model.bin", pointer);
    repository.write("plain.bin", "not a pointer");
    repository.commit_all("Ann", "ann@example.com", "a model");
    let refused = refusal(&repository).await;
    assert!(refused.contains("model.bin are pointers of Git LFS"), "{refused}");
    assert!(!refused.contains("plain.bin"), "{refused}");
    repository.write(".lfsconfig", "[lfs]\n\tfetchexclude = *\n");
    repository.commit_all("Ann", "ann@example.com", "steps want the pointers");
    let mirrored = Mirrored::of(&repository).await;
    let place = mirrored.place("checkout");
    mirrored.mirror.checkout(&repository.head(), &place).await.unwrap();
    assert_eq!(std::fs::read_to_string(place.join("model.bin")).unwrap(), pointer);
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
    let git = |arguments: &[&str]| {
        let run = std::process::Command::new("git").current_dir(&place).args(arguments).output();
        String::from_utf8(run.unwrap().stdout).unwrap().trim().to_owned()
    };
    assert_eq!(git(&["describe", "--tags"]), "v1.2.4");
    assert_eq!(git(&["rev-parse", "origin/main"]), one.as_str());
    assert_eq!(git(&["status", "--short"]), "");
    repository.git(["tag", "later"]);
    mirrored.mirror.fetch().await.unwrap();
    mirrored.mirror.renew_refs(&place).await.unwrap();
    assert!(git(&["tag"]).contains("later"), "a release may be tagged after its first deployment");
}
