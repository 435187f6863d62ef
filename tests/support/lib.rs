//! What several test programs and benchmarks need: a watched repository, an engine, a user, a terminal, a console.

#![allow(
    clippy::missing_errors_doc,
    clippy::must_use_candidate,
    clippy::new_without_default,
    clippy::return_self_not_must_use,
    reason = "only tests call this"
)]

pub mod act;
pub mod bench;
pub mod buildbot;
pub mod clock;
pub mod console;
pub mod corpus;
pub mod dice;
pub mod engine;
pub mod faulty_proxy;
pub mod git_server;
pub mod github;
pub mod github_description;
pub mod home;
pub mod hosts;
pub mod invalid;
pub mod jobs;
pub mod notices;
pub mod proofs;
pub mod proxy;
pub mod pty;
pub mod record;
pub mod repository;
pub mod service_file;
pub mod serving;
pub mod shop;
pub mod slack;
pub mod small_shop;
pub mod team;
pub mod two_shops;
pub mod vendors;
pub mod version_page;
pub mod zizmor;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The login of whoever runs the tests.
pub fn login() -> String {
    let id = std::process::Command::new("id").arg("-un").output().expect("the system has `id`");
    String::from_utf8(id.stdout).expect("a login is text").trim().to_owned()
}

/// Writes a script that can be run.
pub fn write_script(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// The program under test. Cargo builds it into the folder above the one of the test programs.
pub fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a running program has a path");
    let target =
        test.parent().and_then(Path::parent).expect("test programs are in target/debug/deps");
    target.join("trunkline")
}
