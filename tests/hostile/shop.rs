//! A real repository whose authors, messages, file names and step output are the corpus, watched by a real engine.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use trunkline_testing::corpus::{Entry, SHORT, corpus};
use trunkline_testing::home::{Home, until};
use trunkline_testing::repository::Repository;
use trunkline_testing::service_file::service_file;

/// The steps print a file that holds every entry.
fn service_text() -> String {
    let cat = "[\"cat\", \"noise\"]";
    let file = service_file().person("ann").step("staging", "smoke", cat);
    let file = file.step("production", "release", "cat noise; cat noise >&2");
    file.step("rollback", "release", cat).text().replace("\"checkout\"", "\"shop\"")
}

pub struct Shop {
    pub home: Home,
    pub repository: Repository,
    /// The number of the newest build, which is verified.
    pub newest: u64,
}

impl Shop {
    /// One build is live, and one for each entry came after it.
    pub fn open() -> Self {
        let mut shop = Self { home: Home::new(), repository: Repository::new(), newest: 1 };
        let noise: Vec<u8> =
            entries().flat_map(|entry| [entry.bytes(), b"\n".into()].concat()).collect();
        std::fs::write(shop.repository.path().join("noise"), noise).unwrap();
        shop.repository.write("trunkline.toml", &service_text());
        shop.repository.commit_all("Ann", "ann@example.com", "begin");
        shop.home.watch_repository(shop.repository.path(), "poll = \"200ms\"");
        shop.await_verified();
        shop.home.said(&["promote", "1", "--yes", "--wait", "--reason", "author=first"]);
        shop.newest += shop.import();
        shop.await_verified();
        shop
    }

    fn await_verified(&self) {
        let number = self.newest;
        until("the newest build is verified", || {
            let builds = self.home.listed(&["builds", "--json"]);
            let is = |build: &&Value| build["number"] == number && build["state"] == "verified";
            builds.as_array().unwrap().iter().find(is).is_some()
        });
    }

    /// A commit for each entry, which is its author, message and file name; and a branch of that name where git allows.
    fn import(&self) -> u64 {
        let mut stream = Vec::new();
        let mut count = 0;
        for entry in entries() {
            count += 1;
            commit(&mut stream, count, &entry.bytes());
        }
        let mut git = Command::new("git")
            .args(["fast-import", "--quiet", "--force"])
            .current_dir(self.repository.path())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        git.stdin.take().unwrap().write_all(&stream).unwrap();
        assert!(git.wait().unwrap().success());
        count
    }
}

/// Those that a commit can carry; larger ones are cut off long before they reach anybody.
pub fn entries() -> impl Iterator<Item = Entry> {
    corpus().into_iter().filter(|entry| entry.bytes().len() < SHORT)
}

/// One commit for `git fast-import`, with the bytes that git takes at each place.
fn commit(stream: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    let without = |refused: &[u8]| -> Vec<u8> {
        bytes.iter().copied().filter(|byte| !refused.contains(byte)).collect()
    };
    let time = 1_760_000_000 + number;
    let message =
        [without(b"\0"), b"\n\nCo-authored-by: ".into(), without(b"\0\n<>"), b" <x@y>\n".into()];
    let message = message.concat();
    let path: Vec<u8> = without(b"\0/").into_iter().take(150).collect();
    stream.extend_from_slice(b"commit refs/heads/main\nauthor ");
    stream.extend(without(b"\0\n<>"));
    stream.extend(format!(" <e{number}@example.com> {time} +0000\n").bytes());
    stream.extend(format!("committer bot <bot@example.com> {time} +0000\n").bytes());
    stream.extend(format!("data {}\n", message.len()).bytes());
    stream.extend(message);
    if number == 1 {
        stream.extend_from_slice(b"\nfrom refs/heads/main^0");
    }
    stream.extend(format!("\nM 100644 inline \"f/{number}-").bytes());
    stream.extend(path.iter().flat_map(|byte| format!("\\{byte:03o}").into_bytes()));
    stream.extend_from_slice(b"\"\ndata 2\nx\n\n");
}
