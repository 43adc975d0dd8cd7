//! Who a session or a key is: asked of PostgreSQL, and remembered for a moment.
//!
//! What is remembered may be up to a second old, so that a revoked session or a
//! disabled user ends within a second in every process. Where the change was
//! made it ends at once: whoever makes it calls `forget_…` after the commit.
//!
//! Forgetting must also beat an answer of PostgreSQL that is on its way and was
//! read before the change. So each forgetting gets a number, written where the
//! id's hash points; an answer carries the last number from before it was asked
//! for, and counts only if no later one stands at its session's, key's or user's
//! place. Ids that share a place cost each other a question, no more.

use std::{
    fmt,
    hash::{BuildHasher, Hash, RandomState},
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use callboard_shared::{
    db::{DbError, api_keys, sessions},
    models::User,
};
use moka::future::Cache;
use sqlx::PgPool;
use tokio::time::timeout;
use tracing::warn;
use uuid::Uuid;

/// How long an answer is remembered: with the time that asking takes, within
/// the second that is promised.
const TTL: Duration = Duration::from_millis(900);

/// How many sessions, and how many keys, are remembered at most.
const CAPACITY: u64 = 10_000;

/// How long a key that was good counts as no stranger's.
const ACQUAINTED: Duration = Duration::from_hours(1);

/// Longest wait for the note that a key is used. It is no part of what the key
/// is used for.
const NOTING: Duration = Duration::from_millis(250);

/// How many places there are for numbers of forgettings; a power of two.
const PLACES: usize = 4096;

/// A session that goes on, and its active user.
#[derive(Debug)]
pub struct SessionIdentity {
    /// Who logged in.
    pub user: User,
    /// The session.
    pub session_id: Uuid,
}

/// A key that is good, and its active user.
#[derive(Debug)]
pub struct KeyIdentity {
    /// Whom it acts for.
    pub user: User,
    /// The key.
    pub key_id: Uuid,
    /// What it may do, within what its user may.
    pub scopes: Vec<String>,
}

/// Tells who a session or a key is. Cheap to clone; clones share what they remember.
#[derive(Clone)]
pub struct Identities {
    sessions: Cache<Uuid, Answer<SessionIdentity>>,
    keys: Cache<[u8; 32], Answer<KeyIdentity>>,
    /// Keys that were good within the last hour. They let nobody in.
    acquainted: Cache<[u8; 32], ()>,
    forgotten: Arc<Forgotten>,
}

/// What PostgreSQL said, and the last forgetting before it was asked.
struct Answer<T> {
    asked_after: u64,
    identity: Option<Arc<T>>,
}

impl<T> Clone for Answer<T> {
    fn clone(&self) -> Self {
        Self { asked_after: self.asked_after, identity: self.identity.clone() }
    }
}

/// The last forgetting of each place.
struct Forgotten {
    last: AtomicU64,
    places: Box<[AtomicU64]>,
    hasher: RandomState,
}

impl Forgotten {
    fn place(&self, id: impl Hash) -> &AtomicU64 {
        let hash = self.hasher.hash_one(id);
        // Only the low bits count, so that cutting the hash is fine on any machine.
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits count")]
        let index = hash as usize % PLACES;
        &self.places[index]
    }

    fn forget(&self, id: impl Hash) {
        let number = self.last.fetch_add(1, Ordering::SeqCst) + 1;
        self.place(id).fetch_max(number, Ordering::SeqCst);
    }

    fn last(&self) -> u64 {
        self.last.load(Ordering::SeqCst)
    }

    fn is_forgotten(&self, id: impl Hash, asked_after: u64) -> bool {
        self.place(id).load(Ordering::SeqCst) > asked_after
    }
}

impl Identities {
    /// Remembers nobody yet.
    #[must_use]
    pub fn new() -> Self {
        let places = (0..PLACES).map(|_| AtomicU64::new(0)).collect();
        Self {
            sessions: Cache::builder().max_capacity(CAPACITY).time_to_live(TTL).build(),
            keys: Cache::builder().max_capacity(CAPACITY).time_to_live(TTL).build(),
            acquainted: Cache::builder().max_capacity(CAPACITY).time_to_idle(ACQUAINTED).build(),
            forgotten: Arc::new(Forgotten { last: AtomicU64::new(0), places, hasher: RandomState::new() }),
        }
    }

    /// The session and its user, unless it was revoked, has expired or never
    /// was, or the user is not active. Of those who ask at once, one asks PostgreSQL.
    ///
    /// # Errors
    /// Only the database's own; they are not remembered.
    pub async fn session(&self, pool: &PgPool, session_id: Uuid) -> Result<Option<Arc<SessionIdentity>>, DbError> {
        let ask = || async {
            let asked_after = self.forgotten.last();
            let user = sessions::find_active(pool, session_id).await?;
            let identity = user.map(|user| Arc::new(SessionIdentity { user, session_id }));
            Ok(Answer { asked_after, identity })
        };
        let answer = self.sessions.try_get_with(session_id, ask()).await.map_err(shared)?;
        let is_good = |answer: &Answer<SessionIdentity>| {
            let is_forgotten = |id: Uuid| self.forgotten.is_forgotten(id, answer.asked_after);
            !is_forgotten(session_id) && !answer.identity.as_ref().is_some_and(|found| is_forgotten(found.user.id))
        };
        if is_good(&answer) {
            return Ok(answer.identity);
        }
        // What was remembered is of before a change: ask again, for oneself.
        let answer = ask().await?;
        self.sessions.insert(session_id, answer.clone()).await;
        Ok(answer.identity)
    }

    /// The key with this hash and its user, unless it was deleted, has expired
    /// or never was, or the user is not active. Of those who ask at once, one
    /// asks PostgreSQL; it notes too, once a minute, that the key is used.
    ///
    /// # Errors
    /// Only the database's own; they are not remembered.
    pub async fn key(&self, pool: &PgPool, hash: [u8; 32]) -> Result<Option<Arc<KeyIdentity>>, DbError> {
        let ask = || async {
            let asked_after = self.forgotten.last();
            let identity = find_key(pool, &hash).await?;
            if identity.is_some() {
                self.acquainted.insert(hash, ()).await;
            }
            Ok(Answer { asked_after, identity })
        };
        let answer = self.keys.try_get_with(hash, ask()).await.map_err(shared)?;
        let is_forgotten = |found: &Arc<KeyIdentity>| {
            let is_forgotten = |id: Uuid| self.forgotten.is_forgotten(id, answer.asked_after);
            is_forgotten(found.key_id) || is_forgotten(found.user.id)
        };
        if !answer.identity.as_ref().is_some_and(is_forgotten) {
            return Ok(answer.identity);
        }
        // What was remembered is of before a change: ask again, for oneself.
        let answer = ask().await?;
        self.keys.insert(hash, answer.clone()).await;
        Ok(answer.identity)
    }

    /// Whether nothing good was heard of a key for an hour: then asking for it is to
    /// be counted first, so that a flood of made-up keys is no flood of questions.
    #[must_use]
    pub fn is_strange_key(&self, hash: &[u8; 32]) -> bool {
        !self.acquainted.contains_key(hash)
    }

    /// Forgets a session, because it was revoked.
    pub fn forget_session(&self, id: Uuid) {
        self.forgotten.forget(id);
    }

    /// Forgets all sessions and keys of a user, because the user was changed.
    pub fn forget_user(&self, user_id: Uuid) {
        self.forgotten.forget(user_id);
    }

    /// Forgets a key, because it was changed or deleted.
    pub fn forget_key(&self, id: Uuid) {
        self.forgotten.forget(id);
    }
}

async fn find_key(pool: &PgPool, hash: &[u8; 32]) -> Result<Option<Arc<KeyIdentity>>, DbError> {
    let Some(found) = api_keys::find_active(pool, hash).await? else { return Ok(None) };
    if found.is_to_be_noted {
        match timeout(NOTING, api_keys::note_use(pool, found.id)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(key = %found.id, %error, "the use of a key could not be noted"),
            Err(_) => warn!(key = %found.id, "noting the use of a key took too long"),
        }
    }
    Ok(Some(Arc::new(KeyIdentity { user: found.user, key_id: found.id, scopes: found.scopes })))
}

impl Default for Identities {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identities").field("sessions", &self.sessions.entry_count()).finish_non_exhaustive()
    }
}

/// An error that several who asked at once share, as each one's own.
fn shared(error: Arc<DbError>) -> DbError {
    Arc::try_unwrap(error).unwrap_or_else(|error| {
        DbError::Sqlx(if error.is_unavailable() {
            sqlx::Error::Io(io::Error::other(error))
        } else {
            sqlx::Error::AnyDriverError(Box::new(error))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_before_a_forgetting_is_forgotten() {
        let identities = Identities::new();
        let (id, asked_before) = (Uuid::now_v7(), identities.forgotten.last());
        assert!(!identities.forgotten.is_forgotten(id, asked_before));
        identities.forget_session(id);
        assert!(identities.forgotten.is_forgotten(id, asked_before));
        assert!(!identities.forgotten.is_forgotten(id, identities.forgotten.last()));
    }
}
