//! The oldest build whose code can live with a change: as its author declares, or where its name was last used.

use std::collections::HashMap;

use super::{Ground, change, notable};
use crate::domain::ids::{BuildNumber, Sha};
use crate::domain::migration::{Claim, Class, JudgedMigration, Object, ObjectKind};
use crate::domain::schema::SchemaChange;
use crate::git::GitError;

/// The most names that are searched for in the code for one plan.
const SEARCHES: usize = 20;
/// How many of the builds that were live before are looked at.
const LOOKED_BACK: usize = 10;

pub(super) struct Floors<'a> {
    ground: &'a Ground,
    /// The migrations themselves are no code that uses anything.
    migrations: Vec<String>,
    known: HashMap<(String, BuildNumber), (BuildNumber, String)>,
    searches: usize,
}

impl<'a> Floors<'a> {
    pub fn new(ground: &'a Ground, migrations: Vec<String>) -> Self {
        Self { ground, migrations, known: HashMap::new(), searches: 0 }
    }

    /// The changes that a file makes which older code cannot simply live with.
    pub async fn changes(
        &mut self,
        file: &JudgedMigration,
        build: BuildNumber,
    ) -> Result<Vec<SchemaChange>, GitError> {
        let mut changes = Vec::new();
        if !notable(file) {
            return Ok(changes);
        }
        let declared = self.declared(file).await?;
        for (at, statement) in file.statements.iter().enumerate() {
            if statement.class == Class::Additive {
                continue;
            }
            let mut change = change(file, at, build);
            if let Some((floor, why)) = &declared {
                (change.floor, change.why) = (*floor, why.clone());
            } else if statement.class == Class::Contract {
                for object in statement.objects.iter().filter(|object| is_searched(object)) {
                    let (floor, why) = self.without(&object.name, build).await?;
                    // Of several things that go, the one that was used last decides.
                    if change.floor == build || floor >= change.floor {
                        (change.floor, change.why) = (floor, why);
                    }
                    if floor >= build {
                        break;
                    }
                }
            }
            changes.push(change);
        }
        Ok(changes)
    }

    /// The build from which on the author says that code can live with it.
    async fn declared(
        &self,
        file: &JudgedMigration,
    ) -> Result<Option<(BuildNumber, String)>, GitError> {
        let Some(declared) = &file.declared else { return Ok(None) };
        let Claim::ReadySince(since) = &declared.claim else { return Ok(None) };
        let why = |what: &str| format!("{what} as its header says: {}", declared.reason);
        if let Ok(number) = since.parse::<BuildNumber>()
            && since.starts_with('#')
        {
            return Ok(Some((number, why("ready since then"))));
        }
        let Some(commit) = self.ground.mirror.resolve(since).await? else { return Ok(None) };
        let shas: Vec<_> = self.ground.builds.iter().map(|(_, sha)| sha.clone()).collect();
        let first = self.ground.mirror.first_with(&commit, &shas).await?;
        Ok(first.map(|at| (self.ground.builds[at].0, why(&format!("it has {}", commit.short())))))
    }

    /// The oldest build that was live, or may become so, from which on the code does not speak of a name.
    async fn without(
        &mut self,
        name: &str,
        brings: BuildNumber,
    ) -> Result<(BuildNumber, String), GitError> {
        let key = (name.to_lowercase(), brings);
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        if self.searches >= SEARCHES {
            return Ok((brings, format!("the code was not searched for {name:?}: too many names")));
        }
        self.searches += 1;
        let found = self.search(name, brings).await?;
        self.known.insert(key, found.clone());
        Ok(found)
    }

    async fn search(
        &self,
        name: &str,
        brings: BuildNumber,
    ) -> Result<(BuildNumber, String), GitError> {
        let builds = self.candidates(brings);
        let Some(((last, sha), before)) = builds.split_last() else {
            return Ok((brings, String::new()));
        };
        if self.uses(name, sha).await? {
            return Ok((brings, format!("the code of {last} still speaks of {name:?}")));
        }
        let (mut low, mut high) = (0, before.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.uses(name, &before[middle].1).await? {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let floor = before.get(low).map_or(*last, |(number, _)| *number);
        Ok((floor, format!("the code does without {name:?} from {floor} on")))
    }

    /// The builds that a floor can be: the last ones that were live, and all from the newest of them on.
    fn candidates(&self, brings: BuildNumber) -> Vec<(BuildNumber, Sha)> {
        let was_live = &self.ground.was_live;
        let back = &was_live[was_live.len().saturating_sub(LOOKED_BACK)..];
        let newest = was_live.last().copied().unwrap_or(BuildNumber(0));
        let wanted = |number: BuildNumber| number > newest || back.contains(&number);
        let builds = self.ground.builds.iter().filter(|(number, _)| *number <= brings);
        builds.filter(|(number, _)| wanted(*number)).cloned().collect()
    }

    async fn uses(&self, name: &str, at: &Sha) -> Result<bool, GitError> {
        if let Some(known) = self.ground.uses.known(at, name) {
            return Ok(known);
        }
        let folder = self.ground.folder.as_deref();
        let trees = std::slice::from_ref(at);
        let found = self.ground.mirror.uses(name, trees, folder, &self.migrations).await?;
        self.ground.uses.remember(at, name, !found.is_empty());
        Ok(!found.is_empty())
    }

    /// What the services that share the database say against what goes.
    pub async fn shared(&self, files: &[JudgedMigration]) -> Result<Vec<String>, GitError> {
        let mut sentences = Vec::new();
        for other in &self.ground.sharing {
            for object in files.iter().filter(|file| notable(file)).flat_map(gone).take(SEARCHES) {
                let folder = other.folder.as_deref();
                let at = std::slice::from_ref(&other.sha);
                let used = other.mirror.uses(&object.name, at, folder, &self.migrations).await?;
                if !used.is_empty() {
                    sentences.push(format!(
                        "{} {} is live and still speaks of {:?}: promote a build of it that does without first",
                        other.service, other.live, object.name
                    ));
                }
            }
        }
        Ok(sentences)
    }
}

/// What a file takes away and code can speak of.
fn gone(file: &JudgedMigration) -> impl Iterator<Item = &Object> {
    let contracts = file.statements.iter().filter(|statement| statement.class == Class::Contract);
    contracts.flat_map(|statement| &statement.objects).filter(|object| is_searched(object))
}

/// Code speaks of these by their names; of an index or a constraint it does not.
fn is_searched(object: &Object) -> bool {
    use ObjectKind::{Column, Function, Schema, Table, Type, Value, View};
    matches!(object.kind, Table | Column | View | Type | Value | Function | Schema)
}
