//! Which builds have the effect of a commit that is known to be bad, asked of recorded histories.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use trunkline::calendar::FreezeRules;
use trunkline::domain::command::{Command, Refusal};
use trunkline::domain::commit::{Commit, Revert};
use trunkline::domain::event::Fact;
use trunkline::domain::ids::{BuildNumber, Seq};
use trunkline::domain::people::{Actor, People};
use trunkline::domain::policy::Policy;
use trunkline::domain::quarantine::BadCommit;
use trunkline::domain::snapshot::build::{self, SnapshotInput};
use trunkline::domain::snapshot::{ServiceSnapshot, Version};
use trunkline::engine::commands::{self, CommandContext, CommandError, Gathered, ServiceView};

use trunkline_testing::record::{self, Record, person, sha};

fn commit(number: u64, subject: &str) -> Commit {
    Commit { subject: subject.to_owned(), ..record::commit(number, "max") }
}

/// A recorded history, told fact by fact.
#[derive(Default)]
struct History(Record);

impl History {
    fn tell(&mut self, fact: Fact) {
        self.0.now += TimeDelta::seconds(1);
        self.0.push(person("raj"), fact);
    }

    fn found(&mut self, build: u64, commits: Vec<Commit>, reverts: Vec<Revert>) {
        let sha = commits[0].sha.clone();
        let build = BuildNumber(build);
        self.tell(Fact::BuildFound {
            build,
            sha,
            commits,
            more: 0,
            reverts,
            recipe: None,
            trunk: None,
        });
    }

    /// A force-push that takes builds off the trunk, recorded with the build from which the next one is counted, or
    /// as it was before that was recorded.
    fn rewritten(&mut self, off_trunk: &[u64], onto: Option<u64>) {
        let off_trunk = off_trunk.iter().copied().map(BuildNumber).collect();
        let (from, to, onto) = (sha(1), sha(2), onto.map(BuildNumber));
        self.tell(Fact::TrunkRewritten { from, to, off_trunk, onto });
    }

    /// Whether a build has a bad commit: with the doubt, where there is one.
    fn bad_in(&self, build: u64) -> Vec<Option<String>> {
        let bad = self.0.state.bad_in(BuildNumber(build));
        bad.iter().map(|bad| bad.doubt.map(|doubt| doubt.to_string())).collect()
    }

    fn first_safe(&self, build: u64) -> Option<BuildNumber> {
        self.0.state.bad_in(BuildNumber(build)).first().and_then(|bad| bad.first_safe)
    }

    fn quarantine(&mut self, build: u64, bad: u64) {
        let (sha, build, subject) = (sha(bad), BuildNumber(build), "charge twice".into());
        let bad = vec![BadCommit { sha, build, subject }];
        self.tell(Fact::CommitsQuarantined { bad, reason: "double charges".into() });
    }

    fn snapshot(&self) -> ServiceSnapshot {
        let facts = SnapshotInput {
            service: &"checkout".parse().unwrap(),
            repository: "/shop",
            trunk: "main",
            state: &self.0.state,
            policy: &Policy::default(),
            people: &People::default(),
            freezes: &FreezeRules::default(),
            rollback: Some(&[]),
            rollback_blocked: None,
            rollback_unread: false,
            problems: &[],
            present: &[],
            on_call: None,
        };
        let me = Actor::Person("raj".into());
        build::service(facts, &me, Version("1".into()), DateTime::UNIX_EPOCH)
    }
}

/// The processor time that this thread has had, whatever else the machine does.
fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.try_into().expect("a thread has no negative time")
}

/// The least processor time of five times.
fn measured(mut work: impl FnMut()) -> Duration {
    let once = |()| {
        let began = worked();
        work();
        worked().saturating_sub(began)
    };
    std::iter::repeat_n((), 5).map(once).min().unwrap()
}

fn long_history() -> History {
    let mut history = History::default();
    for build in 1..=500 {
        let others = (1..8).map(|other| commit(build * 1_000 + other, "a change"));
        let commits = std::iter::once(commit(build * 1_000, "a change")).chain(others).collect();
        history.found(build, commits, Vec::new());
    }
    history
}

