//! Contents of Git LFS in checkouts, with a program in place of git-lfs that knows as much of its interface as is used here:
//! `pull`, `filter-process`, `lfs.storage`, `lfs.fetchexclude` and `GIT_LFS_SKIP_SMUDGE`.

use std::fs;

use trunkline_testing::git_server::GitServer;
use trunkline_testing::home::until;
use trunkline_testing::repository::Repository;
use trunkline_testing::service_file::service_file;
use trunkline_testing::shop::{Shop, shop};
use trunkline_testing::write_script;

/// What `git lfs install` writes into a user's settings.
const INSTALLED: &str = r#"[filter "lfs"]
	clean = git-lfs clean -- %f
	smudge = git-lfs smudge -- %f
	process = git-lfs filter-process
	required = true
"#;

/// The program in place of git-lfs. `SERVER` is a folder with a file for each content, by its id. As the real one, it leaves
/// pointers where they are if no filter is set, and fills what it can before it fails.
const GIT_LFS: &str = r#"#!/bin/sh
export LC_ALL=C
fail() { echo "stand-in for git-lfs: $*" >&2; exit 2; }

content_of() { # the id of a content; copies it to the storage first
    storage=$(git config lfs.storage) || fail "nobody said where to keep contents"
    mkdir -p "$storage"
    [ -e "$storage/$1" ] || cp "$SERVER/$1" "$storage/$1" 2>/dev/null || return 1
    cat "$storage/$1"
}

pull() {
    [ -z "$GIT_LFS_SKIP_SMUDGE" ] || fail "pull brings nothing while smudging is left out"
    git config filter.lfs.clean >/dev/null || { echo "Skipping object checkout"; exit 0; }
    missing=
    for path in $(git ls-files ':(top,attr:filter=lfs)'); do
        case $path in $(git config lfs.fetchexclude)/*) continue;; esac
        id=$(sed -n 's/^oid sha256://p' "$path")
        [ -z "$id" ] && continue
        if content_of "$id" > "$path.new"; then mv "$path.new" "$path"; else rm "$path.new"; missing=$id; fi
    done
    git ls-files ':(top,attr:filter=lfs)' | git update-index -q --refresh --stdin
    [ -z "$missing" ] || fail "the server has no $missing"
}

say() { for line; do printf '%04x%s\n' $((${#line} + 5)) "$line"; done; printf 0000; }

hear() { # sets $packet; fails at the end of a list
    length=$(dd bs=1 count=4 2>/dev/null)
    [ -n "$length" ] || exit 0
    [ "$length" != 0000 ] || return 1
    packet=$(dd bs=1 count=$((0x$length - 4)) 2>/dev/null; echo .)
    packet=${packet%.}
}

hear_all() { list=; while hear; do list=$list$packet; done; }

filter() {
    hear_all; say git-filter-server version=2
    hear_all; say capability=clean capability=smudge
    while :; do
        hear_all; command=$list
        hear_all; content=$list
        case $command in
        command=clean*)
            for known in "$(git config lfs.storage)"/*; do
                [ "$(cat "$known"; echo .)" != "$content." ] || content=$(pointer "${known##*/}"; echo .)
            done
            content=${content%.};;
        *) [ -n "$GIT_LFS_SKIP_SMUDGE" ] || fail "nothing is smudged in a checkout";;
        esac
        say status=success
        [ -z "$content" ] || printf '%04x%s' $((${#content} + 4)) "$content"
        printf 0000; printf 0000
    done
}

pointer() { printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 9\n' "$1"; }

case $1 in
pull) pull;;
filter-process) filter;;
*) fail "unknown: $*";;
esac
"#;

fn pointer(id: &str) -> String {
    format!("version https://git-lfs.github.com/spec/v1\noid sha256:{id}\nsize 9\n")
}

/// A shop with contents in LFS, also in its submodule, whose user has the stand-in and these settings of git.
struct LfsShop {
    shop: Shop,
    _server: GitServer,
    _library: Repository,
}

impl LfsShop {
    fn open(settings: &str) -> Self {
        let (server, library) = (GitServer::start(), Repository::new());
        library.write(".gitattributes", "*.bin filter=lfs -text\n");
        library.commit_by("Ann", "ann@example.com", "code.bin", &pointer("cc"), "code");
        let look = "git status --short; cat model.bin docs/film.bin lib/code.bin";
        let file = service_file().raj().step("staging", "smoke", look);
        let file = file.step("production", "release", "true").step("rollback", "release", "true");
        let shop = shop(&file.text()).with(".gitattributes", "*.bin filter=lfs -text\n");
        let shop = shop.with("model.bin", &pointer("aa")).with("docs/film.bin", &pointer("bb"));
        shop.repository.add_submodule("lib", &server.url(&library), &library.head());
        let home = &shop.home;
        for folder in ["server", "bin"] {
            fs::create_dir(home.path(folder)).unwrap();
        }
        fs::write(home.path("server/aa"), "a model\n").unwrap();
        fs::write(home.path("server/cc"), "code\n").unwrap();
        fs::write(home.path(".gitconfig"), settings).unwrap();
        let place = format!("SERVER='{}'", home.path("server").display());
        let stand_in = GIT_LFS.replacen('\n', &format!("\n{place}\n"), 1);
        write_script(&home.path("bin/git-lfs"), &stand_in);
        let shop = shop.watched("poll = \"100ms\"");
        let path =
            format!("{}:{}", shop.home.path("bin").display(), std::env::var("PATH").unwrap());
        // Whoever asks first starts the engine, and gives it their environment.
        let asked = shop.home.command(&["status"]).env("PATH", path).output().unwrap();
        assert!(asked.status.success(), "{asked:?}");
        Self { shop, _server: server, _library: library }
    }

    /// The deployment of the newest commit, once it has ended.
    fn ended(&self) -> serde_json::Value {
        let head = self.shop.repository.head();
        let newest = || self.shop.home.json(&["history", "staging", "--json"])[0].clone();
        until("the newest deployment ends", || {
            let newest = newest();
            newest["request"]["sha"] == head.as_str() && newest["ended"].is_object()
        });
        newest()
    }

    /// What the step saw of the newest commit.
    fn saw(&self) -> String {
        let ended = self.ended();
        assert_eq!(ended["ended"]["outcome"], "succeeded", "{ended:#}");
        let said = self.shop.home.said(&["logs", &format!("d{}", ended["id"])]);
        said.split_once('\n').unwrap().1.to_owned()
    }
}

#[test]
fn contents_of_git_lfs_are_in_every_tree_and_what_is_missing_is_named() {
    for installed in [INSTALLED, ""] {
        let lfs = LfsShop::open(&format!("{installed}[lfs]\n\tfetchexclude = docs\n"));
        let Shop { home, repository } = &lfs.shop;
        // The user's own settings leave the film out. Nothing is changed for git.
        let contents = format!("a model\n{}code\n", pointer("bb"));
        assert_eq!(lfs.saw(), contents, "{installed}");

        repository.write("other.bin", &pointer("dd"));
        repository.commit_all("Ann", "ann@example.com", "more");
        let ended = lfs.ended()["ended"].to_string();
        let why = "other.bin are pointers of Git LFS: git lfs failed: stand-in for git-lfs: the server has no dd";
        assert!(ended.contains("the checkout could not be made") && ended.contains(why), "{ended}");

        fs::remove_dir_all(home.path("server")).unwrap();
        repository.git(["rm", "--quiet", "other.bin"]);
        repository.commit_all("Ann", "ann@example.com", "less");
        assert_eq!(lfs.saw(), contents, "what was fetched once is kept");
    }
}
