//! When the screen will show something else although nothing has happened: the console sleeps until then.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::calendar::zone::{Edge, midnight};
use crate::console::age::{age_changes_in, second_changes_in};
use crate::console::model::dialog::progress::{QUIET, Stage};
use crate::console::model::link::LinkState;
use crate::console::model::overlay::Overlay;
use crate::console::model::pane::Pane;
use crate::console::model::requests::{LISTED as REQUESTS_LISTED, minutes_change_in};
use crate::console::model::{Model, Screen};
use crate::domain::deployment::StepState;
use crate::domain::ids::{BuildNumber, Environment};
use crate::domain::on_call::OnCall;
use crate::domain::snapshot::{BuildRow, DeploymentRow};

/// How often the bar of a countdown moves.
const COUNTDOWN_STEP: Duration = Duration::from_millis(100);

impl Model {
    /// The next instant at which something shown changes by itself; `None` while nothing on screen moves.
    #[must_use]
    pub fn next_wake(&self) -> Option<Instant> {
        let overlays = self.overlays.iter().filter_map(|overlay| self.overlay_wake(overlay));
        let notes = self.toast().and_then(|(note, fades)| fades.or(note.seen.counts_at()));
        let lists = [self.staging.counts_at(), self.production.counts_at()];
        let lists = lists.into_iter().chain([self.freezes.counts_at(), self.services.counts_at()]);
        let shown = self.ages().into_iter().map(age_changes_in);
        let counted = self.running().into_iter().map(second_changes_in);
        let moving = shown.chain(counted).chain(self.boundaries()).map(|wait| self.at + wait);
        let all = moving.chain(overlays).chain(notes).chain(self.quitting).chain(self.pause());
        let came = lists.flatten().chain(self.targets.counts_at()).chain(self.failures.counts_at());
        let all = all.chain(came).chain([self.link_wake()]).chain(self.asks_at());
        all.filter(|wake| *wake > self.at).chain(self.overdue()).min()
    }

    /// An emergency whose countdown is over but that is not sent yet, because another message came in at that instant.
    fn overdue(&self) -> Option<Instant> {
        self.overlays.iter().find_map(|overlay| match overlay {
            Overlay::Confirm(confirm) => {
                confirm.fires_at().or(confirm.asks_again_at()).filter(|at| *at <= self.at)
            }
            _ => None,
        })
    }

    /// Old data shows its age by the second; young data becomes old at a certain instant.
    fn link_wake(&self) -> Instant {
        let elapsed = self.at.saturating_duration_since(self.link.last_answer);
        let stale = self.stale().is_some();
        match self.link.state {
            LinkState::Down { .. } => self.at + second_changes_in(elapsed),
            _ if stale => self.at + second_changes_in(elapsed),
            _ => self.link.last_answer + self.options.stale_after,
        }
    }

    /// When the keyboard was quiet for long enough, where a letter of a text may also be the key of the emergency.
    fn pause(&self) -> Option<Instant> {
        let help = matches!(
            self.overlays.last(),
            Some(Overlay::Help(_) | Overlay::Engines(_) | Overlay::Themes(_))
        );
        let typing = help || self.filter.typing || self.log.search.is_some();
        self.last_input.filter(|_| typing).map(|last| last + QUIET)
    }

    fn overlay_wake(&self, overlay: &Overlay) -> Option<Instant> {
        let Overlay::Confirm(confirm) = overlay else { return None };
        // At that instant the keyboard is looked at too: only a key that comes later presses anything.
        let arms = confirm.progress.arms_at().filter(|at| *at > self.at);
        let fires = confirm.fires_at().filter(|at| *at > self.at);
        let moves = fires.map(|at| at.min(self.at + COUNTDOWN_STEP));
        // How long an emergency has waited for its plan is counted by the second.
        let waits = *confirm.progress.stage() == Stage::Planning;
        let waits = confirm.dialog.countdown().filter(|_| waits).map(|countdown| {
            self.at + second_changes_in(self.at.saturating_duration_since(countdown.pressed))
        });
        let asks = confirm.asks_again_at().filter(|at| *at > self.at);
        // How long ago something else changed is told in minutes.
        let also = confirm.dialog.plan().and_then(|plan| plan.also.as_ref());
        let also = also.into_iter().flat_map(|also| &also.named);
        let also = also.map(|change| {
            let rest = self.since(change.at).as_millis() % 60_000;
            self.at
                + Duration::from_mins(1)
                    .saturating_sub(Duration::from_millis(u64::try_from(rest).unwrap_or(0)))
        });
        arms.into_iter().chain(moves).chain(waits).chain(asks).chain(also).min()
    }

    /// The ages on screen, as time since then.
    fn ages(&self) -> Vec<Duration> {
        let past = match self.screen {
            Screen::Fleet => self.fleet_moments(),
            Screen::Service => self.service_moments(),
        };
        past.into_iter().map(|time| self.since(time)).collect()
    }

    fn fleet_moments(&self) -> Vec<DateTime<Utc>> {
        let rows = self.fleet_rows();
        let live = rows.iter().filter_map(|row| row.live.as_ref().map(|live| live.since));
        let live = live.chain(rows.iter().filter_map(|row| row.last_rollback));
        live.chain(rows.iter().flat_map(|row| &row.incidents).map(|of| of.incident.opened_at))
            .collect()
    }

