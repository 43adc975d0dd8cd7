//! Pausing queues: what waits in a paused one stays where it is.
//!
//! The ledger has the pause; a signal brings it to every fetcher at once, and
//! the next beat to those that missed it.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{sync::watch, time::Instant};

use crate::{Error, Queue, ledger::queues, policy::is_queue, signals::Signal};

/// The names of the queues that are paused, as a worker knows them.
#[derive(Clone, Debug)]
pub(crate) struct Paused {
    names: watch::Sender<Arc<BTreeSet<String>>>,
    /// When the statement was sent that read them.
    latest: Arc<Mutex<Option<Instant>>>,
}

impl Paused {
    pub(crate) fn none() -> Self {
        Self { names: watch::Sender::new(Arc::default()), latest: Arc::default() }
    }

    /// Takes over what was read by a statement sent at `sent`, unless what is
    /// known was read by a later one: a beat that was under way while a queue was
    /// paused must not undo that.
    pub(crate) fn set(&self, names: Vec<String>, sent: Instant) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.is_some_and(|latest| latest > sent) {
            return;
        }
        *latest = Some(sent);
        let names: BTreeSet<String> = names.into_iter().collect();
        self.names.send_if_modified(|paused| {
            let news = **paused != names;
            if news {
                tracing::info!(paused = ?names, "the paused queues have changed");
                *paused = Arc::new(names);
            }
            news
        });
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<BTreeSet<String>>> {
        self.names.subscribe()
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

/// The name, if a queue can have it.
pub(crate) fn checked(name: &str) -> Result<&str, Error> {
    if is_queue(name) { Ok(name) } else { Err(Error::NoSuchQueue(name.to_owned())) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_was_read_before_a_pause_does_not_undo_it() {
        let paused = Paused::none();
        let beat_sent = Instant::now();
        tokio::time::advance(Duration::from_millis(1)).await;
        paused.set(vec!["mail".to_owned()], Instant::now());
        paused.set(Vec::new(), beat_sent);
        assert!(paused.subscribe().borrow().contains("mail"));
        tokio::time::advance(Duration::from_millis(1)).await;
        paused.set(Vec::new(), Instant::now());
        assert!(paused.subscribe().borrow().is_empty());
    }
}
