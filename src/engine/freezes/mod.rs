//! The freezes by calendar of the engine and of each service: read when they change, and the last good ones kept.

mod feeds;
mod kept;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use chrono::{DateTime, TimeDelta, Utc};

use self::feeds::Feeds;
use self::kept::Kept;
use super::shared::Shared;
use crate::config::FreezesFile;
use crate::config::freezes::feeds as texts;
use crate::config::freezes::{FREEZES_FILE, FeedPlace, FeedSource, LARGEST};
use crate::domain::freeze::Rules;
use crate::domain::freeze::feed::Feed;
use crate::domain::ids::ServiceName;

/// Under which source it is said what is wrong with the engine's own file.
const SOURCE: &str = "freezes";
/// And under which what is wrong with the feeds and tables that it names.
const FEEDS: &str = "feeds";
/// How far back and ahead of now the events of feeds are laid out, and when that is done anew.
const BACK: TimeDelta = TimeDelta::days(60);
const AHEAD: TimeDelta = TimeDelta::days(400);
const ANEW: TimeDelta = TimeDelta::days(1);

/// Everything that is known of freezes by calendar. Held by the engine's one task for it, and by looks at trunks.
#[derive(Debug)]
pub struct Freezes {
    /// The engine's own file, where there is a folder of settings.
    file: Option<PathBuf>,
    kept: Kept,
    feeds: Feeds,
    /// What the engine's own files looked like when they were read.
    stamp: Vec<Option<Stamp>>,
    laid_out: DateTime<Utc>,
    engine: Source,
    services: BTreeMap<ServiceName, Source>,
}

/// When a file was written last, and its size.
type Stamp = (SystemTime, u64);

/// One freezes.toml with what its feeds say.
#[derive(Debug, Default)]
struct Source {
    text: String,
    /// `None` when it never could be read.
    file: Option<FreezesFile>,
    /// The texts of feeds that are files, by the ids of their rules, or why they cannot be read.
    files: BTreeMap<String, Result<String, String>>,
    rules: Rules,
}

/// What a look at a trunk found of a service's own freezes.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// `None` when the commit has no such file.
    pub text: Option<String>,
    pub files: BTreeMap<String, Result<String, String>>,
}

/// What a look found.
struct Looked {
    /// The rules may be others than before.
    changed: bool,
    own: OwnFile,
}

/// What became of the engine's own file.
enum OwnFile {
    /// Nobody touched it.
    Unread,
    Good,
    Broken(String),
}

impl Freezes {
    /// Takes up the last good files of the folder `data`.
    pub fn open(data: &Path, file: Option<PathBuf>, now: DateTime<Utc>) -> Self {
        let kept = Kept::in_folder(data.join("freezes"));
        let feeds = Feeds::open(kept.folder());
        let mut freezes = Self {
            file,
            kept,
            feeds,
            stamp: Vec::new(),
            laid_out: now,
            engine: Source { file: Some(FreezesFile::default()), ..Source::default() },
            services: BTreeMap::new(),
        };
        for (name, text) in freezes.kept.of_services() {
            let source = Source::parsed(text, BTreeMap::new());
            freezes.services.insert(name, source);
        }
        freezes
    }

    /// The rules that hold for a service.
    pub fn of(&self, service: &ServiceName) -> Rules {
        match self.services.get(service) {
            Some(own) => self.engine.rules.with_own(service, &own.rules),
            None => self.engine.rules.clone(),
        }
    }

    /// Takes in a service's own file as it is at the tip of its trunk, and says what is wrong with it. A commit that
    /// takes the file away ends its freezes: it was reviewed like any other.
    pub fn take(
        &mut self,
        service: &ServiceName,
        found: &Found,
        now: DateTime<Utc>,
    ) -> Option<String> {
        let Some(text) = &found.text else {
            self.kept.forget(service);
            self.services.remove(service);
            return None;
        };
        match FreezesFile::parse(text, FREEZES_FILE) {
            Ok(file) => {
                self.kept.keep(service, text);
                let mut source = Source::of(text.clone(), file, found.files.clone());
                source.lay_out(&self.feeds, now);
                self.services.insert(service.clone(), source);
                None
            }
            Err(error) => {
                let why = error.to_string();
                let unknown =
                    || Source { rules: Rules::unreadable(FREEZES_FILE, &why), ..Source::default() };
                self.services.entry(service.clone()).or_insert_with(unknown);
                Some(why)
            }
        }
    }

