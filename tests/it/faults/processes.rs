//! The real programs, killed, stopped and cut off while mails are on their way.

use std::time::{Duration, Instant};

use callboard_tests::answer::Answer;
use callboard_tests::app::{PASSWORD, Send as _, client, scrape};
use callboard_tests::installation::{Installation, api_url};
use callboard_tests::mailbox::Mailbox;
use callboard_tests::process::Process;
use callboard_tests::services::Services;
use callboard_tests::wait::{SOON, wait_for, wait_out, wait_until};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What is not pushed, or was on a list that is lost, starts within this time.
const HEALED: Duration = Duration::from_secs(5);
/// What a dead worker held runs elsewhere within this time.
const RESCUED: Duration = Duration::from_secs(25);

async fn try_to_register(api: &Process, email: &str) -> Answer {
    let body = json!({ "email": email, "password": PASSWORD });
    client().post(api_url(api) + "/api/v1/auth/register").json(&body).answer().await
}

async fn register(api: &Process, email: &str) {
    let _ = try_to_register(api, email).await.expect(201);
}

/// The only mail that there is to send, once its job is in this state. Jobs of
/// schedules may run beside it, whenever the clock says so.
async fn job(place: &Installation, state: &str, within: Duration) -> Value {
    let look = || async {
        let rows: Vec<Value> =
            sqlx::query_scalar("SELECT to_jsonb(job) FROM queue_jobs_all AS job WHERE kind = 'email.verify_address'")
                .fetch_all(place.pool())
                .await
                .ok()?;
        assert!(rows.len() <= 1, "{rows:?}");
        rows.into_iter().next().filter(|row| row["state"] == state)
    };
    wait_for(within, format!("the job is {state}"), look).await.0
}

/// Waits until the job of the only mail runs at another worker than it did.
async fn runs_elsewhere(place: &Installation, before: &Value, within: Duration) -> Value {
    let look = || async {
        let now = job(place, "running", within).await;
        (now["worker_id"] != before["worker_id"]).then_some(now)
    };
    wait_for(within, "the job runs elsewhere", look).await.0
}

