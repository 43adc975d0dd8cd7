//! Who refers to a row: read from the foreign keys, so that a new table is
//! known without a word here.

use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::DbError;

/// Counting stops here: whether it is 100 or a million changes nothing for
/// whoever wanted to delete.
const COUNTED: i64 = 100;

/// Rows of one table that refer to a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The table.
    pub table: String,
    /// Its column that refers.
    pub column: String,
    /// How many rows do, counted up to 100.
    pub rows: i64,
}

/// What keeps the row `id` of `table` from being deleted.
///
/// # Errors
/// Only the database's own.
pub async fn of(conn: &mut PgConnection, table: &str, id: Uuid) -> Result<Vec<Reference>, DbError> {
    // Keys that cascade, or set null, keep nothing from being deleted.
    let keys = sqlx::query!(
        r#"SELECT quote_ident(class.relname) AS "table!", quote_ident(attribute.attname) AS "column!"
           FROM pg_constraint AS key
           JOIN pg_class AS class ON class.oid = key.conrelid
           JOIN pg_attribute AS attribute ON attribute.attrelid = key.conrelid AND attribute.attnum = key.conkey[1]
           WHERE key.contype = 'f' AND key.confdeltype IN ('a', 'r') AND key.confrelid = to_regclass($1)
           ORDER BY 1, 2"#,
        table,
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut references = Vec::new();
    for key in keys {
        let (table, column) = (key.table, key.column);
        // The names come from the catalogue and are quoted by PostgreSQL.
        let count = format!("SELECT count(*) FROM (SELECT FROM {table} WHERE {column} = $1 LIMIT {COUNTED}) AS found");
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(count)).bind(id).fetch_one(&mut *conn).await?;
        if rows > 0 {
            references.push(Reference { table, column, rows });
        }
    }
    Ok(references)
}
