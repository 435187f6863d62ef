//! The freezes by calendar of the engine and of each service, and the calendars of who is on call. They are read when they
//! change; the last good ones are saved.
//!
//! Files are read, feeds parsed and copies written without a lock that commands wait for. The results are then swapped in.

mod at_commit;
mod feeds;
mod file_feeds;
mod on_call;
mod own;
mod saved;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use chrono::{DateTime, Utc};

pub use self::at_commit::FreezesAtCommit;
use self::at_commit::OwnFileUpdate;
pub(super) use self::at_commit::at_commit;
use self::feeds::Feeds;
use self::file_feeds::FileFeeds;
pub use self::on_call::OnCallAtCommit;
use self::on_call::OnCallCalendar;
pub(super) use self::on_call::on_call_at_commit;
use self::own::OwnFile;
use self::saved::SavedTexts;
use self::source::Source;
use super::reserve::write_remedy;
use super::world::{Service, Trouble, World, WorldOwner, WorldReader};
use crate::calendar::FreezeRules;
use crate::domain::ids::ServiceName;

/// Problem key for mistakes in the engine's own file.
const FILE_PROBLEM: &str = "freezes";
/// Problem key for the feeds and tables that a file names.
const FEEDS_PROBLEM: &str = "feeds";
/// Problem key for texts that cannot be saved.
const SAVE_PROBLEM: &str = "kept freezes";

/// All freezes by calendar.
#[derive(Debug)]
pub struct Freezes {
    feeds: Feeds,
    kept: SavedTexts,
    /// Locked while the engine's own file is checked.
    own: Mutex<OwnFile>,
    /// Locked while texts are saved or removed, so that an older text never replaces a newer one.
    saving: Mutex<()>,
    /// Locked only for a swap. Code that needs both locks takes the world first.
    in_force: Mutex<InForce>,
}

#[derive(Debug, Default)]
struct InForce {
    engine: FileInForce,
    services: BTreeMap<ServiceName, FileInForce>,
    /// The calendars of who is on call; `None` for a service that is known to have none.
    on_call: BTreeMap<ServiceName, Option<Arc<OnCallCalendar>>>,
    /// The owners whose newest text is not on disk yet; `None` is the engine.
    unsaved: BTreeSet<Option<ServiceName>>,
}

/// One file in force.
#[derive(Debug, Default, Clone)]
struct FileInForce {
    source: Arc<Source>,
    /// What is wrong with the current file.
    trouble: Option<String>,
}

/// The result of a check of the engine's own file.
enum OwnLook {
    NotDue,
    Good,
    Broken(String),
}

impl Freezes {
    /// Loads the last good files of the folder `data`.
    pub fn open(data: &Path, file: Option<PathBuf>) -> Self {
        let kept = SavedTexts::in_folder(data.join("freezes"));
        let held = |source: Source| FileInForce { source: Arc::new(source), trouble: None };
        let engine = kept.engine().filter(|_| file.is_some());
        let engine = engine.map_or_else(Source::none, |text| Source::kept(None, text, &kept));
        let services = kept.of_services().into_iter().map(|(name, text)| {
            let source = Source::kept(Some(name.clone()), text, &kept);
            (name, held(source))
        });
        let in_force = InForce {
            engine: held(engine),
            services: services.collect(),
            on_call: BTreeMap::new(),
            unsaved: BTreeSet::new(),
        };
        Self {
            feeds: Feeds::open(kept.folder()),
            kept,
            own: Mutex::new(OwnFile::new(file)),
            saving: Mutex::default(),
            in_force: Mutex::new(in_force),
        }
    }

    /// A service's own file in force.
    fn own_of(&self, service: &ServiceName) -> Option<FileInForce> {
        self.in_force().services.get(service).cloned()
    }

    /// Takes in a service's own file. Returns the rules now in force for the service, and its own file.
    fn take(
        &self,
        service: &ServiceName,
        own: &OwnFileUpdate,
        trouble: Option<String>,
    ) -> (FreezeRules, Option<Arc<Source>>) {
        let mut in_force = self.in_force();
        match own {
            OwnFileUpdate::AsBefore => {
                if let Some(held) = in_force.services.get_mut(service) {
                    held.trouble = trouble;
                }
            }
            OwnFileUpdate::Gone => {
                if in_force.services.remove(service).is_some() {
                    in_force.unsaved.insert(Some(service.clone()));
                }
            }
            OwnFileUpdate::New(source) => {
                let held = FileInForce { source: source.clone(), trouble };
                in_force.services.insert(service.clone(), held);
                if source.file.is_some() {
                    in_force.unsaved.insert(Some(service.clone()));
                }
            }
        }
        in_force.of(service)
    }

    /// The rules in force for a service, and its own file.
    fn in_force_for(&self, service: &ServiceName) -> (FreezeRules, Option<Arc<Source>>) {
        self.in_force().of(service)
    }

    /// Whether a new text is not on disk yet.
    pub(super) fn has_unsaved(&self) -> bool {
        !self.in_force().unsaved.is_empty()
    }

