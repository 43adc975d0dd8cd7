//! Servers that are gone. What else goes on and comes back is in
//! `tests/it/faults/http.rs`.

use std::time::Duration;

use callboard_tests::app::{App, PASSWORD, Send as _};
use callboard_tests::proxy::PostgresProxy;
use callboard_tests::wait::{SOON, wait_for};
use serde_json::json;
use sqlx::ConnectOptions as _;

use super::{login, me};

#[tokio::test]
async fn c33_without_postgresql_or_redis_nobody_gets_in_who_should_not() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let ended = app.login("ada").await;
    let _ = app.request("POST", "/api/v1/auth/logout").bearer_auth(&ended).answer().await.expect(204);

    let no_redis = app.start_beside(&[("REDIS_URL", "redis://127.0.0.1:1")]).await;
    assert_eq!(no_redis.get("/readyz").answer().await.expect(200).json(), json!({ "status": "degraded" }));
    let _ = me(&no_redis, &ada.token).await.expect(200);
    let _ = me(&no_redis, &ended).await.problem(401, "invalid_token");
    let _ = login(&no_redis, "ada", "not the right password").await.problem(401, "invalid_credentials");
    let _ = login(&no_redis, "ada", PASSWORD).await.expect(200);

    let proxy = PostgresProxy::to((*app.pool().connect_options()).clone()).await;
    let url = proxy.options().to_url_lossy().to_string();
    let cut = app.start_beside(&[("DATABASE_URL", &url), ("DATABASE_ACQUIRE_TIMEOUT_SECONDS", "1")]).await;
    let _ = me(&cut, &ada.token).await.expect(200);
    proxy.cut();
    // What is remembered of her lasts for a second at most, and is no 401 after it.
    let refused = || async { Some(me(&cut, &ada.token).await).filter(|answer| answer.status != 200) };
    let (answer, took) = wait_for(SOON, "she is not let in", refused).await;
    let _ = answer.problem(503, "service_unavailable");
    assert!(took < Duration::from_secs(3), "{took:?} with a second for a connection");
    for answer in [me(&cut, &ada.token).await, me(&cut, &ended).await, login(&cut, "ada", PASSWORD).await] {
        let problem = answer.problem(503, "service_unavailable").0.to_string();
        for inside in ["sqlx", "postgres", "callboard_test", "connection"] {
            assert!(!problem.contains(inside), "{problem}");
        }
    }
    let _ = me(&cut, "forged").await.problem(401, "invalid_token");
    proxy.mend();
    let back = || async { (me(&cut, &ada.token).await.status == 200).then_some(()) };
    wait_for(SOON, "she is let in again", back).await;
    let _ = me(&cut, &ended).await.problem(401, "invalid_token");
}
