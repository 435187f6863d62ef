//! The commit that a person says production runs: its place among the builds, and what it needs to be deployed.

use std::collections::{BTreeMap, BTreeSet};

use super::tip::failed;
use crate::config::service_file::{SERVICE_FILE, ServiceFile};
use crate::config::user_file::Watched;
use crate::domain::command::Refusal;
use crate::domain::commit::Commit;
use crate::domain::event::{Adoption, DeploymentKind};
use crate::domain::ids::{BuildNumber, CommitPrefix, DeploymentId, Environment, ServiceName, Sha};
use crate::domain::recipe::Recipe;
use crate::domain::remedy::Remedy;
use crate::engine::commands::CommandError;
use crate::engine::trunk;
use crate::engine::world::{Service, WorldReader, paths_of};
use crate::git::{CommitMatch, FileText, GitError, Mirror};

/// What the commit is placed among.
struct Past {
    service: ServiceName,
    mirror: Mirror,
    watched: Watched,
    /// The paths of the last good service file.
    patterns: Vec<String>,
    /// All builds, oldest first, without the one that only a mistaken statement made.
    builds: Vec<PastBuild>,
    /// The commits in quarantine.
    bad: Vec<Sha>,
    /// The statement that this one corrects.
    corrects: Option<DeploymentId>,
}

struct PastBuild {
    number: BuildNumber,
    sha: Sha,
    off_trunk: bool,
    /// Whether it contains a past that no build has.
    begins: bool,
    folder: Option<String>,
    recipe: Option<Recipe>,
}

/// The place of a commit that has no build: between these builds.
struct Gap<'a> {
    before: Option<&'a PastBuild>,
    after: &'a PastBuild,
}

/// What a person states: the commit of a build, or one from before the builds.
pub(in crate::engine) async fn adopted(
    world: &WorldReader,
    name: &ServiceName,
    commit: &str,
) -> Result<Adoption, CommandError> {
    let past = Past::of(world.world().named(name)?);
    let sha = found(&past.mirror, commit).await?;
    match past.builds.iter().rfind(|build| build.sha == sha) {
        Some(build) => past.of_build(build).await.map_err(|e| failed(&e)),
        None => past.before_the_builds(&sha).await,
    }
}

impl Past {
    fn of(service: &Service) -> Self {
        let state = &service.state;
        let mistaken = state.correctable();
        let forgotten = state.forgotten_by_correction();
        let builds = state.builds.values().filter(|build| Some(build.number) != forgotten);
        let builds = builds.map(|build| PastBuild {
            number: build.number,
            sha: build.sha.clone(),
            off_trunk: build.off_trunk,
            begins: !state.is_counted(build.number),
            folder: service.watched_at(build.number).folder,
            recipe: state.recipe(build.number).filter(|recipe| recipe.pipeline.is_some()).cloned(),
        });
        Self {
            service: service.name.clone(),
            mirror: service.mirror.clone(),
            watched: service.watched.clone(),
            patterns: service.file.as_ref().map_or_else(Vec::new, |file| file.paths.clone()),
            builds: builds.collect(),
            bad: state.quarantine.keys().cloned().collect(),
            corrects: mistaken.map(|statement| statement.deployment),
        }
    }

    async fn of_build(&self, build: &PastBuild) -> Result<Adoption, GitError> {
        let recipe = match &build.recipe {
            Some(_) => None,
            None => {
                self.recipe(&build.sha, build.folder.as_deref()).await?.map(|(recipe, _)| recipe)
            }
        };
        let known = build.recipe.as_ref().or(recipe.as_ref());
        Ok(Adoption {
            no_way_back: !known.is_some_and(comes_back),
            recipe: recipe.map(Box::new),
            ..self.adoption(build.number, build.sha.clone())
        })
    }

    async fn before_the_builds(&self, sha: &Sha) -> Result<Adoption, CommandError> {
        let on_trunk: Vec<_> = self.builds.iter().filter(|build| !build.off_trunk).collect();
        let gap = self.gap(sha, &on_trunk).await?;
        let recipe = self.recipe(sha, gap.after.folder.as_deref()).await.map_err(|e| failed(&e))?;
        let (folder, patterns) = match &recipe {
            Some((recipe, patterns)) => (recipe.folder.as_deref(), patterns),
            None => (self.watched.folder.as_deref(), &self.patterns),
        };
        let number = self.number(sha, &gap, folder, patterns).await?;
        let recipe = recipe.map(|(recipe, _)| recipe);
        let own = self.mirror.range(None, sha, None, 1).await.map_err(|e| failed(&e))?;
        let bare = |commit| Commit { files: Vec::new(), ..commit };
        let bad = self.bad_in(sha).await.map_err(|e| failed(&e))?;
        self.mirror.keep(sha).await.map_err(|e| failed(&e))?;
        Ok(Adoption {
            commit: own.commits.into_iter().next().map(bare),
            no_way_back: !recipe.as_ref().is_some_and(comes_back),
            recipe: recipe.map(Box::new),
            bad,
            ..self.adoption(number, sha.clone())
        })
    }

    fn adoption(&self, build: BuildNumber, sha: Sha) -> Adoption {
        Adoption {
            build,
            sha,
            commit: None,
            no_way_back: false,
            recipe: None,
            bad: BTreeMap::new(),
            corrects: self.corrects,
            reason: String::new(),
        }
    }

