//! Every place of a snapshot, a plan and a fleet that text from outside comes to stand in.

use chrono::{DateTime, TimeDelta, Utc};
use trunkline::calendar::FreezeWindow;
use trunkline::domain::commit::Commit;
use trunkline::domain::deployment::{Deployment, DeploymentState, StepState};
use trunkline::domain::event::{Outcome, StepOutcome, StepSpec};
use trunkline::domain::ids::{BuildNumber, Environment, Seq};
use trunkline::domain::leftovers::{Leftover, LeftoverKind, LeftoverMark, Leftovers};
use trunkline::domain::needs::{NeedStanding, NeedState};
use trunkline::domain::on_call::{OnCall, OnCallShift, OnCallTrouble};
use trunkline::domain::people::{Actor, Identity};
use trunkline::domain::plan::{Guard, Plan};
use trunkline::domain::policy::{FreezeMode, VerifyBy};
use trunkline::domain::request::{Closed, Request};
use trunkline::domain::schema::{Outlook, Verdict};
use trunkline::domain::snapshot::alarm::Alarm;
use trunkline::domain::snapshot::{FleetSnapshot, Problem, ServiceSnapshot};
use trunkline::domain::stops::{Freeze, Hold};
use trunkline::domain::tried::TriedWayBack;
use trunkline::domain::watch::{
    AutoDecision, CheckBar, CheckState, DecidedWatch, EndedWatch, SampleVerdict, WatchEnd,
    WatchState,
};
use trunkline::domain::wave::{WaveStanding, WaveWait};

/// The most characters that any text from git or a person has by the time that it is shown.
const LONGEST: usize = 1000;

/// Where the texts come from.
pub trait Texts {
    fn bytes(&mut self) -> Vec<u8>;

    fn text(&mut self) -> String {
        String::from_utf8_lossy(&self.bytes()).chars().take(LONGEST).collect()
    }

    fn actor(&mut self) -> Actor {
        Actor::Person(self.text())
    }
}

pub fn fill_fleet(fleet: &mut FleetSnapshot, texts: &mut impl Texts) {
    for row in &mut fleet.services {
        row.hold.iter_mut().for_each(|hold| fill_hold(hold, texts));
        row.freeze.iter_mut().for_each(|freeze| fill_freeze(freeze, texts));
        row.request.iter_mut().for_each(|request| fill_request(request, texts));
        row.calendar.iter_mut().for_each(|window| fill_window(window, texts));
    }
    fill_problems(&mut fleet.problems, texts);
}

/// The watch of what production runs, with a check that says something from outside.
fn fill_watch(snapshot: &mut ServiceSnapshot, texts: &mut impl Texts) {
    let Some(live) = snapshot.live.get(&Environment::Production) else { return };
    let bar = |value| CheckBar { worst: SampleVerdict::Good, value };
    let bars = vec![bar(Some("0.5".to_owned())), bar(Some(texts.text())), bar(None)];
    let check = CheckState {
        name: texts.text(),
        verdict: SampleVerdict::Bad,
        since: live.since,
        good: 1,
        bad: 2,
        unknown: 0,
        turned_bad: 1,
        says: Some(texts.text()),
        bars,
    };
    let (environment, began) = (Environment::Production, live.since);
    let alarm = Alarm::WatchBad {
        environment,
        build: live.build,
        deployment: live.deployment,
        check: check.name.clone(),
        since: began,
        says: texts.text(),
        more: 1,
        by_itself: Some(texts.text()),
    };
    let watch = WatchState {
        deployment: live.deployment,
        environment,
        build: live.build,
        began,
        until: began,
        every: std::time::Duration::from_secs(15),
        has_gap: false,
        told: began,
        checks: vec![check],
        wave: None,
        decided: Some(DecidedWatch {
            id: Seq(1),
            at: began,
            decision: AutoDecision::Stays { why: texts.text() },
            made: None,
        }),
        ended: Some(EndedWatch { at: began, end: WatchEnd::Bad }),
        seen: None,
    };
    snapshot.alarms.push(alarm);
    let target = || "h1".parse().expect("a good name");
    snapshot.wave = Some(Box::new(WaveStanding {
        deployment: live.deployment,
        build: live.build,
        wait: WaveWait {
            wave: target(),
            number: 1,
            of: 2,
            targets: vec![target()],
            since: began,
            until: None,
            continued: false,
            despite: None,
            effect: None,
        },
        is_watched: true,
        watch: Some(Box::new(WatchState { wave: Some(1), ended: None, ..watch.clone() })),
        is_asked: true,
        stops: vec![texts.text()],
    }));
    snapshot.watches.insert(environment, watch);
}

