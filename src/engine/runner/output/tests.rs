//! Tests of output processing: cut at any place, of any size, with any secrets.

use chrono::{DateTime, Utc};
use proptest::prelude::*;

use super::lines::Lines;
use super::log_file::LogFile;
use super::mask::Mask;
use crate::domain::log::{LogLine, LogPage, Stream};
use crate::engine::variables::Secret;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

fn hiding(secrets: &[&str]) -> Mask {
    let secret = |value: &&str| Secret { name: "S".into(), value: (*value).into(), own: true };
    Mask::new(&secrets.iter().map(secret).collect::<Vec<_>>())
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

/// One logged text for an output that is read at once.
fn shown(output: &[u8], secrets: &[&str]) -> String {
    String::from_utf8_lossy(&put_together(&logged([output], &hiding(secrets)))).into_owned()
}

const SECRETS: [&str; 5] = [
    "hunter2-s3cret-VALUE",
    "pa\"ss\\wo/rd&50%+x y='z",
    "sécrèt-пароль-1",
    "  padded-secret-123  ",
    "-----BEGIN KEY-----\nMIIabcdef0123456789\nshort\nqrstuvwxyzABCDEFGH\n-----END KEY-----\n",
];

#[test]
fn what_programs_make_of_a_secret_is_masked_too() {
    let script = r#"
import base64,html,json,os,shlex,sys,urllib.parse
v=os.environ["V"]
b=v.encode()
w=v.strip()
forms=[v,w,json.dumps(v)[1:-1],json.dumps(v,ensure_ascii=False)[1:-1],json.dumps(json.dumps(v))[3:-3],repr(v)[1:-1],
 urllib.parse.quote(v,safe=""),urllib.parse.quote(v),urllib.parse.quote_plus(v),
 shlex.quote(v),html.escape(w),b.hex(),b.hex().upper(),w.replace("\n"," "),w.replace("\n",""),w.replace("\n","\\n"), " ".join(w.split()),base64.encodebytes(b).decode()]
for before in (b"",b"x",b"xy",b"deploy:"):
  for f in (base64.b64encode,base64.urlsafe_b64encode):
    forms.append(f(before+b).decode()); forms.append(f(before+w.encode()+b"\nmore").decode())
s=json.dumps([f for f in forms])
print(s)
"#;
    for secret in SECRETS {
        let ran =
            std::process::Command::new("python3").args(["-c", script]).env("V", secret).output();
        let ran = ran.unwrap();
        assert!(ran.status.success(), "{ran:?}");
        let forms: Vec<String> = serde_json::from_slice(&ran.stdout).unwrap();
        let mask = hiding(&[secret]);
        for form in forms {
            let hidden = put_together(&logged([format!("<{form}>\n").as_bytes()], &mask));
            let hidden = String::from_utf8_lossy(&hidden).into_owned();
            // Of a few digits of base64 at either end the neighbours decide.
            let left: usize = hidden.split("***").map(str::len).max().unwrap();
            assert!(hidden.contains("***") && left <= 14, "{form:?} is shown as {hidden:?}");
        }
    }
}

#[test]
fn what_the_screen_does_not_draw_does_not_hide_a_secret_from_the_mask() {
    let secret = "hunter2-s3cret-VALUE";
    for between in
        ["\x1b[31m", "\r", "\x08", "\0", "\u{200b}", "\x1b]0;title\x07", "\x1b[2K", "\n", "\r\n"]
    {
        for at in 1..secret.len() {
            let output = format!("a {}{between}{} b\n", &secret[..at], &secret[at..]);
            let hidden = shown(output.as_bytes(), &[secret]);
            for (nth, part) in [&secret[..at], &secret[at..]].into_iter().enumerate() {
                // A line that ends with its first letters is given out before the rest comes.
                let may_show = nth == 0 && between.contains('\n') && part.len() < 4;
                assert!(may_show || part.len() < 3 || !hidden.contains(part), "{hidden:?}");
            }
        }
        assert!(shown(format!("\x1b]0;{secret}\x07\n").as_bytes(), &[secret]).contains("***"));
    }
    let stepwise = secret.chars().map(|c| format!("x\x08{c}")).collect::<Vec<_>>().concat();
    assert_eq!(shown(format!("{stepwise}\n").as_bytes(), &[secret]), "***\n");
}

#[test]
fn a_secret_that_is_folded_over_lines_is_masked_in_each() {
    let secret = SECRETS[4];
    for width in [8, 20, 33] {
        let joined = secret.replace('\n', "");
        let folded: Vec<_> = joined.as_bytes().chunks(width).map(String::from_utf8_lossy).collect();
        let hidden = shown(format!("{}\n", folded.join("\n")).as_bytes(), &[secret]);
        assert!(hidden.lines().all(|line| line == "***"), "{hidden}");
    }
}

#[test]
fn the_notes_say_which_secrets_are_not_masked() {
    let mask = hiding(&["1234567", "long enough", "first line\nshort\nlast line"]);
    let [short, lines] = mask.notes() else { panic!("{:?}", mask.notes()) };
    assert_eq!(short, "S is shorter than 8 bytes, so it is NOT masked in this log, in any form");
    assert_eq!(
        lines,
        "S is masked as a whole, but 1 line of it shorter than 8 bytes not where printed alone"
    );
    assert_eq!(
        shown(b"1234567 MTIzNDU2Nw== long enough\n", &["1234567", "long enough"]),
        "1234567 MTIzNDU2Nw== ***\n"
    );
}

#[test]
fn a_progress_bar_is_kept_as_its_last_state() {
    let bar = (0..=100).map(|n| format!("\rdownload {n:3}% [{:<10}]", "#".repeat(n / 10)));
    let bar = bar.collect::<Vec<_>>().concat();
    let spin = "|/-\\".chars().map(|c| format!("{c}\x08")).collect::<Vec<_>>().concat();
    let erased = (0..5).map(|n| format!("\x1b[2K\x1b[1Gstep {n}/5")).collect::<Vec<_>>().concat();
    for (output, last) in [
        (bar.as_str(), "download 100% [##########]"),
        (&format!("{spin} done"), " done"),
        (&erased, "step 4/5"),
        ("one\r", "one"),
        ("long text\rshort\x1b[K", "short"),
        ("\x1b[31mred\x1b[0m plain\x1b[3D\x1b[32mGREEN", "\x1b[31mred\x1b[m pl\x1b[32mGREEN\x1b[m"),
        ("日本\x1b[1Gab", "ab本"),
        ("a\tb\rX", "X       b"),
        ("wait...\r       \rdone", "done"),
    ] {
        assert_eq!(shown(format!("{output}\n").as_bytes(), &[]), format!("{last}\n"), "{output:?}");
        let bytes = output.as_bytes();
        let piecemeal = put_together(&logged(bytes.chunks(3), &Mask::default()));
        assert_eq!(String::from_utf8_lossy(&piecemeal), format!("{last}\n"));
    }
    let docker = "a: pulling\nb: pulling\n\x1b[2A\x1b[2Ka: done\x1b[1B\r\x1b[2Kb: done\x1b[1B\r\n";
    assert_eq!(shown(docker.as_bytes(), &[]), "a: pulling\nb: pulling\na: done\nb: done\n");
}

#[test]
fn a_bar_without_an_end_stays_small_and_its_last_state_is_kept() {
    let mut lines = Lines::new(Stream::Out);
    let mask = Mask::default();
    for number in 0..200_000 {
        let block = lines.push(now(), format!("\r{number} of many").as_bytes(), &mask, None);
        assert_eq!(block.lines, 0);
    }
    let last = lines.push(now(), b"\n", &mask, None);
    assert!(String::from_utf8(last.bytes).unwrap().ends_with(" o 199999 of many\n"));
}

#[test]
fn a_sequence_is_not_split_where_a_long_line_is_cut() {
    for before in (16 * 1024 - 30)..(16 * 1024 + 3) {
        let text = format!(
            "{}\x1b[38;2;255;100;0mcolour\x1b[0m{}",
            "x".repeat(before),
            "y".repeat(40_000)
        );
        let lines = logged(text.as_bytes().chunks(4_000), &Mask::default());
        assert_eq!(put_together(&lines), (text + "\n").as_bytes());
        for line in &lines {
            let count = |wanted| memchr::memchr_iter(wanted, &line.text).count();
            assert_eq!(count(0x1b), count(b'm'), "cut in a sequence after {before}");
        }
    }
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
