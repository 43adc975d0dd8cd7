//! `callboard-worker`
//!
//! Exit codes: 0 drained (or healthy), 1 failed while running (or not healthy),
//! 2 bad settings.

use std::process::ExitCode;

use callboard_shared::config::{self, Loaded, Warning};
use callboard_shared::{health, shutdown, telemetry};
use callboard_worker::app::Worker;
use callboard_worker::settings::{Cli, Command, Healthcheck, Settings};

#[tokio::main]
async fn main() -> ExitCode {
    let Loaded { cli, warnings } = match config::load::<Cli>("run") {
        Ok(loaded) => loaded,
        Err(stop) => return stop.report(),
    };
    match cli.command {
        Command::Run(settings) => run(*settings, warnings).await,
        Command::Healthcheck(settings) => healthcheck(&settings).await,
    }
}

async fn run(settings: Settings, warnings: Vec<Warning>) -> ExitCode {
    let _logs = match telemetry::init_tracing(&settings.log, settings.app.app_env) {
        Ok(guard) => guard,
        Err(error) => return telemetry::report_start_failure(&error),
    };
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    match work(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = &*error, "failed");
            ExitCode::FAILURE
        }
    }
}

async fn work(settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
    let shutdown = shutdown::on_signals()?;
    Worker::build(settings).await?.run(shutdown).await?;
    Ok(())
}

async fn healthcheck(settings: &Healthcheck) -> ExitCode {
    match health::probe(settings.address(), settings.path()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}
