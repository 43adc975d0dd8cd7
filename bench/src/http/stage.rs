//! The API as a process of its own, on a database with something in it.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgPool, postgres::PgConnectOptions};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::sleep,
};
use uuid::Uuid;

use crate::{Error, load::client};

/// Rows in the lists.
const ROWS: i32 = 10_000;

/// Connections to PostgreSQL: the API's default, and the floor's too.
const CONNECTIONS: u32 = 20;

/// Longest wait for a process to serve.
const PATIENCE: u32 = 300;

const EMAIL: &str = "admin@callboard.example";
const PASSWORD: &str = "a passphrase of the benchmark";

/// Processes on one database; stopped when it is dropped.
pub(crate) struct Stage {
    /// Where the API is.
    pub(crate) api: String,
    /// Where the same API is that writes no line a request.
    pub(crate) silent: String,
    /// Where the floor is.
    pub(crate) floor: String,
    /// An admin's.
    pub(crate) token: String,
    /// An account's id.
    pub(crate) account: Uuid,
    pub(crate) pool: PgPool,
    admin: PgConnectOptions,
    name: String,
    children: Vec<Child>,
}

struct Setting<'a> {
    bin: &'a Path,
    scratch: &'a Path,
    database_url: String,
    redis_url: &'a str,
    prefix: &'a str,
}

impl Stage {
    /// Makes a database, fills it, and starts the API and the floor on it.
    pub(crate) async fn set(bin: &Path, scratch: &Path, database_url: &str, redis_url: &str) -> Result<Self, Error> {
        let admin: PgConnectOptions = database_url.parse()?;
        let name = format!("callboard_bench_{}", Uuid::now_v7().simple());
        let mut connection = admin.connect().await?;
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await?;
        connection.close().await?;
        let options = admin.clone().database(&name).disable_statement_logging();
        let pool = PgPool::connect_with(options.clone()).await?;
        sqlx::migrate!("../migrations").run(&pool).await?;

        let database_url = options.to_url_lossy().to_string();
        let setting = Setting { bin, scratch, database_url, redis_url, prefix: &name };
        let (api_child, api) = setting.start_api("info", "api").await?;
        let token = log_in(&api).await?;
        let owner: Uuid = sqlx::query_scalar("SELECT id FROM users").fetch_one(&pool).await?;
        let account = fill(&pool, owner).await?;
        let (silent_child, silent) = setting.start_api("off", "silent").await?;
        let (floor_child, floor) = setting.start_floor(owner).await?;
        let children = vec![api_child, silent_child, floor_child];
        Ok(Self { api, silent, floor, token, account, pool, admin, name, children })
    }

    /// Lets PostgreSQL settle between rounds, so that one doesn't pay for the other.
    pub(crate) async fn settle(&self) -> Result<(), Error> {
        for statement in ["VACUUM ANALYZE", "CHECKPOINT"] {
            sqlx::raw_sql(statement).execute(&self.pool).await?;
        }
        Ok(())
    }

    /// Stops the processes and drops the database.
    pub(crate) async fn strike(self) -> Result<(), Error> {
        drop(self.children);
        self.pool.close().await;
        let mut connection = self.admin.connect().await?;
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }
}

impl Setting<'_> {
    /// Its log goes to a file, as a production's does; only `PORT`, the level of
    /// the log and the rate limits, which would end the run, are not the defaults.
    async fn start_api(&self, log_level: &str, name: &str) -> Result<(Child, String), Error> {
        let ready: PathBuf = self.scratch.join(format!("{name}.ready"));
        let log = std::fs::File::create(self.scratch.join(format!("{name}.log")))?;
        let mut command = Command::new(self.bin.join("callboard-api"));
        command
            .arg("serve")
            .arg("--ready-file")
            .arg(&ready)
            .env("DATABASE_URL", &self.database_url)
            .env("REDIS_URL", self.redis_url)
            .env("QUEUE_PREFIX", self.prefix)
            .env("JWT_SECRET", "a secret of the benchmark, longer than thirty-two bytes")
            .env("ADMIN_EMAIL", EMAIL)
            .env("ADMIN_PASSWORD", PASSWORD)
            .env("PORT", "0")
            .env("METRICS_PORT", "0")
            .env("LOG_LEVEL", log_level)
            .env("LOG_FORMAT", "json");
        for limit in ["RATE_LIMIT_PER_MINUTE", "RATE_LIMIT_ANONYMOUS_PER_MINUTE"] {
            command.env(limit, crate::NO_LIMIT);
        }
        let child = command.stdout(log.try_clone()?).stderr(log).kill_on_drop(true).spawn()?;
        for _ in 0..PATIENCE {
            let addresses = std::fs::read(&ready).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
            if let Some(http) = addresses.as_ref().and_then(|addresses| addresses["http"].as_str()) {
                return Ok((child, format!("http://{http}")));
            }
            sleep(Duration::from_millis(100)).await;
        }
        Err(format!("the API does not serve; see {}", self.scratch.display()).into())
    }

    async fn start_floor(&self, owner: Uuid) -> Result<(Child, String), Error> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--database-url", &self.database_url, "--redis-url", self.redis_url])
            .args(["--connections", &CONNECTIONS.to_string(), "--floor", &owner.to_string()])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().ok_or("the floor has no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).await?;
        Ok((child, format!("http://{}", line.trim())))
    }
}

/// The first admin's token; they are made while the API starts.
async fn log_in(api: &str) -> Result<String, Error> {
    let body = json!({ "login": EMAIL, "password": PASSWORD });
    for _ in 0..PATIENCE {
        let answer = client()?.post(format!("{api}/api/v1/auth/login")).json(&body).send().await?;
        if answer.status().is_success() {
            let tokens: Value = answer.json().await?;
            return Ok(tokens["access_token"].as_str().ok_or("a login without a token")?.to_owned());
        }
        sleep(Duration::from_secs(1)).await;
    }
    Err("the admin can't log in".into())
}

async fn fill(pool: &PgPool, owner: Uuid) -> Result<Uuid, Error> {
    for statement in [
        "INSERT INTO accounts (id, account_name, notes, owner_id)
         SELECT gen_random_uuid(), 'Account ' || n, 'Notes of some length on account ' || n, $2
         FROM generate_series(1, $1) AS n",
        "INSERT INTO items (id, title, description, price, currency, owner_id)
         SELECT gen_random_uuid(), 'Item ' || n, 'What item ' || n || ' is, in a sentence', 1000 + n, 'KRW', $2
         FROM generate_series(1, $1) AS n",
    ] {
        sqlx::query(statement).bind(ROWS).bind(owner).execute(pool).await?;
    }
    Ok(sqlx::query_scalar("SELECT id FROM accounts LIMIT 1").fetch_one(pool).await?)
}
