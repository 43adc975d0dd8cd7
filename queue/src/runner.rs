//! Runs a worker: registers it, starts its parts, and drains it.
//!
//! ```text
//! Redis ──BLMPOP──► fetcher ──claim──► channel ──► apalis worker ──► handler
//!                      │                              │
//!                      └───────── held ◄── finisher ◄─┘ (group commit)
//! ```
//!
//! Beside that pipeline run the heartbeat, the reconciler and, while this
//! worker holds their leases, the duties. The queue's own statements use small
//! pools of their own, so that handlers which hold all of the application's
//! connections can't silence the heartbeat.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use apalis::{
    layers::catch_panic::CatchPanicLayer,
    prelude::{WorkerBuilder, WorkerContext},
};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    Error, Queue, Schedule,
    auditor::Auditor,
    backend::Assignments,
    executor::{Assignment, Dispatch, NoOutcome, SettleLayer},
    fetcher::{self, Fetcher},
    finisher::{Finisher, Settled},
    heartbeat::{Heartbeat, Pulse},
    held::Held,
    janitor::Janitor,
    lease::Leases,
    ledger::{
        partitions,
        workers::{self, WorkerRow},
    },
    lookup::Lookup,
    pause::Paused,
    pipeline::{Background, LAST_WORDS, Pipeline, Tasks, last_words},
    progress::{Reporter, Scribe},
    promoter::Promoter,
    reconciler::Reconciler,
    registry::Registry,
    rescuer::Rescuer,
    run::Host,
    scheduler::Scheduler,
    settings::{Lane, RunnerSettings},
    signals::Listener,
    unblock::{Unblocker, Wake},
};

/// Transactions that write outcomes at a time.
const FINISHERS: usize = 2;
/// The reconciler, the listener, the scribe, the unblocker and the duties, of which
/// not all have something to say at a time.
const DUTY_CONNECTIONS: usize = 5;

/// A worker about to run.
pub struct Runner<C> {
    queue: Queue,
    registry: Arc<Registry<C>>,
    context: Arc<C>,
    settings: RunnerSettings,
    lanes: Vec<Lane>,
    schedules: Vec<Schedule>,
    pulse: Arc<Pulse>,
}

/// What the pipeline shares with what runs beside it. Its queue is one over the
/// pool for claims and finishes.
#[derive(Clone)]
struct Parts {
    queue: Queue,
    held: Arc<Held>,
    paused: Paused,
    reporter: Reporter,
    wake: Wake,
    worker_id: Uuid,
}

/// Says whether a worker is doing its work. Cheap to clone and to ask.
#[derive(Clone, Debug)]
pub struct Readiness {
    pulse: Arc<Pulse>,
}

impl Readiness {
    /// Whether the worker is registered and its heartbeat of the last 15 s arrived.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.pulse.is_fresh()
    }
}

