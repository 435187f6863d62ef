//! What the logs, the checkouts and the mirrors take of the disk, and what is kept of them.

use std::fs;
use std::io;

use super::Check;
use crate::config::places::Places;
use crate::config::user_file::UserFile;
use crate::domain::retention::in_bytes;
use crate::domain::time::say;
use crate::engine::replace;
use crate::git::tree;

pub(super) fn check(places: &Places) -> Vec<Check> {
    // A file with mistakes has a row of its own; nothing is removed then.
    let kept = UserFile::load(&places.user_file()).ok().map(|file| file.retention);
    let limited = |limit: Option<String>| limit.unwrap_or_else(|| "for ever".to_owned());
    let logs = kept.map_or("kept until config.toml can be read".to_owned(), |kept| {
        let size = kept.logs_size.map_or(String::new(), |size| {
            format!(" and, the oldest first, up to {} together", in_bytes(size))
        });
        format!(
            "each is kept {}{size}; what runs or could be rolled back to stays",
            limited(kept.logs.map(say))
        )
    });
    let unwatched = kept.map_or_else(String::new, |kept| {
        let age = limited(kept.unwatched.map(say));
        format!("; of a repository that is not in config.toml any more kept {age}")
    });
    let row = |what, name: &str, kept: String| {
        let folder = places.data.join(name);
        let found = match tree::size(&folder) {
            Ok(size) => in_bytes(size),
            Err(why) if why.kind() == io::ErrorKind::NotFound => "none yet".to_owned(),
            Err(why) => format!("cannot be read to the end: {why}"),
        };
        Check::fine(what, format!("{} ({found}){kept}", folder.display()))
    };
    let mut rows = vec![
        row("logs", "runs", format!("; {logs}")),
        row("checkouts", "checkouts", String::new()),
        row("mirrors", "mirrors", unwatched),
    ];
    let replaced = "; what was there before a restore, never removed: do that when nobody needs it";
    let names = fs::read_dir(&places.data).into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let names = names.filter(|name| name.starts_with(replace::ASIDE));
    rows.extend(names.map(|name| row("replaced", &name, replaced.to_owned())));
    rows
}