#[test]
fn twenty_bad_commits_do_not_slow_a_snapshot_of_five_hundred_builds() {
    let mut history = long_history();
    let without = measured(|| drop(history.snapshot()));
    for bad in 1..=20 {
        history.quarantine(bad * 10, bad * 10_000 + 3);
    }
    let with = measured(|| drop(history.snapshot()));
    println!("a snapshot without bad commits {without:?}, with 20 of them {with:?}");
    assert_eq!(history.snapshot().builds[0].bad.len(), 20);
    assert!(with < without * 50, "{without:?} and then {with:?}");
}

/// #1 on its own, #2 with the bad commit 20, #3.
fn with_a_bad_commit() -> History {
    let mut history = History::default();
    history.found(1, vec![commit(10, "begin")], Vec::new());
    history.found(2, vec![commit(20, "charge twice")], Vec::new());
    history.found(3, vec![commit(30, "unrelated")], Vec::new());
    history.quarantine(2, 20);
    history
}

fn revert(by: u64, of: u64) -> Revert {
    Revert::sure(sha(by), sha(of))
}

const CERTAINLY: [Option<String>; 1] = [None];
const NOT: [Option<String>; 0] = [];

fn maybe(why: &str) -> [Option<String>; 1] {
    [Some(why.to_owned())]
}

#[test]
fn a_build_has_a_bad_commit_from_the_one_that_brought_it_on() {
    let history = with_a_bad_commit();
    assert_eq!(history.bad_in(1), NOT);
    assert_eq!((history.bad_in(2), history.bad_in(3)), (CERTAINLY.into(), CERTAINLY.into()));
    assert_eq!(history.first_safe(2), None);
}

#[test]
fn a_force_push_that_dropped_the_commit_leaves_builds_without_it() {
    let mut history = with_a_bad_commit();
    history.rewritten(&[2, 3], Some(1));
    history.found(4, vec![commit(40, "instead")], Vec::new());
    assert_eq!(history.bad_in(4), NOT, "all that it brought since #1 is listed");
    assert_eq!(history.first_safe(3), Some(BuildNumber(4)));
}

#[test]
fn a_force_push_that_moved_the_commit_into_another_merge_is_seen() {
    let mut history = with_a_bad_commit();
    history.rewritten(&[2, 3], Some(1));
    history.found(4, vec![commit(40, "merge"), commit(20, "charge twice")], Vec::new());
    history.found(5, vec![commit(50, "go on")], Vec::new());
    assert_eq!((history.bad_in(4), history.bad_in(5)), (CERTAINLY.into(), CERTAINLY.into()));
}

#[test]
fn what_followed_a_force_push_before_it_was_counted_may_have_the_commit() {
    let mut history = with_a_bad_commit();
    history.rewritten(&[2, 3], None);
    history.found(4, vec![commit(40, "instead")], Vec::new());
    history.found(5, vec![commit(50, "go on")], Vec::new());
    let doubt = maybe("the record of #4 is incomplete");
    assert_eq!((history.bad_in(4), history.bad_in(5)), (doubt.clone().into(), doubt.into()));
    assert_eq!(history.first_safe(3), None, "nobody knows that these are safe");
    history.found(6, vec![commit(60, "undo")], vec![revert(60, 20)]);
    assert_eq!(history.bad_in(6), NOT, "what it may have had is taken back");
    assert_eq!(history.first_safe(3), Some(BuildNumber(6)));
    let row = &history.snapshot().builds[1];
    assert_eq!(
        (row.build.number, &row.bad, &row.in_doubt),
        (BuildNumber(5), &vec![sha(20)], &row.bad)
    );
}

#[test]
fn a_list_that_is_cut_after_a_force_push_may_hide_the_commit() {
    let mut history = with_a_bad_commit();
    history.rewritten(&[2, 3], Some(1));
    let (build, commits) = (BuildNumber(4), vec![commit(40, "merge")]);
    history.tell(Fact::BuildFound {
        build,
        sha: sha(40),
        commits,
        more: 7,
        reverts: Vec::new(),
        recipe: None,
        trunk: None,
    });
    assert_eq!(history.bad_in(4), maybe("the record of #4 is incomplete"));
}

