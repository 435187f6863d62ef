//! What templates see of a notice: the present state of what it is about, in words and in parts.

use std::collections::BTreeMap;
use std::ops::Bound;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::deployment::deployment;
use super::incident::{incident, is_moot};
use super::standing::needs_override;
use super::{DetailKind, FreezeNotice, Notice, NoticeAbout, NoticeDetail};
use crate::calendar::FreezeWindow;
use crate::domain::commit::writers;
use crate::domain::ids::Seq;
use crate::domain::incident::IncidentPolicy;
use crate::domain::instant::in_utc;
use crate::domain::people::People;
use crate::domain::request::{Request, RequestState};
use crate::domain::service::ServiceState;
use crate::domain::time::{between, say};

/// A notice that is told later than this after its event says how late.
const LATE: std::time::Duration = std::time::Duration::from_mins(1);

/// What is known of a service when a message about it is made.
#[derive(Debug, Clone, Copy)]
pub struct NoticeInput<'a> {
    pub state: &'a ServiceState,
    pub people: &'a People,
    /// The severities of its incidents, and what is due of them.
    pub policy: &'a IncidentPolicy,
    pub now: DateTime<Utc>,
    /// Where people reach the pages of the server, without a slash at its end.
    pub pages: Option<&'a str>,
    /// The freezes by calendar that hold production of the service now.
    pub windows: &'a [FreezeWindow],
    /// Who in `[people]` is on call, in the order of escalation.
    pub on_call: &'a [String],
}

/// One notice for a template. Every text of it may come from outside, and is escaped by the template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeView {
    /// The same for ever, whatever else changes.
    pub key: String,
    /// Grows with every change of what is told of it.
    pub sequence: u64,
    /// `deployment`, `incident`, `request`, `hold`, `freeze`, `topic`, `dropped`, `test` or `detail`; which of the parts below is there.
    pub kind: &'static str,
    pub service: String,
    /// When its event was recorded.
    pub at: DateTime<Utc>,
    /// `2026-11-30 03:14 UTC`.
    pub at_in_words: String,
    /// A word for how it stands: `deploying`, `live`, `failed`, `open`, `frozen`.
    pub state: String,
    /// The sign before it.
    pub symbol: &'static str,
    /// Whether what it is about has ended, so that a destination that cannot edit tells it now.
    pub settled: bool,
    /// Whether nothing more can change what it says.
    pub is_final: bool,
    /// Whether it reminds of what is there by now, so that it is not told.
    #[serde(skip)]
    pub is_moot: bool,
    /// How late it is told: `12m`; absent in time.
    pub late: Option<String>,
    /// The page of what it is about, where the server has pages.
    pub page: Option<String>,
    /// The command that shows it; filled in by whoever knows commands.
    pub command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze: Option<FreezeView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<TopicView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<DetailView>,
    /// Who tries whether messages arrive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tester: Option<String>,
}

/// A deployment as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeploymentView {
    /// `d57`.
    pub id: String,
    /// `promote`, `rollback`, `auto`.
    pub kind: String,
    /// `staging` or `production`.
    pub environment: String,
    /// `#1290`, or what is known of a commit that no build is of.
    pub build: String,
    /// Seven digits; empty where it is not known.
    pub sha: String,
    pub subject: String,
    /// Who asked for it; `trunkline` where nobody did.
    pub by: String,
    pub is_by_person: bool,
    /// The build that was live before.
    pub previous: Option<String>,
    /// How many commits it brings; absent where that is not known, and for a rollback.
    pub commits: Option<usize>,
    /// Who wrote them, each once, by the names in `[people]` and in git.
    pub authors: Vec<String>,
    /// What runs now: `release`, `waits for approval of production`.
    pub now: Option<String>,
    pub steps_done: usize,
    pub steps: usize,
    pub failed_step: Option<String>,
    /// Why it did not succeed.
    pub why: Option<String>,
    pub took: Option<String>,
    /// `14:22 UTC`, with the day where that is not the one of its request.
    pub ended: Option<String>,
    /// What made it stop being live: `#1291 at 16:40 UTC`.
    pub replaced_by: Option<String>,
    /// Which guards were overridden.
    pub overrides: Vec<OverrideView>,
    /// Where its targets do not all run it, or did not say so yet: `partly: 2 of 3, h3 runs #3`.
    pub partly: Option<String>,
    /// Whether no other one that succeeded or failed ended in its environment after it.
    pub is_last: bool,
    /// The log's last lines of the step that failed; filled in by whoever can read logs.
    pub tail: Vec<String>,
}

/// A guard that somebody overrode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OverrideView {
    pub guard: String,
    pub reason: String,
}

