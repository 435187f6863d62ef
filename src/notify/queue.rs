//! The queue of one destination: takes what is to be told from the outbox, in the order of each channel, and sends it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::backoff;
use super::destination::{Act, Delivery, LookedUp, SendOutcome};
use super::opened::OpenDestination;
use super::rendering::{RenderedItem, render};
use super::source::NoticeSource;
use crate::domain::notice::{DestinationName, NoticeAbout, NoticeDetail};
use crate::store::StoreError;
use crate::store::outbox::{ItemState, Outbox, OutboxItem};

/// The tries of one item before it counts as failed: about half an hour.
const TRIES: u32 = 12;
/// The tries of what a pager is told of an incident, and the longest pause between them: about a day.
const TRIES_TO_CALL: u32 = 1_440;
const CALL_AGAIN: Duration = Duration::from_mins(1);
/// The pause after the outbox could not be written.
const BROKEN: Duration = Duration::from_secs(10);
/// How long a destination is waited for that is opened again, since its token may be another one by now.
const FRESH: Duration = Duration::from_secs(15);

/// How fast the notifier is.
#[derive(Debug, Clone, Copy)]
pub struct NotifyTimes {
    /// The pause after a first try that failed; each next one is twice as long.
    pub first: Duration,
    pub longest: Duration,
    /// After this a message whose answer got lost has arrived, or it never will.
    pub settle: Duration,
    /// The shortest time between two messages in a channel, instead of the destination's own.
    pub pace: Option<Duration>,
    /// How long changes are collected.
    pub collect: Duration,
    /// How often it looks although nothing changed: freezes begin, requests end.
    pub look: Duration,
}

impl Default for NotifyTimes {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(2),
            longest: Duration::from_mins(10),
            settle: Duration::from_secs(5),
            pace: None,
            collect: Duration::from_millis(200),
            look: Duration::from_secs(10),
        }
    }
}

/// What the consumer and the queues share.
pub(super) struct NotifyShared<S> {
    pub source: S,
    pub outbox: RefCell<Outbox>,
    pub pages: Option<String>,
    pub times: NotifyTimes,
    /// What is wrong, by what it is about.
    pub troubles: RefCell<BTreeMap<String, String>>,
    /// What an item last said that was given up: only something else has it tried again.
    pub given_up: RefCell<BTreeMap<i64, String>>,
    /// The destinations that are to be opened again now.
    pub stale: RefCell<BTreeSet<DestinationName>>,
    /// Wakes the notifier: one is stale, or was opened.
    pub wake: Notify,
}

impl<S> NotifyShared<S> {
    /// Notes what is wrong with something, or that nothing is.
    pub fn note(&self, about: &str, trouble: Option<String>) {
        let mut all = self.troubles.borrow_mut();
        match trouble {
            Some(why) => {
                if all.get(about) != Some(&why) {
                    tracing::warn!(about, why, "somebody is not told");
                }
                all.insert(about.to_owned(), why);
            }
            None => {
                all.remove(about);
            }
        }
    }
}

/// The queue of one destination.
pub(super) struct DestinationQueue<S> {
    shared: Rc<NotifyShared<S>>,
    to: Rc<OpenDestination>,
    /// The destination as it was opened last; none while another one is opened in its place.
    opened: watch::Receiver<Option<Rc<OpenDestination>>>,
    /// When there is room again in each channel.
    paced: BTreeMap<String, Instant>,
    /// Until then the destination wants to hear nothing.
    held: Option<Instant>,
    /// When the items that are seen are due, by a clock that nobody sets.
    due: BTreeMap<i64, (DateTime<Utc>, Instant)>,
    /// What was due until then has had the destination opened again.
    fresh_for: Option<DateTime<Utc>>,
}

/// What is to be done next.
enum NextItem {
    Item(Box<OutboxItem>),
    /// Nothing before this.
    At(Option<Instant>),
}

impl<S: NoticeSource> DestinationQueue<S> {
    pub fn new(
        shared: Rc<NotifyShared<S>>,
        to: Rc<OpenDestination>,
        opened: watch::Receiver<Option<Rc<OpenDestination>>>,
    ) -> Self {
        let (paced, due) = (BTreeMap::new(), BTreeMap::new());
        Self { shared, to, opened, paced, held: None, due, fresh_for: None }
    }

