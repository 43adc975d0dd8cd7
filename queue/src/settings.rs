//! How a worker is to run.

use std::{collections::HashSet, time::Duration};

use crate::{Error, policy::is_queue};

/// The most slots of a worker, and of a capped queue: far beyond what one process can run.
const MAX_SLOTS: usize = 100_000;

/// In which order a fetch looks at the priorities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Always the highest first: a lower one waits as long as a higher one has work.
    Strict,
    /// The first is drawn high 6 : default 3 : low 1, the others follow in order,
    /// so that none starves.
    #[default]
    Weighted,
}

/// A queue that a worker serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueShare {
    /// The queue's name.
    pub name: String,
    /// At most this many jobs of it at a time, in slots of its own: neither can
    /// it take the others' slots nor they its. `None`: it shares the worker's slots.
    pub cap: Option<usize>,
}

/// The settings of a [`Runner`](crate::Runner).
#[derive(Clone, Debug)]
pub struct RunnerSettings {
    /// The worker's name for people, usually the host's. Its identity is a UUID
    /// made at each start, so two workers may share a name.
    pub name: String,
    /// The worker's version for people.
    pub version: &'static str,
    /// How many jobs run at a time, apart from those of capped queues.
    pub slots: usize,
    /// Connections that fetch; the slots are divided among them.
    pub fetchers: usize,
    /// The order of the priorities.
    pub mode: Mode,
    /// The queues served; empty: those of all registered kinds.
    pub queues: Vec<QueueShare>,
    /// How long running jobs may go on after the worker was told to stop.
    pub grace: Duration,
}

impl Default for RunnerSettings {
    fn default() -> Self {
        Self {
            name: "worker".to_owned(),
            version: env!("CARGO_PKG_VERSION"),
            slots: 500,
            fetchers: 2,
            mode: Mode::Weighted,
            queues: Vec::new(),
            grace: Duration::from_secs(20),
        }
    }
}

/// Slots that one fetcher fills from its queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lane {
    pub(crate) queues: Vec<String>,
    pub(crate) slots: usize,
}

impl RunnerSettings {
    /// Divides the slots: the uncapped queues share the fetchers, each capped
    /// queue has a fetcher of its own.
    pub(crate) fn lanes(&self, registered: &[&str]) -> Result<Vec<Lane>, Error> {
        let refuse = |name, problem: &str| Err(Error::Setting { name, problem: problem.to_owned() });
        if self.slots == 0 {
            return refuse("slots", "at least one slot is needed");
        }
        let slots = self.queues.iter().filter_map(|queue| queue.cap).chain([self.slots]);
        if slots.max() > Some(MAX_SLOTS) {
            return refuse("slots", "a worker, and a queue's cap, has 100,000 slots at most");
        }
        if self.fetchers == 0 {
            return refuse("fetchers", "at least one fetcher is needed");
        }
        if self.queues.iter().any(|queue| !is_queue(&queue.name)) {
            return refuse("queues", "a name has 1 to 50 of a-z, 0-9, `_` and `-`");
        }
        let names: HashSet<&str> = self.queues.iter().map(|queue| queue.name.as_str()).collect();
        if names.len() < self.queues.len() {
            return refuse("queues", "a queue is named twice");
        }
        if self.queues.iter().any(|queue| queue.cap == Some(0)) {
            return refuse("queues", "a cap of 0 would never run a job; leave the queue out instead");
        }
        let shares = if self.queues.is_empty() {
            registered.iter().map(|name| QueueShare { name: (*name).to_owned(), cap: None }).collect()
        } else {
            self.queues.clone()
        };
        if shares.is_empty() {
            return refuse("queues", "no kind is registered and no queue named: there is nothing to serve");
        }
        let (capped, uncapped): (Vec<_>, Vec<_>) = shares.into_iter().partition(|share| share.cap.is_some());
        let mut lanes = Vec::new();
        if !uncapped.is_empty() {
            let queues: Vec<String> = uncapped.into_iter().map(|share| share.name).collect();
            let fetchers = self.fetchers.min(self.slots);
            for index in 0..fetchers {
                let slots = self.slots / fetchers + usize::from(index < self.slots % fetchers);
                lanes.push(Lane { queues: queues.clone(), slots });
            }
        }
        lanes.extend(capped.into_iter().map(|share| Lane { slots: share.cap.unwrap_or(1), queues: vec![share.name] }));
        Ok(lanes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(name: &str, cap: Option<usize>) -> QueueShare {
        QueueShare { name: name.to_owned(), cap }
    }

    #[test]
    fn slots_are_divided_and_capped_queues_have_their_own() {
        let settings = RunnerSettings {
            slots: 5,
            queues: vec![share("mail", None), share("reports", Some(2))],
            ..RunnerSettings::default()
        };
        let lanes = settings.lanes(&[]).unwrap();
        let slots: Vec<_> = lanes.iter().map(|lane| (lane.queues[0].as_str(), lane.slots)).collect();
        assert_eq!(slots, [("mail", 3), ("mail", 2), ("reports", 2)]);
    }

    #[test]
    fn all_registered_queues_are_served_by_default() {
        let lanes = RunnerSettings::default().lanes(&["cache", "mail"]).unwrap();
        assert_eq!(lanes.len(), 2);
        assert_eq!(lanes[1], Lane { queues: vec!["cache".to_owned(), "mail".to_owned()], slots: 250 });
    }

    #[test]
    fn settings_that_would_never_run_a_job_are_refused() {
        let bad = [
            RunnerSettings { slots: 0, ..RunnerSettings::default() },
            RunnerSettings { slots: usize::MAX, ..RunnerSettings::default() },
            RunnerSettings { fetchers: 0, ..RunnerSettings::default() },
            RunnerSettings { queues: vec![share("mail", Some(usize::MAX))], ..RunnerSettings::default() },
            RunnerSettings { queues: vec![share("Mail!", None)], ..RunnerSettings::default() },
            RunnerSettings { queues: vec![share("mail", None), share("mail", Some(2))], ..RunnerSettings::default() },
            RunnerSettings { queues: vec![share("mail", Some(0))], ..RunnerSettings::default() },
        ];
        for settings in bad {
            assert!(matches!(settings.lanes(&["mail"]), Err(Error::Setting { .. })), "{settings:?}");
        }
        assert!(RunnerSettings::default().lanes(&[]).is_err(), "nothing to serve");
    }
}
