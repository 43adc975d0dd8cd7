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

/// A job of a [`Flow`], for others to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node(usize);

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

    /// Adds a job that waits for `parents`.
    pub fn add_after<J: Job>(&mut self, parents: &[Node], job: &J) -> Node {
        let after: Vec<Uuid> =
            parents.iter().filter_map(|parent| self.jobs.get(parent.0)).map(|parent| parent.id).collect();
        match NewJob::new(job, &EnqueueOptions { after, ..EnqueueOptions::default() }) {
            Ok(job) => {
                for parent in parents {
                    if let Some(parent) = self.jobs.get_mut(parent.0) {
                        parent.has_children = true;
                    }
                }
                self.jobs.push(job);
            }
            Err(error) => self.error = self.error.take().or(Some(error)),
        }
        Node(self.jobs.len().saturating_sub(1))
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
