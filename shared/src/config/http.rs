//! Where the API listens, how people reach it, and what a request may cost.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::Args;

use super::{AppEnv, Findings, TrustedProxies, value};

/// The address under which people reach the API; mails and `Location` headers
/// are built from it, never from a request's `Host`. Both processes need it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "HTTP")]
pub struct SiteConfig {
    /// Port that the API listens on; 0 takes any free one. The worker uses it
    /// only for the default of `PUBLIC_URL`.
    #[arg(long, env = "PORT", default_value = "8000")]
    pub port: u16,

    /// Address under which people reach the API, without a slash at the end;
    /// links in mails begin with it. Default: `http://127.0.0.1:<PORT>`.
    #[arg(long, env = "PUBLIC_URL", value_name = "https://callboard.example.com", value_parser = value::base_url)]
    pub public_url: Option<String>,
}

impl SiteConfig {
    /// `PUBLIC_URL`, or the API's own port on loopback, without a slash at the
    /// end. `bound_port` is the port that was really taken, where it is known:
    /// with `PORT=0` the setting alone can't tell.
    #[must_use]
    pub fn public_url(&self, bound_port: Option<u16>) -> String {
        self.public_url.clone().unwrap_or_else(|| format!("http://127.0.0.1:{}", bound_port.unwrap_or(self.port)))
    }

    /// Finds what does not fit together.
    pub fn check(&self, app_env: AppEnv, findings: &mut Findings) {
        if !app_env.is_production() {
            return;
        }
        match &self.public_url {
            None => findings.problem(
                &["PUBLIC_URL"],
                "is not set, so the links in mails would lead to 127.0.0.1, which APP_ENV=production refuses",
                "PUBLIC_URL=https://callboard.example.com",
            ),
            Some(url) if url.starts_with("http://") => {
                findings.warning("PUBLIC_URL is http:// in production: passwords and tokens travel in the clear");
            }
            Some(_) => {}
        }
    }
}

/// The API's listener and the limits of one request.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "HTTP")]
pub struct HttpConfig {
    /// Address that the API listens on; 0.0.0.0 is every IPv4 one, :: every one.
    #[arg(long, env = "HOST", default_value = "127.0.0.1")]
    pub host: IpAddr,

    /// How people reach the API.
    #[command(flatten)]
    pub site: SiteConfig,

    /// Addresses and networks of the proxies in front of the API, separated by
    /// commas. Only what they say in `X-Forwarded-For` about a client's address
    /// is believed.
    #[arg(
        long = "trusted-proxies",
        env = "TRUSTED_PROXIES",
        default_value = "",
        hide_default_value = true,
        value_name = "10.0.0.0/8,…"
    )]
    pub trusted_proxies: TrustedProxies,

    /// Largest request body in bytes; of a compressed one, after unpacking.
    #[arg(
        long,
        env = "BODY_LIMIT_BYTES",
        default_value = "1048576",
        value_parser = clap::value_parser!(u64).range(1_024..=1_073_741_824)
    )]
    pub body_limit_bytes: u64,

    /// Longest time that a handler may take, in seconds, before the client
    /// gets 503 `timeout`. What it wrote is rolled back, unless its commit was
    /// already under way.
    #[arg(
        long = "request-timeout-seconds",
        env = "REQUEST_TIMEOUT_SECONDS",
        default_value = "30",
        value_parser = value::seconds
    )]
    pub request_timeout: Duration,

    /// Longest time that a client may take to send its body, in seconds,
    /// before it gets 408.
    #[arg(
        long = "body-read-timeout-seconds",
        env = "BODY_READ_TIMEOUT_SECONDS",
        default_value = "10",
        value_parser = value::seconds
    )]
    pub body_read_timeout: Duration,

    /// Most connections of clients at a time; more wait until one ends.
    #[arg(
        long = "http-max-connections",
        env = "HTTP_MAX_CONNECTIONS",
        default_value = "10000",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub max_connections: u32,

    /// Most requests under way at a time. From half of it on, exports and
    /// reports get 503 `overloaded`, from 80 % on writes, and beyond it reads.
    #[arg(
        long = "max-in-flight",
        env = "MAX_IN_FLIGHT",
        default_value = "512",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub max_in_flight: u32,
}

impl HttpConfig {
    /// The address to bind.
    #[must_use]
    pub fn listen_address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.site.port)
    }

    /// Finds what does not fit together.
    pub fn check(&self, app_env: AppEnv, findings: &mut Findings) {
        self.site.check(app_env, findings);
        if self.trusted_proxies.is_everybody() {
            findings.warning("TRUSTED_PROXIES has a network of everybody: every client may choose its own address");
        }
        if self.body_read_timeout >= self.request_timeout {
            findings.warning(
                "BODY_READ_TIMEOUT_SECONDS is not shorter than REQUEST_TIMEOUT_SECONDS: slow bodies get 503 instead of 408",
            );
        }
    }
}
