//! The state machine against a model: random sequences of operations, each
//! step compared with what docs/state-machine.md says must come of it.

use std::collections::HashMap;

use callboard_queue::{Cancellation, EnqueueOptions, Error, Job, internals};
use callboard_tests::{
    jobs::{NoOp, registry},
    queue::TestQueue,
};
use chrono::{TimeDelta, Utc};
use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    test_runner::{Config, TestCaseError, TestRunner},
};
use uuid::Uuid;

/// Jobs of one case; operations name one by its place.
const JOBS: usize = 4;
const MAX_ATTEMPTS: i16 = 3;

#[derive(Clone, Copy, Debug)]
enum Operation {
    Enqueue {
        delayed: bool,
    },
    /// The promoter's clock has come to it.
    MakeDue(usize),
    /// By the present id on the list, or one that was there before.
    Claim(usize),
    /// By the claim that holds it, or by one that no longer does.
    Complete {
        job: usize,
        stale: bool,
    },
    Fail {
        job: usize,
        stale: bool,
    },
    GiveBack {
        job: usize,
        stale: bool,
    },
    Cancel(usize),
    Redrive(usize),
}

fn operation() -> impl Strategy<Value = Operation> {
    let job = 0..JOBS;
    let fenced = || (0..JOBS, proptest::bool::weighted(0.2));
    prop_oneof![
        3 => any::<bool>().prop_map(|delayed| Operation::Enqueue { delayed }),
        2 => job.clone().prop_map(Operation::MakeDue),
        5 => job.clone().prop_map(Operation::Claim),
        2 => fenced().prop_map(|(job, stale)| Operation::Complete { job, stale }),
        3 => fenced().prop_map(|(job, stale)| Operation::Fail { job, stale }),
        2 => fenced().prop_map(|(job, stale)| Operation::GiveBack { job, stale }),
        2 => job.clone().prop_map(Operation::Cancel),
        2 => job.prop_map(Operation::Redrive),
        1 => Just(Operation::Enqueue { delayed: false }),
    ]
}

#[derive(Clone, Debug, PartialEq)]
enum State {
    Queued,
    Scheduled,
    Running { claim: Uuid, cancel_requested: bool },
    Completed,
    Cancelled,
}

impl State {
    fn word(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Scheduled => "scheduled",
            Self::Running { .. } => "running",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }
}

#[derive(Clone, Debug)]
struct Modelled {
    id: Uuid,
    state: State,
    attempt: i16,
    max_attempts: i16,
}

struct Machine<'a> {
    queue: &'a TestQueue,
    jobs: Vec<Modelled>,
    /// The claims that each job once had.
    old_claims: HashMap<Uuid, Uuid>,
}

