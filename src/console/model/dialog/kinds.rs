//! The kinds of dialogs: what each one is about, what it asks for, and whether that is still there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::calendar::Tz;
use crate::console::model::dialog::bad_commits::CommitChoice;
use crate::console::model::dialog::field::{Field, FieldKind};
use crate::console::model::dialog::incident::IncidentForm;
use crate::console::model::dialog::open_items::OpenItems;
use crate::console::model::ticket::Ticket;
use crate::domain::command::{Action, Command};
use crate::domain::event::DeploymentKind;
use crate::domain::ids::{BuildNumber, DeploymentId, Environment, Seq, ServiceName};
use crate::domain::plan::{Guard, Plan, Severity};
use crate::domain::request::Request;
use crate::domain::snapshot::ServiceSnapshot;
use crate::domain::stops::Hold;
use crate::domain::wave::WaveStanding;

/// What a dialog is about, with what is typed and chosen in it.
#[derive(Debug, Clone, PartialEq)]
pub enum Dialog {
    /// A promote or rollback. The fields are those that its plan asks for.
    Plan {
        planning: Planning,
        fields: Vec<Field>,
    },
    /// The plan to be read, without a button that acts.
    Preview {
        planning: Planning,
    },
    /// A rollback that starts by itself once its countdown is over.
    Emergency {
        planning: Planning,
        countdown: Countdown,
        number: Option<Field>,
    },
    Verify {
        build: BuildNumber,
        note: Field,
    },
    Hold {
        environment: Environment,
        reason: Field,
    },
    /// Production of every service.
    StopAll {
        reason: Field,
    },
    /// The holds that were placed together, as they were seen.
    ReleaseAll {
        holds: Vec<(ServiceName, Seq)>,
        reason: Field,
    },
    /// With the hold as it was seen, and the commits to choose the bad ones from where a rollback placed it.
    Release {
        environment: Environment,
        hold: Option<Seq>,
        choice: Option<CommitChoice>,
        open: OpenItems,
        reason: Field,
    },
    /// Of one that is being cancelled and whose run at another engine does not end, that nobody waits for it any more.
    Cancel {
        deployment: DeploymentId,
        gives_up: bool,
        reason: Field,
    },
    /// The next wave of a deployment that waits after this one; with a reason where something speaks against it.
    Continue {
        deployment: DeploymentId,
        wave: u32,
        /// What speaks against it as the dialog says it.
        seen: BTreeSet<String>,
        reason: Field,
    },
    Freeze {
        reason: Field,
        until: Field,
    },
    Lift {
        freeze: Seq,
        reason: Field,
    },
    Withdraw {
        request: Seq,
        note: Field,
    },
    Incident(Box<IncidentForm>),
}

/// What would be done, as far as it is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Planning {
    pub action: Action,
    /// The plan on screen; the button is bound to its fingerprint.
    pub plan: Option<Box<Plan>>,
    /// The plan that is being made.
    pub question: Option<Question>,
    /// What took the place of this, to be watched instead of doing it.
    pub watch: Option<WatchTarget>,
    /// It does not go where the header says that a rollback goes, so the number of its build has to be typed.
    pub is_other: bool,
}

/// A plan that was asked for. There is one at a time: where the service changes faster than plans are made, asking
/// again with every change would throw each one away before it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    pub ticket: Ticket,
    /// Something changed since, so that it has to be asked once more.
    pub outdated: bool,
}

/// A deployment that somebody else started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchTarget {
    pub deployment: DeploymentId,
    pub environment: Environment,
    pub build: BuildNumber,
}

/// When an emergency starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Countdown {
    /// When it starts by itself; `None` while there is no plan to count down for.
    pub fires_at: Option<Instant>,
    /// Why it began again.
    pub again: Vec<String>,
    /// Why only a key starts it, where that is so.
    pub waits_for_enter: Option<EnterWhy>,
    /// When it was asked for, and what was live then.
    pub pressed: Instant,
    pub live: Option<BuildNumber>,
    /// The engine does not answer.
    pub silence: Option<Silence>,
}

