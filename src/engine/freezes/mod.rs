//! The freezes by calendar of the engine and of each service: read when they change, and the last good ones kept.
//!
//! Files are read, feeds parsed and copies written with nothing locked that a command waits for; what was made is then
//! swapped in.

mod feeds;
mod found;
mod kept;
mod own;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use chrono::{DateTime, Utc};

use self::feeds::Feeds;
pub use self::found::Found;
use self::found::Own;
pub(super) use self::found::at_commit;
use self::kept::Kept;
use self::own::OwnFile;
use self::source::Source;
use super::world::{Trouble, World, WorldOwner, WorldReader};
use crate::calendar::FreezeRules;
use crate::domain::ids::ServiceName;

/// Under which source it is said what is wrong with the engine's own file.
const SOURCE: &str = "freezes";
/// Under which what is wrong with the feeds and tables that it names.
const FEEDS: &str = "feeds";
/// And under which that good ones cannot be kept.
const KEPT: &str = "kept freezes";

/// Everything that is known of freezes by calendar.
#[derive(Debug)]
pub struct Freezes {
    feeds: Feeds,
    kept: Kept,
    /// Held while the engine's own file is looked at.
    own: Mutex<OwnFile>,
    /// Held while texts are kept or dropped, so that nobody puts an older one over a newer.
    keeping: Mutex<()>,
    /// Never held for longer than it takes to swap something in. Taken after the world by who needs both.
    in_force: Mutex<InForce>,
}

#[derive(Debug, Default)]
struct InForce {
    engine: Held,
    services: BTreeMap<ServiceName, Held>,
    /// Whose newest text is not on disk yet; the engine's is nobody's.
    unkept: BTreeSet<Option<ServiceName>>,
}

/// What holds of one file.
#[derive(Debug, Default, Clone)]
struct Held {
    source: Arc<Source>,
    /// What is wrong with the file as it is now.
    trouble: Option<String>,
}

/// What came of a look at the engine's own file.
enum OwnLook {
    NotDue,
    Good,
    Broken(String),
}

impl Freezes {
    /// Takes up the last good files of the folder `data`.
    pub fn open(data: &Path, file: Option<PathBuf>) -> Self {
        let kept = Kept::in_folder(data.join("freezes"));
        let held = |source: Source| Held { source: Arc::new(source), trouble: None };
        let engine = kept.engine().filter(|_| file.is_some());
        let engine = engine.map_or_else(Source::none, |text| Source::kept(None, text, &kept));
        let services = kept.of_services().into_iter().map(|(name, text)| {
            let source = Source::kept(Some(name.clone()), text, &kept);
            (name, held(source))
        });
        let in_force =
            InForce { engine: held(engine), services: services.collect(), unkept: BTreeSet::new() };
        Self {
            feeds: Feeds::open(kept.folder()),
            kept,
            own: Mutex::new(OwnFile::new(file)),
            keeping: Mutex::default(),
            in_force: Mutex::new(in_force),
        }
    }

    /// A service's own file that holds.
    fn own_of(&self, service: &ServiceName) -> Option<Held> {
        self.in_force().services.get(service).cloned()
    }

    /// Takes in what was found of a service's own file; gives the rules that hold for it now, and its own.
    fn take(
        &self,
        service: &ServiceName,
        own: &Own,
        trouble: Option<String>,
    ) -> (FreezeRules, Option<Arc<Source>>) {
        let mut in_force = self.in_force();
        match own {
            Own::AsBefore => {
                if let Some(held) = in_force.services.get_mut(service) {
                    held.trouble = trouble;
                }
            }
            Own::Gone => {
                if in_force.services.remove(service).is_some() {
                    in_force.unkept.insert(Some(service.clone()));
                }
            }
            Own::New(source) => {
                let held = Held { source: source.clone(), trouble };
                in_force.services.insert(service.clone(), held);
                if source.file.is_some() {
                    in_force.unkept.insert(Some(service.clone()));
                }
            }
        }
        in_force.of(service)
    }

    /// The rules in force for a service, and its own file.
    fn in_force_for(&self, service: &ServiceName) -> (FreezeRules, Option<Arc<Source>>) {
        self.in_force().of(service)
    }