/// A metric without labels of a program, or with all of these labels.
async fn metric(process: &Process, name: &str) -> f64 {
    let text = scrape(process.addresses().metrics).await;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

/// The commit happens, the push does not: nobody answers at its Redis.
#[tokio::test]
async fn an_api_that_dies_between_commit_and_push_loses_no_mail() {
    let place = Installation::new().await;
    let mailbox = Mailbox::start().await.unwrap();
    let black_hole = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = format!("redis://{}", black_hole.local_addr().unwrap());
    let api = place.start_api(&[("REDIS_URL", &nowhere)]).await;
    let worker = place.start_worker(&api, &mailbox, &[]).await;

    let asked = Instant::now();
    register(&api, "ada@example.com").await;
    assert!(asked.elapsed() < Duration::from_secs(2), "a push never holds an answer up: {:?}", asked.elapsed());
    api.kill().await;
    mailbox.wait_for_mail_to("ada@example.com", HEALED).await.unwrap();
    job(&place, "completed", SOON).await;
    assert!(metric(&worker, "jobs_repushed_total").await > 0.0, "the auditor found it");
    assert_eq!(mailbox.mails().len(), 1);
}

#[tokio::test]
async fn flushall_between_a_registration_and_the_workers_start_loses_no_mail() {
    let services = Services::start().await;
    let place = Installation::on(&services).await;
    let mailbox = Mailbox::start().await.unwrap();
    let api = place.start_api(&[]).await;
    let worker = place.start_worker(&api, &mailbox, &[]).await;
    register(&api, "first@example.com").await;
    mailbox.wait_for_mail_to("first@example.com", SOON).await.unwrap();
    assert_eq!(worker.terminate(SOON).await.code(), Some(0));

    register(&api, "second@example.com").await;
    let redis = redis::Client::open(services.redis_url()).unwrap();
    let mut redis = redis.get_multiplexed_async_connection().await.unwrap();
    let lists: Vec<String> = redis::cmd("KEYS").arg("*:ready:*").query_async(&mut redis).await.unwrap();
    assert_eq!(lists.len(), 1, "the job was on its list: {lists:?}");
    redis::cmd("FLUSHALL").exec_async(&mut redis).await.unwrap();

    let _worker = place.start_worker(&api, &mailbox, &[]).await;
    mailbox.wait_for_mail_to("second@example.com", HEALED).await.unwrap();
    assert_eq!(mailbox.mails().len(), 2);
}

#[tokio::test]
async fn what_a_killed_worker_was_sending_is_sent_by_another() {
    let place = Installation::new().await;
    let mailbox = Mailbox::start().await.unwrap();
    let api = place.start_api(&[]).await;
    let victim = place.start_worker(&api, &mailbox, &[]).await;
    let hold = mailbox.hold();
    register(&api, "ada@example.com").await;
    mailbox.wait_until_held(1, SOON).await.unwrap();
    let heir = place.start_worker(&api, &mailbox, &[]).await;

    let first = job(&place, "running", SOON).await;
    victim.kill().await;
    let killed = Instant::now();
    runs_elsewhere(&place, &first, RESCUED).await;
    println!("running elsewhere {:?} after the kill", killed.elapsed());
    drop(hold);
    mailbox.wait_for_mail_to("ada@example.com", SOON).await.unwrap();
    let done = job(&place, "completed", SOON).await;
    assert_eq!(done["attempt"], 2, "{done}");
    assert_eq!(mailbox.mails().len(), 1);
    assert!(metric(&heir, "jobs_rescued_total").await >= 1.0);
}

/// Stopped for so long that it counts as dead, it comes back and wants to finish.
#[tokio::test]
async fn a_worker_that_comes_back_late_does_not_finish_what_is_anothers() {
    let place = Installation::new().await;
    let mailbox = Mailbox::start().await.unwrap();
    let api = place.start_api(&[]).await;
    let patient = [("SMTP_TIMEOUT_SECONDS", "120")];
    let sleeper = place.start_worker(&api, &mailbox, &patient).await;
    let hold = mailbox.hold();
    register(&api, "ada@example.com").await;
    mailbox.wait_until_held(1, SOON).await.unwrap();
    let mine = job(&place, "running", SOON).await;
    let heir = place.start_worker(&api, &mailbox, &patient).await;

    sleeper.signal("STOP").await;
    let stopped = Instant::now();
    // The other one stands at the same point now.
    mailbox.wait_until_held(2, RESCUED).await.unwrap();
    println!("running elsewhere {:?} after the stop", stopped.elapsed());
    let theirs = job(&place, "running", SOON).await;
    assert_ne!(theirs["worker_id"], mine["worker_id"]);
    // The late one is told that its mail was taken before it finds out what it missed.
    drop(hold);
    mailbox.wait_for(|mail| mail.number == 2, SOON).await.unwrap();
    let done = job(&place, "completed", SOON).await;
    wait_out(stopped, Duration::from_mins(1)).await;
    sleeper.signal("CONT").await;

    let refused = || async {
        let late = metric(&sleeper, "stale_finishes_total").await;
        let cancelled = metric(&sleeper, "jobs_reconciled_total{what=\"cancelled\"}").await;
        late + cancelled > 0.0
    };
    wait_until(SOON, "the late finish is refused", refused).await;
    assert_eq!(job(&place, "completed", SOON).await, done, "nothing of it was changed");
    assert_eq!((&done["attempt"], &done["worker_id"]), (&json!(2), &theirs["worker_id"]));
    for (worker, code) in [(sleeper, 0), (heir, 0)] {
        assert_eq!(worker.terminate(SOON).await.code(), Some(code));
    }
}

#[tokio::test]
async fn a_worker_that_is_told_to_stop_finishes_what_it_has() {
    let place = Installation::new().await;
    let mailbox = Mailbox::start().await.unwrap();
    let api = place.start_api(&[]).await;
    let mut worker = place.start_worker(&api, &mailbox, &[]).await;
    let hold = mailbox.hold();
    register(&api, "ada@example.com").await;
    mailbox.wait_until_held(1, SOON).await.unwrap();
    worker.signal("TERM").await;
    let stopping = || async { worker.log().contains("stopping") };
    wait_until(SOON, "it was told", stopping).await;
    // What comes now is left for another.
    register(&api, "late@example.com").await;
    drop(hold);
    assert_eq!(worker.ended(SOON).await.code(), Some(0));
    assert_eq!(mailbox.mails().len(), 1);
    let states: Vec<(String, i16)> =
        sqlx::query_as("SELECT state, attempt FROM queue_jobs_all WHERE kind = 'email.verify_address' ORDER BY id")
            .fetch_all(place.pool())
            .await
            .unwrap();
    assert_eq!(states, [("completed".to_owned(), 1), ("queued".to_owned(), 0)]);
}

#[tokio::test]
async fn what_does_not_end_within_the_grace_is_given_back_unburnt() {
    let place = Installation::new().await;
    let mailbox = Mailbox::start().await.unwrap();
    let api = place.start_api(&[]).await;
    let worker = place.start_worker(&api, &mailbox, &[("WORKER_GRACE_SECONDS", "1")]).await;
    let hold = mailbox.hold();
    register(&api, "ada@example.com").await;
    mailbox.wait_until_held(1, SOON).await.unwrap();
    // A mail server that hangs holds nothing up beyond that.
    assert_eq!(worker.terminate(Duration::from_secs(6)).await.code(), Some(0));
    let given_back = job(&place, "queued", SOON).await;
    assert_eq!((&given_back["attempt"], &given_back["worker_id"]), (&json!(0), &Value::Null));

    let _heir = place.start_worker(&api, &mailbox, &[]).await;
    runs_elsewhere(&place, &given_back, HEALED).await;
    drop(hold);
    mailbox.wait_for_mail_to("ada@example.com", SOON).await.unwrap();
    assert_eq!(mailbox.mails().len(), 1);
}

#[tokio::test]
async fn an_api_that_is_told_to_stop_answers_what_it_was_asked() {
    let place = Installation::new().await;
    let mut api = place.start_api(&[]).await;
    let address = api.addresses().http.unwrap();
    let body = json!({ "email": "ada@example.com", "password": PASSWORD }).to_string();
    let head = format!(
        "POST /api/v1/auth/register HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // It reads the body now.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");

    api.signal("TERM").await;
    let refused = || async { TcpStream::connect(address).await.is_err() };
    wait_until(SOON, "it takes no more connections", refused).await;
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
    assert_eq!(api.ended(SOON).await.code(), Some(0));
}

#[tokio::test]
async fn a_second_signal_stops_at_once() {
    let place = Installation::new().await;
    let mailbox = Mailbox::start().await.unwrap();
    let api = place.start_api(&[]).await;
    let mut worker = place.start_worker(&api, &mailbox, &[]).await;
    let _hold = mailbox.hold();
    register(&api, "ada@example.com").await;
    mailbox.wait_until_held(1, SOON).await.unwrap();
    worker.signal("TERM").await;
    wait_until(SOON, "it was told", || async { worker.log().contains("stopping") }).await;
    worker.signal("INT").await;
    assert_eq!(worker.ended(SOON).await.code(), Some(1));
}

#[tokio::test]
async fn both_programs_come_back_by_themselves_after_a_crash_of_postgres() {
    let services = Services::start().await;
    let place = Installation::on(&services).await;
    let mailbox = Mailbox::start().await.unwrap();
    let api = place.start_api(&[]).await;
    let worker = place.start_worker(&api, &mailbox, &[("SMTP_TIMEOUT_SECONDS", "60")]).await;
    let hold = mailbox.hold();
    register(&api, "ada@example.com").await;
    mailbox.wait_until_held(1, SOON).await.unwrap();

    services.crash_and_restart_postgres().await;
    drop(hold);
    mailbox.wait_for_mail_to("ada@example.com", SOON).await.unwrap();
    let done = job(&place, "completed", RESCUED).await;
    assert!(done["attempt"].as_i64().unwrap() <= 2, "{done}");
    assert_eq!(metric(&worker, "jobs_rescued_total").await.to_string(), "0", "its worker lives");
    // The API finds out connection by connection that they are gone.
    let registers = || async { try_to_register(&api, "after@example.com").await.status == 201 };
    wait_until(SOON, "the API registers people again", registers).await;
    // So does the worker: a run may meet such a connection and wait for its retry.
    mailbox.wait_for_mail_to("after@example.com", SOON).await.unwrap();
}

#[tokio::test]
async fn without_postgres_the_api_says_so_and_recovers_by_itself() {
    let services = Services::start().await;
    let place = Installation::on(&services).await;
    let mailbox = Mailbox::start().await.unwrap();
    let api = place.start_api(&[("DATABASE_ACQUIRE_TIMEOUT_SECONDS", "1")]).await;
    let worker = place.start_worker(&api, &mailbox, &[]).await;
    register(&api, "before@example.com").await;
    mailbox.wait_for_mail_to("before@example.com", SOON).await.unwrap();

    services.stop_postgres().await;
    let problem = try_to_register(&api, "during@example.com").await.problem(503, "service_unavailable");
    for inside in ["postgres", "sqlx", "refused", "terminating", "127.0.0.1:1"] {
        assert!(!problem.0["detail"].as_str().unwrap().to_lowercase().contains(inside), "{}", problem.0);
    }
    let status =
        async |address: String, path: &str| client().get(format!("http://{address}{path}")).answer().await.status;
    let http = api.addresses().http.unwrap().to_string();
    for (path, expected) in [("/readyz", 503), ("/health", 503), ("/livez", 200), ("/api/v1/hello", 200)] {
        assert_eq!(status(http.clone(), path).await, expected, "{path}");
    }
    assert_eq!(status(worker.addresses().metrics.to_string(), "/readyz").await, 503);
    assert_eq!(status(worker.addresses().metrics.to_string(), "/livez").await, 200);

    services.start_postgres().await;
    for address in [http, worker.addresses().metrics.to_string()] {
        let ready = || async { status(address.clone(), "/readyz").await == 200 };
        wait_until(SOON, "it is ready again", ready).await;
    }
    register(&api, "during@example.com").await;
    mailbox.wait_for_mail_to("during@example.com", HEALED).await.unwrap();
}

#[tokio::test]
async fn without_redis_people_register_quickly_and_get_their_mails_later() {
    let services = Services::start().await;
    let place = Installation::on(&services).await;
    let mailbox = Mailbox::start().await.unwrap();
    let api = place.start_api(&[]).await;
    let worker = place.start_worker(&api, &mailbox, &[]).await;
    register(&api, "before@example.com").await;
    mailbox.wait_for_mail_to("before@example.com", SOON).await.unwrap();

    services.kill_redis().await;
    let gone = Instant::now();
    let mut people = 0;
    while gone.elapsed() < Duration::from_secs(30) {
        let asked = Instant::now();
        register(&api, &format!("u{people}@example.com")).await;
        assert!(asked.elapsed() < Duration::from_secs(2), "person {people} waited {:?}", asked.elapsed());
        people += 1;
        wait_out(asked, Duration::from_millis(200)).await;
    }
    let health = client().get(api_url(&api) + "/health").answer().await.expect(200).json();
    assert_eq!(health["status"], "degraded");
    let seconds = usize::try_from(gone.elapsed().as_secs() + 1).unwrap();
    for program in [&api, &worker] {
        let complaints = program.complaints();
        assert!(complaints.len() <= seconds, "{} lines in {seconds} s: {complaints:#?}", complaints.len());
    }

    services.start_redis().await;
    wait_until(2 * SOON, "everybody has their mail", || async { mailbox.mails().len() > people }).await;
    let ended: Vec<String> = sqlx::query_scalar("SELECT state FROM queue_jobs_all WHERE kind = 'email.verify_address'")
        .fetch_all(place.pool())
        .await
        .unwrap();
    assert_eq!(ended.len(), people + 1);
    for person in 0..people {
        assert_eq!(mailbox.mails_to(&format!("u{person}@example.com")).len(), 1, "one mail for person {person}");
    }
    println!("{people} people registered meanwhile");
}
