//! What time brings, and no event: freezes that begin and end, what people are reminded of, and the topics of channels.

use std::collections::BTreeSet;
use std::rc::Rc;

use chrono::{DateTime, TimeDelta, Utc};

use super::NoticeConsumer;
use crate::domain::ids::Seq;
use crate::domain::notice::{
    DetailKind, Notice, NoticeAbout, NoticeDetail, NoticeKey, awaited, freezes_now, reminders,
};
use crate::notify::opened::KnownDestination;
use crate::notify::rendering::{channel_of, services_of};
use crate::notify::route::route;
use crate::notify::source::NoticeSource;
use crate::store::StoreError;
use crate::store::outbox::{ItemState, NewItem, Outbox, OutboxItem};

/// How old the row of what still holds may be.
const FRESH: TimeDelta = TimeDelta::days(1);

impl<S: NoticeSource> NoticeConsumer<S> {
    /// Tells of each freeze that holds now and was not told yet.
    pub(super) fn look_for_freezes(&self, all: &[Rc<KnownDestination>]) -> Result<(), StoreError> {
        let now = self.shared.source.now();
        for name in self.shared.source.services() {
            let found = self.shared.source.look(&name, |noted| {
                // Its own file says whether a freeze only warns.
                let freezes = if noted.is_read {
                    freezes_now(&name, noted.state, noted.windows, now)
                } else {
                    Vec::new()
                };
                let at = |to: &Rc<KnownDestination>| {
                    Some((to.clone(), self.channel(to, &name, channel_of(to, &name, &noted))?))
                };
                let places: Vec<_> = all.iter().filter_map(at).collect();
                (freezes, places)
            });
            let Some((freezes, places)) = found else { continue };
            for (to, channel) in &places {
                for notice in &freezes {
                    self.add_new(to, channel, notice)?;
                }
            }
        }
        Ok(())
    }

    /// Reminds of what is due, where the incident itself was told.
    pub(super) fn look_for_reminders(
        &self,
        all: &[Rc<KnownDestination>],
    ) -> Result<(), StoreError> {
        let now = self.shared.source.now();
        for name in self.shared.source.services() {
            let found = self.shared.source.look(&name, |noted| {
                let due = if noted.is_read {
                    reminders(&name, noted.state, noted.incidents, now)
                } else {
                    Vec::new()
                };
                let is_due = |to: &&Rc<KnownDestination>| !due.is_empty() && to.is_told_incidents();
                let at = |to: &Rc<KnownDestination>| {
                    Some((to.clone(), channel_of(to, &name, &noted)?.ok()?))
                };
                let places: Vec<_> = all.iter().filter(is_due).filter_map(at).collect();
                (due, places)
            });
            let Some((due, places)) = found else { continue };
            for (to, channel) in &places {
                for notice in &due {
                    let Some(of) = notice.parent() else { continue };
                    let is_told = self.shared.outbox.borrow().find(&to.name, channel, of)?;
                    if is_told.is_some() && route(to, channel, notice.clone()).is_some() {
                        self.add_new(to, channel, notice)?;
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn look_for_topics(&self, all: &[Rc<KnownDestination>]) -> Result<(), StoreError> {
        let now = self.shared.source.now();
        for to in all.iter().filter(|to| to.settings.topic && to.abilities().topic) {
            let channels: BTreeSet<_> = to.settings.channels.values().cloned().collect();
            for channel in channels {
                let services = services_of(&self.shared.source, to, &channel);
                let Some(service) = services.into_iter().next() else { continue };
                let (key, about) = (NoticeKey::topic(), NoticeAbout::Topic);
                self.add_new(to, &channel, &Notice { key, service, seq: Seq(0), at: now, about })?;
            }
        }
        Ok(())
    }

    fn add_new(
        &self,
        to: &KnownDestination,
        channel: &str,
        notice: &Notice,
    ) -> Result<(), StoreError> {
        let mut outbox = self.shared.outbox.borrow_mut();
        let now = self.shared.source.now();
        if let Some(known) = outbox.find(&to.name, channel, &notice.key)? {
            let is_freeze = matches!(notice.about, NoticeAbout::Freeze(_));
            if is_freeze && known.is_final && known.state == ItemState::Done {
                return outbox.tell_anew(&known, &over(&known), to.abilities().edit, now);
            }
            return keep(&mut outbox, &known, now);
        }
        let (destination, channel) = (to.name.clone(), channel.to_owned());
        let item = NewItem { destination, channel, notice: notice.clone() };
        outbox.add(None, &[item], None, now)
    }

    /// Keeps the rows of incidents that are open or owe a postmortem: reminders stand below them.
    pub(super) fn keep_awaited(&self, all: &[Rc<KnownDestination>]) -> Result<(), StoreError> {
        let now = self.shared.source.now();
        for name in self.shared.source.services() {
            let found = self.shared.source.look(&name, |noted| {
                let keys = awaited(&name, noted.state, noted.incidents);
                let at = |to: &Rc<KnownDestination>| {
                    Some((to.name.clone(), channel_of(to, &name, &noted)?.ok()?))
                };
                (keys, all.iter().filter_map(at).collect::<Vec<_>>())
            });
            let Some((keys, places)) = found else { continue };
            for (to, channel) in &places {
                for key in &keys {
                    let mut outbox = self.shared.outbox.borrow_mut();
                    if let Some(known) = outbox.find(to, channel, key)? {
                        keep(&mut outbox, &known, now)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Says below a freeze that it ended by itself. That a person lifted it is an event.
    pub(super) fn tell_end_of_freeze(
        &self,
        item: &OutboxItem,
        to: &KnownDestination,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let NoticeAbout::Freeze(freeze) = &item.notice.about else { return Ok(()) };
        let by_itself = freeze.freeze.is_none() || freeze.until.is_some_and(|until| until <= now);
        if !by_itself {
            return Ok(());
        }
        let sentence = format!("the freeze is over: {}", freeze.reason);
        let about = NoticeDetail::new(item.notice.key.clone(), DetailKind::Over, sentence);
        let about = NoticeDetail { loud: true, ..about };
        let at = freeze.until.filter(|until| *until <= now).unwrap_or(now);
        let about = NoticeAbout::Detail(about);
        let notice = Notice { key: over(item), at, about, ..item.notice.clone() };
        self.add_new(to, &item.channel, &notice)
    }
}

/// What says below a freeze that it is over.
fn over(item: &OutboxItem) -> NoticeKey {
    item.notice.key.part("over")
}

/// Makes the row of what still holds a young one: what holds for months is not forgotten meanwhile, and so not told anew.
fn keep(outbox: &mut Outbox, known: &OutboxItem, now: DateTime<Utc>) -> Result<(), StoreError> {
    let is_old = known.state == ItemState::Done && now - known.changed_at >= FRESH;
    if is_old { outbox.update(known, now) } else { Ok(()) }
}