#[test]
fn a_cut_list_on_the_line_that_lacks_the_commit_hides_nothing() {
    let mut history = History::default();
    let (build, commits) = (BuildNumber(1), vec![commit(10, "merge")]);
    history.tell(Fact::BuildFound {
        build,
        sha: sha(10),
        commits,
        more: 7,
        reverts: Vec::new(),
        recipe: None,
        trunk: None,
    });
    history.found(2, vec![commit(20, "charge twice")], Vec::new());
    history.quarantine(2, 20);
    assert_eq!(history.bad_in(1), NOT, "#2 would not have brought it otherwise");
}

#[test]
fn a_rebased_commit_is_known_by_its_subject_and_author() {
    let mut history = with_a_bad_commit();
    history.rewritten(&[2, 3], Some(1));
    history.found(4, vec![commit(41, "charge twice")], Vec::new());
    let doubt = format!("#4 has {} with the same subject and author", sha(41).short());
    assert_eq!(history.bad_in(4), maybe(&doubt));
    history.found(5, vec![commit(50, "undo")], vec![revert(50, 41)]);
    assert_eq!(history.bad_in(5), NOT);
}

#[test]
fn each_commit_that_may_be_the_bad_one_after_a_rebase_has_to_be_reverted() {
    let doubt = |build: u64, twin: u64| {
        maybe(&format!("#{build} has {} with the same subject and author", sha(twin).short()))
    };
    let mut history = with_a_bad_commit();
    history.rewritten(&[2, 3], Some(1));
    history.found(4, vec![commit(41, "charge twice")], Vec::new());
    history.found(5, vec![commit(51, "charge twice")], Vec::new());
    history.found(6, vec![commit(60, "undo one")], vec![revert(60, 41)]);
    assert_eq!(history.bad_in(6), doubt(5, 51), "the other one may be it");
    history.found(7, vec![commit(70, "undo the other")], vec![revert(70, 51)]);
    assert_eq!(history.bad_in(7), NOT);
    history.found(8, vec![commit(80, "and back")], vec![revert(80, 60)]);
    assert_eq!(history.bad_in(8), doubt(8, 41), "what was reverted is back");
    history.found(9, vec![commit(90, "undo")], vec![revert(90, 20)]);
    assert_eq!(history.bad_in(9), NOT, "the bad one is reverted by its own id");
    history.found(10, vec![commit(101, "go on")], Vec::new());
    assert_eq!(history.bad_in(10), NOT);
}

#[test]
fn a_commit_like_the_bad_one_that_comes_after_the_revert_of_another_may_be_it() {
    let mut history = with_a_bad_commit();
    history.rewritten(&[2, 3], Some(1));
    history.found(4, vec![commit(41, "charge twice")], Vec::new());
    history.found(5, vec![commit(50, "undo")], vec![revert(50, 41)]);
    assert_eq!(history.bad_in(5), NOT);
    history.found(6, vec![commit(61, "charge twice")], Vec::new());
    assert_eq!(history.bad_in(6).len(), 1, "it came once more");
}

#[test]
fn a_bad_commit_that_comes_again_after_each_revert_may_be_it_whichever_one_the_revert_names() {
    let doubt = |build: u64, twin: u64| {
        maybe(&format!("#{build} has {} with the same subject and author", sha(twin).short()))
    };
    let mut history = with_a_bad_commit();
    history.rewritten(&[3], Some(2));
    history.found(4, vec![commit(40, "undo")], vec![revert(40, 20)]);
    assert_eq!(history.bad_in(4), NOT);
    history.found(5, vec![commit(51, "charge twice")], Vec::new());
    assert_eq!(history.bad_in(5), doubt(5, 51), "it came a second time");
    history.found(6, vec![commit(60, "undo")], vec![revert(60, 20)]);
    assert_eq!(history.bad_in(6), NOT, "whoever names the first one means the effect");
    history.found(7, vec![commit(71, "charge twice")], Vec::new());
    assert_eq!(history.bad_in(7), doubt(7, 71), "it came a third time");
    let commits = vec![commit(82, "charge twice"), commit(81, "undo")];
    history.found(8, commits, vec![revert(81, 20)]);
    assert_eq!(history.bad_in(8), doubt(8, 82), "one build brought the revert and it again");
    let commits = vec![commit(92, "undo"), commit(91, "charge twice")];
    history.found(9, commits, vec![revert(92, 20)]);
    assert_eq!(history.bad_in(9), NOT, "the revert is newer");
}