    /// Where the commit belongs: before the first build, or beside one that was stated earlier.
    async fn gap<'a>(
        &self,
        sha: &Sha,
        on_trunk: &[&'a PastBuild],
    ) -> Result<Gap<'a>, CommandError> {
        let shas: Vec<_> = on_trunk.iter().map(|build| build.sha.clone()).collect();
        let at = self.mirror.first_with(sha, &shas).await.map_err(|e| failed(&e))?;
        let at = at.ok_or_else(|| in_no_build(sha))?;
        let before = at.checked_sub(1).map(|before| on_trunk[before]);
        match before.filter(|_| !on_trunk[at].begins) {
            Some(before) => Err(between(sha, before)),
            None => Ok(Gap { before, after: on_trunk[at] }),
        }
    }

    /// The free number in the gap that is closest to the count of the trunk's commits.
    async fn number(
        &self,
        sha: &Sha,
        gap: &Gap<'_>,
        folder: Option<&str>,
        patterns: &[String],
    ) -> Result<BuildNumber, CommandError> {
        let paths = paths_of(&self.at(folder), patterns);
        let count = self.mirror.count_first_parents(None, sha, paths.as_ref()).await;
        let count = count.map_err(|e| failed(&e))?;
        let short = sha.short();
        if count == 0 {
            let sentence = format!(
                "{short} has no file that is surely this service's, and nothing up to it changes the service's paths"
            );
            return Err(Refusal::invalid(sentence).into());
        }
        let taken: BTreeSet<_> = self.builds.iter().map(|build| build.number.0).collect();
        let low = gap.before.map_or(1, |before| before.number.0 + 1);
        let free = (low..gap.after.number.0).filter(|number| !taken.contains(number));
        let number = free.min_by_key(|number| number.abs_diff(count)).ok_or_else(|| {
            let after = gap.after.number;
            Refusal::invalid(format!(
                "there is no number left before {after} for a build of {short}"
            ))
        })?;
        Ok(BuildNumber(number))
    }

    fn at(&self, folder: Option<&str>) -> Watched {
        Watched { folder: folder.map(str::to_owned), ..self.watched.clone() }
    }

    async fn bad_in(&self, sha: &Sha) -> Result<BTreeMap<Sha, bool>, GitError> {
        let mut found = BTreeMap::new();
        for bad in &self.bad {
            let has = self.mirror.has(bad).await? && self.mirror.is_ancestor(bad, sha).await?;
            found.insert(bad.clone(), has);
        }
        Ok(found)
    }

    /// What a commit needs to be deployed, and its paths. The service may have been in another folder then: in that of a
    /// build near it, of any other build, or in the only one where a service file names it.
    async fn recipe(
        &self,
        sha: &Sha,
        near: Option<&str>,
    ) -> Result<Option<(Recipe, Vec<String>)>, GitError> {
        let known = self.builds.iter().rev().map(|build| build.folder.as_deref());
        let mut tried = BTreeSet::new();
        for folder in [near, self.watched.folder.as_deref()].into_iter().chain(known) {
            if tried.insert(folder) {
                let file = trunk::read_file(&self.mirror, &self.at(folder), sha).await?;
                if let Some(file) = file.ok().filter(|file| file.name == self.service) {
                    return Ok(Some((file.recipe(folder.map(str::to_owned)), file.paths)));
                }
            }
        }
        let files = self.mirror.paths(sha, None).await?.listed.into_iter();
        let files: Vec<_> = files.filter(|path| is_service_file(path)).collect();
        let texts = self.mirror.texts(sha, &files).await?;
        let ours = texts.into_iter().filter_map(|(path, text)| {
            let FileText::Read(text) = text else { return None };
            let file = ServiceFile::parse(&text, &path).ok();
            Some((folder_of(&path), file.filter(|file| file.name == self.service)?))
        });
        let mut ours: Vec<_> = ours.collect();
        let only = ours.pop().filter(|_| ours.is_empty());
        Ok(only.map(|(folder, file)| (file.recipe(folder), file.paths)))
    }
}

/// Whether a build has steps for a rollback to it.
fn comes_back(recipe: &Recipe) -> bool {
    let steps = recipe.steps(Environment::Production, DeploymentKind::Rollback);
    steps.is_none_or(|steps| !steps.is_empty())
}

fn is_service_file(path: &str) -> bool {
    path.rsplit('/').next() == Some(SERVICE_FILE)
}

/// The folder of a file; `None` at the top of the repository.
fn folder_of(path: &str) -> Option<String> {
    path.rsplit_once('/').map(|(folder, _)| folder.to_owned())
}

async fn found(mirror: &Mirror, commit: &str) -> Result<Sha, CommandError> {
    let prefix: CommitPrefix = commit.trim().parse().map_err(|_| {
        let shown: String = commit.chars().take(64).collect();
        Refusal::invalid(format!("{shown:?} is not the id of a commit; write at least 4 digits"))
    })?;
    match mirror.find(&prefix).await.map_err(|e| failed(&e))? {
        CommitMatch::One(sha) => Ok(sha),
        CommitMatch::Several(_) => {
            Err(Refusal::invalid(format!("several commits start with {prefix}; write more of it"))
                .into())
        }
        CommitMatch::Nothing => {
            let sentence = format!("no fetched commit of the repository starts with {prefix}");
            Err(Refusal::not_found(sentence).into())
        }
    }
}

/// A commit between two builds changes nothing of the service, so the build before it stands for it.
fn between(sha: &Sha, before: &PastBuild) -> CommandError {
    let (made_none, number) = (sha.short(), before.number);
    let sentence = format!("{made_none} made no build; {number} is the newest build before it");
    let remedy = Remedy::Adopt { commit: Some(before.sha.short().to_owned()) };
    Refusal::invalid(sentence).with(remedy).into()
}

fn in_no_build(sha: &Sha) -> CommandError {
    let sentence = format!("no build of the trunk contains {}", sha.short());
    let remedy = Remedy::FindCommit { commit: sha.short().to_owned() };
    Refusal::not_found(sentence).with(remedy).into()
}
