//! The SMTP server that takes the mails, and whom they are from.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use email_address::{EmailAddress, Options};
use secrecy::SecretString;

use super::{AppEnv, Findings, value};
use crate::domain::{Email, PersonName};

/// Outgoing mail.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Mail")]
pub struct MailConfig {
    /// Name or address of the SMTP server.
    #[arg(id = "smtp_host", value_name = "HOST", long = "smtp-host", env = "SMTP_HOST", default_value = "127.0.0.1")]
    pub host: String,

    /// Port of the SMTP server: usually 587 with `starttls`, 465 with `tls`.
    #[arg(
        id = "smtp_port",
        value_name = "PORT",
        long = "smtp-port",
        env = "SMTP_PORT",
        default_value = "1025",
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub port: u16,

    /// How the connection is encrypted.
    #[arg(
        id = "smtp_tls",
        value_name = "TLS",
        long = "smtp-tls",
        env = "SMTP_TLS",
        value_enum,
        default_value = "none"
    )]
    pub tls: SmtpTls,

    /// User at the SMTP server, where it wants one.
    #[arg(id = "smtp_username", value_name = "USER", long = "smtp-username", env = "SMTP_USERNAME")]
    pub username: Option<String>,

    /// Password at the SMTP server.
    #[arg(
        id = "smtp_password",
        value_name = "PASSWORD",
        long = "smtp-password",
        env = "SMTP_PASSWORD",
        hide_env_values = true,
        value_parser = value::secret
    )]
    pub password: Option<SecretString>,

    /// Most connections to the SMTP server.
    #[arg(id = "smtp_pool", value_name = "CONNECTIONS", long = "smtp-pool", env = "SMTP_POOL", default_value = "4")]
    pub pool: NonZeroU32,

    /// Longest wait for an answer of the SMTP server, in seconds.
    #[arg(
        id = "smtp_timeout",
        value_name = "SECONDS",
        long = "smtp-timeout-seconds",
        env = "SMTP_TIMEOUT_SECONDS",
        default_value = "10",
        value_parser = value::seconds
    )]
    pub timeout: Duration,

    /// Sender of every mail: an address, with a name before it if wanted.
    #[arg(
        id = "mail_from",
        value_name = "ADDRESS",
        long = "mail-from",
        env = "MAIL_FROM",
        default_value = "Callboard <no-reply@callboard.example>"
    )]
    pub from: Sender,
}

/// How the connection to the SMTP server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SmtpTls {
    /// Not at all: for a server on the same machine or a development one.
    None,
    /// Begins in the clear and must switch to TLS before anything is said.
    Starttls,
    /// TLS from the first byte.
    Tls,
}

impl MailConfig {
    /// Finds what does not fit together.
    pub fn check(&self, app_env: AppEnv, findings: &mut Findings) {
        if self.username.is_some() != self.password.is_some() {
            findings.problem(
                &["SMTP_USERNAME", "SMTP_PASSWORD"],
                "one is set without the other",
                "SMTP_USERNAME=… and SMTP_PASSWORD=…, or neither",
            );
        }
        if self.tls == SmtpTls::None && self.username.is_some() {
            if app_env.is_production() {
                findings.problem(
                    &["SMTP_TLS", "SMTP_USERNAME"],
                    "the password would travel in the clear, which APP_ENV=production refuses",
                    "SMTP_TLS=starttls (port 587) or SMTP_TLS=tls (port 465)",
                );
            } else {
                findings.warning("SMTP_TLS=none with SMTP_USERNAME: the password travels in the clear");
            }
        }
    }
}

/// Who sends the mails: `no-reply@callboard.example` or `Callboard <no-reply@callboard.example>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The name that mail programs show.
    pub name: Option<PersonName>,
    /// The address.
    pub email: Email,
}

impl FromStr for Sender {
    type Err = String;

    fn from_str(raw: &str) -> Result<Self, String> {
        let wanted = || {
            "must be an address such as no-reply@callboard.example or Callboard <no-reply@callboard.example>".to_owned()
        };
        let parsed =
            EmailAddress::parse_with_options(raw, Options::default().with_required_tld()).map_err(|_| wanted())?;
        let name = match parsed.display_part().trim() {
            "" => None,
            // Two senders, of which only the last would be taken as an address.
            name if name.contains(['<', '>', '@']) => return Err(wanted()),
            name => Some(name.parse().map_err(|_| wanted())?),
        };
        Ok(Self { name, email: parsed.email().parse().map_err(|_| wanted())? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_may_have_a_name() {
        let named: Sender = "Callboard 콜보드 <no-reply@callboard.example>".parse().unwrap();
        assert_eq!(named.name.unwrap().as_str(), "Callboard 콜보드");
        assert_eq!(named.email.as_str(), "no-reply@callboard.example");
        assert_eq!("no-reply@callboard.example".parse::<Sender>().unwrap().name, None);
        for wrong in
            ["", "Callboard", "Callboard <>", "A <a@b.example>, B <b@b.example>", "A\r\nBcc: x@y.example <a@b.example>"]
        {
            assert!(wrong.parse::<Sender>().is_err(), "{wrong:?}");
        }
    }
}
