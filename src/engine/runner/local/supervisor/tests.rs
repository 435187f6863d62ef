//! Tests of output processing: cut at any place, of any size, with any secrets.

use chrono::{DateTime, Utc};
use proptest::prelude::*;

use super::lines::Lines;
use super::log_file::LogFile;
use super::mask::Mask;
use crate::domain::log::{LogLine, LogPage, Stream};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

fn hiding(secrets: &[&str]) -> Mask {
    let names: Vec<_> = (0..secrets.len()).map(|number| number.to_string()).collect();
    Mask::new(&names, |name| Some(secrets[name.parse::<usize>().unwrap()].to_owned()))
}

/// The lines of an output that is read in these chunks.
fn logged<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, mask: &Mask) -> Vec<LogLine> {
    let mut lines = Lines::new(Stream::Out);
    let mut bytes = Vec::new();
    for chunk in chunks {
        bytes.extend(lines.push(now(), chunk, mask, None).bytes);
    }
    bytes.extend(lines.finish(now(), mask).bytes);
    LogPage { bytes, ..LogPage::default() }.lines().collect()
}

/// What the step printed, put together again from the pieces of its lines.
fn put_together(lines: &[LogLine]) -> Vec<u8> {
    let mut text = Vec::new();
    for line in lines {
        text.extend_from_slice(&line.text);
        if !line.continues {
            text.push(b'\n');
        }
    }
    text
}

#[test]
fn a_secret_is_masked_wherever_the_reads_cut_it() {
    let mask = hiding(&["correct horse", "horse battery staple"]);
    let text = b"a correct horse battery staple\ncorrect horse\r\nhorse battery staple";
    for first in 0..text.len() {
        for second in first..text.len() {
            let chunks = [&text[..first], &text[first..second], &text[second..]];
            let lines = put_together(&logged(chunks, &mask));
            assert_eq!(lines, b"a ***\n***\n***\n", "cut at {first} and {second}");
        }
    }
}

#[test]
fn a_secret_is_masked_wherever_a_long_line_is_cut() {
    const CUT: usize = 16 * 1024;
    let secret = "0123456789abcdef";
    let mask = hiding(&[secret]);
    for before in (CUT - 40)..(CUT + 40) {
        let text = format!("{}{secret}{}", ".".repeat(before), ".".repeat(200));
        // Byte for byte, so that the cut comes as early as it can.
        let (head, rest) = text.as_bytes().split_at(CUT - 60);
        let lines = logged([head].into_iter().chain(rest.chunks(1)), &mask);
        assert!(lines.len() > 1 && lines.iter().all(|line| line.text.len() <= CUT));
        // A secret that a cut goes through is masked on either side of it.
        let shown = String::from_utf8(put_together(&lines)).unwrap();
        let expected = text.replace(secret, "***") + "\n";
        assert!(shown == expected || shown == expected.replace("***", "******"), "{before}");
    }
}

#[test]
fn a_secret_that_repeats_itself_without_an_end_is_masked_to_its_end() {
    let mask = hiding(&["aaaaaaaa", "aaaaaaaaaaaaaaaa"]);
    let lines = logged(vec![b'a'; 1_000_000].chunks(4_096), &mask);
    assert!(lines.iter().all(|line| line.text == b"***"), "{:?}", lines.last());
}

#[test]
fn a_character_is_not_split_where_a_long_line_is_cut() {
    let text = "x".to_owned() + &"\u{20ac}".repeat(60_000);
    let lines = logged(text.as_bytes().chunks(777), &Mask::default());
    assert!(lines.len() > 10);
    assert!(lines.iter().all(|line| std::str::from_utf8(&line.text).is_ok()));
    assert_eq!(put_together(&lines), (text + "\n").as_bytes());
}

#[test]
fn a_full_log_says_so_and_ends_with_the_end_of_the_output() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let (mut log, mut lines) = (LogFile::limited(&path, 1_000_000), Lines::new(Stream::Out));
    let mask = Mask::default();
    let all: u64 = 200_000;
    let text =
        (1..=all).map(|number| format!("line {number}")).collect::<Vec<_>>().join("\n") + "\n";
    for chunk in text.as_bytes().chunks(65_536) {
        let block = lines.push(now(), chunk, &mask, log.wants());
        log.block(now(), block);
    }
    log.finish(now());
    let bytes = std::fs::read(&path).unwrap();
    assert!(bytes.len() < 5_000_000, "{} bytes", bytes.len());
    let lines: Vec<_> = LogPage { bytes, ..LogPage::default() }.lines().collect();
    let notes: Vec<_> = lines.iter().filter(|line| line.stream == Stream::Note).collect();
    let notes: Vec<_> = notes.iter().map(|line| String::from_utf8_lossy(&line.text)).collect();
    assert!(notes[0].starts_with("the log is full at"), "{notes:?}");
    let missing = notes[1].strip_suffix(" lines are missing here: the log was full").unwrap();
    let missing: u64 = missing.parse().unwrap();
    assert_eq!(lines.len() as u64 - 2 + missing, all, "every line is there or counted");
    assert_eq!(lines.last().unwrap().text, format!("line {all}").as_bytes());
}

/// Text in which pieces of secrets are frequent.
fn output() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(b"abcdefgh".to_vec()),
        Just(b"ghabcdefghij".to_vec()),
        Just(b"abcd".to_vec()),
        Just(b"efgh".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..5),
        Just(vec![b'.'; 5_000]),
    ];
    proptest::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_output_however_it_is_read_shows_a_secret_or_loses_a_line(
        text in output(),
        sizes in proptest::collection::vec(1..9_000_usize, 1..20),
    ) {
        let secrets = ["abcdefgh", "ghabcdefghij"];
        let mask = hiding(&secrets);
        let mut rest = text.as_slice();
        let mut chunks = Vec::new();
        for size in sizes {
            let (chunk, left) = rest.split_at(size.min(rest.len()));
            chunks.push(chunk);
            rest = left;
        }
        chunks.push(rest);
        let lines = logged(chunks, &mask);
        let shown = put_together(&lines);
        for secret in secrets {
            let found = shown.windows(secret.len()).any(|window| window == secret.as_bytes());
            prop_assert!(!found, "{secret} is shown");
        }
        let whole = put_together(&logged([text.as_slice()], &mask));
        let ends = |text: &[u8]| memchr::memchr_iter(b'\n', text).count();
        prop_assert_eq!(ends(&shown), ends(&whole));
    }
}
