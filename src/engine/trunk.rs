//! One look at a trunk: it fetches the repository and reports what is new.

use std::sync::Arc;

use super::freezes::{self, Found};
use super::migrations::Uses;
use super::shared::Shared;
use super::world::{Service, note};
use crate::config::service_file::{SERVICE_FILE, ServiceFile};
use crate::config::user_file::Watched;
use crate::domain::commit::{Commit, Revert};
use crate::domain::event::Fact;
use crate::domain::ids::{BuildNumber, ServiceName, Sha};
use crate::domain::people::{Identity, People, Person};
use crate::domain::service::ServiceState;
use crate::git::{GitError, Mirror};
use crate::store::{KnownService, Store, StoreError};

/// The most commits that an event lists of one build.
const COMMITS: usize = 50;
/// The most builds that one look reports; after more merges than that the oldest of these carries all before it.
const BUILDS: usize = 200;

/// What one look at a trunk found.
pub struct Look {
    pub watched: Watched,
    pub mirror: Mirror,
    pub result: Result<News, Trouble>,
}

/// Why a look found nothing out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub what: String,
    pub remedy: String,
}

/// What is on the trunk.
#[derive(Debug)]
pub struct News {
    pub trunk: String,
    /// The file at the tip, when it was not read before; the inner error is a file that cannot be used.
    pub file: Option<Result<ServiceFile, String>>,
    /// Its own freezes there, when they were not read before.
    freezes: Option<Found>,
    /// The tip that the engine knew when this look began.
    before: Option<Sha>,
    pub(super) tip: Sha,
    /// What a force-push left of the trunk.
    rewritten: Option<Rewritten>,
    builds: Vec<NewBuild>,
    /// The number of the first of `builds`.
    first: u64,
    /// What the machine's own git says of its owner.
    owner: Option<Identity>,
}

/// What a force-push took off the trunk, and the newest build that it left there.
#[derive(Debug)]
struct Rewritten {
    off_trunk: Vec<BuildNumber>,
    onto: Option<(BuildNumber, Sha)>,
}

#[derive(Debug)]
struct NewBuild {
    sha: Sha,
    commits: Vec<Commit>,
    more: u32,
    reverts: Vec<Revert>,
}

impl Look {
    /// The facts that follow, if the state is still the one that the look began with.
    pub(super) fn facts(&self, state: &ServiceState) -> Vec<Fact> {
        let Ok(news) = &self.result else { return Vec::new() };
        if state.tip != news.before {
            return Vec::new();
        }
        let rewritten = news.rewritten.iter().zip(&news.before).map(|(rewritten, from)| {
            let (from, to) = (from.clone(), news.tip.clone());
            let onto = rewritten.onto.as_ref().map(|(number, _)| *number);
            Fact::TrunkRewritten { from, to, off_trunk: rewritten.off_trunk.clone(), onto }
        });
        let known = state.builds.keys().next_back().map(|number| number.0 + 1);
        let builds = (known.unwrap_or(news.first)..).zip(&news.builds).map(|(number, build)| {
            Fact::BuildFound {
                build: BuildNumber(number),
                sha: build.sha.clone(),
                commits: build.commits.clone(),
                more: build.more,
                reverts: build.reverts.clone(),
            }
        });
        rewritten.chain(builds).collect()
    }
}

/// What the machine's own git says of its owner, in this repository where it is a local one.
pub(super) async fn local_identity(watched: &Watched) -> Option<Identity> {
    let local = std::path::PathBuf::from(&watched.repository);
    let ask = move || crate::git::local_identity(local.is_dir().then_some(&*local));
    tokio::task::spawn_blocking(ask).await.ok().flatten()
}

