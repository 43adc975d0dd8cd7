//! Pausing queues: what waits in a paused one stays where it is.
//!
//! The ledger has the pause; a signal brings it to every fetcher at once, and
//! the next beat to those that missed it.

use std::{collections::BTreeSet, sync::Arc};

use tokio::sync::watch;

use crate::{Error, Queue, job::is_queue, ledger::queues, signals::Signal};

/// The names of the queues that are paused, as a worker knows them.
#[derive(Clone, Debug)]
pub(crate) struct Paused(watch::Sender<Arc<BTreeSet<String>>>);

impl Paused {
    pub(crate) fn none() -> Self {
        Self(watch::Sender::new(Arc::default()))
    }

    pub(crate) fn set(&self, names: Vec<String>) {
        let names: BTreeSet<String> = names.into_iter().collect();
        self.0.send_if_modified(|paused| {
            let news = **paused != names;
            if news {
                tracing::info!(paused = ?names, "the paused queues have changed");
                *paused = Arc::new(names);
            }
            news
        });
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<BTreeSet<String>>> {
        self.0.subscribe()
    }
}

impl Queue {
    /// Pauses the queue `name`: from within a second on, no worker starts a job
    /// of it. What runs goes on. `by` says for people who paused it.
    ///
    /// Pausing a paused queue changes nothing, and a queue may be paused before
    /// it has any job. Returns whether it was news.
    ///
    /// # Errors
    /// [`Error::NoSuchQueue`] for what can't be a queue's name, and
    /// [`Error::Ledger`] when PostgreSQL refuses.
    pub async fn pause(&self, name: &str, by: Option<&str>) -> Result<bool, Error> {
        let news = queues::pause(self.pool(), checked(name)?, by).await?;
        self.lists.signal(Signal::Queues).await;
        Ok(news)
    }

    /// Resumes the queue `name`. Returns whether it was paused.
    ///
    /// # Errors
    /// As [`pause`](Self::pause).
    pub async fn resume(&self, name: &str) -> Result<bool, Error> {
        let news = queues::resume(self.pool(), checked(name)?).await?;
        self.lists.signal(Signal::Queues).await;
        Ok(news)
    }
}

fn checked(name: &str) -> Result<&str, Error> {
    if is_queue(name) { Ok(name) } else { Err(Error::NoSuchQueue(name.to_owned())) }
}
