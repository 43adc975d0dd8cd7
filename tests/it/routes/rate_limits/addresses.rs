//! Whose address counts.

use callboard_tests::app::{App, Send as _};

const LIMIT: (&str, &str) = ("RATE_LIMIT_ANONYMOUS_PER_MINUTE", "2");

async fn asked_for(app: &App, forwarded_for: &str) -> u16 {
    app.get("/api/v1/hello").header("x-forwarded-for", forwarded_for).answer().await.status
}

#[tokio::test]
async fn rotating_x_forwarded_for_does_not_reset_a_limit() {
    let app = App::start_with(&[LIMIT]).await;
    let mut statuses = Vec::new();
    for n in 0..5 {
        statuses.push(asked_for(&app, &format!("198.51.100.{n}")).await);
    }
    assert_eq!(statuses, [200, 200, 429, 429, 429]);
}

#[tokio::test]
async fn a_trusted_proxy_tells_clients_apart() {
    let app = App::start_with(&[LIMIT, ("TRUSTED_PROXIES", "127.0.0.0/8, 10.0.0.0/8")]).await;
    for client in ["198.51.100.1", "198.51.100.2", "2001:db8:0:1::1", "2001:db8:0:2::1"] {
        // What stands further left was made up by the client itself.
        assert_eq!(asked_for(&app, client).await, 200, "{client}");
        assert_eq!(asked_for(&app, &format!("1.1.1.1, {client}, 10.0.0.1")).await, 200, "{client}");
        assert_eq!(asked_for(&app, &format!("2.2.2.2, {client}")).await, 429, "{client}");
    }
}

#[tokio::test]
async fn an_ipv6_client_counts_as_its_64() {
    let app = App::start_with(&[LIMIT, ("TRUSTED_PROXIES", "127.0.0.1")]).await;
    assert_eq!(asked_for(&app, "2001:db8:0:1::1").await, 200);
    assert_eq!(asked_for(&app, "2001:db8:0:1:ffff::2").await, 200);
    assert_eq!(asked_for(&app, "2001:db8:0:1:dead:beef::3").await, 429);
}
