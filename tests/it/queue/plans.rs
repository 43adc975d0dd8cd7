//! Claims, finishes and repairs go by primary key, whatever the planner knows
//! or believes about a deep backlog.
//!
//! The statements are read from the ledger's source, so that the test can't
//! fall behind the code.

use callboard_tests::queue::TestQueue;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

/// A statement that must find its rows by id, and its parameters.
struct Statement {
    name: &'static str,
    source: &'static str,
    /// Text that only this statement of the source has.
    mark: &'static str,
    parameters: &'static str,
}

const JSON: &str = "array_fill('{}'::jsonb, ARRAY[250])";

const STATEMENTS: [Statement; 10] = [
    Statement {
        name: "claim",
        source: include_str!("../../../queue/src/ledger/claim.rs"),
        mark: "attempt = job.attempt + 1",
        parameters: "$ids, gen_random_uuid(), gen_random_uuid(), ARRAY['test.no_op', 'test.gated']",
    },
    Statement {
        name: "park",
        source: include_str!("../../../queue/src/ledger/parking.rs"),
        mark: "readable <> ALL($2)",
        parameters: "$ids, ARRAY['test.other']",
    },
    Statement {
        name: "cancel",
        source: include_str!("../../../queue/src/ledger/cancel.rs"),
        mark: "INSERT INTO queue_history",
        parameters: "$ids, array_fill(NULL::uuid, ARRAY[250]), true, false, 'expired', '{}'",
    },
    Statement {
        name: "progress",
        source: include_str!("../../../queue/src/ledger/progress.rs"),
        mark: "SET progress",
        parameters: "$ids, $ids, $json",
    },
    Statement {
        name: "end",
        source: include_str!("../../../queue/src/ledger/finish.rs"),
        mark: "INSERT INTO queue_history",
        parameters: "$ids, $ids, array_fill('completed'::text, ARRAY[250]), array_fill(7, ARRAY[250]),
                     $json, $json, array_fill('x'::text, ARRAY[250]), 20, 'x'",
    },
    Statement {
        name: "retry",
        source: include_str!("../../../queue/src/ledger/finish.rs"),
        mark: "SET state = 'scheduled'",
        parameters: "$ids, $ids, array_fill(1::bigint, ARRAY[250]), $json, 20",
    },
    Statement {
        name: "give back",
        source: include_str!("../../../queue/src/ledger/give_back.rs"),
        mark: "attempt = attempt - 1",
        parameters: "$ids, $ids, array_fill(true, ARRAY[250])",
    },
    Statement {
        name: "rescue",
        source: include_str!("../../../queue/src/ledger/rescue.rs"),
        mark: "WITH orphan AS",
        parameters: "$ids, $ids, array_fill(1::bigint, ARRAY[250]), $json, 20",
    },
    Statement {
        name: "lock orphans",
        source: include_str!("../../../queue/src/ledger/rescue.rs"),
        mark: "SELECT id FROM queue_jobs AS job",
        parameters: "$ids",
    },
    Statement {
        name: "requeue",
        source: include_str!("../../../queue/src/ledger/audit.rs"),
        mark: "UPDATE queue_jobs AS job SET queued_at",
        parameters: "$ids, now()",
    },
];

impl Statement {
    fn text(&self) -> &'static str {
        let mut raw = self.source.split("r#\"").skip(1).filter_map(|rest| rest.split("\"#").next());
        raw.find(|text| text.contains(self.mark)).unwrap_or_else(|| panic!("no {} statement in the source", self.name))
    }
}

/// What the ledger begins these transactions with.
fn begin(function: &str) -> String {
    let source = include_str!("../../../queue/src/ledger/mod.rs");
    let body = source.split(&format!("fn {function}(")).nth(1).unwrap();
    body.split('"').nth(1).unwrap().replace("\\\n", "")
}

async fn execute(connection: &mut PgConnection, statement: String) {
    let done = sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(connection).await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}"));
}

