//! How far running jobs are: at most one write a second a job, and one
//! statement a second for all jobs of a worker; live on the channel
//! `{<prefix>}:progress`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    Queue,
    lease::rest,
    ledger::{claim::Claim, progress},
    run::clean,
};

/// The least time between two writes of one job's progress.
const EVERY: Duration = Duration::from_secs(1);
/// Jobs in one statement.
const BATCH: usize = 500;
/// Messages are cut at this many characters.
const MAX_MESSAGE: usize = 200;

/// How far a job is, as its handler tells it by [`Run::progress`](crate::Run::progress).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// How much is done, in whatever the job counts.
    pub done: u64,
    /// How much there is in all, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// What is being done, for people; up to 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Progress {
    /// `done` of `total`.
    #[must_use]
    pub fn of(done: usize, total: usize) -> Self {
        Self { done: done as u64, total: Some(total as u64), message: None }
    }

    /// `done`, of nobody knows how many.
    #[must_use]
    pub fn at(done: usize) -> Self {
        Self { done: done as u64, total: None, message: None }
    }

    /// The same with a word about what is being done. Not for secrets.
    #[must_use]
    pub fn saying(self, message: impl Into<String>) -> Self {
        Self { message: Some(clean(&message.into()).chars().take(MAX_MESSAGE).collect()), ..self }
    }
}

/// What handlers tell, until it is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reporter {
    told: Arc<Mutex<HashMap<Claim, Progress>>>,
    news: Arc<Notify>,
}

impl Reporter {
    pub(crate) fn tell(&self, claim: Claim, progress: Progress) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(claim, progress);
        self.news.notify_one();
    }

    fn take(&self) -> Vec<(Claim, Progress)> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).drain().collect()
    }
}

/// Writes what a [`Reporter`] was told.
pub(crate) struct Scribe {
    pub(crate) queue: Queue,
    pub(crate) reporter: Reporter,
}

impl Scribe {
    pub(crate) async fn run(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.reporter.news.notified() => {}
            }
            for batch in self.reporter.take().chunks(BATCH) {
                self.write(batch).await;
            }
            if !rest(EVERY, &stop).await {
                return;
            }
        }
    }

    async fn write(&self, batch: &[(Claim, Progress)]) {
        match progress::write(self.queue.pool(), batch).await {
            Ok(written) => {
                for ((id, _), progress) in batch.iter().filter(|((id, _), _)| written.contains(id)) {
                    self.publish(*id, progress).await;
                }
            }
            // The next one will say as much.
            Err(error) => {
                self.queue.metrics().postgres_errors.increment(1);
                tracing::debug!(%error, "could not write progress");
            }
        }
    }

    async fn publish(&self, id: Uuid, progress: &Progress) {
        let message = json!({ "id": id, "progress": progress });
        self.queue.lists.publish(self.queue.lists.prefix().progress(), message.to_string()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_word_of_a_job_is_kept() {
        let reporter = Reporter::default();
        let claim = (Uuid::now_v7(), Uuid::new_v4());
        for done in 0..1_000 {
            reporter.tell(claim, Progress::of(done, 1_000));
        }
        assert_eq!(reporter.take(), [(claim, Progress::of(999, 1_000))]);
        assert_eq!(reporter.take(), []);
    }

    #[test]
    fn messages_are_cut_and_cleaned() {
        let progress = Progress::at(1).saying("ü".repeat(300) + "\0");
        assert_eq!(progress.message.unwrap().chars().count(), MAX_MESSAGE);
        assert_eq!(Progress::at(1).saying("a\0").message.unwrap(), "a\u{FFFD}");
    }
}
