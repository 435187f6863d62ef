//! `trunkline restore`: makes a backup the record, while no engine runs.

use std::path::{Path, PathBuf};

use clap::Args;

use super::backup::on_this_machine;
use super::context::places;
use super::engine_lock::EngineLock;
use super::error::CliError;
use super::output::Output;
use super::{Global, own_login};
use crate::config::places::Places;
use crate::domain::chain::ChainHead;
use crate::domain::ids::ServiceName;
use crate::domain::people::Actor;
use crate::engine::clock::{Clock as _, SystemClock};
use crate::engine::replace::{self, Finished, PresentRecord, Replaced, Replacement};
use crate::store::Reader;

#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// A file that "trunkline backup" wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Also replace a record that has events beyond the backup, or that cannot be read; it is kept aside
    #[arg(long)]
    instead: bool,
}

pub fn run(global: &Global, arguments: &RestoreArgs) -> Result<(), CliError> {
    on_this_machine(global, "restore")?;
    let places = places(global)?;
    let RestoreArgs { file, instead } = arguments;
    let shown = file.display();
    let of = |why: String| CliError::failed(format!("{why}; nothing was changed"));
    if !file.is_file() {
        return Err(of(format!("there is no file at \"{shown}\"")));
    }
    if is_same(file, &places.database()) {
        return Err(of(format!("\"{shown}\" is the record itself")));
    }
    places.create()?;
    let _lock = EngineLock::take(&places.lock()).map_err(|error| of(error.to_string()))?;
    let unfinished = |why| CliError::failed(format!("{}: {why}", places.data.display()));
    if let Some(finished) = replace::finish(&places.data).map_err(unfinished)? {
        return Err(CliError::failed(finished_earlier(&places, file, &finished)));
    }
    let replacement = Replacement::draft(&places.data, file).map_err(|why| of(why.to_string()))?;
    let (backup, present) = (replacement.head.clone(), replacement.present());
    if let Some(why) = objection(&present, &backup).filter(|_| !instead) {
        return Err(CliError::Refused(format!(
            "{why}; nothing was changed\nto restore the backup all the same, add --instead: what is there now is kept aside"
        )));
    }
    let by = Actor::Person(own_login::own());
    let replaced = replacement.commit(&by, SystemClock.now());
    let replaced = replaced.map_err(|why| CliError::failed(why.to_string()))?;
    Output::new().regardless().lines(told(&places, file, &backup, &replaced))
}

/// Whether both are the same file.
fn is_same(one: &Path, other: &Path) -> bool {
    one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

/// Why the record that is there should stay.
fn objection(present: &PresentRecord, backup: &ChainHead) -> Option<String> {
    let ends = format!("the backup ends at event {} of {}", backup.seq, backup.at);
    match present {
        PresentRecord::Contained => None,
        PresentRecord::Newer { events, head } => Some(format!(
            "the record here is newer: it has {events} more events, the last one, event {}, of {}; {ends}",
            head.seq, head.at
        )),
        PresentRecord::Parted { head } => Some(format!(
            "the record here has another history than the backup: it ends at event {} of {}; {ends}",
            head.seq, head.at
        )),
        PresentRecord::Unreadable(why) => Some(format!(
            "the record here cannot be read, so nobody knows what it has: {why}; {ends}"
        )),
    }
}

/// What is said instead of a second restore that nobody may want.
fn finished_earlier(places: &Places, file: &Path, finished: &Finished) -> String {
    let aside = finished.aside.as_deref().map(|aside| back(places, aside).join("\n"));
    format!(
        "an earlier restore, which was killed, is finished now; production counts as in doubt until it is stated what it \
         runs: trunkline adopt SHA\n{}\n\"{}\" was not restored; if you still want it, run this command again",
        aside.unwrap_or_else(|| "nothing was here before it".into()),
        file.display()
    )
}

/// Where what was there is kept, and how it becomes the record again.
fn back(places: &Places, aside: &Path) -> Vec<String> {
    let mut lines = vec![format!(
        "what was here is kept in \"{}\", with its logs and checkouts",
        aside.display()
    )];
    let database = aside.join(places.database().file_name().unwrap_or_default());
    if Reader::open(&database).and_then(|record| record.check()).is_ok() {
        let word = database.display().to_string().replace('\'', r"'\''");
        lines.push(format!(
            "to get that record back, run: trunkline engine stop; trunkline restore '{word}' --instead"
        ));
    }
    lines
}

/// What was done, and what is not known now.
fn told(places: &Places, file: &Path, backup: &ChainHead, replaced: &Replaced) -> Vec<String> {
    let Replaced { head, services, knows_revoked, aside } = replaced;
    let names: Vec<_> = services.iter().map(ServiceName::as_str).collect();
    let mut lines = vec![
        format!(
            "the record is \"{}\" again, up to event {} of {}; its chain is whole, the head is event {} {}",
            file.display(),
            backup.seq,
            backup.at,
            head.seq,
            head.hash
        ),
        format!("NOT KNOWN: what was deployed after {}, of {}", backup.at, names.join(", ")),
        "production counts as in doubt, and what was open as interrupted; nothing of it is run again by itself".into(),
        "find out what production runs, then state it for each service: trunkline adopt SHA --reason TEXT --service NAME".into(),
        "holds, freezes and tokens are as they were then: check trunkline status and trunkline token list".into(),
        if *knows_revoked {
            "no token that was revoked here since opens anything again; links and signed-in browsers have ended".into()
        } else {
            format!(
                "NOT KNOWN: which tokens were revoked after {}; they open the server again until they are revoked again",
                backup.at
            )
        },
    ];
    lines.extend(aside.iter().flat_map(|aside| back(places, aside)));
    lines
}
