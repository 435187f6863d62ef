//! Which builds have the effect of a commit, computed from each build and its parent build.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{BadCommit, Doubt};
use crate::domain::build::Build;
use crate::domain::commit::{Commit, Revert};
use crate::domain::ids::{BuildNumber, Sha};
use crate::domain::service::ServiceState;

/// The parent of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descent {
    /// The newest build of the trunk when the build was found. The build contains all commits of this one.
    pub after: Option<BuildNumber>,
    /// Whether its commits and reverts were counted from that build. False for the first build, which contains the whole
    /// history before it, and for a build after a force-push whose base is not recorded.
    pub is_counted: bool,
}

/// Whether a build contains a commit or has its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence<'a> {
    Without,
    Has,
    MayHave(Doubt<'a>),
    Reverted { by: &'a Sha, build: BuildNumber },
}

impl<'a> Presence<'a> {
    /// Whether the effect counts as present. An uncertain one does.
    pub(super) fn counts(self) -> bool {
        matches!(self, Self::Has | Self::MayHave(_))
    }

    pub(super) fn doubt(self) -> Option<Doubt<'a>> {
        if let Self::MayHave(doubt) = self { Some(doubt) } else { None }
    }
}

/// A build and the index of its parent.
struct BuildEntry<'a> {
    build: &'a Build,
    /// The index of its parent build.
    after: Option<usize>,
    is_counted: bool,
}

/// All builds, oldest first, with indexes over their commits and reverts.
pub(super) struct BuildLines<'a> {
    entries: Vec<BuildEntry<'a>>,
    /// The indexes of the builds that list each commit in question.
    listed: HashMap<&'a Sha, BTreeSet<usize>>,
    /// The indexes of the builds that have reverts.
    reverting: Vec<usize>,
    /// The indexes of the builds by the subjects of their commits. Empty if the trunk was never force-pushed.
    subjects: HashMap<&'a str, Vec<usize>>,
}

/// Commits of the subject and author of a bad one, which may be the same commit after a rebase: all that no revert names, or
/// one that a revert names.
struct Twins<'a> {
    first: &'a Sha,
    /// The indexes of the builds that have one, with its sha.
    places: BTreeMap<usize, &'a Sha>,
    sides: Sides<'a>,
}

/// The commits whose revert changes the effect of one commit.
struct Sides<'a> {
    /// A revert of one of these removes the effect.
    adding: BTreeSet<&'a Sha>,
    /// A revert of one of these brings the effect back.
    removing: BTreeSet<&'a Sha>,
}

impl<'a> BuildLines<'a> {
    pub(super) fn of(state: &'a ServiceState, is_asked: impl Fn(&Sha) -> bool) -> Self {
        let places: HashMap<_, _> = state.builds.keys().copied().zip(0..).collect();
        let entries = state.builds.values().map(|build| {
            let descent = state.descents.get(&build.number);
            let after = descent.and_then(|descent| places.get(&descent.after?).copied());
            let is_counted = descent.is_some_and(|descent| descent.is_counted);
            BuildEntry { build, after, is_counted }
        });
        let entries: Vec<_> = entries.collect();
        let mut listed: HashMap<_, BTreeSet<_>> = HashMap::new();
        for (at, entry) in entries.iter().enumerate() {
            for commit in entry.build.commits.iter().filter(|commit| is_asked(&commit.sha)) {
                listed.entry(&commit.sha).or_default().insert(at);
            }
        }
        let reverts = |at: &usize| !entries[*at].build.reverts.is_empty();
        let reverting = (0..entries.len()).filter(reverts).collect();
        let subjects = by_subject(&entries);
        Self { entries, listed, reverting, subjects }
    }

