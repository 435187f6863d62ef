//! The last state of each service that was seen, on disk, so that a console has it when the engine does not answer. Each place
//! has a folder of its own, which only its owner can read: nobody is shown the state of another server or person.

mod keeper;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use self::keeper::StateKeeper;
use super::engine_place::EnginePlace;
use crate::domain::ids::ServiceName;
use crate::domain::snapshot::{FleetSnapshot, ServiceSnapshot};

/// The format that is written, and the newest that is read.
const FORMAT: u32 = 1;
/// The most bytes of one file.
const LARGEST: u64 = 8 * 1024 * 1024;
/// The most services that are kept.
const SERVICES: usize = 50;
/// The group and others can read or write it.
const OTHERS: u32 = 0o077;
/// The age at which an unfinished file is removed.
const ABANDONED: Duration = Duration::from_hours(1);

/// The states that were seen of one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastStates {
    folder: PathBuf,
    pub place: EnginePlace,
}

/// A state from the disk.
#[derive(Debug, Clone, PartialEq)]
pub struct LastState<T> {
    pub what: T,
    /// When it was seen last, by the clock of this machine.
    pub seen: DateTime<Utc>,
    /// How long ago that was.
    pub ago: Duration,
    /// How long ago it was made.
    pub age: Duration,
}

/// What a file has.
#[derive(Serialize, Deserialize)]
struct StateFile<T> {
    format: u32,
    profile: Option<String>,
    address: String,
    made: DateTime<Utc>,
    what: T,
}

/// The format alone: what else a newer file has is not known.
#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

impl LastStates {
    /// In this folder, which is of this place alone.
    #[must_use]
    pub fn in_folder(folder: PathBuf, place: EnginePlace) -> Self {
        Self { folder, place }
    }

    /// The folder of the texts that say how to roll back by hand.
    #[must_use]
    pub fn texts(&self) -> PathBuf {
        self.folder.join("by-hand")
    }

    /// The text of a service.
    #[must_use]
    pub fn text(&self, service: &ServiceName) -> PathBuf {
        self.texts().join(format!("{service}.txt"))
    }

    /// Who saw these states, as far as that is known.
    #[must_use]
    pub fn person(&self) -> Option<String> {
        let text = read(&self.person_file()).ok().flatten();
        text.and_then(|(text, _)| String::from_utf8(text).ok()).filter(|name| !name.is_empty())
    }