#[test]
fn a_trunk_that_shares_nothing_with_the_one_before_may_have_anything() {
    let mut history = with_a_bad_commit();
    history.rewritten(&[1, 2, 3], None);
    history.found(4, vec![commit(40, "another history")], Vec::new());
    history.found(5, vec![commit(50, "go on")], Vec::new());
    assert_eq!(history.bad_in(5), maybe("the record of #4 is incomplete"));
}

#[test]
fn a_revert_on_another_line_takes_nothing_back_on_this_one() {
    let mut history = with_a_bad_commit();
    history.rewritten(&[3], Some(2));
    history.found(4, vec![commit(40, "undo")], vec![revert(40, 20)]);
    history.rewritten(&[4], Some(2));
    history.found(5, vec![commit(50, "go on")], Vec::new());
    assert_eq!((history.bad_in(4), history.bad_in(5)), (NOT.into(), CERTAINLY.into()));
    history.rewritten(&[5], Some(2));
    assert_eq!(history.bad_in(5), CERTAINLY, "#5 was built upon #2, not upon #4");
}

#[test]
fn a_commit_outside_of_the_folder_is_not_known_to_be_missing_after_a_force_push() {
    let mut history = History::default();
    history.found(1, vec![commit(10, "begin")], Vec::new());
    history.found(2, vec![commit(21, "a change here")], Vec::new());
    history.quarantine(2, 20);
    history.rewritten(&[2], Some(1));
    history.found(3, vec![commit(30, "instead")], Vec::new());
    assert_eq!(history.bad_in(1), NOT);
    assert_eq!(history.bad_in(3), maybe("the record of #3 is incomplete"));
}

#[test]
fn reverting_the_first_commit_does_not_take_back_all_that_came_before_it() {
    let mut history = History::default();
    history.found(1, vec![commit(10, "begin")], Vec::new());
    history.quarantine(1, 5);
    history.found(2, vec![commit(20, "undo")], vec![revert(20, 10)]);
    assert_eq!(history.bad_in(2), CERTAINLY);
}

#[test]
fn reverting_the_own_commit_of_a_build_does_not_take_back_all_that_it_carries() {
    let mut history = History::default();
    history.found(1, vec![commit(10, "begin")], Vec::new());
    // A build that carries several merges, since they came faster than the trunk was looked at.
    let merge = Commit { parents: 2, ..commit(22, "merge") };
    history.found(2, vec![merge, commit(21, "inner"), commit(20, "charge twice")], Vec::new());
    history.quarantine(2, 20);
    history.found(3, vec![commit(30, "undo")], vec![revert(30, 22), revert(30, 21)]);
    assert_eq!(history.bad_in(3), CERTAINLY, "the bad commit did not come with that merge");
    history.found(4, vec![commit(40, "undo")], vec![revert(40, 20)]);
    assert_eq!(history.bad_in(4), NOT);
}

#[test]
fn reverting_a_merge_brings_back_what_a_revert_in_it_took_away() {
    let mut history = with_a_bad_commit();
    let merge = Commit { parents: 2, ..commit(41, "merge") };
    history.found(4, vec![merge, commit(40, "undo")], vec![revert(40, 20)]);
    assert_eq!(history.bad_in(4), NOT);
    history.found(5, vec![commit(50, "undo the merge")], vec![revert(50, 41)]);
    assert_eq!(
        history.bad_in(5),
        CERTAINLY,
        "what came with the merge need not be recorded for it"
    );
}

#[test]
fn a_row_names_fifty_bad_commits_and_counts_the_others() {
    let mut history = History::default();
    let commits: Vec<_> = (100..160).map(|number| commit(number, "bad")).collect();
    history.found(1, commits, Vec::new());
    (100..160).for_each(|bad| history.quarantine(1, bad));
    let snapshot = history.snapshot();
    assert_eq!((snapshot.builds[0].bad.len(), snapshot.builds[0].bad_more), (50, 10));
    assert_eq!((snapshot.quarantine.len(), snapshot.quarantine_total), (50, 60));
}

