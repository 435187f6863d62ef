//! What makes links to pages and signs browsers in: the keys that sign, and the sign-ins that wait for their browser.

use std::collections::VecDeque;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::chain::Hash;
use crate::domain::link::{LinkMaker, LinkRefusal, LinkTarget, SIGN_IN, SignedLink, SigningKey};

/// The file of the keys, below the data folder.
pub(super) const FILE: &str = "link.keys";
/// The longest life of a link. A key signs for that long, so that two keys are enough for every link that holds.
pub(super) const LONGEST: TimeDelta = TimeDelta::days(30);
/// How many keys hold at once.
const KEYS: usize = 2;
/// The most sign-ins that wait. One more takes the place of the oldest.
const MOST_WAITING: usize = 64;

/// The links of a server. Clones share them.
#[derive(Clone)]
pub(super) struct Links(Arc<SharedLinks>);

struct SharedLinks {
    file: PathBuf,
    /// Newest first; `None` while the file was not read.
    keys: Mutex<Option<Vec<SigningKey>>>,
    /// Oldest first.
    waiting: Mutex<VecDeque<SignIn>>,
}

/// A sign-in whose browser has not come yet. The code is kept as its digest.
#[derive(Clone)]
struct SignIn {
    code: Hash,
    maker: LinkMaker,
    /// Who signs in, for people.
    name: String,
    until: DateTime<Utc>,
}

impl Links {
    pub fn new(data: &Path) -> Self {
        let (keys, waiting) = (Mutex::default(), Mutex::default());
        Self(Arc::new(SharedLinks { file: data.join(FILE), keys, waiting }))
    }

    /// The text that opens the target.
    ///
    /// # Errors
    /// With the reason, when the keys cannot be read or written.
    pub fn sign(
        &self,
        target: LinkTarget<'_>,
        expires: DateTime<Utc>,
        maker: LinkMaker,
        now: DateTime<Utc>,
    ) -> Result<String, String> {
        let mut known = self.keys()?;
        let keys = known.get_or_insert_default();
        let is_due = keys.first().is_none_or(|newest| {
            DateTime::from_timestamp(newest.id, 0).is_none_or(|made| now - made >= LONGEST)
        });
        if is_due {
            let mut renewed = keys.clone();
            renewed.insert(0, new_key(now)?);
            renewed.truncate(KEYS);
            write(&self.0.file, &renewed)?;
            *keys = renewed;
        }
        Ok(keys[0].sign(target, expires, maker))
    }

    /// Who made this text for the target, and when it ends.
    pub fn check(
        &self,
        text: &str,
        target: LinkTarget<'_>,
        now: DateTime<Utc>,
    ) -> Result<(LinkMaker, DateTime<Utc>), LinkRefusal> {
        let signed: SignedLink = text.parse()?;
        let known = self.keys().map_err(|why| {
            // Whoever makes a link is told. Strangers must not fill the disk with it.
            tracing::debug!(why, "no link can be checked");
            LinkRefusal::Unknown
        })?;
        let keys = known.as_deref().unwrap_or_default();
        let key = keys.iter().find(|key| key.id == signed.key).ok_or(LinkRefusal::Unknown)?;
        signed.check(key, target, now).map(|expires| (signed.maker, expires))
    }

    /// The keys, read from their file once.
    fn keys(&self) -> Result<MutexGuard<'_, Option<Vec<SigningKey>>>, String> {
        let mut known = self.0.keys.lock().expect("no code panics with the keys");
        if known.is_none() {
            *known = read(&self.0.file)?;
        }
        Ok(known)
    }

    /// The code by which a browser signs in, once.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn begin_sign_in(
        &self,
        maker: LinkMaker,
        name: &str,
        now: DateTime<Utc>,
    ) -> Result<String, String> {
        let code = Hash(random()?).to_string();
        let new = SignIn { code: Hash::of(&code), maker, name: name.into(), until: now + SIGN_IN };
        let mut waiting = self.waiting(now);
        if waiting.len() >= MOST_WAITING {
            waiting.pop_front();
        }
        waiting.push_back(new);
        Ok(code)
    }

    /// Who would sign in with this code.
    pub fn who_signs_in(&self, code: &str, now: DateTime<Utc>) -> Result<String, LinkRefusal> {
        let code = Hash::of(code);
        let waiting = self.waiting(now);
        let found = waiting.iter().find(|waits| waits.code == code);
        found.map(|waits| waits.name.clone()).ok_or(LinkRefusal::Unknown)
    }

    /// Takes a sign-in: its code opens nothing from now on.
    pub fn take_sign_in(&self, code: &str, now: DateTime<Utc>) -> Result<LinkMaker, LinkRefusal> {
        let code = Hash::of(code);
        let mut waiting = self.waiting(now);
        let at = waiting.iter().position(|waits| waits.code == code);
        let taken = at.and_then(|at| waiting.remove(at));
        taken.map(|taken| taken.maker).ok_or(LinkRefusal::Unknown)
    }

    /// The sign-ins that still wait.
    fn waiting(&self, now: DateTime<Utc>) -> MutexGuard<'_, VecDeque<SignIn>> {
        let mut waiting = self.0.waiting.lock().expect("no code panics with the sign-ins");
        waiting.retain(|waits| now < waits.until);
        waiting
    }
}

