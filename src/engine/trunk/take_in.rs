//! Takes the result of a look into the world. Only the writer does this.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::KnownPeople;
use super::update::{NewMirror, TrunkLook, TrunkUpdate};
use crate::config::service_file::ServiceFile;
use crate::config::user_file::Watched;
use crate::domain::event::Fact;
use crate::domain::ids::{BuildNumber, Environment, ServiceName};
use crate::domain::people::People;
use crate::domain::service::ServiceState;
use crate::engine::freezes::Freezes;
use crate::engine::migrations::Uses;
use crate::engine::sighting::lane_problem;
use crate::engine::world::{Service, Trouble, World, WorldOwner};
use crate::git::display_url;
use crate::store::{KnownService, Store, StoreError};

impl TrunkLook {
    /// The facts of this look. Empty if the tip changed since the look began.
    pub(in crate::engine) fn facts(&self, state: &ServiceState) -> Vec<Fact> {
        let Ok(update) = &self.result else { return Vec::new() };
        if state.tip != update.before {
            return Vec::new();
        }
        let rewrite = update.rewrite.iter().zip(&update.before).map(|(rewrite, from)| {
            let (from, to) = (from.clone(), update.tip.clone());
            let onto = rewrite.onto.as_ref().map(|(number, _)| *number);
            Fact::TrunkRewritten { from, to, off_trunk: rewrite.off_trunk.clone(), onto }
        });
        let known = state.builds.keys().next_back().map(|number| number.0 + 1 + update.first);
        let builds =
            (known.unwrap_or(update.first)..).zip(&update.builds).map(|(number, build)| {
                Fact::BuildFound {
                    build: BuildNumber(number),
                    sha: build.sha.clone(),
                    commits: build.commits.clone(),
                    more: build.more,
                    reverts: build.reverts.clone(),
                    recipe: build.recipe.clone(),
                    trunk: Some(update.trunk.clone()),
                }
            });
        rewrite.chain(builds).collect()
    }
}

/// Takes looks into the world.
pub struct TakeIn<'a> {
    pub freezes: &'a Freezes,
    pub known: &'a KnownPeople,
    pub now: DateTime<Utc>,
}

