//! Which builds have the effect of a bad commit, walked through once more.

use std::collections::BTreeMap;

use trunkline::domain::event::Fact;
use trunkline::domain::ids::{BuildNumber, Seq, Sha};
use trunkline::domain::quarantine::BadCommit;

/// What a build brought, of which the histories here let at most one commit take another back.
#[derive(Debug, Clone)]
struct Brought {
    sha: Sha,
    commits: Vec<Sha>,
    revert: Option<(Sha, Sha)>,
    off_trunk: bool,
}

#[derive(Debug, Default)]
pub struct Quarantine {
    builds: BTreeMap<BuildNumber, Brought>,
    /// The build that brought each bad commit, and the event that named it.
    bad: BTreeMap<Sha, (BuildNumber, Seq)>,
}

/// A bad commit that a build has, the event that named it, and the first newer build without it.
pub type Has = (Sha, Seq, Option<BuildNumber>);

impl Quarantine {
    pub fn found(&mut self, fact: &Fact) {
        let Fact::BuildFound { build, sha, commits, reverts, .. } = fact else { return };
        assert!(reverts.len() <= 1, "two reverts of one build are not told apart here");
        let brought = Brought {
            sha: sha.clone(),
            commits: commits.iter().map(|commit| commit.sha.clone()).collect(),
            revert: reverts.first().map(|revert| (revert.by.clone(), revert.of.clone())),
            off_trunk: false,
        };
        self.builds.insert(*build, brought);
    }

    pub fn rewritten(&mut self, off_trunk: &[BuildNumber]) {
        for number in off_trunk {
            self.builds.get_mut(number).expect("it was found").off_trunk = true;
        }
    }

    pub fn named(&mut self, by: Seq, bad: &[BadCommit]) {
        for commit in bad {
            let brought = &self.builds[&commit.build];
            assert!(brought.commits.contains(&commit.sha), "{commit:?} came with {brought:?}");
            self.bad.insert(commit.sha.clone(), (commit.build, by));
        }
    }

    pub fn cleared(&mut self, sha: &Sha) {
        assert!(self.bad.remove(sha).is_some(), "{sha} was not in quarantine");
    }

    pub fn shas(&self) -> Vec<&Sha> {
        self.bad.keys().collect()
    }

    /// What a build has of it.
    pub fn of(&self, number: BuildNumber) -> Vec<Has> {
        let Some(build) = self.builds.get(&number) else { return Vec::new() };
        let newer = self.builds.range(number..).skip(1);
        let newer: Vec<_> = newer.filter(|(_, b)| build.off_trunk || !b.off_trunk).collect();
        let has = self.bad.iter().filter(|(sha, _)| self.is_in(sha, number, build.off_trunk));
        has.map(|(sha, (_, by))| {
            let mut safe = newer.iter().filter(|(at, _)| !self.is_in(sha, **at, build.off_trunk));
            (sha.clone(), *by, safe.next().map(|(at, _)| **at))
        })
        .collect()
    }

    /// A revert of what helps the commit takes it away, a revert of what hinders it brings it back; the last one counts.
    fn is_in(&self, bad: &Sha, at: BuildNumber, off_trunk: bool) -> bool {
        let (from, _) = self.bad[bad];
        if at < from {
            return false;
        }
        let mut helps = BTreeMap::from([(bad, true)]);
        let mut there = false;
        for (number, build) in self.builds.range(from..=at) {
            if build.off_trunk && !off_trunk {
                continue;
            }
            if *number == from || build.commits.contains(bad) {
                there = true;
                helps.insert(&build.sha, true);
            }
            if let Some((by, of)) = &build.revert
                && let Some(helped) = helps.get(of).copied()
            {
                there = !helped;
                helps.extend([(by, !helped), (&build.sha, !helped)]);
            }
        }
        there
    }
}
