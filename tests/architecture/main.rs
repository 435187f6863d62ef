//! The shape of the source: which module may use which, what the domain never touches, and a first line that says
//! what each file is for.

mod circles;
mod type_names;

use std::fs;
use std::path::{Path, PathBuf};

/// Each module and the modules of ours that it may name.
const MAY_USE: &[(&str, &[&str])] = &[
    ("settings", &[]),
    ("calendar", &["settings"]),
    ("gate", &[]),
    ("migrations", &[]),
    ("workflows", &[]),
    ("domain", &["settings", "calendar", "gate", "migrations"]),
    ("postmortem", &["domain", "gate"]),
    ("terminal", &["gate"]),
    ("config", &["domain", "settings", "calendar", "migrations", "workflows"]),
    ("git", &["domain", "migrations", "workflows"]),
    ("store", &["domain"]),
    ("api", &["domain", "calendar"]),
    ("oidc", &["domain"]),
    (
        "engine",
        &["domain", "calendar", "config", "gate", "git", "migrations", "store", "workflows"],
    ),
    ("notify", &["domain", "calendar", "config", "engine", "gate", "postmortem", "store"]),
    ("backend", &["domain", "calendar", "api", "config", "engine", "oidc"]),
    ("server", &["domain", "calendar", "api", "backend", "gate"]),
    (
        "console",
        &["domain", "settings", "calendar", "config", "backend", "gate", "migrations", "terminal"],
    ),
];

/// What a module must not name, because another owns it. `""` stands for all modules but the ones named last.
const BANNED: &[(&str, &str, &[&str])] = &[
    ("migrations", "std::fs", &[]),
    ("workflows", "std::fs", &[]),
    ("", "granit_parser", &["workflows"]),
    ("domain", "tokio", &[]),
    ("domain", "ratatui", &[]),
    ("domain", "reqwest", &[]),
    ("domain", "rusqlite", &[]),
    ("domain", "std::fs", &[]),
    ("domain", "std::process", &[]),
    ("", "nucleo_matcher", &["console"]),
    ("", "rusqlite", &["store"]),
    ("", "sqlparser", &["migrations"]),
    ("", "axum", &["server"]),
    ("", "askama", &["server"]),
    ("", "hmac::", &["domain", "notify", "server"]),
    ("", "prometheus_client", &["server"]),
    ("", "tokio_rustls", &["server"]),
    ("", "jsonwebtoken", &["engine", "oidc"]),
    ("", "rustls_pki_types", &["engine"]),
    ("", "reqwest", &["backend", "engine", "notify", "oidc"]),
    ("", "enable_raw_mode", &["terminal"]),
];

/// The only file that may read the wall clock.
const CLOCK: &str = "src/engine/clock.rs";

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the source folder can be read") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

