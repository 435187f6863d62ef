//! How much each service needs attention, and the order of the list of services.

use crate::console::model::Model;
use crate::console::model::filter::FilterRow;
use crate::domain::ids::Environment;
use crate::domain::incident::PostmortemStanding;
use crate::domain::snapshot::FleetRow;
use crate::domain::snapshot::alarm::Alarm;
use crate::domain::target::differ;

/// Why somebody should look at a service, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attention {
    /// An incident is open.
    Incident,
    /// What production runs is not known, or is another than the record says.
    Doubt,
    /// What production runs is no good.
    Bad,
    /// Staging lacks or failed the newest build.
    Failed,
    /// Something is wrong with the service itself.
    Problem,
    /// Somebody waits for a promoter.
    Asked,
    /// A rollback asks whether users were affected, or a postmortem is due.
    Unfinished,
    Held,
    Frozen,
    Running,
    Quiet,
}

impl Attention {
    /// Its name in the filter: `is:failed`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Incident => "incident",
            Self::Doubt => "doubt",
            Self::Bad => "bad",
            Self::Failed => "failed",
            Self::Problem => "problem",
            Self::Asked => "asked",
            Self::Unfinished => "unfinished",
            Self::Held => "held",
            Self::Frozen => "frozen",
            Self::Running => "running",
            Self::Quiet => "quiet",
        }
    }

    /// All reasons that a service has, the most urgent first.
    #[must_use]
    pub fn of(row: &FleetRow) -> Vec<Self> {
        let mut all: Vec<_> = row.alarms.iter().map(of_alarm).collect();
        let needs_document = |standing: &PostmortemStanding| {
            matches!(standing, PostmortemStanding::Needed { due: Some(_), .. })
        };
        let reasons = [
            (row.incidents.iter().any(|of| of.incident.is_open()), Self::Incident),
            (row.live_unknown || differ(&row.targets), Self::Doubt),
            (row.problems > 0, Self::Problem),
            (row.request.is_some(), Self::Asked),
            (
                row.users_question.is_some()
                    || row.incidents.iter().any(|of| needs_document(&of.postmortem)),
                Self::Unfinished,
            ),
            (row.hold.is_some(), Self::Held),
            (row.freeze.is_some() || row.calendar.is_some(), Self::Frozen),
            (row.running.is_some(), Self::Running),
        ];
        all.extend(reasons.into_iter().filter(|(is, _)| *is).map(|(_, reason)| reason));
        all.sort_unstable();
        all.dedup();
        if all.is_empty() {
            all.push(Self::Quiet);
        }
        all
    }

    /// Whether it is bad news.
    #[must_use]
    pub fn is_urgent(self) -> bool {
        self < Self::Held
    }
}

fn of_alarm(alarm: &Alarm) -> Attention {
    match alarm {
        _ if alarm.environment() == Environment::Staging => Attention::Failed,
        Alarm::InDoubt { .. } | Alarm::LateRun { .. } | Alarm::Drift { .. } => Attention::Doubt,
        Alarm::BadLive { .. } | Alarm::WatchBad { .. } | Alarm::WaveBad { .. } => Attention::Bad,
        Alarm::NotInStaging { .. } => Attention::Failed,
    }
}

/// The order of the list of services.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FleetOrder {
    /// What needs attention first.
    #[default]
    Attention,
    Name,
    /// Those with the most builds ahead of production first.
    Ahead,
    /// What went live last first.
    Newest,
}

impl FleetOrder {
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Attention => Self::Name,
            Self::Name => Self::Ahead,
            Self::Ahead => Self::Newest,
            Self::Newest => Self::Attention,
        }
    }

    /// What the list is ordered by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Attention => "attention",
            Self::Name => "name",
            Self::Ahead => "builds ahead",
            Self::Newest => "newest live",
        }
    }
}

impl Model {
    /// The services as they are listed.
    #[must_use]
    pub fn fleet_rows(&self) -> Vec<&FleetRow> {
        let query = self.query(None);
        let rows = self.fleet.iter().flat_map(|fleet| &fleet.services);
        let mut rows: Vec<_> = rows
            .map(|row| (Attention::of(row), row))
            .filter(|(attention, row)| {
                let states: Vec<_> = attention.iter().map(|reason| reason.name()).collect();
                let people = people(row);
                let people: Vec<_> = people.iter().map(String::as_str).collect();
                let texts = [row.service.as_str()];
                let row = FilterRow { texts: &texts, states: &states, people: &people };
                query.as_ref().is_none_or(|query| query.passes(row))
            })
            .collect();
        // A stable sort: what is equal stays in the order of the names.
        match self.fleet_order {
            FleetOrder::Attention => rows.sort_by(|(a, _), (b, _)| a.cmp(b)),
            FleetOrder::Name => {}
            FleetOrder::Ahead => rows.sort_by_key(|(_, row)| std::cmp::Reverse(row.ahead)),
            FleetOrder::Newest => rows.sort_by_key(|(_, row)| {
                std::cmp::Reverse(row.live.as_ref().map(|live| live.since))
            }),
        }
        rows.into_iter().map(|(_, row)| row).collect()
    }

    #[must_use]
    pub fn has_several_services(&self) -> bool {
        self.fleet.as_ref().is_some_and(|fleet| fleet.services.len() > 1)
    }
}

/// Who holds it, froze it, asked for a promoter or opened an incident.
fn people(row: &FleetRow) -> Vec<String> {
    let hold = row.hold.iter().map(|hold| hold.by.to_string());
    let freeze = row.freeze.iter().map(|freeze| freeze.by.to_string());
    let request = row.request.iter().map(|request| request.by.to_string());
    let incidents = row.incidents.iter().filter(|of| of.incident.is_open());
    let incidents = incidents.map(|of| of.incident.by.to_string());
    hold.chain(freeze).chain(request).chain(incidents).collect()
}
