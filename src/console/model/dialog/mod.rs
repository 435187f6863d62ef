//! The one dialog that every command goes through: how far it is, and when its button works.

pub mod bad_commits;
pub mod field;
pub mod reading;
pub mod subject;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::calendar::Tz;
use crate::console::actions::action::{DialogAction, KeyAction};
use crate::console::model::Model;
use crate::console::model::dialog::bad_commits::Suspects;
pub use crate::console::model::dialog::field::{Field, FieldKind};
pub use crate::console::model::dialog::reading::{Reading, Window};
pub use crate::console::model::dialog::subject::Subject;
use crate::console::model::ticket::Ticket;
use crate::domain::command::Command;
use crate::domain::event::DeploymentKind;
use crate::domain::ids::{BuildNumber, DeploymentId, IdempotencyKey, Seq};
use crate::domain::plan::{Guard, Plan, Severity};

/// A button works once the dialog was on screen and the keyboard quiet for this long, so that an Enter that was held
/// down or typed ahead confirms nothing.
pub const QUIET: Duration = Duration::from_millis(400);

#[derive(Debug, Clone, PartialEq)]
pub struct Confirm {
    pub subject: Subject,
    pub manner: Manner,
    pub stage: Stage,
    /// What would be done, for a promote or rollback; the button is bound to its fingerprint.
    pub plan: Option<Box<Plan>>,
    /// Made up once per intent; a lost answer is looked up by it.
    pub key: IdempotencyKey,
    /// The command whose answer the dialog waits for.
    pub ticket: Ticket,
    /// The plan that is being made.
    pub question: Option<Question>,
    /// The commits to choose the bad ones from, where a release has to name them.
    pub suspects: Option<Suspects>,
    /// The hold that a release is about, as it was seen.
    pub hold: Option<Seq>,
    pub fields: Vec<Field>,
    pub focus: Focus,
    /// A field lost the focus without a key: what is typed until the keyboard was quiet was meant for that field.
    pub cut_off: bool,
    /// An emergency that only Enter starts: its service was selected in a list whose rows come and go.
    pub waits_for_enter: bool,
    /// How far what stands above the fields was read.
    pub reading: Reading,
    /// Since when it stands on screen as it is and no key was pressed; `None` until it is drawn.
    pub quiet_since: Option<Instant>,
    /// What took the place of this, to be watched instead of doing it.
    pub watch: Option<Watched>,
}

/// A plan that was asked for. There is one at a time: where the world moves faster than plans are made, asking anew
/// with every move would throw each one away before it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    pub ticket: Ticket,
    /// Something moved since, so that it has to be asked once more.
    pub outdated: bool,
}

/// A deployment that somebody else started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watched {
    pub deployment: DeploymentId,
    pub build: BuildNumber,
}

