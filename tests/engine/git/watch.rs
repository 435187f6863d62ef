//! How the real engine watches a repository on this machine: it starts git when the trunk moves, and otherwise not.

use std::fs;
use std::path::PathBuf;

use trunkline_testing::home::{Home, until};
use trunkline_testing::repository::Repository;
use trunkline_testing::service_file::service_file;
use trunkline_testing::shop::{Shop, shop};
use trunkline_testing::write_script;

/// What the engine notes when it does without git.
const QUIET: &str = "nothing has changed";

/// A watched repository, and an engine whose every git is counted.
struct Watch {
    home: Home,
    repository: Repository,
}

impl Watch {
    fn open() -> Self {
        let file = service_file().idle().text();
        let Shop { home, repository } = shop(&file).watched("poll = \"50ms\"");
        let watch = Self { home, repository };
        let folder = watch.home.path("bin");
        fs::create_dir(&folder).unwrap();
        let (counter, git) = (watch.home.path("started").display().to_string(), real_git());
        // What packs the mirror once a day is not counted.
        let count =
            format!("case \" $* \" in *' maintenance '*) ;; *) echo x >> '{counter}' ;; esac");
        let script = format!("#!/bin/sh\n{count}\nexec '{}' \"$@\"\n", git.display());
        write_script(&folder.join("git"), &script);
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        // Whoever asks first starts the engine, and gives it their environment.
        let mut ask = watch.home.command(&["status"]);
        let asked = ask.env("PATH", path).env("TRUNKLINE_LOG", "trunkline=trace").output().unwrap();
        assert!(asked.status.success(), "{asked:?}");
        watch
    }

    fn count(&self, file: &str, what: &str) -> usize {
        fs::read_to_string(self.home.path(file)).unwrap_or_default().matches(what).count()
    }

    fn started(&self) -> usize {
        self.count("started", "x\n")
    }

    /// Waits for so many looks that need no git.
    fn quiet_looks(&self, more: usize) {
        let before = self.count("data/engine.log", QUIET);
        until("looks without git", || self.count("data/engine.log", QUIET) >= before + more);
    }

    fn until_staged(&self) {
        let head = self.repository.head();
        until("the newest build is verified", || {
            let builds = self.home.listed(&["builds", "--json"]);
            builds[0]["sha"] == head.as_str() && builds[0]["state"] == "verified"
        });
    }
}

fn real_git() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let mut places = std::env::split_paths(&path).map(|folder| folder.join("git"));
    places.find(|place| place.is_file()).expect("git is installed")
}

#[test]
fn an_idle_engine_starts_no_process_and_yet_sees_every_merge() {
    let watch = Watch::open();
    watch.until_staged();
    for merge in 0..3 {
        watch.quiet_looks(3);
        let before = watch.started();
        watch.quiet_looks(12);
        assert_eq!(watch.started(), before, "an idle engine started git");
        watch.repository.commit(&format!("merge {merge}"));
        watch.until_staged();
        assert!(watch.started() > before, "what is counted is counted");
    }
}
