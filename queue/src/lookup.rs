//! The ids that a claim did not return.
//!
//! Most are duplicates on a list, claimed by another worker or long ended:
//! they need nothing. Those of a kind that this worker doesn't know are parked,
//! those whose time to start is over are cancelled.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use uuid::Uuid;

use crate::{Queue, keys::List, ledger::claim};

pub(crate) struct Lookup {
    queue: Queue,
    kinds: Vec<String>,
    /// What has been said already, so that it is logged once.
    said: Mutex<HashSet<String>>,
}

impl Lookup {
    pub(crate) fn new(queue: Queue, kinds: Vec<String>) -> Self {
        Self { queue, kinds, said: Mutex::default() }
    }

    /// Looks once at what a claim did not return.
    pub(crate) async fn missing(&self, ids: &[Uuid]) {
        // They are in the ledger, on no list: the auditor finds what fails here.
        if let Err(error) = self.queue.expire(ids).await {
            tracing::debug!(%error, jobs = ids.len(), "could not look for jobs whose time is over");
        }
        match claim::park_unknown(self.queue.pool(), ids, &self.kinds).await {
            Ok(kinds) => {
                for kind in kinds {
                    if self.is_news(&kind) {
                        tracing::warn!(
                            kind,
                            "no handler here for this kind; its jobs are parked until a worker that has one takes them"
                        );
                    }
                }
            }
            Err(error) => tracing::debug!(%error, jobs = ids.len(), "could not look up what a claim left"),
        }
    }

    /// Reports list elements that are not ours. They have been dropped.
    pub(crate) fn foreign(&self, list: &List) {
        if self.is_news(&list.to_string()) {
            tracing::warn!(%list, "somebody else's data was on our ready list; dropped it");
        }
    }

    fn is_news(&self, what: &str) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.insert(what.to_owned())
    }
}
