//! Public lists, served from Redis: `X-Cache: hit`, or `miss` when the page came
//! from PostgreSQL. How they stay right is told in [`callboard_shared::cache`].
//!
//! They are `no-store` for caches between here and the client all the same: a write
//! can't end what those keep. There is nothing to vary by: all callers, in all
//! languages, get the same bytes.

use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, header},
    response::Response,
};
use callboard_shared::cache::{CachedLists, ListCache};
use redis::RedisError;
use serde::Serialize;

use crate::{commits::Commits, error::Problem, metrics::HttpMetrics, settings::Settings};

const X_CACHE: HeaderName = HeaderName::from_static("x-cache");
const HIT: HeaderValue = HeaderValue::from_static("hit");
const MISS: HeaderValue = HeaderValue::from_static("miss");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The cached lists, resource by resource.
#[derive(Debug)]
pub struct Lists {
    /// `/api/v1/items`.
    pub items: PublicList,
}

/// The list of a resource that everybody may see.
#[derive(Debug)]
pub struct PublicList {
    cache: CachedLists,
    commits: Commits,
}

impl Lists {
    /// Never waits: the connection to Redis is made when first used.
    ///
    /// # Errors
    /// When the URL of Redis can't be used.
    pub fn new(settings: &Settings, metrics: &HttpMetrics, commits: &Commits) -> Result<Self, RedisError> {
        let redis = &settings.redis;
        let cache = ListCache::new(redis.redis_url.expose(), &redis.queue_prefix, settings.cache.list_ttl)?;
        let list = |resource| {
            let cache = cache.of(resource, metrics.cache(resource));
            PublicList { cache, commits: commits.clone() }
        };
        Ok(Self { items: list("items") })
    }
}

impl PublicList {
    /// Answers with the page of this canonical query: as it is in the cache, or as
    /// `read` gets it. What `read` gets must be the same for everybody.
    ///
    /// # Errors
    /// Those of `read`.
    pub async fn serve<T, F, Fut>(&self, canonical: &str, read: F) -> Result<Response, Problem>
    where
        T: Serialize,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, Problem>>,
    {
        let read = || async { serde_json::to_vec(&read().await?).map(Bytes::from).map_err(Problem::internal) };
        let page = self.cache.get(canonical, read).await?;
        let mut response = Response::new(Body::from(page.body));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, JSON);
        headers.insert(X_CACHE, if page.is_hit { HIT } else { MISS });
        Ok(response)
    }

    /// Runs `commit`, and forgets all pages after it. Both run to their end, though
    /// the client goes away meanwhile; and the pages are forgotten whatever the commit
    /// says, since one that broke off may have been done.
    pub async fn changed_by<T: Send + 'static>(&self, commit: impl Future<Output = T> + Send + 'static) -> T {
        let cache = self.cache.clone();
        let changing = async move {
            let outcome = commit.await;
            cache.forget().await;
            outcome
        };
        self.commits.finish(changing).await
    }
}
