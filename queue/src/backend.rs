//! The source of jobs for the `apalis` runtime: a channel that the fetchers fill.
//!
//! apalis ends a worker whose backend returns an error, so this one never does.
//! It does not poll again once the worker was told to stop; what it was handed
//! by then and never started is given back by the runner's last sweep.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use apalis::prelude::{Backend, Task, WorkerContext};
use apalis_core::backend::BackendConfig;
use tokio::sync::mpsc;
use tower::layer::util::Identity;

use crate::executor::Assignment;

/// Claimed jobs, ready to be run.
pub(crate) struct Assignments<C> {
    pub(crate) receiver: mpsc::Receiver<Assignment<C>>,
}

impl<C: Send + Sync + 'static> Backend for Assignments<C> {
    type Task = Task<Assignment<C>>;
    type Error = Infallible;

    fn poll_ready(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(&mut self, cx: &mut Context<'_>, _: &WorkerContext) -> Poll<Option<Result<Self::Task, Infallible>>> {
        self.receiver.poll_recv(cx).map(|next| next.map(|assignment| Ok(Task::new(assignment))))
    }

    fn poll_close(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
}

impl<C: Send + Sync + 'static> BackendConfig for Assignments<C> {
    type Args = Assignment<C>;
    type Id = ();
    type Kind = apalis_core::backend::finalize::Ephemeral;
    type Config = ();
    type Layer = Identity;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Identity {
        Identity::new()
    }
}