    /// Sends until it is dropped. `woken` changes when there may be something new.
    pub async fn run(mut self, mut woken: watch::Receiver<u64>) {
        loop {
            woken.mark_unchanged();
            // Between two requests: what is on its way is waited for.
            let opened = self.opened.borrow_and_update().clone();
            let Some(opened) = opened else {
                if self.opened.changed().await.is_err() {
                    return;
                }
                continue;
            };
            self.to = opened;
            let done = match self.next() {
                Ok(NextItem::Item(item)) if self.needs_fresh(&item) => {
                    self.freshen(&item).await;
                    Ok(())
                }
                Ok(NextItem::Item(item)) => self.handle(*item).await,
                Ok(NextItem::At(until)) => {
                    tokio::select! {
                        changed = woken.changed() => if changed.is_err() { return },
                        changed = self.opened.changed() => if changed.is_err() { return },
                        () = sleep_until(until) => {}
                    }
                    Ok(())
                }
                Err(why) => Err(why),
            };
            if let Err(why) = done {
                self.shared.note("outbox", Some(why.to_string()));
                tokio::time::sleep(BROKEN).await;
            }
        }
    }

    /// The first item of a channel in which there is room, if it is due.
    fn next(&mut self) -> Result<NextItem, StoreError> {
        let items = self.shared.outbox.borrow().first_items(&self.to.name)?;
        let (now, wall) = (Instant::now(), self.shared.source.now());
        let longest = self.shared.times.longest * 2;
        let before = std::mem::take(&mut self.due);
        for item in &items {
            let known = before.get(&item.id).filter(|(due, _)| *due == item.due).copied();
            let wait = (item.due - wall).to_std().unwrap_or_default().min(longest);
            self.due.insert(item.id, known.unwrap_or((item.due, now + wait)));
        }
        let mut soonest: Option<Instant> = None;
        for item in items {
            let due = self.due.get(&item.id).map(|(_, at)| *at);
            let room = self.paced.get(&item.channel).copied();
            let at = [due, room, self.held].into_iter().flatten().max().unwrap_or(now);
            if at <= now {
                return Ok(NextItem::Item(Box::new(item)));
            }
            soonest = Some(soonest.map_or(at, |soonest| soonest.min(at)));
        }
        Ok(NextItem::At(soonest))
    }

    /// Whether somebody may have renewed the token for this one: it was given up and is tried again, or tries the destination
    /// while that is in trouble.
    fn needs_fresh(&self, item: &OutboxItem) -> bool {
        let is_test = matches!(item.notice.about, NoticeAbout::Test { .. });
        let is_again = item.error.is_some() || (is_test && self.is_in_trouble());
        is_again && item.attempts == 0 && self.fresh_for.is_none_or(|at| at < item.due)
    }

    fn is_in_trouble(&self) -> bool {
        self.shared.troubles.borrow().contains_key(self.to.name.as_str())
    }

    /// Has the destination opened again. If that fails or takes long, the one that is open has to do.
    async fn freshen(&mut self, item: &OutboxItem) {
        self.fresh_for = Some(item.due);
        self.shared.stale.borrow_mut().insert(self.to.name.clone());
        self.shared.wake.notify_one();
        let _changed_or_not = tokio::time::timeout(FRESH, self.opened.changed()).await;
    }

    async fn handle(&mut self, mut item: OutboxItem) -> Result<(), StoreError> {
        let shared = self.shared.clone();
        let pages = shared.pages.as_deref();
        let rendered = match render(&shared.source, &self.to, pages, &item).await {
            Ok(rendered) => rendered,
            // Its service may be read a moment later, as after a start, or never.
            Err(why) => {
                item.is_stuck = true;
                let state = item.state;
                return self.failed(item, "", (true, why), state);
            }
        };
        item.is_stuck = false;
        let about = format!("template {} of {}", rendered.view.kind, self.to.name);
        shared.note(&about, rendered.trouble.clone());
        let Some(act) = self.act(&mut item, &rendered)? else {
            return self.finish(item, &rendered);
        };
        let delivery = Delivery {
            key: item.notice.key.as_str().to_owned(),
            channel: item.channel.clone(),
            act,
            view: rendered.view.clone(),
            text: rendered.text.clone(),
            since: item.wanted_at,
            now: shared.source.now(),
        };
        let is_new = matches!(delivery.act, Act::Post | Act::Reply { .. });
        let is_doubtful = item.is_doubtful || item.state == ItemState::Sending;
        if is_doubtful && is_new && self.to.abilities().look_up {
            return self.look_up(item, &rendered, &delivery).await;
        }
        self.send(item, &rendered, &delivery).await
    }