impl Machine<'_> {
    async fn take(&mut self, operation: Operation) -> Result<(), TestCaseError> {
        match operation {
            Operation::Enqueue { delayed } => self.enqueue(delayed).await,
            Operation::MakeDue(job) => self.make_due(job).await,
            Operation::Claim(job) => self.claim(job).await?,
            Operation::Complete { job, stale } => self.complete(job, stale).await?,
            Operation::Fail { job, stale } => self.fail(job, stale).await?,
            Operation::GiveBack { job, stale } => self.give_back(job, stale).await?,
            Operation::Cancel(job) => self.cancel(job).await?,
            Operation::Redrive(job) => self.redrive(job).await?,
        }
        for job in &self.jobs {
            let seen = self.queue.job(job.id).await;
            proptest::prop_assert_eq!(seen.state.as_str(), job.state.word(), "after {:?}", operation);
            proptest::prop_assert_eq!((seen.attempt, seen.max_attempts), (job.attempt, job.max_attempts));
            proptest::prop_assert!(seen.attempt <= seen.max_attempts, "never more attempts than allowed");
        }
        Ok(())
    }

    async fn enqueue(&mut self, delayed: bool) {
        if self.jobs.len() >= JOBS {
            return;
        }
        let run_at = delayed.then(|| Utc::now() + TimeDelta::hours(1));
        let options = EnqueueOptions { run_at, max_attempts: Some(MAX_ATTEMPTS), ..EnqueueOptions::default() };
        let id = self.queue.enqueue_with(&NoOp::default(), options).await;
        let state = if delayed { State::Scheduled } else { State::Queued };
        self.jobs.push(Modelled { id, state, attempt: 0, max_attempts: MAX_ATTEMPTS });
    }

    async fn make_due(&mut self, job: usize) {
        let Some(job) = self.jobs.get_mut(job) else { return };
        self.queue
            .execute_on(
                "UPDATE queue_jobs SET state = 'queued', queued_at = clock_timestamp()
                 WHERE id = ANY($1) AND state = 'scheduled'",
                &[job.id],
            )
            .await;
        if job.state == State::Scheduled {
            job.state = State::Queued;
        }
    }

    async fn claim(&mut self, job: usize) -> Result<(), TestCaseError> {
        let Some(job) = self.jobs.get_mut(job) else { return Ok(()) };
        let claim = Uuid::new_v4();
        let kinds = [NoOp::KIND.to_owned()];
        let claimed = internals::claim(self.queue.pool(), &[job.id], Uuid::now_v7(), claim, &kinds).await.unwrap();
        let may = job.state == State::Queued && job.attempt < job.max_attempts;
        proptest::prop_assert_eq!(claimed.len(), usize::from(may));
        if may {
            job.state = State::Running { claim, cancel_requested: false };
            job.attempt += 1;
        }
        Ok(())
    }

    /// The claim to name, and whether it holds the job.
    fn fence(&self, job: usize, stale: bool) -> Option<(Uuid, Uuid, bool)> {
        let job = self.jobs.get(job)?;
        match job.state {
            State::Running { claim, .. } if !stale => Some((job.id, claim, true)),
            _ => Some((job.id, self.old_claims.get(&job.id).copied().unwrap_or(Uuid::new_v4()), false)),
        }
    }

    async fn complete(&mut self, place: usize, stale: bool) -> Result<(), TestCaseError> {
        let Some((id, claim, holds)) = self.fence(place, stale) else { return Ok(()) };
        let written = internals::complete(self.queue.pool(), &[id], claim, 7).await.unwrap();
        proptest::prop_assert_eq!(written, usize::from(holds), "a stale finish is refused");
        if holds {
            self.leave(place, claim, State::Completed);
        }
        Ok(())
    }

    async fn fail(&mut self, place: usize, stale: bool) -> Result<(), TestCaseError> {
        let Some((id, claim, holds)) = self.fence(place, stale) else { return Ok(()) };
        let written = internals::fail(self.queue.queue(), &[id], claim, 3_600_000).await.unwrap();
        proptest::prop_assert_eq!(written.len(), usize::from(holds));
        if holds {
            let next = if self.is_being_cancelled(place) { State::Cancelled } else { State::Scheduled };
            self.leave(place, claim, next);
        }
        Ok(())
    }

    async fn give_back(&mut self, place: usize, stale: bool) -> Result<(), TestCaseError> {
        let Some((id, claim, holds)) = self.fence(place, stale) else { return Ok(()) };
        let queued = internals::give_back(self.queue.queue(), &[id], claim).await.unwrap();
        let cancelled = self.is_being_cancelled(place);
        proptest::prop_assert_eq!(queued.len(), usize::from(holds && !cancelled));
        if holds {
            self.leave(place, claim, if cancelled { State::Cancelled } else { State::Queued });
            if !cancelled {
                self.jobs[place].attempt -= 1;
            }
        }
        Ok(())
    }

    fn is_being_cancelled(&self, place: usize) -> bool {
        matches!(self.jobs[place].state, State::Running { cancel_requested: true, .. })
    }

    fn leave(&mut self, place: usize, claim: Uuid, state: State) {
        let job = &mut self.jobs[place];
        job.state = state;
        self.old_claims.insert(job.id, claim);
    }

    async fn cancel(&mut self, job: usize) -> Result<(), TestCaseError> {
        let Some(job) = self.jobs.get_mut(job) else { return Ok(()) };
        let answer = self.queue.queue().cancel(job.id).await;
        match &mut job.state {
            State::Queued | State::Scheduled => {
                proptest::prop_assert!(matches!(answer, Ok(Cancellation::Ended)), "{:?}", answer);
                job.state = State::Cancelled;
            }
            State::Running { cancel_requested, .. } => {
                let before = std::mem::replace(cancel_requested, true);
                let expected = if before { Cancellation::AlreadyRequested } else { Cancellation::Requested };
                proptest::prop_assert!(matches!(answer, Ok(said) if said == expected), "{:?}", answer);
            }
            State::Completed | State::Cancelled => {
                proptest::prop_assert!(matches!(answer, Err(Error::WrongState { .. })), "{:?}", answer);
            }
        }
        Ok(())
    }

    async fn redrive(&mut self, job: usize) -> Result<(), TestCaseError> {
        let Some(job) = self.jobs.get_mut(job) else { return Ok(()) };
        let answer = self.queue.queue().clone().with_kinds(&registry().policies()).retry(job.id).await;
        match job.state {
            State::Scheduled => job.state = State::Queued,
            State::Completed | State::Cancelled => {
                job.state = State::Queued;
                job.max_attempts = job.attempt + NoOp::MAX_ATTEMPTS;
            }
            State::Queued | State::Running { .. } => {
                proptest::prop_assert!(matches!(answer, Err(Error::WrongState { .. })), "{:?}", answer);
                return Ok(());
            }
        }
        proptest::prop_assert!(answer.is_ok(), "{:?}", answer);
        Ok(())
    }
}

/// The number of cases; `PROPTEST_CASES` asks for more.
const CASES: u32 = 3_000;

#[test]
fn whatever_is_done_in_whatever_order_the_states_are_those_of_the_model() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let queue = runtime.block_on(TestQueue::new());
    runtime.block_on(internals::ensure_partitions(queue.pool(), 7)).unwrap();
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let run = TestRunner::new(config).run(&vec(operation(), 1..12), |operations| {
        runtime.block_on(async {
            let mut machine = Machine { queue: &queue, jobs: Vec::new(), old_claims: HashMap::new() };
            for operation in operations {
                machine.take(operation).await?;
            }
            Ok(())
        })
    });
    queue.leaves_jobs("each case leaves some");
    run.unwrap();
}
