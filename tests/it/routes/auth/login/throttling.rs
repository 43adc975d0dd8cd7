//! Failed logins slow the next one down: checklist 17.

use callboard_tests::answer::Answer;
use callboard_tests::app::{App, PASSWORD, Send as _};
use futures::future::join_all;
use serde_json::json;

const PATH: &str = "/api/v1/auth/login";
const WRONG: &str = "another good password";

/// Addresses of clients, behind the one proxy that is trusted.
const HOME: &str = "198.51.100.1";
const ELSEWHERE: &str = "198.51.100.2";

async fn start() -> App {
    App::start_with(&[("TRUSTED_PROXIES", "127.0.0.1")]).await
}

async fn try_login(app: &App, from: &str, login: &str, password: &str) -> Answer {
    let request = app.post(PATH, &json!({ "login": login, "password": password }));
    request.header("x-forwarded-for", from).answer().await
}

async fn fail(app: &App, from: &str, login: &str, times: usize) {
    for _ in 0..times {
        let _ = try_login(app, from, login, WRONG).await.problem(401, "invalid_credentials");
    }
}

/// Moves the end of all delays by as many seconds.
async fn move_delays(app: &App, seconds: i32) {
    sqlx::query("UPDATE login_throttles SET blocked_until = blocked_until + make_interval(secs => $1)")
        .bind(seconds)
        .execute(app.pool())
        .await
        .unwrap();
}

/// The longest delay that the last failure has caused, in whole seconds.
async fn delay(app: &App) -> i64 {
    app.count("SELECT max(round(extract(epoch FROM blocked_until - last_failed_at)))::bigint FROM login_throttles")
        .await
}

#[track_caller]
fn is_throttled(answer: &Answer) {
    let _ = answer.problem(429, "login_throttled");
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=40).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn after_five_failures_an_account_has_to_wait_whether_it_exists_or_not() {
    let app = start().await;
    app.register("ada@example.com").await;
    for login in ["ada@example.com", "nobody@example.com"] {
        fail(&app, HOME, login, 5).await;
        move_delays(&app, 30).await;
        // In any case of its letters, from anywhere, and with the right password.
        is_throttled(&try_login(&app, HOME, login, WRONG).await);
        is_throttled(&try_login(&app, ELSEWHERE, &login.to_uppercase(), PASSWORD).await);
        move_delays(&app, -40).await;
    }
    let _ = try_login(&app, HOME, "ada@example.com", PASSWORD).await.expect(200);
    // The success has made it forget.
    fail(&app, HOME, "ada@example.com", 4).await;
    let _ = try_login(&app, HOME, "ada@example.com", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn the_delay_doubles_up_to_a_minute() {
    let app = start().await;
    app.register("ada@example.com").await;
    fail(&app, HOME, "ada", 5).await;
    let mut delays = vec![delay(&app).await];
    for _ in 0..7 {
        move_delays(&app, -120).await;
        fail(&app, HOME, "ada", 1).await;
        delays.push(delay(&app).await);
    }
    assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60]);
}

#[tokio::test]
async fn of_parallel_attempts_after_the_delay_one_is_let_in() {
    let app = start().await;
    app.register("ada@example.com").await;
    fail(&app, HOME, "ada", 5).await;
    // The delay that the one causes is so long that none of the others outlasts it.
    sqlx::query("UPDATE login_throttles SET failures = 12, blocked_until = clock_timestamp()")
        .execute(app.pool())
        .await
        .unwrap();
    let answers = join_all((0..6).map(|_| try_login(&app, HOME, "ada", WRONG))).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [401, 429, 429, 429, 429, 429]);
}

#[tokio::test]
async fn after_twenty_failures_an_address_has_to_wait() {
    let app = start().await;
    app.register("ada@example.com").await;
    for n in 0..20 {
        fail(&app, ELSEWHERE, &format!("user{n}"), 1).await;
    }
    move_delays(&app, 30).await;
    is_throttled(&try_login(&app, ELSEWHERE, "ada", PASSWORD).await);
    let _ = try_login(&app, HOME, "ada", PASSWORD).await.expect(200);
}

/// Checklist 25.
#[tokio::test]
async fn a_forged_forwarded_for_resets_nothing() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    for n in 0..20 {
        fail(&app, &format!("198.51.100.{n}"), &format!("user{n}"), 1).await;
    }
    move_delays(&app, 30).await;
    is_throttled(&try_login(&app, "198.51.100.99", "ada", PASSWORD).await);
}

#[tokio::test]
async fn a_good_account_does_not_wash_an_address_clean() {
    let app = start().await;
    app.register("eve@example.com").await;
    for n in 0..19 {
        fail(&app, ELSEWHERE, &format!("user{n}"), 1).await;
    }
    let _ = try_login(&app, ELSEWHERE, "eve", PASSWORD).await.expect(200);
    fail(&app, ELSEWHERE, "user19", 1).await;
    move_delays(&app, 30).await;
    is_throttled(&try_login(&app, ELSEWHERE, "eve", PASSWORD).await);
}

