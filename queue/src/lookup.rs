//! The ids that a claim did not return.
//!
//! Most are duplicates on a list, claimed by another worker or long ended:
//! they need nothing. Those of a kind that this worker doesn't know are parked.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use sqlx::PgPool;
use uuid::Uuid;

use crate::{keys::List, ledger::claim};

pub(crate) struct Lookup {
    pool: PgPool,
    kinds: Vec<String>,
    /// What has been said already, so that it is logged once.
    said: Mutex<HashSet<String>>,
}

impl Lookup {
    pub(crate) fn new(pool: PgPool, kinds: Vec<String>) -> Self {
        Self { pool, kinds, said: Mutex::default() }
    }

    /// Looks once at what a claim did not return.
    pub(crate) async fn missing(&self, ids: &[Uuid]) {
        match claim::park_unknown(&self.pool, ids, &self.kinds).await {
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
            // They are in the ledger, on no list: the auditor will find them.
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
