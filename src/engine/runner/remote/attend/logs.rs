//! Reads what is new in the log of a run. A log is never a reason to fail.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::{Attending, PAUSE, Watch};
use crate::engine::runner::remote::answers::SeenJob;
use crate::engine::runner::remote::client::CallError;
use crate::engine::runner::remote::engine::RemoteEngine;
use crate::engine::runner::remote::github::GitHubActions;
use crate::engine::runner::remote::http_jobs::HttpJobs;
use crate::engine::runner::remote::mirror::LogMirror;

/// How long the end of a log is waited for once its run has ended.
pub(super) const LOG_WITHIN: Duration = Duration::from_secs(20);
/// The most pieces of a log that are read before the next look.
pub(super) const PIECES: u32 = 16;
/// How long the next piece of a job's text may take.
const PIECE_WITHIN: Duration = Duration::from_secs(20);
/// How often the log of a job is asked for in vain while its run goes on.
const MOST_MISSED: u32 = 3;

impl Attending<'_> {
    /// Reads what is new. Of a run that is over it waits a while for the rest.
    pub(super) async fn mirror(&self, engine: &RemoteEngine, watch: &mut Watch, is_over: bool) {
        match engine {
            RemoteEngine::Http(jobs) => self.mirror_bytes(jobs, watch, is_over).await,
            RemoteEngine::GitHub(github) => {
                self.mirror_jobs((engine, github), watch, is_over).await;
            }
            RemoteEngine::Preset(preset) => self.mirror_preset(preset, watch, is_over).await,
        }
    }

    async fn mirror_bytes(&self, jobs: &HttpJobs, watch: &mut Watch, is_over: bool) {
        let (until, mut pieces) = (Instant::now() + LOG_WITHIN, 0);
        let (mirror, is_ending) = (&mut watch.mirror, watch.ending.is_some());
        loop {
            if self.has_ended() || self.is_cancelled() && !is_ending && pieces > 0 {
                // Whoever wants the end does not wait for a log.
                return;
            }
            pieces += 1;
            let piece = jobs.log(&self.order.key, mirror.next()).await;
            let (is_end, came) = match &piece {
                Ok(piece) => {
                    mirror.take(&piece.bytes);
                    (piece.ended, !piece.bytes.is_empty())
                }
                Err(_) => (false, false),
            };
            let is_enough = is_end || !is_over && (!came || pieces >= PIECES);
            if is_enough {
                return;
            }
            if is_over && Instant::now() >= until {
                let why = piece.err().map_or("it did not end".into(), |e| e.why().to_owned());
                let engine = &self.order.job.engine;
                return mirror.note(&format!("the rest of the log at {engine} is missing: {why}"));
            }
            if is_over && !came {
                sleep(PAUSE).await;
            }
        }
    }

    /// The text of each job that has ended, one after the other. Until then, which step runs.
    async fn mirror_jobs(
        &self,
        (engine, github): (&RemoteEngine, &GitHubActions),
        watch: &mut Watch,
        is_over: bool,
    ) {
        let times = github.times();
        let until = Instant::now() + times.log;
        loop {
            note_steps(watch);
            let missing = self.read_jobs((engine, github), watch, is_over).await;
            if missing.is_empty() || !is_over || self.has_ended() {
                return;
            }
            if Instant::now() >= until {
                for (name, why) in missing {
                    let engine = &self.order.job.engine;
                    watch
                        .mirror
                        .note(&format!("the log of job {name} at {engine} is missing: {why}"));
                }
                return;
            }
            sleep(times.pace).await;
        }
    }

    /// Reads the jobs that have ended. Returns those whose text is missing, each with the reason.
    async fn read_jobs(
        &self,
        (engine, github): (&RemoteEngine, &GitHubActions),
        watch: &mut Watch,
        is_over: bool,
    ) -> Vec<(String, String)> {
        let all = watch.seen.as_ref().map(|seen| seen.jobs.as_slice()).unwrap_or_default();
        let due = |job: &&SeenJob| job.has_log && !watch.mirror.is_done(job.id);
        let mut jobs: Vec<_> = all.iter().filter(due).cloned().collect();
        // What was begun is read to its end before another.
        jobs.sort_by_key(|job| (watch.mirror.part() != Some(job.id), job.ended_at, job.id));
        let mut missing = Vec::new();
        for job in jobs {
            if !is_over && watch.mirror.part().is_some_and(|part| part != job.id) {
                // What was begun is not left for another.
                break;
            }
            let missed = watch.missed.entry(job.id).or_default();
            if !is_over && *missed >= MOST_MISSED {
                continue;
            }
            let is_ending = watch.ending.is_some();
            let why = match self.read_job((github, is_ending), &mut watch.mirror, &job).await {
                Ok(true) => continue,
                Ok(false) => "there is none".to_owned(),
                Err(error) => error.why().to_owned(),
            };
            *missed += 1;
            missing.push((job.name, why));
            if watch.mirror.part().is_some() {
                // The text broke off. It is read again from the mark, as after a crash.
                watch.mirror = self.mirror_of(engine);
                break;
            }
        }
        missing
    }

    /// Reads the text of a job to its end. `false` if there is none, perhaps not yet.
    async fn read_job(
        &self,
        (github, is_ending): (&GitHubActions, bool),
        mirror: &mut LogMirror,
        job: &SeenJob,
    ) -> Result<bool, CallError> {
        let Some(mut text) = github.log(&self.order, job.id).await? else { return Ok(false) };
        mirror.begin(job.id, &format!("the log of job {}:", job.name));
        let mut known = mirror.next();
        loop {
            let piece = timeout(PIECE_WITHIN, text.chunk()).await.map_err(|_| broken())?;
            let Some(piece) = piece.map_err(|_| broken())? else { break };
            let skipped = known.min(piece.len() as u64);
            known -= skipped;
            mirror.take_timed(&piece[usize::try_from(skipped).unwrap_or(piece.len())..]);
            if self.has_ended() || self.is_cancelled() && !is_ending {
                // Whoever wants the end does not wait for a log.
                return Err(broken());
            }
        }
        if known > 0 {
            return Err(CallError::Lost("it is shorter than before".into()));
        }
        mirror.end(job.id);
        Ok(true)
    }
}

fn note_steps(watch: &mut Watch) {
    let Some(seen) = &watch.seen else { return };
    for job in &seen.jobs {
        if let Some((number, what)) = &job.step {
            watch.mirror.step(job.id, *number, &format!("{what} began"));
        }
    }
}

fn broken() -> CallError {
    CallError::Lost("it broke off".into())
}