    /// What brings the item to what it should say; `None` if it does so already, or has nothing to say.
    fn act(
        &self,
        item: &mut OutboxItem,
        rendered: &RenderedItem,
    ) -> Result<Option<Act>, StoreError> {
        let can = self.to.abilities();
        match &item.notice.about {
            NoticeAbout::Topic => {
                Ok((can.topic && rendered.digest != item.told).then_some(Act::Topic))
            }
            NoticeAbout::Detail(_) if rendered.view.is_moot && item.told.is_empty() => {
                item.state = ItemState::Dropped;
                Ok(None)
            }
            NoticeAbout::Detail(detail) => self.act_of_detail(item, &detail.clone()),
            _ => Ok(self.act_of_message(item, rendered)),
        }
    }

    fn act_of_message(&self, item: &OutboxItem, rendered: &RenderedItem) -> Option<Act> {
        let (can, view) = (self.to.abilities(), &rendered.view);
        let Some(remote) = item.remote.clone() else {
            // What has ended is told once, where it cannot be changed.
            let is_time = item.told.is_empty() && (can.edit || view.settled);
            return is_time.then_some(Act::Post);
        };
        if can.edit && rendered.digest != item.told {
            return Some(Act::Edit { remote });
        }
        let holds = matches!(item.notice.about, NoticeAbout::Freeze(_)) && !view.is_final;
        match (can.pin, holds, item.is_pinned) {
            (true, true, false) => Some(Act::Pin { remote }),
            (true, false, true) => Some(Act::Unpin { remote }),
            _ => None,
        }
    }

    /// A detail stands below its message. Without one, what everybody has to hear is a message of its own.
    fn act_of_detail(
        &self,
        item: &mut OutboxItem,
        detail: &NoticeDetail,
    ) -> Result<Option<Act>, StoreError> {
        if item.remote.is_some() || !item.told.is_empty() {
            return Ok(None);
        }
        let can = self.to.abilities();
        if !can.thread {
            return Ok(detail.stands_alone(can.edit).then_some(Act::Post));
        }
        let parent =
            self.shared.outbox.borrow().find(&item.destination, &item.channel, &detail.of)?;
        let parent = parent.and_then(|parent| parent.remote);
        if parent.is_none() && !detail.loud {
            item.state = ItemState::Dropped;
        }
        let loud = detail.loud;
        let reply = parent.map(|parent| Act::Reply { parent, loud });
        Ok(reply.or_else(|| loud.then_some(Act::Post)))
    }

    async fn look_up(
        &mut self,
        mut item: OutboxItem,
        rendered: &RenderedItem,
        delivery: &Delivery,
    ) -> Result<(), StoreError> {
        let now = self.shared.source.now();
        let settled = item.changed_at + delta(self.shared.times.settle);
        if now < settled && item.due < settled {
            item.due = settled;
            return self.update(&item, item.changed_at);
        }
        match self.to.destination.look_up(delivery).await {
            LookedUp::Absent => self.send(item, rendered, delivery).await,
            LookedUp::Found { remote } => {
                // It says what was true then.
                (item.remote, item.told) = (Some(remote), String::new());
                (item.state, item.attempts, item.error) = (ItemState::Open, 0, None);
                item.is_doubtful = false;
                self.update(&item, now)
            }
            LookedUp::Later { after } => {
                self.hold(after);
                (item.due, item.error) = (now + delta(after), None);
                self.update(&item, item.changed_at)
            }
            LookedUp::Failed { retry, why } => {
                self.failed(item, &rendered.digest, (retry, why), ItemState::Sending)
            }
        }
    }

    async fn send(
        &mut self,
        mut item: OutboxItem,
        rendered: &RenderedItem,
        delivery: &Delivery,
    ) -> Result<(), StoreError> {
        item.state = ItemState::Sending;
        item.is_doubtful = matches!(delivery.act, Act::Post | Act::Reply { .. });
        self.update(&item, self.shared.source.now())?;
        let pace = self.shared.times.pace.unwrap_or(self.to.abilities().pace);
        let outcome = self.to.destination.send(delivery).await;
        self.paced.insert(item.channel.clone(), Instant::now() + pace);
        let now = self.shared.source.now();
        item.is_doubtful &= matches!(outcome, SendOutcome::Unknown { .. });
        // Without these everything else can be told.
        let is_besides = matches!(delivery.act, Act::Pin { .. } | Act::Unpin { .. } | Act::Topic);
        item.is_aside |= is_besides && !matches!(outcome, SendOutcome::Done { .. });
        match outcome {
            SendOutcome::Done { remote } => self.sent(item, rendered, delivery, remote).await,
            SendOutcome::Later { after } => {
                if !is_besides {
                    self.hold(after);
                }
                (item.state, item.due) = (ItemState::Open, now + delta(after));
                item.error = None;
                self.update(&item, now)
            }
            SendOutcome::Failed { retry, why } => match delivery.act {
                // The message itself was told.
                Act::Pin { .. } | Act::Unpin { .. } if !retry || item.attempts + 1 >= TRIES => {
                    item.is_pinned = matches!(delivery.act, Act::Pin { .. });
                    item.error = Some(why);
                    (item.state, item.attempts) = (ItemState::Open, 0);
                    self.update(&item, now)
                }
                _ => self.failed(item, &rendered.digest, (retry, why), ItemState::Open),
            },
            SendOutcome::Unknown { why } => {
                self.failed(item, &rendered.digest, (true, why), ItemState::Sending)
            }
            SendOutcome::Gone { why } => {
                (item.remote, item.told, item.is_pinned) = (None, String::new(), false);
                self.failed(item, &rendered.digest, (true, why), ItemState::Open)
            }
        }
    }