/// 250 jobs of the backlog, or as many that never were.
async fn ids(connection: &mut PgConnection) -> String {
    let ids: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM queue_jobs ORDER BY queued_at LIMIT 250")
        .fetch_all(connection)
        .await
        .unwrap();
    let ids = if ids.is_empty() { (0..250).map(|_| Uuid::now_v7()).collect() } else { ids };
    let ids: Vec<String> = ids.iter().map(Uuid::to_string).collect();
    format!("'{{{}}}'::uuid[]", ids.join(","))
}

async fn plan(connection: &mut PgConnection, prepared: &str, statement: &Statement, mode: &str) -> Value {
    let begin = begin(if matches!(statement.name, "park" | "rescue" | "lock orphans" | "requeue") {
        "begin_duty"
    } else {
        "begin_fast"
    });
    let parameters = statement.parameters.replace("$ids", &ids(connection).await).replace("$json", JSON);
    execute(connection, begin).await;
    execute(connection, format!("SET LOCAL plan_cache_mode = {mode}")).await;
    let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE {prepared}({parameters})");
    let plan: Value =
        sqlx::query_scalar(AssertSqlSafe(explain)).persistent(false).fetch_one(&mut *connection).await.unwrap();
    execute(connection, "ROLLBACK".to_owned()).await;
    plan
}

/// Every node that reads `queue_jobs`, as `Index Scan queue_jobs_pkey`.
fn reads(plan: &Value, found: &mut Vec<String>) {
    match plan {
        Value::Object(node) => {
            let text = |key: &str| node.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let kind = text("Node Type");
            let index = text("Index Name");
            if kind.ends_with("Scan")
                && (text("Relation Name") == "queue_jobs" && kind != "Bitmap Heap Scan"
                    || index.starts_with("queue_jobs"))
            {
                found.push(format!("{kind} {index}"));
            }
            node.values().for_each(|value| reads(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| reads(value, found)),
        _ => {}
    }
}

/// Prepares all statements under names that begin with `prepared`.
async fn prepare(connection: &mut PgConnection, prepared: &str) {
    for (number, statement) in STATEMENTS.iter().enumerate() {
        execute(connection, format!("PREPARE {prepared}_{number} AS {}", statement.text())).await;
    }
}

async fn check(connection: &mut PgConnection, prepared: &str, situation: &str) {
    for (number, statement) in STATEMENTS.iter().enumerate() {
        for mode in ["auto", "force_generic_plan", "force_custom_plan"] {
            let plan = plan(connection, &format!("{prepared}_{number}"), statement, mode).await;
            let mut found = Vec::new();
            reads(&plan, &mut found);
            let name = statement.name;
            assert!(!found.is_empty(), "{name} reads nothing: {plan:#}");
            for read in found {
                assert!(read.ends_with(" queue_jobs_pkey"), "{name}, {situation}, {mode}: {read}\n{plan:#}");
            }
        }
    }
}

#[tokio::test]
async fn claims_and_finishes_go_by_primary_key_at_a_deep_backlog() {
    let queue = TestQueue::new().await;
    let mut connection = queue.pool().acquire().await.unwrap();
    // No statistics but those that the test makes.
    execute(&mut connection, "ALTER TABLE queue_jobs SET (autovacuum_enabled = false)".to_owned()).await;
    let analyze = "ANALYZE queue_jobs".to_owned();
    let fill = "INSERT INTO queue_jobs (id, kind, queue, priority, state, payload, max_attempts, run_at, timeout_ms)
                SELECT gen_random_uuid(), 'test.no_op', 'default', 1, 'queued', '{}', 10, now(), 1000
                FROM generate_series(1, 100000)";
    prepare(&mut connection, "unknown").await;
    check(&mut connection, "unknown", "an empty table without statistics").await;
    execute(&mut connection, analyze.clone()).await;
    prepare(&mut connection, "empty").await;
    check(&mut connection, "empty", "an empty table with statistics").await;
    execute(&mut connection, fill.to_owned()).await;
    check(&mut connection, "empty", "a backlog with plans made for the empty table").await;
    prepare(&mut connection, "stale").await;
    check(&mut connection, "stale", "a backlog with the statistics of the empty table").await;
    execute(&mut connection, analyze).await;
    check(&mut connection, "stale", "a backlog with statistics").await;
    drop(connection);
    sqlx::query("TRUNCATE queue_jobs").execute(queue.pool()).await.unwrap();
}
