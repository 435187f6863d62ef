//! Every command that a plan or a refusal prints as what to do is tried on a real shop.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use trunkline_testing::home::{Home, until};
use trunkline_testing::shop::Shop;

const RUN: &str = "run: trunkline ";

/// Runs the printed command that begins so, with these words filled in, and what else it needs without a terminal.
fn follow(
    shop: &Shop,
    printed: &str,
    begins: &str,
    filled: &[(&str, &str)],
    more: &[&str],
) -> String {
    let commands = printed.split(RUN).skip(1).map(|rest| {
        let end = rest.find([';', '\n']).unwrap_or(rest.len());
        rest[..end].to_owned()
    });
    let command = commands.into_iter().find(|command| command.starts_with(begins));
    let mut command = command.unwrap_or_else(|| panic!("no {begins:?} in {printed}"));
    for (word, with) in filled {
        command = command.replace(word, with);
    }
    let words: Vec<_> = command.split(' ').chain(more.iter().copied()).collect();
    shop.home.said(&words)
}

fn in_staging(shop: &Shop, number: u64) {
    until("the build is in staging", || {
        let builds = shop.home.listed(&["builds", "--json"]);
        let of = |build: &serde_json::Value| {
            build["number"] == number && build["in_staging_since"].is_string()
        };
        builds.as_array().unwrap().iter().any(of)
    });
}

