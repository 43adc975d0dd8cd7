//! Answers that many routes give: one row with its `ETag`, a page of rows.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use callboard_shared::{
    db::listing::{self, ListRequest, Listed, Rows, Window},
    models::Entity,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    error::Problem,
    extract::{Cursor, List, Preconditions, etag},
    state::AppState,
};

/// A client may keep it, and asks whether it still holds before using it again.
const REVALIDATED: HeaderValue = HeaderValue::from_static("private, no-cache");

/// One row: 200 with its `ETag`.
#[derive(Debug)]
pub struct Versioned<T>(pub T);

impl<T: Entity> Versioned<T> {
    /// The row, or 304 when the client has this version already.
    #[must_use]
    pub fn unless_known(self, preconditions: &Preconditions) -> Response {
        if !preconditions.has(self.0.version()) {
            return self.into_response();
        }
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        mark(&mut response, self.0.version());
        response
    }
}

impl<T: Entity> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        let version = self.0.version();
        let mut response = Json(self.0).into_response();
        mark(&mut response, version);
        response
    }
}

fn mark(response: &mut Response, version: i64) {
    let headers = response.headers_mut();
    // A number between quotes is a header's value.
    if let Ok(etag) = HeaderValue::try_from(etag(version)) {
        headers.insert(header::ETAG, etag);
    }
    headers.insert(header::CACHE_CONTROL, REVALIDATED);
    // What one caller may keep is not the answer to another.
    headers.append(header::VARY, HeaderValue::from_static("authorization"));
}

/// A list that is short enough to be shown as a whole.
#[derive(Debug, Serialize, ToSchema)]
pub struct Whole<T> {
    /// All there are.
    pub items: Vec<T>,
}

impl<T> Whole<T> {
    /// The list of these.
    pub fn of<U: Into<T>>(items: Vec<U>) -> Self {
        Self { items: items.into_iter().map(Into::into).collect() }
    }
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The rows, with all their fields or those that were asked for.
    pub items: Vec<T>,
    /// Rows a page.
    #[schema(example = 50)]
    pub limit: i64,
    /// Rows that were left out, when the page was asked for by `skip`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub skip: Option<i64>,
    /// Brings the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_cursor: Option<String>,
    /// Brings the page before; absent on the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub prev_cursor: Option<String>,
    /// Whether more rows follow.
    pub has_next: bool,
    /// Whether rows precede.
    pub has_prev: bool,
    /// How many match in all: with `skip`, or with `count=exact`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub total: Option<i64>,
}

impl Page<Value> {
    /// Reads the page that `list` asked for; with `owner`, of this user's rows alone.
    ///
    /// # Errors
    /// 503 while PostgreSQL is out of reach.
    pub async fn fetch<T: Listed>(state: &AppState, list: &List<T>, owner: Option<Uuid>) -> Result<Self, Problem> {
        let mut tx = state.queue.begin_with(state.begin.clone()).await?;
        let rows = listing::fetch(&mut tx, &list.request, owner).await?;
        tx.commit().await?;
        Self::new(rows, list)
    }

    /// The page that `list` asked for.
    ///
    /// # Errors
    /// When a row does not become JSON, which a defect alone can cause.
    pub fn new<T: Serialize>(rows: Rows<T>, list: &List<T>) -> Result<Self, Problem> {
        let to_json = |row| serde_json::to_value(row).map_err(Problem::internal);
        let mut items = rows.items.into_iter().map(to_json).collect::<Result<Vec<_>, _>>()?;
        let ListRequest { sort, limit, window, .. } = &list.request;
        let cursor = |row: Option<&Value>, is_backwards| {
            row.and_then(|row| Cursor::of(row, sort, is_backwards)).map(|cursor| cursor.encode())
        };
        let next_cursor = cursor(items.last().filter(|_| rows.has_next), false);
        let prev_cursor = cursor(items.first().filter(|_| rows.has_prev), true);
        if let Some(fields) = &list.fields {
            for item in items.iter_mut().filter_map(Value::as_object_mut) {
                item.retain(|name, _| fields.contains(name));
            }
        }
        let skip = if let Window::Skip(skip) = window { Some(*skip) } else { None };
        Ok(Self {
            items,
            limit: *limit,
            skip,
            next_cursor,
            prev_cursor,
            has_next: rows.has_next,
            has_prev: rows.has_prev,
            total: rows.total,
        })
    }
}
