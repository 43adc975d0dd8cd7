//! The kinds of job that a process knows, with their policies.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{Job, policy::Policy};

/// The policies of all kinds of an application, by name.
///
/// A worker knows them from its [`Registry`](crate::Registry). A process that
/// only enqueues gets them by [`Queue::with_kinds`](crate::Queue::with_kinds):
/// it needs them to cancel and redrive as each kind declares. A kind that is
/// missing is treated by the documented defaults.
#[derive(Clone, Debug, Default)]
pub struct Kinds(BTreeMap<&'static str, Policy>);

impl Kinds {
    /// No kind.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the kind of `J`.
    #[must_use]
    pub fn with<J: Job>(mut self) -> Self {
        self.insert(J::KIND, Policy::of::<J>());
        self
    }

    /// Adds the kind of `J` under another name too: the old name of a renamed
    /// one, until its jobs have drained.
    #[must_use]
    pub fn with_alias<J: Job>(mut self, kind: &'static str) -> Self {
        self.insert(kind, Policy::of::<J>());
        self
    }

    /// The kinds, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.0.keys().copied().collect()
    }

    /// A kind whose payload is encrypted, if there is one.
    pub(crate) fn encrypted(&self) -> Option<&'static str> {
        self.0.iter().find(|(_, policy)| policy.encrypted).map(|(kind, _)| *kind)
    }

    pub(crate) fn insert(&mut self, kind: &'static str, policy: Policy) {
        self.0.insert(kind, policy);
    }

    /// Adds those of `others`, which win.
    pub(crate) fn extend(&mut self, others: &Self) {
        self.0.extend(others.0.iter().map(|(kind, policy)| (*kind, *policy)));
    }

    /// The policy of `kind`, or the documented defaults for a kind unknown here.
    pub(crate) fn policy(&self, kind: &str) -> Policy {
        self.0.get(kind).copied().unwrap_or(Policy::UNKNOWN)
    }

    /// Every number of days that an ended job may be kept.
    pub(crate) fn retention_days(&self) -> impl Iterator<Item = u8> {
        let unknown = [Policy::UNKNOWN];
        self.0.values().copied().chain(unknown).flat_map(|policy| [policy.completed_days(), policy.discarded_days()])
    }

    /// For how many days cancelled jobs are kept, as an object by kind: for
    /// statements that learn the kind only from the row.
    pub(crate) fn days_of_cancelled(&self) -> Value {
        let days = self.0.iter().map(|(kind, policy)| ((*kind).to_owned(), policy.discarded_days().into()));
        Value::Object(days.collect::<Map<_, _>>())
    }
}
