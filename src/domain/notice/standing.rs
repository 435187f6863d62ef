//! What is told of how things stand: the freezes of now, and what is live.

use chrono::{DateTime, Utc};

use super::{FreezeNotice, Notice, NoticeAbout, NoticeKey};
use crate::calendar::{FreezeMode, FreezeWindow};
use crate::domain::ids::{BuildNumber, Environment, ServiceName};
use crate::domain::service::ServiceState;

/// The freezes that hold production of a service now: those by hand, and the windows of the calendars.
#[must_use]
pub fn freezes_now(
    service: &ServiceName,
    state: &ServiceState,
    windows: &[FreezeWindow],
    now: DateTime<Utc>,
) -> Vec<Notice> {
    let notice = |key, about: FreezeNotice| Notice {
        key,
        service: service.clone(),
        seq: state.last_seq,
        at: about.from,
        about: NoticeAbout::Freeze(about),
    };
    let by_hand = state.freezes_at(now).map(|freeze| {
        let about = FreezeNotice {
            freeze: Some(freeze.id),
            from: freeze.from,
            until: freeze.until,
            reason: freeze.reason.clone(),
            by: freeze.by.to_string(),
            why: None,
        };
        notice(NoticeKey::of_event(service, freeze.id), about)
    });
    let holds = |window: &&FreezeWindow| needs_override(window) && window.covers(now);
    let by_rule = windows.iter().filter(holds).map(|window| {
        let about = FreezeNotice {
            freeze: None,
            from: window.from,
            until: window.until,
            reason: window.reason.clone(),
            by: format!("rule {}", window.freeze),
            why: why_unread(window),
        };
        notice(NoticeKey::of_calendar(&window.freeze, window.from), about)
    });
    by_hand.chain(by_rule).collect()
}

/// Whether a promote in this window needs an override. One that only warns is no freeze that is told.
pub(super) fn needs_override(window: &FreezeWindow) -> bool {
    window.policy == FreezeMode::Override
}

/// Why a window counts as frozen that is one of no date, but of a calendar that cannot be read.
fn why_unread(window: &FreezeWindow) -> Option<String> {
    let is_unread = window.until.is_none() || window.from == DateTime::UNIX_EPOCH;
    let why = window.why.strip_prefix(&format!("{}: ", window.freeze)).unwrap_or(&window.why);
    is_unread.then(|| why.to_owned())
}

/// What production of a service runs, as far as that is known.
#[must_use]
pub fn live_of(state: &ServiceState) -> Option<BuildNumber> {
    let is_known = !state.is_live_unknown() && state.unsettled(Environment::Production).is_none();
    state.live(Environment::Production).filter(|_| is_known).map(|live| live.build)
}