impl<C> std::fmt::Debug for Runner<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl<C: Send + Sync + 'static> Runner<C> {
    /// Prepares a worker for the kinds of `registry`, whose handlers get `context`.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings under which no job would ever run and for
    /// a kind with two handlers, and [`Error::Policy`] for a kind that can't run.
    pub fn new(queue: Queue, registry: Registry<C>, context: C, settings: RunnerSettings) -> Result<Self, Error> {
        registry.check()?;
        let lanes = settings.lanes(&registry.queues())?;
        Ok(Self {
            queue: queue.with_kinds(&registry.policies()).checked()?,
            registry: Arc::new(registry),
            context: Arc::new(context),
            settings,
            lanes,
            schedules: Vec::new(),
            pulse: Arc::default(),
        })
    }

    /// Declares what is to be enqueued by the clock. While a worker lives that
    /// declares a schedule, some worker fires it.
    ///
    /// # Errors
    /// [`Error::Schedule`] for two schedules of one name.
    pub fn with_schedules(mut self, schedules: Vec<Schedule>) -> Result<Self, Error> {
        let mut names = HashSet::new();
        if let Some(twice) = schedules.iter().find(|schedule| !names.insert(schedule.name())) {
            let problem = "it is declared twice".to_owned();
            return Err(Error::Schedule { name: twice.name().to_owned(), problem });
        }
        self.schedules = schedules;
        Ok(self)
    }

    /// A handle that tells whether the worker is doing its work.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        Readiness { pulse: self.pulse.clone() }
    }

    /// Runs until `shutdown` fires, then drains: stops fetching, lets running
    /// jobs finish for the grace, gives the rest back unburnt.
    ///
    /// It starts and goes on while PostgreSQL or Redis is down.
    ///
    /// # Errors
    /// [`Error::Ledger`] when the drain could not write everything; what is
    /// missing is rescued by another worker within 25 s. [`Error::PartFailed`]
    /// when a part of the worker panicked: it has drained, and wants a restart.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), Error> {
        let worker_id = Uuid::now_v7();
        let row = self.row(worker_id);
        let pool = self.own_pool(self.lanes.len() + FINISHERS + 1);
        let duty_pool = self.own_pool(DUTY_CONNECTIONS);
        let duties = self.queue.over(duty_pool.clone());
        let held = Arc::new(Held::new());
        let paused = Paused::none();
        let leases = Leases::new(self.queue.metrics().clone());
        // The heartbeat waits for nobody; and when its connection falls silent, the
        // next beat makes a new one, in place of trying all that a pool has.
        let heartbeat_pool = self.own_pool(1);
        let heartbeat = Heartbeat {
            queue: self.queue.over(heartbeat_pool.clone()),
            row,
            pulse: self.pulse.clone(),
            leases: leases.clone(),
            held: held.clone(),
            paused: paused.clone(),
        };
        if !heartbeat.register(&shutdown).await {
            return Ok(());
        }
        // The janitor makes them too, but its first round may come after the first finish.
        if let Err(error) = partitions::ensure_ahead(&duty_pool, self.queue.kinds().retention_days()).await {
            tracing::warn!(%error, "could not make the history's partitions yet; a finish that needs one makes it");
        }
        tracing::info!(%worker_id, queues = ?heartbeat.row.queues, slots = heartbeat.row.slots, "worker started");

        let failed = CancellationToken::new();
        let background = Background::new(failed.clone());
        background.spawn(|stop| heartbeat.run(stop));
        let reporter = Reporter::default();
        let scribe = Scribe { queue: duties.clone(), reporter: reporter.clone() };
        background.spawn(|stop| scribe.run(stop));
        let wake = Wake::default();
        let unblocker = Unblocker::new(duties.clone(), wake.clone());
        background.spawn(|stop| unblocker.run(stop));
        let listener = Listener {
            queue: duties.clone(),
            held: held.clone(),
            paused: paused.clone(),
            leases: leases.clone(),
            wake: wake.clone(),
        };
        background.spawn(|stop| listener.run(stop));
        let parts =
            Parts { queue: self.queue.over(pool.clone()), held: held.clone(), paused, reporter, wake, worker_id };
        self.spawn_duties(&background, &duties, &parts, &leases);
        let pipeline = self.start_pipeline(&parts, &failed);

        tokio::select! {
            () = shutdown.cancelled() => {}
            () = failed.cancelled() => tracing::error!("a part of the worker failed; draining what is left"),
        }
        tracing::info!(running = held.len(), grace = ?self.settings.grace, "draining");
        let drained = pipeline.drain(&self.queue, &pool, &held, self.settings.grace).await;
        background.stop().await;
        let left = last_words(|| leave(&duty_pool, worker_id, drained.is_ok())).await;
        // A connection that never answers would hold these up for ever.
        let _ = tokio::time::timeout(LAST_WORDS, async {
            tokio::join!(pool.close(), duty_pool.close(), heartbeat_pool.close())
        })
        .await;
        drained?;
        left?;
        if failed.is_cancelled() {
            return Err(Error::PartFailed);
        }
        tracing::info!("drained");
        Ok(())
    }

    fn row(&self, id: Uuid) -> WorkerRow {
        let mut queues: Vec<String> = self.lanes.iter().flat_map(|lane| lane.queues.clone()).collect();
        queues.sort();
        queues.dedup();
        let slots: usize = self.lanes.iter().map(|lane| lane.slots).sum();
        WorkerRow {
            id,
            name: self.settings.name.clone(),
            version: self.settings.version,
            queues,
            kinds: self.registry.readable(),
            schedules: self.schedules.iter().map(|schedule| schedule.name().to_owned()).collect(),
            slots: i32::try_from(slots).unwrap_or(i32::MAX),
        }
    }

    /// A pool for the queue's own statements, with a connection for each part
    /// that may need one at the same time.
    fn own_pool(&self, connections: usize) -> PgPool {
        let options = self.queue.pool().connect_options().as_ref().clone();
        PgPoolOptions::new()
            .max_connections(u32::try_from(connections).unwrap_or(u32::MAX))
            .acquire_timeout(Duration::from_secs(5))
            // A dead connection is told by the statement that fails on it; asking
            // before each would double the round trips.
            .test_before_acquire(false)
            .connect_lazy_with(options)
    }

    fn spawn_duties(&self, background: &Background, queue: &Queue, parts: &Parts, leases: &Leases) {
        let Parts { held, wake, worker_id, .. } = parts.clone();
        let reconciler = Reconciler { queue: queue.clone(), worker_id, held, wake: wake.clone() };
        let promoter = Promoter { queue: queue.clone(), leases: leases.clone(), wake: wake.clone() };
        let rescuer = Rescuer { queue: queue.clone(), pulse: self.pulse.clone(), wake: wake.clone() };
        let refused = AtomicBool::new(false);
        let auditor = Auditor { queue: queue.clone(), leases: leases.clone(), rescuer, wake, worker_id, refused };
        let janitor = Janitor { queue: queue.clone(), leases: leases.clone() };
        let declared = self.schedules.clone();
        let scheduler = Scheduler { queue: queue.clone(), leases: leases.clone(), declared };
        background.spawn(|stop| reconciler.run(stop));
        background.spawn(|stop| promoter.run(stop));
        background.spawn(|stop| auditor.run(stop));
        background.spawn(|stop| janitor.run(stop));
        background.spawn(|stop| scheduler.run(stop));
    }

    fn start_pipeline(&self, parts: &Parts, failed: &CancellationToken) -> Pipeline {
        let Parts { queue, held, paused, reporter, wake, worker_id } = parts.clone();
        let slots: usize = self.lanes.iter().map(|lane| lane.slots).sum();
        let (jobs, receiver) = mpsc::channel::<Assignment<C>>(slots);
        let (settled, outcomes) = mpsc::channel::<Settled>(slots * 2);
        let fetching = CancellationToken::new();
        let stopping = CancellationToken::new();
        let kinds = self.registry.readable();
        let metrics = self.queue.metrics();
        let shared = Arc::new(fetcher::Shared {
            claims: queue.pool().clone(),
            by_kind: self.registry.kinds().into_iter().map(|kind| (kind, Arc::new(metrics.kind(kind)))).collect(),
            registry: self.registry.clone(),
            lookup: Lookup::new(queue.clone(), kinds.clone(), wake.clone()),
            kinds,
            held: held.clone(),
            paused,
            host: Arc::new(Host { worker_id, queue: self.queue.clone(), progress: reporter, wake: wake.clone() }),
            pulse: self.pulse.clone(),
            mode: self.settings.mode,
            jobs,
            stop: fetching.clone(),
        });

        let finishers = Tasks::new(failed.clone());
        let finisher = Finisher { queue, held: held.clone(), wake, settled: Arc::new(Mutex::new(outcomes)) };
        for _ in 0..FINISHERS {
            finishers.spawn(finisher.clone().run());
        }

        let apalis = WorkerContext::new(&worker_id.to_string());
        let worker = WorkerBuilder::new(apalis.clone())
            .backend(Assignments { receiver })
            .layer(SettleLayer { held: held.clone(), settled, stopping: stopping.clone() })
            .layer(CatchPanicLayer::with_panic_handler(NoOutcome::of_panic))
            .build(Dispatch { context: self.context.clone() });
        let ended = failed.clone().drop_guard();
        let draining = stopping.clone();
        let runtime = tokio::spawn(async move {
            let end = worker.run().await;
            if draining.is_cancelled() {
                ended.disarm();
            } else {
                tracing::error!(error = ?end.err(), "the worker runtime ended before it was told to");
            }
        });

        let fetchers = Tasks::new(failed.clone());
        for lane in &self.lanes {
            let slots = Arc::new(Semaphore::new(lane.slots));
            fetchers.spawn(Fetcher::new(shared.clone(), lane.queues.clone(), slots).run());
        }
        Pipeline { fetching, stopping, fetchers, finishers, apalis, runtime }
    }
}

/// Removes the worker's traces: its leases, and its row if it holds nothing any more.
async fn leave(pool: &PgPool, worker_id: Uuid, clean: bool) -> sqlx::Result<()> {
    workers::release_leases(pool, worker_id).await?;
    if clean { workers::deregister(pool, worker_id).await } else { Ok(()) }
}
