//! Finds the oldest build whose code works with a change: the one its author declares, or the first that no longer uses
//! the name.

use std::collections::{HashMap, HashSet};

use super::changes::ChangeList;
use super::context::JudgingContext;
use super::uses::Use;
use crate::domain::ids::{BuildNumber, Sha};
use crate::domain::schema::SchemaChange;
use crate::git::GitError;
use crate::migrations::{Claim, Class, Declared, JudgedMigration, Object, ObjectKind};

/// The most names that are searched for in the code for one plan.
pub const SEARCHES: usize = 20;
/// How many past live builds are candidates.
const PAST_LIVE: usize = 10;
/// The most candidates, besides past live builds.
const CANDIDATES: usize = 100;
/// The most other builds that are searched for any use of the name.
const OTHER_BUILDS: usize = 30;
/// The most builds that one run of git searches. The newest use decides and is usually recent, so the first run searches
/// one build and each next run twice as many.
const SEARCH_BATCH: usize = 32;

type NumberedBuild = (BuildNumber, Sha);
/// A floor and its reason.
type Floor = (BuildNumber, String);

pub struct Floors<'a> {
    context: &'a JudgingContext,
    /// Excluded from the search: migrations name the objects that they change.
    migrations: Vec<String>,
    known: HashMap<(String, BuildNumber), Floor>,
    searches: usize,
}

impl<'a> Floors<'a> {
    pub fn new(context: &'a JudgingContext, migrations: Vec<String>) -> Self {
        Self { context, migrations, known: HashMap::new(), searches: 0 }
    }

    pub fn migrations(&self) -> &[String] {
        &self.migrations
    }

    /// Finds the floors of a file's changes.
    pub async fn settle(
        &mut self,
        file: &JudgedMigration,
        changes: &mut ChangeList,
    ) -> Result<(), GitError> {
        let mut declared = None;
        for (at, statement) in file.statements.iter().enumerate() {
            let Some(change) = changes.of(&file.path, at) else { continue };
            if declared.is_none() {
                declared = Some(self.declared(file).await?);
            }
            if let Some((floor, why)) = declared.as_ref().and_then(Option::as_ref) {
                (change.floor, change.why) = ((*floor).min(change.build), why.clone());
                continue;
            }
            let hides = statement.objects.iter().any(|object| !is_searched(object));
            if statement.class == Class::Contract && (statement.goes_by_name() || hides) {
                self.without_all(&statement.objects, change).await?;
            } else if statement.class == Class::Contract && !statement.objects.is_empty() {
                change.why = "it does more than drop things that code uses by name".into();
            }
            if let Some(Declared { claim: Claim::ReadySince(since), .. }) = &file.declared {
                change.why =
                    format!("its header names {since:?}, which no build has; {}", change.why);
            }
        }
        Ok(())
    }

    /// The floor of a change that drops several objects. The object that was used last decides.
    async fn without_all(
        &mut self,
        objects: &[Object],
        change: &mut SchemaChange,
    ) -> Result<(), GitError> {
        if objects.is_empty() {
            return Ok(());
        }
        if let Some(hidden) = objects.iter().find(|object| !is_searched(object)) {
            change.why = format!("code does not show whether it relies on {:?}", hidden.name);
            return Ok(());
        }
        let added_by = change.build;
        let mut last: Option<Floor> = None;
        for object in objects {
            let found = self.without(&object.name, added_by).await?;
            if last.as_ref().is_none_or(|(floor, _)| found.0 > *floor) {
                last = Some(found);
            }
        }
        if let Some((floor, why)) = last {
            (change.floor, change.why) = (floor, why);
        }
        Ok(())
    }

    /// The first build whose code works with the change, as the author declares.
    async fn declared(&self, file: &JudgedMigration) -> Result<Option<Floor>, GitError> {
        let Some(declared) = &file.declared else { return Ok(None) };
        let Claim::ReadySince(since) = &declared.claim else { return Ok(None) };
        let why = |what: &str| format!("{what}, as its header declares: {}", declared.reason);
        if let Ok(number) = since.parse::<BuildNumber>()
            && since.starts_with('#')
        {
            return Ok(Some((number, why("code is ready since then"))));
        }
        let Some(commit) = self.context.mirror.resolve(since).await? else { return Ok(None) };
        let shas: Vec<_> = self.context.builds.iter().map(|(_, sha)| sha.clone()).collect();
        let first = self.context.mirror.first_with(&commit, &shas).await?;
        let first = first.and_then(|at| self.context.builds.get(at));
        Ok(first.map(|(number, _)| (*number, why(&format!("it has {}", commit.short())))))
    }

    /// The oldest candidate from which no code uses a name.
    async fn without(&mut self, name: &str, added_by: BuildNumber) -> Result<Floor, GitError> {
        let key = (name.to_lowercase(), added_by);
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        if self.searches >= SEARCHES {
            return Ok((
                added_by,
                format!("the code was not searched for {name:?}: too many names"),
            ));
        }
        self.searches += 1;
        let found = self.search(name, added_by).await?;
        self.known.insert(key, found.clone());
        Ok(found)
    }

