//! What this worker holds: the claims it has been given and not yet finished.
//!
//! The reconciler compares it with the ledger. Claims go in under the shared
//! side of [`Held::claiming`], so that the reconciler, on its exclusive side,
//! never sees a row in the ledger whose claim is still on its way in here.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};
use tokio::sync::{Notify, RwLock, RwLockReadGuard, RwLockWriteGuard, watch};
use uuid::Uuid;

use crate::{
    keys::List,
    ledger::{claim::Claim, give_back::Return},
    stop::Stop,
};

/// The claims, and what the reconciler needs to find them in the ledger.
#[derive(Debug)]
pub(crate) struct Held {
    gate: RwLock<()>,
    inner: Mutex<Inner>,
    doubt: Notify,
    removed: Notify,
    reconciled: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    claims: HashMap<Uuid, Holding>,
    newest: HashMap<List, DateTime<Utc>>,
    in_doubt: Vec<Uuid>,
}

#[derive(Clone, Debug)]
struct Holding {
    claim_id: Uuid,
    stop: Arc<Stop>,
}

impl Held {
    pub(crate) fn new() -> Self {
        Self {
            gate: RwLock::new(()),
            inner: Mutex::default(),
            doubt: Notify::new(),
            removed: Notify::new(),
            reconciled: watch::Sender::new(0),
        }
    }

    // A panic while the lock was held can't leave the maps half-changed.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be held from before a claim is sent until its rows are in here.
    pub(crate) async fn claiming(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().await
    }

    /// To be held while the ledger is compared: no claim is under way.
    pub(crate) async fn reconciling(&self) -> RwLockWriteGuard<'_, ()> {
        self.gate.write().await
    }

    pub(crate) fn insert(&self, claims: impl Iterator<Item = (Claim, Arc<Stop>)>) {
        let mut inner = self.lock();
        for ((id, claim_id), stop) in claims {
            // An older claim of the same job was lost meanwhile, and its run goes on for nothing.
            if let Some(lost) = inner.claims.insert(id, Holding { claim_id, stop }) {
                lost.stop.now();
            }
        }
    }

    /// Remembers the newest job claimed from each list: all that this worker runs
    /// of it was queued no later.
    pub(crate) fn saw(&self, jobs: impl Iterator<Item = (List, DateTime<Utc>)>) {
        let mut inner = self.lock();
        for (list, queued_at) in jobs {
            let newest = inner.newest.entry(list).or_insert(queued_at);
            *newest = (*newest).max(queued_at);
        }
    }

    /// Forgets claims that have been finished or given back.
    pub(crate) fn remove(&self, claims: impl Iterator<Item = Claim>) {
        let mut inner = self.lock();
        for (id, claim_id) in claims {
            if inner.claims.get(&id).is_some_and(|holding| holding.claim_id == claim_id) {
                inner.claims.remove(&id);
            }
        }
        drop(inner);
        self.removed.notify_waiters();
    }

    /// Forgets a claim that the ledger no longer gives us, and stops its run.
    pub(crate) fn cancel(&self, claim: Claim) -> bool {
        let mut inner = self.lock();
        match inner.claims.get(&claim.0) {
            Some(holding) if holding.claim_id == claim.1 => {
                holding.stop.now();
                inner.claims.remove(&claim.0);
                drop(inner);
                self.removed.notify_waiters();
                true
            }
            _ => false,
        }
    }

    /// Whether job `id` is here.
    pub(crate) fn has(&self, id: Uuid) -> bool {
        self.lock().claims.contains_key(&id)
    }

    /// Tells the run of job `id`, if it is here, that somebody cancels it.
    /// Whether that was news.
    pub(crate) fn request_cancel(&self, id: Uuid) -> bool {
        self.lock().claims.get(&id).is_some_and(|holding| holding.stop.on_request())
    }

    /// Tells every run to stop; what it settles goes on through the finisher.
    pub(crate) fn cancel_all(&self) {
        for holding in self.lock().claims.values() {
            holding.stop.now();
        }
    }

    /// Waits until nothing is held.
    pub(crate) async fn emptied(&self) {
        loop {
            let removed = self.removed.notified();
            if self.len() == 0 {
                return;
            }
            removed.await;
        }
    }

    /// How many jobs this worker runs or is about to finish.
    pub(crate) fn len(&self) -> usize {
        self.lock().claims.len()
    }

    pub(crate) fn claims(&self) -> Vec<Claim> {
        self.lock().claims.iter().map(|(id, holding)| (*id, holding.claim_id)).collect()
    }

    /// All of them, to be given back.
    pub(crate) fn returns(&self) -> Vec<Return> {
        let returned = |(id, holding): (&Uuid, &Holding)| Return {
            claim: (*id, holding.claim_id),
            began: holding.stop.has_begun(),
        };
        self.lock().claims.iter().map(returned).collect()
    }

    pub(crate) fn newest(&self) -> Vec<(List, DateTime<Utc>)> {
        self.lock().newest.iter().map(|(list, at)| (list.clone(), *at)).collect()
    }

    /// Reports that the ledger may hold something else than we do: a broken
    /// connection, a late beat, a restarted server. Asks for a reconciliation.
    pub(crate) fn doubt(&self) {
        self.doubt.notify_one();
    }

    /// As [`doubt`](Self::doubt), for a claim whose answer was lost; returns
    /// what to wait on for the reconciliation.
    pub(crate) fn doubt_claim(&self, ids: &[Uuid]) -> watch::Receiver<u64> {
        let reconciled = self.reconciled.subscribe();
        self.lock().in_doubt.extend_from_slice(ids);
        self.doubt();
        reconciled
    }

    pub(crate) fn in_doubt(&self) -> Vec<Uuid> {
        self.lock().in_doubt.clone()
    }

    pub(crate) async fn doubted(&self) {
        self.doubt.notified().await;
    }

    /// Tells those who wait that what was in doubt (`resolved`) has been compared.
    pub(crate) fn reconciled(&self, resolved: usize) {
        self.lock().in_doubt.drain(..resolved);
        self.reconciled.send_modify(|times| *times += 1);
    }
}
