//! An engine that does not answer: an emergency waits for it, and asks again until it does.

use std::time::Duration;

use crate::backend::BackendError;
use crate::backend::backoff;
use crate::console::model::Model;
use crate::console::model::dialog::kinds::Silence;

/// An emergency gives up after so long; a key starts it anew.
const GIVES_UP: Duration = Duration::from_mins(5);
/// Asking an engine on this machine costs nothing, so the wait does not grow beyond that of this try.
const SLOWEST_TRY: u32 = 1;

/// In how long an engine is asked again that has not answered so many times: soon, unless it says itself when.
#[must_use]
pub fn again_in(model: &Model, why: &BackendError, tries: u32) -> Duration {
    let tries = match why {
        BackendError::Unreachable(_) => tries.min(SLOWEST_TRY),
        _ => tries,
    };
    backoff::wait_at_least(why.again(), tries, model.seed())
}

/// Whether the emergency on screen waits for the engine instead of failing. Nothing was done so far.
pub fn wait_for(model: &mut Model, why: &BackendError) -> bool {
    let silent = matches!(why, BackendError::Unreachable(_) | BackendError::Busy { .. });
    let at = model.at;
    let tries = model.confirm().and_then(|confirm| confirm.dialog.countdown()).map(|countdown| {
        let waited = at.saturating_duration_since(countdown.pressed);
        (waited < GIVES_UP)
            .then(|| countdown.silence.as_ref().map_or(0, |silence| silence.tries + 1))
    });
    let Some(Some(tries)) = tries.filter(|_| silent) else { return false };
    let retry = Some(at + again_in(model, why, tries));
    let countdown = model.confirm_mut().and_then(|confirm| confirm.dialog.countdown_mut());
    if let Some(countdown) = countdown {
        countdown.silence = Some(Silence { why: why.to_string(), tries, retry });
    }
    true
}

/// The engine answers: whatever waits for it asks at once.
pub fn answers(model: &mut Model) {
    let at = model.at;
    let countdown = model.confirm_mut().and_then(|confirm| confirm.dialog.countdown_mut());
    if let Some(silence) = countdown.and_then(|countdown| countdown.silence.as_mut())
        && silence.retry.is_some()
    {
        silence.retry = Some(at);
    }
}
