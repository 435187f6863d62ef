//! Which builds have the effect of a commit, following each build to the one that it was built upon.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{BadCommit, Doubt};
use crate::domain::build::Build;
use crate::domain::ids::{BuildNumber, Sha};
use crate::domain::service::ServiceState;

/// What a build was built upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descent {
    /// The newest build of the trunk as it was then, all of whose commits it has too.
    pub after: Option<BuildNumber>,
    /// Whether its commits and reverts were counted from that build. Not of the first one, which has all that came
    /// before, and not of one that followed a force-push as it was recorded before builds were counted so.
    pub is_counted: bool,
}

/// Whether a build has a commit or its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence<'a> {
    Without,
    Has,
    MayHave(Doubt<'a>),
    TakenBack { by: &'a Sha, build: BuildNumber },
}

impl<'a> Presence<'a> {
    /// Whether the effect counts as there: an uncertain one does.
    pub(super) fn counts(self) -> bool {
        matches!(self, Self::Has | Self::MayHave(_))
    }

    pub(super) fn doubt(self) -> Option<Doubt<'a>> {
        if let Self::MayHave(doubt) = self { Some(doubt) } else { None }
    }
}

/// A build on its line.
struct BuildOnLine<'a> {
    build: &'a Build,
    /// The place of the build that it was built upon.
    after: Option<usize>,
    is_counted: bool,
}

/// All builds, oldest first, and which of them list the commits that are asked about.
pub(super) struct BuildLines<'a> {
    stops: Vec<BuildOnLine<'a>>,
    /// The places of the builds that list each commit.
    listed: HashMap<&'a Sha, BTreeSet<usize>>,
    /// The places of the builds that have reverts.
    reverting: Vec<usize>,
    /// The places of the builds by the subjects of what they list; empty where all stand on one line.
    subjects: HashMap<&'a str, Vec<usize>>,
}

/// Which commits bear on the effect of one.
struct Sides<'a> {
    /// Taking one of these back takes the effect away.
    adding: BTreeSet<&'a Sha>,
    /// Taking one of these back brings the effect back.
    removing: BTreeSet<&'a Sha>,
}

impl<'a> BuildLines<'a> {
    pub(super) fn of(state: &'a ServiceState, is_asked: impl Fn(&Sha) -> bool) -> Self {
        let places: HashMap<_, _> = state.builds.keys().copied().zip(0..).collect();
        let stops = state.builds.values().map(|build| {
            let descent = state.descents.get(&build.number);
            let after = descent.and_then(|descent| places.get(&descent.after?).copied());
            let is_counted = descent.is_some_and(|descent| descent.is_counted);
            BuildOnLine { build, after, is_counted }
        });
        let stops: Vec<_> = stops.collect();
        let mut listed: HashMap<_, BTreeSet<_>> = HashMap::new();
        for (at, stop) in stops.iter().enumerate() {
            for commit in stop.build.commits.iter().filter(|commit| is_asked(&commit.sha)) {
                listed.entry(&commit.sha).or_default().insert(at);
            }
        }
        let reverts = |at: &usize| !stops[*at].build.reverts.is_empty();
        let reverting = (0..stops.len()).filter(reverts).collect();
        let subjects = by_subject(&stops);
        Self { stops, listed, reverting, subjects }
    }

