//! `callboard-api doctor`

use callboard_tests::installation::Installation;
use callboard_tests::services::Services;

async fn doctor(place: &Installation, change: &[(&str, &str)]) -> (Option<i32>, String) {
    let program = place.program("callboard-api").argument("doctor");
    let program = change.iter().fold(program, |program, (name, value)| program.variable(*name, *value));
    let (status, said) = program.run().await;
    (status.code(), said)
}

/// The verdict about one thing.
fn verdict<'a>(said: &'a str, what: &str) -> &'a str {
    let line = said.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("nothing on {what}: {said}"));
    line.split_whitespace().next().unwrap()
}

#[tokio::test]
async fn a_healthy_installation_is_well() {
    let place = Installation::new().await;
    let (code, said) = doctor(&place, &[]).await;
    assert_eq!(code, Some(0), "{said}");
    for what in ["PostgreSQL", "clocks", "migrations", "Redis  ", "Redis eviction"] {
        assert_eq!(verdict(&said, what), "ok", "{said}");
    }
}

#[tokio::test]
async fn a_pending_migration_is_wrong() {
    let place = Installation::new().await;
    let (status, said) = place.program("callboard-api").argument("migrate").argument("down").run().await;
    assert!(status.success(), "{said}");
    let (code, said) = doctor(&place, &[]).await;
    assert_eq!((code, verdict(&said, "migrations")), (Some(1), "WRONG"), "{said}");
    assert!(said.contains("migrate up"), "{said}");
}

#[tokio::test]
async fn servers_that_are_gone_are_wrong_and_no_password_is_told() {
    let place = Installation::new().await;
    let postgres =
        [("DATABASE_URL", "postgres://ada:hunter2@127.0.0.1:1/none"), ("DATABASE_ACQUIRE_TIMEOUT_SECONDS", "1")];
    let (code, said) = doctor(&place, &postgres).await;
    assert_eq!((code, verdict(&said, "PostgreSQL"), verdict(&said, "Redis  ")), (Some(1), "WRONG", "ok"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");

    let (code, said) = doctor(&place, &[("REDIS_URL", "redis://:hunter2@127.0.0.1:1")]).await;
    assert_eq!((code, verdict(&said, "PostgreSQL"), verdict(&said, "Redis  ")), (Some(1), "ok", "WRONG"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

/// Evicted lists are healed, only later: a risk, and no reason to fail a deployment.
#[tokio::test]
async fn a_redis_that_evicts_is_risky_with_the_way_out() {
    let services = Services::start().await;
    let place = Installation::on(&services).await;
    let (code, said) = doctor(&place, &[]).await;
    assert_eq!((code, verdict(&said, "Redis eviction")), (Some(0), "ok"), "{said}");

    let client = redis::Client::open(services.redis_url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let mut set = redis::cmd("CONFIG");
    set.arg(&["SET", "maxmemory-policy", "allkeys-lru"]).exec_async(&mut redis).await.unwrap();
    let (code, said) = doctor(&place, &[]).await;
    assert_eq!((code, verdict(&said, "Redis eviction")), (Some(0), "risky"), "{said}");
    assert!(said.contains("allkeys-lru") && said.contains("set maxmemory-policy noeviction"), "{said}");
}
