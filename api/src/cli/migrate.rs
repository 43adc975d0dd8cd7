//! `callboard-api migrate`.

use std::{path::PathBuf, process::ExitCode};

use callboard_shared::{
    config::{AppConfig, DatabaseConfig},
    database,
    migrate::{self, Down, State},
};
use clap::{Args, Subcommand};

use super::{Outcome, say};

/// Migrates the database.
#[derive(Debug, Args)]
pub(super) struct Migrate {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Applies what is pending.
    Up {
        #[command(flatten)]
        database: DatabaseConfig,
    },
    /// Takes the newest migration back, with the data in its tables.
    Down {
        #[command(flatten)]
        database: DatabaseConfig,
        /// Take all back, to an empty database.
        #[arg(long)]
        all: bool,
        /// Mean it; needed for --all where `APP_ENV` is production.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        app: AppConfig,
    },
    /// Lists the migrations; the exit code is 1 unless all are applied.
    Status {
        #[command(flatten)]
        database: DatabaseConfig,
    },
    /// Writes the two files of a new migration.
    New {
        /// What it does, such as `add_bookings`.
        name: String,
        /// Folder of the migrations.
        #[arg(long, default_value = "migrations", value_name = "FOLDER")]
        folder: PathBuf,
    },
}

impl Migrate {
    pub(super) async fn run(self) -> Outcome {
        match self.command {
            Command::Up { database } => up(&database).await,
            Command::Down { all: true, yes: false, app, .. } if app.app_env.is_production() => {
                Err("this would empty the database of APP_ENV=production; if that is meant, say so with --yes".into())
            }
            Command::Down { database, all, .. } => down(&database, all).await,
            Command::Status { database } => status(&database).await,
            Command::New { name, folder } => {
                for path in migrate::new(&folder, &name)? {
                    say(&format!("wrote {}", path.display()))?;
                }
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

async fn up(database: &DatabaseConfig) -> Outcome {
    let applied = migrate::up(&database::connect(database, "callboard-api migrate")).await?;
    for version in &applied {
        say(&format!("applied {version:04}"))?;
    }
    if applied.is_empty() {
        say("nothing to do: all migrations are applied")?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn down(database: &DatabaseConfig, all: bool) -> Outcome {
    let how_far = if all { Down::ToZero } else { Down::One };
    let undone = migrate::down(&database::connect(database, "callboard-api migrate"), how_far).await?;
    for version in &undone {
        say(&format!("took back {version:04}"))?;
    }
    if undone.is_empty() {
        say("nothing to do: no migration is applied")?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn status(database: &DatabaseConfig) -> Outcome {
    let entries = migrate::status(&database::connect(database, "callboard-api migrate")).await?;
    say(migrate::table(&entries).trim_end())?;
    let is_current = entries.iter().all(|entry| entry.state == State::Applied);
    Ok(if is_current { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use callboard_shared::config::{Environment, Loader};

    use crate::cli::{self, Cli};

    /// Nothing listens there: a refusal comes before anybody is asked.
    #[tokio::test]
    async fn production_is_not_emptied_without_a_yes() {
        let variables = [
            ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"),
            ("DATABASE_ACQUIRE_TIMEOUT_SECONDS", "1"),
            ("APP_ENV", "production"),
        ];
        let load = |args: &[&str]| {
            let args = [&["callboard-api", "migrate", "down"], args].concat();
            Loader::new(args, Environment::from_pairs(variables)).load::<Cli>("serve").unwrap().cli.command
        };
        let told = async |args: &[&str]| match load(args) {
            cli::Command::Migrate(migrate) => migrate.run().await.unwrap_err().to_string(),
            other => panic!("{other:?}"),
        };
        assert!(told(&["--all"]).await.contains("--yes"));
        assert!(!told(&["--all", "--yes"]).await.contains("--yes"));
    }
}