    pub(super) fn builds(&self) -> impl DoubleEndedIterator<Item = &'a Build> + ExactSizeIterator {
        self.stops.iter().map(|stop| stop.build)
    }

    /// Whether each build has the effect of a commit.
    pub(super) fn presences_of_effect(&self, bad: &'a BadCommit) -> Vec<Presence<'a>> {
        let (sides, twins) = (self.sides(bad), self.twins(bad));
        self.along(bad, &twins, |stop, presence| stop.reverted(presence, &sides))
    }

    /// Whether each build has the commit itself, reverted or not.
    pub(super) fn presences(&self, commit: &'a BadCommit) -> Vec<Presence<'a>> {
        self.along(commit, &HashMap::new(), |_, presence| presence)
    }

    fn along(
        &self,
        commit: &'a BadCommit,
        twins: &HashMap<usize, &'a Sha>,
        reverted: impl Fn(&BuildOnLine<'a>, Presence<'a>) -> Presence<'a>,
    ) -> Vec<Presence<'a>> {
        let (before, listed) = (self.before(commit.build), self.listed.get(&commit.sha));
        let mut all: Vec<Presence<'a>> = Vec::with_capacity(self.stops.len());
        for (at, stop) in self.stops.iter().enumerate() {
            let upon = stop.after.map_or(Presence::Without, |after| all[after]);
            let brings =
                stop.build.number == commit.build || listed.is_some_and(|l| l.contains(&at));
            all.push(match upon {
                _ if before[at] => Presence::Without,
                _ if brings => reverted(stop, Presence::Has),
                upon => {
                    let twin = twins.get(&at).copied();
                    reverted(stop, stop.unlisted(upon, twin, listed.is_some()))
                }
            });
        }
        all
    }

    /// Which builds are under the one that brought the commit: had one of them had it, that one would not have
    /// brought it.
    fn before(&self, number: BuildNumber) -> Vec<bool> {
        let mut before = vec![false; self.stops.len()];
        let brought = self.stops.binary_search_by_key(&number, |stop| stop.build.number).ok();
        let mut next = brought.and_then(|at| self.stops[at].after);
        while let Some(at) = next {
            before[at] = true;
            next = self.stops[at].after;
        }
        before
    }

    fn sides(&self, bad: &'a BadCommit) -> Sides<'a> {
        let mut sides = Sides { adding: BTreeSet::from([&bad.sha]), removing: BTreeSet::new() };
        for build in self.reverting.iter().map(|at| self.stops[*at].build) {
            for revert in &build.reverts {
                if sides.removing.contains(&revert.of) {
                    sides.adding.insert(&revert.by);
                } else if sides.adding.contains(&revert.of) {
                    sides.removing.insert(&revert.by);
                    // Taking back a merge takes back the revert that came with it. The other way round it has to be
                    // recorded of each commit: a build may have more than what came with its own merge.
                    sides.removing.extend(is_merge(build).then_some(&build.sha));
                }
            }
        }
        sides
    }

    /// Where other lines have a commit of the same subject and author: a rebased commit has another id.
    fn twins(&self, bad: &'a BadCommit) -> HashMap<usize, &'a Sha> {
        let Some(places) = self.subjects.get(bad.subject.as_str()) else { return HashMap::new() };
        let author = self.commit(bad).map(|commit| &commit.author.email);
        let twin = |at: &usize| {
            let mut commits = self.stops[*at].build.commits.iter();
            let twin = commits.find(|commit| {
                let is_same = commit.subject == bad.subject && commit.sha != bad.sha;
                is_same && author.is_none_or(|author| *author == commit.author.email)
            });
            twin.map(|twin| (*at, &twin.sha))
        };
        places.iter().filter_map(twin).collect()
    }

    fn commit(&self, bad: &BadCommit) -> Option<&'a crate::domain::commit::Commit> {
        let mut places = self.listed.get(&bad.sha)?.iter();
        places.find_map(|at| self.stops[*at].build.commits.iter().find(|c| c.sha == bad.sha))
    }
}

impl<'a> BuildOnLine<'a> {
    /// Whether it has a commit that it does not list, before its own reverts. A commit that no build lists, such as one
    /// outside of the service's folder, is never known to be missing.
    fn unlisted(&self, upon: Presence<'a>, twin: Option<&'a Sha>, is_listed: bool) -> Presence<'a> {
        let build = self.build.number;
        let unrecorded = Presence::MayHave(Doubt::Unrecorded { build });
        let is_whole = self.is_counted && self.build.more == 0 && is_listed;
        match (upon, twin) {
            (Presence::Without, _) if !is_whole => unrecorded,
            (Presence::Without, Some(sha)) => Presence::MayHave(Doubt::Twin { build, sha }),
            // What takes a commit back may itself have been taken back among what is not recorded.
            (Presence::TakenBack { .. }, _) if !self.is_counted => unrecorded,
            (upon, _) => upon,
        }
    }

    /// The same after its reverts; the last one counts.
    fn reverted(&self, presence: Presence<'a>, sides: &Sides<'a>) -> Presence<'a> {
        let build = self.build.number;
        self.build.reverts.iter().fold(presence, |presence, revert| match presence {
            _ if sides.removing.contains(&revert.of) => Presence::Has,
            Presence::MayHave(Doubt::Twin { sha, .. }) if *sha == revert.of => {
                Presence::TakenBack { by: &revert.by, build }
            }
            _ if sides.adding.contains(&revert.of) => Presence::TakenBack { by: &revert.by, build },
            presence => presence,
        })
    }
}

/// Whether taking back the build's own commit takes back others; of an unknown one it may.
fn is_merge(build: &Build) -> bool {
    build.commits.iter().find(|commit| commit.sha == build.sha).is_none_or(|own| own.parents > 1)
}

fn by_subject<'a>(stops: &[BuildOnLine<'a>]) -> HashMap<&'a str, Vec<usize>> {
    let is_one_line = stops.iter().enumerate().all(|(at, stop)| stop.after == at.checked_sub(1));
    let mut subjects: HashMap<_, Vec<_>> = HashMap::new();
    if is_one_line {
        return subjects;
    }
    for (at, stop) in stops.iter().enumerate() {
        for commit in &stop.build.commits {
            subjects.entry(commit.subject.as_str()).or_default().push(at);
        }
    }
    subjects.remove("");
    subjects
}

/// What the next build is counted from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trunk {
    #[default]
    GoesOn,
    /// It was force-pushed; the next build is counted from the one that is named, if one is.
    Rewritten { onto: Option<BuildNumber> },
}

/// By the number of each build.
pub type Descents = BTreeMap<BuildNumber, Descent>;
