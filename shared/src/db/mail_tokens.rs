//! What the tables of the tokens in mails have in common.

use std::time::Duration;

use sqlx::postgres::types::PgInterval;

/// How a token stands that somebody brought; `T` is what it was made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenState<T> {
    /// It may be used. To who consumes it, it says that nobody else did: the
    /// token is used up now.
    Good(T),
    /// It was used before.
    Used(T),
    /// It came too late; a new one may be asked for.
    Expired,
    /// There is no such token.
    Unknown,
}

impl<T> TokenState<T> {
    /// The state of a row; a token that was used stays so once it has expired.
    pub(super) fn new(made_for: T, is_used: bool, is_expired: bool) -> Self {
        match (is_used, is_expired) {
            (true, _) => Self::Used(made_for),
            (false, true) => Self::Expired,
            (false, false) => Self::Good(made_for),
        }
    }

    /// The state of a token that could not be used up. One that was good only
    /// a moment later has not been used, and must not pass for it.
    pub(super) fn not_consumed(self) -> Self {
        match self {
            Self::Good(_) => Self::Unknown,
            other => other,
        }
    }
}

/// The functions that are the same for each of the tables. Give the name as a
/// literal: the queries are checked when they are compiled.
macro_rules! mail_token_functions {
    ($table:tt) => {
        /// How long a token may still be used; `None` when it may not, so that
        /// a mail with it is not worth sending.
        ///
        /// # Errors
        /// Only the database's own.
        pub async fn remaining(
            executor: impl sqlx::PgExecutor<'_>,
            id: uuid::Uuid,
        ) -> Result<Option<std::time::Duration>, $crate::db::DbError> {
            let seconds = sqlx::query_scalar!(
                r#"SELECT extract(epoch FROM expires_at - clock_timestamp())::float8 AS "seconds!" FROM "#
                    + $table
                    + " WHERE id = $1 AND used_at IS NULL",
                id,
            )
            .fetch_optional(executor)
            .await?;
            let seconds = seconds.filter(|seconds| *seconds > 0.0);
            Ok(seconds.and_then(|seconds| std::time::Duration::try_from_secs_f64(seconds).ok()))
        }

        /// How many tokens were written for the user within the last `window`,
        /// by PostgreSQL's clock; as many mails were sent or are on their way.
        ///
        /// # Errors
        /// Only the database's own.
        pub async fn created_within(
            executor: impl sqlx::PgExecutor<'_>,
            user_id: uuid::Uuid,
            window: std::time::Duration,
        ) -> Result<i64, $crate::db::DbError> {
            let count = sqlx::query_scalar!(
                r#"SELECT count(*) AS "count!" FROM "#
                    + $table
                    + " WHERE user_id = $1 AND created_at > clock_timestamp() - $2::interval",
                user_id,
                $crate::db::mail_tokens::interval(window),
            )
            .fetch_one(executor)
            .await?;
            Ok(count)
        }

        /// Lets all tokens of the user that are still good expire; returns how
        /// many. They go on to count in [`created_within`].
        ///
        /// # Errors
        /// Only the database's own.
        pub async fn expire_all(
            executor: impl sqlx::PgExecutor<'_>,
            user_id: uuid::Uuid,
        ) -> Result<u64, $crate::db::DbError> {
            // One that was written in this very microsecond expires in the next.
            let expired = sqlx::query!(
                "UPDATE "
                    + $table
                    + " SET expires_at = greatest(clock_timestamp(), created_at + interval '1 microsecond')
                        WHERE user_id = $1 AND used_at IS NULL AND expires_at > clock_timestamp()",
                user_id,
            )
            .execute(executor)
            .await?;
            Ok(expired.rows_affected())
        }

        /// Deletes tokens that expired over a day ago, oldest first and at most
        /// `limit`; returns how many. Until then a late click is told that it
        /// is late, and [`created_within`] can count a day. To be called again
        /// and again by a schedule, until it returns less than `limit`; the
        /// schedule comes with the scheduler.
        ///
        /// # Errors
        /// Only the database's own.
        pub async fn prune(
            executor: impl sqlx::PgExecutor<'_>,
            limit: u32,
        ) -> Result<u64, $crate::db::DbError> {
            let pruned = sqlx::query!(
                "DELETE FROM "
                    + $table
                    + " WHERE id = ANY(ARRAY(SELECT id FROM "
                    + $table
                    + " WHERE expires_at < now() - interval '1 day' ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED))",
                i64::from(limit),
            )
            .execute(executor)
            .await?;
            Ok(pruned.rows_affected())
        }
    };
}

pub(super) use mail_token_functions;

pub(super) fn interval(duration: Duration) -> PgInterval {
    PgInterval {
        months: 0,
        days: 0,
        // 292,000 years fit.
        microseconds: i64::try_from(duration.as_micros()).unwrap_or(i64::MAX),
    }
}
