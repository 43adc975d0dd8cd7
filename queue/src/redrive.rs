//! Running again what has ended, and now what waits for later.

use uuid::Uuid;

use crate::{
    Error, JobState, Queue,
    cancel::not_live,
    ledger::redrive::{self, Redriven},
    news::Announcement,
};

impl Queue {
    /// Queues a job again.
    ///
    /// One that has ended, in whatever way, comes back from the history with
    /// its errors and its attempts, and as many attempts more as its kind
    /// declares; a unique key that holds until the end is taken again. One that
    /// is scheduled is made due now. When this returns it is `queued` and on its
    /// ready list; or, while Redis takes no jobs, in the ledger alone, where the
    /// auditor finds it; or `blocked`, if it has a limit key, until a slot is free.
    /// Which of the two is returned.
    ///
    /// A job that waited for others waits for them no more. One whose start a rate
    /// has reserved keeps it: to start it now would be more than the rate allows.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], [`Error::WrongState`] for a job that is queued,
    /// running, blocked, or waits for the start that a rate reserved for it,
    /// [`Error::KeyHeld`] when another live job holds its
    /// unique key, and [`Error::Ledger`] when PostgreSQL refuses.
    pub async fn retry(&self, id: Uuid) -> Result<JobState, Error> {
        let attempts = |kind: &str| self.kinds().policy(kind).max_attempts;
        match redrive::redrive(self.pool(), id, attempts).await? {
            Redriven::Again(announcement) => {
                self.lists.announce(&announcement).await;
                Ok(state_of(&announcement))
            }
            Redriven::KeyHeld(holder) => Err(Error::KeyHeld { id, holder }),
            Redriven::NotEnded => Err(not_live(id, self.job(id).await?)),
        }
    }
}

/// How a redriven job waits.
pub(crate) fn state_of(announcement: &Announcement) -> JobState {
    if announcement.ready.is_empty() { JobState::Blocked } else { JobState::Queued }
}
