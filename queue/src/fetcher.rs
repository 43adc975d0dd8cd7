//! Takes ids from the ready lists, claims them, and hands the jobs on.
//!
//! One blocking `BLMPOP` over the lists that this fetcher serves, on a
//! connection of its own, for as many jobs as it has free slots. No polling:
//! an idle fetcher sends one command in [`BLOCK`]. The next pop waits until the
//! claim of the last one was answered, so an outage of PostgreSQL doesn't empty
//! Redis into memory, and a pop is never dropped half-way.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    convert::Infallible,
    future::Future,
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use redis::{RedisResult, aio::MultiplexedConnection};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    Backoff, Cause, Mode, Priority, Run,
    error::{connection_lost, is_refusal},
    executor::Assignment,
    heartbeat::Pulse,
    held::Held,
    keys::{Element, List},
    ledger::claim::{self, Claimed},
    lookup::Lookup,
    metrics::ByKind,
    order::Order,
    pause::Paused,
    ready_list::{is_foreign, timed_out},
    registry::Registry,
    run::Host,
};

/// How long one `BLMPOP` waits. An element that arrives ends it at once.
const BLOCK: Duration = Duration::from_secs(20);
/// How much later than that an answer is taken for lost.
const ANSWER_MARGIN: Duration = Duration::from_secs(3);
/// Jobs in one claim.
const BATCH: usize = 250;
/// A batch smaller than this is worth waiting [`GATHER`] for while the lists are full.
const WORTHWHILE: usize = 100;
/// How often a fetcher that still waits by an old list of queues is unblocked again.
const UNBLOCK_EVERY: Duration = Duration::from_millis(50);
const GATHER: Duration = Duration::from_millis(1);
const RECONNECT: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(5) };

/// How often a fetcher whose worker does not beat looks whether it does again.
const STEADY_EVERY: Duration = Duration::from_millis(100);

/// Waits for an answer that must come at once.
async fn soon<T>(answer: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    timeout(ANSWER_MARGIN, answer).await.unwrap_or_else(|_| Err(timed_out()))
}

/// What all fetchers of a worker share.
pub(crate) struct Shared<C> {
    pub(crate) claims: sqlx::PgPool,
    pub(crate) registry: Arc<Registry<C>>,
    pub(crate) kinds: Vec<String>,
    pub(crate) by_kind: ByKind,
    pub(crate) held: Arc<Held>,
    pub(crate) lookup: Lookup,
    pub(crate) mode: Mode,
    pub(crate) jobs: mpsc::Sender<Assignment<C>>,
    pub(crate) host: Arc<Host>,
    pub(crate) paused: Paused,
    pub(crate) pulse: Arc<Pulse>,
    /// Fired to stop fetching.
    pub(crate) stop: CancellationToken,
}

pub(crate) struct Fetcher<C> {
    shared: Arc<Shared<C>>,
    slots: Arc<Semaphore>,
    size: usize,
    order: Order,
    paused: watch::Receiver<Arc<BTreeSet<String>>>,
    /// The Redis client id of the connection that blocks, for unblocking it.
    client_id: i64,
    /// The last pop was full, so there is probably more.
    busy: bool,
}

/// A pop: from which list, which elements.
struct Popped {
    list: List,
    elements: Vec<Vec<u8>>,
}