    /// Whether anything has to be read. An idle engine only checks the metadata of the files.
    fn is_due(&self, now: DateTime<Utc>) -> bool {
        let all = {
            let in_force = self.in_force();
            if !in_force.unsaved.is_empty() {
                return true;
            }
            in_force.feeds()
        };
        let is_due = |feeds: &Arc<FileFeeds>| {
            feeds.is_old(&self.feeds, now) || feeds.is_due(&self.feeds, now)
        };
        all.iter().any(is_due) || self.own().is_due()
    }

    /// Checks the engine's own file.
    fn look_at_own(&self, own: &mut OwnFile, now: DateTime<Utc>) -> OwnLook {
        let known = self.in_force().engine.source.clone();
        let Some(read) = own.look(&known) else { return OwnLook::NotDue };
        let is_other = |source: &Source| {
            source.file.is_none() || !known.is_from(source.text.as_deref(), &source.feeds.files)
        };
        let source = read.source.filter(is_other);
        let source = source.map(|source| source.with_events(&known, &self.feeds, now));
        let mut in_force = self.in_force();
        in_force.engine.trouble.clone_from(&read.trouble);
        if let Some(source) = source {
            if source.file.is_some() && source.text.is_some() {
                in_force.unsaved.insert(None);
            }
            in_force.engine.source = Arc::new(source);
        }
        read.trouble.map_or(OwnLook::Good, OwnLook::Broken)
    }

    /// Computes the outdated events again.
    fn renew(&self, now: DateTime<Utc>) {
        let all = self.in_force().sources();
        for before in all.into_iter().filter(|source| source.feeds.is_old(&self.feeds, now)) {
            let fresh = Arc::new(before.with_events(&before, &self.feeds, now));
            let mut in_force = self.in_force();
            let InForce { engine, services, .. } = &mut *in_force;
            let mut all = std::iter::once(engine).chain(services.values_mut());
            // A source that was replaced meanwhile is up to date.
            if let Some(held) = all.find(|held| Arc::ptr_eq(&held.source, &before)) {
                held.source = fresh;
            }
        }
    }

    /// Fetches the feeds that are due.
    fn fetch(&self, now: DateTime<Utc>) {
        let all = self.in_force().feeds();
        self.feeds.fetch_due(all.iter().flat_map(|one| one.sources.clone()).collect(), now);
    }

    /// Removes the copies of unused feeds.
    fn tidy(&self, services: &[ServiceName]) {
        let _one = self.saving();
        let (all, is_each_known) = {
            let in_force = self.in_force();
            // An unreadable file may name any feed, and so may a service file that was not read yet.
            let is_read = in_force.sources().iter().all(|source| source.file.is_some());
            let is_known = |service| in_force.on_call.contains_key(service);
            (in_force.feeds(), is_read && services.iter().all(is_known))
        };
        if is_each_known {
            let keys =
                |one: &Arc<FileFeeds>| one.sources.iter().map(|s| one.key(s)).collect::<Vec<_>>();
            self.feeds.keep_only(&all.iter().flat_map(keys).collect());
        }
    }

    /// Saves the text of a file and of its feeds.
    fn put(&self, whose: Option<&ServiceName>, newest: Option<&Source>) -> io::Result<()> {
        for (key, text) in newest.into_iter().flat_map(|source| source.feeds.good_texts()) {
            self.kept.put_feed(&key, text)?;
        }
        self.kept.put(whose, newest.and_then(|source| source.text.as_deref()))
    }

    fn in_force(&self) -> MutexGuard<'_, InForce> {
        self.in_force.lock().expect("no code panics while swapping freezes")
    }

    fn saving(&self) -> MutexGuard<'_, ()> {
        self.saving.lock().expect("no code panics while saving freezes")
    }

    fn own(&self) -> MutexGuard<'_, OwnFile> {
        self.own.lock().expect("no code panics while checking freezes")
    }
}

impl InForce {
    /// The rules in force for a service, and its own file. It computes nothing.
    fn of(&self, service: &ServiceName) -> (FreezeRules, Option<Arc<Source>>) {
        let own = self.services.get(service);
        let troubles = self.engine.trouble.iter().chain(own.and_then(|own| own.trouble.as_ref()));
        let rules = match own {
            Some(own) => self.engine.source.rules.and(&own.source.rules),
            None => self.engine.source.rules.clone(),
        };
        (rules.with_troubles(troubles.cloned()), own.map(|own| own.source.clone()))
    }

    fn sources(&self) -> Vec<Arc<Source>> {
        let all = std::iter::once(&self.engine).chain(self.services.values());
        all.map(|held| held.source.clone()).collect()
    }

    /// The feeds of all files, and those of who is on call.
    fn feeds(&self) -> Vec<Arc<FileFeeds>> {
        let of_files = self.sources().into_iter().map(|source| source.feeds.clone());
        of_files.chain(self.on_call_feeds()).collect()
    }

    /// The file in force whose text has to be saved.
    fn source_of(&self, whose: Option<&ServiceName>) -> Option<Arc<Source>> {
        match whose {
            Some(service) => self.services.get(service).map(|held| held.source.clone()),
            None => Some(self.engine.source.clone()),
        }
    }
}

