//! Lists: filters, text search, order and pages, the same for every resource.
//!
//! A resource declares a [`Listing`]: its columns and what may be done with
//! each. What a client asks for comes in as a [`ListRequest`], whose values
//! were parsed by the column's [`Kind`]; here it becomes one statement, with
//! every value bound and every name from the declaration.
//!
//! Pages go by *keyset*: a cursor holds the values by which the last row was
//! ordered, and the next page begins behind them, so that rows which come or go
//! meanwhile neither repeat nor hide others. By `skip` a page is counted off,
//! which is slower the farther it is and shifts with what comes and goes.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use super::DbError;
use crate::domain::decimal;

/// A resource that can be listed: its declaration belongs to its `db` file.
pub trait Listed: for<'r> FromRow<'r, PgRow> + Serialize + Send + Unpin {
    /// What may be asked for.
    const LISTING: Listing;
}

/// What may be asked of a resource's list.
#[derive(Debug)]
pub struct Listing {
    /// `SELECT <columns> FROM <table>`, without conditions.
    pub select: &'static str,
    /// The table, for counting.
    pub table: &'static str,
    /// What can be filtered or sorted by.
    pub columns: &'static [Column],
    /// The columns that `q` looks into; none for no text search.
    pub search: &'static [&'static str],
    /// The column that says whose a row is.
    pub owner: Option<&'static str>,
    /// The order when none is asked for; its names are in `columns`.
    pub default_sort: &'static [(&'static str, Direction)],
}

/// A column that can be filtered or sorted by. Its name is the same in the
/// table, in JSON and in the query.
#[derive(Debug)]
pub struct Column {
    /// The name.
    pub name: &'static str,
    /// How its values are written.
    pub kind: Kind,
    /// Whether `name=…` is taken.
    pub equals: bool,
    /// Whether `name_gte=…`, `name_gt`, `name_lte` and `name_lt` are taken.
    pub ranges: bool,
    /// Whether `sort=name` is taken; only for columns that are never null.
    pub sorts: bool,
}

impl Column {
    /// A column by which nothing may be done yet.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, equals: false, ranges: false, sorts: false }
    }

    /// With an equality filter.
    #[must_use]
    pub const fn equals(self) -> Self {
        Self { equals: true, ..self }
    }

    /// With range filters.
    #[must_use]
    pub const fn ranges(self) -> Self {
        Self { ranges: true, ..self }
    }

    /// With sorting by it.
    #[must_use]
    pub const fn sorts(self) -> Self {
        Self { sorts: true, ..self }
    }
}

/// How a column's values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An id.
    Uuid,
    /// Text, compared as it is.
    Text,
    /// Text, compared without regard to case.
    CaseInsensitive,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A time of RFC 3339.
    Timestamp,
    /// A decimal number.
    Decimal,
    /// `true` or `false`.
    Boolean,
}

/// A value of a column's kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Of [`Kind::Uuid`].
    Uuid(Uuid),
    /// Of [`Kind::Text`] and [`Kind::OneOf`].
    Text(String),
    /// Of [`Kind::CaseInsensitive`].
    CaseInsensitive(String),
    /// Of [`Kind::Timestamp`].
    Timestamp(DateTime<Utc>),
    /// Of [`Kind::Decimal`].
    Decimal(Decimal),
    /// Of [`Kind::Boolean`].
    Boolean(bool),
}

impl Kind {
    /// Parses a value; `None` for what is none of this kind.
    #[must_use]
    pub fn parse(self, raw: &str) -> Option<Value> {
        let is_text = !raw.contains('\0');
        match self {
            Self::Uuid => raw.parse().ok().map(Value::Uuid),
            Self::Text => is_text.then(|| Value::Text(raw.to_owned())),
            Self::CaseInsensitive => is_text.then(|| Value::CaseInsensitive(raw.to_owned())),
            Self::OneOf(words) => words.contains(&raw).then(|| Value::Text(raw.to_owned())),
            Self::Timestamp => DateTime::parse_from_rfc3339(raw).ok().map(|at| Value::Timestamp(at.to_utc())),
            Self::Decimal => decimal(raw).map(Value::Decimal),
            Self::Boolean => raw.parse().ok().map(Value::Boolean),
        }
    }
}

/// How a filter compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `name=…`
    Equal,
    /// `name_gt=…`
    Greater,
    /// `name_gte=…`
    GreaterOrEqual,
    /// `name_lt=…`
    Less,
    /// `name_lte=…`
    LessOrEqual,
}

impl Comparison {
    const fn sql(self) -> &'static str {
        match self {
            Self::Equal => " = ",
            Self::Greater => " > ",
            Self::GreaterOrEqual => " >= ",
            Self::Less => " < ",
            Self::LessOrEqual => " <= ",
        }
    }
}

/// One filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The column, of the declaration.
    pub column: &'static str,
    /// How it compares.
    pub comparison: Comparison,
    /// With what.
    pub value: Value,
}

/// Which way a column is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Largest first; `-name` in a query.
    Descending,
}

impl Direction {
    const fn reversed(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }
}

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Window {
    /// The first rows.
    First,
    /// Those behind so many.
    Skip(i64),
    /// Behind the row that was ordered by these values, one for each of
    /// [`ListRequest::sort`].
    After(Vec<Value>),
    /// Before that row.
    Before(Vec<Value>),
}

/// What a client asks for, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRequest {
    /// All must hold.
    pub filters: Vec<Filter>,
    /// Text to look for.
    pub search: Option<String>,
    /// The order; ends with the id, which makes it total.
    pub sort: Vec<(&'static str, Direction)>,
    /// Which page.
    pub window: Window,
    /// Rows a page, from 1 to 100.
    pub limit: i64,
    /// Whether to count all that match.
    pub count: bool,
}

