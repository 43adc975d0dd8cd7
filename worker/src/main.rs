//! `callboard-worker`
//!
//! Exit codes: 0 drained (or healthy), 1 failed while running (or not healthy),
//! 2 bad settings.

use std::io::{self, Write as _};
use std::process::ExitCode;

use callboard_shared::config::{self, Loaded, Warning};
use callboard_shared::{shutdown, telemetry};
use callboard_worker::app::Worker;
use callboard_worker::settings::{Cli, Command, Healthcheck, Settings};
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(start());
    // A thread that still waits for a mail server must not hold up the end.
    runtime.shutdown_background();
    code
}

async fn start() -> ExitCode {
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
    let (line, code) = match settings.probe.ask(settings.metrics.listen_address()).await {
        Ok(line) => (line, ExitCode::SUCCESS),
        Err(line) => (line, ExitCode::FAILURE),
    };
    // A closed terminal is no reason to do anything else.
    let _ = writeln!(io::stdout(), "{line}");
    code
}
