//! `callboard-api seed`.

use std::{num::NonZeroUsize, process::ExitCode};

use callboard_shared::{
    config::{AppConfig, DatabaseConfig},
    database,
    db::{
        DbError,
        users::{self, NewUser},
    },
    domain::{Email, Locale, Password, PersonName, Role, Username},
};
use clap::Args;
use sqlx::PgPool;

use super::{Outcome, say};
use crate::{
    auth::{About, Passwords},
    error::Problem,
};

/// Everybody's password in the demo data; refused in production for that reason.
const PASSWORD: &str = "demo data for a look around";

/// Who is in the demo data: username, name, language, role.
const PEOPLE: [(&str, &str, Locale, Role); 2] =
    [("mina", "박민아", Locale::Ko, Role::Manager), ("oliver", "Oliver Grant", Locale::En, Role::Member)];

/// Fills in verified users to look around with.
#[derive(Debug, Args)]
pub(super) struct Seed {
    #[command(flatten)]
    app: AppConfig,
    #[command(flatten)]
    database: DatabaseConfig,
}

impl Seed {
    pub(super) async fn run(self) -> Outcome {
        if self.app.app_env.is_production() {
            return Err("demo data has a password that everybody knows; not in production".into());
        }
        let pool = database::connect(&self.database, "callboard-api seed");
        let passwords = Passwords::new(NonZeroUsize::MIN);
        for (username, name, locale, role) in PEOPLE {
            let email: Email = format!("{username}@callboard.example").parse()?;
            if users::find_by_email(&pool, &email).await?.is_some() {
                say(&format!("{} is there already.", email.as_str()))?;
                continue;
            }
            let username: Username = username.parse()?;
            let person = Person { email: &email, username: &username, name: name.parse()?, locale, role };
            if insert(&pool, &passwords, &person).await? {
                say(&format!("{} ({role}) was made; password: {PASSWORD}", email.as_str()))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

struct Person<'a> {
    email: &'a Email,
    username: &'a Username,
    name: PersonName,
    locale: Locale,
    role: Role,
}

/// Whether the person is new.
async fn insert(pool: &PgPool, passwords: &Passwords, person: &Person<'_>) -> Result<bool, Problem> {
    let password: Password = PASSWORD.parse().map_err(Problem::internal)?;
    let password_hash = passwords.hash(password, About::default()).await?;
    let new = NewUser {
        email: person.email,
        username: Some(person.username),
        password_hash: Some(&password_hash),
        full_name: Some(&person.name),
        phone: None,
        locale: person.locale,
        role: person.role,
        is_verified: true,
    };
    let mut tx = pool.begin().await?;
    match users::insert(&mut tx, &new).await {
        Ok(_) => {
            tx.commit().await?;
            Ok(true)
        }
        Err(DbError::EmailTaken | DbError::UsernameTaken) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
