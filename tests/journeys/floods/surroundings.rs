//! Surroundings that are broken: each is said in a sentence with the place and the way out, by the command that meets
//! it and by `trunkline doctor`, with the exit code that tells whose mistake it is.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Output;

use super::output::newest_state;
use trunkline_testing::home::{Home, until};
use trunkline_testing::repository::Repository;
use trunkline_testing::service_file::service_file;
use trunkline_testing::shop::shop;
use trunkline_testing::write_script;

/// A user who watches a repository with one commit; no engine runs yet.
fn watched() -> (Home, Repository) {
    let shop = shop(&service_file().idle().text()).watched("poll = \"100ms\"");
    (shop.home, shop.repository)
}

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

/// Something that is wrong before the engine starts.
struct Fault {
    name: &'static str,
    make: fn(&Home),
    /// The exit code of a command, and what it says.
    command: (i32, &'static str),
    /// What doctor says, on one line.
    doctor: [&'static str; 2],
}

fn data(home: &Home, name: &str) -> std::path::PathBuf {
    let path = home.path("data").join(name);
    let folder = path.parent().unwrap();
    fs::create_dir_all(folder).unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    path
}

/// Leaves nothing on the PATH but these programs.
fn programs(home: &Home, kept: &[&str]) {
    let folder = home.path("programs");
    fs::create_dir(&folder).unwrap();
    let places: Vec<_> = std::env::split_paths(&std::env::var_os("PATH").unwrap()).collect();
    for name in kept {
        let found = places.iter().map(|place| place.join(name)).find(|path| path.exists());
        symlink(found.unwrap(), folder.join(name)).unwrap();
    }
}

fn old_git(home: &Home) {
    programs(home, &["sh"]);
    let git = home.path("programs/git");
    write_script(&git, "#!/bin/sh\necho git version 2.10.0\n");
}

fn newer(home: &Home) {
    let database = rusqlite::Connection::open(data(home, "trunkline.db")).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
}

const FAULTS: &[Fault] = &[
    Fault {
        name: "the data folder is a file",
        make: |home| fs::write(home.path("data"), "").unwrap(),
        command: (2, "data is not a folder; move it away, or set TRUNKLINE_DATA_DIR to another"),
        doctor: ["data is not a folder", "TRUNKLINE_DATA_DIR"],
    },
    Fault {
        name: "the data folder is a link to itself",
        make: |home| symlink(home.path("data"), home.path("data")).unwrap(),
        command: (2, "data is not a folder; move it away"),
        doctor: ["Too many levels of symbolic links", "TRUNKLINE_DATA_DIR"],
    },
    Fault {
        name: "the user file is a folder",
        make: |home| {
            fs::remove_file(home.path("config/config.toml")).unwrap();
            fs::create_dir(home.path("config/config.toml")).unwrap();
        },
        command: (2, "config.toml: cannot be read: Is a directory"),
        doctor: ["config.toml: cannot be read", "correct the file"],
    },
    Fault {
        name: "the record is something else",
        make: |home| fs::write(data(home, "trunkline.db"), "no record ".repeat(100)).unwrap(),
        command: (1, "trunkline.db\" is damaged or is not a trunkline record"),
        doctor: ["trunkline.db\" is damaged", "trunkline restore FILE --instead"],
    },
    Fault {
        name: "the record is a folder",
        make: |home| fs::create_dir(data(home, "trunkline.db")).unwrap(),
        command: (1, "make it a file that you can read and write"),
        doctor: ["trunkline.db", "move it away"],
    },
    Fault {
        name: "the record is from a newer version",
        make: newer,
        command: (1, "was written by a newer trunkline (its schema is 99"),
        doctor: ["was written by a newer trunkline", "install that version"],
    },
    Fault {
        name: "a file is where the socket goes",
        make: |home| fs::write(data(home, "run/engine.sock"), "").unwrap(),
        command: (1, "engine.sock\" is not a socket; move it away"),
        doctor: ["engine.sock is not a socket", "move it away"],
    },
    Fault {
        name: "a folder is where the socket goes",
        make: |home| fs::create_dir(data(home, "run/engine.sock")).unwrap(),
        command: (1, "engine.sock\" is not a socket; move it away"),
        doctor: ["engine.sock is not a socket", "move it away"],
    },
    Fault {
        name: "a link is where the socket goes",
        make: |home| symlink("/nowhere", data(home, "run/engine.sock")).unwrap(),
        command: (1, "engine.sock\" is not a socket; move it away"),
        doctor: ["engine.sock is not a socket", "move it away"],
    },
    Fault {
        name: "the lock is a folder",
        make: |home| fs::create_dir(data(home, "engine.lock")).unwrap(),
        command: (1, "move it away"),
        doctor: ["engine.lock is not a file", "move it away"],
    },
    Fault {
        name: "git is missing",
        make: |home| programs(home, &["sh"]),
        command: (0, "install git and put it on the PATH"),
        doctor: ["git", "install git and put it on the PATH"],
    },
    Fault {
        name: "git is too old",
        make: old_git,
        command: (0, "problem"),
        doctor: ["git version 2.10.0 is too old", "install 2.35 or newer"],
    },
    Fault {
        name: "sh is missing",
        make: |home| programs(home, &["git"]),
        command: (0, "checkout"),
        doctor: ["sh", "put sh on the PATH"],
    },
    Fault {
        name: "others can write into the data folder",
        make: |home| {
            data(home, "x");
            fs::set_permissions(home.path("data"), fs::Permissions::from_mode(0o777)).unwrap();
        },
        command: (0, "checkout"),
        doctor: ["other users can write to", "run: chmod go-w"],
    },
    Fault {
        name: "others can write into the user file",
        make: |home| {
            let open = fs::Permissions::from_mode(0o666);
            fs::set_permissions(home.path("config/config.toml"), open).unwrap();
        },
        command: (0, "checkout"),
        doctor: ["other users can write to", "run: chmod go-w"],
    },
];

#[test]
fn whatever_is_wrong_is_said_with_its_place_and_the_way_out() {
    for fault in FAULTS {
        let (home, _repository) = watched();
        (fault.make)(&home);
        let run = |arguments: &[&str]| {
            let mut command = home.command(arguments);
            if home.path("programs").exists() {
                command.env("PATH", home.path("programs"));
            }
            command.output().unwrap()
        };
        let said = run(&["status"]);
        let (code, sentence) = fault.command;
        assert_eq!(said.status.code(), Some(code), "{}: {said:?}", fault.name);
        assert!(text(&said).contains(sentence), "{}: {}", fault.name, text(&said));
        let doctor = run(&["doctor"]);
        assert_eq!(doctor.status.code(), Some(1), "{}: {doctor:?}", fault.name);
        let out = String::from_utf8_lossy(&doctor.stdout).into_owned();
        let told = out.lines().filter(|line| line.starts_with("WRONG"));
        let says = |line: &str| fault.doctor.iter().all(|part| line.contains(part));
        assert!(told.into_iter().any(says), "{}:\n{out}", fault.name);
    }
}

#[test]
fn a_lock_that_a_dead_engine_left_keeps_nobody_out() {
    let (home, _repository) = watched();
    fs::write(data(&home, "engine.lock"), "1\n").unwrap();
    drop(UnixListener::bind(data(&home, "run/engine.sock")).unwrap());
    home.said(&["status"]);
    let doctor = home.trunkline(&["doctor"]);
    assert_eq!(doctor.status.code(), Some(0), "{doctor:?}");
}

#[test]
fn somebody_else_at_the_socket_is_no_engine_and_doctor_says_so() {
    let (home, _repository) = watched();
    let stranger = UnixListener::bind(data(&home, "run/engine.sock")).unwrap();
    std::thread::spawn(move || {
        use std::io::Write as _;
        for mut client in stranger.incoming().flatten() {
            let _gone = client.write_all(b"220 mail ready\r\n");
        }
    });
    let said = home.trunkline(&["status"]);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    assert!(text(&said).contains("the engine did not answer"), "{}", text(&said));
    let doctor = home.trunkline(&["doctor"]);
    assert!(text(&doctor).contains("stop the program that listens on"), "{}", text(&doctor));
}

#[cfg(target_os = "linux")]
#[test]
fn a_log_of_ours_that_cannot_be_written_keeps_nobody_from_anything() {
    let (home, _repository) = watched();
    for log in ["engine.log", "console.log"] {
        symlink("/dev/full", data(&home, log)).unwrap();
    }
    until("the build is verified", || newest_state(&home).as_deref() == Some("verified"));
    let mut console = home.on_terminal(&[], (120, 40));
    console.shows("verified");
    assert!(console.quits());
}

fn problems(home: &Home) -> String {
    home.json(&["status", "--json"])["problems"].to_string()
}

/// The engine goes on with what it knew, and so does everybody who asks it.
#[test]
fn a_user_file_that_breaks_while_the_engine_runs_keeps_nobody_from_acting() {
    let (home, _repository) = watched();
    let file = home.path("config/config.toml");
    let good = fs::read_to_string(&file).unwrap();
    until("the build is verified", || newest_state(&home).as_deref() == Some("verified"));
    fs::write(&file, format!("{good}\nstale_after = soon\n")).unwrap();
    let line = good.lines().count() + 2;
    let place = format!("config.toml:{line}:");
    until("the mistake is said with its place", || problems(&home).contains(&place));
    let held = home.trunkline(&["hold", "--reason", "the file is broken"]);
    assert_eq!(held.status.code(), Some(0), "{held:?}");
    let warned = String::from_utf8_lossy(&held.stderr).into_owned();
    assert!(
        warned.contains(&place) && warned.contains("the running engine uses the last good version"),
        "{warned}"
    );
    let mut console = home.on_terminal(&[], (160, 40));
    console.shows("ON HOLD");
    console.shows(&place);
    let doctor = home.trunkline(&["doctor"]);
    assert!(text(&doctor).contains(&place), "{doctor:?}");
    fs::write(&file, good).unwrap();
    until("it is mended", || problems(&home) == "[]");
    console.hides(&place);
    assert!(console.quits());
}

#[test]
fn a_service_file_that_breaks_on_the_trunk_leaves_the_last_good_one() {
    let (home, repository) = watched();
    until("the build is verified", || newest_state(&home).as_deref() == Some("verified"));
    repository
        .write("trunkline.toml", &service_file().idle().text().replace("verify = ", "verif = "));
    repository.commit_all("Ann", "ann@example.com", "break it");
    let service = || home.json(&["status", "--json", "--service", "checkout"]);
    until("the mistake is said with its place", || {
        service()["problems"].to_string().contains("trunkline.toml:5:1")
    });
    assert_eq!(service()["policy"]["verify"], serde_json::json!([{"step": "smoke"}]));
    repository.write("trunkline.toml", &service_file().idle().text());
    repository.commit_all("Ann", "ann@example.com", "mend it");
    until("it is mended", || service()["problems"] == serde_json::json!([]));
}

fn watch_too(home: &Home, repository: &str) {
    let file = home.path("config/config.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(file, format!("{text}\n[[services]]\nrepository = '{repository}'\n")).unwrap();
}

#[test]
fn a_remote_that_never_answers_keeps_the_engine_from_nothing() {
    let (home, repository) = watched();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    watch_too(&home, &format!("http://{}/dead.git", silent.local_addr().unwrap()));
    home.said(&["status"]);
    let (_asked, _) = silent.accept().unwrap();
    for number in 2..5 {
        repository.commit(&format!("change {number}"));
        until("the merge is verified", || {
            let output = home.trunkline(&["builds", "--json", "--service", "checkout"]);
            let builds = serde_json::from_slice(&output.stdout).unwrap_or(serde_json::Value::Null);
            builds[0]["number"] == number && builds[0]["state"] == "verified"
        });
    }
    home.said(&["hold", "--reason", "it is recorded", "--service", "checkout"]);
}

#[test]
fn a_repository_that_is_gone_is_said_and_comes_back() {
    let (home, repository) = watched();
    until("the build is verified", || newest_state(&home).as_deref() == Some("verified"));
    let away = home.path("away");
    fs::rename(repository.path(), &away).unwrap();
    let service = || home.json(&["status", "--json", "--service", "checkout"]);
    until("it is said", || service()["problems"].to_string().contains("git fetch failed"));
    let said = service()["problems"][0]["what"].as_str().unwrap().to_owned();
    assert!(!said.contains('\n') && said.contains("not appear to be a git repository"), "{said}");
    let doctor = home.trunkline(&["doctor"]);
    assert!(
        text(&doctor).contains("check access; if the repository moved, write its new address"),
        "{doctor:?}"
    );
    fs::rename(&away, Path::new(repository.path())).unwrap();
    until("it is back", || service()["problems"] == serde_json::json!([]));
}

/// Takes the lock of a mirror as git does while it makes one, and keeps it until it may go on.
const SLOW: &str = r#"#!/bin/sh
for last; do :; done
case "$* " in *" init "*mirrors/*)
    mkdir -p "$last"
    set -C
    : > "$last/config.lock" || { echo "could not lock config file $last/config.lock: File exists" >&2; exit 128; }
    while [ ! -e "$HOME/may-go-on" ]; do sleep 0.02; done
    rm "$last/config.lock" ;;
esac
PATH=${PATH#*:} exec git "$@"
"#;

#[test]
fn a_mirror_that_is_made_slower_than_an_engine_waits_is_made_all_the_same() {
    let (home, _repository) = watched();
    until("the build is verified", || newest_state(&home).as_deref() == Some("verified"));
    home.said(&["engine", "stop"]);
    fs::remove_dir_all(home.path("data/mirrors")).unwrap();
    let git = data(&home, "slow/git");
    write_script(&git, SLOW);
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", git.parent().unwrap().display());
    // It listens by now, and waits for git no more.
    let restarted = home.command(&["engine", "restart"]).env("PATH", path).output().unwrap();
    assert!(restarted.status.success(), "{restarted:?}");
    assert!(newest_state(&home).is_none(), "its mirror is not made yet");
    fs::write(home.path("may-go-on"), "").unwrap();
    until("the service is there", || newest_state(&home).as_deref() == Some("verified"));
    home.said(&["engine", "stop"]);
}
