//! Stopping in good order.

use std::{io, process};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// The exit code of a process that was not given the time to stop.
const INTERRUPTED: i32 = 1;

/// Listens for SIGTERM and SIGINT from now on.
///
/// The first one cancels the returned token: listeners stop accepting, workers
/// stop fetching, and what is under way is finished. The second one ends the
/// process at once; what it leaves behind is taken over as after a crash.
///
/// # Errors
/// When the system refuses to register the handlers.
pub fn on_signals() -> io::Result<CancellationToken> {
    let mut signals =
        Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? };
    let token = CancellationToken::new();
    let stopping = token.clone();
    // Tracked by nobody: it has nothing to finish, and its only end is that of
    // the process.
    tokio::spawn(async move {
        let name = signals.next().await;
        info!(signal = name, "stopping; a second signal stops at once");
        stopping.cancel();
        let name = signals.next().await;
        warn!(signal = name, "stopped at once");
        #[expect(clippy::disallowed_methods, reason = "skipping the drain is what the second signal asks for")]
        process::exit(INTERRUPTED);
    });
    Ok(token)
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
