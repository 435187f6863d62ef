//! The consumer of the record: fills the outbox, in the order of the events, and has told again what says something else now.

mod due;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use super::opened::KnownDestination;
use super::queue::NotifyShared;
use super::rendering::{channel_of, render};
use super::route::{route, wanted};
use super::source::NoticeSource;
use crate::domain::event::{Event, Fact};
use crate::domain::ids::{Seq, ServiceName};
use crate::domain::notice::{DestinationName, Notice, NoticeAbout, hold_after, notices};
use crate::domain::service::ServiceState;
use crate::store::StoreError;
use crate::store::outbox::{ItemState, OutboxItem};

/// How many events are read at once.
const PAGE: usize = 200;
/// The most items of a destination that wait. The oldest quiet details make room for others.
pub(super) const MOST: usize = 500;
/// How long what was told is kept, and how long anything is.
const KEPT: TimeDelta = TimeDelta::days(14);
const OLDEST: TimeDelta = TimeDelta::days(90);
/// What was said, or ended, longer ago than this is counted and not told: nobody acts on it any more.
const OLD: TimeDelta = TimeDelta::hours(6);
/// How long the events of a service wait that is not read.
const UNREAD: Duration = Duration::from_mins(5);
/// How often freezes and what is due are looked for, and old rows are removed.
const FREEZES: Duration = Duration::from_secs(10);
const PRUNING: Duration = Duration::from_hours(1);

pub(super) struct NoticeConsumer<S> {
    shared: Rc<NotifyShared<S>>,
    /// When freezes and what is due were looked for last, by both clocks: the one may be set, and the other stands still while
    /// a machine sleeps.
    looked_at: Option<(Instant, DateTime<Utc>)>,
    pruned_at: Option<Instant>,
    /// The last event that was looked at, where the position stays behind since one of another service waits.
    ahead: Seq,
    /// The events up to there that wait, and since when. By a clock that nobody sets.
    waiting: BTreeMap<Seq, Instant>,
    /// How many old notices of a service are not told, by destination and channel.
    old: BTreeMap<(DestinationName, String, ServiceName), u32>,
}

/// Why a look at the record ended early.
#[derive(Debug)]
pub(super) enum PassError {
    Outbox(StoreError),
    Record(String),
}

impl From<StoreError> for PassError {
    fn from(why: StoreError) -> Self {
        Self::Outbox(why)
    }
}

impl<S: NoticeSource> NoticeConsumer<S> {
    pub fn new(shared: Rc<NotifyShared<S>>) -> Self {
        Self {
            shared,
            looked_at: None,
            pruned_at: None,
            ahead: Seq(0),
            waiting: BTreeMap::new(),
            old: BTreeMap::new(),
        }
    }

    /// Looks at what is new in the record and at what time changed.
    ///
    /// # Errors
    /// When the record or the outbox cannot be read or written. Then the next look begins where this one ended.
    pub async fn pass(&mut self, all: &[Rc<KnownDestination>]) -> Result<(), PassError> {
        let has_news = self.read_events(all).await?;
        self.count_old()?;
        let now = self.shared.source.now();
        let is_time = |(at, wall): (Instant, DateTime<Utc>)| {
            at.elapsed() >= FREEZES || (now - wall).abs().to_std().is_ok_and(|by| by >= FREEZES)
        };
        if has_news || self.looked_at.is_none_or(is_time) {
            self.looked_at = Some((Instant::now(), now));
            self.look_for_freezes(all)?;
            self.look_for_reminders(all)?;
            self.look_for_topics(all)?;
        }
        self.look_at_messages(all).await?;
        for to in all {
            self.make_room(to)?;
        }
        if self.pruned_at.is_none_or(|at| at.elapsed() >= PRUNING) {
            self.pruned_at = Some(Instant::now());
            self.keep_awaited(all)?;
            self.shared.outbox.borrow_mut().prune(now - KEPT, now - OLDEST)?;
        }
        Ok(())
    }

    /// Where the record is read from. At a first start, and for a new destination, that is its end.
    async fn begin(&mut self, all: &[Rc<KnownDestination>]) -> Result<Seq, PassError> {
        let head = self.shared.source.head().await.map_err(PassError::Record)?;
        self.ahead = self.ahead.min(head);
        self.waiting.retain(|seq, _| *seq <= head);
        let now = self.shared.source.now();
        let mut outbox = self.shared.outbox.borrow_mut();
        let position = match outbox.position()? {
            Some(position) if position <= head => position,
            Some(_) => {
                tracing::warn!(
                    "the record is an older one than before; what came after it is forgotten"
                );
                outbox.forget_after(head)?;
                outbox.add(Some(head), &[], None, now)?;
                head
            }
            None => {
                outbox.add(Some(head), &[], None, now)?;
                head
            }
        };
        for to in all {
            if outbox.since(&to.name)?.is_none() {
                outbox.know(&to.name, position.max(head))?;
            }
        }
        Ok(position)
    }