pub(super) async fn look(
    shared: &Shared,
    watched: &Watched,
    mirror: &Mirror,
    owner: Option<&Identity>,
) -> Result<News, Trouble> {
    let fetched = mirror.fetch().await;
    let known = known(shared, watched);
    let before = known.as_ref().and_then(|known| known.tip.clone());
    let is_read = known.as_ref().is_some_and(|known| known.is_read);
    let newest = known.as_ref().and_then(|known| known.newest.clone());
    let name = known.as_ref().map(|known| known.name.clone());
    let known_freezes = known.as_ref().and_then(|known| known.freezes_at.clone());
    let named = watched.trunk.clone().or_else(|| known.and_then(|k| k.trunk));
    let trunk = match named {
        Some(trunk) => trunk,
        None => mirror.default_branch().await?,
    };
    fetched?;
    let tip = mirror.tip(&trunk).await?.ok_or_else(|| Trouble {
        what: format!("the repository has no branch {trunk:?}"),
        remedy: "set trunk in trunkline.toml, or push the branch".into(),
    })?;
    let file = if is_read && before.as_ref() == Some(&tip) {
        None
    } else {
        Some(read_file(mirror, watched, &tip).await?)
    };
    let folder = watched.folder.as_deref();
    let own_name = file.as_ref().and_then(|file| file.as_ref().ok()).map(|file| file.name.clone());
    let freezes = match name.or(own_name) {
        Some(name) if known_freezes.as_ref() != Some(&tip) => {
            let now = shared.clock.now();
            Some(freezes::at_commit(&shared.freezes, mirror, folder, &tip, &name, now).await)
        }
        _ => None,
    };
    let rewritten = rewritten(shared, watched, mirror, before.as_ref(), &tip).await?;
    // A force-push may put what it took away back in another place, so that all since the last build counts as new.
    let newest = match &rewritten {
        Some(rewritten) => rewritten.onto.as_ref().map(|(_, sha)| sha.clone()),
        None => newest,
    };
    let (builds, first) = match &before {
        Some(before) if *before == tip => (Vec::new(), 0),
        Some(before) => {
            let since = newest.as_ref().unwrap_or(before);
            let shas = mirror.first_parents(Some(since), &tip, folder, BUILDS).await?;
            (new_builds(mirror, folder, Some(since), shas).await?, 0)
        }
        None => {
            let newest = mirror.first_parents(None, &tip, folder, 1).await?;
            let first = mirror.count_first_parents(&tip, folder).await?;
            (new_builds(mirror, folder, None, newest).await?, first)
        }
    };
    let owner = owner.cloned();
    Ok(News { trunk, file, freezes, before, tip, rewritten, builds, first, owner })
}

impl From<GitError> for Trouble {
    fn from(error: GitError) -> Self {
        let remedy = "check the repository's address and access; trunkline tries again by itself";
        Self { what: error.to_string(), remedy: remedy.into() }
    }
}

struct KnownTrunk {
    name: ServiceName,
    tip: Option<Sha>,
    /// The commit of the newest build that is on it.
    newest: Option<Sha>,
    trunk: Option<String>,
    freezes_at: Option<Sha>,
    /// The tip's file was read and is good; any other is read again, so that its trouble stays said.
    is_read: bool,
}

fn known(shared: &Shared, watched: &Watched) -> Option<KnownTrunk> {
    let world = shared.world();
    let service = world.services.values().find(|service| same(&service.watched, watched))?;
    Some(KnownTrunk {
        name: service.name.clone(),
        tip: service.state.tip.clone(),
        newest: service.state.newest_build().map(|build| build.sha.clone()),
        freezes_at: service.freezes_at.clone(),
        trunk: service.file.as_ref().and_then(|file| file.trunk.clone()),
        is_read: service.state.tip.as_ref().is_some_and(|tip| {
            let file = service.pipelines.get(tip).and_then(|file| file.as_ref().ok());
            file.is_some_and(|file| file.name == service.name)
        }),
    })
}

/// Whether the service stands at this tip, whose file was read and is good.
pub(super) fn is_taken_in(shared: &Shared, watched: &Watched, tip: &Sha) -> bool {
    known(shared, watched).is_some_and(|known| {
        let stands_at = |at: &Option<Sha>| at.as_ref() == Some(tip);
        known.is_read && stands_at(&known.tip) && stands_at(&known.freezes_at)
    })
}

/// Whether both name the same service's place.
pub(super) fn same(one: &Watched, other: &Watched) -> bool {
    one.repository == other.repository && one.folder == other.folder
}

