//! `callboard-api serve`.

use std::{net::SocketAddr, process::ExitCode};

use callboard_shared::{
    config::Warning,
    ready_file::{self, Addresses},
    shutdown,
    telemetry::{self, Telemetry},
};
use tokio::net::TcpListener;
use tracing::{info, warn};

use super::Outcome;
use crate::{
    app::{Application, Listeners},
    settings::Settings,
};

pub(super) async fn run(settings: Settings, warnings: Vec<Warning>) -> Outcome {
    let _logs = match telemetry::init_tracing(&settings.log, settings.app.app_env) {
        Ok(guard) => guard,
        Err(error) => return Ok(telemetry::report_start_failure(&error)),
    };
    for warning in warnings {
        warn!("{warning}");
    }
    let shutdown = shutdown::on_signals()?;
    let listeners = Listeners {
        http: bind(settings.http.listen_address(), "HOST and PORT").await?,
        metrics: bind(settings.metrics.listen_address(), "METRICS_HOST and METRICS_PORT").await?,
    };
    let telemetry = Telemetry::new("callboard-api")?;
    let application = Application::build(&settings, listeners, telemetry)?;
    let (addr, metrics) = (application.address(), application.metrics_address());
    info!(%addr, %metrics, environment = %settings.app.app_env, "listening");
    if let Some(path) = &settings.ready_file {
        let addresses = Addresses { http: Some(addr), metrics };
        ready_file::write(path, &addresses).await.map_err(|error| format!("--ready-file: {error}"))?;
    }
    application.run_until_stopped(shutdown).await?;
    info!("stopped");
    Ok(ExitCode::SUCCESS)
}

async fn bind(address: SocketAddr, variables: &str) -> Result<TcpListener, String> {
    TcpListener::bind(address)
        .await
        .map_err(|error| format!("can't listen on {address}: {error}; {variables} choose another address"))
}