    async fn sent(
        &mut self,
        mut item: OutboxItem,
        rendered: &RenderedItem,
        delivery: &Delivery,
        remote: Option<String>,
    ) -> Result<(), StoreError> {
        match delivery.act {
            Act::Pin { .. } => item.is_pinned = true,
            Act::Unpin { .. } => item.is_pinned = false,
            Act::Post | Act::Edit { .. } | Act::Reply { .. } | Act::Topic => {
                item.remote = remote.or(item.remote);
                item.told.clone_from(&rendered.digest);
                item.error = None;
            }
        }
        (item.state, item.attempts) = (ItemState::Open, 0);
        self.shared.note(self.to.name.as_str(), None);
        // What it is about may have changed while it was sent.
        let pages = self.shared.pages.as_deref();
        match render(&self.shared.source, &self.to, pages, &item).await {
            Ok(again) => match self.act(&mut item, &again)? {
                None => self.finish(item, &again),
                Some(_) => self.update(&item, self.shared.source.now()),
            },
            Err(_) => self.finish(item, rendered),
        }
    }

    /// It says what it should.
    fn finish(&self, mut item: OutboxItem, rendered: &RenderedItem) -> Result<(), StoreError> {
        let can = self.to.abilities();
        let is_told = item.remote.is_some() || !item.told.is_empty();
        if item.state != ItemState::Dropped {
            item.state = ItemState::Done;
        }
        if can.edit && is_told {
            item.told.clone_from(&rendered.digest);
        }
        // What cannot be changed says the same for ever. That a freeze ended is told below it, also then.
        let is_freeze = matches!(item.notice.about, NoticeAbout::Freeze(_));
        item.is_final = rendered.view.is_final || (!can.edit && is_told && !is_freeze);
        item.attempts = 0;
        item.is_aside = matches!(item.notice.about, NoticeAbout::Topic);
        self.update(&item, self.shared.source.now())
    }

    /// A try that failed. The next one comes after a pause, up to an end.
    fn failed(
        &self,
        mut item: OutboxItem,
        digest: &str,
        (retry, why): (bool, String),
        state: ItemState,
    ) -> Result<(), StoreError> {
        item.attempts += 1;
        let is_call = self.to.calls(&item.notice);
        if !retry || item.attempts >= if is_call { TRIES_TO_CALL } else { TRIES } {
            let (name, key) = (self.to.name.as_str(), &item.notice.key);
            // With another token it may take the next one.
            self.shared.note(name, Some(format!("{name} did not take {key}: {why}")));
            return self.give_up(item, digest, why);
        }
        let now = self.shared.source.now();
        let times = &self.shared.times;
        let longest = if is_call { times.longest.min(CALL_AGAIN) } else { times.longest };
        let mut pause = backoff::pause(times.first, longest, item.attempts, item.id);
        if state == ItemState::Sending {
            pause = pause.max(times.settle);
        }
        let name = self.to.name.as_str();
        self.shared.note(name, Some(format!("{name} is not told now: {why}")));
        (item.state, item.due, item.error) = (state, now + delta(pause), Some(why));
        self.update(&item, now)
    }

    fn give_up(&self, mut item: OutboxItem, digest: &str, why: String) -> Result<(), StoreError> {
        self.shared.given_up.borrow_mut().insert(item.id, digest.to_owned());
        let (name, key) = (&self.to.name, &item.notice.key);
        tracing::warn!(destination = %name, %key, why, "it is not told");
        (item.state, item.error) = (ItemState::Failed, Some(why));
        self.update(&item, self.shared.source.now())
    }

    fn update(&self, item: &OutboxItem, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.shared.outbox.borrow_mut().update(item, now)
    }

    fn hold(&mut self, after: Duration) {
        self.held = Some(Instant::now() + after);
    }
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
