//! Redis for what can do without it: nobody waits long for it, nobody waits twice.
//!
//! Whoever keeps something in Redis that is only a help (counts of requests, cached
//! lists) [`connect`]s once, asks [`within_deadline`], and asks a [`Breaker`] before.

use std::{
    pin::pin,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use redis::{
    Client, IntoConnectionInfo, RedisError, RedisResult,
    aio::{ConnectionManager, ConnectionManagerConfig},
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

/// A request waits no longer than this for Redis.
pub const DEADLINE: Duration = Duration::from_millis(50);

/// A timer that is later than this tells that the process is behind.
const LAG: Duration = Duration::from_millis(5);

/// Longest time for a connection, which is made in the background.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// While Redis is down, one request in this time tries it.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// A connection that is made when first used, and again when it broke. Never waits.
///
/// # Errors
/// When the URL can't be used.
pub fn connect(url: &str) -> RedisResult<ConnectionManager> {
    // A peer that vanished without a word is noticed by these alone.
    let tcp = TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(TcpKeepalive::new().with_time(Duration::from_secs(5)).with_interval(Duration::from_secs(2)));
    #[cfg(target_os = "linux")]
    let tcp = tcp.set_user_timeout(Duration::from_secs(5));
    let config = ConnectionManagerConfig::new()
        .set_number_of_retries(1)
        .set_max_delay(Duration::from_millis(200))
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(CONNECT_TIMEOUT));
    Client::open(url.into_connection_info()?.set_tcp_settings(tcp))?.get_connection_manager_lazy(config)
}

/// What `call` answers.
///
/// # Errors
/// Those of `call`, and one when it has not answered in [`DEADLINE`]; a process that
/// is behind by itself waits twice that long, so as not to take its own lag for Redis'.
pub async fn within_deadline<T>(call: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    let mut call = pin!(call);
    let asked = Instant::now();
    let mut answer = timeout(DEADLINE, &mut call).await;
    if answer.is_err() && asked.elapsed() > DEADLINE + LAG {
        answer = timeout(DEADLINE, &mut call).await;
    }
    answer.unwrap_or_else(|_| Err((redis::ErrorKind::Io, "no answer in time").into()))
}

/// Remembers that Redis is down, so that requests don't wait for it one by one, and
/// the log says so once.
#[derive(Debug)]
pub struct Breaker {
    started: Instant,
    is_open: AtomicBool,
    retry_at_ms: AtomicU64,
    down: &'static str,
    up: &'static str,
}

impl Breaker {
    /// One with the lines of the log for when Redis fails and for when it is back.
    #[must_use]
    pub fn new(down: &'static str, up: &'static str) -> Self {
        let (is_open, retry_at_ms) = (AtomicBool::new(false), AtomicU64::new(0));
        Self { started: Instant::now(), is_open, retry_at_ms, down, up }
    }

    /// Whether Redis may be asked now. While it is down, one caller a second may.
    #[must_use]
    pub fn allows(&self) -> bool {
        if !self.is_open.load(Ordering::Acquire) {
            return true;
        }
        let now = self.now_ms();
        let retry_at = self.retry_at_ms.load(Ordering::Acquire);
        now >= retry_at
            && self.retry_at_ms.compare_exchange(retry_at, next(now), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Notes how asking ended, and says so in the log when that is news.
    pub fn note<T>(&self, answer: &Result<T, RedisError>) {
        match answer {
            Ok(_) if self.is_open.load(Ordering::Acquire) => {
                if self.is_open.swap(false, Ordering::AcqRel) {
                    info!("{}", self.up);
                }
            }
            Ok(_) => {}
            Err(error) => {
                self.retry_at_ms.store(next(self.now_ms()), Ordering::Release);
                if !self.is_open.swap(true, Ordering::AcqRel) {
                    warn!(%error, "{}", self.down);
                }
            }
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn next(now_ms: u64) -> u64 {
    now_ms.saturating_add(u64::try_from(RETRY_EVERY.as_millis()).unwrap_or(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_open_breaker_lets_one_caller_a_second_try() {
        let breaker = Breaker::new("down", "up");
        assert!(breaker.allows());
        breaker.note::<()>(&Err((redis::ErrorKind::Io, "down").into()));
        assert!(!breaker.allows());
        tokio::time::advance(RETRY_EVERY).await;
        assert!(breaker.allows());
        assert!(!breaker.allows(), "only one");
        breaker.note(&Ok(()));
        assert!(breaker.allows() && breaker.allows());
    }
}
