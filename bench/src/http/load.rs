//! Load: wrk for throughput, and a paced client for latency below the limit.

use std::{path::Path, process::Stdio, time::Duration};

use reqwest::Client;
use tokio::{
    process::Command,
    task::JoinSet,
    time::{Instant, Interval, MissedTickBehavior, interval_at},
};

use crate::Error;

/// Connections that wrk keeps busy.
const CONNECTIONS: &str = "32";

/// Clients that share the paced load.
const CLIENTS: u32 = 16;

/// What one run of wrk measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// Answers a second.
    pub(crate) rate: f64,
    /// Milliseconds in which 99 % were answered.
    pub(crate) p99: f64,
}

/// One thing to ask for.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) token: Option<String>,
    /// A script of wrk that makes the requests.
    pub(crate) script: Option<&'static str>,
}

impl Target {
    pub(crate) fn get(base: &str, path: &str, token: Option<&str>) -> Self {
        Self { url: format!("{base}{path}"), token: token.map(ToOwned::to_owned), script: None }
    }

    pub(crate) fn post(base: &str, path: &str, token: Option<&str>, script: &'static str) -> Self {
        Self { script: Some(script), ..Self::get(base, path, token) }
    }
}

/// Asks as fast as answers come, for this long.
///
/// # Errors
/// When wrk is not there, or anything but 2xx was answered.
pub(crate) async fn saturate(target: &Target, seconds: u64, scratch: &Path) -> Result<Run, Error> {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t", "1", "-c", CONNECTIONS, "--latency", "-d"]).arg(format!("{seconds}s"));
    if let Some(token) = &target.token {
        wrk.arg("-H").arg(format!("Authorization: Bearer {token}"));
    }
    if let Some(script) = target.script {
        let file = scratch.join("requests.lua");
        std::fs::write(&file, script)?;
        wrk.arg("-s").arg(file);
    }
    let output = wrk.arg(&target.url).stderr(Stdio::inherit()).output().await?;
    let text = String::from_utf8_lossy(&output.stdout);
    let refused = text.lines().find(|line| line.contains("Non-2xx") || line.contains("Socket errors"));
    if let Some(refused) = refused {
        return Err(format!("{}: {refused}", target.url).into());
    }
    let line = |start: &str| text.lines().map(str::trim).find_map(|line| line.strip_prefix(start));
    let rate = line("Requests/sec:").and_then(|rate| rate.trim().parse().ok());
    let p99 = line("99%").and_then(|time| milliseconds(time.trim()));
    match (rate, p99) {
        (Some(rate), Some(p99)) => Ok(Run { rate, p99 }),
        _ => Err(format!("wrk says nothing of {}: {text}", target.url).into()),
    }
}

/// wrk's `823.00us`, `1.20ms`, `2.01s`.
fn milliseconds(text: &str) -> Option<f64> {
    let (number, factor) = if let Some(number) = text.strip_suffix("us") {
        (number, 0.001)
    } else if let Some(number) = text.strip_suffix("ms") {
        (number, 1.0)
    } else {
        (text.strip_suffix('s')?, 1_000.0)
    };
    Some(number.parse::<f64>().ok()? * factor)
}

/// Asks `rate` times a second, for this long, and returns how long each answer
/// took from the moment when it was due.
pub(crate) async fn pace(target: &Target, rate: f64, lasts: Duration) -> Result<Vec<Duration>, Error> {
    let every = Duration::from_secs_f64(f64::from(CLIENTS) / rate);
    let until = Instant::now() + lasts;
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        // One after the other, not all at once.
        let first = Instant::now() + every * number / CLIENTS;
        clients.spawn(pace_one(client()?, target.clone(), interval_at(first, every), until));
    }
    let mut times = Vec::new();
    while let Some(taken) = clients.join_next().await {
        times.extend(taken??);
    }
    times.sort_unstable();
    Ok(times)
}

async fn pace_one(client: Client, target: Target, mut due: Interval, until: Instant) -> Result<Vec<Duration>, Error> {
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut times = Vec::new();
    while Instant::now() < until {
        let due = due.tick().await;
        let mut request = client.get(&target.url);
        if let Some(token) = &target.token {
            request = request.bearer_auth(token);
        }
        request.send().await?.error_for_status()?.bytes().await?;
        times.push(due.elapsed());
    }
    Ok(times)
}

/// A client without proxies.
pub(crate) fn client() -> Result<Client, Error> {
    let builder = Client::builder().no_proxy().timeout(Duration::from_secs(30));
    Ok(builder.tls_backend_preconfigured(callboard_shared::tls::client_config()?).build()?)
}