    /// Looks whether the engine's own file or the files of its feeds were written since, and whether feeds are due.
    fn look(&mut self, now: DateTime<Utc>) -> Looked {
        let stamp = self.stamps();
        let fed = self.feeds.has_news();
        let old = self.is_old(now);
        let mut own = OwnFile::Unread;
        if stamp != self.stamp {
            own = self.read().map_or(OwnFile::Good, OwnFile::Broken);
            self.stamp = self.stamps();
        } else if !fed && !old {
            return Looked { changed: false, own };
        }
        self.lay_out(now);
        Looked { changed: true, own }
    }

    fn is_due(&self, now: DateTime<Utc>) -> bool {
        let all = std::iter::once(&self.engine).chain(self.services.values());
        let mut sources = all.flat_map(|source| &source.file).flat_map(|file| &file.feeds);
        self.feeds.may_have_news()
            || self.is_old(now)
            || self.stamps() != self.stamp
            || sources.any(|source| self.feeds.is_due(source, now))
    }

    fn is_old(&self, now: DateTime<Utc>) -> bool {
        now - self.laid_out > ANEW || now < self.laid_out
    }

    fn lay_out(&mut self, now: DateTime<Utc>) {
        self.laid_out = now;
        let Self { engine, services, feeds, .. } = self;
        std::iter::once(engine)
            .chain(services.values_mut())
            .for_each(|one| one.lay_out(feeds, now));
    }

    /// Reads the engine's own file; says what is wrong with it.
    fn read(&mut self) -> Option<String> {
        let path = self.file.clone()?;
        let shown = path.display().to_string();
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let trouble = match text_of(&path) {
            Ok(Some(text)) => match FreezesFile::parse(&text, &shown) {
                Ok(file) => {
                    self.kept.keep_engine(&text);
                    let files = files(&file, &folder);
                    self.engine = Source::of(text, file, files);
                    return None;
                }
                Err(error) => error.to_string(),
            },
            // One that was never there is no file; one that is gone may have been lost.
            Ok(None) if self.kept.engine().is_none() => {
                self.engine = Source { file: Some(FreezesFile::default()), ..Source::default() };
                return None;
            }
            Ok(None) => format!("{shown}: is gone; an empty file ends its freezes"),
            Err(why) => format!("{shown}: cannot be read: {why}"),
        };
        match self.kept.engine() {
            Some(text) if text != self.engine.text || self.engine.file.is_none() => {
                self.engine = Source::parsed(text, BTreeMap::new());
                if let Some(file) = &self.engine.file {
                    self.engine.files = files(file, &folder);
                }
            }
            Some(_) => {}
            None => {
                let rules = Rules::unreadable(FREEZES_FILE, &trouble);
                self.engine = Source { rules, ..Source::default() };
            }
        }
        Some(trouble)
    }

    /// How the engine's own file and those of its feeds stand.
    fn stamps(&self) -> Vec<Option<Stamp>> {
        let Some(path) = &self.file else { return Vec::new() };
        let folder = path.parent().unwrap_or(path);
        let feeds = self.engine.file.iter().flat_map(|file| &file.feeds);
        let feeds = feeds.filter_map(|feed| match &feed.place {
            FeedPlace::Path(below) => Some(folder.join(below)),
            FeedPlace::Url(_) => None,
        });
        let stamp = |path: PathBuf| {
            let found = std::fs::metadata(path).ok()?;
            Some((found.modified().ok()?, found.len()))
        };
        std::iter::once(path.clone()).chain(feeds).map(stamp).collect()
    }

    /// The feeds of the web that any file names.
    fn sources(&self) -> Vec<FeedSource> {
        let all = std::iter::once(&self.engine).chain(self.services.values());
        all.flat_map(|source| source.file.iter().flat_map(|file| file.feeds.clone())).collect()
    }
}