    fn service_moments(&self) -> Vec<DateTime<Utc>> {
        let Some(service) = &self.service else { return Vec::new() };
        let areas = &self.areas;
        let live = service.live.get(&Environment::Production).map(|live| live.since);
        let builds = self.builds();
        let builds = builds.iter().skip(self.staging.offset).take(areas.rows(Pane::Staging));
        let builds = builds.map(|row| row.build.in_staging_since.unwrap_or(row.build.found_at));
        let (history, _) = self.history_on_screen(areas.rows(Pane::Production));
        let history =
            history.iter().filter_map(|row| row.deployment.ended.as_ref().map(|ended| ended.at));
        let staging = self.newest_in_staging().and_then(|row| row.deployment.ended.as_ref());
        let tried = service.rollback.as_ref().and_then(|to| to.tried.as_ref()?.last.as_ref());
        let live = live.into_iter().chain(staging.map(|ended| ended.at));
        let live = live.chain(tried.map(|last| last.at));
        let mut moments: Vec<_> = live.chain(builds).chain(history).collect();
        if areas.of(Pane::Details).is_some() {
            moments.extend(self.details_moments());
        }
        let listed = areas.of(Pane::Details).or(areas.of(Pane::Activity)).is_some();
        let requests = service.requests.iter().take(if listed { REQUESTS_LISTED } else { 0 });
        moments.extend(requests.chain(self.open_request()).map(|request| request.at));
        moments.extend(self.incident_moments());
        moments
    }

    fn details_moments(&self) -> Vec<DateTime<Utc>> {
        let build = self.selected_build().into_iter();
        let seen = |row: &BuildRow| {
            let verified = row.build.verifications.iter().map(|verified| verified.at);
            std::iter::once(row.build.found_at).chain(verified).collect::<Vec<_>>()
        };
        let row = self.selected_deployment().map(|row| row.deployment.requested_at);
        let mut moments: Vec<_> = build.flat_map(seen).chain(row).collect();
        if let Some(service) = &self.service {
            let on_call = service.on_call.iter().filter(|on_call| on_call.trouble.is_some());
            moments.extend(on_call.filter_map(|on_call| on_call.read_at));
            let shown = [self.selected_build().map(|row| row.build.number), self.shown_history()];
            let rows = service.builds.iter().filter(|row| shown.contains(&Some(row.build.number)));
            let bad: Vec<_> = rows.flat_map(|row| &row.bad).collect();
            let named = service.quarantine.iter().filter(|q| bad.contains(&&q.commit.sha));
            moments.extend(named.map(|quarantined| quarantined.at));
        }
        moments
    }

    fn shown_history(&self) -> Option<BuildNumber> {
        self.selected_history().map(|row| row.deployment.request.build)
    }

    /// What counts its seconds, as time since then.
    fn running(&self) -> Vec<Duration> {
        let since: Vec<_> = match self.screen {
            Screen::Fleet => {
                let rows = self.fleet_rows();
                rows.iter().filter_map(|row| row.running.as_ref().map(|run| run.since)).collect()
            }
            Screen::Service => {
                let rows = self.service.iter().flat_map(|service| &service.deployments);
                let open = rows.filter(|row| row.deployment.is_open());
                open.flat_map(|row| row.deployment.started_at.into_iter().chain(steps(row)))
                    .collect()
            }
        };
        since.into_iter().map(|time| self.since(time)).collect()
    }

    /// When the month marks another day, while it is on screen.
    fn next_day(&self) -> Option<DateTime<Utc>> {
        self.areas.of(Pane::Freeze)?;
        let tomorrow = self.now().with_timezone(&self.zone()).date_naive().succ_opt()?;
        Some(midnight(self.zone(), tomorrow, Edge::Start))
    }

    /// In how long a freeze begins or ends, a request ends, or its minutes left become one fewer.
    fn boundaries(&self) -> Vec<Duration> {
        let now = self.now();
        let freezes = self.service.iter().flat_map(|service| &service.freezes);
        let by_calendar = self.service.iter().flat_map(|service| &service.calendar);
        let by_calendar = by_calendar.flat_map(|window| [Some(window.from), window.until]);
        let times = freezes.flat_map(|freeze| [Some(freeze.from), freeze.until]);
        let on_call = self.service.iter().filter_map(|service| service.on_call.as_ref());
        let on_call = on_call.flat_map(OnCall::changes);
        let times = times.chain(by_calendar).flatten().chain(on_call).chain(self.next_day());
        let waits =
            times.filter_map(|time| (time - now).to_std().ok()).filter(|wait| !wait.is_zero());
        let requests = self.open_request().and_then(|request| (request.until - now).to_std().ok());
        waits.chain(requests.map(minutes_change_in)).chain(self.reminders_in()).collect()
    }
}

/// Since when steps of a deployment run.
fn steps(row: &DeploymentRow) -> impl Iterator<Item = DateTime<Utc>> {
    row.deployment.steps.iter().filter_map(|step| match step {
        StepState::Running { since } => Some(*since),
        _ => None,
    })
}
