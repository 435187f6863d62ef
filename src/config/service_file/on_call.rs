//! `[on_call]` of a service file: a list of people, or the calendar that names them.

use super::{SERVICE_FILE, TOP};
use crate::calendar::FeedSource;
use crate::domain::on_call::OnCallSource;
use crate::settings::{Mistakes, Section, Setting};

/// The most people of a list.
const MOST: usize = 20;

pub(super) fn read(top: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<OnCallSource> {
    let mut section = top.take("on_call").and_then(|entry| entry.section(mistakes))?;
    let (people, calendar) = (section.take("people"), section.take("calendar"));
    let source = match (people, calendar) {
        (Some(_), Some(calendar)) => {
            calendar.reject(mistakes, "cannot stand with people; keep one of the two");
            section.accept_all_keys();
            None
        }
        (Some(people), None) => listed(&people, mistakes),
        (None, Some(calendar)) => {
            FeedSource::on_call(&calendar, &mut section, SERVICE_FILE, mistakes)
                .map(OnCallSource::Calendar)
        }
        (None, None) => {
            let how = "names nobody; write people = [\"NAME\"] or calendar = \"https://...\"";
            mistakes.add(section.at, &section.path, how);
            None
        }
    };
    section.finish_below(&TOP, mistakes);
    source
}

fn listed(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<OnCallSource> {
    let mut names: Vec<String> = Vec::new();
    for name in entry.texts(mistakes) {
        if names.iter().any(|known| known == name.value) {
            let sentence = format!("{:?} is listed twice; keep one", name.value);
            mistakes.add(name.at, &entry.path, sentence);
        } else if names.len() == MOST {
            mistakes.add(name.at, &entry.path, format!("there are more than {MOST} of these"));
            break;
        } else {
            names.push(name.value.to_owned());
        }
    }
    if entry.is_empty_list() {
        entry.reject(mistakes, "is empty; name who is on call, or remove [on_call]");
    }
    (!names.is_empty()).then_some(OnCallSource::People(names))
}
