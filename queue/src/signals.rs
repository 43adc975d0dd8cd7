//! What workers are told at once, over Redis' pub/sub: that a job is to be
//! cancelled, and that queues were paused or resumed.
//!
//! A signal is a hint, as everything in Redis: what it tells is in the ledger,
//! and the next beat brings it to whoever missed it.

use std::{str::FromStr, sync::Arc, time::Duration};

use futures::StreamExt;
use redis::{Msg, RedisResult};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{Backoff, Queue, held::Held, lease::rest, ledger::queues, pause::Paused};

const RECONNECT: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(2) };

/// What is sent on the channel `{<prefix>}:signals`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// `cancel <id>`: whoever runs this job stops it.
    Cancel(Uuid),
    /// `queues`: some queue was paused or resumed.
    Queues,
}

impl Signal {
    pub(crate) fn encode(self) -> String {
        match self {
            Self::Cancel(id) => format!("cancel {id}"),
            Self::Queues => "queues".to_owned(),
        }
    }
}

impl FromStr for Signal {
    type Err = ();

    /// What another version says, or somebody else, is no signal to us.
    fn from_str(text: &str) -> Result<Self, ()> {
        match text.split_once(' ') {
            Some(("cancel", id)) => id.parse().map(Self::Cancel).map_err(|_| ()),
            None if text == "queues" => Ok(Self::Queues),
            _ => Err(()),
        }
    }
}

/// A worker's ear.
pub(crate) struct Listener {
    pub(crate) queue: Queue,
    pub(crate) held: Arc<Held>,
    pub(crate) paused: Paused,
}

impl Listener {
    /// Listens until told to stop, and subscribes anew whenever the connection
    /// breaks. The fetchers say that Redis is away; one voice is enough.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut failures = 0;
        loop {
            let ended = tokio::select! {
                () = stop.cancelled() => return,
                ended = self.listen(&mut failures) => ended,
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "cannot hear signals; beats bring them meanwhile");
            }
            failures += 1;
            if !rest(RECONNECT.ceiling(failures), &stop).await {
                return;
            }
        }
    }

    async fn listen(&self, failures: &mut u32) -> RedisResult<()> {
        let mut signals = self.queue.lists.subscribe_to_signals().await?;
        *failures = 0;
        // What was said before we listened.
        self.reload().await;
        while let Some(message) = signals.next().await {
            self.hear(&message).await;
        }
        Ok(())
    }

    async fn hear(&self, message: &Msg) {
        match std::str::from_utf8(message.get_payload_bytes()).map(str::parse) {
            Ok(Ok(Signal::Cancel(id))) => {
                self.held.request_cancel(id);
            }
            Ok(Ok(Signal::Queues)) => self.reload().await,
            _ => tracing::debug!("what was heard is no signal of ours"),
        }
    }

    async fn reload(&self) {
        match queues::paused(self.queue.pool()).await {
            Ok(names) => self.paused.set(names),
            Err(error) => tracing::debug!(%error, "could not read the paused queues; the next beat brings them"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_survive_the_round_trip_and_strangers_are_recognised() {
        for signal in [Signal::Cancel(Uuid::now_v7()), Signal::Queues] {
            assert_eq!(signal.encode().parse(), Ok(signal));
        }
        for bad in ["", "cancel", "cancel x", "queues now", "QUEUES", "hello"] {
            assert_eq!(bad.parse::<Signal>(), Err(()), "{bad:?}");
        }
    }
}