/// The rows of a page, and what lies around it.
#[derive(Debug, Clone)]
pub struct Rows<T> {
    /// In the order that was asked for.
    pub items: Vec<T>,
    /// Whether more rows follow.
    pub has_next: bool,
    /// Whether rows precede.
    pub has_prev: bool,
    /// How many match in all, when it was asked for.
    pub total: Option<i64>,
}

/// Reads one page; with `owner`, of this user's rows alone.
///
/// # Errors
/// Only the database's own.
pub async fn fetch<T: Listed>(
    conn: &mut PgConnection,
    request: &ListRequest,
    owner: Option<Uuid>,
) -> Result<Rows<T>, DbError> {
    let listing = T::LISTING;
    let mut query = QueryBuilder::new(listing.select);
    push_conditions(&mut query, &listing, request, owner);
    push_window(&mut query, request);
    let mut items: Vec<T> = query.build_query_as().fetch_all(&mut *conn).await?;
    let wanted = usize::try_from(request.limit).unwrap_or(usize::MAX);
    let has_more = items.len() > wanted;
    items.truncate(wanted);
    let (has_next, has_prev) = match request.window {
        Window::First => (has_more, false),
        Window::Skip(skipped) => (has_more, skipped > 0),
        Window::After(_) => (has_more, true),
        Window::Before(_) => {
            items.reverse();
            (true, has_more)
        }
    };
    let total = if request.count { Some(count(conn, &listing, request, owner).await?) } else { None };
    Ok(Rows { items, has_next, has_prev, total })
}

async fn count(
    conn: &mut PgConnection,
    listing: &Listing,
    request: &ListRequest,
    owner: Option<Uuid>,
) -> Result<i64, DbError> {
    let mut query = QueryBuilder::new("SELECT count(*) FROM ");
    query.push(listing.table);
    push_conditions(&mut query, listing, request, owner);
    Ok(query.build_query_scalar().fetch_one(conn).await?)
}

fn push_conditions(query: &mut QueryBuilder<Postgres>, listing: &Listing, request: &ListRequest, owner: Option<Uuid>) {
    query.push(" WHERE true");
    if let (Some(column), Some(owner)) = (listing.owner, owner) {
        query.push(" AND ").push(column).push(" = ").push_bind(owner);
    }
    for Filter { column, comparison, value } in &request.filters {
        query.push(" AND ").push(*column).push(comparison.sql());
        push_value(query, value);
    }
    if let Some(words) = &request.search {
        let pattern = format!("%{}%", words.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_"));
        query.push(" AND (false");
        for column in listing.search {
            query.push(" OR ").push(*column).push(" ILIKE ").push_bind(pattern.clone());
        }
        query.push(")");
    }
}

fn push_window(query: &mut QueryBuilder<Postgres>, request: &ListRequest) {
    let is_backwards = matches!(request.window, Window::Before(_));
    let turn = |direction: Direction| if is_backwards { direction.reversed() } else { direction };
    let sort: Vec<_> = request.sort.iter().map(|(column, direction)| (*column, turn(*direction))).collect();
    if let Window::After(values) | Window::Before(values) = &request.window {
        push_keyset(query, &sort, values);
    }
    query.push(" ORDER BY ");
    for (index, (column, direction)) in sort.iter().enumerate() {
        query.push(if index > 0 { ", " } else { "" }).push(*column);
        query.push(if *direction == Direction::Descending { " DESC" } else { "" });
    }
    // One more than wanted tells whether there is more.
    query.push(" LIMIT ").push_bind(request.limit + 1);
    if let Window::Skip(skipped @ 1..) = request.window {
        query.push(" OFFSET ").push_bind(skipped);
    }
}

/// What lies behind a row in the order `sort`. With one direction for all it is
/// a comparison of rows, which an index on these columns serves; with several,
/// the same spelled out.
fn push_keyset(query: &mut QueryBuilder<Postgres>, sort: &[(&'static str, Direction)], values: &[Value]) {
    let first = sort.first().map(|(_, direction)| *direction);
    if sort.iter().all(|(_, direction)| Some(*direction) == first) {
        query.push(" AND (");
        for (index, (column, _)) in sort.iter().enumerate() {
            query.push(if index > 0 { ", " } else { "" }).push(*column);
        }
        query.push(if first == Some(Direction::Ascending) { ") > (" } else { ") < (" });
        for (index, value) in values.iter().enumerate() {
            query.push(if index > 0 { ", " } else { "" });
            push_value(query, value);
        }
        query.push(")");
        return;
    }
    query.push(" AND (false");
    for (index, ((column, direction), value)) in sort.iter().zip(values).enumerate() {
        query.push(" OR (");
        for ((column, _), value) in sort.iter().zip(values).take(index) {
            query.push(*column).push(" = ");
            push_value(query, value);
            query.push(" AND ");
        }
        query.push(*column).push(if *direction == Direction::Ascending { " > " } else { " < " });
        push_value(query, value);
        query.push(")");
    }
    query.push(")");
}

fn push_value(query: &mut QueryBuilder<Postgres>, value: &Value) {
    match value {
        Value::Uuid(value) => query.push_bind(*value),
        Value::Text(value) => query.push_bind(value.clone()),
        Value::CaseInsensitive(value) => query.push_bind(value.clone()).push("::text::citext"),
        Value::Timestamp(value) => query.push_bind(*value),
        Value::Decimal(value) => query.push_bind(*value),
        Value::Boolean(value) => query.push_bind(*value),
    };
}
