//! The one dialog that every command goes through: what it is about, how far it is, and when its button works.

pub mod bad_commits;
pub mod field;
pub mod incident;
pub mod kinds;
pub mod open_items;
pub mod progress;
pub mod reading;

use tokio::time::Instant;

use crate::console::actions::action::{DialogAction, KeyAction};
use crate::console::model::Model;
use crate::console::model::dialog::bad_commits::CommitChoice;
use crate::console::model::dialog::field::{Field, FieldKind};
use crate::console::model::dialog::incident::IncidentForm;
use crate::console::model::dialog::kinds::{Dialog, Question};
use crate::console::model::dialog::progress::{Focus, Progress, Stage};
use crate::console::model::ticket::Ticket;
use crate::domain::command::Command;
use crate::domain::event::DeploymentKind;
use crate::domain::ids::IdempotencyKey;
use crate::domain::plan::{Plan, Severity};

/// A dialog on screen.
#[derive(Debug, Clone, PartialEq)]
pub struct Confirm {
    pub dialog: Dialog,
    pub progress: Progress,
}

impl Confirm {
    #[must_use]
    pub fn new(mut dialog: Dialog, key: IdempotencyKey, ticket: Ticket) -> Self {
        let mut stage = Stage::Asking;
        if let Some(planning) = dialog.planning_mut() {
            planning.question = Some(Question { ticket, outdated: false });
            stage = Stage::Planning;
        }
        let mut confirm = Self { dialog, progress: Progress::new(key, ticket, stage) };
        confirm.progress.focus_on(confirm.first_stop());
        confirm
    }

    /// Where the focus begins: at the first field that has to be filled in, else at the button that closes.
    fn first_stop(&self) -> Focus {
        if let Some(form) = self.dialog.incident() {
            let open = form.first_unpicked().map(Focus::Pick);
            return if form.by_itself { Focus::Leave } else { open.unwrap_or(Focus::Field(0)) };
        }
        let empty = |field: &&Field| field.is_wanted() && field.text.is_empty();
        match self.dialog.fields().iter().position(empty) {
            Some(at) if self.dialog.commit_choice().is_none() => Focus::Field(at),
            _ => Focus::Leave,
        }
    }

    /// Shows a plan and asks; what was typed as a reason before stays.
    pub fn ask(&mut self, plan: Box<Plan>) {
        let typed_in = self.focused_field().map(|field| field.kind);
        self.dialog.take_plan(plan);
        match self.dialog.fields().iter().position(|field| Some(field.kind) == typed_in) {
            Some(same) => self.progress.focus_on(Focus::Field(same)),
            None => self.progress.refocus(self.first_stop()),
        }
        self.progress.ask();
    }

    /// The field that letters go into.
    #[must_use]
    pub fn focused_field(&self) -> Option<&Field> {
        match self.progress.focus() {
            Focus::Field(at) => self.dialog.fields().get(at).copied(),
            _ => None,
        }
    }

    /// The same to type into.
    pub fn focused_field_mut(&mut self) -> Option<&mut Field> {
        match self.progress.focus() {
            Focus::Field(at) => self.dialog.field_mut(at),
            _ => None,
        }
    }

    /// The focus after this one, or before it, in the order that Tab goes through.
    #[must_use]
    pub fn next_focus(&self, by: isize) -> Focus {
        let mut order: Vec<_> =
            self.dialog.commit_choice().iter().map(|_| Focus::Commits).collect();
        let picks = self.dialog.incident().map_or(0, |form| form.rows().len());
        order.extend((0..picks).map(Focus::Pick));
        order.extend((0..self.dialog.fields().len()).map(Focus::Field));
        order.push(Focus::Leave);
        order.extend(self.watch_label().map(|_| Focus::Watch));
        order.extend(self.ask_label().map(|_| Focus::Ask));
        order.extend(self.act_label().map(|_| Focus::Act));
        let here = order.iter().position(|focus| *focus == self.progress.focus());
        let here = here.unwrap_or_default().cast_signed();
        let next = (here + by).rem_euclid(order.len().cast_signed());
        order[next.unsigned_abs()]
    }
}

