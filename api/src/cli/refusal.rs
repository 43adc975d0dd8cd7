//! What the queue refuses, in a sentence that says what to do.

use callboard_queue::Error;

use super::plain;

/// One line about `error`.
pub(super) fn sentence(error: &Error) -> String {
    match error {
        Error::Ledger(error) => ledger(error),
        Error::NoSuchJob(id) => format!(
            "there is no job {id}: check its id with `callboard-api jobs list`; a job that ended is kept for the time \
             that its kind declares"
        ),
        Error::KeyHeld { id, holder } => format!(
            "job {holder} does the same work as job {id} (it holds its unique key): wait until it has ended, or \
             cancel it first"
        ),
        Error::NoSuchQueue(name) => format!(
            "`{}` is no name of a queue, which has 1 to 50 of a to z, 0 to 9, `_` and `-`; `callboard-api queues list` \
             shows those there are",
            plain::line(name)
        ),
        Error::NoSuchSchedule(name) => format!(
            "there is no schedule `{}`; `callboard-api schedules list` shows those there are",
            plain::line(name)
        ),
        other => plain::line(&other.to_string()),
    }
}

/// SQLSTATE 42P01 and 42703: no such table, no such column.
fn ledger(error: &sqlx::Error) -> String {
    let said = plain::line(&error.to_string());
    let database = error.as_database_error();
    match database.and_then(sqlx::error::DatabaseError::code).as_deref() {
        Some("42P01" | "42703") => {
            "the database is not at this version's migrations; run `callboard-api migrate up`".to_owned()
        }
        Some(code) if !code.starts_with("57P") && !code.starts_with("08") => {
            format!("PostgreSQL refuses ({said}); check DATABASE_URL, and see `callboard-api doctor`")
        }
        _ => format!("PostgreSQL does not answer ({said}); start it, and check DATABASE_URL"),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn every_refusal_is_one_line_that_says_what_to_do() {
        let id = Uuid::nil();
        for (error, way_out) in [
            (Error::Ledger(sqlx::Error::PoolTimedOut), "start it, and check DATABASE_URL"),
            (Error::NoSuchJob(id), "jobs list"),
            (Error::KeyHeld { id, holder: id }, "cancel it first"),
            (Error::NoSuchQueue("No\x1b[2J\nname".to_owned()), "queues list"),
            (Error::NoSuchSchedule("none".to_owned()), "schedules list"),
        ] {
            let sentence = sentence(&error);
            assert!(sentence.contains(way_out) && !sentence.contains(char::is_control), "{sentence:?}");
        }
    }
}