/// Why an emergency does not start by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnterWhy {
    /// Its service was selected in a list whose rows come and go.
    Listed,
    /// The engine answered so late, or so much had changed by then, that nobody may be there who still means it.
    Late,
    /// A page hid the countdown when its plan came.
    Covered,
    /// The last rollback failed: the same once more is one of three ways, and a person chooses.
    Failed,
}

/// An engine that does not answer is asked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    pub why: String,
    pub tries: u32,
    /// When it is asked next, unless it is being asked.
    pub retry: Option<Instant>,
}

/// After so long, an emergency that waited for the engine does not start by itself.
const LATE: Duration = Duration::from_secs(30);

impl Countdown {
    /// A plan is there, perhaps the first: why it does not start by itself, if it does not.
    pub(super) fn plan_is_there(&mut self, live: Option<BuildNumber>, at: Instant, first: bool) {
        let waited = self.silence.take().is_some();
        let late = at.saturating_duration_since(self.pressed) >= LATE;
        if late && (waited || first) || waited && live != self.live {
            self.waits_for_enter.get_or_insert(EnterWhy::Late);
        }
    }
}

/// Making them.
impl Dialog {
    #[must_use]
    pub fn plan_of(action: Action) -> Self {
        Self::Plan { planning: Planning::new(action), fields: Vec::new() }
    }

    /// What did not succeed, once more; where that rolls back to another build than the header names, with its number.
    #[must_use]
    pub fn retry(build: BuildNumber, environment: Environment, is_other: bool) -> Self {
        let action = Action::Retry { build, environment };
        let planning = Planning { is_other, ..Planning::new(action) };
        Self::Plan { planning, fields: Vec::new() }
    }

    /// A rollback to another build than the header names.
    #[must_use]
    pub fn roll_back_to_other(build: BuildNumber) -> Self {
        let action = Action::Rollback { to: Some(build) };
        let planning = Planning { is_other: true, ..Planning::new(action) };
        Self::Plan { planning, fields: Vec::new() }
    }

    #[must_use]
    pub fn preview(build: BuildNumber) -> Self {
        Self::Preview { planning: Planning::new(Action::Promote { build }) }
    }

    #[must_use]
    pub fn emergency(
        waits_for_enter: Option<EnterWhy>,
        live: Option<BuildNumber>,
        pressed: Instant,
    ) -> Self {
        let planning = Planning::new(Action::Rollback { to: None });
        let (again, silence) = (Vec::new(), None);
        let countdown =
            Countdown { fires_at: None, again, waits_for_enter, pressed, live, silence };
        Self::Emergency { planning, countdown, number: None }
    }

    #[must_use]
    pub fn verify(build: BuildNumber) -> Self {
        Self::Verify { build, note: Field::empty(FieldKind::Note) }
    }

    #[must_use]
    pub fn hold(environment: Environment) -> Self {
        Self::Hold { environment, reason: Field::empty(FieldKind::Reason) }
    }

    #[must_use]
    pub fn stop_all() -> Self {
        Self::StopAll { reason: Field::empty(FieldKind::Reason) }
    }

    #[must_use]
    pub fn release_all(holds: Vec<(ServiceName, Seq)>) -> Self {
        Self::ReleaseAll { holds, reason: Field::empty(FieldKind::Reason) }
    }

    #[must_use]
    pub fn release(environment: Environment, hold: &Hold, choice: Option<CommitChoice>) -> Self {
        let reason = Field::empty(FieldKind::Reason);
        Self::Release {
            environment,
            hold: Some(hold.id),
            choice,
            open: OpenItems::of(hold),
            reason,
        }
    }

    #[must_use]
    pub fn cancel(deployment: DeploymentId, gives_up: bool) -> Self {
        Self::Cancel { deployment, gives_up, reason: Field::empty(FieldKind::Reason) }
    }

    #[must_use]
    pub fn continue_wave(standing: &WaveStanding, now: DateTime<Utc>) -> Self {
        let is_odd = !standing.against(now).is_empty();
        let kind = if is_odd { FieldKind::Reason } else { FieldKind::Note };
        let (deployment, wave) = (standing.deployment, standing.wait.number);
        let seen = standing.objections(now);
        Self::Continue { deployment, wave, seen, reason: Field::empty(kind) }
    }

