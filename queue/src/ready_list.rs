//! The ready lists in Redis: a fast hint of what to run next, never the truth.
//!
//! Every command here is bounded in size and in time, and every failure is
//! survivable: what is not on a list is found by the auditor. While Redis is
//! known to be down, pushes and messages are skipped, one attempt a second tests
//! whether it is back, and the log says so once. Each such attempt writes, or
//! asks to: only that tells whether Redis takes jobs.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use futures::StreamExt;
use redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo, RedisResult,
    aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection, PubSubStream},
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};
use tokio::time::timeout;

use crate::{
    Error, Metrics,
    breaker::Breaker,
    keys::{Element, List, Prefix},
    news::{Announcement, Gone, Ready},
    signals::Signal,
};

/// A push made on behalf of a waiting caller takes no longer than this.
pub(crate) const PUSH_DEADLINE: Duration = Duration::from_millis(50);
/// A command of a duty, for which nobody waits.
const COMMAND_DEADLINE: Duration = Duration::from_secs(1);
/// Elements that a commit pushes itself.
const PUSHED_AT_ONCE: usize = 10_000;
/// Signals of one commit; the rest is the auditor's.
pub(crate) const TOLD_AT_ONCE: usize = 100;
/// Elements in one command.
const CHUNK: usize = 1_000;

/// The head of a list and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) len: u64,
    pub(crate) oldest: Option<DateTime<Utc>>,
}

/// A shared handle to the ready lists.
#[derive(Clone)]
pub(crate) struct ReadyLists {
    client: Client,
    manager: ConnectionManager,
    prefix: Prefix,
    metrics: Metrics,
    breaker: Arc<Breaker>,
}

impl ReadyLists {
    /// Never waits: the connection is made when first used.
    pub(crate) fn new(url: &str, prefix: Prefix, metrics: Metrics) -> Result<Self, Error> {
        let unusable = |error: redis::RedisError| Error::Setting { name: "redis_url", problem: error.to_string() };
        // A peer that vanished without a word is noticed by these alone.
        let tcp = TcpSettings::default()
            .set_nodelay(true)
            .set_keepalive(TcpKeepalive::new().with_time(Duration::from_secs(5)).with_interval(Duration::from_secs(2)));
        #[cfg(target_os = "linux")]
        let tcp = tcp.set_user_timeout(Duration::from_secs(5));
        let info = url.into_connection_info().map_err(unusable)?.set_tcp_settings(tcp);
        let client = Client::open(info).map_err(unusable)?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_max_delay(Duration::from_millis(200))
            .set_connection_timeout(Some(COMMAND_DEADLINE))
            .set_response_timeout(Some(COMMAND_DEADLINE));
        let manager = client.get_connection_manager_lazy(config).map_err(unusable)?;
        Ok(Self { client, manager, prefix, metrics, breaker: Arc::new(Breaker::new()) })
    }

    pub(crate) fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    /// Pushes right after a commit, for a caller who waits: at most 50 ms, and
    /// nothing at all while Redis is down.
    pub(crate) async fn push_within_deadline(&self, ready: &[Ready]) {
        if ready.is_empty() || !self.breaker.allows() {
            return;
        }
        // The rest of a huge transaction is the auditor's: it would take longer
        // than the deadline by its size alone.
        let ready = &ready[..ready.len().min(PUSHED_AT_ONCE)];
        let pushed = timeout(PUSH_DEADLINE, self.push_all(ready)).await;
        self.note_push(&pushed.unwrap_or_else(|_| Err(timed_out())));
    }

    /// Pushes for a duty. The error is noted and told, so that the duty can slow down.
    pub(crate) async fn push(&self, ready: &[Ready]) -> Result<(), Error> {
        for chunk in ready.chunks(CHUNK) {
            let pushed = timeout(COMMAND_DEADLINE, self.push_all(chunk)).await;
            let pushed = pushed.unwrap_or_else(|_| Err(timed_out()));
            self.note_push(&pushed);
            pushed?;
        }
        Ok(())
    }

    async fn push_all(&self, ready: &[Ready]) -> RedisResult<()> {
        let mut by_list: BTreeMap<&List, Vec<[u8; Element::LEN]>> = BTreeMap::new();
        for job in ready {
            let element = Element::new(job.queued_at, job.id).encode();
            by_list.entry(&job.list).or_default().push(element);
        }
        let mut pipeline = redis::pipe();
        for (list, elements) in by_list {
            for chunk in elements.chunks(CHUNK) {
                let command = pipeline.cmd("RPUSH").arg(list.key(&self.prefix));
                for element in chunk {
                    command.arg(element.as_slice());
                }
                command.ignore();
            }
        }
        pipeline.query_async(&mut self.manager.clone()).await
    }

