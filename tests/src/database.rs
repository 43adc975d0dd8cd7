//! A database for each test, cloned from a migrated template.
//!
//! The template is made once for a server and a set of migrations, however many
//! processes start at the same time; its name has the migrations' checksums. A
//! test's database is dropped when the test ends, also when it fails.
#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "what fails here fails the test")]

use std::{str::FromStr, time::Duration};

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use url::Url;
use uuid::Uuid;

/// A migrated database that no other test uses.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    url: String,
    server: PgConnectOptions,
    pool: PgPool,
}

impl TestDatabase {
    /// A new database on the server that `DATABASE_URL` names.
    pub async fn new() -> Self {
        Self::on(&crate::environment("DATABASE_URL")).await
    }

    /// A new database on the server that `server_url` names.
    pub async fn on(server_url: &str) -> Self {
        let server = PgConnectOptions::from_str(server_url).expect("the server's URL");
        let template = template(&server).await;
        let name = format!("callboard_test_{}", Uuid::now_v7().simple());
        let mut connection = server.connect().await.expect("the server of the test databases");
        execute(&mut connection, format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        connection.close().await.expect("a connection that closes");

        let mut url = Url::parse(server_url).expect("the server's URL");
        url.set_path(&name);
        let pool = PgPoolOptions::new()
            .max_connections(10)
            .acquire_timeout(Duration::from_secs(10))
            .connect_lazy_with(server.clone().database(&name));
        Self { name, url: url.into(), server, pool }
    }

    /// Its URL, for another process.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Connections to it.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// How to connect to it otherwise.
    #[must_use]
    pub fn options(&self) -> PgConnectOptions {
        self.server.clone().database(&self.name)
    }

    /// How to connect to the server without being in this database.
    #[must_use]
    pub fn server(&self) -> &PgConnectOptions {
        &self.server
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let server = self.server.clone();
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let dropped = blocking(async move {
            let mut connection = server.connect().await?;
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
            connection.close().await
        });
        // A test that fails may have left its server down.
        if !std::thread::panicking() {
            dropped.expect("a test database that can be dropped");
        }
    }
}

/// Runs `work` to its end on a thread of its own, as `Drop` can't wait for a future.
pub(crate) fn blocking<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(work)
    });
    thread.join().expect("work that does not panic")
}

/// The name of the template, which is made unless it is there.
async fn template(server: &PgConnectOptions) -> String {
    let name = template_name();
    let mut connection = server.connect().await.expect("the server of the test databases");
    if !exists(&mut connection, &name).await {
        // The lock ends with the connection, whatever happens to this process.
        sqlx::query("SELECT pg_advisory_lock(hashtextextended($1, 0))")
            .bind(&name)
            .execute(&mut connection)
            .await
            .expect("a lock");
        if !exists(&mut connection, &name).await {
            make_template(server, &mut connection, &name).await;
        }
    }
    connection.close().await.expect("a connection that closes");
    name
}

/// Migrates a draft and renames it, so that a template that is there is whole.
async fn make_template(server: &PgConnectOptions, connection: &mut PgConnection, name: &str) {
    let draft = format!("{name}_draft");
    execute(connection, format!("DROP DATABASE IF EXISTS {draft} WITH (FORCE)")).await;
    execute(connection, format!("CREATE DATABASE {draft}")).await;
    let pool = PgPoolOptions::new()
        .max_connections(2)
        .connect_with(server.clone().database(&draft))
        .await
        .expect("a database to migrate");
    callboard_shared::migrate::up(&pool).await.expect("migrations that apply");
    pool.close().await;
    // Nobody may be connected to a database that is being cloned.
    execute(connection, format!("ALTER DATABASE {draft} ALLOW_CONNECTIONS false")).await;
    execute(connection, format!("ALTER DATABASE {draft} RENAME TO {name}")).await;
}

fn template_name() -> String {
    let migrator = callboard_shared::migrate::migrator();
    let bytes = migrator.iter().flat_map(|migration| migration.checksum.iter());
    // FNV-1a: any stable hash will do.
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    format!("callboard_template_{hash:016x}")
}

async fn exists(connection: &mut PgConnection, name: &str) -> bool {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(name)
        .fetch_one(connection)
        .await
        .expect("the server's databases")
}

/// Names of databases can't be bound; these are made here.
async fn execute(connection: &mut PgConnection, statement: String) {
    let done = sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(connection).await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}"));
}