    #[must_use]
    pub fn freeze() -> Self {
        let (reason, until) = (Field::empty(FieldKind::Reason), Field::empty(FieldKind::Until));
        Self::Freeze { reason, until }
    }

    #[must_use]
    pub fn lift(freeze: Seq) -> Self {
        Self::Lift { freeze, reason: Field::empty(FieldKind::Reason) }
    }

    #[must_use]
    pub fn withdraw(request: Seq) -> Self {
        Self::Withdraw { request, note: Field::empty(FieldKind::Note) }
    }
}

impl Planning {
    fn new(action: Action) -> Self {
        Self { action, plan: None, question: None, watch: None, is_other: false }
    }
}

/// What is in them.
impl Dialog {
    #[must_use]
    pub fn planning(&self) -> Option<&Planning> {
        match self {
            Self::Plan { planning, .. }
            | Self::Preview { planning }
            | Self::Emergency { planning, .. } => Some(planning),
            _ => None,
        }
    }

    pub fn planning_mut(&mut self) -> Option<&mut Planning> {
        match self {
            Self::Plan { planning, .. }
            | Self::Preview { planning }
            | Self::Emergency { planning, .. } => Some(planning),
            _ => None,
        }
    }

    /// The plan on screen.
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        self.planning()?.plan.as_deref()
    }

    #[must_use]
    pub fn countdown(&self) -> Option<&Countdown> {
        match self {
            Self::Emergency { countdown, .. } => Some(countdown),
            _ => None,
        }
    }

    pub fn countdown_mut(&mut self) -> Option<&mut Countdown> {
        match self {
            Self::Emergency { countdown, .. } => Some(countdown),
            _ => None,
        }
    }

    #[must_use]
    pub fn is_emergency(&self) -> bool {
        matches!(self, Self::Emergency { .. })
    }

    #[must_use]
    pub fn incident(&self) -> Option<&IncidentForm> {
        match self {
            Self::Incident(form) => Some(form),
            _ => None,
        }
    }

    #[must_use]
    pub fn commit_choice(&self) -> Option<&CommitChoice> {
        match self {
            Self::Release { choice, .. } => choice.as_ref(),
            _ => None,
        }
    }

    pub fn commit_choice_mut(&mut self) -> Option<&mut CommitChoice> {
        match self {
            Self::Release { choice, .. } => choice.as_mut(),
            _ => None,
        }
    }

    /// The fields from top to bottom.
    #[must_use]
    pub fn fields(&self) -> Vec<&Field> {
        match self {
            Self::Plan { fields, .. } => fields.iter().collect(),
            Self::Preview { .. } => Vec::new(),
            Self::Emergency { number, .. } => number.iter().collect(),
            Self::Verify { note: field, .. }
            | Self::Withdraw { note: field, .. }
            | Self::Hold { reason: field, .. }
            | Self::StopAll { reason: field }
            | Self::ReleaseAll { reason: field, .. }
            | Self::Release { reason: field, .. }
            | Self::Cancel { reason: field, .. }
            | Self::Continue { reason: field, .. }
            | Self::Lift { reason: field, .. } => vec![field],
            Self::Freeze { reason, until } => vec![reason, until],
            Self::Incident(form) => vec![&form.text],
        }
    }

    /// The field at a place, to type into.
    pub fn field_mut(&mut self, at: usize) -> Option<&mut Field> {
        match self {
            Self::Plan { fields, .. } => fields.get_mut(at),
            Self::Preview { .. } => None,
            Self::Emergency { number, .. } => number.as_mut(),
            Self::Verify { note: field, .. }
            | Self::Withdraw { note: field, .. }
            | Self::Hold { reason: field, .. }
            | Self::StopAll { reason: field }
            | Self::ReleaseAll { reason: field, .. }
            | Self::Release { reason: field, .. }
            | Self::Cancel { reason: field, .. }
            | Self::Continue { reason: field, .. }
            | Self::Lift { reason: field, .. } => Some(field),
            Self::Freeze { reason, until } => Some(if at == 0 { reason } else { until }),
            Self::Incident(form) => Some(&mut form.text),
        }
    }

    /// Takes a plan, and asks for what it wants typed. A reason that was typed before stays.
    pub(super) fn take_plan(&mut self, plan: Box<Plan>) {
        let number = || Field::empty(FieldKind::Number(plan.target.build));
        let may_be_done = plan.severity() < Severity::Refuse;
        let past_the_floor = plan.is_past_the_floor() && may_be_done;
        let is_other = self.planning().is_some_and(|planning| planning.is_other) && may_be_done;
        match self {
            Self::Plan { fields, .. } if plan.severity() == Severity::Override => {
                let reason = fields.drain(..).find(|field| field.kind == FieldKind::Reason);
                *fields = vec![reason.unwrap_or(Field::empty(FieldKind::Reason)), number()];
            }
            Self::Plan { fields, .. } => {
                *fields = (past_the_floor || is_other).then(number).into_iter().collect();
            }
            Self::Emergency { number: field, .. } => *field = past_the_floor.then(number),
            _ => {}
        }
        if let Some(planning) = self.planning_mut() {
            planning.plan = Some(plan);
        }
    }
}