    /// The length and the oldest element of each list, in one round trip.
    pub(crate) async fn look(&self, lists: &[List]) -> Result<Vec<Look>, Error> {
        if lists.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = redis::pipe();
        for list in lists {
            let key = list.key(&self.prefix);
            pipeline.cmd("LLEN").arg(&key).cmd("LINDEX").arg(&key).arg(0);
        }
        let answers: Vec<(u64, Option<Vec<u8>>)> = self
            .command(async {
                let mut manager = self.manager.clone();
                let flat: Vec<redis::Value> = match pipeline.query_async(&mut manager).await {
                    Err(error) if is_foreign(&error) => {
                        self.remove_foreign(lists).await?;
                        pipeline.query_async(&mut manager).await?
                    }
                    answer => answer?,
                };
                flat.chunks_exact(2)
                    .map(|pair| Ok((redis::from_redis_value_ref(&pair[0])?, redis::from_redis_value_ref(&pair[1])?)))
                    .collect::<RedisResult<Vec<_>>>()
            })
            .await?;
        let oldest = |bytes: Option<Vec<u8>>| Element::decode(&bytes?)?.queued_at();
        Ok(answers.into_iter().map(|(len, head)| Look { len, oldest: oldest(head) }).collect())
    }

    /// How many elements are before this one on its list, looking at `places` at
    /// most; and how long the list is.
    pub(crate) async fn place(&self, list: &List, element: Element, places: u64) -> Result<(Option<u64>, u64), Error> {
        self.command(async {
            let key = list.key(&self.prefix);
            let mut pipeline = redis::pipe();
            let element = element.encode();
            pipeline.cmd("LPOS").arg(&key).arg(element.as_slice()).arg("MAXLEN").arg(places).cmd("LLEN").arg(&key);
            pipeline.query_async(&mut self.manager.clone()).await
        })
        .await
    }

    /// As [`look`](Self::look), for a caller who waits: at most 50 ms, and `None`
    /// while Redis is down.
    pub(crate) async fn look_soon(&self, lists: &[List]) -> Option<Vec<Look>> {
        if self.breaker.is_open() {
            return None;
        }
        self.look_briefly(lists).await
    }

    /// The same also where Redis was down when it was last asked.
    pub(crate) async fn look_briefly(&self, lists: &[List]) -> Option<Vec<Look>> {
        timeout(PUSH_DEADLINE, self.look(lists)).await.ok()?.ok()
    }

    /// `PING`, for health checks.
    pub(crate) async fn ping(&self) -> Result<(), Error> {
        let ping = async {
            let _: String = redis::cmd("PING").query_async(&mut self.manager.clone()).await?;
            Ok(())
        };
        let answer = timeout(COMMAND_DEADLINE / 2, ping).await.unwrap_or_else(|_| Err(timed_out()));
        self.count(&answer);
        answer.map_err(Error::from)
    }