pub(super) fn file_path(watched: &Watched) -> String {
    match &watched.folder {
        Some(folder) => format!("{folder}/{SERVICE_FILE}"),
        None => SERVICE_FILE.to_owned(),
    }
}

/// The service file at a commit; the inner error is a file that is missing or not right.
pub(super) async fn read_file(
    mirror: &Mirror,
    watched: &Watched,
    at: &Sha,
) -> Result<Result<ServiceFile, String>, GitError> {
    let path = file_path(watched);
    Ok(match mirror.file(at, &path).await? {
        Some(text) => ServiceFile::parse(&text, &path).map_err(|error| error.in_one_line()),
        None => Err(format!("commit {} has no {path}; write one and merge it", at.short())),
    })
}

async fn rewritten(
    shared: &Shared,
    watched: &Watched,
    mirror: &Mirror,
    before: Option<&Sha>,
    tip: &Sha,
) -> Result<Option<Rewritten>, GitError> {
    let Some(before) = before else { return Ok(None) };
    if before == tip || mirror.is_ancestor(before, tip).await? {
        return Ok(None);
    }
    let builds: Vec<_> = {
        let world = shared.world();
        let service = world.services.values().find(|service| same(&service.watched, watched));
        let builds = service.into_iter().flat_map(|service| service.state.builds.values().rev());
        builds.filter(|build| !build.off_trunk).map(|b| (b.number, b.sha.clone())).collect()
    };
    let mut off_trunk = Vec::new();
    for (number, sha) in builds {
        // All before the newest build that is still on the trunk are on it as well.
        if mirror.is_ancestor(&sha, tip).await? {
            return Ok(Some(Rewritten { off_trunk, onto: Some((number, sha)) }));
        }
        off_trunk.push(number);
    }
    Ok(Some(Rewritten { off_trunk, onto: None }))
}

async fn new_builds(
    mirror: &Mirror,
    folder: Option<&str>,
    before: Option<&Sha>,
    shas: Vec<Sha>,
) -> Result<Vec<NewBuild>, GitError> {
    let mut builds = Vec::with_capacity(shas.len());
    let mut before = before.cloned();
    for sha in shas {
        let most = if before.is_some() { COMMITS } else { 1 };
        let (range, reverts) = tokio::try_join!(
            mirror.range(before.as_ref(), &sha, folder, most),
            mirror.reverts(before.as_ref(), &sha)
        )?;
        // Only what a build's row shows is recorded; a plan asks git for the rest.
        let bare = |commit| Commit { files: Vec::new(), ..commit };
        let more = if before.is_some() { range.more } else { 0 };
        mirror.keep(&sha).await?;
        builds.push(NewBuild {
            sha: sha.clone(),
            commits: range.commits.into_iter().map(bare).collect(),
            more,
            reverts,
        });
        before = Some(sha);
    }
    Ok(builds)
}

/// Takes a look into the world, except for its facts, and says which service it is about.
///
/// # Errors
/// When a new service could not be remembered.
pub(super) fn receive(
    shared: &Shared,
    store: &mut Store,
    look: &Look,
) -> Result<Option<ServiceName>, StoreError> {
    let now = shared.clock.now();
    let name = {
        let world = shared.world();
        world.services.values().find(|s| same(&s.watched, &look.watched)).map(|s| s.name.clone())
    };
    let Some(name) = name else { return first_look(shared, store, look) };
    let trouble = look.result.as_ref().err().map(|t| (t.what.clone(), t.remedy.clone()));
    let mut world = shared.write();
    let Some(service) = world.services.get_mut(&name) else { return Ok(None) };
    let (before, rules) = (service.all_problems(), service.freezes.clone());
    service.trouble("trunk", now, trouble);
    if let Ok(news) = &look.result {
        news.settle_into(service, shared, now);
    }
    let visible = !rules.are_same(&service.freezes) || before != service.all_problems();
    drop(world);
    if visible {
        mark_changed(shared, &name);
    }
    Ok(Some(name))
}

fn mark_changed(shared: &Shared, name: &ServiceName) {
    shared.change(|world| {
        if let Some(service) = world.services.get_mut(name) {
            service.revision = world.revision;
        }
    });
}

