//! What a random build brings: commits, reverts of earlier ones, and changes of the schema.

use trunkline::domain::commit::{Commit, Revert};
use trunkline::domain::event::Fact;
use trunkline::domain::ids::{BuildNumber, Sha};
use trunkline::domain::schema::SchemaChange;
use trunkline::domain::service::ServiceState;
use trunkline::migrations::Class;

use trunkline_testing::dice::Dice;
use trunkline_testing::record::{self, sha};

/// From which number on the commits are counted that are no build's own.
const INNER: u64 = 1_000_000;

/// The next build of the trunk; after a rewrite it may have the commits of one that was taken away.
pub fn found(dice: &mut Dice, state: &ServiceState, number: BuildNumber, rewritten: bool) -> Fact {
    let (own, inner) = (sha(number.0), sha(INNER + number.0));
    let mut commits = vec![commit(own.clone())];
    let mut reverts = Vec::new();
    if dice.chance(50) {
        commits.push(commit(inner.clone()));
    }
    if rewritten && dice.chance(50) {
        let again = state.newest_build().into_iter().flat_map(|build| &build.commits);
        // A rebase makes other commits of the same.
        let rebased = dice.chance(40);
        let copy = |(at, commit): (usize, &Commit)| {
            let sha = sha(2 * INNER + 10 * number.0 + at as u64);
            if rebased { Commit { sha, ..commit.clone() } } else { commit.clone() }
        };
        commits.extend(again.enumerate().map(copy));
    } else if dice.chance(35)
        && let Some(of) = taken_back(dice, state)
    {
        let by = commits.last().map_or(own.clone(), |commit| commit.sha.clone());
        reverts.push(Revert::sure(by, of));
    }
    Fact::BuildFound {
        build: number,
        sha: own,
        commits,
        more: 0,
        reverts,
        recipe: None,
        trunk: None,
    }
}

/// A commit that is taken back: mostly one that is bad, or what took one back.
fn taken_back(dice: &mut Dice, state: &ServiceState) -> Option<Sha> {
    let bad = state.quarantine.keys();
    let reverts = state.builds.values().flat_map(|build| &build.reverts);
    let mut known: Vec<_> = bad.chain(reverts.map(|revert| &revert.by)).collect();
    if known.is_empty() || dice.chance(20) {
        known = state.builds.values().map(|build| &build.sha).collect();
    }
    (!known.is_empty()).then(|| (*dice.pick(&known)).clone())
}

/// What its migrations do to the schema; nothing where nobody can judge them.
pub fn brings(dice: &mut Dice, build: BuildNumber) -> Option<Vec<SchemaChange>> {
    match dice.below(100) {
        0..4 => None,
        4..30 => Some((0..=dice.below(2)).map(|line| change(dice, build, line)).collect()),
        _ => Some(Vec::new()),
    }
}

fn change(dice: &mut Dice, build: BuildNumber, line: usize) -> SchemaChange {
    let number = usize::try_from(build.0).expect("a small number");
    let class = *dice.pick(&Class::ALL);
    // Of data, and of what nobody understands, nobody can tell which older code lives with it.
    let is_unclear = matches!(class, Class::Data | Class::Unknown);
    let back = if is_unclear { 0 } else { dice.below(number.min(4)) as u64 };
    SchemaChange {
        path: format!("migrations/{number:04}.sql"),
        line: u32::try_from(line).expect("a small number") + 1,
        statement: "ALTER TABLE orders".into(),
        class,
        build,
        floor: BuildNumber(build.0 - back),
        why: String::new(),
    }
}

fn commit(sha: Sha) -> Commit {
    Commit { subject: format!("change {sha}"), sha, ..record::commit(0, "max") }
}
