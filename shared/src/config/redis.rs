//! Redis or Valkey: where it is and under which prefix the keys are.

use std::fmt;
use std::str::FromStr;

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Redis, which holds the ready lists.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Redis")]
pub struct RedisConfig {
    /// Redis or Valkey, as a URL; the path is the number of the database. TLS
    /// (rediss://) is not built in yet.
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "redis://127.0.0.1:6379/0")]
    pub redis_url: RedisUrl,

    /// Prefix of every key. Processes that work together share it;
    /// installations that share one Redis must not.
    #[arg(long, env = "QUEUE_PREFIX", default_value = "callboard", value_parser = prefix)]
    pub queue_prefix: String,
}

/// A URL of Redis. It prints without the password.
#[derive(Clone)]
pub struct RedisUrl(SecretString);

impl RedisUrl {
    /// The whole URL, with its password, for the client.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl FromStr for RedisUrl {
    type Err = String;

    fn from_str(raw: &str) -> Result<Self, String> {
        let scheme = Url::parse(raw).ok().map(|url| url.scheme().to_owned());
        match scheme.as_deref() {
            Some("redis" | "redis+unix" | "unix" | "valkey") => Ok(Self(raw.into())),
            Some("rediss" | "valkeys") => {
                Err("asks for TLS, but TLS to Redis is not built in yet; give redis:// of a server within a network \
                     that you trust"
                    .to_owned())
            }
            _ => Err("must be a URL such as redis://127.0.0.1:6379/0 or redis://:password@host:6379".to_owned()),
        }
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Url::parse(self.expose()) {
            // Setting these fails only where there is no host, and then there
            // is no password either; a query may hold one for Unix sockets.
            Ok(mut url) => {
                let _ = url.set_password(None);
                url.set_query(None);
                write!(formatter, "{url}")
            }
            Err(_) => formatter.write_str("[REDACTED]"),
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RedisUrl({self})")
    }
}

/// Braces would break the hash tag that keeps the keys on one cluster node.
fn prefix(raw: &str) -> Result<String, String> {
    let is_fit = (1..=64).contains(&raw.len())
        && raw.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
    if is_fit {
        Ok(raw.to_owned())
    } else {
        Err("must have 1 to 64 characters of a-z, A-Z, 0-9 and - _ . :".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_prints_without_its_password() {
        for url in ["redis://:hunter2@cache.example:6379/1", "redis+unix:///run/redis.sock?pass=hunter2"] {
            let url: RedisUrl = url.parse().unwrap();
            assert!(!format!("{url} {url:?}").contains("hunter2"), "{url:?}");
        }
        assert!("http://cache".parse::<RedisUrl>().is_err());
    }

    #[test]
    fn tls_is_refused_by_name_and_without_the_value() {
        for url in ["rediss://:hunter2@cache.example:6379", "valkeys://:hunter2@cache.example:6379"] {
            let error = url.parse::<RedisUrl>().unwrap_err();
            assert!(error.contains("TLS to Redis is not built in yet") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_prefix_has_no_braces() {
        assert!(prefix("callboard").is_ok());
        for wrong in ["", "a{b}", "a b", &"x".repeat(65)] {
            assert!(prefix(wrong).is_err(), "{wrong}");
        }
    }
}
