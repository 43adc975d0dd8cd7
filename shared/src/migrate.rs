//! The schema's versions: `migrations/`, embedded in the binaries.
//!
//! sqlx's migrator takes a lock of the session, so migrations need a direct
//! connection to PostgreSQL, not one through a pooler in transaction mode.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sqlx::migrate::{Migration, Migrator};
use sqlx::{Connection as _, PgConnection, PgPool};

/// Where sqlx notes what it applied.
const TABLE: &str = "_sqlx_migrations";

/// Why migrating did not work.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A migration failed and was rolled back, or the database and the binary
    /// don't agree on what was applied: `migrate status` shows which.
    #[error(transparent)]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// PostgreSQL can't be asked what was applied.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The name of a new migration would not make a file name: choose another.
    #[error("a migration's name has 1 to 60 of a-z, 0-9 and _, such as add_bookings")]
    BadName,
    /// The files of a new migration can't be written.
    #[error("{path}: {source}")]
    Files {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// The embedded migrations, oldest first.
#[must_use]
pub fn migrator() -> Migrator {
    sqlx::migrate!("../migrations")
}

/// Applies what is pending. Returns the versions that were, oldest first.
///
/// # Errors
/// When a migration fails, or an applied one was changed since.
pub async fn up(pool: &PgPool) -> Result<Vec<i64>, MigrateError> {
    let pending = versions(status(pool).await?, |state| state == State::Pending);
    let mut conn = own_connection(pool).await?;
    migrator().run(&mut conn).await?;
    conn.close().await?;
    Ok(pending)
}

/// How far to go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Down {
    /// Take back the newest one.
    One,
    /// Take back all: an empty database, but for extensions.
    ToZero,
}

/// Takes migrations back, **with the data** that their tables hold. Returns the
/// versions that were taken back, newest first.
///
/// # Errors
/// When a migration can't be taken back, was changed since it was applied, or
/// is not known here.
pub async fn down(pool: &PgPool, how_far: Down) -> Result<Vec<i64>, MigrateError> {
    let entries = status(pool).await?;
    if let Some(changed) = entries.iter().find(|entry| entry.state == State::Changed) {
        return Err(sqlx::migrate::MigrateError::VersionMismatch(changed.version).into());
    }
    let mut applied = versions(entries, |state| state != State::Pending);
    applied.reverse();
    let target = match how_far {
        Down::One => applied.get(1).copied().unwrap_or(0),
        Down::ToZero => 0,
    };
    applied.retain(|version| *version > target);
    if !applied.is_empty() {
        let mut conn = own_connection(pool).await?;
        migrator().undo(&mut conn, target).await?;
        conn.close().await?;
    }
    Ok(applied)
}

/// A connection that ends with its use: sqlx leaves its lock on it when a
/// migration fails, and back in the pool it would lock out the next try.
async fn own_connection(pool: &PgPool) -> Result<PgConnection, sqlx::Error> {
    Ok(pool.acquire().await?.detach())
}

/// One version of the schema, and what the database has of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The number in the file's name.
    pub version: i64,
    /// The words in the file's name.
    pub description: String,
    /// What the database has of it.
    pub state: State,
}

/// What the database has of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Applied, as this binary knows it.
    Applied,
    /// Not applied yet.
    Pending,
    /// Applied, but its file was changed since: never edit a migration that
    /// landed.
    Changed,
    /// Applied by a newer binary; this one does not know it.
    Unknown,
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Applied => "applied",
            Self::Pending => "pending",
            Self::Changed => "changed",
            Self::Unknown => "unknown",
        })
    }
}

/// All migrations that the binary or the database knows, oldest first. Writes
/// nothing, not even into an empty database.
///
/// # Errors
/// When PostgreSQL can't be asked.
pub async fn status(pool: &PgPool) -> Result<Vec<Entry>, MigrateError> {
    let mut applied = applied(&mut *pool.acquire().await?).await?;
    let mut entries: Vec<_> = migrator()
        .iter()
        .filter(|migration| migration.migration_type.is_up_migration())
        .map(|migration| entry(migration, applied.remove(&migration.version).as_ref()))
        .collect();
    entries.extend(applied.into_iter().map(|(version, (description, _))| Entry {
        version,
        description,
        state: State::Unknown,
    }));
    entries.sort_by_key(|entry| entry.version);
    Ok(entries)
}

