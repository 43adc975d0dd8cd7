//! The audit log is append-only, to its owner too.

use callboard_shared::db::audit_log;
use callboard_tests::installation::Installation;
use sqlx::{Connection as _, PgConnection, PgPool};

const DAYS: i32 = 30;
const UPDATE: &str = "UPDATE audit_log SET actor = 'nobody'";
const DELETE: &str = "DELETE FROM audit_log";
const TRUNCATE: &str = "TRUNCATE audit_log";

/// A database whose log has three entries that are too old and one that is not.
async fn installation() -> Installation {
    let installation = Installation::new().await;
    let insert = "INSERT INTO audit_log (id, actor, action, at)
                  SELECT gen_random_uuid(), 'system', 'item.created', now() - make_interval(days => days)
                  FROM unnest(ARRAY[40, 50, 60, 0]) AS days";
    sqlx::query(insert).execute(installation.pool()).await.unwrap();
    installation
}

/// The log's own refusal, which is not for want of a privilege.
async fn is_refused(connection: &mut PgConnection, statement: &'static str) {
    // In a transaction, or a savepoint of the one that is open.
    let mut tx = connection.begin().await.unwrap();
    let refusal = sqlx::query(statement).execute(&mut *tx).await.map(|done| done.rows_affected());
    tx.rollback().await.unwrap();
    let refusal = refusal.unwrap_err().into_database_error().unwrap();
    let (message, code) = (refusal.message(), refusal.code());
    assert_eq!((message, code.as_deref()), ("the audit log is append-only", Some("42501")), "{statement}");
}

async fn entries(pool: &PgPool) -> i64 {
    let entries = "SELECT count(*) FROM audit_log WHERE actor = 'system'";
    sqlx::query_scalar(entries).fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn nothing_is_changed_deleted_or_truncated() {
    let installation = installation().await;
    let mut connection = installation.pool().acquire().await.unwrap();
    for statement in [UPDATE, DELETE, TRUNCATE, "TRUNCATE audit_log RESTART IDENTITY CASCADE"] {
        is_refused(&mut connection, statement).await;
    }
    assert_eq!(entries(installation.pool()).await, 4);
}

#[tokio::test]
async fn what_prunes_may_delete_in_its_own_transaction_only() {
    let installation = installation().await;
    let pool = installation.pool();
    let (mut pruner, mut other) = (pool.acquire().await.unwrap(), pool.acquire().await.unwrap());
    let mut tx = pruner.begin().await.unwrap();
    assert_eq!(audit_log::prune(&mut tx, DAYS, 1).await.unwrap(), 1);
    for statement in [UPDATE, TRUNCATE] {
        is_refused(&mut tx, statement).await;
    }
    // Of the young one, so that neither waits for the other.
    is_refused(&mut other, "DELETE FROM audit_log WHERE at > now() - interval '1 day'").await;
    tx.commit().await.unwrap();
    assert_eq!(entries(pool).await, 3);
    for connection in [&mut pruner, &mut other] {
        is_refused(connection, DELETE).await;
    }

    let mut tx = pruner.begin().await.unwrap();
    assert_eq!(audit_log::prune(&mut tx, DAYS, 10).await.unwrap(), 2);
    tx.rollback().await.unwrap();
    is_refused(&mut pruner, DELETE).await;
    assert_eq!(entries(pool).await, 3);
}

/// Without a transaction, the permission ends with the statement that gives it.
#[tokio::test]
async fn pruning_needs_a_transaction() {
    let installation = installation().await;
    let mut connection = installation.pool().acquire().await.unwrap();
    let refusal = audit_log::prune(&mut connection, DAYS, 10).await.unwrap_err();
    assert!(refusal.to_string().contains("the audit log is append-only"), "{refusal}");
    assert_eq!(entries(installation.pool()).await, 4);
}
