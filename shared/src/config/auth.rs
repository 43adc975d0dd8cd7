//! Tokens and passwords.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{AppEnv, Ed25519PrivateKey, Findings, OldPublicKeys, OldSecrets, SecretKey, value};
use crate::domain::{MailKey, TokenPurpose};

/// How access tokens are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum JwtAlgorithm {
    /// HMAC-SHA256 with `JWT_SECRET`: who can check a token can make one.
    #[default]
    #[value(name = "HS256")]
    Hs256,
    /// Ed25519 with `JWT_PRIVATE_KEY`: the public key is enough to check.
    #[value(name = "EdDSA")]
    EdDsa,
}

/// Which new passwords are strong enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum PasswordPolicy {
    /// Those that are hard to guess, whatever they are made of.
    #[default]
    Strength,
    /// Those with a capital and a small letter, a digit, and another character.
    Classes,
}

/// How the API makes access tokens and hashes passwords.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Identity")]
pub struct AuthConfig {
    /// Secret that signs access tokens and makes refresh tokens: at least 32
    /// bytes, the same in every API process. Whoever knows it can log in as anybody.
    #[arg(
        long,
        env = "JWT_SECRET",
        hide_env_values = true,
        value_name = "at-least-32-bytes-from-openssl-rand-base64-48"
    )]
    pub jwt_secret: SecretKey,

    /// What signs access tokens: `HS256` with `JWT_SECRET`, or `EdDSA` with
    /// `JWT_PRIVATE_KEY`. A token that names another is refused.
    #[arg(long, env = "JWT_ALGORITHM", value_enum, default_value = "HS256")]
    pub jwt_algorithm: JwtAlgorithm,

    /// Key that signs with `EdDSA`: Ed25519 in PKCS #8 PEM, or the path of a file
    /// with it.
    #[arg(long, env = "JWT_PRIVATE_KEY", hide_env_values = true, value_name = "/run/secrets/jwt.pem")]
    pub jwt_private_key: Option<Ed25519PrivateKey>,

    /// Former values of `JWT_SECRET`, separated by commas: tokens that they
    /// signed are good until they expire. Drop one after an access token's lifetime.
    #[arg(long, env = "JWT_OLD_SECRETS", hide_env_values = true, default_value = "", value_name = "secret,secret")]
    pub jwt_old_secrets: OldSecrets,

    /// Public halves of former values of `JWT_PRIVATE_KEY`, in PEM or as paths
    /// of files, separated by commas.
    #[arg(long, env = "JWT_OLD_PUBLIC_KEYS", default_value = "", value_name = "/run/secrets/jwt-old.pub")]
    pub jwt_old_public_keys: OldPublicKeys,

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

    /// How long a session goes on without being used, in seconds: the lifetime
    /// of a refresh token.
    #[arg(
        long = "refresh-token-ttl-seconds",
        env = "REFRESH_TOKEN_TTL_SECONDS",
        default_value = "2592000",
        value_parser = value::seconds
    )]
    pub refresh_token_ttl: Duration,

    /// Lifetime of the link that verifies an email address, in seconds.
    #[arg(
        long = "verification-token-ttl-seconds",
        env = "VERIFICATION_TOKEN_TTL_SECONDS",
        default_value = "86400",
        value_parser = value::seconds
    )]
    pub verification_token_ttl: Duration,

    /// Lifetime of the link that sets a new password for who forgot theirs, in seconds.
    #[arg(
        long = "reset-token-ttl-seconds",
        env = "RESET_TOKEN_TTL_SECONDS",
        default_value = "3600",
        value_parser = value::seconds
    )]
    pub reset_token_ttl: Duration,

    /// Lifetime of the link that confirms a new email address, in seconds.
    #[arg(
        long = "email-change-token-ttl-seconds",
        env = "EMAIL_CHANGE_TOKEN_TTL_SECONDS",
        default_value = "86400",
        value_parser = value::seconds
    )]
    pub email_change_token_ttl: Duration,

    /// Which new passwords are strong enough: `strength` (hard to guess, whatever
    /// they are made of) or `classes` (capital, small letter, digit and another character).
    #[arg(long, env = "PASSWORD_POLICY", value_enum, default_value = "strength")]
    pub password_policy: PasswordPolicy,

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
        if self.jwt_algorithm == JwtAlgorithm::EdDsa && self.jwt_private_key.is_none() {
            findings.problem(
                &["JWT_ALGORITHM", "JWT_PRIVATE_KEY"],
                "don't fit together: EdDSA needs a private key",
                "JWT_PRIVATE_KEY=\"$(openssl genpkey -algorithm ed25519)\"",
            );
        }
        if self.refresh_token_ttl <= self.access_token_ttl {
            findings.problem(
                &["REFRESH_TOKEN_TTL_SECONDS", "ACCESS_TOKEN_TTL_SECONDS"],
                "don't fit together: a session must outlive its access tokens",
                "REFRESH_TOKEN_TTL_SECONDS=2592000 ACCESS_TOKEN_TTL_SECONDS=900",
            );
        }
        let old = &self.jwt_old_secrets.0;
        if app_env.is_production() && old.iter().any(SecretKey::is_for_development) {
            findings.problem(
                &["JWT_OLD_SECRETS"],
                "has one that everybody knows from .env.example or --help, which APP_ENV=production refuses",
                "JWT_OLD_SECRETS=",
            );
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
    /// The key that makes the tokens of links for this purpose.
    #[must_use]
    pub fn mail_key(&self, purpose: TokenPurpose) -> MailKey {
        MailKey::derive(self.token_key.expose(), purpose)
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
