//! `[live]` of the user file: the hosts that may be asked what runs there. A commit can only name one of them.

use super::user_file::TOP_KEYS;
use crate::domain::live_source::origin;
use crate::settings::{Mistakes, Setting};

/// Reads the setting `live`: the origins that may be asked.
pub(super) fn read(setting: Option<Setting<'_>>, mistakes: &mut Mistakes<'_>) -> Vec<String> {
    let Some(mut section) = setting.and_then(|entry| entry.section(mistakes)) else {
        return Vec::new();
    };
    let hosts = section.take("hosts").map(|entry| (entry.path.clone(), entry.texts(mistakes)));
    section.finish_below(&TOP_KEYS, mistakes);
    let mut origins = Vec::new();
    for (path, host) in hosts.iter().flat_map(|(path, all)| all.iter().map(move |of| (path, of))) {
        let Some(origin) = origin(host.value) else {
            let rule = "write HOST, HOST:PORT, *.DOMAIN or http://HOST";
            mistakes.add(host.at, path, format!("{:?} is no host; {rule}", host.value));
            continue;
        };
        origins.push(origin);
    }
    origins
}
