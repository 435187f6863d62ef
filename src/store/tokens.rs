//! The tokens in the database: what each grants, and the digest of its text.

use std::path::Path;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, params};

use super::rows::{in_transaction, json, parsed, timestamp};
use super::{Hash, Reader, Store, StoreError, schema, sqlite};
use crate::domain::token::{NewToken, Revocation, Token, TokenId};

/// A token and the digest of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownToken {
    pub token: Token,
    pub digest: Hash,
}

impl Store {
    /// All tokens, also the revoked ones, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn tokens(&self) -> Result<Vec<KnownToken>, StoreError> {
        read(&self.connection, &self.path)
    }

    /// Whether an ID token, by its digest, has opened a session.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn has_session_of(&self, id_token: Hash) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT EXISTS (SELECT 1 FROM tokens WHERE id_token = ?1)";
        let found = self.connection.query_row(SQL, [id_token.0], |row| row.get(0));
        found.map_err(|e| sqlite(&self.path, e))
    }

    /// Adds a token, durably. It is a session if there is the digest of an ID token.
    ///
    /// # Errors
    /// When it cannot be written, or the ID token has opened a session. Then there is none.
    pub fn add_token(
        &mut self,
        new: NewToken,
        digest: Hash,
        id_token: Option<Hash>,
        by: &str,
        at: DateTime<Utc>,
    ) -> Result<KnownToken, StoreError> {
        const SQL: &str = "INSERT INTO tokens
            (name, person, email, role, services, digest, created_by, created, expires, id_token)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        let NewToken { name, person, email, role, services, expires } = new;
        let mut id = 0;
        in_transaction(&mut self.connection, |transaction| {
            let listed = services.as_ref().map(json).transpose()?;
            let (created, ends) = (timestamp(at), expires.map(timestamp));
            let (role, id_token) = (role.as_str(), id_token.map(|digest| digest.0));
            let values =
                params![name, person, email, role, listed, digest.0, by, created, ends, id_token];
            transaction.execute(SQL, values)?;
            id = transaction.last_insert_rowid();
            Ok(())
        })
        .map_err(|e| sqlite(&self.path, e))?;
        let (id, created_by) = (TokenId(id.cast_unsigned()), by.to_owned());
        let token = Token {
            id,
            name,
            person,
            email,
            role,
            services,
            created_by,
            created: at,
            expires,
            last_used: None,
            revoked: None,
            session: id_token.is_some(),
        };
        Ok(KnownToken { token, digest })
    }

    /// Revokes tokens that are not revoked, durably: all or none.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn revoke_tokens(
        &mut self,
        ids: &[TokenId],
        revoked: &Revocation,
    ) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE tokens SET revoked_by = ?2, revoked = ?3 WHERE id = ?1";
        in_transaction(&mut self.connection, |transaction| {
            let at = timestamp(revoked.at);
            ids.iter().try_for_each(|id| {
                transaction.execute(SQL, params![number(*id), revoked.by, at]).map(drop)
            })
        })
        .map_err(|e| sqlite(&self.path, e))
    }

    /// Writes when a token was last used.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn token_used(&mut self, id: TokenId, at: DateTime<Utc>) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE tokens SET last_used = ?2 WHERE id = ?1";
        in_transaction(&mut self.connection, |transaction| {
            transaction.execute(SQL, params![number(id), timestamp(at)]).map(drop)
        })
        .map_err(|e| sqlite(&self.path, e))
    }
}

impl Reader {
    /// All tokens, also the revoked ones, oldest first. A record from before there were tokens has none.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn tokens(&self) -> Result<Vec<KnownToken>, StoreError> {
        if schema::version(&self.connection, &self.path)? < schema::WITH_TOKENS {
            return Ok(Vec::new());
        }
        read(&self.connection, &self.path)
    }
}

fn number(TokenId(id): TokenId) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

fn read(connection: &Connection, path: &Path) -> Result<Vec<KnownToken>, StoreError> {
    let has_sessions = schema::version(connection, path)? >= schema::WITH_SESSIONS;
    let session = if has_sessions { "id_token IS NOT NULL" } else { "FALSE" };
    let sql = format!(
        "SELECT id, name, person, email, role, services, digest, created_by, created, expires,
         last_used, revoked_by, revoked, {session} FROM tokens ORDER BY id"
    );
    let read = || -> rusqlite::Result<Vec<KnownToken>> {
        connection.prepare(&sql)?.query_map([], known)?.collect()
    };
    read().map_err(|e| sqlite(path, e))
}

