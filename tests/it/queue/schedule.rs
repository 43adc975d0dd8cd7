//! Schedules: every tick exactly once, missed ones by their policy, and what operators say stays.

use std::{collections::BTreeMap, time::Duration};

use callboard_queue::{Cause, Enqueued, Error, Metrics, Misfire, Queue, Runner, RunnerSettings, Schedule};
use callboard_tests::{
    jobs::{Keyed, NoOp, Scope, registry},
    queue::TestQueue,
    stage::Stage,
    wait::{SOON, wait_for, wait_until},
    worker::{MortalWorker, TestWorker, settings},
};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

const EVERY_SECOND: &str = "* * * * * *";
const EVERY_MINUTE: &str = "* * * * *";
/// What changes takes effect within this time: a look of the scheduler.
const NOTICED: Duration = Duration::from_secs(7);

fn schedule(name: &str, cron: &str) -> Schedule {
    Schedule::new(name, cron, "UTC", &NoOp::default()).unwrap()
}

/// The ticks that have enqueued a job, with it, the oldest first.
async fn ticks(queue: &TestQueue, name: &str) -> BTreeMap<DateTime<Utc>, Uuid> {
    let rows: Vec<(DateTime<Utc>, Uuid)> =
        sqlx::query_as("SELECT tick_at, job_id FROM queue_schedule_ticks WHERE schedule = $1")
            .bind(name)
            .fetch_all(queue.pool())
            .await
            .unwrap();
    rows.into_iter().collect()
}

async fn ticked(queue: &TestQueue, name: &str, times: usize, within: Duration) -> BTreeMap<DateTime<Utc>, Uuid> {
    let look = || async { Some(ticks(queue, name).await).filter(|ticks| ticks.len() >= times) };
    wait_for(within, format!("{name} ticks {times} times"), look).await.0
}

/// As if nobody had looked at the clock for so long.
async fn miss(queue: &TestQueue, name: &str, minutes: i32) {
    sqlx::query(
        "UPDATE queue_schedules SET ticked_to = date_trunc('minute', clock_timestamp()) - make_interval(mins => $2, secs => 30),
                                    next_at = NULL
         WHERE name = $1",
    )
    .bind(name)
    .bind(minutes)
    .execute(queue.pool())
    .await
    .unwrap();
}

