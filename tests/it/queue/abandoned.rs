//! A caller that goes away half-way leaves no connection inside a transaction.

use std::time::Duration;

use callboard_queue::JobFilter;
use callboard_tests::queue::TestQueue;

/// Whoever got such a connection next would write into a transaction that nobody commits.
#[tokio::test]
async fn a_question_that_nobody_waits_for_leaves_no_transaction_open() {
    let queue = TestQueue::new().await;
    sqlx::query("CREATE TABLE marks (micros bigint)").execute(queue.pool()).await.unwrap();
    let handle = queue.impatient_handle();
    let mut written = 0;
    for micros in (0..4_000_u64).step_by(20) {
        let patience = Duration::from_micros(micros);
        let _ = tokio::time::timeout(patience, handle.jobs(&JobFilter::default(), None, 10)).await;
        let _ = tokio::time::timeout(patience, handle.queues()).await;
        let mark = sqlx::query("INSERT INTO marks VALUES ($1)").bind(i64::try_from(micros).unwrap());
        mark.execute(handle.pool()).await.unwrap();
        written += 1;
    }
    let there: i64 = sqlx::query_scalar("SELECT count(*) FROM marks").fetch_one(queue.pool()).await.unwrap();
    assert_eq!(there, written, "each was committed by itself");
}
