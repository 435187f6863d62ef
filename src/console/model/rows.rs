//! The rows of the lists as they are shown, and what the lists point at.

use crate::calendar::Evaluation;
use crate::console::model::Model;
use crate::console::model::filter::{FilterQuery, FilterRow};
use crate::console::model::pane::Pane;
use crate::domain::build::BuildState;
use crate::domain::ids::{BuildNumber, DeploymentId, Environment, Sha};
use crate::domain::quarantine::Quarantined;
use crate::domain::snapshot::{BuildRow, DeploymentRow};
use crate::domain::stops::{Freeze, evaluate_freezes};

/// The rows of the lists, as they are shown.
impl Model {
    /// The builds of the staging list, newest first.
    #[must_use]
    pub fn builds(&self) -> Vec<&BuildRow> {
        let rows = self.service.iter().flat_map(|service| &service.builds);
        let Some(query) = self.query(Some(Pane::Staging)) else { return rows.collect() };
        let live = self.live_build();
        rows.filter(|row| {
            let number = row.build.number.to_string();
            let people = self.writers(row);
            let writers = people.join(" ");
            let (subject, sha) = (row.build.subject(), row.build.sha.as_str());
            let texts = [&number, subject, sha, &writers, row.state.as_str()];
            let bad = (!row.bad.is_empty()).then_some("bad");
            let is_live = (live == Some(row.build.number)).then_some("live");
            let states: Vec<_> =
                [Some(row.state.as_str()), bad, is_live].into_iter().flatten().collect();
            query.passes(FilterRow { texts: &texts, states: &states, people: &people })
        })
        .collect()
    }

    /// The deployments of the production list: what is live, then the others, newest first.
    #[must_use]
    pub fn history(&self) -> Vec<&DeploymentRow> {
        let live = self.live_deployment();
        let is_live = |row: &DeploymentRow| live == Some(row.deployment.id);
        let query = self.query(Some(Pane::Production));
        let mut rows: Vec<_> = self
            .deployments()
            .filter(|row| row.deployment.request.environment == Environment::Production)
            .filter(|row| {
                let Some(query) = &query else { return true };
                let number = row.deployment.request.build.to_string();
                let (by, kind) = (row.deployment.by.to_string(), row.deployment.request.kind);
                let texts = [&number, &*row.subject, row.sha.as_str(), &by, kind.as_str()];
                let bad = self.flaw(row.deployment.request.build).map(|_| "bad");
                let live = is_live(row).then_some("live");
                let states = [Some(row.state.as_str()), Some(kind.as_str()), bad, live];
                let states: Vec<_> = states.into_iter().flatten().collect();
                query.passes(FilterRow { texts: &texts, states: &states, people: &[&by] })
            })
            .collect();
        rows.sort_by_key(|row| !is_live(row));
        rows
    }

    /// The rows of the production list that are on screen, where it has so many: what is live is always among them. And
    /// how many of them are not only there for that.
    #[must_use]
    pub fn history_on_screen(&self, height: usize) -> (Vec<&DeploymentRow>, usize) {
        let (rows, live) = (self.history(), self.live_deployment());
        let ids: Vec<_> = rows.iter().map(|row| row.deployment.id).collect();
        let shown = self.production.shown(&ids, live.as_ref(), height);
        let shown = shown.into_iter().filter_map(|at| rows.get(at).copied()).collect();
        (shown, self.production.window_rows(&ids, live.as_ref(), height))
    }

    /// The freezes that last or are to come, in the order in which they begin.
    #[must_use]
    pub fn freezes(&self) -> Vec<&Freeze> {
        let now = self.now();
        let all = self.service.iter().flat_map(|service| &service.freezes);
        let mut open: Vec<_> = all.filter(|freeze| !freeze.is_over(now)).collect();
        open.sort_by_key(|freeze| (freeze.from, freeze.id));
        open
    }

    /// Whether the filter narrows this list; `None` is that of the services.
    #[must_use]
    pub fn is_filtered(&self, list: Option<Pane>) -> bool {
        self.filter.list == list && !self.filter.text.is_empty()
    }

    /// What narrows this list, if anything does.
    #[must_use]
    pub fn query(&self, list: Option<Pane>) -> Option<FilterQuery> {
        self.is_filtered(list).then(|| FilterQuery::parse(self.filter.text.as_str()))
    }

    /// Who wrote a build, by the names that the service gives them.
    #[must_use]
    pub fn writers<'a>(&'a self, row: &'a BuildRow) -> Vec<&'a str> {
        self.service.as_ref().map_or_else(Vec::new, |service| row.build.writers(&service.people))
    }
}

/// What the lists point at.
impl Model {
    #[must_use]
    pub fn build(&self, number: BuildNumber) -> Option<&BuildRow> {
        self.service.as_ref()?.builds.iter().find(|row| row.build.number == number)
    }

    /// The build that production runs by the record.
    #[must_use]
    pub fn live_build(&self) -> Option<BuildNumber> {
        Some(self.service.as_ref()?.live.get(&Environment::Production)?.build)
    }

    /// The newest build that was seen good in staging and has no bad commit, unless staging is about that one now.
    #[must_use]
    pub fn last_good(&self) -> Option<BuildNumber> {
        let builds = &self.service.as_ref()?.builds;
        let is_good = |row: &&BuildRow| row.state == BuildState::Verified && row.bad.is_empty();
        let good = builds.iter().find(is_good)?.build.number;
        let newest = self.newest_in_staging().map(|row| row.deployment.request.build);
        (newest != Some(good)).then_some(good)
    }

