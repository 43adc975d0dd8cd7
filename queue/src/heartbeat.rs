//! The sign of life: one row a process, one statement every 5 s, which also
//! takes and renews leases.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    Queue,
    error::connection_lost,
    held::Held,
    lease::{DUTIES, Leases, rest},
    ledger::workers::{self, Beat, WorkerRow},
    pause::Paused,
};

/// How often a worker beats.
pub(crate) const EVERY: Duration = Duration::from_secs(5);
/// A worker without a beat for this long is gone.
pub(crate) const GONE_AFTER: Duration = Duration::from_secs(15);
/// A beat this late leaves open what the others have done meanwhile.
const LATE: Duration = Duration::from_secs(10);
/// By how much PostgreSQL's clock and ours may drift apart between two looks.
/// More means that one of them jumped, or that this host was suspended.
const JUMP: Duration = Duration::from_secs(5);
/// After a beat that failed, the next one comes sooner.
const RETRY: Duration = Duration::from_secs(1);

/// When this worker's beats arrived.
#[derive(Debug, Default)]
pub(crate) struct Pulse(Mutex<Option<Beats>>);

#[derive(Clone, Copy, Debug)]
struct Beats {
    last: Instant,
    /// PostgreSQL's clock at the last beat.
    clock: DateTime<Utc>,
    unbroken_since: Instant,
}

impl Beats {
    /// Whether PostgreSQL's clock says that as much time has passed as ours does.
    fn agrees(&self, now: Instant, clock: DateTime<Utc>) -> bool {
        let ours = now.saturating_duration_since(self.last);
        let theirs = (clock - self.clock).to_std().unwrap_or_default();
        ours.abs_diff(theirs) <= JUMP && clock >= self.clock
    }
}

impl Pulse {
    fn get(&self) -> Option<Beats> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a beat sent at `sent`; returns whether it leaves doubts: it was
    /// late, or a clock jumped.
    fn beat(&self, sent: Instant, clock: DateTime<Utc>) -> bool {
        let mut beats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let doubtful = beats.is_some_and(|b| sent.duration_since(b.last) > LATE || !b.agrees(sent, clock));
        let unbroken_since = beats.filter(|_| !doubtful).map_or(sent, |beats| beats.unbroken_since);
        *beats = Some(Beats { last: sent, clock, unbroken_since });
        doubtful
    }

    /// Notes that a beat failed.
    fn broken(&self) {
        let mut beats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(beats) = beats.as_mut() {
            beats.unbroken_since = Instant::now();
        }
    }

    /// Whether the others take this worker for alive.
    pub(crate) fn is_fresh(&self) -> bool {
        self.get().is_some_and(|beats| beats.last.elapsed() < GONE_AFTER)
    }

    /// Whether the last beat arrived in time: what is claimed now stays ours.
    pub(crate) fn is_steady(&self) -> bool {
        self.get().is_none_or(|beats| beats.last.elapsed() < LATE)
    }

    /// Whether the beats of the last 15 s all arrived, and PostgreSQL's clock,
    /// which says `clock` now, did not jump meanwhile. Only then may one say of
    /// others that they are gone: an outage of PostgreSQL silences everyone, and
    /// a jump makes every beat look old.
    pub(crate) fn is_trustworthy(&self, clock: DateTime<Utc>) -> bool {
        self.get().is_some_and(|beats| {
            beats.last.elapsed() < LATE
                && beats.unbroken_since.elapsed() >= GONE_AFTER
                && beats.agrees(Instant::now(), clock)
        })
    }
}

pub(crate) struct Heartbeat {
    pub(crate) queue: Queue,
    pub(crate) row: WorkerRow,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) leases: Leases,
    pub(crate) held: Arc<Held>,
    pub(crate) paused: Paused,
}

impl Heartbeat {
    /// Registers the worker: no job may be claimed before its row is there.
    /// Waits for PostgreSQL as long as it takes. False: told to stop meanwhile.
    pub(crate) async fn register(&self, stop: &CancellationToken) -> bool {
        let mut said = false;
        loop {
            match workers::register(self.queue.pool(), &self.row, &DUTIES).await {
                Ok(()) => {
                    if said {
                        tracing::info!("postgresql is back; the worker is registered");
                    }
                    return true;
                }
                Err(error) => {
                    self.queue.metrics().postgres_errors.increment(1);
                    if !said {
                        tracing::warn!(%error, "cannot register the worker yet; trying until postgresql takes it");
                        said = true;
                    }
                }
            }
            if !rest(RETRY, stop).await {
                return false;
            }
        }
    }

