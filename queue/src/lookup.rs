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

use crate::{
    Queue,
    keys::List,
    ledger::parking::{self, Parked},
    unblock::Wake,
};

pub(crate) struct Lookup {
    queue: Queue,
    kinds: Vec<String>,
    wake: Wake,
    /// What has been said already, so that it is logged once.
    said: Mutex<HashSet<String>>,
}

impl Lookup {
    pub(crate) fn new(queue: Queue, kinds: Vec<String>, wake: Wake) -> Self {
        Self { queue, kinds, wake, said: Mutex::default() }
    }

    /// Looks once at what a claim did not return.
    pub(crate) async fn missing(&self, ids: &[Uuid]) {
        // They are in the ledger, on no list: the auditor finds what fails here.
        if let Err(error) = self.queue.expire(ids).await {
            tracing::debug!(%error, jobs = ids.len(), "could not look for jobs whose time is over");
        }
        match parking::park_unknown(self.queue.pool(), ids, &self.kinds).await {
            Ok(parked) => {
                self.wake.limits(parked.iter().filter_map(|job| job.limit_key.clone()));
                for Parked { kind, payload_version: version, .. } in parked {
                    if self.is_news(&format!("{kind}#{version}")) {
                        tracing::warn!(
                            kind,
                            version,
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
