//! How well a process is, as its probes tell it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};
use std::{future, io};

use clap::Args;
use serde::Serialize;
use sqlx::PgPool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest wait for one part; whoever probes has little patience.
const PATIENCE: Duration = Duration::from_secs(1);

/// How well something is, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// All is well.
    Ok,
    /// Something is missing that the process can do without for a while.
    Degraded,
    /// It can't do its work.
    Down,
}

/// One part that a process needs, looked at just now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// How well it is, or how badly the process does without it.
    pub status: Status,
    /// How long its answer took, in milliseconds.
    pub latency_ms: f64,
}

impl Check {
    /// Asks a part, for a second at most. `otherwise` is the status of a
    /// process that has to do without it.
    pub async fn run(answers: impl Future<Output = bool>, otherwise: Status) -> Self {
        let asked = Instant::now();
        let is_well = timeout(PATIENCE, answers).await.unwrap_or(false);
        Self {
            status: if is_well { Status::Ok } else { otherwise },
            latency_ms: (asked.elapsed().as_secs_f64() * 1e6).round() / 1e3,
        }
    }

    /// What is known without asking anybody.
    pub async fn known(is_well: bool, otherwise: Status) -> Self {
        Self::run(future::ready(is_well), otherwise).await
    }

    /// Asks PostgreSQL; nothing can be done without it. `probe` is a pool for
    /// this alone, of [`database::probe`](crate::database::probe): it pings what
    /// it hands out, and is not held up by handlers that have all other
    /// connections.
    pub async fn postgres(probe: &PgPool) -> Self {
        let answers = async { probe.acquire().await.is_ok() };
        Self::run(answers, Status::Down).await
    }
}

/// How well a process is, part by part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Health {
    /// The worst of its parts.
    pub status: Status,
    /// The parts by name.
    pub checks: BTreeMap<&'static str, Check>,
}

impl Health {
    /// The health of a process that needs these parts.
    #[must_use]
    pub fn of(checks: impl IntoIterator<Item = (&'static str, Check)>) -> Self {
        let checks: BTreeMap<_, _> = checks.into_iter().collect();
        let status = checks.values().map(|check| check.status).max().unwrap_or(Status::Ok);
        Self { status, checks }
    }

    /// Whether work should be sent to it. A degraded process is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.status < Status::Down
    }
}

/// Asks a process of this machine how it is; exit code 0 means well.
#[derive(Debug, Clone, Copy, Args)]
#[group(skip)]
pub struct Healthcheck {
    /// Ask only whether the process answers, not whether it can work.
    #[arg(long)]
    pub live: bool,
}

impl Healthcheck {
    /// Asks the process that listens on `listener`, and says what it found.
    ///
    /// # Errors
    /// When the process is not well, or nobody answers.
    pub async fn ask(self, listener: SocketAddr) -> Result<String, String> {
        let address = reachable(listener);
        let (path, well, unwell) =
            if self.live { ("/livez", "lives", "does not live") } else { ("/readyz", "is ready", "is not ready") };
        match probe(address, path).await {
            Ok(true) => Ok(format!("{address} {well}")),
            Ok(false) => Err(format!("{address} {unwell}")),
            Err(error) => Err(format!("no answer from {address}: {error}")),
        }
    }
}

/// "Every address" is no address to call; the machine itself is meant.
fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}

/// Asks a process of this machine for `path` and returns whether it said 200.
/// This is what a container's health check runs, in an image without a shell;
/// one request of HTTP/1.0 over loopback is no reason to link a client.
///
/// # Errors
/// When nobody answers within two seconds.
pub async fn probe(address: SocketAddr, path: &str) -> io::Result<bool> {
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
        let mut status_line = [0; 12];
        stream.read_exact(&mut status_line).await?;
        Ok(status_line.ends_with(b" 200"))
    };
    timeout(2 * PATIENCE, ask).await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_reached_at_this_machine() {
        for (listener, reached) in [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("192.0.2.1:1", "192.0.2.1:1")]
        {
            assert_eq!(reachable(listener.parse().unwrap()), reached.parse().unwrap());
        }
    }

    #[tokio::test]
    async fn a_process_is_as_well_as_its_worst_part() {
        let well = Check::known(true, Status::Down).await;
        let missed = Check::known(false, Status::Degraded).await;
        let dead = Check::known(false, Status::Down).await;
        let degraded = Health::of([("postgres", well), ("redis", missed.clone())]);
        assert_eq!((degraded.status, degraded.is_ready()), (Status::Degraded, true));
        let down = Health::of([("postgres", dead), ("redis", missed)]);
        assert_eq!((down.status, down.is_ready()), (Status::Down, false));
    }
}