    /// Reads what is new. Where a service is waited for, the position stays before its first event, and only that service waits.
    async fn read_events(&mut self, all: &[Rc<KnownDestination>]) -> Result<bool, PassError> {
        let mut position = self.begin(all).await?;
        let since = self.since(all)?;
        let (mut has_news, mut stays) = (false, false);
        let mut waits = BTreeMap::new();
        loop {
            let events = self.shared.source.events(position, PAGE).await;
            let events = events.map_err(PassError::Record)?;
            let Some(last) = events.last().map(|event| event.seq) else { return Ok(has_news) };
            let mut noted = position;
            let mut looked = position;
            for event in &events {
                let is_new = event.seq > self.ahead;
                if self.waits(event, &mut waits) {
                    stays = true;
                } else if is_new || self.waiting.contains_key(&event.seq) {
                    has_news = true;
                    let at = (!stays).then_some(event.seq);
                    if self.take(event, at, all, &since)? && !stays {
                        noted = event.seq;
                    }
                    self.waiting.remove(&event.seq);
                }
                if !stays {
                    looked = event.seq;
                }
                self.ahead = self.ahead.max(event.seq);
            }
            // Most events tell nobody anything: one write is enough for them.
            if noted != looked {
                let now = self.shared.source.now();
                self.shared.outbox.borrow_mut().add(Some(looked), &[], None, now)?;
            }
            position = last;
        }
    }

    /// Whether an event has to wait for its service to be read, as after a start. `all` has which are read.
    fn waits(&mut self, event: &Event, all: &mut BTreeMap<ServiceName, bool>) -> bool {
        if matches!(event.fact, Fact::BuildFound { .. }) {
            return false;
        }
        let known = all.get(&event.service).copied();
        let is_read = known.unwrap_or_else(|| {
            let is_read = self.shared.source.look(&event.service, |told| told.is_read);
            all.insert(event.service.clone(), is_read == Some(true));
            is_read == Some(true)
        });
        let about = format!("file of {}", event.service);
        if is_read {
            self.shared.note(&about, None);
            return false;
        }
        let since = *self.waiting.entry(event.seq).or_insert_with(Instant::now);
        let waits = since.elapsed() < UNREAD;
        if !waits {
            let service = &event.service;
            let why =
                format!("what happened at {service} was not told everywhere: its file is not read");
            self.shared.note(&about, Some(why));
        }
        waits
    }

    /// Says how many old notices were not told.
    fn count_old(&mut self) -> Result<(), StoreError> {
        let now = self.shared.source.now();
        let mut outbox = self.shared.outbox.borrow_mut();
        for ((destination, channel, service), count) in std::mem::take(&mut self.old) {
            outbox.note_dropped(&destination, &channel, &service, count, now)?;
        }
        Ok(())
    }

    fn since(
        &self,
        all: &[Rc<KnownDestination>],
    ) -> Result<BTreeMap<DestinationName, Seq>, StoreError> {
        let outbox = self.shared.outbox.borrow();
        let mut since = BTreeMap::new();
        for to in all {
            since.insert(to.name.clone(), outbox.since(&to.name)?.unwrap_or(Seq(u64::MAX)));
        }
        Ok(since)
    }

    /// Puts what one event tells into the outbox, together with the position. Returns whether that was written.
    fn take(
        &mut self,
        event: &Event,
        position: Option<Seq>,
        all: &[Rc<KnownDestination>],
        since: &BTreeMap<DestinationName, Seq>,
    ) -> Result<bool, StoreError> {
        let held_by = match &event.fact {
            Fact::HoldReleased { .. } => self.shared.outbox.borrow().held_by(&event.service)?,
            _ => None,
        };
        let (then, mut old) = (self.shared.source.now() - OLD, Vec::new());
        let made = self.shared.source.look(&event.service, |noted| {
            let made = notices(event, noted.state, held_by.as_ref());
            let mut items = Vec::new();
            for to in all.iter().filter(|to| since.get(&to.name).is_some_and(|at| event.seq > *at))
            {
                let Some(channel) =
                    self.channel(to, &event.service, channel_of(to, &event.service, &noted))
                else {
                    continue;
                };
                let staging = to.staging(noted.destinations.get(&to.name));
                for notice in wanted(event, &made, noted.state, staging) {
                    let is_old = event.at < then && ended_before(&notice, noted.state, then);
                    let Some(item) = route(to, &channel, notice) else { continue };
                    if is_old {
                        old.push((item.destination, item.channel, event.service.clone()));
                    } else {
                        items.push(item);
                    }
                }
            }
            items
        });
        let (items, hold) = (made.unwrap_or_default(), hold_after(event));
        for place in old {
            *self.old.entry(place).or_default() += 1;
        }
        if items.is_empty() && hold.is_none() {
            return Ok(false);
        }
        let hold = hold.as_ref().map(|key| (&event.service, key.as_ref()));
        let now = self.shared.source.now();
        self.shared.outbox.borrow_mut().add(position, &items, hold, now)?;
        Ok(true)
    }