fn refused(shop: &Shop, arguments: &[&str]) -> String {
    let output = shop.home.trunkline(arguments);
    assert!(!output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn live(shop: &Shop) -> serde_json::Value {
    shop.home.json(&["status", "--service", "checkout", "--json"])["live"]["production"]["build"]
        .clone()
}

#[test]
fn every_command_that_a_plan_prints_does_what_it_says() {
    let shop = Shop::open();
    let plan = |build: &str| shop.home.said(&["plan", "promote", build]);
    in_staging(&shop, 1);
    follow(&shop, &plan("1"), "verify", &[], &[]);
    assert!(!plan("1").contains("run: trunkline verify"));
    shop.home.said(&["promote", "1", "--yes", "--wait"]);

    shop.merge("two");
    in_staging(&shop, 2);
    shop.home.said(&["hold", "--reason", "the sale"]);
    follow(&shop, &plan("2"), "release", &[], &[]);
    assert!(plan("2").contains("Production is not on hold"));
    follow(&shop, &plan("2"), "verify", &[], &[]);
    shop.home.said(&["promote", "2", "--yes", "--wait"]);

    let back = follow(&shop, &plan("1"), "rollback", &[], &["--yes", "--wait"]);
    assert_eq!(live(&shop), 1, "{back}");
    let bad = shop.repository.head();
    let not_named = refused(&shop, &["release", "--reason", "x", "--bad", "abcdef1234"]);
    let unknown = not_named.split(RUN).nth(1).unwrap().trim().split(' ').collect::<Vec<_>>();
    assert_eq!(unknown, ["where", "abcdef1234"]);
    follow(&shop, &plan("2"), "release", &[("SHA", bad.as_str())], &[]);
    assert!(plan("2").contains("Contains bad commit"));

    let message = format!("Revert \"two\"\n\nThis reverts commit {bad}.");
    shop.repository.write("page.html", "three");
    shop.repository.commit_all("Ann", "ann@example.com", &message);
    in_staging(&shop, 3);
    shop.home.said(&["verify", "3", "--note", "fine"]);
    follow(&shop, &plan("2"), "promote", &[], &["--yes", "--wait"]);
    assert_eq!(live(&shop), 3);

    shop.repository.write("page.html", "four");
    shop.repository.commit_all("Raj", "raj@example.com", "by raj");
    in_staging(&shop, 4);
    shop.home.said(&["verify", "4", "--note", "fine"]);
    follow(&shop, &plan("4"), "ask", &[], &[]);
    assert!(shop.home.said(&["requests"]).contains("#4"));

    shop.close_gate();
    shop.home.said(&["promote", "4", "--yes", "--reason", "author=nobody else is here"]);
    let running = plan("4");
    shop.open_gate();
    assert!(follow(&shop, &running, "logs", &[], &[]).contains("promote of 4 is out"));
}

/// The commands that sentences in `src` name, each with a test that runs it. That of `cli/remedy.rs`, which makes its
/// commands from data, is above.
const TRIED: [(&str, &str); 30] = [
    ("--demo engine stop", "a_stopped_engine_says_that_the_demo_has_one_too"),
    ("--help", "help_and_version_are_answers_and_mistakes_are_usage_errors"),
    ("adopt", "a_newcomer_deploys_a_service_with_a_past_and_a_second_person_joins"),
    ("audit export", "an_export_is_read_back_whole_and_runs_in_no_spreadsheet"),
    ("audit head", "a_head_that_was_kept_finds_a_tail_that_was_cut_off"),
    ("audit list", "a_filter_takes_what_it_names_and_an_unknown_kind_is_a_mistake"),
    ("audit verify", "a_head_that_was_kept_finds_a_tail_that_was_cut_off"),
    ("demo", "a_demo_goes_on_when_it_is_opened_again_and_starts_over_when_it_is_reset"),
    ("doctor", "somebody_else_at_the_socket_is_no_engine_and_doctor_says_so"),
    ("engine restart", "a_second_engine_is_refused_and_told_who_the_first_is"),
    ("engine stop", "a_second_engine_is_refused_and_told_who_the_first_is"),
    ("freeze list", "a_freeze_by_calendar_is_listed_shown_drawn_and_checked"),
    ("incident postmortem", "a_rollback_asks_becomes_an_incident_and_ends_in_a_postmortem"),
    ("incident reopen", "a_rollback_asks_becomes_an_incident_and_ends_in_a_postmortem"),
    ("incident show", "a_rollback_asks_becomes_an_incident_and_ends_in_a_postmortem"),
    ("init", "init_writes_a_file_that_works_and_never_overwrites_one"),
    ("keys", "every_action_is_printed_with_its_keys"),
    ("login", "an_engineer_signs_in_from_a_laptop_and_is_known_by_name"),
    ("logs", "reading_commands_print_documents"),
    ("notify retry", "a_destination_is_tried_shown_and_checked"),
    ("notify status", "without_a_destination_no_file_is_made"),
    ("promote", "every_command_that_a_plan_prints_does_what_it_says"),
    ("quarantine add", "a_commit_in_quarantine_is_said_without_the_promote_that_would_ship_it"),
    ("restore", "a_damaged_record_is_replaced_only_instead_and_is_kept"),
    ("rollback", "without_a_person_a_rollback_past_the_floor_names_its_build"),
    ("serve", "a_server_file_that_cannot_be_followed_leaves_the_owner_its_socket"),
    ("status", "reading_commands_print_documents"),
    ("themes", "a_shipped_theme_that_is_printed_is_one_that_can_be_used_and_changed"),
    ("token create", "an_engineer_signs_in_from_a_laptop_and_is_known_by_name"),
    ("token list", "an_engineer_signs_in_from_a_laptop_and_is_known_by_name"),
];

/// Every file with this ending below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    let read = |path: PathBuf| (path.clone(), fs::read_to_string(path).unwrap());
    found.into_iter().map(read).collect()
}

/// The commands that have commands of their own.
const GROUPS: [&str; 10] = [
    "--demo",
    "audit",
    "engine",
    "freeze",
    "incident",
    "migrations",
    "notify",
    "plan",
    "quarantine",
    "token",
];

/// The words of the command that a sentence names after `trunkline `; none if it names none.
fn command_words(verbs: &str, rest: &str) -> Option<String> {
    let mut words: Vec<&str> = Vec::new();
    for word in rest.split(' ') {
        let is_part = |c: char| c.is_ascii_lowercase() || c == '-';
        let (word, after) = word.split_at(word.find(|c| !is_part(c)).unwrap_or(word.len()));
        let fits = match words.last() {
            None | Some(&"--demo") => {
                GROUPS.contains(&word)
                    || word == "--help"
                    || verbs.contains(&format!("\n  {word} "))
            }
            Some(group) => GROUPS.contains(group) && !word.starts_with('-'),
        };
        if word.is_empty() || !fits {
            break;
        }
        words.push(word);
        if !after.is_empty() {
            break;
        }
    }
    // "a trunkline engine" is the thing and no command.
    (!words.is_empty() && words != ["engine"]).then(|| words.join(" "))
}

#[test]
fn every_command_that_a_sentence_names_is_run_by_a_test() {
    let (tests, verbs) = (sources("tests"), Home::new().said(&["--help"]));
    let mut named = BTreeMap::new();
    for (path, text) in sources("src") {
        // The help has tests of its own that try its examples.
        if path.ends_with("cli/help.rs") || path.ends_with("tests.rs") {
            continue;
        }
        let text = text.split("#[cfg(test)]").next().unwrap();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for rest in lines.flat_map(|line| line.split("trunkline ").skip(1)) {
            if let Some(command) = command_words(&verbs, rest) {
                named.entry(command).or_insert_with(|| path.clone());
            }
        }
    }
    assert!(named.len() > 10, "{named:?}");
    for (command, path) in &named {
        let tried = TRIED.iter().find(|(of, _)| of == command);
        let (_, name) = tried.unwrap_or_else(|| panic!("no test for {command:?} in {path:?}"));
        let has = |text: &str| text.contains(&format!("fn {name}("));
        let (_, text) = tests.iter().find(|(_, text)| has(text)).expect(name);
        let runs = command.split(' ').all(|word| text.contains(&format!("\"{word}\"")));
        assert!(runs || text.contains(command.as_str()), "{name} does not run {command:?}");
    }
    for (command, _) in TRIED {
        assert!(named.contains_key(command), "no sentence names {command:?} any more");
    }
}
