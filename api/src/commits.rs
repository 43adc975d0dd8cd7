//! Work that runs to its end once it has begun, though its client goes away.

use std::{future::pending, panic::resume_unwind};

use tokio::task::JoinError;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// The work under way that nobody may break off. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Commits(TaskTracker);

impl Commits {
    /// Runs `work` to its end, also where whoever waits for it does no longer. It
    /// begins at once.
    pub fn finish<T, F>(&self, work: F) -> impl Future<Output = T> + use<T, F>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let task = self.0.spawn(work.in_current_span());
        async {
            match task.await.map_err(JoinError::try_into_panic) {
                Ok(outcome) => outcome,
                Err(Ok(panic)) => resume_unwind(panic),
                // The runtime is ending, and with it whoever waits here.
                Err(Err(_)) => pending().await,
            }
        }
    }

    /// Waits until the work under way has ended. No more may begin.
    pub async fn ended(&self) {
        self.0.close();
        self.0.wait().await;
    }
}
