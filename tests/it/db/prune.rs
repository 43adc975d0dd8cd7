//! What has had its time is deleted: in steps of a size, the oldest first.

use callboard_shared::db::{
    api_keys, audit_log, email_change_tokens, idempotency_keys, login_throttles, password_reset_tokens, refresh_tokens,
    sessions, verification_tokens,
};
use callboard_tests::installation::Installation;
use sqlx::{AssertSqlSafe, PgPool};

/// A table, and how a row of any age is written to it.
struct Table {
    name: &'static str,
    columns: &'static str,
    /// Of a row: its `number`, `id` and `hash`, which are no other's, and when it
    /// `ended`, by which it is pruned.
    values: &'static str,
    /// Tells the number of a row.
    number: &'static str,
    /// For how long a row stays once it has ended.
    stays: &'static str,
    /// Whether a row may have no end.
    may_be_endless: bool,
}

/// The number of a row whose id was made from it.
const OF_ID: &str = "right(id::text, 12)::int";

const fn mail_tokens(name: &'static str) -> Table {
    Table {
        name,
        columns: "id, user_id, token_hash, expires_at, created_at",
        values: "id, user_id, hash, ended, ended - interval '1 hour'",
        number: OF_ID,
        stays: "1 day",
        may_be_endless: false,
    }
}

impl Table {
    /// Writes a row that is so many hours over its time; below 0, it has as many
    /// left. Without hours it has no end.
    async fn insert(&self, pool: &PgPool, number: i32, hours_over: Option<i32>) {
        let Self { name, columns, values, stays, .. } = self;
        let insert = format!(
            "INSERT INTO {name} ({columns})
             SELECT {values}
             FROM (SELECT $1::int AS number, lpad($1::text, 32, '0')::uuid AS id, sha256($1::text::bytea) AS hash,
                          (SELECT id FROM users) AS user_id,
                          now() - interval '{stays}' - make_interval(hours => $2) AS ended) AS made"
        );
        let insert = sqlx::query(AssertSqlSafe(insert)).bind(number).bind(hours_over);
        assert_eq!(insert.execute(pool).await.unwrap().rows_affected(), 1);
    }

    /// Writes rows of which four are to go: the first, the third, the second, the
    /// fourth. PostgreSQL is let think that there is one, and so of plans that
    /// look for what is to go again for each row.
    async fn fill(&self, pool: &PgPool) {
        let user = "INSERT INTO users (id, email, username) VALUES (gen_random_uuid(), 'ada@example.com', 'ada')";
        sqlx::query(user).execute(pool).await.unwrap();
        if self.name == "refresh_tokens" {
            let session = "INSERT INTO sessions (id, user_id, expires_at) SELECT id, id, now() FROM users";
            sqlx::query(session).execute(pool).await.unwrap();
        }
        self.insert(pool, 1, Some(4)).await;
        sqlx::query(AssertSqlSafe(format!("ANALYZE {}", self.name))).execute(pool).await.unwrap();
        for (number, hours_over) in [(2, 2), (3, 3), (4, 1), (5, -1), (6, -10_000)] {
            self.insert(pool, number, Some(hours_over)).await;
        }
        if self.may_be_endless {
            self.insert(pool, 7, None).await;
        }
    }

    /// The numbers of the rows that are there.
    async fn left(&self, pool: &PgPool) -> Vec<i32> {
        let select = format!("SELECT {} AS number FROM {} ORDER BY number", self.number, self.name);
        sqlx::query_scalar(AssertSqlSafe(select)).fetch_all(pool).await.unwrap()
    }
}

/// Fills the table, and prunes it until nothing more is to go.
async fn is_pruned_in_steps(table: Table, prune: impl AsyncFn(&PgPool, u32) -> u64) {
    let installation = Installation::new().await;
    let pool = installation.pool();
    table.fill(pool).await;
    let live: &[i32] = if table.may_be_endless { &[5, 6, 7] } else { &[5, 6] };
    assert_eq!(prune(pool, 2).await, 2, "as many as asked for");
    assert_eq!(table.left(pool).await, [&[2, 4], live].concat(), "the oldest went first");
    assert_eq!(prune(pool, 3).await, 2, "all the rest");
    assert_eq!(table.left(pool).await, live);
    assert_eq!(prune(pool, 3).await, 0);
    assert_eq!(table.left(pool).await, live);
}

#[tokio::test]
async fn idempotency_keys_go_once_they_have_expired() {
    let table = Table {
        name: "idempotency_keys",
        columns: "principal, route, key, fingerprint, status, expires_at",
        values: "'user:' || user_id, 'POST /api/v1/items', number, hash, 201, ended",
        number: "key::int",
        stays: "0",
        may_be_endless: false,
    };
    is_pruned_in_steps(table, async |pool, limit| idempotency_keys::prune(pool, limit.into()).await.unwrap()).await;
}