fn random() -> Result<[u8; 32], String> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|why| format!("no randomness: {why}"))?;
    Ok(random)
}

fn new_key(now: DateTime<Utc>) -> Result<SigningKey, String> {
    Ok(SigningKey::new(now.timestamp(), random()?))
}

/// The keys of the file; `None` if there is no file.
fn read(file: &Path) -> Result<Option<Vec<SigningKey>>, String> {
    let shown = file.display();
    let advice = "remove it: then new keys are made, and the links made until now end";
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot read {shown}: {error}")),
    };
    let mode = fs::metadata(file).map_err(|error| format!("cannot read {shown}: {error}"))?;
    if mode.permissions().mode() & 0o077 != 0 {
        return Err(format!("others may read {shown}; {advice}"));
    }
    let keys: Option<Vec<_>> = text.lines().map(SigningKey::of_line).collect();
    let keys = keys.filter(|keys| !keys.is_empty());
    keys.map(Some).ok_or_else(|| format!("{shown} is damaged; {advice}"))
}

/// Replaces the file in one piece.
fn write(file: &Path, keys: &[SigningKey]) -> Result<(), String> {
    let new = file.with_extension("new");
    let written = (|| {
        // One of an earlier try may be there.
        let _not_there = fs::remove_file(&new);
        let mut made =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        keys.iter().try_for_each(|key| writeln!(made, "{}", key.line()))?;
        made.sync_all()?;
        fs::rename(&new, file)
    })();
    written.map_err(|error| format!("cannot write {}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::token::TokenId;

    const MAKER: LinkMaker = LinkMaker::Token(TokenId(1));

    fn at(days: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000, 0).unwrap() + TimeDelta::days(days)
    }

    #[test]
    fn a_link_holds_over_a_restart_and_a_new_key_and_its_key_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let links = Links::new(folder.path());
        let session = LinkTarget::Session;
        assert_eq!(links.check("v1.1.1.t1.x", session, at(0)), Err(LinkRefusal::Unknown));
        let sign = |links: &Links, day| links.sign(session, at(day) + LONGEST, MAKER, at(day));
        let first = sign(&links, 0).unwrap();
        let file = folder.path().join(FILE);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let last_of_first = sign(&links, 29).unwrap();
        let links = Links::new(folder.path());
        assert!(links.check(&first, session, at(29)).is_ok(), "after a restart");
        let second = sign(&links, 31).unwrap();
        assert!(links.check(&last_of_first, session, at(58)).is_ok(), "beside the second key");
        assert!(links.check(&second, session, at(58)).is_ok());
        let _third = sign(&links, 62).unwrap();
        assert!(links.check(&second, session, at(60)).is_ok());
        assert_eq!(
            links.check(&first, session, at(1)),
            Err(LinkRefusal::Unknown),
            "its key is gone"
        );
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), KEYS);
    }

    #[test]
    fn keys_that_others_may_read_or_that_are_damaged_sign_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        let sign = || Links::new(folder.path()).sign(LinkTarget::Session, at(1), MAKER, at(0));
        sign().unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(sign().unwrap_err().contains("others may read"));
        fs::remove_file(&file).unwrap();
        sign().unwrap();
        fs::write(&file, "v1 1").unwrap();
        assert!(sign().unwrap_err().contains("is damaged"));
    }

    #[test]
    fn a_browser_signs_in_once_and_within_a_minute() {
        let folder = tempfile::tempdir().unwrap();
        let links = Links::new(folder.path());
        let code = links.begin_sign_in(MAKER, "raj", at(0)).unwrap();
        assert_eq!(links.who_signs_in(&code, at(0)), Ok("raj".into()), "looking takes nothing");
        assert_eq!(links.take_sign_in("other", at(0)), Err(LinkRefusal::Unknown));
        assert_eq!(links.take_sign_in(&code, at(0)), Ok(MAKER));
        assert_eq!(links.take_sign_in(&code, at(0)), Err(LinkRefusal::Unknown), "only once");
        let late = links.begin_sign_in(MAKER, "raj", at(0)).unwrap();
        assert_eq!(links.take_sign_in(&late, at(0) + SIGN_IN), Err(LinkRefusal::Unknown));
        let first = links.begin_sign_in(MAKER, "raj", at(1)).unwrap();
        for _ in 0..MOST_WAITING {
            links.begin_sign_in(MAKER, "kim", at(1)).unwrap();
        }
        assert!(links.who_signs_in(&first, at(1)).is_err(), "those that wait are bounded");
    }
}
