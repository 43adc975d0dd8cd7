//! Rate limits while Redis is down, and after.

use std::time::{Duration, Instant};

use callboard_tests::app::{Send as _, client};
use callboard_tests::installation::{Installation, api_url};
use callboard_tests::services::Services;
use callboard_tests::wait::{SOON, wait_until};

/// Each of these is another client to the API, which trusts us as its proxy.
async fn statuses(url: &str, address: &str, requests: usize) -> Vec<u16> {
    let client = client();
    let mut statuses = Vec::new();
    for _ in 0..requests {
        let request = client.get(format!("{url}/api/v1/hello")).header("x-forwarded-for", address);
        let asked = Instant::now();
        statuses.push(request.answer().await.status);
        assert!(asked.elapsed() < Duration::from_millis(500), "nobody waits for Redis: {:?}", asked.elapsed());
    }
    statuses
}

/// Waits until both processes ask Redis: then what one allowed, the other doesn't.
/// Each try is another client, from `first` on.
async fn count_together(urls: [&str; 2], first: usize) {
    let mut next = first;
    let together = || {
        next += 1;
        let address = format!("198.51.100.{next}");
        async move { statuses(urls[0], &address, 4).await == [200; 4] && statuses(urls[1], &address, 1).await == [429] }
    };
    wait_until(SOON, "processes count together", together).await;
}

#[tokio::test]
async fn with_redis_down_each_process_limits_by_itself_and_redis_takes_over_again() {
    let services = Services::start().await;
    let installation = Installation::on(&services).await;
    let more = [("RATE_LIMIT_ANONYMOUS_PER_MINUTE", "4"), ("TRUSTED_PROXIES", "127.0.0.1")];
    let (one, other) = (installation.start_api(&more).await, installation.start_api(&more).await);
    let (one_url, other_url) = (api_url(&one), api_url(&other));
    let urls = [one_url.as_str(), other_url.as_str()];

    count_together(urls, 100).await;
    assert_eq!(statuses(urls[0], "198.51.100.1", 3).await, [200, 200, 200]);
    assert_eq!(statuses(urls[1], "198.51.100.1", 3).await, [200, 429, 429]);

    services.kill_redis().await;
    assert_eq!(statuses(urls[0], "198.51.100.1", 3).await, [200, 429, 429], "it has counted all along");
    for url in urls {
        assert_eq!(statuses(url, "198.51.100.2", 6).await, [200, 200, 200, 200, 429, 429], "not open, not closed");
    }

    services.start_redis().await;
    count_together(urls, 150).await;
}
