//! Tokens and passwords.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Args;

use super::{AppEnv, Findings, SecretKey, value};
use crate::domain::VerificationKey;

/// How the API makes access tokens and hashes passwords.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Identity")]
pub struct AuthConfig {
    /// Secret that signs access tokens: at least 32 bytes, the same in every
    /// API process. Whoever knows it can log in as anybody.
    #[arg(
        long,
        env = "JWT_SECRET",
        hide_env_values = true,
        value_name = "at-least-32-bytes-from-openssl-rand-base64-48"
    )]
    pub jwt_secret: SecretKey,

    /// `iss` of the access tokens; one with another is refused.
    #[arg(long, env = "JWT_ISSUER", default_value = "callboard")]
    pub jwt_issuer: String,

    /// `aud` of the access tokens; one with another is refused.
    #[arg(long, env = "JWT_AUDIENCE", default_value = "callboard")]
    pub jwt_audience: String,

    /// Lifetime of an access token in seconds.
    #[arg(
        long = "access-token-ttl-seconds",
        env = "ACCESS_TOKEN_TTL_SECONDS",
        default_value = "900",
        value_parser = value::seconds
    )]
    pub access_token_ttl: Duration,

    /// Lifetime of the link that verifies an email address, in seconds.
    #[arg(
        long = "verification-token-ttl-seconds",
        env = "VERIFICATION_TOKEN_TTL_SECONDS",
        default_value = "86400",
        value_parser = value::seconds
    )]
    pub verification_token_ttl: Duration,

    /// Passwords hashed at the same time; each takes 19 MiB and a core for a
    /// while. Default: the number of cores.
    #[arg(long, env = "PASSWORD_HASH_CONCURRENCY")]
    pub password_hash_concurrency: Option<NonZeroUsize>,
}

impl AuthConfig {
    /// How many passwords may be hashed at the same time.
    #[must_use]
    pub fn password_hash_concurrency(&self) -> NonZeroUsize {
        self.password_hash_concurrency
            .or_else(|| std::thread::available_parallelism().ok())
            .unwrap_or(NonZeroUsize::MIN)
    }

    /// Finds what does not fit together.
    pub fn check(&self, app_env: AppEnv, findings: &mut Findings) {
        refuse_development_key("JWT_SECRET", &self.jwt_secret, app_env, findings);
        if self.access_token_ttl > Duration::from_hours(24) {
            findings.warning("ACCESS_TOKEN_TTL_SECONDS is over a day: a stolen token works as long");
        }
    }
}

/// The key of the tokens in mails, which the API and the worker share.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Identity")]
pub struct TokenKeyConfig {
    /// Secret from which the tokens in mails are derived: at least 32 bytes,
    /// the same in the API and the worker. Default: `JWT_SECRET`; with one
    /// of its own, the worker need not know how to sign access tokens.
    #[arg(
        long,
        env = "TOKEN_KEY",
        hide_env_values = true,
        value_name = "at-least-32-bytes-from-openssl-rand-base64-48"
    )]
    pub token_key: SecretKey,
}

impl TokenKeyConfig {
    /// The key that makes and checks the tokens of verification links.
    #[must_use]
    pub fn verification_key(&self) -> VerificationKey {
        VerificationKey::derive(self.token_key.expose())
    }

    /// Finds what does not fit together.
    pub fn check(&self, app_env: AppEnv, findings: &mut Findings) {
        refuse_development_key("TOKEN_KEY", &self.token_key, app_env, findings);
    }
}

fn refuse_development_key(variable: &'static str, key: &SecretKey, app_env: AppEnv, findings: &mut Findings) {
    if app_env.is_production() && key.is_for_development() {
        let variable = findings.set_as(variable);
        findings.problem(
            &[variable],
            "is one that everybody knows from .env.example or --help, which APP_ENV=production refuses",
            &format!("{variable}=\"$(openssl rand -base64 48)\""),
        );
    }
}