fn named(names: &[&str]) -> Command {
    let commits = names.iter().map(|&name| name.to_owned()).collect();
    Command::Quarantine { commits, reason: "double charges".into() }
}

fn clear(commit: &str) -> Command {
    Command::Clear { commit: commit.into(), reason: "a false alarm".into() }
}

impl History {
    /// What a command becomes; git has found these commits for it.
    fn decide(&self, command: &Command, found: Vec<BadCommit>) -> Result<Fact, Refusal> {
        let (name, policy, people) =
            ("checkout".parse().unwrap(), Policy::default(), People::default());
        let freezes = FreezeRules::default();
        let ground = ServiceView {
            name: &name,
            state: &self.0.state,
            policy,
            people: &people,
            freezes: &freezes,
            on_call: None,
        };
        let (actor, gathered) = (Actor::Person("raj".into()), Gathered::Commits(found));
        let (now, next) = (DateTime::UNIX_EPOCH, Seq(self.0.state.last_seq.0 + 1));
        let context = CommandContext { actor: &actor, now, next, gathered: Some(&gathered) };
        match commands::decide(&ground, command, context) {
            Ok(decided) => Ok(decided.facts.into_iter().next().unwrap()),
            Err(CommandError::Refused(refusal)) => Err(refusal),
            Err(error) => panic!("{error}"),
        }
    }

    fn refused(&self, command: &Command, found: Vec<BadCommit>) -> String {
        self.decide(command, found).expect_err("it is refused").to_string()
    }
}

#[test]
fn a_beginning_that_several_commits_have_names_none_of_them() {
    let mut history = with_a_bad_commit();
    let zeros = "0".repeat(38);
    let said = history.refused(&named(&[&zeros]), Vec::new());
    assert!(said.contains("3 commits start with") && said.contains(sha(20).as_str()), "{said}");
    history.quarantine(3, 30);
    let said = history.refused(&clear(&zeros), Vec::new());
    assert!(said.contains("2 commits start with") && said.contains("write more"), "{said}");
    let said = history.refused(&clear("abcdef1"), Vec::new());
    assert!(said.contains("no commit in quarantine starts with"), "{said}");
    assert!(history.decide(&clear(sha(30).as_str()), Vec::new()).is_ok());
}

#[test]
fn a_commit_that_only_git_knows_makes_a_beginning_ambiguous_too() {
    let mut history = History::default();
    history.found(1, vec![commit(0xabc, "listed")], Vec::new());
    let hidden = BadCommit { sha: sha(0xabd), build: BuildNumber(1), subject: "not listed".into() };
    let whole = sha(0xabc).to_string();
    let beginning = &whole[..39];
    let said = history.refused(&named(&[beginning]), vec![hidden.clone()]);
    assert!(said.contains("2 commits start with"), "{said}");
    let whole = history.decide(&named(&[sha(0xabd).as_str()]), vec![hidden.clone()]).unwrap();
    let reason = "double charges".to_owned();
    assert_eq!(whole, Fact::CommitsQuarantined { bad: vec![hidden], reason });
}

#[test]
fn the_same_commit_twice_is_one_and_too_many_are_none() {
    let history = with_a_bad_commit();
    let (whole, upper) = (sha(20).to_string(), sha(20).as_str().to_uppercase());
    let fact =
        history.decide(&named(&[&whole, &upper, &format!(" {whole} ")]), Vec::new()).unwrap();
    assert!(matches!(&fact, Fact::CommitsQuarantined { bad, .. } if bad.len() == 1), "{fact:?}");
    let said = history.refused(&named(&vec![&*whole; 10_000]), Vec::new());
    assert_eq!(said, "name at most 50 commits at once");
    let said = history.refused(&named(&["x".repeat(1 << 20).as_str()]), Vec::new());
    assert!(said.len() < 200, "{} characters", said.len());
    let said = history.refused(&named(&["abcdef1234"]), Vec::new());
    assert!(said.starts_with("no build has a commit abcdef1234"), "{said}");
}
