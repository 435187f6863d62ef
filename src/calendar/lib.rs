//! Freeze calendars: the text of freezes.toml and of calendar feeds in, frozen intervals out.
//!
//! Pure: it reads no file, asks no network and takes the time as an argument. Start at [`FreezesFile::parse`] and
//! [`FreezeRules::evaluate`].

mod business_days;
mod evaluation;
mod feed;
mod file;
pub mod ical;
mod rule;
mod rules;
mod runs;
mod tables;
pub mod zone;

pub use chrono_tz::Tz;

pub use self::evaluation::{
    Evaluation, FreezeAction, FreezeMode, FreezeQuery, FreezeState, FreezeWindow,
};
pub use self::feed::{EventPeople, Feed, NamedAddress, Occurrence};
pub use self::file::{FREEZES_FILE, FeedPlace, FeedSource, FreezesFile, LARGEST_FILE};
pub use self::rule::{FreezeKind, FreezeRule};
pub use self::rules::FreezeRules;
pub use self::runs::{FreezeOutlook, evaluate_windows, outlook};
pub use self::tables::{countries, holiday_table, subdivisions};