impl TakeIn<'_> {
    /// Takes in everything except the facts. Returns the service of the repository, if there is one.
    ///
    /// # Errors
    /// When a new service cannot be stored.
    pub fn look(
        &self,
        world: &mut WorldOwner,
        store: &mut Store,
        look: &TrunkLook,
    ) -> Result<Option<ServiceName>, StoreError> {
        let known = world.world().service_at(&look.watched).map(|service| service.name.clone());
        let Some(name) = known else { return self.first_look(world, store, look) };
        let shown = |s: &Service| {
            let source = s.file.as_ref().and_then(|file| file.on_call.clone());
            let on_call = (source, s.on_call.clone());
            (s.all_problems(), s.trunk.clone(), s.policy(), s.people.clone(), on_call)
        };
        let mut is_visible = false;
        world.change_unseen(&name, |service| {
            let (before, rules) = (shown(service), service.freezes.clone());
            service.set_trouble("trunk", self.now, look.result.as_ref().err().cloned());
            if let Ok(update) = &look.result {
                self.mirror_notice(service, update.new_mirror.as_ref());
                self.update(service, update);
            }
            is_visible = before != shown(service) || !rules.are_same(&service.freezes);
        });
        if is_visible {
            world.change(&name, |_| ());
        }
        Ok(Some(name))
    }

    /// Says that the mirror was made again. The notice ends with the next look, unless builds were lost: that stays until
    /// the engine restarts.
    fn mirror_notice(&self, service: &mut Service, new: Option<&NewMirror>) {
        if let Some(new) = new {
            tracing::warn!(service = %service.name, lost = ?new.lost, "the mirror was made again");
            service.lost_builds.extend(new.lost.iter().copied());
        }
        if new.is_some() || service.lost_builds.is_empty() {
            service.set_trouble(
                "mirror",
                self.now,
                new.map(|new| remade(new, &service.lost_builds)),
            );
        }
    }

    /// A repository becomes a service when its service file has a name that is free.
    fn first_look(
        &self,
        world: &mut WorldOwner,
        store: &mut Store,
        look: &TrunkLook,
    ) -> Result<Option<ServiceName>, StoreError> {
        let place = display_url(&look.watched.repository);
        let named = match &look.result {
            Ok(TrunkUpdate { file: None, .. }) => return Ok(None),
            Ok(update @ TrunkUpdate { file: Some(file), .. }) => {
                let moved = moved(&world.world(), file);
                if let Some(name) = moved {
                    self.moved(world, store, look, &name)?;
                    return Ok(Some(name));
                }
                named(&world.world(), file, &place).map(|name| (name, update))
            }
            Err(trouble) => Err(trouble.clone()),
        };
        let (name, update) = match named {
            Ok(named) => named,
            Err(Trouble { what, remedy }) => {
                let trouble = Trouble::new(format!("{place}: {what}"), remedy);
                world.set_trouble(&place, self.now, Some(trouble));
                return Ok(None);
            }
        };
        store.know(&KnownService {
            name: name.clone(),
            repository: place.clone(),
            folder: look.watched.folder.clone().unwrap_or_default(),
        })?;
        let mut service = Service::new(name.clone(), look.watched.clone(), look.mirror.clone());
        // A service that moved to another address keeps its history, and so its rollback target.
        store.replay_of(&name, |event| service.state.apply(&event))?;
        self.update(&mut service, update);
        world.set_trouble(&place, self.now, None);
        world.add(service);
        Ok(Some(name))
    }

    /// A service goes on at another address, with its history. The next look finds what is new there.
    fn moved(
        &self,
        world: &mut WorldOwner,
        store: &mut Store,
        look: &TrunkLook,
        name: &ServiceName,
    ) -> Result<(), StoreError> {
        let place = display_url(&look.watched.repository);
        store.know(&KnownService {
            name: name.clone(),
            repository: place.clone(),
            folder: look.watched.folder.clone().unwrap_or_default(),
        })?;
        world.set_trouble(&place, self.now, None);
        world.change(name, |service| {
            service.watched = look.watched.clone();
            service.mirror = look.mirror.clone();
            // The same commit may have other files there.
            service.pipelines.clear();
            service.freezes_at = None;
            service.uses = Uses::default();
            service.set_trouble("trunk", self.now, None);
            service.set_trouble(NOT_WATCHED, self.now, None);
        });
        Ok(())
    }

    fn update(&self, service: &mut Service, update: &TrunkUpdate) {
        service.trunk = Some(update.trunk.clone());
        service.set_trouble("clone", self.now, update.clone.clone());
        service.set_trouble(NOT_WATCHED, self.now, None);
        if let Some(found) = &update.freezes {
            found.settle(service, self.freezes, &update.tip, self.now);
        }
        if let Some(found) = &update.on_call {
            found.settle(service, self.freezes, self.now);
        }
        let alone = update.is_trunk_alone.then(trunk_alone);
        service.set_trouble("branches", self.now, alone);
        if let Some(is_too_large) = update.has_large_mailmap {
            service.set_trouble("mailmap", self.now, is_too_large.then(large_mailmap));
        }
        if let Some(unmatched) = &update.unmatched {
            service.set_trouble("paths", self.now, matches_nothing(unmatched));
        }
        let Some(file) = &update.file else { return };
        let problem = match file {
            Ok(file) if file.name == service.name => {
                let people = self.known.beside(&file.people, update.owner.as_ref());
                use_file(service, update, file, people);
                None
            }
            Ok(file) => Some(format!(
                "the service was renamed from {:?} to {:?}; a service keeps its name",
                service.name.as_str(),
                file.name.as_str()
            )),
            Err(what) => {
                service.remember_pipeline(update.tip.clone(), Err(what.clone()));
                Some(what.clone())
            }
        };
        let remedy = "fix it on the trunk; until then the last good file applies";
        service.set_trouble("config", self.now, problem.map(|what| Trouble::new(what, remedy)));
    }
}