    /// A connection for one fetcher alone: `BLMPOP` would hold up everyone else
    /// on the shared one, and its answer may take as long as it likes.
    pub(crate) async fn connect_blocking(&self) -> RedisResult<MultiplexedConnection> {
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(COMMAND_DEADLINE)).set_response_timeout(None);
        self.client.get_multiplexed_async_connection_with_config(&config).await
    }

    /// Tells every worker something, as far as Redis can be reached within 50 ms:
    /// who misses it learns it with the next beat.
    pub(crate) async fn signal(&self, signal: Signal) {
        self.publish(self.prefix.signals(), signal.encode()).await;
    }

    /// Tells what an enqueue or an admission has made: at most 50 ms, as nothing
    /// depends on it.
    pub(crate) async fn announce(&self, announcement: &Announcement) {
        let keys = announcement.limit_keys.iter().take(TOLD_AT_ONCE);
        let signals = keys.map(|key| Signal::Limit(key.clone())).collect();
        tokio::join!(self.push_within_deadline(&announcement.ready), self.signal_all(signals));
    }

    /// Tells which jobs have left their list or their slot.
    pub(crate) async fn tell_gone(&self, gone: &[Gone]) {
        let slots = gone.iter().filter_map(|job| job.limit_key.clone().map(Signal::Limit));
        let parents = gone.iter().filter(|job| job.has_children).map(|job| Signal::Ended(job.id));
        self.signal_all(slots.chain(parents).take(TOLD_AT_ONCE).collect()).await;
    }

    pub(crate) async fn signal_all(&self, signals: Vec<Signal>) {
        let mut told = futures::stream::FuturesUnordered::new();
        for signal in signals {
            told.push(self.signal(signal));
        }
        while told.next().await.is_some() {}
    }

    /// Publishes `message`; nobody waits for long, and nothing depends on it.
    ///
    /// While Redis is down, one message a second goes out after a write that
    /// changes nothing: a process that only ever publishes has no other way to
    /// learn that jobs are taken again, and a server that takes none answers a
    /// message all the same.
    pub(crate) async fn publish(&self, channel: String, message: String) {
        if self.breaker.is_open() && !(self.breaker.allows() && self.takes_writes().await) {
            return;
        }
        let mut command = redis::cmd("PUBLISH");
        command.arg(channel).arg(message);
        let published = async { command.query_async(&mut self.manager.clone()).await };
        let published: RedisResult<i64> = timeout(PUSH_DEADLINE, published).await.unwrap_or_else(|_| Err(timed_out()));
        self.count(&published);
        if let Err(error) = published {
            tracing::debug!(%error, "could not publish");
        }
    }

    /// Tries a write that changes nothing, and closes or opens the breaker by it.
    async fn takes_writes(&self) -> bool {
        let mut command = redis::cmd("RPUSHX");
        command.arg(self.prefix.trial()).arg("");
        let tried = async { command.query_async(&mut self.manager.clone()).await };
        let tried: RedisResult<i64> = timeout(PUSH_DEADLINE, tried).await.unwrap_or_else(|_| Err(timed_out()));
        self.note_push(&tried);
        tried.is_ok()
    }

    /// A connection that hears what workers are told.
    pub(crate) async fn subscribe_to_signals(&self) -> RedisResult<PubSubStream> {
        let connect = async {
            let mut subscription = self.client.get_async_pubsub().await?;
            subscription.subscribe(self.prefix.signals()).await?;
            Ok(subscription.into_on_message())
        };
        timeout(COMMAND_DEADLINE, connect).await.unwrap_or_else(|_| Err(timed_out()))
    }

    /// Ends the `BLMPOP` that the client `id` waits in, without losing a pop.
    pub(crate) async fn unblock(&self, id: i64) -> Result<(), Error> {
        self.command(async {
            let mut manager = self.manager.clone();
            let _: i64 = redis::cmd("CLIENT").arg("UNBLOCK").arg(id).query_async(&mut manager).await?;
            Ok(())
        })
        .await
    }

    /// Removes somebody else's data under the keys of `lists`: what is no list
    /// makes every push and pop there fail. Returns how many keys that were.
    pub(crate) async fn remove_foreign(&self, lists: &[List]) -> RedisResult<usize> {
        let mut manager = self.manager.clone();
        let mut removed = 0;
        for list in lists {
            let key = list.key(&self.prefix);
            let found: String = redis::cmd("TYPE").arg(&key).query_async(&mut manager).await?;
            if found != "list" && found != "none" {
                let unlinked: i64 = redis::cmd("UNLINK").arg(&key).query_async(&mut manager).await?;
                // All who meet it get here; one of them removes it, and says so.
                if unlinked > 0 {
                    tracing::warn!(%list, found, "somebody else's data was under the key of our ready list; removed it");
                }
                removed += 1;
            }
        }
        Ok(removed)
    }

    async fn command<T>(&self, command: impl Future<Output = RedisResult<T>>) -> Result<T, Error> {
        let answer = timeout(COMMAND_DEADLINE, command).await.unwrap_or_else(|_| Err(timed_out()));
        self.count(&answer);
        answer.map_err(Error::from)
    }

    fn count<T>(&self, answer: &RedisResult<T>) {
        if answer.is_err() {
            self.metrics.redis_errors.increment(1);
        }
    }

    /// Only writes say whether Redis takes jobs: a replica, or a server whose
    /// memory is full, answers every look.
    fn note_push<T>(&self, answer: &RedisResult<T>) {
        self.count(answer);
        match answer {
            Ok(_) => {
                if self.breaker.close() {
                    tracing::info!("redis answers again; jobs are handed over at once");
                }
            }
            Err(error) => {
                if self.breaker.open() {
                    tracing::warn!(%error, "redis does not take jobs; they are safe in postgresql and handed over once it is back");
                }
            }
        }
    }
}

/// Whether a key of ours holds something else than a list.
pub(crate) fn is_foreign(error: &redis::RedisError) -> bool {
    let errors = error.clone().into_server_errors();
    errors.is_some_and(|errors| errors.iter().any(|(_, error)| error.code() == "WRONGTYPE"))
}

pub(crate) fn timed_out() -> redis::RedisError {
    redis::RedisError::from((redis::ErrorKind::Io, "no answer in time"))
}