/// An incident as it stands. Its instants are those of [`DeploymentView::ended`], with the day where it is not that of its opening.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IncidentView {
    /// `i63`.
    pub id: String,
    pub title: String,
    /// `SEV-2`.
    pub severity: String,
    /// Its place among the severities, 0 for the worst; absent if the service has no such severity now.
    pub rank: Option<usize>,
    /// `users affected`, `users not affected`, or that this is not known.
    pub users: String,
    /// Who opened it.
    pub by: String,
    /// `03:14 UTC`.
    pub opened: String,
    pub opened_at: DateTime<Utc>,
    /// `rollback d57 of #12 (d50) to #11`.
    pub rollbacks: Option<String>,
    /// The newest update.
    pub last: Option<IncidentSaid>,
    /// Until when the next update is due; only while it is open.
    pub update_due: Option<String>,
    pub resolved: Option<IncidentSaid>,
    /// When it was over, if somebody said that it was earlier.
    pub over: Option<String>,
    /// `postmortem due 2026-12-01 03:14 UTC`, where it is, or why there is none.
    pub postmortem: Option<String>,
}

/// What somebody said of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IncidentSaid {
    pub by: String,
    pub at: String,
    pub text: String,
}

/// A request for a promoter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestView {
    pub build: String,
    pub subject: String,
    pub by: String,
    pub note: String,
    /// `2026-11-30 03:34 UTC`.
    pub until: String,
    /// Who could press, by the names in `[people]`, whoever is on call first.
    pub may_press: Vec<String>,
    /// `taken by kim (d7)`, `expired: not taken`; absent while it is open.
    pub became: Option<String>,
}

/// A hold that a person placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HoldView {
    pub environment: String,
    pub by: String,
    pub reason: String,
}

/// A freeze.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FreezeView {
    pub reason: String,
    pub by: String,
    /// Why it counts as a freeze, where a calendar cannot be read.
    pub why: Option<String>,
    /// Absent where nobody knows since when.
    pub from: Option<String>,
    pub until: Option<String>,
    /// The services of the channel that it holds; filled in by whoever knows the channel.
    pub services: Vec<String>,
}

/// What a channel's services run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TopicView {
    /// `#1290` by service; `?` where it is not known.
    pub live: BTreeMap<String, String>,
}

/// A sentence below a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DetailView {
    /// `step`, `override`, `ended`.
    pub kind: DetailKind,
    pub sentence: String,
    pub loud: bool,
    /// The key of the message that it belongs to.
    pub of: String,
    /// The name of the step that it is about.
    pub step: Option<String>,
    /// The log's last lines, where it tells of a failure.
    pub tail: Vec<String>,
    /// Who wrote what failed, where nobody told them yet.
    pub authors: Vec<String>,
    /// Who is reminded.
    pub asks: Option<String>,
    /// Whether somebody other than who opened the incident says it.
    pub is_help: bool,
}

/// A notice as it stands now.
#[must_use]
pub fn view(notice: &Notice, input: NoticeInput<'_>) -> NoticeView {
    let mut view = bare(notice, input);
    if notice.is_message() {
        view.sequence = view.sequence.max(input.state.last_seq.0);
    }
    match &notice.about {
        NoticeAbout::Deployment { deployment: id } => deployment(&mut view, *id, input),
        NoticeAbout::Incident { incident: id } => incident(&mut view, *id, input),
        NoticeAbout::Request { request: id } => request(&mut view, *id, input),
        NoticeAbout::Hold { hold, environment, reason, by } => {
            let holds = input.state.holds.get(environment).is_some_and(|now| now.id == *hold);
            let (environment, by, reason) = (environment.to_string(), by.clone(), reason.clone());
            stands(&mut view, holds, ("■", "on hold"), "released");
            view.hold = Some(HoldView { environment, by, reason });
        }
        NoticeAbout::Freeze(about) => freeze(&mut view, about, input),
        NoticeAbout::Topic => view.topic = Some(TopicView { live: BTreeMap::new() }),
        NoticeAbout::Dropped { count } => {
            (view.dropped, view.settled) = (Some(*count), true);
        }
        NoticeAbout::Test { by } => {
            (view.tester, view.settled, view.is_final) = (Some(by.clone()), true, true);
        }
        NoticeAbout::Detail(about) => detail(&mut view, about, notice, input),
    }
    view
}

/// Marks how late it is told, `at` being when what it says became true.
pub fn mark_late(view: &mut NoticeView, at: DateTime<Utc>, now: DateTime<Utc>) {
    let late = between(at, now);
    view.late = (late > LATE).then(|| say(late));
}

fn bare(notice: &Notice, input: NoticeInput<'_>) -> NoticeView {
    let service = notice.service.to_string();
    let kind = match &notice.about {
        NoticeAbout::Deployment { .. } => "deployment",
        NoticeAbout::Incident { .. } => "incident",
        NoticeAbout::Request { .. } => "request",
        NoticeAbout::Hold { .. } => "hold",
        NoticeAbout::Freeze(_) => "freeze",
        NoticeAbout::Topic => "topic",
        NoticeAbout::Dropped { .. } => "dropped",
        NoticeAbout::Test { .. } => "test",
        NoticeAbout::Detail(_) => "detail",
    };
    NoticeView {
        key: notice.key.as_str().to_owned(),
        sequence: notice.seq.0,
        kind,
        at: notice.at,
        at_in_words: in_utc(notice.at),
        state: String::new(),
        symbol: "",
        settled: false,
        is_final: false,
        is_moot: false,
        late: None,
        page: input.pages.map(|pages| format!("{pages}/services/{service}")),
        command: None,
        service,
        deployment: None,
        incident: None,
        request: None,
        hold: None,
        freeze: None,
        topic: None,
        dropped: None,
        detail: None,
        tester: None,
    }
}

