//! What can go wrong between the application and its queue.

use std::iter;

/// An error of the queue.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// PostgreSQL did not answer, or refused. The work of the transaction is
    /// not done; it may be tried again.
    #[error("the ledger in PostgreSQL failed")]
    Ledger(#[from] sqlx::Error),

    /// Redis did not answer in time, or refused. Nothing is lost: the ledger
    /// has the jobs, and the auditor puts them on their lists again.
    #[error("the ready list in Redis failed: {0}")]
    ReadyList(String),

    /// A setting of the queue can't be used. Raised at start-up only.
    #[error("the queue's setting `{name}` is not usable: {problem}")]
    Setting {
        /// Which one.
        name: &'static str,
        /// What is wrong with it.
        problem: String,
    },

    /// The payload does not become JSON, is larger than 256 KiB, nested deeper
    /// than 64 levels or has a NUL character. A bug of
    /// the enqueuer: large things belong in storage.
    #[error("the payload of a `{kind}` job is not usable: {problem}")]
    Payload {
        /// The job's kind.
        kind: String,
        /// What is wrong with it.
        problem: String,
    },

    /// A kind's policy, or a deviation from it, can't be stored or would never
    /// run. A bug of whoever declared it.
    #[error("`{field}` of the `{kind}` job is not usable: {problem}")]
    Policy {
        /// The job's kind.
        kind: String,
        /// The constant of [`Job`](crate::Job), or the option, at fault.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },

    /// There is no job with this id, or its retention is over.
    #[error("there is no job {0}")]
    NoSuchJob(uuid::Uuid),

    /// The job is not in a state in which that can be done.
    #[error("job {id} is {state}")]
    WrongState {
        /// The job.
        id: uuid::Uuid,
        /// Its state.
        state: crate::JobState,
    },

    /// A job was to wait for one that does not exist, or whose retention is over.
    #[error("there is no job {0} to wait for")]
    NoSuchParent(uuid::Uuid),

    /// A job was to wait for one that has failed already, and not to run then.
    #[error("job {0}, which this one was to wait for, did not complete")]
    ParentFailed(uuid::Uuid),

    /// Another live job holds the unique key that this one would take again.
    #[error("job {holder} holds the unique key of job {id}")]
    KeyHeld {
        /// The job that was to run again.
        id: uuid::Uuid,
        /// The one that holds the key.
        holder: uuid::Uuid,
    },

    /// The queue has as many jobs on its ready lists as it may. Nothing was
    /// enqueued; later there may be room.
    #[error("the queue `{queue}` is full: {depth} jobs wait, {limit} may")]
    QueueFull {
        /// The queue.
        queue: String,
        /// How many jobs wait on its lists, as of the last second.
        depth: u64,
        /// How many may.
        limit: u64,
    },

    /// There is no queue that could have this name.
    #[error("`{0}` is no name of a queue")]
    NoSuchQueue(String),

    /// A schedule that can't be used. Raised at start-up.
    #[error("the schedule `{name}` is not usable: {problem}")]
    Schedule {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },

    /// No worker has ever declared a schedule of this name, or none has for 30 days.
    #[error("there is no schedule `{0}`")]
    NoSuchSchedule(String),

    /// The unique key is empty or longer than 300 characters.
    #[error("the unique key of a `{kind}` job has {length} characters; 1 to 300 are allowed")]
    UniqueKey {
        /// The job's kind.
        kind: String,
        /// Its length in characters.
        length: usize,
    },

    /// A unique key changed hands again and again while this enqueue tried to
    /// take it. Trying the transaction again will do.
    #[error("the unique key of a `{kind}` job is contended")]
    Contended {
        /// The job's kind.
        kind: String,
    },

    /// A part of the worker panicked. It has drained and ended, so that its
    /// supervisor starts it anew. A bug: the log has the panic.
    #[error("a part of the worker failed; it has drained and must be started again")]
    PartFailed,

    /// The run no longer holds its job: it was taken for dead and the job
    /// given to another worker. The transaction was rolled back.
    #[error("this run no longer holds job {0}; its transaction was rolled back")]
    Stale(uuid::Uuid),
}

impl From<redis::RedisError> for Error {
    fn from(error: redis::RedisError) -> Self {
        Self::ReadyList(error.to_string())
    }
}

impl Error {
    /// Whether the connection to PostgreSQL itself is in doubt: what was sent
    /// on it may or may not have happened.
    #[must_use]
    pub fn is_connection_lost(&self) -> bool {
        matches!(self, Self::Ledger(error) if connection_lost(error))
    }
}

/// What `error` says, and what its causes say, in one line for the log.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let causes = iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Whether `error` leaves open if the statement was executed.
pub(crate) fn connection_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        // 57P01 admin shutdown, 57P02 crash shutdown, 57P03 starting up, 08xxx connection.
        sqlx::Error::Database(db) => db.code().is_some_and(|code| code.starts_with("57P0") || code.starts_with("08")),
        _ => false,
    }
}

/// Whether PostgreSQL refuses this very data (22 data exception, 23 constraint,
/// 54 limit exceeded), or we can't read what it has: trying again is no use.
/// Anything else may pass: a standby not yet promoted, a full disk, a deadlock.
pub(crate) fn is_refusal(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(db) => {
            db.code().is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class)))
        }
        sqlx::Error::Encode(_) | sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => true,
        _ => false,
    }
}
