//! The beginning of a run: it is sent once, or looked for by its key.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Attending;
use crate::domain::event::StepOutcome;
use crate::domain::remote::{FoundBy, GitHubWay};
use crate::domain::time::say;
use crate::engine::runner::remote::Attended;
use crate::engine::runner::remote::answers::{Absence, Found, SendAnswer};
use crate::engine::runner::remote::engines::NoEngine;
use crate::engine::runner::remote::order::{Order, SendPermit};

/// How long a run that is not known is looked for once it was cancelled.
const SOUGHT_FOR: Duration = Duration::from_secs(150);

impl Attending<'_> {
    /// Sends it once. A request that certainly did nothing is made again until the run would be late.
    pub(super) async fn send(&mut self, _permit: SendPermit) -> SendAnswer {
        let begun = Instant::now();
        loop {
            // A permit is worth nothing without the record that it stands for.
            if self.here.foundation.broken().is_some() {
                if self.has_ended() {
                    return SendAnswer::NotYet { why: String::new(), again: Duration::ZERO };
                }
                self.rest(Duration::ZERO).await;
                continue;
            }
            if self.is_cancelled() || self.has_ended() {
                return SendAnswer::NotYet { why: String::new(), again: Duration::ZERO };
            }
            let jobs = self.here.engines.to_send(&self.order).await;
            if !self.is_wanted() {
                continue;
            }
            if let Some(url) = self.here.engines.url_of(&self.order.job.engine) {
                self.sent_to.note(&url);
            }
            let (why, again) = match jobs {
                // The engine may be asked a lot before the request goes out.
                Ok(jobs) => match jobs.send(&self.order, &|| self.is_wanted()).await {
                    SendAnswer::NotYet { why, again } => (why, again),
                    sent => return sent,
                },
                Err(NoEngine::Ever(why)) => return SendAnswer::Rejected(why),
                Err(NoEngine::Now(why)) => (why, Duration::ZERO),
            };
            if !self.is_wanted() {
                continue;
            }
            let within = self.order.job.start_within;
            if begun.elapsed() >= within {
                return SendAnswer::Rejected(format!(
                    "it could not be sent within {}: {why}",
                    say(within)
                ));
            }
            self.silent(&why).await;
            self.rest(again).await;
        }
    }

    /// Whether it may still go out: nobody cancelled it, and this engine has its record.
    fn is_wanted(&self) -> bool {
        !self.is_cancelled() && !self.has_ended() && self.here.foundation.broken().is_none()
    }

    /// This request did nothing. One before it may still start the run, which is looked for then.
    pub(super) fn rejected(&self, why: String) -> Attended {
        if self.order.times == 1 {
            return self.ended(StepOutcome::NotStarted(why));
        }
        let engine = &self.order.job.engine;
        let why = format!("{why}; an earlier request may still start a run at {engine}");
        self.ended(StepOutcome::Unfound(why))
    }

    /// It was cancelled before this request left. One before it may still start the run.
    pub(super) fn cancelled_unsent(&self) -> Attended {
        if self.order.times == 1 {
            return self.ended(StepOutcome::Cancelled);
        }
        self.perhaps_on_its_way()
    }

    /// Looks for the run by its key, until it is there or certainly never was.
    pub(super) async fn find(mut self) -> Attended {
        let (mut absent, mut looks, mut unwanted) = (None, 0, None);
        loop {
            if self.is_cancelled() {
                let since = *unwanted.get_or_insert_with(Instant::now);
                if since.elapsed() >= SOUGHT_FOR {
                    return self.perhaps_on_its_way();
                }
            }
            let error = match self.jobs(false).await {
                Ok(jobs) => match jobs.find(&self.order).await {
                    Found::Run(run) => {
                        let took_it = self.is_accepted;
                        let how = if took_it { FoundBy::Answer } else { FoundBy::Search };
                        self.known(run, how).await;
                        return self.watch().await;
                    }
                    Found::Absent => {
                        self.answers().await;
                        looks += 1;
                        let since = *absent.get_or_insert_with(Instant::now);
                        let absence = jobs.absence(&self.order);
                        if looks < absence.looks || since.elapsed() < absence.lasting {
                            sleep(jobs.pace()).await;
                            continue;
                        }
                        if self.is_accepted || !absence.may_send_again {
                            return self.unfound(absence);
                        }
                        if self.is_cancelled() {
                            return self.perhaps_on_its_way();
                        }
                        return Attended::Absent;
                    }
                    Found::Never(why) => return self.ended(StepOutcome::Unfound(why)),
                    Found::CannotTell(error) => error,
                },
                Err(error) => error,
            };
            self.no_answer(&error).await;
            if let Some(given_up) = self.give_up(None) {
                return given_up;
            }
            self.rest(error.again()).await;
        }
    }

    /// It was cancelled, and no run has its key: nobody can tell whether the request that was sent is still to come.
    fn perhaps_on_its_way(&self) -> Attended {
        let Order { job, key, .. } = &self.order;
        let why = format!(
            "it was cancelled, and {} knows no run {key}; a request may still be on its way there",
            job.engine
        );
        self.ended(StepOutcome::Unfound(why))
    }

    /// No run has the key, and none may be sent again.
    fn unfound(&self, absence: Absence) -> Attended {
        let Order { job, key, .. } = &self.order;
        let what = match job.call.way() {
            Some(GitHubWay::Tag { .. } | GitHubWay::Branch { .. }) => {
                format!("run of {} began", job.call.job())
            }
            _ => format!("{} with the key {key} appeared", absence.what),
        };
        let why = format!(
            "no {what} at {} within {} after it was sent; look there before you try again{}",
            job.engine,
            say(absence.lasting),
            absence.hint
        );
        self.ended(StepOutcome::Unfound(why))
    }
}