    /// Whether anything came in that is not on disk yet.
    pub(super) fn has_unkept(&self) -> bool {
        !self.in_force().unkept.is_empty()
    }

    /// Whether there is anything to look at: an idle engine only asks the files how they stand.
    fn is_due(&self, now: DateTime<Utc>) -> bool {
        let all = {
            let in_force = self.in_force();
            if !in_force.unkept.is_empty() {
                return true;
            }
            in_force.sources()
        };
        let is_due = |source: &Arc<Source>| {
            let mut feeds = source.feeds().iter();
            source.is_old(&self.feeds, now) || feeds.any(|feed| self.feeds.is_due(feed, now))
        };
        all.iter().any(is_due) || self.own().is_due()
    }

    /// Looks at the engine's own file.
    fn look_at_own(&self, own: &mut OwnFile, now: DateTime<Utc>) -> OwnLook {
        let known = self.in_force().engine.source.clone();
        let Some(read) = own.look(&known) else { return OwnLook::NotDue };
        let is_other = |source: &Source| {
            source.file.is_none() || !known.is_from(source.text.as_deref(), &source.files)
        };
        let source = read.source.filter(is_other);
        let source = source.map(|source| source.laid_out(&known, &self.feeds, now));
        let mut in_force = self.in_force();
        in_force.engine.trouble.clone_from(&read.trouble);
        if let Some(source) = source {
            if source.file.is_some() && source.text.is_some() {
                in_force.unkept.insert(None);
            }
            in_force.engine.source = Arc::new(source);
        }
        read.trouble.map_or(OwnLook::Good, OwnLook::Broken)
    }

    /// Lays out anew what is not up to date.
    fn renew(&self, now: DateTime<Utc>) {
        let all = self.in_force().sources();
        for before in all.into_iter().filter(|source| source.is_old(&self.feeds, now)) {
            let fresh = Arc::new(before.laid_out(&before, &self.feeds, now));
            let mut in_force = self.in_force();
            let InForce { engine, services, .. } = &mut *in_force;
            let mut all = std::iter::once(engine).chain(services.values_mut());
            // What came in meanwhile was laid out by who brought it.
            if let Some(held) = all.find(|held| Arc::ptr_eq(&held.source, &before)) {
                held.source = fresh;
            }
        }
    }

    /// Asks for the feeds that are due.
    fn fetch(&self, now: DateTime<Utc>) {
        let all = self.in_force().sources();
        self.feeds.fetch_due(all.iter().flat_map(|one| one.feeds().to_vec()).collect(), now);
    }

    /// Drops the copies of feeds that no file names any more.
    fn tidy(&self) {
        let _one = self.keeping();
        let all = self.in_force().sources();
        // A file that cannot be read may name any.
        if all.iter().all(|source| source.file.is_some()) {
            let keys = |one: &Arc<Source>| -> Vec<_> {
                one.feeds().iter().map(|feed| one.key(feed)).collect()
            };
            self.feeds.keep_only(&all.iter().flat_map(keys).collect());
        }
    }

    /// Keeps the text of a file and those of the feeds beside it.
    fn put(&self, whose: Option<&ServiceName>, newest: Option<&Source>) -> io::Result<()> {
        for (key, text) in newest.into_iter().flat_map(Source::good_texts) {
            self.kept.put_feed(&key, text)?;
        }
        self.kept.put(whose, newest.and_then(|source| source.text.as_deref()))
    }

    fn in_force(&self) -> MutexGuard<'_, InForce> {
        self.in_force.lock().expect("nobody panics while swapping freezes")
    }

    fn keeping(&self) -> MutexGuard<'_, ()> {
        self.keeping.lock().expect("nobody panics while keeping freezes")
    }

    fn own(&self) -> MutexGuard<'_, OwnFile> {
        self.own.lock().expect("nobody panics while looking at freezes")
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

    /// The file that holds, whose text is to be kept.
    fn source_of(&self, whose: Option<&ServiceName>) -> Option<Arc<Source>> {
        match whose {
            Some(service) => self.services.get(service).map(|held| held.source.clone()),
            None => Some(self.engine.source.clone()),
        }
    }
}

