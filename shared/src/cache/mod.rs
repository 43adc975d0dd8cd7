//! Lists that everybody may see, kept in Redis for a short time as the bytes of
//! their answers.
//!
//! | part | what |
//! |---|---|
//! | `store` | the pages in Redis, the scripts, and doing without Redis |
//! | `flight` | one process reads a page once for all who ask for it |
//!
//! **A hit** is one `HGET`. **A write** ends all pages of its resource after its
//! commit, with one `UNLINK`; and with the pages goes the *generation*, a random
//! name. Whoever misses is told the generation before they read from PostgreSQL,
//! and what they read is stored only while it is the same. So a page that was read
//! before a write is never stored after it, whatever died or was slow in between.
//! If Redis did not hear of a write, this process tells it before it reads from it
//! again; other processes may show the old pages until their time is over.
//!
//! **A stampede** reads once. The first who misses a page gets its lease: others of
//! the same process wait for them, those of other processes look again until the
//! page is there, at most `LONGEST_WAIT`; then they read by themselves. Who waits
//! was told the same generation as the reader, so no write that had ended before they
//! asked is missing in what they are given.
//!
//! **Without Redis** (down, slower than 50 ms, full) everybody reads from PostgreSQL
//! by themselves, at once.
//!
//! Pages are kept for texts that are searched for and for cursors, too: a resource
//! has at most 1,000 pages and 32 MiB; of more, random ones go. All pages of a
//! generation end together: one lives as long as the setting says at most.

mod flight;
mod store;

use std::{fmt, sync::Arc, time::Duration};

use axum::body::Bytes;
use metrics::Counter;
use redis::RedisError;
use tokio::time::{Instant, sleep};

use self::{
    flight::Flights,
    store::{Fields, Hash, Lease, Look, Store},
};

/// Longest wait for a page that another process reads.
const LONGEST_WAIT: Duration = Duration::from_millis(300);

/// Pauses between looking whether it is there grow from the first to the last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(40));

/// The way to Redis for the lists of all resources. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ListCache(Arc<Store>);

/// What happens to the lists of a resource, counted.
pub struct CacheMetrics {
    /// Answers from Redis.
    pub hits: Counter,
    /// Answers from PostgreSQL.
    pub misses: Counter,
    /// Pages stored.
    pub fills: Counter,
    /// Writes that ended all pages.
    pub invalidations: Counter,
}

/// The lists of one resource. Cheap to clone.
#[derive(Clone)]
pub struct CachedLists(Arc<Inner>);

struct Inner {
    store: Arc<Store>,
    hash: Hash,
    flights: Flights,
    metrics: CacheMetrics,
}

/// A page's body, and where it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// The body.
    pub body: Bytes,
    /// Whether it was in the cache.
    pub is_hit: bool,
}

impl ListCache {
    /// Keys begin with `{<prefix>}:cache:`; a page lives as long as `ttl` at most, and a
    /// `ttl` of 0 stores none. Never waits: the connection is made when first used.
    ///
    /// # Errors
    /// When the URL can't be used.
    pub fn new(url: &str, prefix: &str, ttl: Duration) -> Result<Self, RedisError> {
        Ok(Self(Arc::new(Store::new(url, prefix, ttl)?)))
    }

    /// The lists of a resource, once a process.
    #[must_use]
    pub fn of(&self, resource: &'static str, metrics: CacheMetrics) -> CachedLists {
        let (store, hash) = (Arc::clone(&self.0), self.0.hash(resource));
        CachedLists(Arc::new(Inner { store, hash, flights: Flights::default(), metrics }))
    }
}

impl CachedLists {
    /// The page of this canonical query, from the cache or by `read`, which gives its
    /// body. What everybody sees alike may be read by it, and nothing else.
    ///
    /// # Errors
    /// Those of `read`. They are not kept.
    pub async fn get<E, F, Fut>(&self, query: &str, read: F) -> Result<Served, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Bytes, E>>,
    {
        let Inner { store, hash, flights, metrics } = &*self.0;
        if !store.is_on() {
            return Ok(Served { body: read().await?, is_hit: false });
        }
        let fields = Fields::of(query);
        let lease = match store.look(hash, &fields).await {
            Look::Found(body) => {
                metrics.hits.increment(1);
                return Ok(Served { body, is_hit: true });
            }
            Look::Lacking(lease) => Some(lease),
            Look::Unavailable => None,
        };
        metrics.misses.increment(1);
        let body = match lease {
            Some(lease) => {
                let flight = flights.of(&lease.generation, &fields.page);
                flight.join(|| self.read_once(&fields, lease, read)).await?
            }
            None => read().await?,
        };
        Ok(Served { body, is_hit: false })
    }

    /// Reads and stores, or waits for another process that does.
    async fn read_once<E, F, Fut>(&self, fields: &Fields, mut lease: Lease, read: F) -> Result<Bytes, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Bytes, E>>,
    {
        let Inner { store, hash, metrics, .. } = &*self.0;
        let (gives_up_at, mut pause) = (Instant::now() + LONGEST_WAIT, PAUSES.0);
        while !lease.is_ours {
            if Instant::now() >= gives_up_at {
                return read().await;
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
            match store.lease(hash, fields).await {
                Look::Found(body) => return Ok(body),
                Look::Lacking(now) => lease = now,
                Look::Unavailable => return read().await,
            }
        }
        let body = read().await;
        if store.fill(hash, fields, &lease.generation, body.as_ref().ok()).await {
            metrics.fills.increment(1);
        }
        body
    }

    /// Ends all pages, because a write was committed. Must run to its end.
    pub async fn forget(&self) {
        self.0.metrics.invalidations.increment(1);
        self.0.store.forget(&self.0.hash).await;
    }
}

impl fmt::Debug for CachedLists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedLists").field("store", &self.0.store).finish_non_exhaustive()
    }
}

impl fmt::Debug for CacheMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheMetrics").finish_non_exhaustive()
    }
}
