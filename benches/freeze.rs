//! How long judgements over ten calendars take, against only turning the same instants into the wall clocks of ten
//! zones: `cargo bench --bench freeze`.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use trunkline::calendar::{FreezesFile, Tz};
use trunkline_testing::bench::samples::Pairs;

const PAIRS: usize = 100;
/// How many instants one measurement asks about, spread over the years of the tables.
const ASKED: i32 = 100;
const PLACES: [(&str, &str); 10] = [
    ("US", "America/New_York"),
    ("GB", "Europe/London"),
    ("DE", "Europe/Berlin"),
    ("FR", "Europe/Paris"),
    ("ES", "Europe/Madrid"),
    ("IT", "Europe/Rome"),
    ("IN", "Asia/Kolkata"),
    ("JP", "Asia/Tokyo"),
    ("BR", "America/Sao_Paulo"),
    ("CA", "America/Toronto"),
];

fn main() {
    let parsed = || {
        let text = file();
        time(|| FreezesFile::parse(&text, "freezes.toml").expect("the file is a good one"))
    };
    let rules = parsed().1.rules;
    let zones = PLACES.map(|(_, zone)| zone.parse::<Tz>().expect("the zone is a good one"));
    let begin: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().expect("the time is a good one");
    let instants = || (0..ASKED).map(|step| begin + TimeDelta::hours(487) * step);
    let floor = || {
        let clocks = instants().flat_map(|at| zones.map(|zone| at.with_timezone(&zone)));
        let turn = |clock: DateTime<Tz>| {
            black_box(clock.naive_local());
        };
        time(|| clocks.for_each(turn)).0
    };
    let ours = || {
        let judge = |at| drop(black_box(rules.promote_to_production("checkout", at)));
        time(|| instants().for_each(judge)).0
    };
    let pairs = Pairs::measure(PAIRS, floor, ours);
    pairs.print(&format!("{ASKED} judgements over ten calendars"), "wall clocks", "judgements");
    let read = || parsed().0;
    Pairs::measure(PAIRS, floor, read).print("the file read anew", "wall clocks", "ten calendars");
}

/// Ten calendars, a weekly window and a thaw.
fn file() -> String {
    let mut text = "default_tz = \"UTC\"\n".to_owned();
    for (country, zone) in PLACES {
        write!(text, "[holidays.{country}]\ncountry = \"{country}\"\ntz = \"{zone}\"\n")
            .expect("writing to a string cannot fail");
    }
    let names = PLACES.map(|(country, _)| format!("{country:?}")).join(", ");
    text + &format!(
        "[[freeze]]\nid = \"eve\"\nkind = \"holiday-eve\"\nreason = \"x\"\ncalendars = [{names}]\n\
         [[freeze]]\nid = \"weekend\"\nkind = \"weekly\"\nreason = \"x\"\npolicy = \"warn\"\n\
         windows = [\"Fri 16:00 - Mon 08:00\"]\n\
         [[thaw]]\nfreeze = \"weekend\"\nstart = 2026-08-15T10:00:00\nend = 2026-08-15T12:00:00\n"
    )
}

fn time<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let begin = Instant::now();
    let done = work();
    (begin.elapsed(), done)
}
