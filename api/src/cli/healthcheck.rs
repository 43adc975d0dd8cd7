//! `callboard-api healthcheck`.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
};

use callboard_shared::health;
use clap::Args;

use super::{Outcome, say};

/// Asks `/livez` where the API listens by its settings.
#[derive(Debug, Args)]
pub(super) struct Healthcheck {
    /// Address that the API listens on.
    #[arg(long, env = "HOST", default_value = "127.0.0.1")]
    host: IpAddr,

    /// Port that it listens on.
    #[arg(long, env = "PORT", default_value = "8000")]
    port: u16,
}

impl Healthcheck {
    pub(super) async fn run(self) -> Outcome {
        let address = SocketAddr::new(reachable(self.host), self.port);
        let lives =
            health::probe(address, "/livez").await.map_err(|error| format!("no answer from {address}: {error}"))?;
        say(&format!("{address} {}", if lives { "lives" } else { "does not answer as it should" }))?;
        Ok(if lives { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// "Every address" is no address to call; the machine itself is meant.
fn reachable(host: IpAddr) -> IpAddr {
    match host {
        IpAddr::V4(host) if host.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(host) if host.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        host => host,
    }
}
