//! The time zone of the user.

use crate::calendar::Tz;
use std::env;

/// The zone in the variable TZ, or of the machine, or UTC.
#[must_use]
pub fn local() -> Tz {
    let variable = env::var("TZ").ok().and_then(|text| named(&text));
    let machine = || iana_time_zone::get_timezone().ok().and_then(|name| named(&name));
    variable.or_else(machine).unwrap_or(Tz::UTC)
}

/// A zone by its name or by its file, as in TZ.
fn named(text: &str) -> Option<Tz> {
    let name = text.strip_prefix(':').unwrap_or(text);
    let name = name.split_once("/zoneinfo/").map_or(name, |(_, name)| name);
    name.parse().ok()
}

#[cfg(test)]
mod tests {
    use crate::calendar::Tz;

    use super::named;

    #[test]
    fn a_zone_is_known_by_its_name_and_by_its_file() {
        for text in ["Europe/Berlin", ":Europe/Berlin", ":/usr/share/zoneinfo/Europe/Berlin"] {
            assert_eq!(named(text), Some(Tz::Europe__Berlin), "{text}");
        }
        for text in ["", "CET-1CEST", ":/etc/localtime"] {
            assert_eq!(named(text), None, "{text}");
        }
    }
}
