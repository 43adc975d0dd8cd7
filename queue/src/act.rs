//! What operators do to the queue, in a transaction of the caller's: it commits
//! together with whatever else is written, such as a line in an audit log.

use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::{
    Cancellation, Enqueued, Error, JobState, JobView, Queue, ScheduleView, Transaction,
    cancel::not_live,
    ledger::{
        self,
        cancel::{self, REQUESTED},
        inspect, partitions, queues,
        redrive::{self, Redriven},
        schedules,
    },
    pause::checked,
    redrive::state_of,
    signals::Signal,
};

/// What operators do.
///
/// Each of these is a method of [`Queue`](crate::Queue) too, with a transaction of
/// its own; what it does is told there. Here it takes effect with the commit, and
/// workers are told after it.
///
/// - The rows that it changes stay locked until then, a job's against its end too:
///   commit soon. From the first act on, PostgreSQL ends a transaction that idles
///   for 10 s, and plans for it with `enable_seqscan` and `jit` off and custom plans.
/// - Who cancels several running jobs in one transaction may meet a worker that is
///   ending the same ones: PostgreSQL then ends one of the two by a deadlock (40P01),
///   and the transaction is to be done again.
///
/// # Example
///
/// ```no_run
/// # async fn example(queue: callboard_queue::Queue, id: uuid::Uuid) -> Result<(), callboard_queue::Error> {
/// let mut transaction = queue.begin().await?;
/// transaction.cancel(id).await?;
/// sqlx::query("INSERT INTO notes VALUES ($1, 'cancelled by ada')").bind(id).execute(&mut *transaction).await?;
/// transaction.commit().await?;
/// # Ok(())
/// # }
/// ```
impl Transaction {
    /// The queue, and a connection that is set for an act.
    async fn acting(&mut self) -> Result<(&Queue, &mut PgConnection), Error> {
        ledger::act(self).await?;
        Ok(self.parts())
    }

    /// The job with this id as it is inside the transaction, live or ended, or `None`.
    ///
    /// # Errors
    /// [`Error::Ledger`] when PostgreSQL refuses.
    pub async fn job(&mut self, id: Uuid) -> Result<Option<JobView>, Error> {
        Ok(inspect::job_in(self, id).await?)
    }

    /// As [`Queue::cancel`](crate::Queue::cancel).
    ///
    /// # Errors
    /// The same.
    pub async fn cancel(&mut self, id: Uuid) -> Result<Cancellation, Error> {
        match self.cancel_in(id).await? {
            Some((Cancellation::Ended, cancelled)) => {
                self.acts().cancelled.extend(cancelled);
                Ok(Cancellation::Ended)
            }
            Some((requested, _)) => {
                self.acts().signals.push(Signal::Cancel(id));
                Ok(requested)
            }
            None => Err(not_live(id, self.job(id).await?)),
        }
    }

    async fn cancel_in(&mut self, id: Uuid) -> Result<cancel::Asked, Error> {
        let (queue, connection) = self.acting().await?;
        let kept = queue.days_of_cancelled();
        // A missing day of the history spoils no more than this.
        let mut savepoint = connection.begin().await?;
        match cancel::cancel_in(&mut savepoint, id, REQUESTED, kept).await {
            Err(error) if partitions::is_missing(&error) => {
                savepoint.rollback().await?;
                partitions::ensure_ahead_in(connection, queue.kinds().retention_days()).await?;
                Ok(cancel::cancel_in(connection, id, REQUESTED, kept).await?)
            }
            asked => {
                let asked = asked?;
                savepoint.commit().await?;
                Ok(asked)
            }
        }
    }

    /// As [`Queue::retry`](crate::Queue::retry).
    ///
    /// # Errors
    /// The same.
    pub async fn retry(&mut self, id: Uuid) -> Result<JobState, Error> {
        let (queue, connection) = self.acting().await?;
        let attempts = |kind: &str| queue.kinds().policy(kind).max_attempts;
        match redrive::redrive_in(connection, id, attempts).await? {
            Redriven::Again(announcement) => {
                let state = state_of(&announcement);
                self.announce(announcement);
                Ok(state)
            }
            Redriven::KeyHeld(holder) => Err(Error::KeyHeld { id, holder }),
            Redriven::NotEnded => Err(not_live(id, self.job(id).await?)),
        }
    }

    /// As [`Queue::pause`](crate::Queue::pause).
    ///
    /// # Errors
    /// The same.
    pub async fn pause(&mut self, name: &str, by: Option<&str>) -> Result<bool, Error> {
        let name = checked(name)?;
        let (_, connection) = self.acting().await?;
        let news = queues::pause_in(connection, name, by).await?;
        self.acts().signals.push(Signal::Queues);
        Ok(news)
    }

    /// As [`Queue::resume`](crate::Queue::resume).
    ///
    /// # Errors
    /// The same.
    pub async fn resume(&mut self, name: &str) -> Result<bool, Error> {
        let name = checked(name)?;
        let (_, connection) = self.acting().await?;
        let news = queues::resume_in(connection, name).await?;
        self.acts().signals.push(Signal::Queues);
        Ok(news)
    }

    /// The schedule of this name, locked: until the end of the transaction nobody
    /// else changes it, it does not tick, and no worker that starts can declare it.
    ///
    /// # Errors
    /// [`Error::NoSuchSchedule`], and [`Error::Ledger`] when PostgreSQL refuses.
    pub async fn lock_schedule(&mut self, name: &str) -> Result<ScheduleView, Error> {
        let (_, connection) = self.acting().await?;
        schedules::lock(connection, name).await?;
        let found = schedules::list_in(connection, Some(name)).await?.into_iter().next();
        found.ok_or_else(|| Error::NoSuchSchedule(name.to_owned()))
    }

    /// As [`Queue::enable_schedule`](crate::Queue::enable_schedule).
    ///
    /// # Errors
    /// The same.
    pub async fn enable_schedule(&mut self, name: &str, enabled: bool) -> Result<(), Error> {
        let (_, connection) = self.acting().await?;
        let found = schedules::enable_in(connection, name, enabled).await?;
        if found { Ok(()) } else { Err(Error::NoSuchSchedule(name.to_owned())) }
    }

    /// As [`Queue::run_schedule`](crate::Queue::run_schedule), for the transaction's
    /// own [`cause`](Self::cause).
    ///
    /// # Errors
    /// The same.
    pub async fn run_schedule(&mut self, name: &str) -> Result<Enqueued, Error> {
        let cause = self.cause().clone();
        let (queue, connection) = self.parts();
        let run = schedules::run_now(connection, name, &cause, queue.enqueuer()).await?;
        let Some((enqueued, announcement)) = run else { return Err(Error::NoSuchSchedule(name.to_owned())) };
        self.announce(announcement);
        Ok(enqueued)
    }
}