/// The module that a file belongs to: the first folder or file below `src`.
fn module(path: &Path) -> String {
    let inside = path.strip_prefix("src").expect("the file is below src");
    let first = inside.iter().next().expect("the path has a first part");
    first.to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// A file's code without its comments, up to its unit tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("the source can be read");
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn modules_use_only_what_lies_below_them() {
    let mut wrong = Vec::new();
    for path in sources(Path::new("src")) {
        let module = module(&path);
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == module) else { continue };
        let code = code(&path);
        for (other, _) in MAY_USE.iter().chain(&[("cli", &[][..])]) {
            let names_it = code.contains(&format!("crate::{other}::"));
            if names_it && *other != module && !allowed.contains(other) {
                wrong.push(format!("{}: {module} must not use {other}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_one_module_owns_is_named_nowhere_else() {
    let mut wrong = Vec::new();
    for path in sources(Path::new("src")) {
        let (module, code) = (module(&path), code(&path));
        for (here, word, owners) in BANNED {
            let applies = here.is_empty() || *here == module;
            if applies && !owners.contains(&module.as_str()) && code.contains(word) {
                wrong.push(format!("{}: {module} must not name {word}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The one file of the console that turns the terminal's key codes into ours.
const KEY_CODES: &str = "src/console/actions/chord.rs";
/// Which key does what is said in the tables alone.
const KEY_TABLES: &str = "src/console/actions/tables.rs";

#[test]
fn the_console_knows_key_codes_in_one_file() {
    let words = ["KeyCode", "KeyModifiers"];
    let names_one = |path: &PathBuf| words.iter().any(|word| code(path).contains(word));
    let wrong: Vec<_> = sources(Path::new("src/console"))
        .into_iter()
        .filter(|path| *path != Path::new(KEY_CODES) && names_one(path))
        .collect();
    assert!(wrong.is_empty(), "key codes outside {KEY_CODES}: {wrong:?}");
}

/// What stands between quotation marks in a file.
fn texts(path: &Path) -> Vec<String> {
    let code = code(path).replace("\\\"", "'");
    code.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn no_key_is_named_outside_of_the_tables() {
    let keys = ["esc", "enter", "pgdn", "pgup", "space", "tab", "ctrl", "backspace"];
    let names_one = |text: &str| {
        let mut words = text.split(|c: char| !c.is_alphanumeric());
        words.any(|word| keys.contains(&word.to_lowercase().as_str()))
    };
    let mut wrong = Vec::new();
    for path in sources(Path::new("src/console")) {
        if [KEY_CODES, KEY_TABLES].iter().any(|file| path == Path::new(file)) {
            continue;
        }
        let texts = texts(&path).into_iter().filter(|text| names_one(text));
        wrong.extend(texts.map(|text| format!("{}: {text:?}", path.display())));
    }
    assert!(wrong.is_empty(), "name keys by the keymap:\n{}", wrong.join("\n"));
}

/// The domain and the engine say what to do as a `Remedy`; which key or command does it is known to the clients alone.
#[test]
fn the_domain_and_the_engine_name_no_key_and_no_command() {
    let names_a_way = |text: &str| {
        let is_flag = |word: &str| {
            let word = word.trim_start_matches(['(', '`', '\'']);
            word.strip_prefix("--").is_some_and(|name| name.starts_with(|c: char| c.is_lowercase()))
        };
        let commands = ["init", "engine", "where", "migrations", "verify", "release", "rollback"];
        let command = |name: &&str| text.contains(&format!("trunkline {name}"));
        // The flags of git are the same for every client.
        let is_of_git = text.contains("git -C ");
        !is_of_git && text.split(' ').any(is_flag) || commands.iter().any(command)
    };
    let mut wrong = Vec::new();
    for path in sources(Path::new("src")) {
        if !matches!(module(&path).as_str(), "domain" | "engine") {
            continue;
        }
        let texts = texts(&path).into_iter().filter(|text| names_a_way(text));
        wrong.extend(texts.map(|text| format!("{}: {text:?}", path.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_wall_clock_is_read_in_one_file() {
    let reads = |path: &PathBuf| code(path).contains("Utc::now");
    let wrong: Vec<_> = sources(Path::new("src"))
        .into_iter()
        .filter(|path| *path != Path::new(CLOCK) && reads(path))
        .collect();
    assert!(wrong.is_empty(), "Utc::now outside {CLOCK}: {wrong:?}");
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent = |path: &PathBuf| {
        !fs::read_to_string(path).expect("the source can be read").starts_with("//! ")
    };
    let mut all = sources(Path::new("src"));
    all.extend(sources(Path::new("tests")));
    let wrong: Vec<_> = all.into_iter().filter(silent).collect();
    assert!(wrong.is_empty(), "no //! on the first line: {wrong:?}");
}

#[test]
fn no_file_grows_beyond_600_lines() {
    let lines =
        |path: &Path| fs::read_to_string(path).expect("the source can be read").lines().count();
    let wrong: Vec<_> = sources(Path::new("src"))
        .into_iter()
        .map(|path| (lines(&path), path))
        .filter(|(lines, _)| *lines > 600)
        .collect();
    assert!(wrong.is_empty(), "too long, each a question what it really is: {wrong:?}");
}

#[test]
fn no_test_takes_a_file_of_another_program() {
    let attribute = concat!("#[", "path");
    let takes = |path: &PathBuf| {
        fs::read_to_string(path).expect("the test can be read").contains(attribute)
    };
    let wrong: Vec<_> = sources(Path::new("tests")).into_iter().filter(takes).collect();
    assert!(wrong.is_empty(), "share it by tests/support instead: {wrong:?}");
}

#[test]
fn every_test_that_the_promises_name_exists() {
    let promises = fs::read_to_string("tests/PROMISES.md").expect("the page can be read");
    let tests: String = ["tests", "src"]
        .iter()
        .flat_map(|folder| sources(Path::new(folder)))
        .map(|path| fs::read_to_string(path).expect("the test can be read"))
        .collect();
    let names = promises.lines().filter_map(|line| line.strip_prefix("- `")?.strip_suffix('`'));
    let is_there = |name: &str| {
        Path::new(name).exists()
            || ["(", "<"].iter().any(|end| tests.contains(&format!("fn {name}{end}")))
    };
    let (there, missing): (Vec<_>, Vec<_>) = names.partition(|name| is_there(name));
    assert!(missing.is_empty(), "named in tests/PROMISES.md, in no test: {missing:?}");
    assert!(there.len() > 150, "the page was read: {there:?}");
}