/// How the dialog behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manner {
    /// Cancel is focused and nothing happens by itself.
    Careful,
    /// The plan to be read, without a button that acts.
    Preview,
    /// Fires by itself once the countdown is over; `None` while there is no plan to count down for.
    Emergency { fires_at: Option<Instant>, again: Vec<String> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Waiting for the plan.
    Planning,
    Asking,
    /// Something moved; whether this plan still holds is being asked.
    Rechecking,
    /// The world is not the one that was shown any more: what changed.
    Disarmed(Vec<String>),
    Sending,
    /// The answer got lost; what became of the command is being looked up.
    Checking,
    /// A decision against it, with what to do instead.
    Refused(String),
    /// Nothing was done, and why.
    Failed(String),
    /// Nobody knows whether it was done.
    Unknown(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Focus {
    Suspects,
    Field(usize),
    Leave,
    Watch,
    Ask,
    Act,
}

impl Confirm {
    #[must_use]
    pub fn new(subject: Subject, manner: Manner, key: IdempotencyKey, ticket: Ticket) -> Self {
        let planned = matches!(subject, Subject::Plan(_));
        let mut confirm = Self {
            subject,
            manner,
            stage: if planned { Stage::Planning } else { Stage::Asking },
            plan: None,
            key,
            ticket,
            question: planned.then_some(Question { ticket, outdated: false }),
            suspects: None,
            hold: None,
            fields: subject.fields().iter().map(|kind| Field::empty(*kind)).collect(),
            focus: Focus::Leave,
            cut_off: false,
            waits_for_enter: false,
            reading: Reading::default(),
            quiet_since: None,
            watch: None,
        };
        confirm.focus = confirm.first_stop();
        confirm
    }

    /// Where the keys go to begin with: into the first line that has to be filled in, else to the button that leaves.
    #[must_use]
    pub fn first_stop(&self) -> Focus {
        let empty = |field: &Field| field.is_wanted() && field.text.is_empty();
        match self.fields.iter().position(empty) {
            Some(at) if self.suspects.is_none() => Focus::Field(at),
            _ => Focus::Leave,
        }
    }

    /// Moves the focus without a key.
    pub fn refocus(&mut self, to: Focus) {
        self.cut_off |= matches!(self.focus, Focus::Field(_));
        self.focus = to;
    }

    /// Shows a plan and asks; what was typed as a reason before stays.
    pub fn ask(&mut self, plan: Box<Plan>) {
        let reason = self.fields.iter().find(|f| f.kind == FieldKind::Reason).cloned();
        let overrides = plan.severity() == Severity::Override && self.manner == Manner::Careful;
        let number = Field::empty(FieldKind::Number(plan.target.build));
        let typed = plan.is_past_the_floor() && plan.severity() < Severity::Refuse;
        let typed_in = self.focused_field().map(|field| field.kind);
        self.fields = match &self.manner {
            _ if overrides => vec![reason.unwrap_or(Field::empty(FieldKind::Reason)), number],
            Manner::Careful | Manner::Emergency { .. } if typed => vec![number],
            _ => Vec::new(),
        };
        match self.fields.iter().position(|field| Some(field.kind) == typed_in) {
            Some(same) => self.focus = Focus::Field(same),
            None => self.refocus(self.first_stop()),
        }
        self.plan = Some(plan);
        self.stage = Stage::Asking;
        self.reading = Reading::default();
        self.changes();
    }

    /// True for the emergency rollback.
    #[must_use]
    pub fn is_emergency(&self) -> bool {
        matches!(self.manner, Manner::Emergency { .. })
    }

    /// The field that letters go into.
    #[must_use]
    pub fn focused_field(&self) -> Option<&Field> {
        match self.focus {
            Focus::Field(at) => self.fields.get(at),
            _ => None,
        }
    }

    /// The same to type into.
    pub fn field_mut(&mut self) -> Option<&mut Field> {
        match self.focus {
            Focus::Field(at) => self.fields.get_mut(at),
            _ => None,
        }
    }

    /// Shows something else than before, which nobody has seen yet.
    pub fn changes(&mut self) {
        self.quiet_since = None;
    }

    /// It is on screen; whether that is new.
    pub fn drawn(&mut self, at: Instant) -> bool {
        let new = self.quiet_since.is_none();
        self.quiet_since.get_or_insert(at);
        new
    }

    /// A key was pressed or a text was pasted.
    pub fn pressed(&mut self, at: Instant) {
        self.quiet_since = self.quiet_since.map(|_| at);
    }

    /// Whether it goes where nothing may go by itself, so that the number of the build is asked for.
    #[must_use]
    pub fn asks_number(&self) -> bool {
        self.fields.iter().any(|field| matches!(field.kind, FieldKind::Number(_)))
    }

    /// The label of the button that does something, when there is one.
    #[must_use]
    pub fn act_label(&self) -> Option<&'static str> {
        match &self.stage {
            Stage::Disarmed(_) | Stage::Failed(_) if self.plan.is_some() => Some("Re-check"),
            Stage::Failed(_) => Some("Try again"),
            Stage::Asking | Stage::Rechecking if self.may_be_done() => {
                Some(if self.is_redeploy() { "Redeploy" } else { self.subject.verb() })
            }
            _ => None,
        }
    }

    /// The label of the button that shows what runs instead.
    #[must_use]
    pub fn watch_label(&self) -> Option<String> {
        let refused = self.stage == Stage::Asking && !self.may_be_done();
        let instead = matches!(self.stage, Stage::Disarmed(_) | Stage::Refused(_)) || refused;
        self.watch.filter(|_| instead).map(|watched| format!("Watch {}", watched.build))
    }

    /// The label of the button that asks for somebody else to press, where this person needs an override to do so.
    #[must_use]
    pub fn ask_label(&self) -> Option<&'static str> {
        let plan = self.plan.as_deref()?;
        let asks = matches!(self.stage, Stage::Asking | Stage::Rechecking);
        let promotes = self.manner == Manner::Careful && plan.kind == DeploymentKind::Promote;
        let needed = asks && promotes && plan.severity() == Severity::Override;
        needed.then_some("Ask for a promoter")
    }

    #[must_use]
    pub fn leave_label(&self) -> &'static str {
        match self.stage {
            Stage::Planning | Stage::Asking | Stage::Rechecking if self.may_be_done() => {
                // What is cancelled there is the deployment, and not the dialog.
                if matches!(self.subject, Subject::Cancel(_)) { "Keep it" } else { "Cancel" }
            }
            _ => "Close",
        }
    }

    /// Whether what it deploys is live already.
    #[must_use]
    pub fn is_redeploy(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.kind == DeploymentKind::Redeploy)
    }

    /// Whether nothing refuses it outright.
    #[must_use]
    pub fn may_be_done(&self) -> bool {
        let refused = |plan: &Plan| plan.severity() == Severity::Refuse;
        self.manner != Manner::Preview && !self.plan.as_deref().is_some_and(refused)
    }

    /// Whether a key at this instant may press the button: it was on screen, and the keyboard quiet, for long enough.
    #[must_use]
    pub fn is_armed(&self, at: Instant) -> bool {
        self.arms_at().is_some_and(|arms| at >= arms)
    }

    /// When the emergency is sent by itself, unless somebody cancels it.
    #[must_use]
    pub fn fires_at(&self) -> Option<Instant> {
        match (&self.manner, &self.stage) {
            (Manner::Emergency { fires_at, .. }, Stage::Asking) => *fires_at,
            _ => None,
        }
    }

    /// From when on a key may press the button, if nothing happens before.
    #[must_use]
    pub fn arms_at(&self) -> Option<Instant> {
        self.quiet_since.map(|since| since + QUIET)
    }

    /// Why the button is off, apart from having to wait for it.
    ///
    /// # Errors
    /// The sentence that says what is missing.
    pub fn is_complete(&self, model: &Model) -> Result<(), String> {
        let (now, zone) = (model.now(), model.zone());
        self.is_settled()?;
        self.reading.is_done(&model.key(&KeyAction::Dialog(DialogAction::PageDown)))?;
        self.suspects.iter().try_for_each(Suspects::check)?;
        self.fields.iter().try_for_each(|field| field.check(now, zone))
    }

    /// Why nothing can be sent at this moment, whatever is typed: asking for a promoter needs no more than this.
    ///
    /// # Errors
    /// The sentence that says what is waited for.
    pub fn is_settled(&self) -> Result<(), String> {
        match self.stage {
            Stage::Rechecking => Err("something moved; checking the plan again".into()),
            _ => Ok(()),
        }
    }

    /// The focus after this one, or before it, in the order that Tab goes through.
    #[must_use]
    pub fn next_focus(&self, by: isize) -> Focus {
        let mut order: Vec<_> = self.suspects.iter().map(|_| Focus::Suspects).collect();
        order.extend((0..self.fields.len()).map(Focus::Field));
        order.push(Focus::Leave);
        order.extend(self.watch_label().map(|_| Focus::Watch));
        order.extend(self.ask_label().map(|_| Focus::Ask));
        order.extend(self.act_label().map(|_| Focus::Act));
        let here = order.iter().position(|focus| *focus == self.focus).unwrap_or_default();
        let count = isize::try_from(order.len()).expect("a dialog has a handful of stops");
        let next = (isize::try_from(here).expect("below the count") + by).rem_euclid(count);
        order[next.unsigned_abs()]
    }

    /// The command as it stands, or `None` while there is no plan to bind it to.
    #[must_use]
    pub fn command(&self, now: DateTime<Utc>, zone: Tz) -> Option<Command> {
        let text =
            || self.fields.first().map_or_else(String::new, |f| f.text.as_str().trim().to_owned());
        Some(match self.subject {
            Subject::Plan(action) => {
                let plan = self.plan.as_deref()?;
                let fingerprint = plan.fingerprint.clone();
                Command::Execute { action, fingerprint, overrides: overrides(plan, &text()) }
            }
            Subject::Verify(build) => Command::Verify { build, note: text() },
            Subject::Hold(environment) => Command::Hold { environment, reason: text() },
            Subject::Release(environment) => {
                let bad = self.suspects.as_ref().map(Suspects::bad);
                Command::Release { environment, reason: text(), bad, hold: self.hold }
            }
            Subject::Cancel(deployment) => Command::Cancel { deployment, reason: text() },
            Subject::Lift(freeze) => Command::Lift { freeze, reason: text() },
            Subject::Withdraw(request) => Command::Withdraw { request, reason: text() },
            Subject::Freeze => {
                let until = self.fields.iter().find(|field| field.kind == FieldKind::Until);
                let until = until.map_or(Ok(None), |field| field.until(now, zone));
                Command::Freeze { from: None, until: until.ok()?, reason: text() }
            }
        })
    }
}

/// The other command of a promote's dialog.
impl Confirm {
    /// The request for somebody else to execute the plan on screen; what was typed as a reason tells them why.
    #[must_use]
    pub fn request(&self) -> Option<Command> {
        let plan = self.plan.as_deref().filter(|_| self.ask_label().is_some())?;
        let reason = self.fields.iter().find(|field| field.kind == FieldKind::Reason);
        let note = reason.map_or_else(String::new, |field| field.text.as_str().trim().to_owned());
        let (build, fingerprint) = (plan.target.build, plan.fingerprint.clone());
        Some(Command::Ask { build, fingerprint, note })
    }
}

fn overrides(plan: &Plan, reason: &str) -> BTreeMap<Guard, String> {
    plan.of(Severity::Override).map(|finding| (finding.guard, reason.to_owned())).collect()
}
