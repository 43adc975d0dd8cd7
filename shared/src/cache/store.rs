//! The pages in Redis: four commands, each of which may fail.
//!
//! | key | type | what |
//! |---|---|---|
//! | `{<prefix>}:cache:<resource>` | hash | the pages of one generation; it ends with the TTL of its first |
//!
//! | field | what |
//! |---|---|
//! | `generation` | a random name; a page is stored only under the one that its reader was told |
//! | `p:<SHA-256 of the query>` | a page: `list`, the length of its body in 8 bytes, its body |
//! | `l:<SHA-256 of the query>` | who reads that page, until when (milliseconds since 1970, Redis' clock) |
//! | `bytes` | the size of all pages |

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use axum::body::Bytes;
use redis::{ErrorKind, RedisError, RedisResult, Script, aio::ConnectionManager};
use sha2::{Digest, Sha256};
use tracing::warn;
use uuid::Uuid;

use crate::optional_redis::{Breaker, connect, within_deadline};

/// Longer than any healthy query; a process that died meanwhile is waited for no
/// longer.
const LEASE: Duration = Duration::from_secs(5);

/// Most fields of one hash, and most bytes of its pages.
const MOST_FIELDS: usize = 1_000;
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// A larger body is not stored.
const LARGEST: usize = 1024 * 1024;

/// What our pages begin with.
const MAGIC: &[u8; 4] = b"list";

/// The way to Redis, for the lists of all resources.
pub(super) struct Store {
    manager: ConnectionManager,
    prefix: String,
    ttl: Duration,
    /// This process, as leases name it.
    process: String,
    lease: Script,
    fill: Script,
    /// Whether Redis answers.
    link: Breaker,
    /// Whether it stores something. A full one, and a replica, only answers.
    storage: Breaker,
}

/// The hash of one resource.
pub(super) struct Hash {
    key: String,
    resource: &'static str,
    /// Writes that Redis was not told of. This process tells it before it reads again.
    owed: AtomicU64,
    paid: AtomicU64,
}

/// The fields of one page.
pub(super) struct Fields {
    pub(super) page: Vec<u8>,
    lease: Vec<u8>,
}

/// What is known of a page.
#[derive(Debug)]
pub(super) enum Look {
    /// Its body.
    Found(Bytes),
    /// It must be read.
    Lacking(Lease),
    /// Redis can't be asked.
    Unavailable,
}

/// Who reads a page.
#[derive(Debug)]
pub(super) struct Lease {
    /// Under which it may be stored.
    pub(super) generation: String,
    /// This process does; else another.
    pub(super) is_ours: bool,
}

impl Fields {
    /// Of a list's canonical query. Releases don't share pages: another may show more.
    pub(super) fn of(query: &str) -> Self {
        let hash = Sha256::new().chain_update(env!("CARGO_PKG_VERSION")).chain_update([0]).chain_update(query);
        let hash = hash.finalize();
        Self { page: [b"p:", hash.as_slice()].concat(), lease: [b"l:", hash.as_slice()].concat() }
    }
}

impl Store {
    /// Never waits: the connection is made when first used.
    pub(super) fn new(url: &str, prefix: &str, ttl: Duration) -> RedisResult<Self> {
        Ok(Self {
            manager: connect(url)?,
            prefix: prefix.to_owned(),
            ttl,
            process: Uuid::new_v4().to_string(),
            lease: Script::new(include_str!("lease.lua")),
            fill: Script::new(include_str!("fill.lua")),
            link: Breaker::new(
                "redis does not serve cached lists; they come from postgresql until it is back",
                "redis answers again; lists come from it",
            ),
            storage: Breaker::new("redis does not store lists; they come from postgresql", "redis stores lists again"),
        })
    }

    pub(super) fn is_on(&self) -> bool {
        !self.ttl.is_zero()
    }

    pub(super) fn hash(&self, resource: &'static str) -> Hash {
        let key = format!("{{{}}}:cache:{resource}", self.prefix);
        Hash { key, resource, owed: AtomicU64::new(0), paid: AtomicU64::new(0) }
    }

    /// Looks for a page in one round trip; where there is none, asks who reads it.
    pub(super) async fn look(&self, hash: &Hash, fields: &Fields) -> Look {
        if !self.link.allows() {
            return Look::Unavailable;
        }
        let found = within_deadline(self.get(hash, fields)).await;
        let is_foreign = found.as_ref().is_err_and(|error| error.code() == Some("WRONGTYPE"));
        if !is_foreign {
            self.link.note(&found);
        }
        match found {
            Ok(None) => self.lease(hash, fields).await,
            Ok(Some(bytes)) => match unpack(bytes) {
                Some(body) => Look::Found(body),
                None => self.heal(hash, fields).await,
            },
            Err(_) if is_foreign => self.heal(hash, fields).await,
            Err(_) => Look::Unavailable,
        }
    }