impl Source {
    fn of(
        text: String,
        file: FreezesFile,
        files: BTreeMap<String, Result<String, String>>,
    ) -> Self {
        Self { text, rules: file.rules.clone(), file: Some(file), files }
    }

    /// A text that was good when it was kept; a newer trunkline may see it otherwise.
    fn parsed(text: String, files: BTreeMap<String, Result<String, String>>) -> Self {
        match FreezesFile::parse(&text, FREEZES_FILE) {
            Ok(file) => Self::of(text, file, files),
            Err(error) => {
                let rules = Rules::unreadable(FREEZES_FILE, &error.to_string());
                Self { text, rules, ..Self::default() }
            }
        }
    }

    /// Gives the rules the events of their feeds as they are known now.
    fn lay_out(&mut self, feeds: &Feeds, now: DateTime<Utc>) {
        let Some(file) = &self.file else { return };
        let stretch = (now - BACK, now + AHEAD);
        let read = |source: &FeedSource| -> Feed {
            match &source.place {
                FeedPlace::Url(url) => feeds.read(url, source, stretch),
                FeedPlace::Path(path) => {
                    let text = self.files.get(&source.freeze).cloned();
                    let missing = || Err(format!("{path:?} has not been read yet"));
                    texts::feed(text.unwrap_or_else(missing), source.zone, stretch, now)
                }
            }
        };
        let known: BTreeMap<_, _> =
            file.feeds.iter().map(|source| (source.freeze.clone(), read(source))).collect();
        self.rules = file.rules.with_feeds(|id| known.get(id).cloned());
    }
}

/// The texts of the feeds that are files, from below this folder.
fn files(file: &FreezesFile, folder: &Path) -> BTreeMap<String, Result<String, String>> {
    let read = |source: &FeedSource| match &source.place {
        FeedPlace::Url(_) => None,
        FeedPlace::Path(path) => {
            let text = texts::file(&folder.join(path), texts::LARGEST)
                .map_err(|why| format!("{path:?}: {why}"));
            Some((source.freeze.clone(), text))
        }
    };
    file.feeds.iter().filter_map(read).collect()
}

fn text_of(path: &Path) -> Result<Option<String>, String> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        _ => texts::file(path, LARGEST).map(Some),
    }
}

/// The same, when there is anything to look at: an idle engine only asks the files how they stand.
pub(super) async fn look_when_due(shared: &Arc<Shared>) {
    if shared.freezes().is_due(shared.clock.now()) {
        let shared = shared.clone();
        // Large feeds take a while to lay out.
        let _stopping = tokio::task::spawn_blocking(move || look(&shared)).await;
    }
}

/// Looks at everything once, and gives every service its rules where anything changed.
pub(super) fn look(shared: &Shared) {
    let now = shared.clock.now();
    let looked = {
        let mut freezes = shared.freezes();
        let looked = freezes.look(now);
        let sources = freezes.sources();
        freezes.feeds.fetch_due(sources, now);
        looked
    };
    match looked.own {
        OwnFile::Unread => {}
        OwnFile::Good => shared.note(SOURCE, None),
        OwnFile::Broken(what) => {
            let remedy = "mend the file; until then the last good one holds";
            shared.note(SOURCE, Some((what, remedy.to_owned())));
        }
    }
    if looked.changed {
        spread(shared);
    }
}

/// Gives every service the rules as they are now.
pub(super) fn spread(shared: &Shared) {
    let now = shared.clock.now();
    let remedy = "promotes may need a reason until that is mended";
    let problem = |rules: &Rules| {
        let problems = rules.problems(now);
        (!problems.is_empty()).then(|| (problems.join("; "), remedy.to_owned()))
    };
    let of_engine = shared.change(|world| {
        let freezes = shared.freezes();
        for service in world.services.values_mut() {
            let own = freezes.services.get(&service.name);
            service.freezes = freezes.of(&service.name);
            service.trouble("feeds", now, own.and_then(|own| problem(&own.rules)));
            service.revision = world.revision;
        }
        problem(&freezes.engine.rules)
    });
    shared.note(FEEDS, of_engine);
}