    /// How many of the listed builds reached staging and are newer than what is live, and whether there may be more.
    #[must_use]
    pub fn builds_ahead(&self) -> Option<(usize, bool)> {
        let service = self.service.as_ref().filter(|service| !service.live_unknown)?;
        let live = self.live_build();
        let is_newer = |row: &&BuildRow| live.is_none_or(|live| row.build.number > live);
        let newer: Vec<_> = service.builds.iter().filter(is_newer).collect();
        let reached = newer.iter().filter(|row| row.build.in_staging_since.is_some()).count();
        let is_cut = newer.len() == service.builds.len()
            && usize::try_from(service.builds_total).is_ok_and(|total| total > newer.len());
        Some((reached, is_cut))
    }

    /// The row of the production list to which a rollback without a target goes.
    #[must_use]
    pub fn way_back_row(&self) -> Option<DeploymentId> {
        let to = self.service.as_ref()?.rollback.as_ref()?.to;
        let mut rows = self.deployments().filter(|row| {
            let request = &row.deployment.request;
            request.environment == Environment::Production && request.build == to
        });
        let row = rows.find(|row| row.deployment.succeeded())?;
        Some(row.deployment.id).filter(|id| Some(*id) != self.live_deployment())
    }

    /// The newest build that is on the trunk.
    #[must_use]
    pub fn newest_build(&self) -> Option<BuildNumber> {
        let builds = &self.service.as_ref()?.builds;
        builds.iter().map(|row| &row.build).find(|build| !build.off_trunk).map(|b| b.number)
    }

    /// Why a commit is known to be bad, if it is, among those that are listed.
    #[must_use]
    pub fn quarantined(&self, sha: &Sha) -> Option<&Quarantined> {
        self.service.as_ref()?.quarantine.iter().find(|named| named.commit.sha == *sha)
    }

    #[must_use]
    pub fn deployment(&self, id: DeploymentId) -> Option<&DeploymentRow> {
        self.deployments().find(|row| row.deployment.id == id)
    }

    /// Those of the snapshot, then the older ones of production that were read beyond it.
    fn deployments(&self) -> impl Iterator<Item = &DeploymentRow> {
        let shown = self.service.iter().flat_map(|service| &service.deployments);
        let production =
            |row: &&DeploymentRow| row.deployment.request.environment == Environment::Production;
        let last = shown.clone().filter(production).map(|row| row.deployment.id).min();
        let older = self.older.rows.iter();
        shown.chain(older.filter(move |row| last.is_none_or(|last| row.deployment.id < last)))
    }

    /// The deployment that made live what is live: the row that Production shows whatever else it shows.
    #[must_use]
    pub fn live_deployment(&self) -> Option<DeploymentId> {
        let live = self.service.as_ref()?.live.get(&Environment::Production)?;
        Some(live.deployment)
    }

    /// What staging is about now: what runs there, else what waits for it, else what ended last.
    #[must_use]
    pub fn newest_in_staging(&self) -> Option<&DeploymentRow> {
        let rows = self.service.iter().flat_map(|service| &service.deployments);
        let rows = rows.filter(|row| row.deployment.request.environment == Environment::Staging);
        rows.max_by_key(|row| {
            (row.deployment.is_open(), row.deployment.started_at.is_some(), row.deployment.id)
        })
    }

    #[must_use]
    pub fn selected_build(&self) -> Option<&BuildRow> {
        self.build(self.staging.selected?)
    }

    #[must_use]
    pub fn selected_history(&self) -> Option<&DeploymentRow> {
        self.deployment(self.production.selected?)
    }

    /// The deployment that the selection of the last focused list is about.
    #[must_use]
    pub fn selected_deployment(&self) -> Option<&DeploymentRow> {
        match self.list {
            Pane::Production => self.selected_history(),
            _ => self.deployment(self.selected_build()?.build.staging?),
        }
    }

    /// What speaks against a build as the target of a rollback.
    #[must_use]
    pub fn flaw(&self, build: BuildNumber) -> Option<&str> {
        let flawed = &self.service.as_ref()?.flawed;
        flawed.iter().find(|flawed| flawed.build == build).map(|flawed| flawed.why.as_str())
    }

    /// The deployment that runs or waits in an environment.
    #[must_use]
    pub fn in_flight(&self, environment: Environment) -> Option<&DeploymentRow> {
        let rows = &self.service.as_ref()?.deployments;
        rows.iter().find(|row| {
            row.deployment.is_open() && row.deployment.request.environment == environment
        })
    }

    /// What the freezes by calendar and those set by hand say of now.
    #[must_use]
    pub fn standing(&self) -> Evaluation {
        let service = self.service.as_deref();
        let windows = service.map_or(&[][..], |service| &service.calendar);
        let by_hand = service.map_or(&[][..], |service| &service.freezes);
        evaluate_freezes(windows, by_hand, self.now())
    }

    /// Whether production is on hold.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.service.as_ref().is_some_and(|s| s.holds.contains_key(&Environment::Production))
    }

    /// The freeze that covers now.
    #[must_use]
    pub fn frozen(&self) -> Option<&Freeze> {
        let now = self.now();
        self.service.as_ref()?.freezes.iter().find(|freeze| freeze.covers(now))
    }
}
