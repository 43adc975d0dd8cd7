//! The floor: bare axum and sqlx, which do the same statement and nothing else.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgPool, postgres::PgPoolOptions};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::Error;

#[derive(Serialize, FromRow)]
#[expect(clippy::struct_field_names, reason = "the columns are named so")]
struct Account {
    id: Uuid,
    account_name: String,
    profile_id: Option<Uuid>,
    account_type: String,
    website: Option<String>,
    notes: Option<String>,
    owner_id: Uuid,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(Serialize, FromRow)]
struct Item {
    id: Uuid,
    title: String,
    description: Option<String>,
    price: String,
    currency: String,
    owner_id: Uuid,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(Serialize)]
struct List {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct NewUser {
    email: String,
}

#[derive(Deserialize)]
struct NewItem {
    title: String,
}

const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = '30s'; SET LOCAL lock_timeout = '10s'";
const ROUTE: &str = "POST /api/v1/items";
const INSERT_ITEM: &str = "INSERT INTO items (id, title, price, currency, owner_id) VALUES ($1, $2, 250000, 'KRW', $3)
    RETURNING id, title, description, price::text, currency, owner_id, version, created_at, updated_at";

struct Floor {
    pool: PgPool,
    owner: Uuid,
}

type Shared = State<Arc<Floor>>;

/// Serves the floor on a free port, with as many connections to PostgreSQL as
/// the API has; its address is printed on the first line.
pub(crate) async fn serve(database_url: &str, connections: u32, owner: Uuid) -> Result<(), Error> {
    let pool = PgPoolOptions::new().max_connections(connections).connect(database_url).await?;
    let router = Router::new()
        .route("/", get(async || "{}"))
        .route("/accounts/{id}", get(account))
        .route("/items", get(items).post(create_item))
        .route("/whole-items", post(create_whole_item))
        .route("/users", post(create_user))
        .with_state(Arc::new(Floor { pool, owner }));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    // The parent reads it.
    #[expect(clippy::print_stdout, reason = "the parent process reads the address here")]
    {
        println!("{}", listener.local_addr()?);
    }
    Ok(axum::serve(listener, router).await?)
}

async fn account(State(floor): Shared, Path(id): Path<Uuid>) -> Result<Json<Account>, Failed> {
    let account = sqlx::query_as(
        "SELECT id, account_name, profile_id, account_type, website, notes, owner_id, version, created_at, updated_at
         FROM accounts WHERE id = $1",
    );
    Ok(Json(account.bind(id).fetch_one(&floor.pool).await?))
}

async fn items(State(floor): Shared) -> Result<Json<List>, Failed> {
    let items = sqlx::query_as(
        "SELECT id, title, description, price::text, currency, owner_id, version, created_at, updated_at
         FROM items ORDER BY created_at DESC, id DESC LIMIT 51",
    );
    Ok(Json(List { items: items.fetch_all(&floor.pool).await? }))
}

async fn create_item(State(floor): Shared, Json(new): Json<NewItem>) -> Result<(StatusCode, Json<Item>), Failed> {
    let item = sqlx::query_as(INSERT_ITEM);
    let item = item.bind(Uuid::now_v7()).bind(new.title).bind(floor.owner).fetch_one(&floor.pool).await?;
    Ok((StatusCode::CREATED, Json(item)))
}

/// All statements of the API's create, one after the other, and nothing else:
/// what its transaction costs whoever sends it.
async fn create_whole_item(
    State(floor): Shared,
    headers: HeaderMap,
    Json(new): Json<NewItem>,
) -> Result<(StatusCode, Json<Item>), Failed> {
    let principal = format!("user:{}", floor.owner);
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
    let mut tx = floor.pool.begin_with(BEGIN).await?;
    sqlx::query("SELECT claim_idempotency_key($1, $2, $3)")
        .bind(&principal)
        .bind(ROUTE)
        .bind(key)
        .execute(&mut *tx)
        .await?;
    let item: Item =
        sqlx::query_as(INSERT_ITEM).bind(Uuid::now_v7()).bind(new.title).bind(floor.owner).fetch_one(&mut *tx).await?;
    sqlx::query(
        "WITH act AS (
             INSERT INTO audit_log (id, actor, ip, request_id, action, resource, resource_id, details)
             VALUES ($1, $2, '127.0.0.1', $3, 'item.created', 'item', $4, '{}'))
         INSERT INTO idempotency_keys (principal, route, key, fingerprint, status, location, etag, body, expires_at)
         VALUES ($2, $5, $6, sha256($7), 201, $3, '\"v1\"', $7, clock_timestamp() + interval '24 hours')",
    )
    .bind(Uuid::now_v7())
    .bind(&principal)
    .bind(item.id.to_string())
    .bind(item.id)
    .bind(ROUTE)
    .bind(key)
    .bind(serde_json::to_vec(&item)?)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(item)))
}

async fn create_user(State(floor): Shared, Json(new): Json<NewUser>) -> Result<(StatusCode, Json<Uuid>), Failed> {
    let username = new.email.split('@').next().unwrap_or_default();
    let id = sqlx::query_scalar(
        "INSERT INTO users (id, email, username) VALUES ($1, $2::text::citext, $3::text::citext) RETURNING id",
    );
    let id = id.bind(Uuid::now_v7()).bind(&new.email).bind(username).fetch_one(&floor.pool).await?;
    Ok((StatusCode::CREATED, Json(id)))
}

/// A statement failed.
struct Failed(Error);

impl<E: Into<Error>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.0.to_string()).into_response()
    }
}
