//! Deleting what others may refer to.

use axum::http::StatusCode;
use callboard_shared::db::{
    DbError,
    references::{self, Reference},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    error::{Code, Problem, Text},
    state::AppState,
    work::Work,
};

/// Ends the work of a deletion of the row `id` as it came out: 204, or as
/// [`outcome`] says.
///
/// # Errors
/// As [`outcome`], and 503 while PostgreSQL is out of reach.
pub async fn commit(
    state: &AppState,
    work: Work,
    id: Uuid,
    deleted: Result<(), DbError>,
) -> Result<StatusCode, Problem> {
    if deleted.is_ok() {
        work.commit().await?;
    } else {
        // Nobody holds one connection while waiting for another.
        drop(work);
        outcome(state, id, deleted).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// What a deletion of the row `id` came to; where others refer to it, the
/// problem names them.
///
/// # Errors
/// 409 `in_use` then; else what the deletion failed with.
pub async fn outcome(state: &AppState, id: Uuid, deleted: Result<(), DbError>) -> Result<(), Problem> {
    let Err(DbError::InUse { table }) = deleted else { return Ok(deleted?) };
    // The transaction that failed can't be asked any more.
    let mut conn = state.queue.pool().acquire().await?;
    Err(in_use(&references::of(&mut conn, table, id).await?))
}

fn in_use(references: &[Reference]) -> Problem {
    let named: Vec<_> = references.iter().map(|it| format!("{} ({})", it.table, it.rows)).collect();
    let named = named.join(", ");
    let by = references.iter().map(|it| json!({ "resource": it.table, "field": it.column, "count": it.rows }));
    Problem::new(Code::InUse)
        .with_detail(Text::new(
            format!("Others still refer to it: {named}. Delete or change them first."),
            format!("아직 참조하는 항목이 있습니다: {named}. 먼저 삭제하거나 변경하세요."),
        ))
        .with_member("references", by.collect())
}