/// A repository that is not known as a service yet becomes one when its file gives it a name of its own.
fn first_look(
    shared: &Shared,
    store: &mut Store,
    look: &Look,
) -> Result<Option<ServiceName>, StoreError> {
    let now = shared.clock.now();
    let place = crate::git::display_url(&look.watched.repository);
    let found = match &look.result {
        Ok(News { file: None, .. }) => return Ok(None),
        Ok(News { file: Some(file), .. }) => file
            .clone()
            .map_err(|what| Trouble { what, remedy: format!("mend it on the trunk of {place}") }),
        Err(trouble) => Err(trouble.clone()),
    };
    let known = found.and_then(|file| free_name(shared, &file, &place).map(|()| file));
    let file = match known {
        Ok(file) => file,
        Err(Trouble { what, remedy }) => {
            let problem = Some((format!("{place}: {what}"), remedy));
            shared.note(&place, problem);
            return Ok(None);
        }
    };
    store.know(&KnownService {
        name: file.name.clone(),
        repository: place.clone(),
        folder: look.watched.folder.clone().unwrap_or_default(),
    })?;
    let name = file.name.clone();
    let mut service = Service::new(name.clone(), look.watched.clone(), look.mirror.clone());
    // A service that moved to another address keeps its history, and with it what a rollback goes back to.
    store.replay_of(&name, |event| service.state.apply(&event))?;
    shared.change(|world| {
        note(&mut world.problems, place, now, None);
        let service = world.services.entry(name.clone()).or_insert(service);
        service.revision = world.revision;
        if let Ok(news) = &look.result {
            news.settle_into(service, shared, now);
        }
    });
    Ok(Some(name))
}

fn free_name(shared: &Shared, file: &ServiceFile, place: &str) -> Result<(), Trouble> {
    match shared.world().services.get(&file.name) {
        None => Ok(()),
        Some(other) => Err(Trouble {
            what: format!(
                "its service is called {:?}, and so is the one of {}",
                file.name.as_str(),
                crate::git::display_url(&other.watched.repository)
            ),
            remedy: format!("give the service of {place} another name"),
        }),
    }
}

impl News {
    fn settle_into(
        &self,
        service: &mut Service,
        shared: &Shared,
        now: chrono::DateTime<chrono::Utc>,
    ) {
        service.trunk.clone_from(&self.trunk);
        if let Some(found) = &self.freezes {
            found.settle(service, &shared.freezes, &self.tip, now);
        }
        let Some(file) = &self.file else { return };
        let problem = match file {
            Ok(file) if file.name == service.name => {
                service.people =
                    with_owner(&file.people, shared.owner.as_deref(), self.owner.as_ref());
                if service.file.as_ref().is_none_or(|known| known.migrations != file.migrations) {
                    // Which files are migrations, and so no code that uses anything, may be others now.
                    service.uses = Uses::default();
                }
                service.file = Some(Arc::new(file.clone()));
                service.remember_pipeline(self.tip.clone(), Ok(Arc::new(file.clone())));
                None
            }
            Ok(file) => Some(format!(
                "the service was renamed from {:?} to {:?}; a service keeps its name",
                service.name.as_str(),
                file.name.as_str()
            )),
            Err(what) => {
                service.remember_pipeline(self.tip.clone(), Err(what.clone()));
                Some(what.clone())
            }
        };
        let remedy = "mend it on the trunk; until then the last good file holds";
        service.trouble("config", now, problem.map(|what| (what, remedy.to_owned())));
    }
}

/// The people of the file, and the machine's owner by what their own git says, when nobody else has that address.
pub(super) fn with_owner(people: &People, login: Option<&str>, git: Option<&Identity>) -> People {
    let mut people = people.clone();
    let (Some(login), Some(git)) = (login, git) else { return people };
    if people.owner_of(git).is_some() {
        return people;
    }
    if let crate::domain::people::Actor::Person(name) = people.actor_of_login(login) {
        let fresh = || Person { logins: vec![login.to_owned()], emails: Vec::new() };
        people.people.entry(name).or_insert_with(fresh).emails.push(git.email.clone());
    }
    people
}