#[tokio::test]
async fn every_second_has_one_job_that_says_where_it_comes_from() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start_scheduling(&queue, vec![schedule("clock", EVERY_SECOND)]).await;
    let ticks = ticked(&queue, "clock", 4, SOON).await;
    for (at, id) in &ticks {
        let job = queue.completed(*id).await;
        assert_eq!(job.meta["schedule"], "clock");
        assert_eq!(job.meta["tick_at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap(), *at);
        let late = job.created_at - *at;
        assert!((TimeDelta::zero()..TimeDelta::seconds(2)).contains(&late), "{late} late");
    }
    let times: Vec<_> = ticks.keys().collect();
    assert!(times.windows(2).all(|pair| *pair[1] - *pair[0] == TimeDelta::seconds(1)), "{times:?}");
    let view = queue.queue().schedule("clock").await.unwrap();
    assert!(view.enabled && view.declared && view.next_at.is_some() && view.last_tick_at.is_some(), "{view:?}");
    assert_eq!((view.kind.as_str(), view.misfire), ("test.no_op", Misfire::RunOnce));
    assert!(queue.metric(r#"scheduler_ticks_total{schedule="clock",outcome="fired"}"#) >= 4.0);
    worker.drain().await.unwrap();
    queue.leaves_jobs("the last tick may come in the drain");
}

#[tokio::test]
async fn missed_ticks_follow_the_policy() {
    let queue = TestQueue::new().await;
    // Nothing else ticks in the meantime: these are due once a year.
    let yearly = "0 0 1 1 *";
    let declared = [("skip", Misfire::Skip), ("once", Misfire::RunOnce), ("all", Misfire::RunAll)]
        .map(|(name, misfire)| schedule(name, yearly).on_misfire(misfire));
    let worker = TestWorker::start_scheduling(&queue, declared.to_vec()).await;
    wait_until(NOTICED, "the schedules are declared", || async { queue.queue().schedules().await.unwrap().len() == 3 })
        .await;
    sqlx::query("UPDATE queue_schedules SET ticked_to = clock_timestamp() - interval '5 years', next_at = NULL")
        .execute(queue.pool())
        .await
        .unwrap();
    let all = ticked(&queue, "all", 5, NOTICED).await;
    let once = ticked(&queue, "once", 1, NOTICED).await;
    assert_eq!((all.len(), once.len()), (5, 1));
    assert_eq!(all.keys().last(), once.keys().last(), "the latest of them");
    let seen = |name: &'static str| {
        let queue = &queue;
        async move { queue.queue().schedule(name).await.unwrap().next_at.is_some() }
    };
    wait_until(NOTICED, "the skipped ones are seen to", || seen("skip")).await;
    assert!(ticks(&queue, "skip").await.is_empty());
    for id in all.values().chain(once.values()) {
        queue.completed(*id).await;
    }
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn what_operators_disable_stays_so_over_deploys_and_nothing_is_made_up_for() {
    let queue = TestQueue::new().await;
    let declared = vec![schedule("all", EVERY_SECOND).on_misfire(Misfire::RunAll)];
    let worker = TestWorker::start_scheduling(&queue, declared.clone()).await;
    ticked(&queue, "all", 1, SOON).await;
    queue.queue().enable_schedule("all", false).await.unwrap();
    let before = ticks(&queue, "all").await;
    worker.drain().await.unwrap();

    miss(&queue, "all", 10).await;
    let worker = TestWorker::start_scheduling(&queue, declared).await;
    let marker = queue.enqueue(&NoOp::default()).await;
    queue.completed(marker).await;
    let view = queue.queue().schedule("all").await.unwrap();
    assert_eq!((view.enabled, view.declared, view.next_at), (false, true, None));
    assert_eq!(ticks(&queue, "all").await.len(), before.len());

    let enabled_at = Utc::now();
    queue.queue().enable_schedule("all", true).await.unwrap();
    let after = ticked(&queue, "all", before.len() + 1, NOTICED).await;
    let new = after.keys().find(|at| !before.contains_key(*at)).unwrap();
    assert!(*new >= enabled_at - TimeDelta::seconds(1), "{new} is from before {enabled_at}");
    worker.drain().await.unwrap();
    queue.leaves_jobs("the last tick may come in the drain");
}

#[tokio::test]
async fn one_that_nobody_declares_any_more_does_not_fire_and_can_still_be_run() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start_scheduling(&queue, vec![schedule("gone", EVERY_SECOND)]).await;
    ticked(&queue, "gone", 1, SOON).await;
    worker.drain().await.unwrap();
    let before = ticks(&queue, "gone").await.len();

    let worker = TestWorker::start_scheduling(&queue, vec![schedule("new", EVERY_SECOND)]).await;
    ticked(&queue, "new", 3, SOON).await;
    assert_eq!(ticks(&queue, "gone").await.len(), before);
    assert!(!queue.queue().schedule("gone").await.unwrap().declared);
    let run = queue.queue().run_schedule("gone", &Cause::default()).await.unwrap();
    assert!(!run.existing);
    assert_eq!(queue.completed(run.id).await.meta["run_now"], true);
    for error in [
        queue.queue().run_schedule("no such", &Cause::default()).await.unwrap_err(),
        queue.queue().schedule("no such").await.unwrap_err(),
        queue.queue().enable_schedule("no such", true).await.unwrap_err(),
    ] {
        assert!(matches!(&error, Error::NoSuchSchedule(name) if name == "no such"), "{error}");
    }
    worker.drain().await.unwrap();
    queue.leaves_jobs("the last tick may come in the drain");
}

#[tokio::test]
async fn a_new_expression_takes_the_place_of_the_old_one() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start_scheduling(&queue, vec![schedule("moving", "0 0 1 1 *")]).await;
    wait_until(NOTICED, "it has a next tick", || async {
        queue.queue().schedule("moving").await.is_ok_and(|view| view.next_at.is_some())
    })
    .await;
    worker.drain().await.unwrap();
    // Ten minutes ago nobody could have missed a tick of what is declared now.
    for zone in ["UTC", "Asia/Seoul"] {
        miss(&queue, "moving", 10).await;
        let before = ticks(&queue, "moving").await;
        let declared_at = Utc::now();
        let declared = Schedule::new("moving", EVERY_SECOND, zone, &NoOp::default()).unwrap();
        let worker = TestWorker::start_scheduling(&queue, vec![declared.on_misfire(Misfire::RunAll)]).await;
        let after = ticked(&queue, "moving", before.len() + 2, SOON).await;
        let view = queue.queue().schedule("moving").await.unwrap();
        assert_eq!((view.cron.as_str(), view.time_zone.as_str()), (EVERY_SECOND, zone));
        let first = after.keys().find(|at| !before.contains_key(*at)).unwrap();
        assert!(*first >= declared_at - TimeDelta::seconds(1), "{first} is before the declaration at {declared_at}");
        worker.drain().await.unwrap();
    }
    // One that is declared as it was has missed them.
    miss(&queue, "moving", 10).await;
    let missed = ticks(&queue, "moving").await.len() + 100;
    let declared = Schedule::new("moving", EVERY_SECOND, "Asia/Seoul", &NoOp::default()).unwrap();
    let worker = TestWorker::start_scheduling(&queue, vec![declared.on_misfire(Misfire::RunAll)]).await;
    ticked(&queue, "moving", missed, SOON).await;
    worker.drain().await.unwrap();
    queue.leaves_jobs("the last tick may come in the drain");
}

#[tokio::test]
async fn a_run_that_meets_a_held_key_is_told_from_a_new_one() {
    let queue = TestQueue::new().await;
    let job = Keyed::new("one at a time", Scope::Finished);
    let declared = Schedule::new("keyed", "0 0 1 1 *", "UTC", &job).unwrap();
    let worker = TestWorker::start_scheduling(&queue, vec![declared]).await;
    wait_until(NOTICED, "it is declared", || async { queue.queue().schedule("keyed").await.is_ok() }).await;
    let service = queue.queue().clone().named("some-service", "1.2.3");
    let first = service.run_schedule("keyed", &Cause::default()).await.unwrap();
    let again = service.run_schedule("keyed", &Cause::default()).await.unwrap();
    assert!(!first.existing);
    assert_eq!(again, Enqueued { id: first.id, existing: true });
    queue.stage().open_for_all();
    assert_eq!(queue.completed(first.id).await.meta["enqueuer"], "some-service 1.2.3");
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn two_of_one_name_are_refused_at_the_start() {
    let pool = PgPoolOptions::new().connect_lazy("postgres://nobody@127.0.0.1:1/none").unwrap();
    let queue = Queue::connect(pool, "redis://127.0.0.1:1", "test", Metrics::noop()).unwrap();
    let runner = Runner::new(queue, registry(), Stage::default(), RunnerSettings::default()).unwrap();
    let twice = vec![schedule("a", EVERY_MINUTE), schedule("b", EVERY_MINUTE), schedule("a", EVERY_SECOND)];
    let error = runner.with_schedules(twice).err().unwrap();
    assert_eq!(error.to_string(), "the schedule `a` is not usable: it is declared twice");
}

/// F10.
#[tokio::test]
async fn with_five_schedulers_and_leaders_that_are_killed_every_tick_comes_exactly_once() {
    let queue = TestQueue::new().await;
    let declared = vec![schedule("clock", EVERY_SECOND).on_misfire(Misfire::RunAll)];
    let mut workers = BTreeMap::new();
    for number in 0..5 {
        let name = format!("clock-{number}");
        let worker = MortalWorker::start_scheduling(&queue, settings(&name), declared.clone()).await;
        workers.insert(name, worker);
    }
    let mut seen = 0;
    for _ in 0..3 {
        seen = ticked(&queue, "clock", seen + 2, Duration::from_secs(20)).await.len();
        let holder: String = sqlx::query_scalar(
            "SELECT name FROM queue_workers JOIN queue_leases ON holder = id WHERE duty = 'scheduler'",
        )
        .fetch_one(queue.pool())
        .await
        .unwrap();
        workers.remove(&holder).expect("a worker that lives").kill();
    }
    let ticks = ticked(&queue, "clock", seen + 5, Duration::from_secs(30)).await;
    for worker in workers.into_values() {
        worker.drain().await.unwrap();
    }
    let times: Vec<_> = ticks.keys().collect();
    assert!(times.windows(2).all(|pair| *pair[1] - *pair[0] == TimeDelta::seconds(1)), "none is missing: {times:?}");
    let jobs: Vec<String> = sqlx::query_scalar("SELECT meta ->> 'tick_at' FROM queue_jobs_all WHERE meta ? 'tick_at'")
        .fetch_all(queue.pool())
        .await
        .unwrap();
    let mut once = jobs.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), jobs.len(), "no tick has two jobs");
    assert!(jobs.len() >= ticks.len());
    queue.leaves_jobs("workers were killed while they held some");
}
