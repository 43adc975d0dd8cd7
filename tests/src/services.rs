//! A PostgreSQL and a Redis of a test's own, to break.
#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "what fails here fails the test")]

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Output,
    str::FromStr as _,
};

use redis::{AsyncConnectionConfig, aio::MultiplexedConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection, postgres::PgConnectOptions};
use tokio::process::Command;
use uuid::Uuid;

use crate::wait::{SOON, wait_until};

/// What PostgreSQL says when it has no slot left for a connection.
const TOO_MANY_CONNECTIONS: &str = "53300";

/// Servers that `scripts/services` started for one test. They are thrown away
/// with it, also if it is killed.
#[derive(Debug)]
pub struct Services {
    name: String,
    database_url: String,
    redis_url: String,
}

impl Services {
    /// Starts them.
    pub async fn start() -> Self {
        let name = format!("fault-{}", Uuid::now_v7().simple());
        let owner = std::process::id().to_string();
        // Made first, so that a start that fails half-way is thrown away too.
        let mut services = Self { name, database_url: String::new(), redis_url: String::new() };
        services.run("up", &["--profile", "test", "--private", "--owner", &owner]).await;
        let settings = services.run("env", &[]).await;
        services.database_url = value(&settings, "DATABASE_URL");
        services.redis_url = value(&settings, "REDIS_URL");
        services
    }

    /// The URL of the server's own database.
    #[must_use]
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// The URL of Redis.
    #[must_use]
    pub fn redis_url(&self) -> &str {
        &self.redis_url
    }

    /// Crashes PostgreSQL and starts it again: what was committed
    /// asynchronously in the last moments is gone.
    pub async fn crash_and_restart_postgres(&self) {
        self.run("restart-postgres", &["--immediate"]).await;
    }

    /// Stops PostgreSQL in good order.
    pub async fn stop_postgres(&self) {
        self.run("stop-postgres", &[]).await;
    }

    /// Starts PostgreSQL again where it was.
    pub async fn start_postgres(&self) {
        self.run("start-postgres", &[]).await;
    }

    /// Restarts PostgreSQL in good order.
    pub async fn restart_postgres(&self) {
        self.run("restart-postgres", &[]).await;
    }

    /// Gives PostgreSQL few connections, and what a standby needs. It restarts.
    pub async fn prepare_postgres(&self, connections: u16) {
        self.as_superuser(&format!("ALTER SYSTEM SET max_connections = {connections}")).await;
        // Of WAL that was written without this no standby can be made.
        self.as_superuser("ALTER SYSTEM SET wal_level = 'replica'").await;
        self.restart_postgres().await;
    }

    /// Starts PostgreSQL, which is stopped, as a standby: it is in recovery until
    /// [`promote_postgres`](Self::promote_postgres), and takes no writes.
    pub async fn start_postgres_as_standby(&self) {
        let signal = PathBuf::from(self.state("data")).join("postgres/standby.signal");
        fs::write(&signal, "").expect("a file in the server's folder");
        // The server may run as another user.
        fs::set_permissions(&signal, Permissions::from_mode(0o666)).expect("a file of ours");
        self.start_postgres().await;
    }

    /// Makes a standby the primary.
    pub async fn promote_postgres(&self) {
        self.as_superuser("SELECT pg_promote()").await;
    }

    /// Makes PostgreSQL refuse writes, in sessions that are open too, or take them again.
    pub async fn make_postgres_read_only(&self, read_only: bool) {
        self.as_superuser(&format!("ALTER SYSTEM SET default_transaction_read_only = {read_only}")).await;
        self.as_superuser("SELECT pg_reload_conf()").await;
    }

    /// Takes every slot that the server has for others than its superuser, those of
    /// the connections to `database` too, until they are
    /// [given back](Self::give_connections_back).
    pub async fn take_all_connections(&self, database: &str) -> Vec<PgConnection> {
        let ours = PgConnectOptions::from_str(&self.database_url).expect("the server's URL");
        // A slot that comes free later, of a client that was refused just now, is nobody
        // else's either; the error is of the same code.
        self.as_superuser(&format!("ALTER DATABASE {database} CONNECTION LIMIT 0")).await;
        let terminate = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname";
        self.as_superuser(&format!("{terminate} = '{database}'")).await;
        let mut taken = Vec::new();
        loop {
            match ours.connect().await {
                Ok(connection) => taken.push(connection),
                Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(TOO_MANY_CONNECTIONS) => {
                    return taken;
                }
                Err(error) => panic!("cannot take a connection: {error}"),
            }
        }
    }