/// What they do.
impl Dialog {
    /// What its button says.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Plan { planning, .. }
            | Self::Preview { planning }
            | Self::Emergency { planning, .. } => {
                match (self.plan().map(|plan| plan.kind), planning.action) {
                    (Some(DeploymentKind::Redeploy), _) => "Redeploy",
                    (Some(DeploymentKind::Rollback), _)
                    | (_, Action::Rollback { .. } | Action::RollbackByTrunk { .. }) => "Roll back",
                    (Some(DeploymentKind::Promote), _) | (_, Action::Promote { .. }) => "Promote",
                    (_, Action::Retry { .. }) => "Retry",
                }
            }
            Self::Verify { .. } => "Verify",
            Self::Hold { .. } => "Hold",
            Self::StopAll { .. } => "Hold all",
            Self::ReleaseAll { .. } => "Release all",
            Self::Release { open, .. } if open.sure => "Release, leave open",
            Self::Release { .. } => "Release",
            Self::Cancel { gives_up: true, .. } => "Give it up",
            Self::Cancel { .. } => "Stop it",
            Self::Continue { .. } => "Continue",
            Self::Freeze { .. } => "Freeze",
            Self::Lift { .. } => "Lift",
            Self::Withdraw { .. } => "Withdraw",
            Self::Incident(form) => form.verb(),
        }
    }

    /// Whether what it deploys is live already.
    #[must_use]
    pub fn is_redeploy(&self) -> bool {
        self.plan().is_some_and(|plan| plan.kind == DeploymentKind::Redeploy)
    }

    /// Whether nothing refuses it outright.
    #[must_use]
    pub fn may_be_done(&self) -> bool {
        let refused = |plan: &Plan| plan.severity() == Severity::Refuse;
        !matches!(self, Self::Preview { .. }) && !self.plan().is_some_and(refused)
    }

    /// Whether it may not start by itself, so that the number of the build is asked for.
    #[must_use]
    pub fn asks_number(&self) -> bool {
        self.fields().iter().any(|field| matches!(field.kind, FieldKind::Number(_)))
    }

    /// The command as it is now, or `None` while there is no plan to bind it to.
    #[must_use]
    pub fn command(&self, now: DateTime<Utc>, zone: Tz) -> Option<Command> {
        let first = self.fields().first().map_or("", |field| field.text.as_str().trim());
        let text = first.to_owned();
        Some(match self {
            // They are a command for each service.
            Self::Preview { .. } | Self::StopAll { .. } | Self::ReleaseAll { .. } => return None,
            Self::Plan { planning, .. } | Self::Emergency { planning, .. } => {
                let plan = planning.plan.as_deref()?;
                let (action, fingerprint) = (planning.action, plan.fingerprint.clone());
                Command::Execute { action, fingerprint, overrides: overrides(plan, &text) }
            }
            Self::Verify { build, .. } => Command::Verify { build: *build, note: text },
            Self::Hold { environment, .. } => {
                Command::Hold { environment: *environment, reason: text }
            }
            Self::Release { environment, hold, choice, open, .. } => {
                let bad = choice.as_ref().map(CommitChoice::bad);
                Command::Release {
                    environment: *environment,
                    reason: text,
                    bad,
                    hold: *hold,
                    leave_open: open.left_open(),
                }
            }
            Self::Cancel { deployment, gives_up: true, .. } => {
                Command::GiveUp { deployment: *deployment, reason: text }
            }
            Self::Cancel { deployment, .. } => {
                Command::Cancel { deployment: *deployment, reason: text }
            }
            Self::Continue { deployment, wave, seen, .. } => {
                let (deployment, wave, seen) = (*deployment, *wave, Some(seen.clone()));
                Command::Continue { deployment, wave, reason: text, seen }
            }
            Self::Lift { freeze, .. } => Command::Lift { freeze: *freeze, reason: text },
            Self::Withdraw { request, .. } => Command::Withdraw { request: *request, reason: text },
            Self::Incident(form) => return form.command(),
            Self::Freeze { until, .. } => {
                Command::Freeze { from: None, until: until.until(now, zone).ok()?, reason: text }
            }
        })
    }

    /// Whether there is still something to act on. Plans are compared instead.
    ///
    /// # Errors
    /// What became of it.
    pub fn is_there(&self, snapshot: &ServiceSnapshot) -> Result<(), String> {
        let there = match self {
            Self::Plan { .. }
            | Self::Preview { .. }
            | Self::Emergency { .. }
            | Self::StopAll { .. }
            | Self::ReleaseAll { .. }
            | Self::Freeze { .. } => true,
            Self::Verify { build, .. } => {
                snapshot.builds.iter().any(|row| row.build.number == *build)
            }
            Self::Hold { environment, .. } => !snapshot.holds.contains_key(environment),
            Self::Release { environment, open, .. } => {
                let hold = snapshot.holds.get(environment);
                if hold.is_some_and(|hold| open.is_outdated(hold)) {
                    return Err("a tick was taken back meanwhile; close this and look".into());
                }
                hold.is_some()
            }
            Self::Cancel { deployment: id, .. } => {
                let open = |d: &crate::domain::deployment::Deployment| d.id == *id && d.is_open();
                snapshot.deployments.iter().any(|row| open(&row.deployment))
            }
            Self::Continue { deployment, wave, seen, .. } => {
                let standing = snapshot.wave.as_ref().filter(|of| of.deployment == *deployment);
                let standing = standing.filter(|of| of.wait.number == *wave);
                // A reason answers only what was on screen when it was asked for.
                standing.is_some_and(|of| of.unseen(seen, snapshot.at).is_empty())
            }
            Self::Lift { freeze, .. } => snapshot.freezes.iter().any(|f| f.id == *freeze),
            Self::Withdraw { request: id, .. } => {
                let open = |request: &Request| request.id == *id && request.is_open(snapshot.at);
                snapshot.requests.iter().any(open)
            }
            Self::Incident(form) => return form.is_there(snapshot),
        };
        if there { Ok(()) } else { Err(self.gone()) }
    }

    fn gone(&self) -> String {
        match self {
            Self::Plan { .. }
            | Self::Preview { .. }
            | Self::Emergency { .. }
            | Self::StopAll { .. }
            | Self::ReleaseAll { .. }
            | Self::Incident(_)
            | Self::Freeze { .. } => "it changed".into(),
            Self::Verify { build, .. } => format!("{build} is no longer listed"),
            Self::Hold { environment, .. } => format!("{environment} was put on hold meanwhile"),
            Self::Release { environment, .. } => {
                format!("the hold on {environment} was released meanwhile")
            }
            Self::Cancel { deployment, .. } => format!("{deployment} has ended meanwhile"),
            Self::Continue { .. } => "how it waits changed: look again".into(),
            Self::Lift { .. } => "the freeze is over or was lifted meanwhile".into(),
            Self::Withdraw { .. } => "the request is no longer open".into(),
        }
    }
}

fn overrides(plan: &Plan, reason: &str) -> BTreeMap<Guard, String> {
    plan.of(Severity::Override).map(|finding| (finding.guard, reason.to_owned())).collect()
}