fn known(row: &Row<'_>) -> rusqlite::Result<KnownToken> {
    let by: Option<String> = row.get(11)?;
    let revoked = by.zip(time(row, 12)?).map(|(by, at)| Revocation { by, at });
    let listed: Option<String> = row.get(5)?;
    let services = match listed {
        Some(_) => Some(parsed(row, 5, |text: String| serde_json::from_str(&text))?),
        None => None,
    };
    let token = Token {
        id: TokenId(row.get::<_, i64>(0)?.cast_unsigned()),
        name: row.get(1)?,
        person: row.get(2)?,
        email: row.get(3)?,
        role: parsed(row, 4, |role: String| serde_json::from_value(role.into()))?,
        services,
        created_by: row.get(7)?,
        created: time(row, 8)?.unwrap_or_default(),
        expires: time(row, 9)?,
        last_used: time(row, 10)?,
        revoked,
        session: row.get(13)?,
    };
    Ok(KnownToken { token, digest: Hash(row.get(6)?) })
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<DateTime<Utc>>> {
    let text: Option<String> = row.get(column)?;
    let Some(_) = text else { return Ok(None) };
    let time = parsed(row, column, |text: String| DateTime::parse_from_rfc3339(&text))?;
    Ok(Some(time.with_timezone(&Utc)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::caller::AccessRole;
    use crate::domain::token::TokenSecret;

    #[test]
    fn a_token_is_read_back_and_neither_what_it_grants_nor_its_end_can_be_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trunkline.db");
        let at = DateTime::UNIX_EPOCH;
        let new = NewToken {
            name: "laptop".into(),
            person: "raj".into(),
            email: Some("raj@example.org".into()),
            role: AccessRole::Deployer,
            services: Some(["checkout".parse().unwrap()].into()),
            expires: Some(at + chrono::TimeDelta::days(90)),
        };
        let secret = TokenSecret::of([1; 32]);
        let mut store = Store::open(&path).unwrap();
        let mut made = store.add_token(new, secret.digest(), None, "moira", at).unwrap();
        let revoked = Revocation { by: "moira".into(), at };
        store.token_used(made.token.id, at).unwrap();
        store.revoke_tokens(&[made.token.id], &revoked).unwrap();
        made.token.last_used = Some(at);
        made.token.revoked = Some(revoked.clone());
        drop(store);
        let mut store = Store::open(&path).unwrap();
        assert_eq!(store.tokens().unwrap(), [made.clone()]);
        assert!(store.revoke_tokens(&[made.token.id], &revoked).is_err(), "it is revoked already");
        for sql in ["UPDATE tokens SET role = 'admin'", "DELETE FROM tokens"] {
            assert!(store.connection.execute(sql, []).is_err(), "{sql}");
        }
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            let text = secret.expose().as_bytes();
            assert!(!bytes.windows(text.len()).any(|part| part == text), "the text is on disk");
        }
    }

    #[test]
    fn an_id_token_opens_one_session_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trunkline.db");
        let at = DateTime::UNIX_EPOCH;
        let new = |name: &str| NewToken {
            name: name.into(),
            person: "raj".into(),
            email: None,
            role: AccessRole::Viewer,
            services: None,
            expires: Some(at),
        };
        let digest = |byte| TokenSecret::of([byte; 32]).digest();
        let id_token = Hash([7; 32]);
        let mut store = Store::open(&path).unwrap();
        assert!(!store.has_session_of(id_token).unwrap());
        let one = store.add_token(new("one"), digest(1), Some(id_token), "raj", at).unwrap();
        assert!(one.token.session);
        drop(store);
        let mut store = Store::open(&path).unwrap();
        assert_eq!(store.tokens().unwrap(), [one]);
        assert!(store.has_session_of(id_token).unwrap());
        assert!(store.add_token(new("two"), digest(2), Some(id_token), "raj", at).is_err());
        assert!(store.connection.execute("UPDATE tokens SET id_token = NULL", []).is_err());
        for byte in [3, 4] {
            let token = store.add_token(new("token"), digest(byte), None, "raj", at).unwrap();
            assert!(!token.token.session, "and any number of tokens has none");
        }
    }
}