pub fn fill_service(snapshot: &mut ServiceSnapshot, texts: &mut impl Texts) {
    snapshot.repository = texts.text();
    snapshot.trunk = texts.text();
    snapshot.me.actor = texts.actor();
    for row in &mut snapshot.builds {
        row.build.commits.iter_mut().for_each(|commit| fill_commit(commit, texts));
        for verified in &mut row.build.verifications {
            verified.by = texts.actor();
            verified.note = texts.text();
            if let VerifyBy::Step(step) = &mut verified.kind {
                *step = texts.text();
            }
        }
    }
    fill_watch(snapshot, texts);
    for row in &mut snapshot.deployments {
        row.subject = texts.text();
        fill_deployment(&mut row.deployment, texts);
    }
    snapshot.holds.values_mut().for_each(|hold| fill_hold(hold, texts));
    snapshot.freezes.iter_mut().for_each(|freeze| fill_freeze(freeze, texts));
    for kind in &mut snapshot.policy.verify {
        if let VerifyBy::Step(step) = kind {
            *step = texts.text();
        }
    }
    for named in &mut snapshot.quarantine {
        named.commit.subject = texts.text();
        named.by = texts.actor();
        named.reason = texts.text();
    }
    snapshot.requests.iter_mut().for_each(|request| fill_request(request, texts));
    let (at, until) = (snapshot.at, snapshot.at + TimeDelta::hours(9));
    snapshot.calendar = [(FreezeMode::Override, at), (FreezeMode::Warn, until)]
        .map(|(policy, from)| window(policy, from, texts))
        .into();
    snapshot.on_call = Some(on_call(at, texts));
    if let Some(rollback) = &mut snapshot.rollback {
        rollback.verdict = verdict(rollback.to, texts);
        fill_tried(rollback.tried.as_mut(), texts);
        let (state, why) = (NeedState::Missing, Some(texts.text()));
        let need = NeedStanding { name: texts.text(), state, since: Some(snapshot.at), why };
        rollback.needs = vec![need];
    }
    fill_problems(&mut snapshot.problems, texts);
}

pub fn fill_plan(plan: &mut Plan, texts: &mut impl Texts) {
    plan.actor = texts.actor();
    plan.target.subject = texts.text();
    plan.live.iter_mut().for_each(|live| live.subject = texts.text());
    plan.range.commits.iter_mut().for_each(|commit| fill_commit(commit, texts));
    plan.range.lost.clone_from(&plan.range.commits);
    fill_steps(&mut plan.steps, texts);
    for finding in &mut plan.findings {
        finding.sentence = format!("{} wrote it: {}", texts.text(), texts.text());
    }
    plan.undo = texts.text();
    if let Some(left) = &mut plan.stays_behind {
        **left = left_behind(plan.at, texts);
    }
    fill_tried(plan.tried.as_mut(), texts);
    plan.verdict = Some(verdict(plan.target.build, texts));
}

fn fill_tried(tried: Option<&mut TriedWayBack>, texts: &mut impl Texts) {
    let Some(last) = tried.and_then(|tried| tried.last.as_mut()) else { return };
    (last.state, last.step) = (DeploymentState::Failed, Some(texts.text()));
}

/// Past the floor, so that every reason and the field for the number are on screen.
fn verdict(target: BuildNumber, texts: &mut impl Texts) -> Verdict {
    Verdict {
        outlook: Outlook::PointOfNoReturn,
        floor: Some(BuildNumber(target.0 + 1)),
        why: vec![texts.text(), texts.text()],
        remedy: None,
    }
}