#[tokio::test]
async fn a_stranger_does_not_lock_the_owner_out_of_where_they_have_been() {
    let app = start().await;
    app.register("ada@example.com").await;
    let _ = try_login(&app, HOME, "ada", PASSWORD).await.expect(200);
    fail(&app, ELSEWHERE, "ada", 5).await;
    move_delays(&app, 30).await;
    is_throttled(&try_login(&app, ELSEWHERE, "ada", PASSWORD).await);
    let _ = try_login(&app, HOME, "ada", PASSWORD).await.expect(200);
    // Nor may one guess without end from there.
    fail(&app, HOME, "ada", 5).await;
    move_delays(&app, 30).await;
    is_throttled(&try_login(&app, HOME, "ada", PASSWORD).await);
}

/// What is refused is no attempt: it counts against nobody.
#[tokio::test]
async fn a_refused_attempt_is_not_counted() {
    let app = App::start_with(&[("TRUSTED_PROXIES", "127.0.0.1"), ("RATE_LIMIT_LOGIN_PER_MINUTE", "6")]).await;
    app.register("ada@example.com").await;
    fail(&app, HOME, "ada", 5).await;
    move_delays(&app, 30).await;
    let failures = "SELECT sum(failures)::bigint FROM login_throttles";
    let before = app.count(failures).await;
    for _ in 0..5 {
        is_throttled(&try_login(&app, HOME, "ada", PASSWORD).await);
    }
    assert_eq!(app.count(failures).await, before);
    // The sixth of the account in this minute.
    move_delays(&app, -40).await;
    let _ = try_login(&app, HOME, "ada", PASSWORD).await.expect(200);
}

/// Of an address that has failed often, one is let in at a time: reserved, and
/// given back when the account refuses.
#[tokio::test]
async fn what_a_blocked_account_refuses_does_not_slow_its_address_down() {
    let app = start().await;
    for number in 0..4 {
        fail(&app, HOME, &format!("user{number}"), 5).await;
        move_delays(&app, -5).await;
    }
    fail(&app, ELSEWHERE, "ada", 5).await;
    let of_home = "SELECT max(failures)::bigint FROM login_throttles";
    assert_eq!(app.count(of_home).await, 20);
    sqlx::query(
        "UPDATE login_throttles
         SET blocked_until = now() + CASE WHEN failures = 20 THEN interval '-1 second' ELSE interval '30 seconds' END",
    )
    .execute(app.pool())
    .await
    .unwrap();
    is_throttled(&try_login(&app, HOME, "ada", PASSWORD).await);
    assert_eq!(app.count(of_home).await, 20);
}

#[tokio::test]
async fn the_address_and_the_username_are_one_account() {
    let app = start().await;
    app.register("ada@example.com").await;
    fail(&app, HOME, "ada", 3).await;
    fail(&app, HOME, "Ada@Example.com", 2).await;
    move_delays(&app, 30).await;
    is_throttled(&try_login(&app, HOME, "ADA", PASSWORD).await);
}

/// A client of IPv6 has a network, and changes its address within it.
#[tokio::test]
async fn where_the_owner_has_been_is_a_network() {
    let app = start().await;
    app.register("ada@example.com").await;
    let _ = try_login(&app, "2001:db8:0:1::1", "ada", PASSWORD).await.expect(200);
    fail(&app, ELSEWHERE, "ada", 5).await;
    move_delays(&app, 30).await;
    let _ = try_login(&app, "2001:db8:0:1:ffff::2", "ada", PASSWORD).await.expect(200);
    is_throttled(&try_login(&app, "2001:db8:0:2::1", "ada", PASSWORD).await);
    // Nor are guesses from within it counted one by one.
    for host in 1..6 {
        fail(&app, &format!("2001:db8:0:1::{host}"), "ada", 1).await;
    }
    move_delays(&app, 30).await;
    is_throttled(&try_login(&app, "2001:db8:0:1::9", "ada", PASSWORD).await);
}

#[tokio::test]
async fn old_failures_are_forgotten() {
    let app = start().await;
    app.register("ada@example.com").await;
    fail(&app, HOME, "ada", 5).await;
    sqlx::query("UPDATE login_throttles SET last_failed_at = last_failed_at - interval '16 minutes'")
        .execute(app.pool())
        .await
        .unwrap();
    fail(&app, HOME, "ada", 4).await;
    let _ = try_login(&app, HOME, "ada", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn the_owner_is_told_of_the_tenth_failure_once_a_day() {
    let app = start().await;
    let user = app.register("ada@example.com").await;
    for n in 1..=12 {
        fail(&app, ELSEWHERE, "ada", 1).await;
        move_delays(&app, -120).await;
        assert_eq!(app.notices(user, "failed_logins").await, i64::from(n >= 10), "{n}");
    }
    let _ = try_login(&app, HOME, "ada", PASSWORD).await.expect(200);
    for _ in 0..10 {
        fail(&app, ELSEWHERE, "ada", 1).await;
        move_delays(&app, -120).await;
    }
    assert_eq!(app.notices(user, "failed_logins").await, 1);
}