    /// Whether anything is kept.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.fleet_file().is_file()
    }

    /// The list of services that was seen last; `None` if there is none.
    ///
    /// # Errors
    /// Why what is there cannot be used.
    pub fn fleet(&self) -> Result<Option<LastState<Box<FleetSnapshot>>>, String> {
        self.load(&self.fleet_file())
    }

    /// The state of a service that was seen last; `None` if there is none.
    ///
    /// # Errors
    /// Why what is there cannot be used.
    pub fn service(
        &self,
        service: &ServiceName,
    ) -> Result<Option<LastState<Box<ServiceSnapshot>>>, String> {
        let found: Option<LastState<Box<ServiceSnapshot>>> =
            self.load(&self.service_file(service))?;
        match found {
            Some(found) if found.what.service != *service => {
                Err(self.unusable(service.as_str(), "is of another service"))
            }
            found => Ok(found),
        }
    }

    /// Keeps the list of services.
    ///
    /// # Errors
    /// If it cannot be written. What was there before stays.
    pub fn keep_fleet(&self, fleet: &FleetSnapshot) -> io::Result<()> {
        self.save(&self.fleet_file(), fleet)
    }

    /// Keeps the state of a service, and how to roll it back by hand as a text.
    ///
    /// # Errors
    /// If it cannot be written. What was there before stays.
    pub fn keep_service(&self, snapshot: &ServiceSnapshot) -> io::Result<()> {
        self.keep_text(snapshot)?;
        self.save(&self.service_file(&snapshot.service), snapshot)?;
        self.tidy();
        Ok(())
    }

    /// Keeps how to roll a service back by hand as a text, and removes that of a service without a way back.
    ///
    /// # Errors
    /// If it cannot be written. What was there before stays.
    pub fn keep_text(&self, snapshot: &ServiceSnapshot) -> io::Result<()> {
        let path = self.text(&snapshot.service);
        let by_hand = snapshot.rollback.as_ref().and_then(|rollback| rollback.by_hand.as_deref());
        let Some(by_hand) = by_hand else {
            return or_absent(fs::remove_file(path));
        };
        let mut text = self.place.by_hand(by_hand, snapshot.at).join("\n");
        text.push('\n');
        write(&path, text.as_bytes())
    }

    /// Notes that what is kept of a service, or of the list of all, is so still.
    pub fn confirm(&self, service: Option<&ServiceName>) {
        let path = service.map_or_else(|| self.fleet_file(), |service| self.service_file(service));
        let opened = OpenOptions::new().write(true).open(path);
        let _as_old_as_it_was = opened.and_then(|file| file.set_modified(SystemTime::now()));
    }

    /// How the panes of the console were sized here, as the console wrote it.
    #[must_use]
    pub fn sizes(&self) -> Option<String> {
        let (text, _) = read(&self.sizes_file()).ok().flatten()?;
        String::from_utf8(text).ok()
    }

    /// Keeps how the panes of the console are sized.
    ///
    /// # Errors
    /// If it cannot be written. What was there before stays.
    pub fn keep_sizes(&self, text: &str) -> io::Result<()> {
        write(&self.sizes_file(), text.as_bytes())
    }

    /// Removes all of it.
    ///
    /// # Errors
    /// If something of it cannot be removed.
    pub fn remove(&self) -> io::Result<()> {
        or_absent(fs::remove_dir_all(&self.folder))
    }

    fn fleet_file(&self) -> PathBuf {
        self.folder.join("fleet.json")
    }

    fn sizes_file(&self) -> PathBuf {
        self.folder.join("pane-sizes")
    }

    fn person_file(&self) -> PathBuf {
        self.folder.join("person")
    }

    fn services(&self) -> PathBuf {
        self.folder.join("services")
    }

    fn service_file(&self, service: &ServiceName) -> PathBuf {
        self.services().join(format!("{service}.json"))
    }

    /// What is kept from now on is what this person sees, by their name at the server: what another one saw is removed.
    ///
    /// # Errors
    /// If it cannot be removed, or the name not be written.
    pub fn belong_to(&self, person: &str) -> io::Result<()> {
        let known = self.person();
        if known.as_deref() == Some(person) {
            return Ok(());
        }
        if known.is_some() {
            or_absent(fs::remove_dir_all(self.services()))?;
            or_absent(fs::remove_file(self.fleet_file()))?;
            // Those of this machine are its engine's too, and of all who may use it.
            if self.place.profile.is_some() {
                or_absent(fs::remove_dir_all(self.texts()))?;
            }
        }
        write(&self.person_file(), person.as_bytes())
    }

    fn save(&self, path: &Path, what: &impl Serialize) -> io::Result<()> {
        let EnginePlace { profile, address, .. } = self.place.clone();
        let made = SystemTime::now().into();
        let file = StateFile { format: FORMAT, profile, address, made, what };
        let bytes = serde_json::to_vec(&file)?;
        if bytes.len() as u64 > LARGEST {
            or_absent(fs::remove_file(path))?;
            return Err(io::Error::other(format!("{} bytes are too many", bytes.len())));
        }
        write(path, &bytes)
    }

    fn load<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<LastState<T>>, String> {
        let name = path.display().to_string();
        let Some((bytes, seen)) =
            read(path).map_err(|why| self.unusable(&name, &why.to_string()))?
        else {
            return Ok(None);
        };
        let format = serde_json::from_slice(&bytes).map(|FormatOnly { format }| format);
        if format.as_ref().is_ok_and(|format| *format > FORMAT) {
            return Err(self.unusable(&name, "was written by a newer trunkline"));
        }
        let file: StateFile<T> =
            serde_json::from_slice(&bytes).map_err(|_| self.unusable(&name, "is damaged"))?;
        if file.profile != self.place.profile || file.address != self.place.address {
            return Err(self.unusable(&name, "is of another server"));
        }
        // A clock that was set back makes nothing younger than now.
        let ago = seen.elapsed().unwrap_or_default();
        let seen = DateTime::<Utc>::from(seen);
        let before = (seen - file.made).max(TimeDelta::zero()).to_std().unwrap_or_default();
        Ok(Some(LastState { what: file.what, seen, ago, age: ago + before }))
    }

    fn unusable(&self, name: &str, why: &str) -> String {
        format!("the last state of {} is not shown: {name} {why}", self.place.named())
    }

    /// Removes the services that were seen longest ago where there are too many, and what was never finished.
    fn tidy(&self) {
        let mut files = files(&self.services());
        files.retain(|(path, seen)| {
            let is_unfinished = path.extension().is_none_or(|end| end != "json");
            if is_unfinished && seen.elapsed().is_ok_and(|age| age > ABANDONED) {
                let _next_time = fs::remove_file(path);
            }
            !is_unfinished
        });
        files.sort_by_key(|(_, seen)| std::cmp::Reverse(*seen));
        for (path, _) in files.iter().skip(SERVICES) {
            let _next_time = fs::remove_file(path);
            // The engine of this machine keeps the texts itself.
            let service = path.file_stem().filter(|_| self.place.profile.is_some());
            let service = service.and_then(|name| name.to_str()?.parse().ok());
            if let Some(text) = service.map(|service| self.text(&service)) {
                let _next_time = fs::remove_file(text);
            }
        }
    }
}

/// The files of a folder, and when each was written.
fn files(folder: &Path) -> Vec<(PathBuf, SystemTime)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let file = |entry: fs::DirEntry| Some((entry.path(), entry.metadata().ok()?.modified().ok()?));
    entries.filter_map(file).collect()
}

fn or_absent(done: io::Result<()>) -> io::Result<()> {
    done.or_else(|why| if why.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(why) })
}

/// What a file has that is its owner's alone, and when it was written.
fn read(path: &Path) -> io::Result<Option<(Vec<u8>, SystemTime)>> {
    let file = match File::open(path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let found = file.metadata()?;
    if !found.is_file()
        || found.mode() & OTHERS != 0
        || found.uid() != rustix::process::geteuid().as_raw()
    {
        return Err(io::Error::other("can be read or written by others"));
    }
    if found.len() > LARGEST {
        return Err(io::Error::other("is too large"));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(Some((bytes, found.modified()?)))
}

/// Writes a file as a whole: whoever reads it meanwhile finds the one before.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let new = path.with_extension(format!("new-{}", std::process::id()));
    let write = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    let written = write();
    if written.is_err() {
        let _never_made = fs::remove_file(&new);
    }
    written
}

#[cfg(test)]
mod tests;
