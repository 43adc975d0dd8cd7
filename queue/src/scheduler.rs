//! Enqueues jobs by the clock: PostgreSQL's, as every time of the ledger.

use std::{collections::HashSet, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    Cause, Enqueued, Error, Queue, Schedule, ScheduleView,
    lease::{Leases, rest},
    ledger::schedules,
};

const DUTY: &str = "scheduler";
/// How often it looks when it knows of no tick sooner: what operators change
/// takes effect within this time.
const EVERY: Duration = Duration::from_secs(5);
/// However soon the next tick is, it doesn't look more often than this.
const AT_MOST_EVERY: Duration = Duration::from_millis(100);

pub(crate) struct Scheduler {
    pub(crate) queue: Queue,
    pub(crate) leases: Leases,
    /// What this worker declares.
    pub(crate) declared: Vec<Schedule>,
}

impl Scheduler {
    /// Declares this worker's schedules, then ticks while it holds the duty,
    /// until told to stop.
    pub(crate) async fn run(self, stop: CancellationToken) {
        while let Err(error) = schedules::declare(self.queue.pool(), &self.declared).await {
            self.queue.metrics().postgres_errors.increment(1);
            tracing::debug!(%error, "could not declare the schedules yet");
            if !rest(AT_MOST_EVERY * 10, &stop).await {
                return;
            }
        }
        for schedule in &self.declared {
            self.queue.metrics().scheduler_ticks(schedule.name(), "fired").increment(0);
        }
        // What has been said already, so that it is logged once.
        let mut said = HashSet::new();
        while self.leases.acquired(DUTY, &stop).await.is_some() {
            let pause = self.tick(&mut said).await;
            if !rest(pause, &stop).await {
                return;
            }
        }
    }

    /// Sees to what is due; returns when to look again.
    async fn tick(&self, said: &mut HashSet<String>) -> Duration {
        let due = match schedules::due(self.queue.pool()).await {
            Ok(due) => due,
            Err(error) => {
                self.queue.metrics().postgres_errors.increment(1);
                tracing::debug!(%error, "could not look at the schedules");
                return EVERY.min(Duration::from_secs(1));
            }
        };
        let mut failed = false;
        for name in &due.names {
            if let Err(error) = self.fire(name).await {
                self.queue.metrics().scheduler_ticks(name, "failed").increment(1);
                failed = true;
                if said.insert(name.clone()) {
                    tracing::error!(%error, schedule = name, "a schedule can't tick; trying again");
                }
            } else if said.remove(name) {
                tracing::info!(schedule = name, "the schedule ticks again");
            }
        }
        match due.next_in {
            _ if failed => EVERY,
            _ if !due.names.is_empty() => AT_MOST_EVERY,
            next_in => next_in.unwrap_or(EVERY).clamp(AT_MOST_EVERY, EVERY),
        }
    }

    async fn fire(&self, name: &str) -> Result<(), Error> {
        let ticked = schedules::tick(self.queue.pool(), name, self.queue.enqueuer()).await?;
        self.queue.metrics().scheduler_ticks(name, "fired").increment(ticked.fired as u64);
        // What can't be pushed is found by the auditor.
        self.queue.lists.announce(&ticked.announcement).await;
        Ok(())
    }
}

impl Queue {
    /// All schedules that a worker has declared, by name.
    ///
    /// # Errors
    /// [`Error::Ledger`] when PostgreSQL refuses.
    pub async fn schedules(&self) -> Result<Vec<ScheduleView>, Error> {
        Ok(schedules::list(self.pool(), None).await?)
    }

    /// The schedule of this name.
    ///
    /// # Errors
    /// [`Error::NoSuchSchedule`], and [`Error::Ledger`] when PostgreSQL refuses.
    pub async fn schedule(&self, name: &str) -> Result<ScheduleView, Error> {
        let found = schedules::list(self.pool(), Some(name)).await?.into_iter().next();
        found.ok_or_else(|| Error::NoSuchSchedule(name.to_owned()))
    }

    /// Enables or disables a schedule, from within 5 s on and over deploys.
    /// Ticks that come while it is disabled are not made up for.
    ///
    /// # Errors
    /// As [`schedule`](Self::schedule).
    pub async fn enable_schedule(&self, name: &str, enabled: bool) -> Result<(), Error> {
        let found = schedules::enable(self.pool(), name, enabled).await?;
        if found { Ok(()) } else { Err(Error::NoSuchSchedule(name.to_owned())) }
    }

    /// Enqueues the schedule's job now for `cause`, apart from its ticks and
    /// whether or not it is enabled. Where the job has a unique key and another holds it,
    /// returns that one.
    ///
    /// # Errors
    /// As [`schedule`](Self::schedule).
    pub async fn run_schedule(&self, name: &str, cause: &Cause) -> Result<Enqueued, Error> {
        let mut transaction = self.begin().await?.caused_by(cause.clone());
        let enqueued = transaction.run_schedule(name).await?;
        transaction.commit().await?;
        Ok(enqueued)
    }
}