    /// The channel that was found, or none, with a word of what is wrong.
    fn channel(
        &self,
        to: &KnownDestination,
        service: &ServiceName,
        found: Option<Result<String, String>>,
    ) -> Option<String> {
        let about = format!("{service} at {}", to.name);
        let (channel, trouble) = match found? {
            Ok(channel) => (Some(channel), None),
            Err(why) => (None, Some(format!("{service} is not told at {}: {why}", to.name))),
        };
        self.shared.note(&about, trouble);
        channel
    }

    /// Has told again what says something else now.
    async fn look_at_messages(&self, all: &[Rc<KnownDestination>]) -> Result<(), StoreError> {
        let standing = self.shared.outbox.borrow().standing(None)?;
        for item in standing {
            let Some(to) = all.iter().find(|to| to.name == item.destination) else { continue };
            self.look_at(&item, to).await?;
        }
        Ok(())
    }

    async fn look_at(&self, item: &OutboxItem, to: &KnownDestination) -> Result<(), StoreError> {
        // What waits is made when it has its turn. While a destination hangs that is everything.
        let waits = matches!(item.state, ItemState::Open | ItemState::Sending);
        if waits && !matches!(item.notice.about, NoticeAbout::Freeze(_)) {
            return Ok(());
        }
        let pages = self.shared.pages.as_deref();
        let Ok(rendered) = render(&self.shared.source, to, pages, item).await else {
            return Ok(());
        };
        let now = self.shared.source.now();
        let says_more = if to.abilities().edit {
            rendered.digest != item.told
        } else {
            rendered.view.settled && item.told.is_empty()
        };
        if rendered.view.is_final {
            self.tell_end_of_freeze(item, to, now)?;
            if !to.abilities().edit && !says_more && item.state == ItemState::Done {
                let ended = OutboxItem { is_final: true, ..item.clone() };
                return self.shared.outbox.borrow_mut().update(&ended, now);
            }
        }
        let wants_pin = item.is_pinned && rendered.view.is_final;
        let is_tried = match item.state {
            ItemState::Done => false,
            ItemState::Failed => {
                // After a restart it is tried once more.
                self.shared.given_up.borrow().get(&item.id) == Some(&rendered.digest)
            }
            ItemState::Open | ItemState::Sending | ItemState::Dropped => true,
        };
        if (says_more || wants_pin) && !is_tried {
            let since = self.changed_at(item, now);
            self.shared.outbox.borrow_mut().touch(item.id, since, now)?;
        }
        Ok(())
    }

    /// Since when it says something else: since the newest event of its service, if that is why.
    fn changed_at(&self, item: &OutboxItem, now: DateTime<Utc>) -> DateTime<Utc> {
        let NoticeAbout::Deployment { deployment } = &item.notice.about else { return now };
        let ended = self.shared.source.look(&item.notice.service, |noted| {
            noted.state.deployments.get(deployment)?.ended.as_ref().map(|ended| ended.at)
        });
        // An end that was told says later only what came after it.
        let ended = ended.flatten().filter(|at| item.changed_at < *at);
        ended.unwrap_or(now).min(now)
    }

    /// Drops the oldest details where too many wait, and says how many.
    fn make_room(&self, to: &KnownDestination) -> Result<(), StoreError> {
        let now = self.shared.source.now();
        let mut outbox = self.shared.outbox.borrow_mut();
        let dropped = outbox.bound(&to.name, MOST, now)?;
        let mut counts: BTreeMap<(String, ServiceName), u32> = BTreeMap::new();
        for item in dropped {
            *counts.entry((item.channel, item.notice.service)).or_default() += 1;
        }
        for ((channel, service), count) in counts {
            outbox.note_dropped(&to.name, &channel, &service, count, now)?;
        }
        Ok(())
    }
}

/// Whether what a notice is about ended before that.
fn ended_before(notice: &Notice, state: &ServiceState, then: DateTime<Utc>) -> bool {
    let ended = match &notice.about {
        NoticeAbout::Deployment { deployment } => {
            let found = state.deployments.get(deployment);
            found.map(|of| of.ended.as_ref().map(|ended| ended.at))
        }
        NoticeAbout::Incident { incident } => {
            let found = state.incidents.get(*incident);
            found.map(|of| of.resolved.as_ref().map(|end| end.written_at))
        }
        _ => return true,
    };
    // What is not in the record any more is no news.
    ended.is_none_or(|ended| ended.is_some_and(|at| at < then))
}