fn use_file(service: &mut Service, update: &TrunkUpdate, file: &ServiceFile, people: People) {
    service.people = people;
    if service.file.as_ref().is_none_or(|known| known.migrations != file.migrations) {
        // Other files may be migrations now, which do not count as code that uses a word.
        service.uses = Uses::default();
    }
    let file = Arc::new(file.clone());
    service.file = Some(file.clone());
    for environment in [Environment::Staging, Environment::Production] {
        if file.lanes.of(environment).is_none() {
            service.problems.remove(lane_problem(environment));
        }
    }
    service.remember_pipeline(update.tip.clone(), Ok(file));
}

fn trunk_alone() -> Trouble {
    Trouble::new(
        "fetching all branches takes too long, so only the trunk is fetched",
        "delete old branches of the repository; until then commits of other branches may not be found",
    )
}

fn large_mailmap() -> Trouble {
    Trouble::new(
        ".mailmap is larger than 1 MiB and is not applied",
        "shorten it on the trunk, and list the addresses of people in [people] of trunkline.toml",
    )
}

/// The problem of paths that match no file.
fn matches_nothing(patterns: &[String]) -> Option<Trouble> {
    let named: Vec<_> = patterns.iter().map(|pattern| format!("{pattern:?}")).collect();
    let what = format!("no file matches {} of paths in trunkline.toml", named.join(", "));
    let remedy = "correct paths; until then a change that was meant by it makes no build";
    (!patterns.is_empty()).then(|| Trouble::new(what, remedy))
}

/// The notice of a mirror that was made again.
fn remade(new: &NewMirror, lost: &BTreeSet<BuildNumber>) -> Trouble {
    let lost: Vec<_> = lost.iter().map(BuildNumber::to_string).collect();
    let lost = match lost.as_slice() {
        [] => "all builds are still in the repository".to_owned(),
        lost => format!("the repository has no commit any more for {}", lost.join(", ")),
    };
    let missing = "the engine's copy of the repository was missing and was made again; ";
    let missing = if new.was_missing { missing } else { "" };
    Trouble::new(
        format!("{missing}{lost}"),
        "keep the data folder's mirrors; builds whose commit is gone can only be rolled back to while their checkout is kept",
    )
}

/// The source of the problem that a service is no longer in the user file.
const NOT_WATCHED: &str = "not watched";

/// A repository was taken out of the user file: its services stay, and say so.
pub fn not_watched(world: &mut WorldOwner, watched: &Watched, now: DateTime<Utc>) {
    let place = display_url(&watched.repository);
    world.set_trouble(&place, now, None);
    let Some(name) = world.world().service_at(watched).map(|service| service.name.clone()) else {
        return;
    };
    let what = format!("{place} is not in config.toml any more, so its trunk is not looked at");
    let remedy = "write it there again; a restart of the engine forgets the service";
    let trouble = Trouble::new(what, remedy);
    world.change(&name, |service| service.set_trouble(NOT_WATCHED, now, Some(trouble)));
}

/// The service of this name whose address was taken out of the user file: it moved.
fn moved(world: &World, file: &Result<ServiceFile, String>) -> Option<ServiceName> {
    let service = world.services.get(&file.as_ref().ok()?.name)?;
    service.problems.contains_key(NOT_WATCHED).then(|| service.name.clone())
}

/// The name of a new service, if it is free.
fn named(
    world: &World,
    file: &Result<ServiceFile, String>,
    place: &str,
) -> Result<ServiceName, Trouble> {
    let file = file
        .as_ref()
        .map_err(|what| Trouble::new(what, format!("fix it on the trunk of {place}")))?;
    let Some(other) = world.services.get(&file.name) else { return Ok(file.name.clone()) };
    Err(Trouble::new(
        format!(
            "it names its service {:?}, which is the name of the service of {}",
            file.name.as_str(),
            display_url(&other.watched.repository)
        ),
        format!("give the service of {place} another name"),
    ))
}