impl<C: Send + Sync + 'static> Fetcher<C> {
    pub(crate) fn new(shared: Arc<Shared<C>>, queues: Vec<String>, slots: Arc<Semaphore>) -> Self {
        let order = Order::new(queues, shared.mode);
        let size = slots.available_permits();
        let paused = shared.paused.subscribe();
        Self { shared, slots, size, order, paused, client_id: 0, busy: false }
    }

    /// Fetches until told to stop; reconnects with backoff and jitter for as
    /// long as Redis is away, and says so once.
    pub(crate) async fn run(mut self) {
        let mut failures = 0;
        while !self.shared.stop.is_cancelled() {
            let Err(error) = self.session(&mut failures).await else { return };
            self.shared.host.queue.metrics().redis_errors.increment(1);
            if failures == 0 {
                tracing::warn!(%error, "lost redis; reconnecting with backoff");
            }
            failures += 1;
            let pause = RECONNECT.ceiling(failures).mul_f64(0.5 + rand::random::<f64>() / 2.0);
            tokio::select! {
                () = self.shared.stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Fetches on one connection until it breaks (`Err`) or told to stop.
    async fn session(&mut self, failures: &mut u32) -> RedisResult<()> {
        let mut redis = self.shared.host.queue.lists.connect_blocking().await?;
        self.client_id = soon(redis::cmd("CLIENT").arg("ID").query_async(&mut redis)).await?;
        while let Some(slots) = self.free_slots().await {
            self.steady().await;
            let popped = match self.pop(&mut redis, slots.num_permits()).await {
                Err(error) if is_foreign(&error) => {
                    self.remove_foreign(error).await?;
                    continue;
                }
                popped => popped?,
            };
            // Only an answered pop says that this Redis is of use: a replica, or
            // one that can't write, lets us connect.
            if std::mem::take(failures) > 0 {
                tracing::info!("redis is back; fetching again");
            }
            let Some(popped) = popped else { continue };
            if self.shared.stop.is_cancelled() {
                self.put_back(&mut redis, popped).await?;
                return Ok(());
            }
            self.busy = popped.elements.len() == slots.num_permits();
            self.claim(popped, slots).await;
        }
        Ok(())
    }

    /// Waits while the beats of this worker don't arrive: soon the others would
    /// take it for dead, and away what it claims now.
    async fn steady(&self) {
        while !self.shared.pulse.is_steady() && !self.shared.stop.is_cancelled() {
            tokio::time::sleep(STEADY_EVERY).await;
        }
    }

    /// Waits for a free slot and takes all that are free, up to a batch.
    /// `None`: told to stop.
    async fn free_slots(&self) -> Option<OwnedSemaphorePermit> {
        let first = tokio::select! {
            biased;
            () = self.shared.stop.cancelled() => return None,
            permit = self.slots.clone().acquire_owned() => permit.ok()?,
        };
        if self.busy && self.slots.available_permits() < WORTHWHILE.min(self.size / 2) {
            tokio::time::sleep(GATHER).await;
        }
        let more = self.slots.available_permits().min(BATCH - 1);
        let mut slots = first;
        if let Ok(rest) = self.slots.clone().try_acquire_many_owned(u32::try_from(more).unwrap_or(0)) {
            slots.merge(rest);
        }
        Some(slots)
    }

    fn key(&self, list: &List) -> String {
        list.key(self.shared.host.queue.lists.prefix())
    }

    /// The lists of the next pop: those of queues that are not paused now.
    fn lists(&mut self) -> Vec<List> {
        let paused = self.paused.borrow_and_update().clone();
        let mut lists = self.order.next();
        lists.retain(|list| !paused.contains(&list.queue));
        lists
    }

    /// Waits until queues are paused or resumed, or the worker stops.
    async fn wait_for_a_change(&self) {
        let mut paused = self.paused.clone();
        tokio::select! {
            () = self.shared.stop.cancelled() => {}
            _ = paused.changed() => {}
        }
    }

    /// Once queues were paused or resumed, or the worker stops, ends the pop that
    /// still waits: again and again, as it may not have begun to. Nothing that
    /// is popped is lost by that.
    async fn unblock_after_a_change(&self) -> Infallible {
        self.wait_for_a_change().await;
        loop {
            if self.shared.host.queue.lists.unblock(self.client_id).await.is_err() {
                tracing::debug!("could not unblock a fetcher yet");
            }
            tokio::time::sleep(UNBLOCK_EVERY).await;
        }
    }

    async fn pop(&mut self, redis: &mut MultiplexedConnection, count: usize) -> RedisResult<Option<Popped>> {
        let lists = self.lists();
        if lists.is_empty() {
            self.wait_for_a_change().await;
            return Ok(None);
        }
        let mut command = redis::cmd("BLMPOP");
        command.arg(BLOCK.as_secs_f64()).arg(lists.len());
        for list in &lists {
            command.arg(self.key(list));
        }
        command.arg("LEFT").arg("COUNT").arg(count);
        let answer = timeout(BLOCK + ANSWER_MARGIN, command.query_async(redis));
        let answer = tokio::select! {
            biased;
            answer = answer => answer,
            never = self.unblock_after_a_change() => match never {},
        };
        let answer: Option<(String, Vec<Vec<u8>>)> = answer.unwrap_or_else(|_| Err(timed_out()))?;
        Ok(answer.and_then(|(key, elements)| {
            let list = lists.into_iter().find(|list| self.key(list) == key)?;
            Some(Popped { list, elements })
        }))
    }

    /// Makes way for our lists where somebody else's data is under their keys;
    /// `error`, if that was not it.
    async fn remove_foreign(&mut self, error: redis::RedisError) -> RedisResult<()> {
        let removed = self.shared.host.queue.lists.remove_foreign(&self.order.next()).await?;
        if removed == 0 { Err(error) } else { Ok(()) }
    }

    /// Puts a pop back where it was, when it came after the order to stop.
    async fn put_back(&self, redis: &mut MultiplexedConnection, popped: Popped) -> RedisResult<()> {
        let mut command = redis::cmd("LPUSH");
        command.arg(self.key(&popped.list));
        for element in popped.elements.iter().rev() {
            command.arg(element.as_slice());
        }
        soon(command.query_async(redis)).await
    }

    /// Claims what was popped, however long PostgreSQL takes to answer, and
    /// hands the jobs on.
    async fn claim(&self, popped: Popped, mut slots: OwnedSemaphorePermit) {
        let elements: Vec<Element> = popped.elements.iter().filter_map(|bytes| Element::decode(bytes)).collect();
        if elements.len() < popped.elements.len() {
            self.shared.lookup.foreign(&popped.list);
        }
        let mut ids: Vec<Uuid> = elements.iter().map(|element| element.id).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return;
        }
        let Some(assignments) = self.claim_until_answered(&ids).await else { return };
        let claimed: HashSet<Uuid> = assignments.iter().map(|assignment| assignment.run.id).collect();
        for mut assignment in assignments {
            assignment.slot = slots.split(1);
            // A closed channel: the grace is over, and the last sweep gives these back.
            if self.shared.jobs.send(assignment).await.is_err() {
                return;
            }
        }
        // The others run already.
        if claimed.len() < ids.len() {
            ids.retain(|id| !claimed.contains(id));
            self.shared.lookup.missing(&ids).await;
        }
    }

    /// A lost answer leaves open whether the claim happened: the reconciler
    /// gives back what did, and then the same ids are claimed anew.
    async fn claim_until_answered(&self, ids: &[Uuid]) -> Option<Vec<Assignment<C>>> {
        let shared = &self.shared;
        let mut attempt = 0;
        loop {
            let claiming = shared.held.claiming().await;
            let claim_id = Uuid::new_v4();
            match claim::claim(&shared.claims, ids, shared.host.worker_id, claim_id, &shared.kinds).await {
                Ok(claimed) => return Some(shared.take_on(claimed, claim_id)),
                Err(error) if is_refusal(&error) && ids.len() > 1 => {
                    drop(claiming);
                    shared.host.queue.metrics().postgres_errors.increment(1);
                    tracing::warn!(%error, jobs = ids.len(), "a claim is refused; claiming its jobs one by one");
                    let mut assignments = Vec::with_capacity(ids.len());
                    for id in ids {
                        let claimed = Box::pin(self.claim_until_answered(std::slice::from_ref(id))).await;
                        assignments.extend(claimed.into_iter().flatten());
                    }
                    return Some(assignments);
                }
                Err(error) if is_refusal(&error) => {
                    drop(claiming);
                    shared.host.queue.metrics().postgres_errors.increment(1);
                    tracing::error!(%error, id = ?ids.first(), "the claim of this job is refused; the auditor will find it");
                    return None;
                }
                Err(error) => {
                    let lost = connection_lost(&error).then(|| shared.held.doubt_claim(ids));
                    drop(claiming);
                    shared.host.queue.metrics().postgres_errors.increment(1);
                    if attempt == 0 {
                        tracing::warn!(%error, "postgresql takes no claims; trying until it does");
                    }
                    attempt += 1;
                    let again = async {
                        tokio::time::sleep(RECONNECT.ceiling(attempt)).await;
                        if let Some(mut reconciled) = lost {
                            let _ = reconciled.changed().await;
                        }
                    };
                    tokio::select! {
                        () = shared.stop.cancelled() => return None,
                        () = again => {}
                    }
                }
            }
        }
    }
}

impl<C: Send + Sync + 'static> Shared<C> {
    /// Makes runs of claimed rows, and remembers that we hold them.
    fn take_on(&self, claimed: Vec<Claimed>, claim_id: Uuid) -> Vec<Assignment<C>> {
        self.host.queue.metrics().claim_batch.record(u32::try_from(claimed.len()).unwrap_or(u32::MAX));
        let mut newest: HashMap<(&str, i16), DateTime<Utc>> = HashMap::new();
        for job in &claimed {
            let at = newest.entry((&job.queue, job.priority)).or_insert(job.queued_at);
            *at = job.queued_at.max(*at);
        }
        let of_list = |(queue, rank)| List::new(queue, Priority::from_rank(rank));
        self.held.saw(newest.into_iter().map(|(list, at)| (of_list(list), at)));
        let assignments: Vec<_> = claimed.into_iter().filter_map(|job| self.assignment(job, claim_id)).collect();
        self.held.insert(assignments.iter().map(|a| (a.run.claim(), a.run.stop.clone())));
        assignments
    }

    fn assignment(&self, job: Claimed, claim_id: Uuid) -> Option<Assignment<C>> {
        // The claim asked for registered kinds only.
        let entry = self.registry.get(&job.kind)?.clone();
        let metrics = self.by_kind.get(entry.kind)?.clone();
        let ready_since = job.queued_at.max(job.run_at);
        let run = Run {
            id: job.id,
            claim_id,
            kind: entry.kind,
            payload_version: job.payload_version,
            policy: entry.policy,
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            cause: Cause { owner: job.owner, request_id: job.request_id, traceparent: job.traceparent },
            waited: (job.started_at - ready_since).to_std().unwrap_or_default(),
            started: Instant::now(),
            timeout: Duration::from_millis(job.timeout_ms.unsigned_abs().into()),
            started_at: job.started_at,
            stop: Arc::default(),
            host: self.host.clone(),
        };
        Some(Assignment { run: Arc::new(run), entry, payload: job.payload.0, metrics, slot: None })
    }
}
