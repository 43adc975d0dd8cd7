//! `callboard-api create-admin`.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    num::NonZeroUsize,
    process::ExitCode,
};

use callboard_shared::{
    config::{DatabaseConfig, value},
    database,
    domain::{Email, Password},
};
use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use super::{Outcome, say};
use crate::{
    auth::Passwords,
    services::admin::{self, Admin},
};

/// Makes an admin whose address counts as verified. Does nothing when there is a
/// user with this address.
#[derive(Debug, Args)]
pub(super) struct CreateAdmin {
    #[command(flatten)]
    database: DatabaseConfig,

    /// Address to log in with.
    #[arg(long, env = "ADMIN_EMAIL", value_name = "admin@callboard.example")]
    email: Email,

    /// Password. Better not here, where other processes may read it, but in the
    /// variable, or typed when it is asked for.
    #[arg(long, env = "ADMIN_PASSWORD", hide_env_values = true, value_name = "a-long-passphrase", value_parser = value::secret)]
    password: Option<SecretString>,
}

impl CreateAdmin {
    pub(super) async fn run(self) -> Outcome {
        let password = match self.password {
            Some(password) => password,
            None => ask_for_password()?,
        };
        let password: Password = password.expose_secret().parse()?;
        let pool = database::connect(&self.database, "callboard-api create-admin");
        let passwords = Passwords::new(NonZeroUsize::MIN);
        let email = self.email.clone();
        let line = match admin::create(&pool, &passwords, self.email, password).await? {
            Admin::Created => format!("Admin {} was made.", email.as_str()),
            Admin::Exists => format!("There is a user {} already; nothing was changed.", email.as_str()),
        };
        say(&line)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The first line of standard input.
fn ask_for_password() -> io::Result<SecretString> {
    if io::stdin().is_terminal() {
        write!(io::stderr(), "Password (it is shown as you type): ")?;
    }
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).into())
}