/// Its buttons.
impl Confirm {
    /// The label of the button that does something, when there is one.
    #[must_use]
    pub fn act_label(&self) -> Option<&'static str> {
        match self.progress.stage() {
            Stage::Disarmed(_) | Stage::Failed(_) if self.dialog.plan().is_some() => {
                Some("Re-check")
            }
            Stage::Failed(_) => Some("Try again"),
            Stage::Asking | Stage::Rechecking if self.dialog.may_be_done() => {
                Some(self.dialog.verb())
            }
            _ => None,
        }
    }

    /// The label of the button that shows what runs instead.
    #[must_use]
    pub fn watch_label(&self) -> Option<String> {
        let stage = self.progress.stage();
        let refused = *stage == Stage::Asking && !self.dialog.may_be_done();
        let instead = matches!(stage, Stage::Disarmed(_) | Stage::Refused(_)) || refused;
        let target = self.dialog.planning()?.watch.filter(|_| instead)?;
        Some(format!("Watch {}", target.build))
    }

    /// The label of the button that asks for another promoter, where this person needs an override to promote.
    #[must_use]
    pub fn ask_label(&self) -> Option<&'static str> {
        let Dialog::Plan { planning, .. } = &self.dialog else { return None };
        let plan = planning.plan.as_deref()?;
        let promotes = plan.kind == DeploymentKind::Promote;
        let needed = promotes && plan.severity() == Severity::Override && self.progress.asks();
        needed.then_some("Ask for a promoter")
    }

    #[must_use]
    pub fn leave_label(&self) -> &'static str {
        match &self.dialog {
            _ if !self.progress.is_open() || !self.dialog.may_be_done() => "Close",
            // What is cancelled there is the deployment, and not the dialog.
            Dialog::Cancel { gives_up: true, .. } => "Wait on",
            Dialog::Cancel { .. } => "Keep it",
            Dialog::Incident(form) if form.is_question() => "Later",
            _ => "Cancel",
        }
    }

    /// The plan of an emergency is there: how long that took, and whether production is as it was when it was asked for.
    pub fn emergency_is_planned(&mut self, plan: &Plan, at: Instant) {
        let live = plan.live.as_ref().map(|live| live.build);
        let first = self.dialog.plan().is_none();
        if let Some(countdown) = self.dialog.countdown_mut() {
            countdown.plan_is_there(live, at, first);
        }
    }

    /// When the engine is asked again for an emergency, while it does not answer.
    #[must_use]
    pub fn asks_again_at(&self) -> Option<Instant> {
        let plans = *self.progress.stage() == Stage::Planning;
        self.dialog.countdown().filter(|_| plans)?.silence.as_ref()?.retry
    }

    /// When the emergency is sent by itself, unless it is cancelled.
    #[must_use]
    pub fn fires_at(&self) -> Option<Instant> {
        let asks = *self.progress.stage() == Stage::Asking;
        self.dialog.countdown().filter(|_| asks)?.fires_at
    }

    /// Why the button is off, apart from having to wait for it.
    ///
    /// # Errors
    /// What is missing.
    pub fn is_complete(&self, model: &Model) -> Result<(), String> {
        let (now, zone) = (model.now(), model.zone());
        self.is_settled()?;
        let key = model.key(&KeyAction::Dialog(DialogAction::PageDown));
        self.progress.reading().is_done(&key)?;
        self.dialog.commit_choice().map_or(Ok(()), CommitChoice::check)?;
        self.dialog.incident().map_or(Ok(()), IncidentForm::check)?;
        self.dialog.fields().iter().try_for_each(|field| field.check(now, zone))
    }

    /// Why nothing can be sent at this moment. Asking for a promoter needs nothing else.
    ///
    /// # Errors
    /// What it waits for.
    pub fn is_settled(&self) -> Result<(), String> {
        match self.progress.stage() {
            Stage::Rechecking => Err("something changed; checking the plan again".into()),
            _ => Ok(()),
        }
    }

    /// The request for another promoter to execute the plan on screen, with the typed reason as its note.
    #[must_use]
    pub fn request(&self) -> Option<Command> {
        let plan = self.dialog.plan().filter(|_| self.ask_label().is_some())?;
        let fields = self.dialog.fields();
        let reason = fields.iter().find(|field| field.kind == FieldKind::Reason);
        let note = reason.map_or_else(String::new, |field| field.text.as_str().trim().to_owned());
        let (build, fingerprint) = (plan.target.build, plan.fingerprint.clone());
        Some(Command::Ask { build, fingerprint, note })
    }
}
