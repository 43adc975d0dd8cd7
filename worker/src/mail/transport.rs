//! The way to the SMTP server.
//!
//! Letters are sent by blocking calls on threads of their own. lettre's async
//! transport bounds nothing but the connecting, and a send that is given up
//! halfway puts its connection back as if it were fine: the next letter would
//! then take the answer to this one for its own. On a thread every read and
//! write has its time limit, and each send runs to its end, whoever waits for it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use callboard_shared::config::{MailConfig, Sender, SmtpTls};
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::response::{Category, Code, Detail};
use lettre::transport::smtp::{Error, PoolConfig};
use lettre::{SmtpTransport, Transport as _};
use secrecy::ExposeSecret;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tracing::debug;
use uuid::Uuid;

use super::redact::redact;
use super::{Letter, Recipient};

/// Servers drop connections that are idle for minutes; ours go first.
const IDLE: Duration = Duration::from_secs(30);

/// Longest farewell: a server that hangs must not hold up the end of a worker
/// whose jobs are given back already.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why there is no way to the SMTP server.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The name of the server can't be used for TLS: mend `SMTP_HOST`.
    #[error("SMTP_HOST can't be used with SMTP_TLS: {0}")]
    Tls(#[source] Error),
    /// The sender's address can't be written: mend `MAIL_FROM`.
    #[error("MAIL_FROM can't be used as a sender: {0}")]
    Sender(#[from] lettre::address::AddressError),
}

/// Why a letter was not taken. Neither text names the receiver.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The server will not take this letter, now or later.
    #[error("{0}")]
    Refused(String),
    /// The server is out of reach, busy, or does not let us in: try again.
    #[error("{0}")]
    Failed(String),
}

/// Sends letters over a few kept connections. Cheap to clone.
#[derive(Clone)]
pub struct Mailer {
    transport: SmtpTransport,
    /// lettre bounds only the connections that it keeps, not those it opens. A
    /// permit goes along with its send, so no more threads than these are busy.
    connections: Arc<Semaphore>,
    from: Mailbox,
}

impl Mailer {
    /// A way to the server of the settings. Opens no connection yet.
    ///
    /// # Errors
    /// When the server's name or the sender can't be used.
    pub fn new(config: &MailConfig) -> Result<Self, MailError> {
        let tls = match config.tls {
            SmtpTls::None => Tls::None,
            SmtpTls::Starttls => Tls::Required(TlsParameters::new(config.host.clone()).map_err(MailError::Tls)?),
            SmtpTls::Tls => Tls::Wrapper(TlsParameters::new(config.host.clone()).map_err(MailError::Tls)?),
        };
        // "Dangerous" is its default of no TLS, which the next line replaces.
        let mut builder = SmtpTransport::builder_dangerous(&config.host)
            .tls(tls)
            .port(config.port)
            .timeout(Some(config.timeout))
            .pool_config(PoolConfig::new().max_size(config.pool.get()).idle_timeout(IDLE));
        if let (Some(user), Some(password)) = (&config.username, &config.password) {
            builder = builder.credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()));
        }
        Ok(Self {
            transport: builder.build(),
            connections: Arc::new(Semaphore::new(usize::try_from(config.pool.get()).unwrap_or(Semaphore::MAX_PERMITS))),
            from: mailbox(&config.from)?,
        })
    }

    /// Hands a letter to the server. When this returns `Ok`, the server has
    /// taken responsibility for it.
    ///
    /// # Errors
    /// [`SendError::Refused`] for an answer that will not change,
    /// [`SendError::Failed`] for all else.
    pub async fn send(&self, job_id: Uuid, to: Recipient<'_>, letter: Letter) -> Result<(), SendError> {
        let message = letter.address(job_id, &self.from, to)?;
        // The semaphore is never closed, so there always is a permit to wait for.
        let permit = Arc::clone(&self.connections).acquire_owned().await.ok();
        let transport = self.transport.clone();
        let sending = spawn_blocking(move || {
            let sent = transport.send(&message);
            drop(permit);
            sent
        });
        match sending.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(judge(&error, to.email.as_str())),
            Err(error) => Err(SendError::Failed(format!("the sending thread ended early: {error}"))),
        }
    }

    /// Says goodbye to the server, for a second at most.
    pub async fn close(&self) {
        let transport = self.transport.clone();
        if timeout(FAREWELL, spawn_blocking(move || transport.shutdown())).await.is_err() {
            debug!("the mail server did not say goodbye");
        }
    }
}

impl fmt::Debug for Mailer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Mailer").finish_non_exhaustive()
    }
}

fn mailbox(sender: &Sender) -> Result<Mailbox, MailError> {
    let name = sender.name.as_ref().map(|name| name.as_str().to_owned());
    Ok(Mailbox::new(name, sender.email.as_str().parse()?))
}

fn judge(error: &Error, email: &str) -> SendError {
    let reason = format!("the mail server did not take it: {}", redact(&error.to_string(), email));
    match error.status() {
        None if needs_smtputf8(error, email) => SendError::Refused(reason),
        Some(code) if error.is_permanent() && !is_about_login(code) => SendError::Refused(reason),
        _ => SendError::Failed(reason),
    }
}

/// Whether the server can't be told the receiver's address, which is not ASCII:
/// RFC 6531. lettre says so in words only; the test below fails when they change.
fn needs_smtputf8(error: &Error, email: &str) -> bool {
    error.is_client() && !email.is_ascii() && error.to_string().contains("SMTPUTF8")
}

/// 530, 534, 535 and 538 say that our user, password or encryption is wrong
/// (RFC 4954 § 6). That is the operator's to mend and no fault of the letter,
/// so letters wait for it.
fn is_about_login(code: Code) -> bool {
    code.category == Category::Unspecified3
        && matches!(code.detail, Detail::Zero | Detail::Four | Detail::Five | Detail::Eight)
}

#[cfg(test)]
mod tests;
