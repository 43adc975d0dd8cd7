//! Redis answers, and is of no use: it takes no writes, wants a password, loads its
//! data, or is slow.

use std::time::{Duration, Instant};

use callboard_tests::services::{Services, tell};
use redis::{RedisResult, aio::MultiplexedConnection};

use super::{hampered::Hampered, programs::Programs};

const OUTAGE: Duration = Duration::from_secs(6);
/// Two workers of two fetchers each, two that push, two auditors, and what each says
/// as it is back.
const LINES: usize = 12;

/// A password from now on, also for those who are here without one.
async fn lock(redis: &mut MultiplexedConnection) {
    tell(redis, "CONFIG SET requirepass secret").await;
    for clients in ["normal", "pubsub"] {
        tell(redis, &format!("CLIENT KILL TYPE {clients} SKIPME yes")).await;
    }
}

async fn unlock(redis: &mut MultiplexedConnection) {
    tell(redis, "CONFIG SET requirepass ").await;
}

/// No answers for a moment, three times over.
async fn stutter(services: &Services) {
    for _ in 0..3 {
        services.tell_redis("DEBUG SLEEP 2.5").await;
    }
}

#[tokio::test]
async fn jobs_wait_for_a_redis_that_takes_no_writes() {
    let services = Services::start().await;
    let hampered = Hampered::on(&services).await;
    // A replica of nobody.
    services.tell_redis("REPLICAOF 127.0.0.1 1").await;
    hampered.outlast(OUTAGE, "ReadOnly").await;
    services.tell_redis("REPLICAOF NO ONE").await;
    hampered.recover(LINES).await;
}

#[tokio::test]
async fn jobs_wait_for_a_redis_that_wants_a_password() {
    let services = Services::start().await;
    let hampered = Hampered::on(&services).await;
    let mut redis = services.redis().await;
    lock(&mut redis).await;
    let stranger: RedisResult<String> = redis::cmd("PING").query_async(&mut services.redis().await).await;
    assert_eq!(stranger.unwrap_err().code(), Some("NOAUTH"));
    // The first that anybody notices is that their connections are gone.
    hampered.outlast(OUTAGE, "lost redis").await;
    unlock(&mut redis).await;
    hampered.recover(LINES).await;
}

#[tokio::test]
async fn jobs_wait_for_a_redis_that_loads_its_data() {
    let services = Services::start().await;
    let hampered = Hampered::on(&services).await;
    services.tell_redis("DEBUG POPULATE 5000 filler 2000").await;
    // A millisecond a key, with a look at its clients between two.
    services.tell_redis("CONFIG SET loading-process-events-interval-bytes 1024").await;
    services.tell_redis("CONFIG SET key-load-delay 1000").await;
    let mut redis = services.redis().await;
    let loading = tokio::spawn(async move { tell(&mut redis, "DEBUG RELOAD").await });
    hampered.outlast(Duration::ZERO, "BusyLoading").await;
    loading.await.unwrap();
    hampered.recover(LINES).await;
}

#[tokio::test]
async fn a_slow_redis_holds_no_enqueue_up() {
    let services = Services::start().await;
    let hampered = Hampered::on(&services).await;
    let began = Instant::now();
    stutter(&services).await;
    assert!(began.elapsed() > Duration::from_secs(7));
    hampered.outlast(Duration::ZERO, "no answer in time").await;
    // It comes and goes three times.
    hampered.recover(3 * LINES).await;
}

#[tokio::test]
async fn people_register_quickly_however_redis_fails() {
    let services = Services::start().await;
    let programs = Programs::on(&services).await;
    programs.stay_quick(Duration::ZERO).await;

    services.tell_redis("REPLICAOF 127.0.0.1 1").await;
    programs.stay_quick(OUTAGE).await;
    services.tell_redis("REPLICAOF NO ONE").await;
    programs.stay_quick(Duration::from_secs(2)).await;

    let mut redis = services.redis().await;
    lock(&mut redis).await;
    programs.stay_quick(OUTAGE).await;
    unlock(&mut redis).await;
    programs.stay_quick(Duration::from_secs(2)).await;

    stutter(&services).await;
    programs.stay_quick(Duration::from_secs(2)).await;
    programs.recover().await;
}
