//! What is wrong and what to do about it, in words, with the worst first.

use crate::console::actions::action::KeyAction;
use crate::console::model::link::LinkState;
use crate::console::model::notes::Note;
use crate::console::model::{Model, Screen};
use crate::domain::deployment::DeploymentState;
use crate::domain::ids::{BuildNumber, Environment};
use crate::domain::instant;
use crate::domain::plan::retry_in_staging;
use crate::domain::snapshot::{DeploymentRow, Problem};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownProblem {
    pub what: String,
    pub remedy: String,
}

impl Model {
    /// Production in doubt, then what is wrong with the service, then with the backend as a whole.
    #[must_use]
    pub fn troubles(&self) -> Vec<ShownProblem> {
        let here = |text: &str| instant::localized(text, self.zone());
        let shown = |problem: &Problem| ShownProblem {
            what: here(&problem.what),
            remedy: here(&problem.remedy),
        };
        let whole = self.fleet.iter().flat_map(|fleet| &fleet.problems).map(shown);
        if self.screen == Screen::Fleet {
            return whole.collect();
        }
        let lost = self.lost_engine();
        let own = self.service.iter().flat_map(|service| &service.problems).map(shown);
        lost.into_iter().chain(self.in_doubt()).chain(own).chain(whole).collect()
    }

    /// The engine does not answer: why, and that nobody has to do anything for it to be asked again.
    fn lost_engine(&self) -> Option<ShownProblem> {
        let LinkState::Down { why, .. } = &self.link.state else { return None };
        let remedy = "this screen is as old as its header says".to_owned();
        Some(ShownProblem { what: why.clone(), remedy })
    }

    /// The attempt that left production in doubt, unless another deployment is open.
    fn in_doubt(&self) -> Option<ShownProblem> {
        let broken = self.deployment(self.service.as_ref()?.unsettled?)?;
        if self.in_flight(Environment::Production).is_some() {
            return None;
        }
        Some(ShownProblem {
            what: format!("production is in doubt: {}", what_happened(broken)),
            remedy: self.way_back(),
        })
    }

    fn way_back(&self) -> String {
        match self.service.as_ref().and_then(|service| service.rollback.as_ref()) {
            Some(target) => {
                format!("{} puts {} back", self.key(&KeyAction::Emergency), target.to)
            }
            None => "nothing was live before: promote a build that works".into(),
        }
    }

    /// What a note says now. One of another service than the one on screen names it, and no key that would act here.
    #[must_use]
    pub fn words(&self, note: &Note) -> String {
        match (&note.service, note.failed) {
            (Some(service), _) if Some(service) != self.shown_service() => {
                format!("{service}: {}", note.text)
            }
            (_, Some((Environment::Production, id))) if note.stays() => {
                let aftermath = self.deployment(id).and_then(|row| self.aftermath(row));
                aftermath.unwrap_or_else(|| note.text.clone())
            }
            _ => note.text.clone(),
        }
    }

    /// What a deployment that went wrong means, and what to do now.
    #[must_use]
    pub fn aftermath(&self, row: &DeploymentRow) -> Option<String> {
        if !matches!(row.state, DeploymentState::Failed | DeploymentState::Interrupted) {
            return None;
        }
        let service = self.service.as_ref()?;
        let environment = row.deployment.request.environment;
        let happened = what_happened(row);
        let live = service.live.get(&environment).map(|live| live.build);
        Some(if service.unsettled == Some(row.deployment.id) {
            format!("production is in doubt: {happened}; {}", self.way_back())
        } else {
            let log = format!("{} shows the log", self.key(&KeyAction::Open));
            let build = row.deployment.request.build;
            format!("{happened}; {log}. {}", self.since_then(environment, build, live))
        })
    }

    fn since_then(
        &self,
        environment: Environment,
        build: BuildNumber,
        live: Option<BuildNumber>,
    ) -> String {
        let may_be_retried = || {
            let policy = &self.service.as_ref()?.policy;
            let row = self.build(build).filter(|row| row.state.can_be_tried_again())?;
            retry_in_staging(&row.build, self.newest_build(), policy)
        };
        match (environment, live) {
            (Environment::Staging, _) if may_be_retried().is_some() => {
                let key = self.key(&KeyAction::Retry);
                format!("{key} tries it again; the next merge deploys automatically")
            }
            (Environment::Staging, _) => "The next merge deploys automatically".into(),
            (Environment::Production, Some(live)) => format!("Settled since: {live} is live"),
            (Environment::Production, None) => "Nothing is live".into(),
        }
    }
}

/// `promote of #22 failed at step release`, `#22 failed in staging at step smoke`.
#[must_use]
pub fn what_happened(row: &DeploymentRow) -> String {
    let (deployment, request) = (&row.deployment, &row.deployment.request);
    let (what, place) = match request.environment {
        Environment::Production => (format!("{} of {}", request.kind, request.build), ""),
        Environment::Staging => (request.build.to_string(), " in staging"),
    };
    let (did, step) = match row.state {
        DeploymentState::Interrupted => {
            let step = deployment.telling_step().and_then(|at| request.steps.get(at));
            ("was interrupted", step.map(|step| step.name.as_str()))
        }
        _ => ("failed", deployment.failed_step()),
    };
    match (step, deployment.trouble()) {
        (Some(step), _) => format!("{what} {did}{place} at step {step}"),
        (None, Some(why)) => format!("{what} {did}{place}: {why}"),
        (None, None) => format!("{what} {did}{place}"),
    }
}
