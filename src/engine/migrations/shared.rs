//! Services that share a database: what the code of the others says against a change, and what each is told of the
//! others' changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::context::{JudgingContext, SharingService};
use super::floor::{SEARCHES, is_searched};
use crate::domain::ids::ServiceName;
use crate::domain::schema::SharedChange;
use crate::engine::world::{Service, World, WorldOwner};
use crate::migrations::{Class, JudgedMigration};

/// The most sentences about all of them.
const SENTENCES: usize = 50;

/// What goes by a statement, by the names that code has for it.
struct Gone {
    /// Each name with the statement that takes it away first, in the order of the names.
    names: BTreeMap<String, String>,
    /// The statements of which nobody can tell from code who relies on them.
    hidden: Vec<String>,
}

impl Gone {
    fn of(files: &[JudgedMigration]) -> Self {
        let mut gone = Self { names: BTreeMap::new(), hidden: Vec::new() };
        for file in files.iter().filter(|file| file.class() > Class::Additive) {
            for statement in file.statements.iter().filter(|s| s.class.is_incompatible()) {
                let place = format!("{}:{}", file.path, statement.line);
                let (searched, other): (Vec<_>, Vec<_>) =
                    statement.objects.iter().partition(|object| is_searched(object));
                let is_contract = statement.class == Class::Contract;
                if !is_contract || !other.is_empty() || searched.is_empty() {
                    gone.hidden.push(place.clone());
                }
                for object in searched.into_iter().filter(|_| is_contract) {
                    gone.names.entry(object.name.to_lowercase()).or_insert_with(|| place.clone());
                }
            }
        }
        gone
    }
}

/// What the services that share the database say against what goes. What could not be asked of them is said as well.
pub async fn say(
    context: &JudgingContext,
    files: &[JudgedMigration],
    migrations: &[String],
) -> Vec<String> {
    let gone = Gone::of(files);
    let mut sentences = Vec::new();
    let mut more = 0;
    for other in &context.sharing {
        for sentence in asked(other, &gone, migrations).await {
            if sentences.len() < SENTENCES {
                sentences.push(sentence);
            } else {
                more += 1;
            }
        }
    }
    if more > 0 {
        sentences.push(format!("services on the same database have {more} more such objections"));
    }
    sentences
}

async fn asked(other: &SharingService, gone: &Gone, migrations: &[String]) -> Vec<String> {
    let SharingService { service, live, .. } = other;
    let (folder, at) = (other.folder.as_deref(), std::slice::from_ref(&other.sha));
    let mut sentences = Vec::new();
    for (name, place) in gone.names.iter().take(SEARCHES) {
        match other.mirror.uses(name, at, folder, migrations).await {
            Ok(used) => {
                sentences.extend(used.into_values().next().map(|path| {
                    let path = path.map_or(String::new(), |path| format!(" ({path})"));
                    format!(
                        "{service} {live} is live and still speaks of {name:?}{path}, which {place} takes away: \
                         promote a build of it that does without first"
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
    let more = gone.names.len().saturating_sub(SEARCHES);
    if more > 0 {
        sentences.push(format!(
            "{service} {live} is live on the same database, and its code was not searched for {more} more names"
        ));
    }
    if let Some(first) = gone.hidden.first() {
        let more = match gone.hidden.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        sentences.push(format!(
            "{service} {live} is live on the same database, and nobody can tell from its code whether it lives with \
             {first}{more}"
        ));
    }
    sentences
}

impl Service {
    /// The name of the database that it shares, as its file says.
    pub(in crate::engine) fn database(&self) -> Option<&str> {
        self.file.as_ref()?.database.as_deref()
    }
}

/// Gives every service the schema changes of the others that share its database.
pub fn sync_shared_schema(world: &mut WorldOwner) {
    let news = news(&world.world());
    for (name, changes) in news {
        world.change(&name, |service| service.state.shared_changes = changes);
    }
}

/// The services whose shared changes are not up to date.
fn news(world: &World) -> Vec<(ServiceName, Vec<SharedChange>)> {
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
        changes.sort_by_key(|change| change.since);
        changes
    };
    let all = world.services.values().map(|service| (service, changes(service)));
    let news = all.filter(|(service, changes)| *changes != service.state.shared_changes);
    news.map(|(service, changes)| (service.name.clone(), changes)).collect()
}
