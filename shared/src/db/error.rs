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
    /// The row is not there, or no longer.
    #[error("the row is gone")]
    Gone,
    /// Others refer to the row; `references::of` names them. The transaction is
    /// of no use any more.
    #[error("the row of {table} is in use")]
    InUse {
        /// The table of the row.
        table: &'static str,
    },
    /// A row that this one refers to does not exist. The transaction is of no
    /// use any more.
    #[error("{column} refers to a row that does not exist")]
    MissingReference {
        /// The column that refers to it.
        column: String,
    },
    /// PostgreSQL can't be reached, took too long, or refused the statement;
    /// see [`is_unavailable`](Self::is_unavailable).
    #[error("database: {0}")]
    Sqlx(#[from] sqlx::Error),
}

impl DbError {
    /// Whether the same call may well succeed a little later, because the
    /// database is down, restarting, full of connections, takes no writes, or is
    /// too slow.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Sqlx(error) => is_unavailable(error),
            _ => false,
        }
    }
}

/// What a write says of the rows around it.
pub(crate) trait Deleted {
    /// What came of deleting one row of `table`: a foreign key that still points
    /// to it is [`DbError::InUse`], no row is [`DbError::Gone`].
    fn deleted(self, table: &'static str) -> Result<(), DbError>;
}

impl Deleted for Result<sqlx::postgres::PgQueryResult, sqlx::Error> {
    fn deleted(self, table: &'static str) -> Result<(), DbError> {
        match self {
            Ok(done) if done.rows_affected() == 0 => Err(DbError::Gone),
            Ok(_) => Ok(()),
            Err(error) if foreign_key(&error).is_some() => Err(DbError::InUse { table }),
            Err(error) => Err(error.into()),
        }
    }
}

/// The error of a write whose foreign keys are named `<table>_<column>_fkey`:
/// one that leads nowhere is [`DbError::MissingReference`].
pub(crate) fn written(error: sqlx::Error) -> DbError {
    let column = foreign_key(&error).and_then(|(table, constraint)| {
        let column = constraint.strip_prefix(table)?.strip_prefix('_')?.strip_suffix("_fkey")?;
        Some(column.to_owned())
    });
    column.map_or(DbError::Sqlx(error), |column| DbError::MissingReference { column })
}

/// The table and the name of the foreign key that was violated.
fn foreign_key(error: &sqlx::Error) -> Option<(&str, &str)> {
    let error = error.as_database_error().filter(|error| error.is_foreign_key_violation())?;
    Some((error.table()?, error.constraint()?))
}

/// The same for an error of sqlx.
pub(crate) fn is_unavailable(error: &sqlx::Error) -> bool {
    /// Connection exceptions, insufficient resources, operator intervention
    /// (shutdown, crash, cannot connect now, a statement past its time),
    /// serialization failures, a lock that was waited for too long, and a server
    /// that takes no writes: a standby, before it is promoted.
    const CLASSES: [&str; 6] = ["08", "53", "57", "40", "55P03", "25006"];
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