/// Two who are on call now, and one who follows.
fn on_call(at: DateTime<Utc>, texts: &mut impl Texts) -> OnCall {
    let mut shift = |is_member, from, until| OnCallShift {
        who: texts.text(),
        is_member,
        from: Some(from),
        until: Some(until),
    };
    let (begun, until) = (at - TimeDelta::hours(1), at + TimeDelta::hours(9));
    OnCall {
        known: true,
        now: vec![shift(true, begun, until), shift(false, begun, until)],
        next: vec![shift(true, until, until + TimeDelta::hours(9))],
        known_until: None,
        read_at: Some(at),
        trouble: Some(OnCallTrouble { since: begun, what: texts.text() }),
    }
}

fn window(policy: FreezeMode, from: DateTime<Utc>, texts: &mut impl Texts) -> FreezeWindow {
    let until = Some(from + TimeDelta::hours(9));
    let mut window = FreezeWindow {
        freeze: String::new(),
        policy,
        from,
        until,
        reason: String::new(),
        why: String::new(),
    };
    fill_window(&mut window, texts);
    window
}

fn fill_window(window: &mut FreezeWindow, texts: &mut impl Texts) {
    window.freeze = texts.text();
    window.reason = texts.text();
    window.why = texts.text();
}

fn fill_commit(commit: &mut Commit, texts: &mut impl Texts) {
    commit.author = identity(texts);
    commit.co_authors = vec![identity(texts)];
    commit.subject = texts.text();
    commit.files = vec![texts.text(), texts.text()];
}

fn identity(texts: &mut impl Texts) -> Identity {
    Identity { name: texts.text(), email: texts.text() }
}

fn fill_deployment(deployment: &mut Deployment, texts: &mut impl Texts) {
    deployment.by = texts.actor();
    fill_steps(&mut deployment.request.steps, texts);
    deployment.request.overrides = [(Guard::Freeze, texts.text())].into();
    for finding in &mut deployment.request.findings {
        finding.sentence = texts.text();
    }
    for step in &mut deployment.steps {
        if let StepState::Ended { outcome: outcome @ StepOutcome::Exited(_), .. } = step {
            *outcome = StepOutcome::NotStarted(texts.text());
        }
    }
    deployment.left_open = vec![texts.text()];
    if let Some(cancel) = &mut deployment.cancel {
        cancel.by = texts.actor();
        cancel.reason = texts.text();
    }
    if let Some(ended) = &mut deployment.ended
        && let Outcome::Failed(why) | Outcome::Interrupted(why) = &mut ended.outcome
    {
        *why = texts.text();
    }
}

fn fill_steps(steps: &mut [StepSpec], texts: &mut impl Texts) {
    for step in steps {
        step.name = texts.text();
    }
}

fn fill_hold(hold: &mut Hold, texts: &mut impl Texts) {
    hold.by = texts.actor();
    hold.reason = texts.text();
    hold.left = Some(Box::new(left_behind(hold.at, texts)));
}

/// What a service file and people say of what stays behind, with what one of them ticked.
fn left_behind(at: DateTime<Utc>, texts: &mut impl Texts) -> Leftovers {
    let mut item = |ticked| Leftover {
        kind: LeftoverKind::Declared,
        what: texts.text(),
        check: Some(texts.text()),
        undo: Some(texts.text()),
        ticked,
    };
    let open = item(None);
    let done = item(None);
    let ticked = Some(LeftoverMark { by: texts.actor(), at });
    let items = vec![open, Leftover { ticked, ..done }];
    Leftovers { written: None, items, doubts: vec![texts.text()] }
}

fn fill_request(request: &mut Request, texts: &mut impl Texts) {
    request.by = texts.actor();
    request.note = texts.text();
    match &mut request.closed {
        Some(Closed::Taken { by, .. }) => *by = texts.actor(),
        Some(Closed::Withdrawn { by, reason, .. }) => {
            *by = texts.actor();
            *reason = texts.text();
        }
        Some(Closed::Superseded { how, .. }) => *how = texts.text(),
        None => {}
    }
}

fn fill_freeze(freeze: &mut Freeze, texts: &mut impl Texts) {
    freeze.by = texts.actor();
    freeze.reason = texts.text();
}

fn fill_problems(problems: &mut [Problem], texts: &mut impl Texts) {
    for problem in problems {
        problem.what = texts.text();
        problem.remedy = texts.text();
    }
}