/// What a look at the freezes found changed.
#[derive(Default)]
pub struct FreezeNews {
    /// The services whose rules or problems are others now.
    services: Vec<ServiceName>,
    /// Problems that belong to no service, set or cleared.
    troubles: Vec<(&'static str, Option<Trouble>)>,
}

impl Freezes {
    /// Looks at everything, if anything is due. It may take a while, so it runs on a thread of its own.
    pub(super) async fn look_when_due(
        self: &Arc<Self>,
        world: WorldReader,
        now: DateTime<Utc>,
    ) -> Option<FreezeNews> {
        if !self.is_due(now) {
            return None;
        }
        let freezes = self.clone();
        tokio::task::spawn_blocking(move || freezes.look(&world, now)).await.ok()
    }

    /// Looks at everything once. It may take a while.
    pub(super) fn look(&self, world: &WorldReader, now: DateTime<Utc>) -> FreezeNews {
        let mut news = FreezeNews::default();
        let mut own = self.own();
        // Before the file is read: a new file can then fall back on the rules before it.
        self.renew(now);
        match self.look_at_own(&mut own, now) {
            OwnLook::NotDue => {}
            OwnLook::Good => news.troubles.push((SOURCE, None)),
            OwnLook::Broken(what) => {
                let remedy = "mend the file; until then the last good one holds";
                news.troubles.push((SOURCE, Some(Trouble::new(what, remedy))));
            }
        }
        self.tidy();
        self.fetch(now);
        self.compare(&world.world(), now, &mut news);
        drop(own);
        news.troubles.push((KEPT, self.keep()));
        news
    }

    /// Finds the services that do not have the rules in force.
    fn compare(&self, world: &World, now: DateTime<Utc>, news: &mut FreezeNews) {
        for service in world.services.values() {
            let (rules, own) = self.in_force_for(&service.name);
            let trouble =
                own.and_then(|own| trouble_of(&own.rules, now)).map(|trouble| trouble.what);
            let known = service.problems.get(FEEDS).map(|known| &known.what);
            if !service.freezes.are_same(&rules) || known != trouble.as_ref() {
                news.services.push(service.name.clone());
            }
        }
        let engine = self.in_force().engine.source.clone();
        news.troubles.push((FEEDS, trouble_of(&engine.rules, now)));
    }

    /// Writes the newest good texts to disk that are not there yet. The next look tries again what failed, and the trouble
    /// says so.
    pub(super) fn keep(&self) -> Option<Trouble> {
        let _one = self.keeping();
        let unkept = std::mem::take(&mut self.in_force().unkept);
        let mut trouble = None;
        for whose in unkept {
            let newest = self.in_force().source_of(whose.as_ref());
            if let Err(error) = self.put(whose.as_ref(), newest.as_deref()) {
                let file = whose.as_ref().map_or("the engine's file", ServiceName::as_str);
                trouble = Some(Trouble::new(
                    format!("the freezes of {file} cannot be kept: {error}"),
                    "free disk space or mend the data folder; after a restart older ones would hold",
                ));
                self.in_force().unkept.insert(whose);
            }
        }
        trouble
    }
}

impl FreezeNews {
    /// The news of one attempt to write the texts.
    pub(super) fn of_keeping(trouble: Option<Trouble>) -> Self {
        Self { services: Vec::new(), troubles: vec![(KEPT, trouble)] }
    }

    /// Gives the services the rules in force now: a look at the trunk may have found newer ones since this look.
    pub(super) fn take_in(self, world: &mut WorldOwner, freezes: &Freezes, now: DateTime<Utc>) {
        for name in &self.services {
            let (rules, own) = freezes.in_force_for(name);
            let trouble = own.and_then(|own| trouble_of(&own.rules, now));
            world.change(name, |service| {
                service.freezes = rules;
                service.set_trouble(FEEDS, now, trouble);
            });
        }
        for (source, trouble) in self.troubles {
            world.set_trouble(source, now, trouble);
        }
    }
}

/// What is wrong with rules, beside mistakes in their file.
fn trouble_of(rules: &FreezeRules, now: DateTime<Utc>) -> Option<Trouble> {
    let problems = rules.problems(now);
    let remedy = "promotes may need a reason until that is mended";
    (!problems.is_empty()).then(|| Trouble::new(problems.join("; "), remedy))
}