/// What changed since the last check of the freezes.
#[derive(Default)]
pub struct FreezeUpdate {
    /// Problems that belong to no service, set or cleared.
    troubles: Vec<(&'static str, Option<Trouble>)>,
}

impl Freezes {
    /// Checks everything, if anything is due. It may be slow, so it runs on its own thread.
    pub(super) async fn look_when_due(
        self: &Arc<Self>,
        world: &WorldReader,
        now: DateTime<Utc>,
    ) -> Option<FreezeUpdate> {
        if !self.is_due(now) {
            return None;
        }
        let (freezes, world) = (self.clone(), world.clone());
        tokio::task::spawn_blocking(move || freezes.look(&world, now)).await.ok()
    }

    /// Checks everything once. It may be slow.
    pub(super) fn look(&self, world: &WorldReader, now: DateTime<Utc>) -> FreezeUpdate {
        let services: Vec<_> = world.read(|world| world.services.keys().cloned().collect());
        let mut update = FreezeUpdate::default();
        let mut own = self.own();
        // This comes before the file is read, so that a new file can fall back on the previous rules.
        self.renew(now);
        self.renew_on_call(now);
        match self.look_at_own(&mut own, now) {
            OwnLook::NotDue => {}
            OwnLook::Good => update.troubles.push((FILE_PROBLEM, None)),
            OwnLook::Broken(what) => {
                let remedy = "fix the file; until then the last good one applies";
                update.troubles.push((FILE_PROBLEM, Some(Trouble::new(what, remedy))));
            }
        }
        self.tidy(&services);
        self.fetch(now);
        let engine = self.in_force().engine.source.clone();
        update.troubles.push((FEEDS_PROBLEM, trouble_of(&engine.rules, now)));
        drop(own);
        update.troubles.push((SAVE_PROBLEM, self.save()));
        update
    }

    /// The services whose rules or calendars are not the ones in force.
    fn outdated(&self, world: &World, now: DateTime<Utc>) -> Vec<ServiceName> {
        let is_outdated = |service: &&Arc<Service>| {
            let (rules, own) = self.in_force_for(&service.name);
            let trouble =
                own.and_then(|own| trouble_of(&own.rules, now)).map(|trouble| trouble.what);
            let reported = service.problems.get(FEEDS_PROBLEM).map(|known| &known.what);
            let on_call = self.on_call_of(&service.name);
            !service.freezes.are_same(&rules)
                || reported != trouble.as_ref()
                || on_call::is_outdated(service, on_call.as_ref(), now)
        };
        world.services.values().filter(is_outdated).map(|service| service.name.clone()).collect()
    }

    /// Writes new good texts to disk. The next check retries a failed write. Returns the problem, if a write failed.
    pub(super) fn save(&self) -> Option<Trouble> {
        let _one = self.saving();
        let unsaved = std::mem::take(&mut self.in_force().unsaved);
        let mut trouble = None;
        for whose in unsaved {
            let newest = self.in_force().source_of(whose.as_ref());
            if let Err(error) = self.put(whose.as_ref(), newest.as_deref()) {
                let file = whose.as_ref().map_or("the engine's file", ServiceName::as_str);
                trouble = Some(Trouble::new(
                    format!("the freezes of {file} cannot be saved: {error}"),
                    format!(
                        "{}; after a restart older freezes would apply",
                        write_remedy(error.kind())
                    ),
                ));
                self.in_force().unsaved.insert(whose);
            }
        }
        trouble
    }
}

impl FreezeUpdate {
    /// The result of one attempt to save the texts.
    pub(super) fn of_saving(trouble: Option<Trouble>) -> Self {
        Self { troubles: vec![(SAVE_PROBLEM, trouble)] }
    }

    /// Gives the services the rules in force now. They may be newer than this check.
    pub(super) fn take_in(self, world: &mut WorldOwner, freezes: &Freezes, now: DateTime<Utc>) {
        let outdated = freezes.outdated(&world.world(), now);
        for name in &outdated {
            let (rules, own) = freezes.in_force_for(name);
            let trouble = own.and_then(|own| trouble_of(&own.rules, now));
            let on_call = freezes.on_call_of(name);
            world.change(name, |service| {
                service.freezes = rules;
                service.set_trouble(FEEDS_PROBLEM, now, trouble);
                on_call::take_in(service, on_call, now);
            });
        }
        for (source, trouble) in self.troubles {
            // Another attempt may have saved them since then.
            let is_over = source == SAVE_PROBLEM && !freezes.has_unsaved();
            let trouble = trouble.filter(|_| !is_over);
            world.set_trouble(source, now, trouble);
        }
    }
}

/// The problems of rules, except mistakes in their file.
fn trouble_of(rules: &FreezeRules, now: DateTime<Utc>) -> Option<Trouble> {
    let problems = rules.problems(now);
    let remedy = "promotes may need a reason until this is fixed";
    (!problems.is_empty()).then(|| Trouble::new(problems.join("; "), remedy))
}
