//! What workers are told at once, over Redis' pub/sub: that a job is to be
//! cancelled, that queues were paused or resumed, that blocked jobs may go on.
//!
//! A signal is a hint, as everything in Redis: what it tells is in the ledger,
//! and the next beat, or the auditor, brings it to whoever missed it.

use std::{str::FromStr, sync::Arc, time::Duration};

use futures::StreamExt;
use redis::{Msg, RedisResult};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    Backoff, Queue,
    held::Held,
    lease::{Leases, rest},
    ledger::{cancel, queues},
    pause::Paused,
    unblock::Wake,
};

const RECONNECT: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(2) };

/// What is sent on the channel `{<prefix>}:signals`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Signal {
    /// `cancel <id>`: whoever runs this job stops it.
    Cancel(Uuid),
    /// `ended <id>`: jobs may have waited for this one.
    Ended(Uuid),
    /// `limit <key>`: this limit key may have room for a job that waits.
    Limit(String),
    /// `queues`: some queue was paused or resumed.
    Queues,
}

impl Signal {
    pub(crate) fn encode(&self) -> String {
        match self {
            Self::Cancel(id) => format!("cancel {id}"),
            Self::Ended(id) => format!("ended {id}"),
            Self::Limit(key) => format!("limit {key}"),
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
            Some(("ended", id)) => id.parse().map(Self::Ended).map_err(|_| ()),
            Some(("limit", key)) => Ok(Self::Limit(key.to_owned())),
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
    pub(crate) leases: Leases,
    pub(crate) wake: Wake,
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
            Ok(Ok(Signal::Cancel(id))) => self.cancel(id).await,
            // One worker is enough for these.
            Ok(Ok(Signal::Ended(_) | Signal::Limit(_))) if !self.leases.holds("auditor") => {}
            Ok(Ok(Signal::Ended(id))) => self.wake.ended([id]),
            Ok(Ok(Signal::Limit(key))) => self.wake.limits([key]),
            Ok(Ok(Signal::Queues)) => self.reload().await,
            _ => tracing::debug!("what was heard is no signal of ours"),
        }
    }

    /// The ledger has the last word: anybody may publish.
    async fn cancel(&self, id: Uuid) {
        if !self.held.has(id) {
            return;
        }
        match cancel::is_requested(self.queue.pool(), id).await {
            Ok(true) => {
                self.held.request_cancel(id);
            }
            Ok(false) => tracing::debug!(%id, "a signal asked for a cancellation that the ledger does not know"),
            Err(error) => tracing::debug!(%error, "could not look for a cancellation; the next beat brings it"),
        }
    }

    async fn reload(&self) {
        let sent = Instant::now();
        match queues::paused(self.queue.pool()).await {
            Ok(names) => self.paused.set(names, sent),
            Err(error) => tracing::debug!(%error, "could not read the paused queues; the next beat brings them"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_survive_the_round_trip_and_strangers_are_recognised() {
        let id = Uuid::now_v7();
        for signal in [Signal::Cancel(id), Signal::Ended(id), Signal::Limit("a key 1".to_owned()), Signal::Queues] {
            assert_eq!(signal.encode().parse(), Ok(signal));
        }
        for bad in ["", "cancel", "cancel x", "queues now", "QUEUES", "hello"] {
            assert_eq!(bad.parse::<Signal>(), Err(()), "{bad:?}");
        }
    }
}
