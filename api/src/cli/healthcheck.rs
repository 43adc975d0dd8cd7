//! `callboard-api healthcheck`.

use std::{
    net::{IpAddr, SocketAddr},
    process::ExitCode,
};

use callboard_shared::health;
use clap::Args;

use super::{Outcome, say};

/// Asks the API on this machine how it is, where it listens by its settings.
#[derive(Debug, Args)]
pub(super) struct Healthcheck {
    /// Address that the API listens on.
    #[arg(long, env = "HOST", default_value = "127.0.0.1")]
    host: IpAddr,

    /// Port that it listens on.
    #[arg(long, env = "PORT", default_value = "8000")]
    port: u16,

    #[command(flatten)]
    probe: health::Healthcheck,
}

impl Healthcheck {
    pub(super) async fn run(self) -> Outcome {
        say(&self.probe.ask(SocketAddr::new(self.host, self.port)).await?)?;
        Ok(ExitCode::SUCCESS)
    }
}