    async fn search(&self, name: &str, added_by: BuildNumber) -> Result<Floor, GitError> {
        let (candidates, others) = self.candidates(added_by);
        let Some((oldest, _)) = candidates.last() else {
            return Ok((added_by, "there is no build to search".into()));
        };
        if let Some((at, last)) = self.newest_user(name, &candidates).await? {
            let Some((floor, _)) = at.checked_sub(1).map(|after| &candidates[after]) else {
                return Ok((added_by, last.say(name, candidates[at].0)));
            };
            let why = match last {
                User::InCode(_) => format!("{name:?} is not in the code from {floor} on"),
                User::Unread => last.say(name, candidates[at].0),
            };
            return Ok((*floor, why));
        }
        match self.newest_user(name, &others).await? {
            Some((at, User::InCode(_))) => Ok((
                *oldest,
                format!("{name:?} is in the code of {}, and not from {oldest} on", others[at].0),
            )),
            _ => Ok((added_by, format!("{name:?} is not in the code; its readers are unknown"))),
        }
    }

    /// The builds that may be the floor, newest first, and a sample of the others, which only show that code used the name.
    fn candidates(&self, added_by: BuildNumber) -> (Vec<NumberedBuild>, Vec<NumberedBuild>) {
        let JudgingContext { was_live, live, builds, .. } = self.context;
        let back = &was_live[was_live.len().saturating_sub(PAST_LIVE)..];
        let live = live.unwrap_or(BuildNumber(0));
        let possible = |(number, _): &&NumberedBuild| *number >= live && *number <= added_by;
        let newest = builds.iter().filter(possible).rev().take(CANDIDATES);
        let was = was_live.iter().filter(|(number, _)| *number == live);
        let wanted = newest.chain(back).chain(was).filter(|(number, _)| *number <= added_by);
        let mut candidates: Vec<_> = wanted.cloned().collect();
        candidates.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
        candidates.dedup_by_key(|(number, _)| *number);
        let taken: HashSet<_> = candidates.iter().map(|(number, _)| *number).collect();
        let others = builds.iter().chain(was_live).rev();
        let others: Vec<_> =
            others.filter(|(n, _)| *n <= added_by && !taken.contains(n)).cloned().collect();
        let step = others.len().div_ceil(OTHER_BUILDS).max(1);
        (candidates, others.into_iter().step_by(step).collect())
    }

    /// The first of these builds whose code uses a name or cannot be read.
    async fn newest_user(
        &self,
        name: &str,
        builds: &[NumberedBuild],
    ) -> Result<Option<(usize, User)>, GitError> {
        let (mut searched, mut size) = (0, 1);
        while searched < builds.len() {
            let some = &builds[searched..builds.len().min(searched + size)];
            let users = self.users(name, some).await?;
            let found = users.into_iter().enumerate().find_map(|(at, user)| Some((at, user?)));
            if let Some((at, user)) = found {
                return Ok(Some((searched + at, user)));
            }
            searched += some.len();
            size = (size * 2).min(SEARCH_BATCH);
        }
        Ok(None)
    }

    async fn users(
        &self,
        name: &str,
        builds: &[NumberedBuild],
    ) -> Result<Vec<Option<User>>, GitError> {
        let answers = &self.context.uses;
        let unknown = builds.iter().filter(|(_, sha)| answers.known(sha, name).is_none());
        let unknown: Vec<_> = unknown.map(|(_, sha)| sha.clone()).collect();
        let mut unread = HashSet::new();
        match self.ask(name, &unknown).await {
            Ok(()) => {}
            Err(late @ GitError::TimedOut { .. }) => return Err(late),
            // A missing commit must not hide the others.
            Err(_) => {
                for sha in unknown {
                    match self.ask(name, std::slice::from_ref(&sha)).await {
                        Ok(()) => {}
                        Err(late @ GitError::TimedOut { .. }) => return Err(late),
                        Err(_) => drop(unread.insert(sha)),
                    }
                }
            }
        }
        let user = |(_, sha): &NumberedBuild| match answers.known(sha, name) {
            _ if unread.contains(sha) => Some(User::Unread),
            Some(Use::None) => None,
            Some(Use::By(path)) => Some(User::InCode(path)),
            None => Some(User::Unread),
        };
        Ok(builds.iter().map(user).collect())
    }

    async fn ask(&self, name: &str, at: &[Sha]) -> Result<(), GitError> {
        if at.is_empty() {
            return Ok(());
        }
        let folder = self.context.folder.as_deref();
        let found = self.context.mirror.uses(name, at, folder, &self.migrations).await?;
        for sha in at {
            let used = found.get(sha).map_or(Use::None, |path| Use::By(path.clone()));
            self.context.uses.remember(sha, name, used);
        }
        Ok(())
    }
}

/// Why a build counts as a user of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum User {
    /// In this file, if known.
    InCode(Option<String>),
    Unread,
}

impl User {
    fn say(&self, name: &str, build: BuildNumber) -> String {
        match self {
            Self::InCode(None) => format!("the code of {build} still uses {name:?}"),
            Self::InCode(Some(path)) => {
                format!("the code of {build} still uses {name:?} ({path})")
            }
            Self::Unread => format!("the code of {build} could not be searched for {name:?}"),
        }
    }
}

/// Code uses these by name; it does not name indexes or constraints.
pub fn is_searched(object: &Object) -> bool {
    use ObjectKind::{Column, Function, Schema, Table, Type, Value, View};
    matches!(object.kind, Table | Column | View | Type | Value | Function | Schema)
}