    async fn get(&self, hash: &Hash, fields: &Fields) -> RedisResult<Option<Vec<u8>>> {
        let (owed, mut manager) = (hash.owed.load(Ordering::Acquire), self.manager.clone());
        if owed <= hash.paid.load(Ordering::Acquire) {
            return redis::cmd("HGET").arg(&hash.key).arg(&fields.page).query_async(&mut manager).await;
        }
        let mut pipeline = redis::pipe();
        pipeline.cmd("UNLINK").arg(&hash.key).ignore().cmd("HGET").arg(&hash.key).arg(&fields.page);
        let (found,) = pipeline.query_async(&mut manager).await?;
        hash.paid.fetch_max(owed, Ordering::AcqRel);
        Ok(found)
    }

    /// Takes away what somebody else put under our key.
    async fn heal(&self, hash: &Hash, fields: &Fields) -> Look {
        warn!(resource = hash.resource, "somebody else's data was under the key of our lists; removed it");
        match self.unlink(hash).await {
            Ok(()) => self.lease(hash, fields).await,
            Err(_) => Look::Unavailable,
        }
    }

    /// Looks again, and asks for the lease of the page where there is none.
    pub(super) async fn lease(&self, hash: &Hash, fields: &Fields) -> Look {
        if !self.storage.allows() {
            return Look::Unavailable;
        }
        let mut call = self.lease.key(&hash.key);
        call.arg(&fields.page).arg(&fields.lease).arg(&self.process).arg(Uuid::new_v4().to_string());
        call.arg(milliseconds(LEASE)).arg(milliseconds(self.ttl)).arg(MOST_FIELDS);
        let answer = within_deadline(call.invoke_async(&mut self.manager.clone())).await;
        self.note(&answer);
        let Ok((page, generation, is_ours)): RedisResult<(Option<Vec<u8>>, String, bool)> = answer else {
            return Look::Unavailable;
        };
        match page {
            Some(bytes) => unpack(bytes).map_or(Look::Unavailable, Look::Found),
            None => Look::Lacking(Lease { generation, is_ours }),
        }
    }

    /// Stores what was read, unless there was a write since, and ends the lease.
    /// Returns whether it is stored.
    pub(super) async fn fill(&self, hash: &Hash, fields: &Fields, generation: &str, body: Option<&Bytes>) -> bool {
        let page = body.filter(|body| body.len() <= LARGEST).map(pack).unwrap_or_default();
        let mut call = self.fill.key(&hash.key);
        call.arg(&fields.page).arg(&fields.lease).arg(generation).arg(page).arg(MOST_FIELDS).arg(MOST_BYTES);
        let answer = within_deadline(call.invoke_async(&mut self.manager.clone())).await;
        self.note(&answer);
        answer.unwrap_or(false)
    }

    /// Ends the generation: one command. Where it fails, it is owed.
    pub(super) async fn forget(&self, hash: &Hash) {
        let is_told = self.link.allows() && {
            let told = self.unlink(hash).await;
            self.link.note(&told);
            told.is_ok()
        };
        if !is_told {
            hash.owed.fetch_add(1, Ordering::AcqRel);
        }
    }

    async fn unlink(&self, hash: &Hash) -> RedisResult<()> {
        let mut manager = self.manager.clone();
        within_deadline(redis::cmd("UNLINK").arg(&hash.key).query_async(&mut manager)).await
    }

    /// A refusal is about storing, all else about the way to Redis.
    fn note<T>(&self, answer: &RedisResult<T>) {
        match answer {
            Err(error) if !is_refusal(error) => self.link.note(answer),
            _ => self.storage.note(answer),
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("prefix", &self.prefix).field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

fn is_refusal(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn pack(body: &Bytes) -> Vec<u8> {
    [MAGIC, (body.len() as u64).to_be_bytes().as_slice(), body].concat()
}

/// The body, without a copy; `None` for bytes that are not ours.
fn unpack(bytes: Vec<u8>) -> Option<Bytes> {
    let (length, body) = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
    if u64::from_be_bytes(*length) != body.len() as u64 {
        return None;
    }
    let head = bytes.len() - body.len();
    Some(Bytes::from(bytes).slice(head..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_survive_the_round_trip_and_strangers_are_recognised() {
        let body = Bytes::from_static(b"{\"items\":[]}");
        assert_eq!(unpack(pack(&body)), Some(body.clone()));
        let torn = pack(&body)[..20].to_vec();
        for bad in [Vec::new(), b"{\"items\":[]}".to_vec(), b"list".to_vec(), torn] {
            assert_eq!(unpack(bad), None);
        }
    }

    #[test]
    fn each_query_has_fields_of_its_own() {
        let (one, other) = (Fields::of("limit=1"), Fields::of("limit=2"));
        assert!(one.page != other.page && one.lease != other.lease && one.page != one.lease);
    }
}
