//! Reads what is new in the log of a run behind a preset: one text, or the texts of its parts one after the other.

use tokio::time::{Instant, sleep};

use super::logs::{LOG_WITHIN, PIECES};
use super::{Attending, Watch};
use crate::engine::runner::remote::client::CallError;
use crate::engine::runner::remote::preset::{LogPart, PresetEngine};

impl Attending<'_> {
    /// Reads what is new. Of a run that is over it waits a while for the rest.
    pub(super) async fn mirror_preset(
        &self,
        preset: &PresetEngine,
        watch: &mut Watch,
        is_over: bool,
    ) {
        let engine = &self.order.job.engine;
        if !preset.has_log() {
            return watch.mirror.note_once(&format!("{engine} shows the log on its page only"));
        }
        let until = Instant::now() + LOG_WITHIN;
        loop {
            let read = self.read_log(preset, watch).await;
            if read == Ok(true) || !is_over || self.wants_no_log(watch) {
                return;
            }
            if Instant::now() >= until {
                let why = read.err().map_or("it did not end".into(), |e| e.why().to_owned());
                let note = format!("the rest of the log at {engine} is missing: {why}");
                return watch.mirror.note(&note);
            }
            sleep(preset.pace()).await;
        }
    }

    /// Whoever wants the end does not wait for a log.
    fn wants_no_log(&self, watch: &Watch) -> bool {
        self.has_ended() || self.is_cancelled() && watch.ending.is_none()
    }

    /// Whether it has all that there will be.
    async fn read_log(&self, preset: &PresetEngine, watch: &mut Watch) -> Result<bool, CallError> {
        let Watch { mirror, walked, .. } = &mut *watch;
        let parts = preset.log_parts(&self.order, walked, |part| mirror.is_done(part)).await?;
        let Some(mut parts) = parts else { return self.read_part(preset, watch, None).await };
        parts.retain(|part| !watch.mirror.is_done(part.number));
        // What was begun is read to its end before another.
        parts.sort_by_key(|part| watch.mirror.part() != Some(part.number));
        for part in &parts {
            watch.mirror.begin(part.number, &format!("the log of {}:", part.name));
            if !self.read_part(preset, watch, Some(part)).await? {
                return Ok(false);
            }
            watch.mirror.end(part.number);
        }
        Ok(true)
    }

    /// Whether it has all of the part.
    async fn read_part(
        &self,
        preset: &PresetEngine,
        watch: &mut Watch,
        part: Option<&LogPart>,
    ) -> Result<bool, CallError> {
        for _ in 0..PIECES {
            let from = watch.mirror.next();
            let piece = preset.log(&self.order, part, from).await?;
            if piece.next > from {
                watch.mirror.take_to(&piece.bytes, piece.next);
            }
            if piece.ended {
                return Ok(true);
            }
            if piece.next <= from || self.wants_no_log(watch) {
                break;
            }
        }
        Ok(false)
    }
}
