//! `live` of `[staging]` and `[production]`: where the service itself tells which commit runs there.

use super::names::{has_control, required};
use crate::domain::live_source::{DEFAULT_SETTLE, LiveSource, LiveUrl};
use crate::settings::{Mistakes, Setting};

/// The longest address or pointer.
const LONGEST: usize = 500;

/// Reads the setting `live`.
pub(super) fn read(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<LiveSource> {
    let mut section = entry.section(mistakes)?;
    let url = required(&mut section, "url", mistakes).and_then(|entry| url(&entry, mistakes));
    let pointer =
        required(&mut section, "pointer", mistakes).and_then(|entry| pointer(&entry, mistakes));
    let settle = section.take("settle").and_then(|entry| entry.duration(mistakes));
    section.finish_below(&super::TOP, mistakes);
    let settle = settle.unwrap_or(DEFAULT_SETTLE);
    Some(LiveSource { url: url?, pointer: pointer?, settle })
}

fn url(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<LiveUrl> {
    let text = entry.text(mistakes)?;
    let parsed = match LiveUrl::parse(text) {
        Ok(url) if text.len() <= LONGEST => Ok(url),
        Ok(_) => Err("is too long for an address"),
        Err(why) => Err(why),
    };
    parsed.map_err(|why| entry.reject(mistakes, format!("{text:?} {why}"))).ok()
}

/// The path to the commit in the answer, as RFC 6901 writes it.
fn pointer(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let text = entry.text(mistakes)?;
    let is_good = text.starts_with('/') && text.len() <= LONGEST && !has_control(text);
    if !is_good {
        let rule = "write the place of the commit in the answer, such as \"/sha\"";
        entry.reject(mistakes, format!("{text:?} is no JSON pointer; {rule}"));
    }
    is_good.then(|| text.to_owned())
}
