//! Services that share a database: finds whose code a change breaks, and gives each service the others' changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::context::{JudgingContext, SharingService};
use super::floor::{SEARCHES, is_searched};
use crate::domain::ids::ServiceName;
use crate::domain::schema::SharedChange;
use crate::engine::world::{Service, World, WorldOwner};
use crate::migrations::{Class, JudgedMigration};

/// The most objections of one plan.
const MOST_OBJECTIONS: usize = 50;

/// What the statements of a promote drop, by the names that code uses.
struct DroppedNames {
    /// Each name with the first statement that drops it.
    names: BTreeMap<String, String>,
    /// The statements whose users cannot be found in code.
    hidden: Vec<String>,
}

impl DroppedNames {
    fn of(files: &[JudgedMigration]) -> Self {
        let mut dropped = Self { names: BTreeMap::new(), hidden: Vec::new() };
        for file in files.iter().filter(|file| file.class() > Class::Additive) {
            for statement in file.statements.iter().filter(|s| s.class.is_incompatible()) {
                let place = format!("{}:{}", file.path, statement.line);
                let (searched, other): (Vec<_>, Vec<_>) =
                    statement.objects.iter().partition(|object| is_searched(object));
                let is_contract = statement.class == Class::Contract;
                if !is_contract || !other.is_empty() || searched.is_empty() {
                    dropped.hidden.push(place.clone());
                }
                for object in searched.into_iter().filter(|_| is_contract) {
                    dropped
                        .names
                        .entry(object.name.to_lowercase())
                        .or_insert_with(|| place.clone());
                }
            }
        }
        dropped
    }
}

/// The objections of the services that share the database, including failed searches.
pub async fn objections(
    context: &JudgingContext,
    files: &[JudgedMigration],
    migrations: &[String],
) -> Vec<String> {
    let dropped = DroppedNames::of(files);
    let mut sentences = Vec::new();
    let mut more = 0;
    for other in &context.sharing {
        for sentence in objections_of(other, &dropped, migrations).await {
            if sentences.len() < MOST_OBJECTIONS {
                sentences.push(sentence);
            } else {
                more += 1;
            }
        }
    }
    if more > 0 {
        sentences.push(format!("and {more} more objections by services on the same database"));
    }
    sentences
}

async fn objections_of(
    other: &SharingService,
    dropped: &DroppedNames,
    migrations: &[String],
) -> Vec<String> {
    let SharingService { service, live, .. } = other;
    let (folder, at) = (other.folder.as_deref(), std::slice::from_ref(&other.sha));
    let mut sentences = Vec::new();
    for (name, place) in dropped.names.iter().take(SEARCHES) {
        match other.mirror.uses(name, at, folder, migrations).await {
            Ok(used) => {
                sentences.extend(used.into_values().next().map(|path| {
                    let path = path.map_or(String::new(), |path| format!(" ({path})"));
                    format!(
                        "{service} {live} is live and still uses {name:?}{path}, which {place} drops: first promote a \
                         build of {service} that does not use it"
                    )
                }));
            }
            Err(error) => {
                sentences.push(format!(
                    "{service} {live} is live on the same database, and its code could not be searched for {name:?} \
                     ({place}): {error}"
                ));
                break;
            }
        }
    }
    let more = dropped.names.len().saturating_sub(SEARCHES);
    if more > 0 {
        sentences.push(format!(
            "{service} {live} is live on the same database, and its code was not searched for {more} more names"
        ));
    }
    if let Some(first) = dropped.hidden.first() {
        let more = match dropped.hidden.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        sentences.push(format!(
            "{service} {live} is live on the same database, and its code does not show whether it works with \
             {first}{more}"
        ));
    }
    sentences
}

impl Service {
    /// The name of the shared database in its service file.
    pub(in crate::engine) fn database(&self) -> Option<&str> {
        self.file.as_ref()?.database.as_deref()
    }
}

/// Gives every service the changes of others to its database.
pub fn sync_shared_schema(world: &mut WorldOwner) {
    let outdated = outdated(&world.world());
    for (name, changes) in outdated {
        world.change(&name, |service| service.state.shared_changes = changes);
    }
}

/// The services whose list of shared changes is out of date, with the new list.
fn outdated(world: &World) -> Vec<(ServiceName, Vec<SharedChange>)> {
    let mut sharing: BTreeMap<&str, Vec<&Arc<Service>>> = BTreeMap::new();
    for service in world.services.values() {
        if let Some(database) = service.database() {
            sharing.entry(database).or_default().push(service);
        }
    }
    let changes = |service: &Service| {
        let all = service.database().and_then(|database| sharing.get(database));
        let others = all.into_iter().flatten().filter(|other| other.name != service.name);
        let mut changes: Vec<_> =
            others.flat_map(|other| other.state.schema.changes_for(&other.name)).collect();
        changes.sort_by_key(|other| other.since);
        changes
    };
    let all = world.services.values().map(|service| (service, changes(service)));
    let outdated = all.filter(|(service, changes)| *changes != service.state.shared_changes);
    outdated.map(|(service, changes)| (service.name.clone(), changes)).collect()
}
