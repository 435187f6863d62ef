//! `trunkline keys`: the keys by their places, and a file with keys of one's own.

use std::fs;

use serde_json::Value;
use trunkline::console::actions::ACTIONS;
use trunkline_testing::home::Home;

/// Where the file of this user is, as the program says.
fn own_file(home: &Home) -> std::path::PathBuf {
    let said = home.said(&["keys"]);
    let last = said.lines().last().unwrap_or_default().to_owned();
    let named = last.split(" in ").last().unwrap().trim_end_matches('.');
    std::path::PathBuf::from(named)
}

#[test]
fn every_action_is_printed_with_its_keys() {
    let home = Home::new();
    let said = home.said(&["keys"]);
    for mode in ["[lists]", "[log]", "[dialog]", "[servers]"] {
        assert!(said.contains(mode), "{mode}: {said}");
    }
    let document = home.json(&["keys", "--json"]);
    let modes = document["modes"].as_array().unwrap();
    let actions: usize = modes.iter().map(|mode| mode["actions"].as_array().unwrap().len()).sum();
    assert_eq!(actions, ACTIONS.len());
    assert_eq!((&document["file"], &document["preset"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_file_is_checked_with_line_and_advice_and_used_when_it_is_right() {
    let home = Home::new();
    let file = own_file(&home);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "preset = \"k9s\"\n[lists]\nzoom = \"Z\"\nfilter = \"Z\"\npromot = \"P\"\n")
        .unwrap();
    for words in [&["keys", "check"][..], &["keys"], &["keys", "--json"]] {
        let output = home.trunkline(words);
        let says = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{words:?}: {says}");
        assert!(
            says.contains(":4:10: lists.filter: \"Z\" is the key of \"zoom\" in line 3"),
            "{says}"
        );
        assert!(says.contains(":5:1: unknown action \"promot\""), "{says}");
        assert!(says.contains("did you mean \"promote\"?"), "{says}");
    }
    fs::write(&file, "preset = \"k9s\"\n[lists]\nzoom = \"d\"\n").unwrap();
    let said = home.said(&["keys", "check"]);
    assert!(said.contains("[lists] zoom: d (usually z)"), "{said}");
    assert!(said.contains("\"changes\" in [lists] has no key any more; : finds it"), "{said}");
    assert!(said.contains("with the preset k9s"), "{said}");
    assert_eq!(home.json(&["keys", "--json"])["preset"], "k9s");
    let missing = home.trunkline(&["keys", "check", "/nowhere/keys.toml"]);
    assert_eq!(missing.status.code(), Some(2), "{missing:?}");
}

#[test]
fn the_shipped_presets_and_the_page_of_keys_are_right() {
    let home = Home::new();
    for preset in ["vim", "k9s", "arrows"] {
        home.said(&[
            "keys",
            "check",
            &format!("{}/assets/keys/{preset}.toml", env!("CARGO_MANIFEST_DIR")),
        ]);
    }
    let page = include_str!("../../docs/keys.md");
    let sample = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let file = home.path("sample.toml");
    fs::write(&file, sample).unwrap();
    let said = home.said(&["keys", "check", file.to_str().unwrap()]);
    assert!(said.contains("promote: ctrl-x p (usually P)"), "{said}");
}