    /// Beats until told to stop.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut server = None;
        let mut failing = false;
        loop {
            let sent = Instant::now();
            let next = match self.beat().await {
                Ok(beat) => {
                    if std::mem::take(&mut failing) {
                        tracing::info!("the worker's heartbeat reaches postgresql again");
                    }
                    // A duty that was not renewed (its row was locked just then) is asked for again soon.
                    if self.arrived(sent, beat, &mut server).await { EVERY } else { RETRY }
                }
                Err(error) => {
                    self.queue.metrics().postgres_errors.increment(1);
                    self.pulse.broken();
                    self.leases.show();
                    if connection_lost(&error) {
                        self.held.doubt();
                    }
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%error, "the worker's heartbeat does not reach postgresql");
                    }
                    RETRY
                }
            };
            if !rest(next.saturating_sub(sent.elapsed()), &stop).await {
                return;
            }
        }
    }

    async fn beat(&self) -> sqlx::Result<Beat> {
        let busy = i32::try_from(self.held.len()).unwrap_or(i32::MAX);
        self.queue.metrics().slots_busy.set(busy);
        self.queue.metrics().slots_free.set(self.row.slots.saturating_sub(busy).max(0));
        workers::beat(self.queue.pool(), self.row.id, busy, &DUTIES).await
    }

    /// Takes in what a beat brought; returns whether all duties were renewed.
    async fn arrived(
        &self,
        sent: Instant,
        beat: Beat,
        server: &mut Option<(DateTime<Utc>, Option<DateTime<Utc>>)>,
    ) -> bool {
        let doubtful = self.pulse.beat(sent, beat.clock);
        let restarted = server.replace(beat.server).is_some_and(|before| before != beat.server);
        if !beat.registered {
            tracing::warn!("the worker's row was gone: others took it for dead; registering again");
            if let Err(error) = workers::register(self.queue.pool(), &self.row, &DUTIES).await {
                tracing::warn!(%error, "could not register again yet");
            }
        }
        self.paused.set(beat.paused, sent);
        for id in beat.cancelled {
            self.held.request_cancel(id);
        }
        if doubtful || restarted || !beat.registered {
            self.held.doubt();
        }
        self.leases.set(sent, beat.duties)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_may_judge_others_only_after_15_s_of_unbroken_beats() {
        let pulse = Pulse::default();
        let start = Utc::now();
        let began = Instant::now();
        let clock = || start + began.elapsed();
        assert!(!pulse.is_fresh());
        for _ in 0..3 {
            assert!(!pulse.is_trustworthy(clock()));
            assert!(!pulse.beat(Instant::now(), clock()));
            assert!(pulse.is_fresh());
            tokio::time::advance(EVERY).await;
        }
        assert!(pulse.is_trustworthy(clock()));
        assert!(!pulse.is_trustworthy(clock() + Duration::from_mins(1)), "the clock jumped ahead");
        assert!(!pulse.is_trustworthy(clock() - Duration::from_mins(1)), "the clock jumped back");
        pulse.broken();
        assert!(!pulse.is_trustworthy(clock()), "a failed beat starts the count anew");
        tokio::time::advance(LATE).await;
        assert!(pulse.beat(Instant::now(), clock()), "late");
    }

    #[tokio::test(start_paused = true)]
    async fn a_jump_of_a_clock_between_two_beats_starts_the_count_anew() {
        let pulse = Pulse::default();
        let start = Utc::now();
        assert!(!pulse.beat(Instant::now(), start));
        tokio::time::advance(EVERY).await;
        assert!(pulse.beat(Instant::now(), start + Duration::from_hours(1)), "doubtful");
        tokio::time::advance(EVERY).await;
        assert!(!pulse.beat(Instant::now(), start + Duration::from_hours(1) + EVERY));
        tokio::time::advance(EVERY).await;
        assert!(!pulse.is_trustworthy(start + Duration::from_hours(1) + 2 * EVERY));
    }
}
