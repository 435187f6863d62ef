//! Instants in sentences and as people type them: local time, and always with its zone.
//!
//! The engine writes its sentences in UTC, because it does not know where their reader is. Each client shows them, and
//! every other instant, in its reader's zone.

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, Utc, Weekday};

use crate::calendar::Tz;
use crate::calendar::zone::{Edge, instant};

/// The form in which the sentences of the engine name an instant; [`localized`] finds it again.
const IN_SENTENCES: &str = "%a %Y-%m-%d %H:%M UTC";
/// The length of that form, in bytes.
const LENGTH: usize = "Fri 2026-11-27 05:00 UTC".len();
/// How to type an instant.
const FORMS: &str = "write it as \"2026-12-24 18:00\", or with a zone as \"2026-12-24 18:00 UTC\", \
                     \"2026-12-24 18:00 Europe/Berlin\" or 2026-12-24T18:00:00+01:00";

/// `Fri 2026-11-27 05:00 UTC`, for a sentence whose reader is not known.
#[must_use]
pub fn in_utc(at: DateTime<Utc>) -> String {
    at.format(IN_SENTENCES).to_string()
}

/// `Fri 2026-11-27 06:00 CET`.
#[must_use]
pub fn local(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%a %Y-%m-%d %H:%M %Z").to_string()
}

/// `2026-11-27 06:00:09 CET`, for lists in the order of time.
#[must_use]
pub fn to_the_second(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S %Z").to_string()
}

/// The sentence with its instants, which [`in_utc`] wrote, in this zone.
#[must_use]
pub fn localized(sentence: &str, zone: Tz) -> String {
    let mut text = String::with_capacity(sentence.len());
    let mut rest = sentence;
    while let Some(end) = rest.find(" UTC").map(|at| at + " UTC".len()) {
        let (head, tail) = rest.split_at(end);
        let written = end.checked_sub(LENGTH).and_then(|begin| head.split_at_checked(begin));
        let found = written.and_then(|(before, written)| {
            let at = NaiveDateTime::parse_from_str(written, IN_SENTENCES).ok()?;
            Some((before, local(at.and_utc(), zone)))
        });
        match found {
            Some((before, local)) => text.extend([before, &local]),
            None => text.push_str(head),
        }
        rest = tail;
    }
    text + rest
}

/// An instant as people type it and as [`local`] shows it. Without a zone it is in `here`, if that is known.
///
/// # Errors
/// When it is no instant, or its zone is not known; the sentence says what to type.
pub fn typed(text: &str, here: &Result<Tz, String>, edge: Edge) -> Result<DateTime<Utc>, String> {
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.to_utc());
    }
    let (weekday, wall, zone) =
        parts(text).ok_or_else(|| format!("{text:?} is not a time; {FORMS}"))?;
    if weekday.is_some_and(|day| day != wall.weekday()) {
        return Err(format!("{} is a {}", wall.date(), wall.format("%A")));
    }
    if zone.is_empty() {
        return here.as_ref().map(|here| instant(*here, wall, edge)).map_err(Clone::clone);
    }
    in_zone(wall, zone, here, edge).ok_or_else(|| format!("{zone:?} is no known zone; {FORMS}"))
}

/// The weekday, if one is there, the date and time, and what stands behind them.
fn parts(text: &str) -> Option<(Option<Weekday>, NaiveDateTime, &str)> {
    let weekday = text.split(' ').next().and_then(|word| word.parse().ok());
    let text = if weekday.is_some() { text.split_once(' ')?.1.trim_start() } else { text };
    let (date, rest) = text.split_at_checked("2026-12-24".len())?;
    let date = NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?;
    let rest = rest.trim_start_matches([' ', 'T']);
    let is_of_time = |c: char| c.is_ascii_digit() || c == ':';
    let (time, zone) = rest.split_at(rest.find(|c| !is_of_time(c)).unwrap_or(rest.len()));
    let time = match time {
        // A date alone is its midnight.
        "" => NaiveTime::MIN,
        _ => ["%H:%M", "%H:%M:%S"].iter().find_map(|f| NaiveTime::parse_from_str(time, f).ok())?,
    };
    Some((weekday, date.and_time(time), zone.trim()))
}

