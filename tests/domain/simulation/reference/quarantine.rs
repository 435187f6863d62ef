//! Which builds have the effect of a bad commit, walked through once more.

use std::collections::BTreeMap;

use trunkline::domain::event::Fact;
use trunkline::domain::ids::{BuildNumber, Seq, Sha};
use trunkline::domain::quarantine::BadCommit;

/// What a build brought, of which the histories here let at most one commit take another back.
#[derive(Debug, Clone)]
struct Brought {
    /// Each with its subject; all are by the same author here.
    commits: Vec<(Sha, String)>,
    /// The build that it was built upon.
    after: Option<BuildNumber>,
    /// Whether all that it brought since that build is known.
    is_counted: bool,
    revert: Option<(Sha, Sha)>,
    off_trunk: bool,
}

#[derive(Debug, Default)]
pub struct Quarantine {
    builds: BTreeMap<BuildNumber, Brought>,
    /// Each bad commit as it was named, and the event that named it.
    bad: BTreeMap<Sha, (BadCommit, Seq)>,
    /// A force-push came after the last build, and the build that it said to count from.
    was_rewritten: bool,
    onto: Option<BuildNumber>,
}

/// A bad commit that a build has, the event that named it, and the first newer build without it.
pub type Has = (Sha, Seq, Option<BuildNumber>);

impl Quarantine {
    pub fn found(&mut self, fact: &Fact) {
        let Fact::BuildFound { build, commits, reverts, .. } = fact else { return };
        assert!(reverts.len() <= 1, "two reverts of one build are not told apart here");
        let after = self.builds.iter().rev().find(|(_, build)| !build.off_trunk);
        let after = after.map(|(number, _)| *number);
        let is_counted = after.is_some() && (!self.was_rewritten || self.onto == after);
        self.was_rewritten = false;
        let commits = commits.iter().map(|commit| (commit.sha.clone(), commit.subject.clone()));
        let brought = Brought {
            commits: commits.collect(),
            after,
            is_counted,
            revert: reverts.first().map(|revert| (revert.by.clone(), revert.of.clone())),
            off_trunk: false,
        };
        self.builds.insert(*build, brought);
    }

    pub fn rewritten(&mut self, off_trunk: &[BuildNumber], onto: Option<BuildNumber>) {
        (self.was_rewritten, self.onto) = (true, onto);
        for number in off_trunk {
            self.builds.get_mut(number).expect("it was found").off_trunk = true;
        }
    }

    pub fn named(&mut self, by: Seq, bad: &[BadCommit]) {
        for commit in bad {
            let brought = &self.builds[&commit.build];
            assert!(brought.lists(&commit.sha), "{commit:?} came with {brought:?}");
            self.bad.insert(commit.sha.clone(), (commit.clone(), by));
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
        let newer = self.builds.range(number..).skip(1).filter(|(_, build)| !build.off_trunk);
        let newer: Vec<_> = newer.map(|(number, _)| *number).collect();
        let has = self.bad.values().filter(|(bad, _)| self.counts(bad, number));
        has.map(|(bad, by)| {
            let safe = newer.iter().find(|newer| !self.counts(bad, **newer));
            (bad.sha.clone(), *by, safe.copied())
        })
        .collect()
    }

    /// The builds on whose top this one stands, oldest first, and itself.
    fn line(&self, number: BuildNumber) -> Vec<BuildNumber> {
        let mut line = match self.builds.get(&number).and_then(|build| build.after) {
            Some(after) => self.line(after),
            None => Vec::new(),
        };
        line.push(number);
        line
    }

    /// Whether the bad commit counts as being in a build: it came and is not taken back, or nobody knows.
    fn counts(&self, bad: &BadCommit, at: BuildNumber) -> bool {
        let clean = self.line(bad.build);
        let clean = &clean[..clean.len() - 1];
        let helps = self.helps(vec![&bad.sha]);
        let is_twin = |sha: &Sha, subject: &str| subject == bad.subject && *sha != bad.sha;
        let mut there = false;
        // Of each commit that may be the same after a rebase, whether it is there.
        let mut twins = BTreeMap::new();
        for number in self.line(at).into_iter().filter(|number| !clean.contains(number)) {
            let build = &self.builds[&number];
            let came = number == bad.build || build.lists(&bad.sha);
            there |= came || !build.is_counted;
            let same = build.commits.iter().filter(|(sha, subject)| is_twin(sha, subject));
            twins.extend(same.map(|(sha, _)| (sha, true)));
            let Some((_, of)) = &build.revert else { continue };
            if let Some(helped) = helps.get(of).copied() {
                there = !helped;
            }
            for (twin, is_there) in &mut twins {
                if let Some(helped) = self.helps(vec![&bad.sha, *twin]).get(of) {
                    *is_there = !helped;
                }
            }
        }
        there || twins.into_values().any(|is_there| is_there)
    }

    /// A revert of what helps the commits hinders them, a revert of what hinders them helps them.
    fn helps<'a>(&'a self, commits: Vec<&'a Sha>) -> BTreeMap<&'a Sha, bool> {
        let mut helps: BTreeMap<_, _> = commits.into_iter().map(|commit| (commit, true)).collect();
        for (by, of) in self.builds.values().filter_map(|build| build.revert.as_ref()) {
            if let Some(helped) = helps.get(of).copied() {
                helps.insert(by, !helped);
            }
        }
        helps
    }
}

impl Brought {
    fn lists(&self, sha: &Sha) -> bool {
        self.commits.iter().any(|(listed, _)| listed == sha)
    }
}
