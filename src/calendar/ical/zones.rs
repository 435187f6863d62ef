//! Time zones in feeds: by their IANA names or by the names that Windows uses.

use chrono_tz::Tz;
use icalendar::parser::Property;

/// The most characters of a name in a message.
const LONGEST_NAME: usize = 60;

/// The zone of a property, or the name of an unknown zone; `None` without a zone.
pub(super) fn named(property: &Property<'_>) -> Option<Result<Tz, String>> {
    let named = property.params.iter().find(|one| one.key == "TZID")?.val.as_ref()?;
    let name = named.as_str().trim_matches('"').trim();
    Some(
        iana(name)
            .or_else(|| windows(name))
            .ok_or_else(|| name.chars().take(LONGEST_NAME).collect()),
    )
}

/// Some programs put a path before the name.
fn iana(name: &str) -> Option<Tz> {
    let starts = std::iter::once(0).chain(name.match_indices('/').map(|(at, _)| at + 1));
    starts.filter_map(|at| name.get(at..)).find_map(|name| name.parse().ok())
}

fn windows(name: &str) -> Option<Tz> {
    let short = name.len().checked_sub(STANDARD_TIME.len())?;
    let (short, rest) = (name.get(..short)?, name.get(short..)?);
    let known = WINDOWS.iter().find(|(known, _)| known.eq_ignore_ascii_case(short));
    known.map(|(_, zone)| *zone).filter(|_| rest.eq_ignore_ascii_case(STANDARD_TIME))
}

/// The end of every Windows name, also in summer.
const STANDARD_TIME: &str = " Standard Time";

/// From the table `windowsZones` of the Unicode CLDR, for the territory 001.
const WINDOWS: &[(&str, Tz)] = &[
    ("Hawaiian", Tz::Pacific__Honolulu),
    ("Alaskan", Tz::America__Anchorage),
    ("Pacific", Tz::America__Los_Angeles),
    ("US Mountain", Tz::America__Phoenix),
    ("Mountain", Tz::America__Denver),
    ("Central America", Tz::America__Guatemala),
    ("Central", Tz::America__Chicago),
    ("Canada Central", Tz::America__Regina),
    ("SA Pacific", Tz::America__Bogota),
    ("Eastern", Tz::America__New_York),
    ("US Eastern", Tz::America__Indiana__Indianapolis),
    ("Atlantic", Tz::America__Halifax),
    ("Newfoundland", Tz::America__St_Johns),
    ("E. South America", Tz::America__Sao_Paulo),
    ("Argentina", Tz::America__Argentina__Buenos_Aires),
    ("GMT", Tz::Europe__London),
    ("Greenwich", Tz::Atlantic__Reykjavik),
    ("W. Europe", Tz::Europe__Berlin),
    ("Central Europe", Tz::Europe__Budapest),
    ("Romance", Tz::Europe__Paris),
    ("Central European", Tz::Europe__Warsaw),
    ("GTB", Tz::Europe__Bucharest),
    ("FLE", Tz::Europe__Kiev),
    ("E. Europe", Tz::Europe__Chisinau),
    ("Israel", Tz::Asia__Jerusalem),
    ("Egypt", Tz::Africa__Cairo),
    ("South Africa", Tz::Africa__Johannesburg),
    ("Turkey", Tz::Europe__Istanbul),
    ("Russian", Tz::Europe__Moscow),
    ("Arab", Tz::Asia__Riyadh),
    ("Arabian", Tz::Asia__Dubai),
    ("Pakistan", Tz::Asia__Karachi),
    ("India", Tz::Asia__Kolkata),
    ("SE Asia", Tz::Asia__Bangkok),
    ("China", Tz::Asia__Shanghai),
    ("Singapore", Tz::Asia__Singapore),
    ("Taipei", Tz::Asia__Taipei),
    ("W. Australia", Tz::Australia__Perth),
    ("Tokyo", Tz::Asia__Tokyo),
    ("Korea", Tz::Asia__Seoul),
    ("AUS Central", Tz::Australia__Darwin),
    ("Cen. Australia", Tz::Australia__Adelaide),
    ("AUS Eastern", Tz::Australia__Sydney),
    ("E. Australia", Tz::Australia__Brisbane),
    ("Tasmania", Tz::Australia__Hobart),
    ("Lord Howe", Tz::Australia__Lord_Howe),
    ("New Zealand", Tz::Pacific__Auckland),
];