#[tokio::test]
async fn sessions_go_a_week_after_their_end() {
    let table = Table {
        name: "sessions",
        columns: "id, user_id, expires_at",
        values: "id, user_id, ended",
        number: OF_ID,
        stays: "7 days",
        may_be_endless: false,
    };
    is_pruned_in_steps(table, async |pool, limit| sessions::prune(pool, limit.into()).await.unwrap()).await;
}

#[tokio::test]
async fn refresh_tokens_go_a_month_after_their_use() {
    let table = Table {
        name: "refresh_tokens",
        columns: "session_id, generation, token_hash, used_at",
        values: "(SELECT id FROM sessions), number, hash, ended",
        number: "generation",
        stays: "30 days",
        may_be_endless: true,
    };
    is_pruned_in_steps(table, async |pool, limit| refresh_tokens::prune(pool, limit.into()).await.unwrap()).await;
}

#[tokio::test]
async fn api_keys_go_a_month_after_their_end() {
    let table = Table {
        name: "api_keys",
        columns: "id, user_id, name, prefix, key_hash, scopes, expires_at",
        values: "id, user_id, 'Nightly', 'cb_test', hash, '{}', ended",
        number: OF_ID,
        stays: "30 days",
        may_be_endless: true,
    };
    is_pruned_in_steps(table, async |pool, limit| api_keys::prune(pool, limit.into()).await.unwrap()).await;
}

#[tokio::test]
async fn login_throttles_go_after_two_days_without_a_failure() {
    let table = Table {
        name: "login_throttles",
        columns: "subject, failures, last_failed_at",
        // 32 bytes, and the number in the last of them.
        values: "decode(lpad(number::text, 64, '0'), 'hex'), 1, ended",
        number: "right(encode(subject, 'hex'), 9)::int",
        stays: "2 days",
        may_be_endless: false,
    };
    is_pruned_in_steps(table, async |pool, limit| login_throttles::prune(pool, limit.into()).await.unwrap()).await;
}

#[tokio::test]
async fn the_audit_log_goes_back_as_many_days_as_it_shall() {
    let table = Table {
        name: "audit_log",
        columns: "id, actor, action, at",
        values: "id, 'system', 'item.created', ended",
        number: OF_ID,
        stays: "90 days",
        may_be_endless: false,
    };
    let prune = async |pool: &PgPool, limit: u32| {
        let mut tx = pool.begin().await.unwrap();
        let pruned = audit_log::prune(&mut tx, 90, limit.into()).await.unwrap();
        tx.commit().await.unwrap();
        pruned
    };
    is_pruned_in_steps(table, prune).await;
}

#[tokio::test]
async fn tokens_in_mails_go_a_day_after_their_end() {
    let table = mail_tokens("email_verification_tokens");
    is_pruned_in_steps(table, async |pool, limit| verification_tokens::prune(pool, limit).await.unwrap()).await;
    let table = mail_tokens("password_reset_tokens");
    is_pruned_in_steps(table, async |pool, limit| password_reset_tokens::prune(pool, limit).await.unwrap()).await;
    let table = Table {
        columns: "id, user_id, token_hash, expires_at, created_at, new_email",
        values: "id, user_id, hash, ended, ended - interval '1 hour', 'new@example.com'",
        ..mail_tokens("email_change_tokens")
    };
    is_pruned_in_steps(table, async |pool, limit| email_change_tokens::prune(pool, limit).await.unwrap()).await;
}

/// Until a session goes, a token of it that is used again is known for what it is.
#[tokio::test]
async fn a_session_takes_its_refresh_tokens_along() {
    let installation = Installation::new().await;
    let pool = installation.pool();
    for insert in [
        "INSERT INTO users (id, email, username) VALUES (gen_random_uuid(), 'ada@example.com', 'ada')",
        "INSERT INTO sessions (id, user_id, expires_at)
         SELECT gen_random_uuid(), id, now() - make_interval(days => days) FROM users, unnest(ARRAY[6, 8]) AS days",
        "INSERT INTO refresh_tokens (session_id, generation, token_hash) SELECT id, 0, sha256(id::text::bytea) FROM sessions",
    ] {
        sqlx::query(insert).execute(pool).await.unwrap();
    }
    assert_eq!(sessions::prune(pool, 10).await.unwrap(), 1);
    let left = sqlx::query_scalar::<_, bool>(
        "SELECT expires_at > now() - interval '7 days' FROM refresh_tokens JOIN sessions ON sessions.id = session_id",
    );
    assert_eq!(left.fetch_all(pool).await.unwrap(), [true]);
}
