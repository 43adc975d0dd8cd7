//! How deep a queue may get before enqueues are refused.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{Error, Priority, keys::List, new_job::NewJob, ready_list::ReadyLists};

/// For how long a depth that was read is taken for true.
const FRESH: Duration = Duration::from_secs(1);

/// The depth limits of queues, and how deep they were at the last look.
#[derive(Clone, Debug, Default)]
pub(crate) struct DepthLimits {
    limits: Arc<BTreeMap<String, u64>>,
    depths: Arc<Mutex<HashMap<String, (Instant, u64)>>>,
}

impl DepthLimits {
    pub(crate) fn new(limits: BTreeMap<String, u64>) -> Self {
        Self { limits: Arc::new(limits), depths: Arc::default() }
    }

    /// Refuses `jobs` if one of their queues has its limit of jobs on its ready
    /// lists. The depth is as of the last second, and jobs that are due later or
    /// blocked don't count; while Redis does not answer there is no limit.
    pub(crate) async fn check(&self, lists: &ReadyLists, jobs: &[NewJob]) -> Result<(), Error> {
        if self.limits.is_empty() {
            return Ok(());
        }
        let mut new: BTreeMap<&str, u64> = BTreeMap::new();
        for job in jobs.iter().filter(|job| self.limits.contains_key(&*job.queue)) {
            *new.entry(&job.queue).or_default() += 1;
        }
        for (queue, jobs) in new {
            let Some(depth) = self.depth(lists, queue).await else { continue };
            let limit = self.limits.get(queue).copied().unwrap_or(u64::MAX);
            if depth.saturating_add(jobs) > limit {
                return Err(Error::QueueFull { queue: queue.to_owned(), depth, limit });
            }
        }
        Ok(())
    }

    async fn depth(&self, lists: &ReadyLists, queue: &str) -> Option<u64> {
        if let Some((at, depth)) = self.depths.lock().unwrap_or_else(PoisonError::into_inner).get(queue)
            && at.elapsed() < FRESH
        {
            return Some(*depth);
        }
        let of_queue = Priority::ALL.map(|priority| List::new(queue, priority));
        let depth = lists.look_soon(&of_queue).await?.iter().map(|look| look.len).sum();
        let mut depths = self.depths.lock().unwrap_or_else(PoisonError::into_inner);
        depths.insert(queue.to_owned(), (Instant::now(), depth));
        Some(depth)
    }
}
