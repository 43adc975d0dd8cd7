//! What the errors of the layers below mean to a client.

use callboard_queue::Error as QueueError;
use callboard_shared::db::DbError;

use super::{Code, Problem};

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        match error {
            DbError::EmailTaken => Self::new(Code::EmailTaken),
            DbError::UsernameTaken => Self::new(Code::UsernameTaken),
            error if error.is_unavailable() => Self::unavailable(error),
            error => Self::internal(error),
        }
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        DbError::from(error).into()
    }
}

impl From<QueueError> for Problem {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Ledger(error) => error.into(),
            QueueError::Contended { .. } => Self::unavailable(error),
            error => Self::internal(error),
        }
    }
}
