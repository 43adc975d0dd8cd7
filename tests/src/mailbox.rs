//! A mailbox on loopback: a real SMTP server that keeps what it is sent.
//!
//! Tests start one each, tell it what to refuse or to hold back, and wait for the
//! mail they expect. `make dev` runs it as a program that writes every mail into a
//! folder.
//!
//! The protocol is `mailin`'s, a state machine without I/O; the sockets are tokio's.
//! `mailin-embedded` would bring sockets too, but a thread for each connection, no
//! way to stop, and a session that hangs once a message was refused.

mod mail;
mod session;
mod store;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{self, Runtime};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

pub use self::mail::Mail;
pub use self::store::Hold;
use self::store::Store;

/// How a [`Mailbox`] listens and what it does with mail.
#[derive(Debug, Clone)]
pub struct MailboxSettings {
    /// Where it listens; port 0 takes any free one.
    pub listen: SocketAddr,
    /// A folder that gets every mail as `<milliseconds>-<recipient>.eml`.
    pub folder: Option<PathBuf>,
    /// How many mails stay in memory; the oldest go first.
    pub keep: usize,
}

impl Default for MailboxSettings {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), folder: None, keep: 10_000 }
    }
}

/// A running SMTP server and the mail it was sent. Dropping it closes its port and
/// its connections.
///
/// It has a runtime of its own: when a test ends, its runtime stops polling and waits
/// for the threads that are in the middle of sending, which wait for an answer.
#[derive(Debug)]
pub struct Mailbox {
    address: SocketAddr,
    store: Arc<Store>,
    server: JoinHandle<()>,
    /// There until it is dropped.
    runtime: Option<Runtime>,
}

impl Mailbox {
    /// Starts a mailbox on any free port of loopback that keeps mail in memory.
    ///
    /// # Errors
    ///
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::start_with(MailboxSettings::default()).await
    }

    /// Starts a mailbox with these settings.
    ///
    /// # Errors
    ///
    /// When the address can't be bound.
    pub async fn start_with(settings: MailboxSettings) -> io::Result<Self> {
        let runtime =
            runtime::Builder::new_multi_thread().worker_threads(1).thread_name("mailbox").enable_all().build()?;
        let bound = runtime.spawn(TcpListener::bind(settings.listen)).await.map_err(io::Error::other).flatten();
        let (address, listener) = match bound.and_then(|listener| Ok((listener.local_addr()?, listener))) {
            Ok(bound) => bound,
            Err(error) => {
                // Dropping it would wait, which this runtime here forbids.
                runtime.shutdown_background();
                return Err(error);
            }
        };
        let store = Arc::new(Store::new(settings.folder, settings.keep));
        let server = runtime.spawn(accept(listener, Arc::clone(&store)));
        Ok(Self { address, store, server, runtime: Some(runtime) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The mails in memory, the oldest first.
    #[must_use]
    pub fn mails(&self) -> Vec<Arc<Mail>> {
        self.store.mails()
    }

    /// The mails in memory that this address received, the oldest first.
    #[must_use]
    pub fn mails_to(&self, recipient: &str) -> Vec<Arc<Mail>> {
        let mut mails = self.mails();
        mails.retain(|mail| mail.is_to(recipient));
        mails
    }

    /// Waits for the first mail, in memory already or still to come, that fits.
    ///
    /// # Errors
    ///
    /// When none came `within` that time; the error lists those that did.
    pub async fn wait_for(
        &self,
        fits: impl Fn(&Mail) -> bool + Send,
        within: Duration,
    ) -> Result<Arc<Mail>, NoSuchMail> {
        timeout(within, self.store.first(fits))
            .await
            .map_err(|_| NoSuchMail { within, arrived: self.mails().iter().map(|mail| mail.summary()).collect() })
    }

    /// Waits for the first mail to this address.
    ///
    /// # Errors
    ///
    /// As [`wait_for`](Self::wait_for).
    pub async fn wait_for_mail_to(&self, recipient: &str, within: Duration) -> Result<Arc<Mail>, NoSuchMail> {
        self.wait_for(|mail| mail.is_to(recipient), within).await
    }

    /// Waits until there are mails with a number above `seen`, and returns those.
    pub async fn newer_than(&self, seen: u64) -> Vec<Arc<Mail>> {
        self.store.first(|mail| mail.number > seen).await;
        let mut mails = self.mails();
        mails.retain(|mail| mail.number > seen);
        mails
    }

    /// Answers the next `times` recipients with this code, such as 550 or 451, in
    /// place of accepting them.
    pub fn refuse_recipients(&self, code: u16, times: usize) {
        self.store.refuse_recipients(code, times);
    }

    /// Answers the next `times` messages with this code after they were sent in
    /// full, and keeps none of them.
    pub fn refuse_messages(&self, code: u16, times: usize) {
        self.store.refuse_messages(code, times);
    }

    /// Leaves every message unanswered, and keeps none, until the guard is dropped.
    /// A sender that goes away meanwhile has not delivered its message.
    #[must_use]
    pub fn hold(&self) -> Hold {
        self.store.hold()
    }

    /// Waits until this many messages are held back, so that their senders are known
    /// to be in the middle of sending.
    ///
    /// # Errors
    ///
    /// When it doesn't come to that `within` that time.
    pub async fn wait_until_held(&self, messages: usize, within: Duration) -> Result<(), NoSuchMail> {
        timeout(within, self.store.until_held(messages))
            .await
            .map_err(|_| NoSuchMail { within, arrived: self.mails().iter().map(|mail| mail.summary()).collect() })
    }

    /// Stops it, and returns once the port is closed.
    pub async fn stop(mut self) {
        self.server.abort();
        // The only error is the cancellation that was asked for.
        let _ = (&mut self.server).await;
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        // Its connections belong to it and end with it. Not waiting is what a drop
        // inside of another runtime may do.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// No mail that fits came in time.
#[derive(Debug)]
pub struct NoSuchMail {
    within: Duration,
    arrived: Vec<String>,
}

impl fmt::Display for NoSuchMail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the expected mail did not come within {:?}; in the mailbox: ", self.within)?;
        if self.arrived.is_empty() {
            formatter.write_str("nothing")
        } else {
            formatter.write_str(&self.arrived.join(", "))
        }
    }
}

impl std::error::Error for NoSuchMail {}

/// Serves connections until it is aborted; dropping the set ends them all.
async fn accept(listener: TcpListener, store: Arc<Store>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(session::serve(stream, peer.ip(), Arc::clone(&store)));
                }
                // Out of descriptors, say: the next connection may do better, but not at once.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}
