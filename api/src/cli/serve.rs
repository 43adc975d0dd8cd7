//! `callboard-api serve`.

use std::{fs, io, net::SocketAddr, path::Path, process::ExitCode};

use callboard_shared::{
    config::Warning,
    shutdown,
    telemetry::{self, Telemetry},
};
use serde_json::json;
use tokio::net::TcpListener;
use tracing::{info, warn};

use super::Outcome;
use crate::{
    app::{Application, Listeners},
    settings::Settings,
};

pub(super) async fn run(settings: Settings, warnings: Vec<Warning>) -> Outcome {
    let _logs = telemetry::init_tracing(&settings.log, settings.app.app_env)?;
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
        tell_ready(path, addr, metrics)?;
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

/// Writes the addresses for whoever started this process. Whole or not at all:
/// the reader may look at any moment.
fn tell_ready(path: &Path, http: SocketAddr, metrics: SocketAddr) -> io::Result<()> {
    let addresses = json!({ "http": http, "metrics": metrics });
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, addresses.to_string())?;
    fs::rename(unfinished, path)
}
