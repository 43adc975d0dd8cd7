//! What can go wrong with the database.

/// Why a function of this module did nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DbError {
    /// Another user has this address, in whatever case: choose another or log
    /// in. The transaction is of no use any more.
    #[error("the email address is taken")]
    EmailTaken,
    /// Another user has this username: choose another. The transaction goes on.
    #[error("the username is taken")]
    UsernameTaken,
    /// PostgreSQL can't be reached, took too long, or refused the statement;
    /// see [`is_unavailable`](Self::is_unavailable).
    #[error("database: {0}")]
    Sqlx(#[from] sqlx::Error),
}

impl DbError {
    /// Whether the same call may well succeed a little later, because the
    /// database is down, restarting, full of connections, or too slow.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Sqlx(error) => is_unavailable(error),
            Self::EmailTaken | Self::UsernameTaken => false,
        }
    }
}

/// The same for an error of sqlx.
pub(crate) fn is_unavailable(error: &sqlx::Error) -> bool {
    /// Connection exceptions, insufficient resources, operator intervention
    /// (shutdown, crash, cannot connect now) and serialization failures.
    const CLASSES: [&str; 4] = ["08", "53", "57", "40"];
    match error {
        sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| CLASSES.iter().any(|class| code.starts_with(class)))
        }
        _ => false,
    }
}
