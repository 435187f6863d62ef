//! What keeps the outbox small and true: what it forgets, and what makes room.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension as _, params};

use super::{ItemState, NewItem, Outbox, OutboxItem, StoreError, sqlite, stored, unreadable};
use crate::domain::ids::{Seq, ServiceName};
use crate::domain::notice::{DestinationName, Notice, NoticeAbout, NoticeKey};

impl Outbox {
    /// Forgets since when destinations are told that nobody configures any more, and drops what waits for them: one that comes
    /// back later begins anew.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget_others(&mut self, configured: &[&DestinationName]) -> Result<(), StoreError> {
        let names: Vec<_> = configured.iter().map(|name| name.as_str()).collect();
        let forget = || -> rusqlite::Result<()> {
            let names = serde_json::to_string(&names).map_err(unreadable)?;
            let other = "NOT IN (SELECT value FROM json_each(?1))";
            let since = format!("DELETE FROM destinations WHERE name {other}");
            self.connection.execute(&since, [&names])?;
            let waiting = format!(
                "UPDATE items SET state = 'dropped', final = 1 WHERE state IN ('open', 'sending') \
                 AND destination {other}"
            );
            self.connection.execute(&waiting, [&names]).map(drop)
        };
        forget().map_err(|why| self.at(why))
    }

    /// Forgets what is of events after this one, since the record is an older one than before.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget_after(&mut self, head: Seq) -> Result<(), StoreError> {
        let forget = || -> rusqlite::Result<()> {
            self.connection.execute(
                "DELETE FROM items WHERE json_extract(notice, '$.seq') > ?1",
                [stored(head)],
            )?;
            let since = "UPDATE destinations SET since = MIN(since, ?1)";
            self.connection.execute(since, [stored(head)]).map(drop)
        };
        forget().map_err(|why| self.at(why))
    }

    /// Has a message told anew whose end was told, `over` below it. Where nothing can be edited it is another message.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn tell_anew(
        &mut self,
        item: &OutboxItem,
        over: &NoticeKey,
        is_edited: bool,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let path = self.path.clone();
        let mut write = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            transaction.execute(
                "DELETE FROM items WHERE destination = ?1 AND channel = ?2 AND key = ?3",
                params![item.destination.as_str(), item.channel, over.as_str()],
            )?;
            transaction.execute(
                "UPDATE items SET state = 'open', turn = (SELECT MAX(turn) + 1 FROM items), told = '', final = 0, \
                 remote = CASE WHEN ?2 THEN remote END, attempts = 0, due = ?3, wanted_at = ?3, changed_at = ?3 \
                 WHERE id = ?1",
                params![item.id, is_edited, now.to_rfc3339()],
            )?;
            transaction.commit()
        };
        write().map_err(|why| sqlite(&path, why))
    }

    /// Adds to what is said of dropped details in a channel.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn note_dropped(
        &mut self,
        destination: &DestinationName,
        channel: &str,
        service: &ServiceName,
        count: u32,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let waiting = self.items(
            "destination = ?1 AND channel = ?2 AND service = ?3 AND state = 'open' AND key LIKE 'dropped/%'",
            &[
                Value::from(destination.as_str().to_owned()),
                Value::from(channel.to_owned()),
                Value::from(service.as_str().to_owned()),
            ],
        )?;
        if let Some(OutboxItem { id, mut notice, .. }) = waiting.into_iter().next() {
            if let NoticeAbout::Dropped { count: known } = &mut notice.about {
                *known += count;
            }
            let json = serde_json::to_string(&notice).map_err(|why| self.at(unreadable(why)))?;
            let sql = "UPDATE items SET notice = ?2 WHERE id = ?1";
            let done = self.connection.execute(sql, params![id, json]);
            return done.map(drop).map_err(|why| self.at(why));
        }
        let notice = Notice {
            key: NoticeKey::stored(format!("dropped/{service}/{}", now.timestamp_micros())),
            service: service.clone(),
            seq: Seq(0),
            at: now,
            about: NoticeAbout::Dropped { count },
        };
        let (destination, channel) = (destination.clone(), channel.to_owned());
        self.add(None, &[NewItem { destination, channel, notice }], None, now)
    }

    /// Drops the oldest quiet details of a destination until at most `most` items wait, and where twice as many do, the oldest of
    /// whatever kind. Returns what was dropped.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn bound(
        &mut self,
        destination: &DestinationName,
        most: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<OutboxItem>, StoreError> {
        const SQL: &str =
            "SELECT COUNT(*) FROM items WHERE destination = ?1 AND state IN ('open', 'sending')";
        let count = self.connection.query_row(SQL, [destination.as_str()], |row| row.get(0));
        let count: i64 = count.map_err(|why| self.at(why))?;
        if usize::try_from(count).unwrap_or_default() <= most {
            return Ok(Vec::new());
        }
        let open = self.open_items(destination, usize::MAX)?;
        let surplus = open.len().saturating_sub(most);
        let (quiet, loud): (Vec<_>, Vec<_>) = open
            .into_iter()
            .filter(|item| item.state == ItemState::Open)
            .partition(|item| !item.notice.is_loud());
        let mut dropped: Vec<_> = quiet.into_iter().take(surplus).collect();
        let left = surplus - dropped.len();
        let is_news = |item: &OutboxItem| !matches!(item.notice.about, NoticeAbout::Dropped { .. });
        let loud = loud.into_iter().filter(is_news);
        dropped.extend(loud.take(left.saturating_sub(most)));
        for item in &mut dropped {
            item.state = ItemState::Dropped;
            self.update(item, now)?;
        }
        Ok(dropped)
    }

    /// Removes what was told before a time and can change no more, and whatever is older than `oldest`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn prune(
        &mut self,
        before: DateTime<Utc>,
        oldest: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        const SQL: &str = "DELETE FROM items WHERE (changed_at < ?1 AND state IN ('done', 'dropped') \
             AND (final = 1 OR parent IS NOT NULL)) OR changed_at < ?2";
        let done = self.connection.execute(SQL, params![before.to_rfc3339(), oldest.to_rfc3339()]);
        done.map_err(|why| self.at(why))
    }

    /// Notes which server file names the destinations.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_server_file(&self, file: &Path) -> Result<(), StoreError> {
        const SQL: &str = "INSERT OR REPLACE INTO files (one, server) VALUES (1, ?1)";
        let done = self.connection.execute(SQL, [file.to_string_lossy()]);
        done.map(drop).map_err(|why| self.at(why))
    }

    /// The server file that names the destinations, by the engine that told last.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn server_file(&self) -> Result<Option<PathBuf>, StoreError> {
        let file = self.connection.query_row("SELECT server FROM files", [], |row| row.get(0));
        let file: Option<String> = file.optional().map_err(|why| self.at(why))?;
        Ok(file.map(PathBuf::from))
    }
}
