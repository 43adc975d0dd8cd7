//! Names, types and labels of metrics: in the code's tables, in `docs/metrics.md`
//! and as they are emitted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use callboard_queue::metrics::{Declared, Type};
use callboard_tests::app::{App, Send as _, scrape};
use callboard_tests::mailbox::Mailbox;
use callboard_tests::wait::{SOON, wait_until};
use serde_json::json;

/// What the tables of the code say.
fn declared() -> Vec<&'static Declared> {
    let tables =
        [callboard_shared::telemetry::METRICS, callboard_api::metrics::METRICS, callboard_queue::metrics::METRICS];
    tables.into_iter().flatten().collect()
}

const fn word(r#type: Type) -> &'static str {
    match r#type {
        Type::Counter => "counter",
        Type::Gauge => "gauge",
        Type::Histogram => "histogram",
    }
}

/// Prometheus' text, by name: the type, and the labels of each sample.
fn emitted(text: &str) -> BTreeMap<String, (String, BTreeSet<BTreeSet<String>>)> {
    let mut metrics: BTreeMap<String, (String, BTreeSet<BTreeSet<String>>)> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            name.clone_into(&mut current);
            metrics.insert(current.clone(), (kind.to_owned(), BTreeSet::new()));
        } else if !line.starts_with('#') {
            assert!(line.starts_with(&current), "{line} belongs to no metric");
            let labels =
                line.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')).map_or("", |(labels, _)| labels);
            let names =
                labels.split("\",").filter_map(|label| label.split_once("=\"")).map(|(name, _)| name.to_owned());
            metrics.get_mut(&current).unwrap().1.insert(names.filter(|name| name != "le").collect());
        }
    }
    metrics
}

/// An API and a worker that have done something of everything.
async fn busy() -> (String, String) {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let worker = app.start_worker(&mailbox).await;
    let user = app.register("ada@example.com").await;
    app.job_in_state(app.job_of(user).await, "completed").await;
    for path in ["/api/v1/hello/Ada", "/api/v1/hello/Eve", "/nowhere", "/another"] {
        app.get(path).answer().await;
    }
    let _ = app.request("FROBNICATE", "/").answer().await;
    app.login("ada").await;
    (app.metrics().await, scrape(worker.metrics).await)
}

#[test]
fn the_docs_say_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let documented: BTreeSet<Vec<String>> =
        rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().replace('`', "")).collect()).collect();
    let declared = declared().into_iter().map(|metric| {
        vec![
            metric.name.to_owned(),
            word(metric.r#type).to_owned(),
            metric.labels.join(", "),
            metric.help.replace('`', ""),
        ]
    });
    let declared: BTreeSet<_> = declared.collect();
    let differing: Vec<_> = documented.symmetric_difference(&declared).collect();
    assert!(differing.is_empty(), "in one of the two only: {differing:#?}");
}