    pub(super) fn builds(&self) -> impl DoubleEndedIterator<Item = &'a Build> + ExactSizeIterator {
        self.entries.iter().map(|entry| entry.build)
    }

    /// Whether each build has the effect of a commit. Where the commit itself never came or was reverted, one that may be
    /// the same counts.
    pub(super) fn presences_of_effect(&self, bad: &'a BadCommit) -> Vec<Presence<'a>> {
        let sides = self.sides([&bad.sha]);
        let own = self.presence_by_build(bad, |entry, presence| entry.reverted(presence, &sides));
        let twins: Vec<_> =
            self.twins(bad).iter().map(|twins| self.presences_of_twins(bad, twins)).collect();
        let of_twins = |at: usize| {
            let mut some = twins.iter().map(|all| all[at]);
            let reverted = some.clone().find(|presence| *presence != Presence::Without);
            some.find(|presence| presence.counts()).or(reverted).unwrap_or(Presence::Without)
        };
        let all = own.into_iter().enumerate().map(|(at, own)| match own {
            own if own.counts() => own,
            own => match of_twins(at) {
                twins if twins.counts() || own == Presence::Without => twins,
                _ => own,
            },
        });
        all.collect()
    }

    /// Whether each build contains the commit, reverted or not.
    pub(super) fn presences(&self, commit: &'a BadCommit) -> Vec<Presence<'a>> {
        self.presence_by_build(commit, |_, presence| presence)
    }

    fn presence_by_build(
        &self,
        commit: &'a BadCommit,
        reverted: impl Fn(&BuildEntry<'a>, Presence<'a>) -> Presence<'a>,
    ) -> Vec<Presence<'a>> {
        let (ancestors, listed) = (self.ancestors(commit.build), self.listed.get(&commit.sha));
        let mut all: Vec<Presence<'a>> = Vec::with_capacity(self.entries.len());
        for (at, entry) in self.entries.iter().enumerate() {
            let inherited = entry.after.map_or(Presence::Without, |after| all[after]);
            let has_commit =
                entry.build.number == commit.build || listed.is_some_and(|l| l.contains(&at));
            all.push(match inherited {
                _ if ancestors[at] => Presence::Without,
                _ if has_commit => reverted(entry, Presence::Has),
                inherited => reverted(entry, entry.unlisted(inherited, listed.is_some())),
            });
        }
        all
    }

    /// Whether each build may have the effect by these twins.
    fn presences_of_twins(&self, bad: &BadCommit, twins: &Twins<'a>) -> Vec<Presence<'a>> {
        let ancestors = self.ancestors(bad.build);
        let mut all: Vec<Presence<'a>> = Vec::with_capacity(self.entries.len());
        for (at, entry) in self.entries.iter().enumerate() {
            let doubt = |sha| Presence::MayHave(Doubt::Twin { build: entry.build.number, sha });
            let inherited = entry.after.map_or(Presence::Without, |after| all[after]);
            let presence = match twins.places.get(&at) {
                Some(sha) => {
                    let (older, newer) = entry.reverts_around(sha);
                    let before = match entry.after_all(older, inherited, &twins.sides) {
                        before if before.counts() => before,
                        _ => doubt(*sha),
                    };
                    entry.after_all(newer, before, &twins.sides)
                }
                None => entry.reverted(inherited, &twins.sides),
            };
            all.push(match presence {
                _ if ancestors[at] => Presence::Without,
                Presence::Has => doubt(twins.first),
                presence => presence,
            });
        }
        all
    }

    /// Which builds are ancestors of the first build with the commit. They do not contain it.
    fn ancestors(&self, number: BuildNumber) -> Vec<bool> {
        if self.entries.last().is_none_or(|newest| newest.build.number < number) {
            // No build has it yet.
            return self.entries.iter().map(|entry| !entry.build.off_trunk).collect();
        }
        let mut ancestors = vec![false; self.entries.len()];
        let brought = self.entries.binary_search_by_key(&number, |entry| entry.build.number).ok();
        let mut next = brought.and_then(|at| self.entries[at].after);
        while let Some(at) = next {
            ancestors[at] = true;
            next = self.entries[at].after;
        }
        ancestors
    }

    fn sides(&self, of: impl IntoIterator<Item = &'a Sha>) -> Sides<'a> {
        let mut sides = Sides { adding: of.into_iter().collect(), removing: BTreeSet::new() };
        for build in self.reverting.iter().map(|at| self.entries[*at].build) {
            for revert in &build.reverts {
                if sides.removing.contains(&revert.of) {
                    sides.adding.insert(&revert.by);
                } else if sides.adding.contains(&revert.of) {
                    sides.removing.insert(&revert.by);
                    // Reverting a merge reverts the revert that it merged. The opposite does not follow: a build may
                    // contain commits that its own merge did not bring.
                    sides.removing.extend(is_merge(build).then_some(&build.sha));
                }
            }
        }
        sides
    }

    /// The other commits with the same subject and author: a rebase changes the sha.
    fn twins(&self, bad: &'a BadCommit) -> Vec<Twins<'a>> {
        let Some(places) = self.subjects.get(bad.subject.as_str()) else { return Vec::new() };
        let author = self.commit(bad).map(|commit| &commit.author.email);
        let is_twin = |commit: &&'a Commit| {
            let is_same = commit.subject == bad.subject && commit.sha != bad.sha;
            is_same && author.is_none_or(|author| *author == commit.author.email)
        };
        let reverts = self.reverting.iter().flat_map(|at| &self.entries[*at].build.reverts);
        let named: HashSet<_> = reverts.map(|revert| &revert.of).collect();
        let mut groups: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for at in places {
            for twin in self.entries[*at].build.commits.iter().filter(is_twin) {
                let group = groups.entry(named.get(&twin.sha).copied()).or_default();
                group.entry(*at).or_insert(&twin.sha);
            }
        }
        let groups = groups.into_iter().filter_map(|(named, places)| {
            // Whoever reverts the commit by its own id reverts what is the same.
            let sides = self.sides([&bad.sha].into_iter().chain(named));
            Some(Twins { first: places.values().next().copied()?, places, sides })
        });
        groups.collect()
    }

    fn commit(&self, bad: &BadCommit) -> Option<&'a Commit> {
        let mut places = self.listed.get(&bad.sha)?.iter();
        places.find_map(|at| self.entries[*at].build.commits.iter().find(|c| c.sha == bad.sha))
    }
}

impl<'a> BuildEntry<'a> {
    /// Whether it has a commit that it does not list, before its own reverts. A commit that no build lists, for example
    /// one outside the service's folder, may be in any build.
    fn unlisted(&self, inherited: Presence<'a>, is_listed: bool) -> Presence<'a> {
        let build = self.build.number;
        let unrecorded = Presence::MayHave(Doubt::Unrecorded { build });
        let is_whole = self.is_counted && self.build.more == 0 && is_listed;
        match inherited {
            Presence::Without if !is_whole => unrecorded,
            // An unrecorded commit may have reverted the revert.
            Presence::Reverted { .. } if !self.is_counted => unrecorded,
            inherited => inherited,
        }
    }

    /// The build's own reverts: those that it lists before one of its commits, and the others.
    fn reverts_around(&self, commit: &Sha) -> (Vec<&'a Revert>, Vec<&'a Revert>) {
        // Its commits are listed newest first.
        let place = |sha: &Sha| self.build.commits.iter().position(|listed| listed.sha == *sha);
        let own = place(commit);
        self.build.reverts.iter().partition(|revert| own.is_some() && place(&revert.by) > own)
    }

    /// The presence after the build's own reverts.
    fn reverted(&self, presence: Presence<'a>, sides: &Sides<'a>) -> Presence<'a> {
        self.after_all(&self.build.reverts, presence, sides)
    }

    /// The presence after these reverts. The last revert counts. One that is not sure leaves a doubt, both about the effect
    /// that it takes away and about the one that it brings back.
    fn after_all(
        &self,
        reverts: impl IntoIterator<Item = &'a Revert>,
        presence: Presence<'a>,
        sides: &Sides<'a>,
    ) -> Presence<'a> {
        reverts.into_iter().fold(presence, |before, revert| {
            let after = self.after(before, revert, sides);
            let (by, build) = (&revert.by, self.build.number);
            let is_changed = before.counts() != after.counts();
            match revert.evidence {
                evidence if is_changed && !evidence.is_sure() => {
                    let is_back = after.counts();
                    Presence::MayHave(Doubt::Unsure { by, build, evidence, is_back })
                }
                _ => after,
            }
        })
    }

    /// The presence after one revert.
    fn after(&self, presence: Presence<'a>, revert: &'a Revert, sides: &Sides<'a>) -> Presence<'a> {
        let reverted = Presence::Reverted { by: &revert.by, build: self.build.number };
        match presence {
            _ if sides.removing.contains(&revert.of) => Presence::Has,
            _ if sides.adding.contains(&revert.of) => reverted,
            presence => presence,
        }
    }
}

/// Whether the build's own commit is a merge. True if that commit is not listed.
fn is_merge(build: &Build) -> bool {
    build.commits.iter().find(|commit| commit.sha == build.sha).is_none_or(|own| own.parents > 1)
}

fn by_subject<'a>(entries: &[BuildEntry<'a>]) -> HashMap<&'a str, Vec<usize>> {
    let is_one_line =
        entries.iter().enumerate().all(|(at, entry)| entry.after == at.checked_sub(1));
    let mut subjects: HashMap<_, Vec<_>> = HashMap::new();
    if is_one_line {
        return subjects;
    }
    for (at, entry) in entries.iter().enumerate() {
        for commit in &entry.build.commits {
            subjects.entry(commit.subject.as_str()).or_default().push(at);
        }
    }
    subjects.remove("");
    subjects
}

/// How the trunk moved since the newest build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trunk {
    #[default]
    Continues,
    /// It was force-pushed. The commits of the next build are counted from `onto`, if that is known.
    Rewritten { onto: Option<BuildNumber> },
}

/// The parent of each build, by its number.
pub type Descents = BTreeMap<BuildNumber, Descent>;
