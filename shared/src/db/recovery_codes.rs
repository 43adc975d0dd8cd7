//! Table `recovery_codes`.

use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::DbError;

/// Puts new codes, by their hashes, in place of all that the user had.
///
/// # Errors
/// Only the database's own, among them that the user has no second factor.
pub async fn replace(conn: &mut PgConnection, user_id: Uuid, hashes: &[[u8; 32]]) -> Result<(), DbError> {
    sqlx::query!("DELETE FROM recovery_codes WHERE user_id = $1", user_id).execute(&mut *conn).await?;
    let hashes: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.to_vec()).collect();
    sqlx::query!(
        "INSERT INTO recovery_codes (user_id, code_hash) SELECT $1, hash FROM unnest($2::bytea[]) AS hash",
        user_id,
        &hashes,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How many codes the user has left.
///
/// # Errors
/// Only the database's own.
pub async fn left(executor: impl PgExecutor<'_>, user_id: Uuid) -> Result<i64, DbError> {
    let left = sqlx::query_scalar!(
        r#"SELECT count(*) AS "left!" FROM recovery_codes WHERE user_id = $1 AND used_at IS NULL"#,
        user_id,
    )
    .fetch_one(executor)
    .await?;
    Ok(left)
}

/// Uses a code up. Returns whether it was good: of several calls with one code,
/// at most one gets true.
///
/// # Errors
/// Only the database's own.
pub async fn consume(executor: impl PgExecutor<'_>, user_id: Uuid, hash: &[u8; 32]) -> Result<bool, DbError> {
    let done = sqlx::query!(
        "UPDATE recovery_codes SET used_at = clock_timestamp()
         WHERE user_id = $1 AND code_hash = $2 AND used_at IS NULL",
        user_id,
        hash.as_slice(),
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected() > 0)
}
