//! The words for everything that a freezes.toml can get wrong.

use std::fmt::Write as _;
use trunkline::calendar::FreezesFile;

use super::rules;

use trunkline_testing::invalid::each_is_refused_in_its_own_words;

#[test]
fn each_invalid_file_is_refused_in_the_words_of_its_first_lines() {
    let parse = |text: &str| FreezesFile::parse(text, "freezes.toml");
    assert!(each_is_refused_in_its_own_words("tests/data/freezes/invalid", parse) > 50);
}

#[test]
fn the_file_that_the_manual_shows_is_taken() {
    let text = include_str!("../data/freezes/everything.toml");
    assert_eq!(rules(text).all().count(), 4);
}

#[test]
fn too_much_is_refused() {
    let refused = |text: &str| FreezesFile::parse(text, "freezes.toml").unwrap_err().to_string();
    assert!(refused(&"#".repeat(300_000)).contains("larger than 256 KiB"));
    let mut many = "default_tz = \"UTC\"\n".to_owned();
    for id in 0..201 {
        write!(many,
            "[[freeze]]\nid = \"f{id}\"\nkind = \"weekly\"\nreason = \"x\"\nwindows = [\"Fri 16:00 - Mon 08:00\"]\n").unwrap();
    }
    assert!(refused(&many).contains("more than 200"), "{}", refused(&many));
    let days = vec!["2026-01-01"; 1_001].join(", ");
    let text = format!("[holidays.x]\ncountry = \"US\"\ntz = \"UTC\"\nremove = [{days}]\n");
    assert!(refused(&text).contains("more than 1000"));
}
