//! Jobs that wait for one another: chains, fan-out and fan-in, and a callback
//! when a batch has ended.

use uuid::Uuid;

use crate::{EnqueueOptions, Error, Job, OnParentFailure, new_job::NewJob};

/// Jobs to be enqueued as one unit, some of which wait for others of them.
///
/// A job can only wait for jobs that were added before it, so a circle can't be
/// built.
///
/// # Example
///
/// ```
/// # use callboard_queue::{Flow, Job, OnParentFailure};
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # struct Page { number: u32 }
/// # impl Job for Page { const KIND: &'static str = "pdf.page"; }
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # struct Bind {}
/// # impl Job for Bind { const KIND: &'static str = "pdf.bind"; }
/// let mut flow = Flow::new();
/// let pages: Vec<_> = (1..=20).map(|number| flow.add(&Page { number })).collect();
/// // Once all pages are there; not at all if one of them fails.
/// let bound = flow.add_after(&pages, &Bind {});
/// // In any case, once that has ended.
/// flow.add_after(&[bound], &Page { number: 0 });
/// flow.on_failure(OnParentFailure::Run);
/// // transaction.enqueue_flow(flow).await?;
/// ```
#[derive(Debug, Default)]
pub struct Flow {
    jobs: Vec<NewJob>,
    /// The first error; the others would only follow from it.
    error: Option<Error>,
}

/// A job of a [`Flow`], for others of that flow to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    job: Uuid,
    /// Where it is among its flow's jobs.
    place: usize,
}

impl Flow {
    /// No job.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a job that waits for nothing.
    pub fn add<J: Job>(&mut self, job: &J) -> Node {
        self.add_after(&[], job)
    }

    /// Adds a job that waits for `parents`. One that another flow gave is told
    /// when this one is enqueued: [`Error::NoSuchParent`].
    pub fn add_after<J: Job>(&mut self, parents: &[Node], job: &J) -> Node {
        match self.child(parents, job) {
            Ok(job) => {
                let node = Node { job: job.id, place: self.jobs.len() };
                self.jobs.push(job);
                node
            }
            Err(error) => {
                self.error.get_or_insert(error);
                // The flow can't be enqueued any more, whoever waits for this one.
                Node { job: Uuid::nil(), place: usize::MAX }
            }
        }
    }

    fn child<J: Job>(&mut self, parents: &[Node], job: &J) -> Result<NewJob, Error> {
        let after: Vec<Uuid> = parents.iter().map(|parent| parent.job).collect();
        let job = NewJob::new(job, &EnqueueOptions { after, ..EnqueueOptions::default() })?;
        for parent in parents {
            let own = self.jobs.get_mut(parent.place).filter(|own| own.id == parent.job);
            own.ok_or(Error::NoSuchParent(parent.job))?.has_children = true;
        }
        Ok(job)
    }

    /// Says what becomes of the job that was added last when one that it waits
    /// for fails. Unless told otherwise, it is cancelled.
    pub fn on_failure(&mut self, what: OnParentFailure) -> &mut Self {
        if let Some(job) = self.jobs.last_mut() {
            job.on_parent_failure = what;
        }
        self
    }

    pub(crate) fn into_jobs(self) -> Result<Vec<NewJob>, Error> {
        self.error.map_or(Ok(self.jobs), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Any {}

    impl Job for Any {
        const KIND: &'static str = "test.any";
    }

    #[test]
    fn a_node_of_another_flow_is_an_error_and_never_another_job() {
        let mut other = Flow::new();
        let first = other.add(&Any {});
        let second = other.add(&Any {});
        for strange in [first, second] {
            let mut flow = Flow::new();
            let own = flow.add(&Any {});
            flow.add_after(&[own, strange], &Any {});
            let error = flow.into_jobs().unwrap_err();
            assert!(matches!(error, Error::NoSuchParent(id) if id == strange.job), "{error}");
        }
        assert_eq!(other.into_jobs().unwrap().len(), 2);
    }
}
