//! What the errors of the layers below mean to a client.

use axum::http::{HeaderValue, header};
use callboard_queue::Error as QueueError;
use callboard_shared::db::DbError;

use super::{Code, FieldError, Problem, Text};

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        match error {
            DbError::EmailTaken => Self::new(Code::EmailTaken),
            DbError::UsernameTaken => Self::new(Code::UsernameTaken),
            DbError::Gone => Self::new(Code::NotFound),
            DbError::InUse { .. } => Self::new(Code::InUse),
            // Whoever asked was deleted meanwhile, maybe through another process.
            DbError::MissingReference { column } if ["owner_id", "user_id"].contains(&column.as_str()) => {
                Self::new(Code::InvalidToken)
            }
            DbError::MissingReference { column } => Self::validation(vec![missing_reference(&column)]),
            error if error.is_unavailable() => Self::unavailable(error),
            error => Self::internal(error),
        }
    }
}

/// A field that names something which does not exist, or is not the caller's to
/// name: which of the two is not told.
#[must_use]
pub fn missing_reference(field: &str) -> FieldError {
    let detail = Text::fixed("There is nothing with this id.", "해당 ID의 항목이 없습니다.");
    FieldError::field(field, "unknown_reference", detail)
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
            // A second of a worker's time makes room for many.
            QueueError::QueueFull { .. } => {
                Self::new(Code::QueueFull).with_header(header::RETRY_AFTER, HeaderValue::from(5_u16))
            }
            QueueError::NoSuchJob(_) | QueueError::NoSuchQueue(_) | QueueError::NoSuchSchedule(_) => {
                Self::new(Code::NotFound)
            }
            QueueError::WrongState { state, .. } => Self::new(Code::JobWrongState)
                .with_detail(Text::new(format!("The job is {state}."), format!("작업의 상태: {state}."))),
            QueueError::KeyHeld { holder, .. } => Self::new(Code::JobKeyHeld).with_detail(Text::new(
                format!("Job {holder} holds the unique key of this one."),
                format!("작업 {holder}이(가) 이 작업의 고유 키를 가지고 있습니다."),
            )),
            error => Self::internal(error),
        }
    }
}