    /// Ends what [`take_all_connections`](Self::take_all_connections) began.
    pub async fn give_connections_back(&self, taken: Vec<PgConnection>, database: &str) {
        drop(taken);
        self.as_superuser(&format!("ALTER DATABASE {database} CONNECTION LIMIT -1")).await;
    }

    /// Executes a statement as PostgreSQL's superuser, who alone may do some harm.
    pub async fn as_superuser(&self, statement: &str) {
        let mut superuser = self.superuser().await;
        let done = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut superuser).await;
        done.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }

    async fn superuser(&self) -> PgConnection {
        let options = PgConnectOptions::from_str(&self.database_url).expect("the server's URL");
        let password = self.state("postgres_password");
        let options = options.database("postgres").username("postgres").password(&password);
        options.connect().await.expect("a connection of the superuser")
    }

    /// A variable of the set's state.
    fn state(&self, name: &str) -> String {
        let root = Path::new(&script()).parent().and_then(Path::parent).expect("a script in scripts").to_owned();
        let file = root.join(".dev/services").join(&self.name).join("state");
        let state = fs::read_to_string(file).expect("the set's state");
        let prefix = format!("{name}=");
        let line = state.lines().find_map(|line| line.strip_prefix(&prefix)).expect("a variable of the set's state");
        line.trim_matches('\'').to_owned()
    }

    /// A connection to Redis that waits for its answers however long they take.
    pub async fn redis(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.redis_url()).expect("the URL of Redis");
        let patient = AsyncConnectionConfig::new().set_response_timeout(None);
        client.get_multiplexed_async_connection_with_config(&patient).await.expect("Redis")
    }

    /// Sends Redis a command whose words are parted by spaces.
    pub async fn tell_redis(&self, command: &str) {
        tell(&mut self.redis().await, command).await;
    }

    /// Makes Redis have what `leader`'s Redis has now, and go on by itself from there.
    pub async fn make_redis_follow(&self, leader: &Self) {
        leader.tell_redis("CONFIG SET repl-diskless-sync-delay 0").await;
        let port = leader.redis_url().rsplit_once(':').expect("a port").1;
        self.tell_redis(&format!("REPLICAOF 127.0.0.1 {port}")).await;
        wait_until(SOON, "the replica has what the other one has", || async {
            let info = redis::cmd("INFO").arg("replication").query_async(&mut self.redis().await).await;
            info.is_ok_and(|info: String| info.contains("master_link_status:up"))
        })
        .await;
        self.tell_redis("REPLICAOF NO ONE").await;
    }

    /// Kills Redis; without persistence, all that it held is gone.
    pub async fn kill_redis(&self) {
        self.run("stop-redis", &["--immediate"]).await;
    }

    /// Starts Redis again where it was.
    pub async fn start_redis(&self) {
        self.run("start-redis", &[]).await;
    }

    async fn run(&self, command: &str, options: &[&str]) -> String {
        let output = Command::new(script()).arg(command).arg(&self.name).args(options).output().await;
        checked(command, &output.expect("scripts/services"))
    }
}

/// Sends a command whose words are parted by spaces.
///
/// # Panics
/// When Redis answers with an error.
pub async fn tell(redis: &mut MultiplexedConnection, command: &str) {
    let mut words = command.split(' ');
    let mut built = redis::cmd(words.next().unwrap_or_default());
    for word in words {
        built.arg(word);
    }
    let answer: redis::RedisResult<redis::Value> = built.query_async(redis).await;
    answer.unwrap_or_else(|error| panic!("{command}: {error}"));
}

impl Drop for Services {
    #[expect(clippy::let_underscore_must_use, reason = "a failed test may have lost them already")]
    fn drop(&mut self) {
        let _ = std::process::Command::new(script()).arg("down").arg(&self.name).output();
    }
}

fn script() -> String {
    std::env::var("CALLBOARD_SERVICES").unwrap_or_else(|_| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
        root.join("scripts/services").to_string_lossy().into_owned()
    })
}

fn checked(command: &str, output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "scripts/services {command} failed: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The value of `export NAME='value'`.
fn value(exports: &str, name: &str) -> String {
    let prefix = format!("export {name}=");
    let line = exports.lines().find_map(|line| line.strip_prefix(&prefix)).expect("an exported URL");
    line.trim_matches('\'').to_owned()
}