/// What holds or is over.
fn stands(view: &mut NoticeView, holds: bool, on: (&'static str, &str), over: &str) {
    let (symbol, word) = if holds { on } else { ("✔", over) };
    (view.symbol, view.state) = (symbol, word.to_owned());
    (view.settled, view.is_final) = (true, !holds);
}

fn request(view: &mut NoticeView, id: Seq, input: NoticeInput<'_>) {
    let Some(found) = input.state.requests.iter().find(|request| request.id == id) else {
        (view.symbol, view.state) = ("✔", "closed".to_owned());
        (view.settled, view.is_final) = (true, true);
        return;
    };
    let state = found.state(input.now);
    let is_open = state == RequestState::Open;
    stands(view, is_open, ("?", "needs a promoter"), state.as_str());
    let build = input.state.builds.get(&found.build);
    let by = found.by.to_string();
    view.request = Some(RequestView {
        build: found.build.to_string(),
        subject: build.map_or_else(String::new, |build| build.subject().to_owned()),
        note: found.note.clone(),
        until: in_utc(found.until),
        may_press: may_press(found, input),
        became: (!is_open).then(|| found.became(input.now)),
        by,
    });
}

/// Who could press: whoever wrote nothing of what ships, as the plan's guard has it, those on call first.
fn may_press(request: &Request, input: NoticeInput<'_>) -> Vec<String> {
    let NoticeInput { state, people, on_call, .. } = input;
    let last = state.builds.get(&request.build);
    let first = request.live.filter(|live| *live < request.build);
    let after = first.map_or(Bound::Unbounded, Bound::Excluded);
    let before = state.builds.range((after, Bound::Excluded(request.build)));
    let before = before.map(|(_, build)| build).filter(|build| !build.off_trunk);
    let wrote = writers(before.chain(last).flat_map(|build| &build.commits), people);
    let may = people.people.iter().filter(|(name, person)| {
        !person.emails.is_empty() && !request.by.is_person(name) && !wrote.contains(&name.as_str())
    });
    let mut names: Vec<_> = may.map(|(name, _)| name.clone()).collect();
    let turn = |name: &String| on_call.iter().position(|one| one == name);
    names.sort_by_key(|name| turn(name).unwrap_or(on_call.len()));
    names
}

fn freeze(view: &mut NoticeView, about: &FreezeNotice, input: NoticeInput<'_>) {
    let (holds, until) = if let Some(id) = about.freeze {
        let mut all = input.state.freezes_at(input.now);
        (all.any(|freeze| freeze.id == id), about.until)
    } else {
        let rule = about.by.strip_prefix("rule ").unwrap_or(&about.by);
        let mut all = input.windows.iter();
        let held = all.find(|window| {
            needs_override(window) && window.freeze == rule && window.from == about.from
        });
        // A calendar may say another end by now.
        (held.is_some(), held.map_or(about.until, |window| window.until))
    };
    stands(view, holds, ("❄", "frozen"), "freeze ended");
    view.freeze = Some(FreezeView {
        reason: about.reason.clone(),
        by: about.by.clone(),
        why: about.why.clone(),
        from: (about.from > DateTime::UNIX_EPOCH).then(|| in_utc(about.from)),
        until: until.map(in_utc),
        services: Vec::new(),
    });
}

fn detail(view: &mut NoticeView, about: &NoticeDetail, notice: &Notice, input: NoticeInput<'_>) {
    if let Some(id) = about.deployment {
        deployment(view, id, input);
        (view.symbol, view.state) = ("", String::new());
        if let (Some(step), Some(pages)) = (about.step, input.pages) {
            let page = format!("{pages}/services/{}/runs/{}?step={step}", notice.service, id.0);
            view.page = Some(page);
        }
    }
    if let Some(id) = about.incident {
        incident(view, id, input);
        (view.symbol, view.state) = ("", String::new());
    }
    (view.settled, view.is_final) = (true, true);
    view.is_moot = is_moot(about, input.state);
    let asks = view.incident.as_ref().filter(|_| about.due.is_some());
    let asks = asks.map(|incident| incident.by.clone());
    view.detail = Some(DetailView {
        kind: about.kind,
        sentence: about.sentence.clone(),
        loud: about.loud,
        of: about.of.as_str().to_owned(),
        is_help: about.is_help,
        step: step_of(about, input),
        tail: Vec::new(),
        authors: Vec::new(),
        asks,
    });
}

fn step_of(about: &NoticeDetail, input: NoticeInput<'_>) -> Option<String> {
    let deployment = input.state.deployments.get(&about.deployment?)?;
    Some(deployment.request.steps.get(about.step?)?.name.clone())
}
