//! Every command over a repository full of the corpus, on a terminal and into a pipe.

use std::fs;

use serde_json::Value;

use super::oracle::{fault_in_log, fault_in_sentence, is_unseen};
use super::shop::Shop;

/// A terminal on which few lines are too long.
const WIDE: (u16, u16) = (250, 50);
const HOSTILE: &str =
    "late \u{1b}[31m\u{1b}]0;owned\u{7} \u{202e}ma\u{200b}in \u{9b}2J\r\n\u{feff}";

/// Asserts that these are lines of visible text and nothing else.
fn assert_text(what: &[&str], bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap_or_else(|_| panic!("{what:?}: no UTF-8"));
    for line in text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)) {
        let fault = if what[0] == "logs" { fault_in_log(line) } else { fault_in_sentence(line) };
        assert_eq!(fault, None, "{what:?} wrote {line:?}");
    }
}

fn assert_document(what: &[&str], bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap_or_else(|_| panic!("{what:?}: no UTF-8"));
    let unseen = text.chars().find(|c| *c != '\n' && is_unseen(*c));
    assert_eq!(unseen, None, "{what:?}");
    let documents = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    assert!(documents.map(Result::unwrap).count() > 0, "{what:?} printed nothing");
}

/// Runs a command into pipes and on a terminal without colours; both get text alone. What it printed into the pipe.
fn said(shop: &Shop, arguments: &[&str]) -> String {
    let piped = shop.home.trunkline(arguments);
    assert_text(arguments, &piped.stdout);
    assert_text(arguments, &piped.stderr);
    let mut terminal = shop.home.on_terminal_with(arguments, WIDE, &[("NO_COLOR", "1")]);
    terminal.exit_code();
    // The line of the waiting is written again in its place.
    let text = String::from_utf8(terminal.bytes()).expect("text").replace("\r\u{1b}[K", "\n");
    assert_text(arguments, text.as_bytes());
    String::from_utf8([piped.stdout, piped.stderr].concat()).unwrap()
}

fn documents(shop: &Shop, arguments: &[&str]) {
    let piped = shop.home.trunkline(arguments);
    assert!(piped.status.success(), "{arguments:?}: {piped:?}");
    assert_document(arguments, &piped.stdout);
    let mut terminal = shop.home.on_terminal(arguments, WIDE);
    terminal.exit_code();
    let text = String::from_utf8(terminal.bytes()).expect("text").replace('\r', "");
    // A note, as that a list was cut, goes to standard error, which is the same terminal.
    assert_text(arguments, &piped.stderr);
    let note = String::from_utf8(piped.stderr).expect("text");
    assert_document(arguments, text.replace(&note, "").as_bytes());
}

/// In colours, a table has those of its own cells and no other control characters.
fn colours_its_tables_alone(shop: &Shop) {
    for arguments in [&["builds"][..], &["history"]] {
        let mut terminal = shop.home.on_terminal(arguments, WIDE);
        terminal.exit_code();
        let bytes = terminal.bytes();
        let text = std::str::from_utf8(&bytes).expect("text");
        let own =
            ["\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m", "\u{1b}[2m", "\u{1b}[36m", "\u{1b}[0m"];
        for line in text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)) {
            let colours = line.matches('\u{1b}').count();
            // One pair for the cell of the state: nothing that others wrote adds another.
            assert!(colours <= 2, "{line:?}");
            let plain = own.iter().fold(line.to_owned(), |line, own| line.replace(own, ""));
            assert_eq!(fault_in_sentence(&plain), None, "{arguments:?} wrote {line:?}");
        }
    }
}

fn looks_at_everything(shop: &Shop, newest: &str) {
    colours_its_tables_alone(shop);
    assert!(said(shop, &["builds"]).contains("alice (approved)"));
    assert!(said(shop, &["plan", "promote", newest]).contains("not ASCII  U+"));
    assert!(said(shop, &["logs"]).contains("All checks passed"));
    for arguments in
        [&["status"][..], &["history"], &["plan", "rollback"], &["events"], &["doctor"]]
    {
        said(shop, arguments);
    }
    for arguments in [
        &["status", "--json"][..],
        &["builds", "--json"],
        &["history", "--json"],
        &["plan", "promote", newest, "--json"],
        &["events", "--json"],
        &["logs", "--json"],
        &["doctor", "--json"],
    ] {
        documents(shop, arguments);
    }
}

fn acts_with_hostile_reasons(shop: &Shop, newest: &str) {
    assert!(said(shop, &["hold", "--reason", HOSTILE]).contains("hold"));
    said(shop, &["freeze", "add", "--for", "2h", "--reason", HOSTILE]);
    said(shop, &["verify", newest, "--note", HOSTILE]);
    said(shop, &["status"]);
    said(shop, &["promote", newest, "--yes"]);
    assert!(said(shop, &["lift", "--reason", HOSTILE]).contains("<U+202E>"));
    said(shop, &["release", "--reason", HOSTILE]);
    let reasons =
        ["author", "freeze", "hold", "big_batch"].map(|guard| format!("{guard}={HOSTILE}"));
    let mut promote = vec!["promote", newest, "--yes", "--wait"];
    promote.extend(reasons.iter().flat_map(|reason| ["--reason", reason]));
    said(shop, &promote);
    said(shop, &["history"]);
    documents(shop, &["events", "--json"]);
}

fn mistakes_are_echoed_as_text(shop: &Shop) {
    for arguments in [
        &["logs", "--step", HOSTILE][..],
        &["logs", HOSTILE],
        &["promote", HOSTILE],
        &["--service", HOSTILE, "status"],
        &["--service", "nothing", "status"],
        &["freeze", "add", "--until", HOSTILE, "--reason", "x"],
        &["promote", "1", "--reason", HOSTILE],
        &["promote", "1", "--key", HOSTILE],
        &[HOSTILE],
        &["rollback", "99999", "--yes"],
    ] {
        assert!(!said(shop, arguments).is_empty(), "{arguments:?}");
    }
    let config = shop.home.path("config/config.toml");
    let good = fs::read_to_string(&config).unwrap();
    let bad = format!("\"{}\" = 1\n{good}", HOSTILE.escape_unicode());
    fs::write(&config, bad.replace("\\u{", "\\U").replace('}', "").replace("\\U", "\\u00"))
        .unwrap();
    assert!(!said(shop, &["status"]).is_empty());
    fs::write(&config, good).unwrap();
}

fn logs_of_our_own_are_text(shop: &Shop) {
    for name in ["engine.log", "console.log"] {
        let bytes = fs::read(shop.home.path("data").join(name)).unwrap_or_default();
        assert_text(&[name], &bytes);
    }
}

#[test]
fn no_command_writes_what_others_wrote_as_anything_but_text() {
    let shop = Shop::open();
    let newest = shop.newest.to_string();
    looks_at_everything(&shop, &newest);
    acts_with_hostile_reasons(&shop, &newest);
    mistakes_are_echoed_as_text(&shop);
    logs_of_our_own_are_text(&shop);
}