/// The instant at which the clocks of the named zone show `wall`. An abbreviation such as CET is one of this place only:
/// elsewhere it can mean several zones.
fn in_zone(
    wall: NaiveDateTime,
    zone: &str,
    here: &Result<Tz, String>,
    edge: Edge,
) -> Option<DateTime<Utc>> {
    let named = match zone {
        "Z" | "UTC" => Some(Tz::UTC),
        _ => Some(zone).filter(|zone| zone.contains('/')).and_then(|zone| zone.parse().ok()),
    };
    let by_name = named.map(|named| instant(named, wall, edge));
    let by_offset = || {
        let text = format!("{} {zone}", wall.format("%F %T"));
        Some(DateTime::parse_from_str(&text, "%F %T %#z").ok()?.to_utc())
    };
    let by_abbreviation = || {
        let here = here.as_ref().ok()?;
        let shown = [Edge::Start, Edge::End].map(|edge| instant(*here, wall, edge));
        let is_it = |at: &DateTime<Utc>| {
            let there = at.with_timezone(here);
            there.naive_local() == wall && there.format("%Z").to_string() == zone
        };
        shown.into_iter().find(is_it)
    };
    by_name.or_else(by_abbreviation).or_else(by_offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BERLIN: Tz = Tz::Europe__Berlin;

    fn berlin(text: &str, edge: Edge) -> Result<String, String> {
        typed(text, &Ok(BERLIN), edge).map(|at| at.to_rfc3339())
    }

    #[test]
    fn a_typed_time_is_local_unless_it_names_its_zone() {
        for text in [
            "2026-12-24 19:00",
            "2026-12-24T19:00:00",
            " Thu 2026-12-24 19:00 CET ",
            "2026-12-24 18:00 UTC",
            "2026-12-24 18:00Z",
            "2026-12-24T18:00:00Z",
            "2026-12-24T19:00:00+01:00",
            "2026-12-24 19:00 +01",
            "2026-12-24 13:00 America/New_York",
        ] {
            assert_eq!(berlin(text, Edge::Start), Ok("2026-12-24T18:00:00+00:00".into()), "{text}");
        }
        assert_eq!(berlin("2026-12-24", Edge::Start), Ok("2026-12-23T23:00:00+00:00".into()));
        for (wrong, says) in [
            ("tomorrow", "is not a time"),
            ("", "is not a time"),
            ("2026-12-24 25:00", "is not a time"),
            ("2026-12-24 18:00 EST", "is no known zone"),
            ("Fri 2026-12-24 18:00", "2026-12-24 is a Thursday"),
        ] {
            assert!(berlin(wrong, Edge::Start).unwrap_err().contains(says), "{wrong}");
        }
        let nowhere = Err("the zone is not known".to_owned());
        assert_eq!(
            typed("2026-12-24 19:00", &nowhere, Edge::Start),
            Err(nowhere.clone().unwrap_err())
        );
        assert!(typed("2026-12-24 19:00 UTC", &nowhere, Edge::Start).is_ok());
    }

    #[test]
    fn a_time_that_the_clock_shows_twice_or_never_has_one_answer_for_each_edge() {
        let twice = "2026-10-25 02:30";
        assert_eq!(berlin(twice, Edge::Start), Ok("2026-10-25T00:30:00+00:00".into()));
        assert_eq!(berlin(twice, Edge::End), Ok("2026-10-25T01:30:00+00:00".into()));
        let first = format!("{twice} CEST");
        assert_eq!(berlin(&first, Edge::End), Ok("2026-10-25T00:30:00+00:00".into()));
        for edge in [Edge::Start, Edge::End] {
            let skipped = berlin("2027-03-28 02:30", edge);
            assert_eq!(skipped, Ok("2027-03-28T01:00:00+00:00".into()));
        }
    }

    #[test]
    fn what_is_shown_can_be_typed() {
        for zone in
            [BERLIN, Tz::UTC, Tz::America__New_York, Tz::Asia__Kolkata, Tz::America__Sao_Paulo]
        {
            for hour in 0..24 * 400 {
                let at = DateTime::UNIX_EPOCH + chrono::TimeDelta::hours(hour) * 52;
                let shown = local(at, zone);
                assert_eq!(typed(&shown, &Ok(zone), Edge::End), Ok(at), "{shown}");
            }
        }
    }

    #[test]
    fn a_sentence_says_its_instants_in_the_zone_of_its_reader() {
        let at: DateTime<Utc> = "2026-11-27T23:30:00Z".parse().expect("a time");
        let sentence =
            format!("é frozen from {} until {}; at 05:00 UTC, UTC", in_utc(at), in_utc(at));
        let local = "Sat 2026-11-28 00:30 CET";
        let expected = format!("é frozen from {local} until {local}; at 05:00 UTC, UTC");
        assert_eq!(localized(&sentence, BERLIN), expected);
        assert_eq!(localized(&sentence, Tz::UTC), sentence);
    }
}