#[tokio::test]
async fn what_is_declared_is_emitted_and_nothing_else() {
    let (api, worker) = busy().await;
    let (api, worker) = (emitted(&api), emitted(&worker));
    let by_name: BTreeMap<_, _> = declared().into_iter().map(|metric| (metric.name, metric)).collect();
    assert_eq!(by_name.len(), declared().len(), "two of one name");
    for (process, metrics) in [("the API", &api), ("the worker", &worker)] {
        for (name, (kind, samples)) in metrics {
            let declared =
                by_name.get(name.as_str()).unwrap_or_else(|| panic!("{process} emits {name}, which is not declared"));
            assert_eq!(kind, word(declared.r#type), "{name}");
            let labels: BTreeSet<String> = declared.labels.iter().map(|label| (*label).to_owned()).collect();
            assert!(samples.iter().all(|sample| *sample == labels), "{name}: {samples:?}");
        }
    }
    for table in [callboard_shared::telemetry::METRICS, callboard_api::metrics::METRICS] {
        for metric in table {
            assert!(api.contains_key(metric.name), "the API does not emit {}", metric.name);
        }
    }
    for table in [callboard_shared::telemetry::METRICS, callboard_queue::metrics::METRICS] {
        for metric in table {
            assert!(worker.contains_key(metric.name), "the worker does not emit {}", metric.name);
        }
    }
}

#[tokio::test]
async fn each_metric_says_what_it_means() {
    let (api, worker) = busy().await;
    for text in [api, worker] {
        for name in emitted(&text).keys() {
            let help = declared().into_iter().find(|metric| metric.name == name).unwrap().help;
            assert!(text.contains(&format!("# HELP {name} {help}\n")), "{name}");
        }
    }
}

#[tokio::test]
async fn requests_are_told_by_the_template_of_their_route() {
    let (api, _) = busy().await;
    let count = |method: &str, route: &str, status: u16| {
        let labels = format!("_count{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}} ");
        api.lines().find_map(|line| line.split_once(&labels)).map(|(_, count)| count.to_owned())
    };
    assert_eq!(count("GET", "/api/v1/hello/{name}", 200).as_deref(), Some("2"));
    assert_eq!(count("POST", "/api/v1/auth/register", 201).as_deref(), Some("1"));
    assert_eq!(count("GET", "(none)", 404).as_deref(), Some("2"), "paths that nobody made are one label");
    assert_eq!(count("OTHER", "/", 405).as_deref(), Some("1"), "methods that nobody made are one label");
    for made_up in ["Ada", "nowhere", "FROBNICATE", "ada@example.com"] {
        assert!(!api.contains(made_up), "{made_up}");
    }
}

#[tokio::test]
async fn a_job_is_counted_and_timed() {
    let (api, worker) = busy().await;
    let kind = r#"kind="email.verify_address""#;
    assert!(worker.contains(&format!("job_outcomes_total{{{kind},outcome=\"completed\"}} 1\n")), "{worker}");
    assert!(worker.contains(&format!("job_run_seconds_count{{{kind}}} 1\n")), "{worker}");
    assert!(worker.contains(&format!("job_wait_seconds_count{{{kind}}} 1\n")), "{worker}");
    assert!(worker.contains("unaccounted_jobs 0\n"), "{worker}");
    for text in [&api, &worker] {
        assert!(text.contains("queue_jobs{queue=\"mail\",priority=\"high\",state=\"queued\"} 0\n"), "{text}");
    }
}

/// Both connections to the mail server are busy; the others wait.
#[tokio::test]
async fn jobs_that_wait_are_seen_in_the_depth() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let worker = app.start_worker(&mailbox).await;
    let _hold = mailbox.hold();
    for n in 0..5 {
        app.register(&format!("u{n}@example.com")).await;
    }
    mailbox.wait_until_held(2, SOON).await.unwrap();
    // Depths are read at most once a second; slots are told with each beat.
    for address in [app.metrics_address(), worker.metrics] {
        let tells = || async {
            let text = scrape(address).await;
            text.contains("queue_jobs{queue=\"mail\",priority=\"high\",state=\"queued\"} 3\n")
                && text.contains("queue_jobs{queue=\"all\",priority=\"all\",state=\"running\"} 2\n")
                && !text.contains("queue_latency_seconds{queue=\"mail\",priority=\"high\"} 0\n")
        };
        wait_until(SOON, "three wait and two run", tells).await;
    }
    let busy = || async { scrape(worker.metrics).await.contains("worker_slots{state=\"busy\"} 2\n") };
    wait_until(SOON, "its slots are told", busy).await;
}

#[tokio::test]
async fn metrics_are_not_on_the_public_port() {
    let app = App::start().await;
    let _ = app.get("/metrics").answer().await.problem(404, "unknown_route");
    let client = callboard_tests::app::client();
    for path in ["/", "/health", "/api/v1/hello", "/docs"] {
        let answer = client.get(format!("http://{}{path}", app.metrics_address())).answer().await;
        assert_eq!(answer.status, 404, "{path} on the port for metrics");
    }
    let body = json!({ "email": "ada@example.com", "password": callboard_tests::app::PASSWORD });
    let url = format!("http://{}/api/v1/auth/register", app.metrics_address());
    assert_eq!(client.post(url).json(&body).answer().await.status, 404);
}
