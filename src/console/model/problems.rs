//! What is wrong and what to do about it, in words, with the worst first.

use crate::console::actions::action::KeyAction;
use crate::console::model::link::LinkState;
use crate::console::model::notes::Note;
use crate::console::model::{Model, Screen};
use crate::console::options::EngineChoice;
use crate::domain::by_hand::ByHand;
use crate::domain::deployment::DeploymentState;
use crate::domain::ids::{BuildNumber, Environment};
use crate::domain::instant;
use crate::domain::plan::retry_of;
use crate::domain::snapshot::alarm::Alarm;
use crate::domain::snapshot::{DeploymentRow, Problem};
use crate::domain::target::in_words;

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
        let lost = self.lost_engine();
        if self.screen == Screen::Fleet {
            let lost = lost.filter(|_| self.fleet_from_disk.is_some());
            return lost.into_iter().chain(whole).chain(self.theme_mistake()).collect();
        }
        let own = self.service.iter().flat_map(|service| &service.problems).map(shown);
        let lost = lost.into_iter().chain(self.late_runs());
        let whole = own.chain(whole).chain(self.theme_mistake());
        lost.chain(self.in_doubt()).chain(self.drifts()).chain(whole).collect()
    }

    /// The theme is not as its file says.
    fn theme_mistake(&self) -> Option<ShownProblem> {
        let what = self.options.themes.mistake.clone()?;
        let remedy = "the looks stay as they were; a corrected file is read by itself".to_owned();
        Some(ShownProblem { what, remedy })
    }

    /// The runs that were given up and turned up.
    fn late_runs(&self) -> impl Iterator<Item = ShownProblem> {
        let alarms = self.service.iter().flat_map(|service| &service.alarms);
        let late = alarms.filter(|alarm| matches!(alarm, Alarm::LateRun { .. }));
        late.map(|alarm| ShownProblem {
            what: alarm.sentence(),
            remedy: "look there whether it ends; what it changed is told when it has".into(),
        })
    }

    /// Where the service itself says that another build runs than the record does.
    fn drifts(&self) -> impl Iterator<Item = ShownProblem> {
        let alarms = self.service.iter().flat_map(|service| &service.alarms);
        let drifts = alarms.filter(|alarm| matches!(alarm, Alarm::Drift { .. }));
        drifts.map(|alarm| ShownProblem {
            what: alarm.sentence(),
            remedy: match alarm.environment() {
                Environment::Production => {
                    "find out who did it, then say that you saw it: trunkline adopt SHA"
                }
                Environment::Staging => "find out who did it; the next deployment settles it",
            }
            .to_owned(),
        })
    }

    /// The engine does not answer: why, and that nobody has to do anything for it to be asked again.
    fn lost_engine(&self) -> Option<ShownProblem> {
        let why = match (&self.link.state, self.from_disk()) {
            (LinkState::Down { why, .. }, _) => why.clone(),
            (LinkState::Connecting, Some(_)) => "no answer yet".to_owned(),
            _ => return None,
        };
        let old = "this screen is as old as its header says";
        let remedy = match self.by_hand() {
            Some(_) => format!("{old}; {}: roll back by hand", self.key(&KeyAction::ByHand)),
            None => old.to_owned(),
        };
        Some(ShownProblem { what: why, remedy })
    }

    /// How to roll the service on screen back without trunkline, as far as it is known.
    #[must_use]
    pub fn by_hand(&self) -> Option<&ByHand> {
        let service = self.service.as_ref().filter(|_| self.screen == Screen::Service)?;
        service.rollback.as_ref()?.by_hand.as_deref()
    }

    /// The engines to switch to that a search leaves.
    #[must_use]
    pub fn engines(&self, search: &str) -> Vec<&EngineChoice> {
        let wanted = search.to_lowercase();
        let fits = |choice: &&EngineChoice| {
            choice.name().contains(&wanted) || choice.place.address.to_lowercase().contains(&wanted)
        };
        self.options.engines.iter().filter(fits).collect()
    }

    /// The attempt that left production in doubt, unless another deployment is open.
    fn in_doubt(&self) -> Option<ShownProblem> {
        let broken = self.deployment(self.service.as_ref()?.unsettled?)?;
        if self.in_flight(Environment::Production).is_some() {
            return None;
        }
        let way_back = self.way_back();
        if broken.deployment.is_of_restore() {
            return Some(ShownProblem {
                what: "production is in doubt since a restore".to_owned(),
                remedy: format!("{way_back}, or state what runs: trunkline adopt SHA"),
            });
        }
        if let Some(why) = broken.deployment.unknown_in_words() {
            return Some(ShownProblem {
                what: format!("what production runs is not known: {why}"),
                remedy: format!("{way_back}, or state what runs: trunkline adopt SHA"),
            });
        }
        Some(ShownProblem { what: self.doubt(broken), remedy: way_back })
    }

    /// What the deployment that left production unsettled means for it.
    fn doubt(&self, broken: &DeploymentRow) -> String {
        let service = self.service.as_ref();
        let Some(targets) = service.and_then(|s| s.apart(Environment::Production)) else {
            return format!("production is in doubt: {}", what_happened(broken));
        };
        let differ = format!("production differs by target: {}", in_words(targets));
        match broken.state {
            DeploymentState::Succeeded => differ,
            _ => format!("{differ}; {}", what_happened(broken)),
        }
    }

    fn way_back(&self) -> String {
        match self.service.as_ref().and_then(|service| service.rollback.as_ref()) {
            Some(target) if target.instead.is_some() => {
                format!("{} shows the ways that are left", self.key(&KeyAction::Emergency))
            }
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
            format!("{}; {}", self.doubt(row), self.way_back())
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
            // What waits for staging is queued.
            retry_of(&row.build, false, policy)
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
    if deployment.is_of_restore() {
        return deployment.in_words();
    }
    let what = deployment.deployed();
    let (what, place) = match request.environment {
        Environment::Production => (format!("{} of {what}", request.kind.noun()), ""),
        Environment::Staging => (what, " in staging"),
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