fn entry(migration: &Migration, applied: Option<&(String, Vec<u8>)>) -> Entry {
    let state = match applied {
        None => State::Pending,
        Some((_, checksum)) if checksum[..] == migration.checksum[..] => State::Applied,
        Some(_) => State::Changed,
    };
    Entry { version: migration.version, description: migration.description.to_string(), state }
}

fn versions(entries: Vec<Entry>, is_wanted: impl Fn(State) -> bool) -> Vec<i64> {
    entries.into_iter().filter(|entry| is_wanted(entry.state)).map(|entry| entry.version).collect()
}

/// What sqlx noted. Checked at run time and not by the `query!` macros, as the
/// table is sqlx's own and is missing before the first migration.
async fn applied(conn: &mut PgConnection) -> Result<BTreeMap<i64, (String, Vec<u8>)>, sqlx::Error> {
    let exists: bool =
        sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL").bind(TABLE).fetch_one(&mut *conn).await?;
    if !exists {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<(i64, String, Vec<u8>)> =
        sqlx::query_as("SELECT version, description, checksum FROM _sqlx_migrations").fetch_all(conn).await?;
    Ok(rows.into_iter().map(|(version, description, checksum)| (version, (description, checksum))).collect())
}

/// Writes the two files of a new migration into `folder`, numbered after the
/// newest one there. Returns their paths, up first.
///
/// # Errors
/// [`MigrateError::BadName`], or when the files can't be written.
pub fn new(folder: &Path, name: &str) -> Result<[PathBuf; 2], MigrateError> {
    let is_fit =
        (1..=60).contains(&name.len()) && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if !is_fit {
        return Err(MigrateError::BadName);
    }
    let number = newest(folder).map_err(|source| MigrateError::Files { path: folder.to_owned(), source })? + 1;
    let title = name.replace('_', " ");
    let up = folder.join(format!("{number:04}_{name}.up.sql"));
    let down = folder.join(format!("{number:04}_{name}.down.sql"));
    write_new(
        &up,
        &format!(
            "-- {title}: what changes, and why.\n\
             --\n\
             -- Old processes run beside this schema while new ones start: add here, and take\n\
             -- away in a later migration. Once it has landed, it is never edited.\n"
        ),
    )?;
    write_new(&down, &format!("-- Takes back {title}: what is lost.\n"))?;
    Ok([up, down])
}

fn newest(folder: &Path) -> io::Result<u32> {
    let mut newest = 0;
    for file in fs::read_dir(folder)? {
        let name = file?.file_name();
        let number = name.to_str().and_then(|name| name.split_once('_')).and_then(|(number, _)| number.parse().ok());
        newest = newest.max(number.unwrap_or(0));
    }
    Ok(newest)
}

fn write_new(path: &Path, text: &str) -> Result<(), MigrateError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|source| MigrateError::Files { path: path.to_owned(), source })
}

/// The entries as a table for the terminal.
#[must_use]
pub fn table(entries: &[Entry]) -> String {
    let mut text = String::new();
    for entry in entries {
        // Writing into a String can't fail.
        let _ = writeln!(text, "{:04}  {:8} {}", entry.version, entry.state, entry.description);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_migration_can_be_taken_back() {
        let migrator = migrator();
        let count =
            |is_wanted: fn(&Migration) -> bool| migrator.iter().filter(|migration| is_wanted(migration)).count();
        let ups = count(|migration| migration.migration_type.is_up_migration());
        let downs = count(|migration| migration.migration_type.is_down_migration());
        assert!(ups >= 2);
        assert_eq!(ups, downs);
    }

    #[test]
    fn a_new_migration_gets_the_next_number() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("0041_older.up.sql"), "").unwrap();
        let [up, down] = new(folder.path(), "add_bookings").unwrap();
        assert_eq!(up.file_name().unwrap(), "0042_add_bookings.up.sql");
        assert!(fs::read_to_string(down).unwrap().starts_with("-- Takes back add bookings"));
    }

    #[test]
    fn a_name_can_not_lead_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["", "../evil", "a/b", "/etc/x", "Add Bookings", "a.b", "a\0b", &"x".repeat(61)] {
            assert!(matches!(new(folder.path(), name), Err(MigrateError::BadName)), "{name:?}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
